//! Who asks: the name and the roles of the operator whose token came with the request.

use super::request::ACTOR;
use crate::envelope::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name, as it stands in events.
    pub name: String,
    /// Roles; `*` stands for every role.
    pub roles: Vec<String>,
}

impl Caller {
    /// Whether one of these roles is theirs. Everybody has what asks for no role.
    #[must_use]
    pub fn has_one_of(&self, roles: &[String]) -> bool {
        roles.is_empty() || self.roles.iter().any(|role| role == "*" || roles.contains(role))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // The guard says who it let in; the installation's own token is the operator's.
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self { name: ACTOR.to_owned(), roles: vec!["*".to_owned()] }))
    }
}
