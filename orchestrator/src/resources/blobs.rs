//! Bytes by their SHA-256, through `object_store`: a folder of this machine today, a bucket by configuration later.
//!
//! A blob is called after its digest and nothing else, in lower-case hex, so nothing that a job or a flow says is ever part of a
//! path. It is written beside, fsynced and renamed; blobs never change.

use super::limits::CHUNK_BYTES;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use sortie_core::ids::Ms;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

/// A stream of bytes.
pub type Bytes = BoxStream<'static, std::io::Result<axum::body::Bytes>>;

/// Where blobs are.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where the store stages what it writes, if that is a folder of this machine.
    staging: Option<PathBuf>,
}

/// What a listing says of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its digest; `None` where the object has no name of ours.
    pub sha256: Option<String>,
    key: Key,
    /// When it was written, Unix milliseconds.
    pub at: Ms,
}

impl Blobs {
    /// Blobs in a folder of this machine, which is there.
    ///
    /// # Errors
    /// Where the folder cannot be used.
    pub fn local(folder: &Path) -> std::io::Result<Self> {
        let store = LocalFileSystem::new_with_prefix(folder).map_err(std::io::Error::other)?.with_fsync(true);
        Ok(Self { store: Arc::new(store), staging: Some(folder.to_owned()) })
    }

    /// Whether the blob is there in its whole length.
    pub async fn has(&self, sha256: &str, size: u64) -> std::io::Result<bool> {
        match self.store.head(&key(sha256)?).await {
            Ok(meta) => Ok(meta.size == size),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    /// Keep bytes. They are durable when this returns.
    pub async fn put(&self, sha256: &str, bytes: Vec<u8>) -> std::io::Result<()> {
        self.store.put(&key(sha256)?, PutPayload::from(bytes)).await.map_err(std::io::Error::other)?;
        Ok(())
    }

    /// Keep a file. Its bytes are durable when this returns; the file stays.
    pub async fn put_file(&self, sha256: &str, path: &Path) -> std::io::Result<()> {
        let upload = self.store.put_multipart(&key(sha256)?).await.map_err(std::io::Error::other)?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, CHUNK_BYTES);
        let copied = async {
            let mut file = tokio::fs::File::open(path).await?;
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let read = file.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(());
                }
                writer.write(&buffer[..read]);
                writer.wait_for_capacity(1).await.map_err(std::io::Error::other)?;
            }
        };
        let copied: std::io::Result<()> = copied.await;
        match copied {
            Ok(()) => writer.finish().await.map(drop).map_err(std::io::Error::other),
            Err(error) => {
                // What was begun is swept by the store itself, or by the next collection.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }

    /// A range of a blob, `None` where it is not there.
    pub async fn stream(&self, sha256: &str, range: Range<u64>) -> std::io::Result<Option<Bytes>> {
        if range.is_empty() {
            return Ok(Some(futures_util::stream::empty().boxed()));
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.store.get_opts(&key(sha256)?, options).await {
            Ok(found) => Ok(Some(found.into_stream().map(|piece| piece.map_err(std::io::Error::other)).boxed())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    /// A whole blob of a known, bounded size; `None` where it is not there.
    pub async fn read(&self, sha256: &str, size: u64) -> std::io::Result<Option<Vec<u8>>> {
        let Some(mut stream) = self.stream(sha256, 0..size).await? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(Some(bytes))
    }

    /// Remove a blob; one that is not there is removed.
    pub async fn remove(&self, sha256: &str) -> std::io::Result<()> {
        self.remove_key(&key(sha256)?).await
    }

    /// Remove what a listing has named.
    pub async fn remove_listed(&self, listed: &Listed) -> std::io::Result<()> {
        self.remove_key(&listed.key).await
    }

    async fn remove_key(&self, key: &Key) -> std::io::Result<()> {
        match self.store.delete(key).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    /// Files that a write has left behind which was cut short by the end of the process, older than this; with `apply` remove
    /// them. Says how many there are.
    ///
    /// # Errors
    /// As the system says.
    pub fn staged(&self, before: SystemTime, apply: bool) -> std::io::Result<u64> {
        let Some(folder) = &self.staging else { return Ok(0) };
        let mut found = 0;
        for shard in std::fs::read_dir(folder)?.flatten().filter(|entry| entry.path().is_dir()) {
            for entry in std::fs::read_dir(shard.path())?.flatten() {
                // `object_store` writes `NAME#1` and renames it; a digest has no such sign.
                let staged = entry.file_name().to_string_lossy().contains('#');
                let old = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|at| at < before);
                if staged && old && (!apply || std::fs::remove_file(entry.path()).is_ok()) {
                    found += 1;
                }
            }
        }
        Ok(found)
    }

    /// Everything that is there.
    pub fn list(&self) -> BoxStream<'static, std::io::Result<Listed>> {
        let listed = |meta: object_store::ObjectMeta| {
            let sha256 = meta.location.filename().filter(|name| is_digest(name)).map(str::to_owned);
            Listed { sha256, at: meta.last_modified.timestamp_millis(), key: meta.location }
        };
        self.store.list(None).map(move |meta| meta.map(listed).map_err(std::io::Error::other)).boxed()
    }
}

/// Where a blob is: two levels, so that no folder grows without end.
fn key(sha256: &str) -> std::io::Result<Key> {
    if !is_digest(sha256) {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a SHA-256 in lower-case hex"));
    }
    Ok(Key::from(format!("{}/{sha256}", &sha256[..2])))
}

/// Whether a text is a SHA-256 in its one spelling.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::canonical::digest;

    #[tokio::test]
    async fn a_blob_is_whole_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::local(folder.path()).unwrap();
        let (text, sha256) = (b"some bytes".to_vec(), digest(b"some bytes"));
        assert!(!blobs.has(&sha256, 10).await.unwrap());
        assert_eq!(blobs.read(&sha256, 10).await.unwrap(), None);
        blobs.put(&sha256, text.clone()).await.unwrap();
        blobs.put(&sha256, text.clone()).await.unwrap();
        assert!(blobs.has(&sha256, 10).await.unwrap() && !blobs.has(&sha256, 11).await.unwrap());
        assert_eq!(blobs.read(&sha256, 10).await.unwrap(), Some(text));
        let mut range = blobs.stream(&sha256, 5..8).await.unwrap().unwrap();
        assert_eq!(&range.next().await.unwrap().unwrap()[..], b"byt");
        let big = vec![7; 3 * CHUNK_BYTES + 5];
        std::fs::write(folder.path().join("part"), &big).unwrap();
        blobs.put_file(&digest(&big), &folder.path().join("part")).await.unwrap();
        assert_eq!(blobs.read(&digest(&big), big.len() as u64).await.unwrap(), Some(big));
        let listed: Vec<Listed> = blobs.list().map(Result::unwrap).collect().await;
        assert_eq!(listed.iter().filter(|found| found.sha256.is_some()).count(), 2);
        blobs.remove(&sha256).await.unwrap();
        blobs.remove(&sha256).await.unwrap();
        assert!(!blobs.has(&sha256, 10).await.unwrap());
    }

    #[tokio::test]
    async fn f106_only_a_digest_names_a_blob() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::local(folder.path()).unwrap();
        for bad in ["../../etc/passwd", "", "a", &"A".repeat(64), &"g".repeat(64), &format!("{}/", "a".repeat(63))] {
            assert!(blobs.put(bad, Vec::new()).await.is_err(), "{bad}");
            assert!(blobs.read(bad, 1).await.is_err(), "{bad}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
