//! Builds the static shim and hands its path to `src/shim.rs`, which embeds it.
//!
//! The shim is built by a cargo of its own: its profile (size, abort on panic) and target (musl) differ from the
//! program's, and unified features would fatten it. Its target directory is shared by all profiles of the program.
//! `SORTIE_SHIM=<file>` takes a prebuilt one instead.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "x86_64-unknown-linux-musl";

fn main() {
    println!("cargo:rerun-if-env-changed=SORTIE_SHIM");
    println!("cargo:rerun-if-env-changed=CC_x86_64_unknown_linux_musl");
    let file = match env::var_os("SORTIE_SHIM") {
        Some(given) => given_shim(Path::new(&given)),
        None => build_shim(),
    };
    println!("cargo:rustc-env=SORTIE_SHIM_FILE={}", file.display());
}

fn given_shim(path: &Path) -> PathBuf {
    match fs::canonicalize(path) {
        Ok(file) if file.is_file() => {
            println!("cargo:rerun-if-changed={}", file.display());
            file
        }
        _ => panic!("SORTIE_SHIM={} is no file", path.display()),
    }
}

fn build_shim() -> PathBuf {
    let root = workspace_root();
    for part in
        ["agent-shim/src", "agent-shim/Cargo.toml", "agent-shim/protocol/src", "agent-shim/protocol/Cargo.toml", "Cargo.toml", "Cargo.lock"]
    {
        println!("cargo:rerun-if-changed={}", root.join(part).display());
    }
    let target_dir = shared_target_dir();
    let status = cargo()
        .args(["build", "--quiet", "--package", "agent-shim", "--profile", "shim", "--target", TARGET])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(&root)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => {
            panic!("the shim did not build (above). Is its target there? `rustup target add {TARGET}`, and a C compiler (gcc or clang)")
        }
        Err(error) => panic!("cargo could not be started to build the shim: {error}"),
    }
    let built = target_dir.join(TARGET).join("shim").join("sortie-shim");
    // Embedded from a copy in OUT_DIR: another profile's build may replace the shared file while this one compiles.
    let copy = out_dir().join("sortie-shim");
    if let Err(error) = fs::copy(&built, &copy) {
        panic!("{} was built but cannot be copied: {error}", built.display());
    }
    copy
}

/// A cargo that knows nothing of the build it is started from: neither its target, flags and wrappers (clippy) nor its profile.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        let kept = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"].iter().any(|k| name_text.starts_with(k));
        let inherited = name_text.starts_with("CARGO")
            || name_text.starts_with("DEP_")
            || [
                "RUSTFLAGS",
                "RUSTC_WORKSPACE_WRAPPER",
                "RUSTC",
                "RUSTDOC",
                "CLIPPY_ARGS",
                "TARGET",
                "HOST",
                "OUT_DIR",
                "PROFILE",
                "OPT_LEVEL",
                "DEBUG",
                "NUM_JOBS",
            ]
            .contains(&name_text.as_ref());
        if inherited && !kept {
            command.env_remove(&name);
        }
    }
    if env::var_os("CC_x86_64_unknown_linux_musl").is_none() {
        command.env("CC_x86_64_unknown_linux_musl", "gcc");
    }
    command
}

fn workspace_root() -> PathBuf {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    here.parent().expect("the program's folder lies in the workspace").to_owned()
}

fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
}

/// `<target>/shim-build`. OUT_DIR is `<target>/[<triple>/]<profile>/build/<package>-<hash>/out`.
fn shared_target_dir() -> PathBuf {
    let out = out_dir();
    let build = out.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == "build"));
    let profile = build.and_then(Path::parent).expect("OUT_DIR lies in a build directory");
    let mut target = profile.parent().expect("a profile lies in a target directory");
    if env::var("TARGET").is_ok_and(|triple| target.file_name().is_some_and(|name| name == triple.as_str())) {
        target = target.parent().unwrap_or(target);
    }
    target.join("shim-build")
}
