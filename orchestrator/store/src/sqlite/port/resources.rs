//! Stored artifacts.

use crate::limits;
use crate::model::resources::{Named, ResourceRow, UnnamedBlob};
use crate::port::{Fut, Resources};
use crate::sqlite::SqliteStore;
use crate::sqlite::resources::{blob, resource};
use crate::sqlite::run;
use sortie_core::ids::{Ms, RunId};

impl Resources for SqliteStore {
    fn touch_blob(&self, sha256: &str, size: u64, at: Ms) -> Fut<'_, ()> {
        let sha256 = sha256.to_owned();
        self.write(move |db| Ok(blob::touch(db, &sha256, size, at)?))
    }

    fn name_resource(&self, row: ResourceRow, total: u64) -> Fut<'_, Named> {
        self.write(move |db| resource::name(db, &row, total))
    }

    fn unname_resource(&self, run: &RunId, subject: &str, name: &str) -> Fut<'_, bool> {
        let (run, subject, name) = (run.clone(), subject.to_owned(), name.to_owned());
        self.write(move |db| match run::number(db, &run)? {
            Some(run_no) => Ok(resource::unname(db, run_no, &subject, &name)?),
            None => Ok(false),
        })
    }

    fn resource(&self, run: &RunId, subject: &str, name: &str) -> Fut<'_, Option<ResourceRow>> {
        let (run, subject, name) = (run.clone(), subject.to_owned(), name.to_owned());
        self.look(move |db| match run::number(db, &run)? {
            Some(run_no) => Ok(resource::get(db, run_no, &run, &subject, &name)?),
            None => Ok(None),
        })
    }

    fn resources_of(&self, run: &RunId, subject: &str) -> Fut<'_, Vec<ResourceRow>> {
        let (id, subject) = (run.clone(), subject.to_owned());
        self.read_of(run, move |db, run_no| Ok(resource::of_subject(db, run_no, &id, &subject)?))
    }

    fn resources(&self, run: &RunId, after: (String, String), limit: usize) -> Fut<'_, Vec<ResourceRow>> {
        let id = run.clone();
        let limit = limit.min(limits::RESOURCES_PAGE);
        self.read_of(run, move |db, run_no| Ok(resource::page(db, run_no, &id, &after, limit)?))
    }

    fn expire_resources(&self, now: Ms, limit: usize) -> Fut<'_, usize> {
        self.write(move |db| Ok(resource::expire(db, now, limit)?))
    }

    fn unnamed_blobs(&self, after: &str, before: Ms, limit: usize) -> Fut<'_, Vec<UnnamedBlob>> {
        let after = after.to_owned();
        self.read(move |db| Ok(blob::unnamed(db, &after, before, limit.min(limits::RESOURCES_PAGE))?))
    }

    fn blob(&self, sha256: &str) -> Fut<'_, Option<u64>> {
        let sha256 = sha256.to_owned();
        self.look(move |db| Ok(blob::get(db, &sha256)?))
    }

    fn forget_blob(&self, sha256: &str) -> Fut<'_, bool> {
        let sha256 = sha256.to_owned();
        self.write(move |db| Ok(blob::forget(db, &sha256)?))
    }
}
