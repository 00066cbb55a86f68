//! Drafts, releases, bundles.

use super::world::World;
use crate::StoreError;
use crate::model::DraftPush;
use crate::model::triggers::GoLive;

fn push(digest: &str, base: Option<&str>) -> DraftPush {
    DraftPush {
        flow: "fix".to_owned(),
        base: base.map(str::to_owned),
        force: false,
        digest: digest.to_owned(),
        bundle: format!("{{\"flow.star\":\"{digest}\"}}"),
        manifest: format!("{{\"name\":\"fix\",\"of\":\"{digest}\"}}"),
        actor: "operator".to_owned(),
        at: 5,
    }
}

pub(super) async fn a_draft_needs_its_base(world: &World) {
    let store = &world.store;
    assert!(matches!(store.push_draft(push("a", Some("x"))).await, Err(StoreError::Conflict(_))), "there is no x to start from");
    let row = store.push_draft(push("a", None)).await.unwrap();
    assert_eq!((row.draft.as_deref(), row.live, row.draft_at), (Some("a"), None, Some(5)));
    assert_eq!(row.manifest, push("a", None).manifest);
    assert!(matches!(store.push_draft(push("b", None)).await, Err(StoreError::Conflict(_))), "somebody was first");
    store.push_draft(push("a", Some("x"))).await.unwrap();
    store.push_draft(push("b", Some("a"))).await.unwrap();
    assert!(matches!(store.push_draft(push("c", Some("a"))).await, Err(StoreError::Conflict(_))), "an edit of what stands no more");
    store.push_draft(DraftPush { force: true, ..push("c", Some("a")) }).await.unwrap();
    assert_eq!(store.flow("fix").await.unwrap().unwrap().draft.as_deref(), Some("c"));
    assert_eq!(store.bundle("a").await.unwrap(), Some(push("a", None).bundle), "runs pinned to a draft keep their files");
    assert_eq!(store.bundle("z").await.unwrap(), None);
}

pub(super) async fn releases_are_numbered_and_live(world: &World) {
    let store = &world.store;
    assert!(matches!(store.release_draft(GoLive::plain("fix", "operator", 6), "").await, Err(StoreError::NotFound(_))));
    store.push_draft(push("a", None)).await.unwrap();
    let first = store.release_draft(GoLive::plain("fix", "operator", 6), "the first").await.unwrap();
    assert_eq!((first.number, first.digest.as_str(), first.live, first.notes.as_str()), (1, "a", true, "the first"));
    assert_eq!(
        store.release_draft(GoLive::plain("fix", "other", 7), "again").await.unwrap(),
        first,
        "an equal draft gives the release that is there"
    );
    store.push_draft(push("b", Some("a"))).await.unwrap();
    let flow = store.flow("fix").await.unwrap().unwrap();
    assert_eq!((flow.live, flow.live_digest.as_deref(), flow.draft.as_deref()), (Some(1), Some("a"), Some("b")));
    assert_eq!(flow.manifest, push("a", None).manifest, "that of the live release");
    store.release_draft(GoLive::plain("fix", "operator", 8), "").await.unwrap();
    let releases = store.releases("fix").await.unwrap();
    assert_eq!(releases.iter().map(|row| (row.number, row.live)).collect::<Vec<_>>(), [(2, true), (1, false)]);
    assert_eq!(store.flows().await.unwrap().len(), 1);
}
