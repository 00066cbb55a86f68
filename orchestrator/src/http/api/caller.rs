//! Who asks: found by their token in [`super::guard`], taken by handlers as an argument.

use crate::envelope::{Next, Problem};
use crate::error_code::ErrorCode;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The role that stands for every role.
pub const EVERY_ROLE: &str = "*";
/// The role that manages operators, secrets and connections.
pub const ADMIN: &str = "admin";
/// Whoever holds the installation's own token.
pub const OWNER: &str = "operator";

/// Whoever is behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name: the actor of every event that the request causes.
    pub name: String,
    /// What they may decide; `*` is everything.
    pub roles: Vec<String>,
}

impl Caller {
    /// Whoever holds the installation's own token.
    #[must_use]
    pub fn owner() -> Self {
        Self { name: OWNER.to_owned(), roles: vec![EVERY_ROLE.to_owned()] }
    }

    /// Whether they have a role.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == EVERY_ROLE || held == role)
    }

    /// Whether one of these roles is theirs. Everybody has what asks for no role.
    #[must_use]
    pub fn has_one_of(&self, roles: &[String]) -> bool {
        roles.is_empty() || roles.iter().any(|role| self.has(role))
    }

    /// For what only an admin may change or look at.
    ///
    /// # Errors
    /// `forbidden`, naming who asked and what they lack.
    pub fn require_admin(&self, what: &str) -> Result<(), Problem> {
        if self.has(ADMIN) {
            return Ok(());
        }
        let problem = Problem::new(ErrorCode::Forbidden, format!("`{}` may not {what}: that takes the role `{ADMIN}`", self.name));
        Err(problem.hint("ask somebody who has it, or use the installation's own token").next(Next::look(&["operator", "whoami"])))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// The guard has put it there; a route that it does not stand before gets nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(ErrorCode::Unauthorized, "nobody is known to ask");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_role_or_the_star_makes_an_admin() {
        let with = |role: &str| Caller { name: "al".to_owned(), roles: vec![role.to_owned()] };
        assert!(Caller::owner().require_admin("set secrets").is_ok());
        assert!(with("admin").require_admin("set secrets").is_ok());
        for role in ["maintainers", "administrators", "Admin", ""] {
            assert_eq!(with(role).require_admin("set secrets").unwrap_err().code, ErrorCode::Forbidden, "{role}");
        }
        assert!(Caller { name: "al".to_owned(), roles: vec![] }.require_admin("set secrets").is_err());
    }
}
