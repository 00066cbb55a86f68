//! Secrets at rest (I16) and over the rotation of roots.

use super::*;
use sortie_store::sqlite::SqliteStore;

struct Place {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    vault: Vault,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let ring = KeyRing::create(&folder.path().join("keys"), 1).unwrap();
    let store: Arc<dyn Store> = SqliteStore::open(&folder.path().join("sortie.db")).unwrap();
    let vault = Vault::new(store.clone(), ring, "inst");
    Place { folder, store, vault }
}

#[tokio::test]
async fn i016_a_secret_is_in_no_file_of_the_installation_in_clear() {
    let Place { folder, store, vault } = place().await;
    let canary = Secret::new("canary-7d1f0c9a-of-a-secret");
    assert_eq!(vault.set("deploy", &canary, "al", 5).await.unwrap(), (1, true));
    assert_eq!(vault.set("deploy", &canary, "bo", 6).await.unwrap(), (1, false), "the same again");
    store.backup(&folder.path().join("backup.db")).await.unwrap();
    assert_eq!(vault.secret("deploy").await.unwrap(), canary);
    store.remove_secret("deploy", "al", 7).await.unwrap();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(canary.expose().len()).any(|window| window == canary.expose()), "{:?}", entry.path());
        files.push(entry.file_name().into_string().unwrap());
    }
    assert!(["sortie.db", "sortie.db-wal", "backup.db"].iter().all(|name| files.iter().any(|file| file == name)), "{files:?}");
}

#[tokio::test]
async fn another_root_opens_what_was_sealed_before_and_seals_it_anew() {
    let Place { folder: _folder, store, vault } = place().await;
    let value = Secret::new("value");
    vault.set("a", &value, "al", 1).await.unwrap();
    vault.set("b", &value, "al", 1).await.unwrap();
    vault.ring.rotate(2).unwrap();
    vault.ring.revoke("1", 3).unwrap();
    assert_eq!(vault.secret("a").await.unwrap(), value);
    assert_eq!(vault.reseal().await.unwrap(), 2);
    assert_eq!(vault.reseal().await.unwrap(), 0);
    let active = vault.ring.root_generation();
    assert!(store.secrets().await.unwrap().iter().all(|row| row.root == active));
    vault.ring.prune(10).unwrap();
    assert_eq!(vault.secret("b").await.unwrap(), value, "nothing needs the old root any more");
}

#[tokio::test]
async fn a_row_that_was_moved_or_put_back_does_not_open() {
    let Place { folder: _folder, store, vault } = place().await;
    vault.set("a", &Secret::new("value of a"), "al", 1).await.unwrap();
    let row = store.secret("a").await.unwrap().unwrap();
    store.put_secret(SecretRow { name: "b".to_owned(), ..row.clone() }).await.unwrap();
    assert!(matches!(vault.secret("b").await, Err(VaultError::Sealed { .. })));
    store.put_secret(SecretRow { version: 2, ..row }).await.unwrap();
    let error = vault.secret("a").await.unwrap_err();
    assert!(matches!(error, VaultError::Sealed { error: SealError::NotOurs, .. }), "{error}");
    assert!(matches!(vault.secret("none").await, Err(VaultError::Missing { what: "secret", .. })));
}
