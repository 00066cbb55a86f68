//! `git(...)`: a repository whose worktree a job works in.

use crate::builtins::args::plain;
use crate::values::plain::Git;
use sortie_core::call::WorkspaceSpec;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// A git repository whose worktree a job or an agent works in: `agent(..., workspace = git("https://example.com/app.git", ref = "main"))`.
    ///
    /// `repository` is a URL, or a path on the host. It is cloned once a host; each attempt gets a worktree of its own at `ref`, a
    /// branch, tag or commit, or at the default branch without one. Credentials come from the host's own git configuration.
    fn git(
        #[starlark(require = pos)] repository: &str,
        #[starlark(require = named, default = NoneOr::None)] r#ref: NoneOr<String>,
    ) -> anyhow::Result<Git> {
        let reference = r#ref.into_option();
        for (argument, text) in [("git", Some(repository)), ("ref", reference.as_deref())] {
            let Some(text) = text else { continue };
            plain(argument, text)?;
            // What begins with a dash would be an option to git.
            let fine = !text.trim().is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control);
            anyhow::ensure!(fine, "{argument}: {text:?} is no repository or ref");
        }
        anyhow::ensure!(!has_password(repository), "git: the URL has a password in it; let the host's git configuration have it");
        Ok(Git(WorkspaceSpec { repository: repository.to_owned(), reference }))
    }
}

/// Whether a URL carries a password: it would stand in the history and in the arguments of git.
fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
