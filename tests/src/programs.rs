//! The programs under test: the built `sortie`, and a shim that can be told where to die.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// `<target>/debug`, where the test programs lie in `deps`.
fn built() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let deps = here.parent().unwrap();
    if deps.ends_with("deps") { deps.parent().unwrap().to_owned() } else { deps.to_owned() }
}

/// The built program.
#[must_use]
pub fn sortie() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let path = built().join("sortie");
        assert!(path.is_file(), "{} is not built: run `cargo test --workspace`, or `cargo build -p sortie` first", path.display());
        path
    })
}

/// A shim with failpoints, built once. It shares the build directory of the embedded one, so that only the shim itself is
/// compiled again.
#[must_use]
pub fn dying_shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = built().parent().unwrap().join("shim-build");
        let folder = target.join("failpoints");
        std::fs::create_dir_all(&folder).unwrap();
        let lock = std::fs::File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for name in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS"] {
            cargo.env_remove(name);
        }
        if std::env::var_os("CC_x86_64_unknown_linux_musl").is_none() {
            cargo.env("CC_x86_64_unknown_linux_musl", "gcc");
        }
        let features = ["build", "--quiet", "--package", "agent-shim", "--features", "failpoints"];
        let done = cargo
            .args(features)
            .args(["--profile", "shim", "--target", TARGET, "--target-dir"])
            .arg(&target)
            .current_dir(workspace)
            .status();
        assert!(done.unwrap().success(), "the shim with failpoints did not build");
        // A copy: the next build of the embedded shim replaces the shared file.
        let (copy, new) = (folder.join("sortie-shim"), folder.join("new"));
        std::fs::copy(target.join(TARGET).join("shim").join("sortie-shim"), &new).unwrap();
        std::fs::rename(&new, &copy).unwrap();
        copy
    })
}
