//! Stored artifacts.

use super::Fut;
use crate::model::resources::{Named, ResourceRow, UnnamedBlob};
use sortie_core::ids::{Ms, RunId};

/// Stored artifacts. The bytes themselves are kept elsewhere, by their digest.
pub trait Resources: Send + Sync {
    /// Say that bytes are about to be kept, or named anew: they are not unnamed for a grace from now on.
    fn touch_blob(&self, sha256: &str, size: u64, at: Ms) -> Fut<'_, ()>;
    /// Give bytes a name that were touched before. `total` bounds the bytes of the run, names of the same bytes counted each.
    /// [`crate::StoreError::NotFound`] for an unknown run or untouched bytes.
    fn name_resource(&self, row: ResourceRow, total: u64) -> Fut<'_, Named>;
    /// Forget one name; the bytes go with a collection. False where there is none.
    fn unname_resource(&self, run: &RunId, subject: &str, name: &str) -> Fut<'_, bool>;
    /// What a name stands for.
    fn resource(&self, run: &RunId, subject: &str, name: &str) -> Fut<'_, Option<ResourceRow>>;
    /// Everything of one attempt or call, by name.
    fn resources_of(&self, run: &RunId, subject: &str) -> Fut<'_, Vec<ResourceRow>>;
    /// Everything of a run by subject and name, after this one, at most `limit`.
    fn resources(&self, run: &RunId, after: (String, String), limit: usize) -> Fut<'_, Vec<ResourceRow>>;
    /// Forget names whose time is over, at most `limit`; says how many.
    fn expire_resources(&self, now: Ms, limit: usize) -> Fut<'_, usize>;
    /// Bytes without a name that were last touched before `before`, by digest after this one, at most `limit`.
    fn unnamed_blobs(&self, after: &str, before: Ms, limit: usize) -> Fut<'_, Vec<UnnamedBlob>>;
    /// Whether bytes are known.
    fn blob(&self, sha256: &str) -> Fut<'_, Option<u64>>;
    /// Forget bytes that are gone; false where something names them.
    fn forget_blob(&self, sha256: &str) -> Fut<'_, bool>;
}
