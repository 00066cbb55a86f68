//! Arguments that `job` and `agent` share.

use crate::builtins::args::{TextArg, one_of, plain, relative_path};
use crate::limits::{COMMAND_ARGS, ENV_VARS};
use crate::values::label::Label;
use sortie_core::call::{Cleanup, HostSelector, Reference};
use sortie_core::limits;
use starlark::values::UnpackValue;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::type_repr::StarlarkTypeRepr;
use std::collections::BTreeMap;

/// `on`: the name of a host, or a label.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum HostArg<'v> {
    Name(&'v str),
    Label(&'v Label),
}

/// The working directory, where there is no workspace.
///
/// # Errors
/// The sentence names the argument.
pub fn directory(cwd: Option<String>, alone: bool) -> anyhow::Result<Option<String>> {
    anyhow::ensure!(cwd.is_none() || alone, "cwd: the working directory is that of `workspace`; one of the two has to go");
    cwd.map(|cwd| plain("cwd", &cwd).map(|()| cwd)).transpose()
}

/// When the working directory is removed.
///
/// # Errors
/// Another word.
pub fn removed(cleanup: &str) -> anyhow::Result<Cleanup> {
    one_of("cleanup", cleanup, &[("keep", Cleanup::Keep), ("success", Cleanup::Success), ("always", Cleanup::Always)])
}

/// A duration that is not too short.
///
/// # Errors
/// The sentence names the argument.
pub fn at_least(argument: &str, ms: u64, least: u64) -> anyhow::Result<u64> {
    anyhow::ensure!(ms >= least, "{argument}: is {ms} ms; the least is {least} ms");
    Ok(ms)
}

/// Where it runs.
///
/// # Errors
/// The sentence names the argument.
pub fn host(on: HostArg<'_>) -> anyhow::Result<HostSelector> {
    match on {
        HostArg::Name(name) if name.trim().is_empty() => anyhow::bail!("on: the name of the host is empty"),
        HostArg::Name(name) => Ok(HostSelector::Name(name.to_owned())),
        HostArg::Label(label) => Ok(HostSelector::Label(label.0.clone())),
    }
}

/// Program and arguments of a command.
///
/// # Errors
/// The sentence names the argument.
pub fn command_line(command: Vec<String>) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(
        command.first().is_some_and(|program| !program.is_empty()),
        "command: expected a program and its arguments, got an empty list"
    );
    anyhow::ensure!(command.len() <= COMMAND_ARGS, "command: has {} arguments; it may have {COMMAND_ARGS}", command.len());
    for (at, argument) in command.iter().enumerate() {
        plain(&format!("command[{at}]"), argument)?;
    }
    Ok(command)
}

/// Variables of the environment.
///
/// # Errors
/// The sentence names the argument.
pub fn environment(env: UnpackDictEntries<String, TextArg<'_>>) -> anyhow::Result<BTreeMap<String, Reference>> {
    anyhow::ensure!(env.entries.len() <= ENV_VARS, "env: has {} variables; it may have {ENV_VARS}", env.entries.len());
    env.entries
        .into_iter()
        .map(|(name, value)| {
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'=');
            anyhow::ensure!(valid, "env: {name:?} is no name of a variable");
            let argument = format!("env[{name:?}]");
            if let TextArg::Text(text) = &value {
                plain(&argument, text)?;
            }
            Ok((name, value.reference(&argument)?))
        })
        .collect()
}

/// Files to write before the start.
///
/// # Errors
/// The sentence names the argument.
pub fn written(files: UnpackDictEntries<String, TextArg<'_>>) -> anyhow::Result<BTreeMap<String, Reference>> {
    anyhow::ensure!(files.entries.len() <= limits::JOB_FILES, "files: there may be {}", limits::JOB_FILES);
    files
        .entries
        .into_iter()
        .map(|(path, content)| {
            relative_path("files", &path)?;
            let content = content.reference(&format!("files[{path:?}]"))?;
            Ok((path, content))
        })
        .collect()
}

/// Files to keep after the end.
///
/// # Errors
/// The sentence names the argument.
pub fn kept(artifacts: Vec<String>) -> anyhow::Result<Vec<String>> {
    anyhow::ensure!(artifacts.len() <= limits::ARTIFACTS, "artifacts: there may be {}", limits::ARTIFACTS);
    for (at, path) in artifacts.iter().enumerate() {
        relative_path("artifacts", path)?;
        anyhow::ensure!(!artifacts[..at].contains(path), "artifacts: {path:?} stands in the list twice");
    }
    Ok(artifacts)
}
