//! What is kept, found, uploaded and collected, on a real store and a real disk.

use super::limits::GRACE_MS;
use super::upload::{Stand, Upload, UploadError};
use super::{KeepError, NewResource, Reference, Resources, keep_text};
use crate::clock::Clock;
use sortie_core::call::ArtifactSpec;
use sortie_core::canonical::digest;
use sortie_core::ids::{AttemptId, Entropy, RunId};
use sortie_core::input::{Create, Input, InputBody, Scope, TryOutcome};
use sortie_core::plan::RunPlan;
use sortie_protocol::artifact::ArtifactMeta;
use sortie_store::Store;
use sortie_store::model::Delivery;
use sortie_store::sqlite::SqliteStore;
use std::path::PathBuf;
use std::sync::Arc;

struct World {
    folder: tempfile::TempDir,
    resources: Arc<Resources>,
    run: RunId,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(&folder.path().join("sortie.db")).unwrap();
        let clock = Clock::system();
        let resources = Resources::open(&folder.path().join("resources"), store.clone(), clock).unwrap();
        let run = RunId::new(clock.now(), &Entropy([7; 32]), 0);
        let create = Create {
            run: run.clone(),
            flow: "keep".to_owned(),
            release: 1,
            bundle: "00".to_owned(),
            input: serde_json::Value::Null,
            actor: "test".to_owned(),
            plan: RunPlan::default(),
        };
        let input = Input { at: clock.now(), entropy: Entropy([7; 32]), body: InputBody::Create(create) };
        store.deliver(Delivery { scope: Scope::New(run.clone()), input, done: None, body: None }).await.unwrap();
        Self { folder, resources, run }
    }

    fn new_resource<'a>(&'a self, name: &'a str) -> NewResource<'a> {
        NewResource { run: &self.run, subject: "call-1", call: 1, name, media_type: "text/plain", expires_at: None }
    }

    async fn keep(&self, name: &str, text: &str) -> Result<Reference, KeepError> {
        Ok(super::keep::reference(&self.resources.keep_bytes(self.new_resource(name), text.as_bytes().to_vec()).await?))
    }

    async fn read(&self, reference: &Reference) -> Option<String> {
        let row = self.resources.find(reference).await.unwrap()?;
        self.resources.blobs().read(&row.sha256, row.size).await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn upload(&self, name: &str, bytes: &[u8]) -> Upload {
        let attempt = AttemptId::new(1, &Entropy([9; 32]), 0).to_string();
        let meta =
            ArtifactMeta { v: 1, attempt, slot: "0".to_owned(), name: name.to_owned(), size: bytes.len() as u64, sha256: digest(bytes) };
        Upload { run: self.run.clone(), call: 1, meta }
    }

    /// Every file below the folder.
    fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found
    }
}

#[tokio::test]
async fn the_same_bytes_are_kept_once_under_many_names() {
    let world = World::new().await;
    let (a, b) = (world.keep("a", "text").await.unwrap(), world.keep("A", "text").await.unwrap());
    assert_ne!(a, b);
    assert_eq!((world.read(&a).await.unwrap(), world.read(&b).await.unwrap()), ("text".to_owned(), "text".to_owned()));
    assert_eq!(world.files().iter().filter(|path| path.to_string_lossy().contains("blobs")).count(), 1);
    world.keep("a", "text").await.unwrap();
    assert!(matches!(world.keep("a", "other").await, Err(KeepError::Taken(_))));
    assert_eq!(world.read(&a).await.unwrap(), "text", "the first stands");
}

#[tokio::test]
async fn f106_no_name_is_a_path() {
    let world = World::new().await;
    let before = world.files();
    let long = "n".repeat(4_096);
    for bad in ["../../evil", "/etc/evil", "a/../../evil", "a\0b", "", ".", "..", ":other", "x\n", &long] {
        assert!(matches!(world.keep(bad, "evil").await, Err(KeepError::Name(_))), "{bad:?}");
    }
    assert_eq!(world.files(), before);
    for odd in ["a/b", "..a", "con", "a b", "zażółć", "$(id)", "%2e%2e%2f"] {
        let reference = world.keep(odd, odd).await.unwrap();
        assert_eq!(Reference::parse(&reference.to_string()), Some(reference.clone()));
        assert_eq!(world.read(&reference).await.as_deref(), Some(odd));
    }
    assert!(world.files().iter().all(|path| !path.to_string_lossy().contains("con") && !path.to_string_lossy().contains("a b")));
}

#[tokio::test]
async fn an_artifact_step_gives_a_reference_and_repeats_itself() {
    let world = World::new().await;
    let spec = ArtifactSpec { name: "summary".to_owned(), media_type: "text/markdown".to_owned(), content: "# done".to_owned() };
    let TryOutcome::Done(value) = keep_text(&world.resources, &world.run, 4, &spec).await.unwrap() else { panic!("not done") };
    assert_eq!(value["resource"], format!("res://{}/call-4/summary", world.run));
    assert_eq!((&value["ok"], &value["size"], &value["sha256"]), (&true.into(), &6.into(), &digest(b"# done").into()));
    assert_eq!(keep_text(&world.resources, &world.run, 4, &spec).await.unwrap(), TryOutcome::Done(value));
    let bad = ArtifactSpec { name: "../x".to_owned(), ..spec };
    assert!(matches!(keep_text(&world.resources, &world.run, 5, &bad).await.unwrap(), TryOutcome::Failed { .. }));
}

#[tokio::test]
async fn f103_an_upload_is_resumed_checked_and_named_once() {
    let world = World::new().await;
    let upload = world.upload("out/file", b"abcdef");
    let resources = &world.resources;
    assert_eq!(resources.stand(&upload).await.unwrap(), Stand::At(0));
    assert_eq!(resources.take_piece(&upload, 0, b"abc".to_vec()).await.unwrap(), Stand::At(3));
    assert!(matches!(resources.take_piece(&upload, 0, b"abc".to_vec()).await, Err(UploadError::Offset(3))));
    assert_eq!(resources.stand(&upload).await.unwrap(), Stand::At(3));
    assert_eq!(resources.take_piece(&upload, 3, b"def".to_vec()).await.unwrap(), Stand::Done);
    assert_eq!(resources.stand(&upload).await.unwrap(), Stand::Done);
    assert_eq!(resources.take_piece(&upload, 6, Vec::new()).await.unwrap(), Stand::Done, "the receipt was lost");
    let reference = Reference { run: world.run.clone(), subject: upload.meta.attempt.clone(), name: "out/file".to_owned() };
    assert_eq!(world.read(&reference).await.as_deref(), Some("abcdef"));
    assert!(world.files().iter().all(|path| !path.to_string_lossy().contains("parts")));
    let other = world.upload("out/file", b"others");
    assert!(matches!(resources.take_piece(&other, 0, b"others".to_vec()).await, Err(UploadError::Refused(_))));
    let empty = world.upload("empty", b"");
    assert_eq!(resources.take_piece(&empty, 0, Vec::new()).await.unwrap(), Stand::Done);
}

#[tokio::test]
async fn bytes_that_are_not_the_announced_ones_are_thrown_away() {
    let world = World::new().await;
    let upload = world.upload("file", b"abcdef");
    assert!(matches!(world.resources.take_piece(&upload, 0, b"abcdeX".to_vec()).await, Err(UploadError::Refused(_))));
    assert_eq!(world.resources.stand(&upload).await.unwrap(), Stand::At(0));
    assert!(matches!(world.resources.take_piece(&upload, 0, b"abcdefg".to_vec()).await, Err(UploadError::Refused(_))));
}

#[tokio::test]
async fn a_collection_takes_what_nothing_names_and_nothing_else() {
    let world = World::new().await;
    let kept = world.keep("kept", "kept").await.unwrap();
    let store = world.resources.store.clone();
    // Killed after the bytes and before the name; and bytes that no row knows.
    store.touch_blob(&digest(b"lost"), 4, 1).await.unwrap();
    world.resources.blobs().put(&digest(b"lost"), b"lost".to_vec()).await.unwrap();
    world.resources.blobs().put(&digest(b"stray"), b"stray".to_vec()).await.unwrap();
    let staged = world.folder.path().join("resources/blobs/ab");
    std::fs::create_dir_all(&staged).unwrap();
    std::fs::write(staged.join("ab#1"), "half").unwrap();
    let found = world.resources.collect(true, GRACE_MS).await.unwrap();
    assert_eq!((found.blobs, found.strays), (1, 0), "the stray is too young");
    for path in world.files().iter().filter(|path| path.to_string_lossy().contains("blobs")) {
        std::fs::File::options().append(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    let dry = world.resources.collect(false, GRACE_MS).await.unwrap();
    assert_eq!((dry.blobs, dry.strays), (0, 2), "the stray, and half a write");
    assert!(world.resources.blobs().has(&digest(b"stray"), 5).await.unwrap(), "only counted");
    world.resources.collect(true, GRACE_MS).await.unwrap();
    assert!(!world.resources.blobs().has(&digest(b"stray"), 5).await.unwrap());
    assert!(!world.resources.blobs().has(&digest(b"lost"), 4).await.unwrap());
    assert_eq!(world.read(&kept).await.as_deref(), Some("kept"));
    assert_eq!(world.resources.collect(true, GRACE_MS).await.unwrap().strays, 0);
}
