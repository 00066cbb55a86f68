//! Stored artifacts.

use super::world::World;
use crate::model::resources::{Named, ResourceRow};
use crate::{Store, StoreError};
use sortie_core::ids::RunId;
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(
        fresh,
        a_name_stands_for_its_first_bytes,
        f106_names_are_data_and_differ_by_case,
        a_run_keeps_so_much_and_no_more,
        bytes_without_a_name_are_found_and_forgotten,
    );
}

const TOTAL: u64 = 100;

fn row(run: &RunId, name: &str, sha256: &str, size: u64) -> ResourceRow {
    ResourceRow {
        run: run.clone(),
        subject: "call-1".to_owned(),
        name: name.to_owned(),
        call: 1,
        media_type: "text/plain".to_owned(),
        size,
        sha256: sha256.to_owned(),
        created_at: 5,
        expires_at: None,
    }
}

async fn name(world: &World, row: &ResourceRow) -> Named {
    world.store.touch_blob(&row.sha256, row.size, 1).await.unwrap();
    world.store.name_resource(row.clone(), TOTAL).await.unwrap()
}

pub(super) async fn a_name_stands_for_its_first_bytes(world: &World) {
    let run = world.run("keeper").await;
    let first = row(&run, "report", "aa", 3);
    assert!(matches!(world.store.name_resource(first.clone(), TOTAL).await, Err(StoreError::NotFound(_))), "bytes come first");
    assert_eq!(name(world, &first).await, Named::New);
    assert_eq!(name(world, &first).await, Named::Same);
    assert_eq!(name(world, &row(&run, "report", "bb", 3)).await, Named::Taken(first.clone()));
    assert_eq!(world.store.resource(&run, "call-1", "report").await.unwrap(), Some(first));
    assert_eq!(world.store.resource(&run, "call-2", "report").await.unwrap(), None);
    assert!(world.store.unname_resource(&run, "call-1", "report").await.unwrap());
    assert!(!world.store.unname_resource(&run, "call-1", "report").await.unwrap());
    let second = row(&run, "report", "bb", 3);
    assert_eq!(name(world, &second).await, Named::New, "the name is free again");
    assert_eq!(world.store.resource(&run, "call-1", "report").await.unwrap(), Some(second));
}

pub(super) async fn f106_names_are_data_and_differ_by_case(world: &World) {
    let run = world.run("keeper").await;
    let names = ["../../etc/passwd", "/abs", "A", "a", "b'; --", "zażółć", "%2e%2e"];
    for (n, text) in names.iter().enumerate() {
        assert_eq!(name(world, &row(&run, text, &format!("{n}{n}"), 1)).await, Named::New, "{text}");
    }
    let mut wanted = names.map(str::to_owned);
    wanted.sort();
    let found = |rows: Vec<ResourceRow>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(found(world.store.resources_of(&run, "call-1").await.unwrap()), wanted);
    let page = world.store.resources(&run, (String::new(), String::new()), 3).await.unwrap();
    let last = page.last().map(|row| (row.subject.clone(), row.name.clone())).unwrap();
    assert_eq!(found(page), wanted[..3]);
    assert_eq!(found(world.store.resources(&run, last, 100).await.unwrap()), wanted[3..]);
}

pub(super) async fn a_run_keeps_so_much_and_no_more(world: &World) {
    let run = world.run("keeper").await;
    assert_eq!(name(world, &row(&run, "a", "aa", 60)).await, Named::New);
    assert_eq!(name(world, &row(&run, "b", "bb", 41)).await, Named::OverTotal { kept: 60 });
    assert_eq!(name(world, &row(&run, "b", "bb", 40)).await, Named::New);
}

pub(super) async fn bytes_without_a_name_are_found_and_forgotten(world: &World) {
    let run = world.run("keeper").await;
    assert_eq!(name(world, &ResourceRow { expires_at: Some(50), ..row(&run, "short", "aa", 1) }).await, Named::New);
    assert_eq!(name(world, &row(&run, "long", "bb", 1)).await, Named::New);
    for digest in ["cc", "dd"] {
        world.store.touch_blob(digest, 7, 10).await.unwrap();
    }
    let unnamed = async |before| -> Vec<String> {
        world.store.unnamed_blobs("", before, 100).await.unwrap().into_iter().map(|blob| blob.sha256).collect()
    };
    assert_eq!(unnamed(10).await, Vec::<String>::new(), "within its grace");
    world.store.touch_blob("dd", 7, 20).await.unwrap();
    assert_eq!(unnamed(11).await, ["cc"]);
    assert_eq!(world.store.expire_resources(49, 10).await.unwrap(), 0);
    assert_eq!(world.store.expire_resources(50, 10).await.unwrap(), 1);
    assert_eq!(unnamed(11).await, ["aa", "cc"]);
    assert!(world.store.forget_blob("cc").await.unwrap());
    assert!(!world.store.forget_blob("bb").await.unwrap(), "something names it");
    assert_eq!(world.store.blob("bb").await.unwrap(), Some(1));
    assert_eq!(world.store.blob("cc").await.unwrap(), None);
}
