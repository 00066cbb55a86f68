//! Builds the static shims and hands their paths to `src/shim.rs`, which embeds them: the one for the machine type of the program
//! always, the other where its cross compiler is installed. `SORTIE_SHIM_X86_64=<file>`, `SORTIE_SHIM_AARCH64=<file>` and
//! `SORTIE_SHIM=<file>` (the program's own type) take a prebuilt one instead.
//!
//! A shim is built by a cargo of its own: its profile (size, abort on panic) and target (musl) differ from the program's, and
//! unified features would fatten it. Its target directory is shared by all profiles of the program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A machine type that a shim is built for.
struct Type {
    /// As Rust and `uname -m` name it.
    arch: &'static str,
    target: &'static str,
    /// The C compiler of Debian and its kin that builds for it from elsewhere.
    cross: &'static str,
    /// The variable that names a file to take instead.
    given: &'static str,
}

const TYPES: [Type; 2] = [
    Type { arch: "x86_64", target: "x86_64-unknown-linux-musl", cross: "x86_64-linux-gnu-gcc", given: "SORTIE_SHIM_X86_64" },
    Type { arch: "aarch64", target: "aarch64-unknown-linux-musl", cross: "aarch64-linux-gnu-gcc", given: "SORTIE_SHIM_AARCH64" },
];

fn main() {
    println!("cargo:rerun-if-env-changed=SORTIE_SHIM");
    let own = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    assert!(TYPES.iter().any(|kind| kind.arch == own), "there is no shim for {own}; the program runs on x86_64 and aarch64");
    for kind in &TYPES {
        println!("cargo:rerun-if-env-changed={}", kind.given);
        let is_own = kind.arch == own;
        let given = env::var_os(kind.given).or_else(|| env::var_os("SORTIE_SHIM").filter(|_| is_own));
        let compiler = if is_own { "gcc" } else { kind.cross };
        let file = match given {
            Some(given) => given_shim(Path::new(&given)),
            None if is_own || can_build(kind) => build_shim(kind, compiler),
            None => no_shim(kind),
        };
        println!("cargo:rustc-env={}_FILE={}", kind.given, file.display());
    }
}

/// Whether a shim for machines of another type can be built here: with its cross compiler, and the target of the tool chain.
fn can_build(kind: &Type) -> bool {
    let compiler = Command::new(kind.cross).arg("--version").output().is_ok_and(|output| output.status.success());
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = Command::new(rustc).args(["--print", "target-libdir", "--target", kind.target]).output();
    compiler && library.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// An empty file stands for a shim that this program does not have.
fn no_shim(kind: &Type) -> PathBuf {
    let file = out_dir().join(format!("no-shim-{}", kind.arch));
    if let Err(error) = fs::write(&file, b"") {
        panic!("{} cannot be written: {error}", file.display());
    }
    file
}

fn given_shim(path: &Path) -> PathBuf {
    match fs::canonicalize(path) {
        Ok(file) if file.is_file() => {
            println!("cargo:rerun-if-changed={}", file.display());
            file
        }
        _ => panic!("{} is no file (SORTIE_SHIM, SORTIE_SHIM_X86_64, SORTIE_SHIM_AARCH64)", path.display()),
    }
}

fn build_shim(kind: &Type, compiler: &str) -> PathBuf {
    let root = workspace_root();
    for part in
        ["agent-shim/src", "agent-shim/Cargo.toml", "agent-shim/protocol/src", "agent-shim/protocol/Cargo.toml", "Cargo.toml", "Cargo.lock"]
    {
        println!("cargo:rerun-if-changed={}", root.join(part).display());
    }
    let cc = format!("CC_{}", kind.target.replace('-', "_"));
    println!("cargo:rerun-if-env-changed={cc}");
    let target_dir = shared_target_dir();
    let mut command = cargo();
    if env::var_os(&cc).is_none() {
        command.env(&cc, compiler);
    }
    if compiler == kind.cross {
        // The linker of the machine that builds cannot link for another type; the cross compiler's can.
        command.env(format!("CARGO_TARGET_{}_LINKER", kind.target.replace('-', "_").to_uppercase()), compiler);
    }
    let status = command
        .args(["build", "--quiet", "--package", "agent-shim", "--profile", "shim", "--target", kind.target])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(&root)
        .status();
    let target = kind.target;
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => {
            panic!("the shim did not build (above). Is its target there? `rustup target add {target}`, and a C compiler ({compiler})")
        }
        Err(error) => panic!("cargo could not be started to build the shim: {error}"),
    }
    let built = target_dir.join(target).join("shim").join("sortie-shim");
    // Embedded from a copy in OUT_DIR: another profile's build may replace the shared file while this one compiles.
    let copy = out_dir().join(format!("sortie-shim-{}", kind.arch));
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
