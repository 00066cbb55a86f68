//! The search for tokens and secrets where they must not be (F059): after each test, through the whole state root and the command
//! lines and environments of all processes.

use crate::server::{SECRET, TOKEN};
use base64::Engine as _;
use std::path::Path;

/// Larger files are outputs of floods: nothing of the shim's own is.
const LARGEST: u64 = 32 << 20;

/// None of the canaries that were handed to the shim is anywhere but in the credentials, or in the memory of the shim.
pub fn assert_hidden(root: &Path) {
    let secret = base64::engine::general_purpose::STANDARD.encode(SECRET);
    let canaries = [TOKEN, secret.as_str(), "canary-url-sig"];
    let hit = |bytes: &[u8]| canaries.iter().find(|canary| bytes.windows(canary.len()).any(|window| window == canary.as_bytes())).copied();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
            if meta.is_dir() {
                todo.push(path);
            } else if meta.is_file() && meta.len() <= LARGEST && entry.file_name() != "credentials.json" {
                let bytes = std::fs::read(&path).unwrap_or_default();
                assert_eq!(hit(&bytes), None, "in {}", path.display());
            }
        }
    }
    for pid in std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert_eq!(hit(&bytes), None, "in {file} of process {pid}");
        }
    }
}
