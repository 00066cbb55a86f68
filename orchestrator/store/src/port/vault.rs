//! Operators, secrets, connections.

use super::Fut;
use crate::model::vault::{ConnectionRow, OperatorRow, SecretRow};
use sortie_core::ids::Ms;

/// Operators, secrets, connections.
pub trait Vault: Send + Sync {
    /// Add an operator; [`crate::StoreError::Conflict`] where the name is taken.
    fn add_operator(&self, operator: OperatorRow) -> Fut<'_, ()>;
    /// Replace an operator of the same name; [`crate::StoreError::NotFound`] where there is none.
    fn put_operator(&self, operator: OperatorRow) -> Fut<'_, ()>;
    /// One operator.
    fn operator(&self, name: &str) -> Fut<'_, Option<OperatorRow>>;
    /// Whose token has this digest (SHA-256, hex).
    fn operator_by_digest(&self, digest: &str) -> Fut<'_, Option<OperatorRow>>;
    /// All operators by name.
    fn operators(&self) -> Fut<'_, Vec<OperatorRow>>;
    /// Remove an operator; false where there is none.
    fn remove_operator(&self, name: &str) -> Fut<'_, bool>;

    /// The version that a new value of this secret has to have.
    fn next_secret_version(&self, name: &str) -> Fut<'_, u64>;
    /// Set a secret; [`crate::StoreError::Conflict`] where its version is not the next one.
    fn put_secret(&self, secret: SecretRow) -> Fut<'_, ()>;
    /// The same value under another root, if the version is still the stored one; false where it is not.
    fn reseal_secret(&self, secret: SecretRow) -> Fut<'_, bool>;
    /// One secret.
    fn secret(&self, name: &str) -> Fut<'_, Option<SecretRow>>;
    /// All secrets by name.
    fn secrets(&self) -> Fut<'_, Vec<SecretRow>>;
    /// Remove a secret; false where there is none.
    fn remove_secret(&self, name: &str, actor: &str, at: Ms) -> Fut<'_, bool>;

    /// Add a connection. [`crate::StoreError::Conflict`] where the name is taken and it is not to be replaced.
    fn put_connection(&self, connection: ConnectionRow, replace: bool) -> Fut<'_, ()>;
    /// One connection.
    fn connection(&self, name: &str) -> Fut<'_, Option<ConnectionRow>>;
    /// All connections by name.
    fn connections(&self) -> Fut<'_, Vec<ConnectionRow>>;
    /// Remove a connection; false where there is none.
    fn remove_connection(&self, name: &str) -> Fut<'_, bool>;
}
