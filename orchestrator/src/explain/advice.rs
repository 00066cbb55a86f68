//! What failures of a kind mean, and what helps: the words are with the kinds.

use sortie_core::failure::FailureKind;

/// A few sentences for an operator.
#[must_use]
pub const fn advice(kind: FailureKind) -> &'static str {
    kind.explained()
}
