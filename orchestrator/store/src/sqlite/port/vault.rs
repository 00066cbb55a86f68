//! Operators, secrets, connections.

use crate::error::StoreError;
use crate::model::vault::{ConnectionRow, OperatorRow, SecretRow};
use crate::port::{Fut, Vault};
use crate::sql::sqlite;
use crate::sqlite::SqliteStore;
use crate::sqlite::codec::{json, to_json};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::Ms;

impl Vault for SqliteStore {
    fn add_operator(&self, operator: OperatorRow) -> Fut<'_, ()> {
        self.write(move |db| {
            let params = params![operator.name, operator.digest, to_json(&operator)?];
            let rows = db.prepare_cached(sqlite!("operator", "insert"))?.execute(params)?;
            if rows == 1 { Ok(()) } else { Err(StoreError::Conflict(format!("there is an operator {} already", operator.name))) }
        })
    }

    fn put_operator(&self, operator: OperatorRow) -> Fut<'_, ()> {
        self.write(move |db| {
            let params = params![operator.name, operator.digest, to_json(&operator)?];
            let rows = db.prepare_cached(sqlite!("operator", "update"))?.execute(params)?;
            if rows == 1 { Ok(()) } else { Err(StoreError::NotFound(format!("operator {}", operator.name))) }
        })
    }

    fn operator(&self, name: &str) -> Fut<'_, Option<OperatorRow>> {
        let name = name.to_owned();
        self.look(move |db| Ok(db.prepare_cached(sqlite!("operator", "get"))?.query_row([name], |row| json(row, 0)).optional()?))
    }

    fn operator_by_digest(&self, digest: &str) -> Fut<'_, Option<OperatorRow>> {
        let digest = digest.to_owned();
        self.look(move |db| Ok(db.prepare_cached(sqlite!("operator", "by_digest"))?.query_row([digest], |row| json(row, 0)).optional()?))
    }

    fn operators(&self) -> Fut<'_, Vec<OperatorRow>> {
        self.read(|db| Ok(db.prepare_cached(sqlite!("operator", "all"))?.query_map([], |row| json(row, 0))?.collect::<Result<_, _>>()?))
    }

    fn remove_operator(&self, name: &str) -> Fut<'_, bool> {
        let name = name.to_owned();
        self.write(move |db| Ok(db.prepare_cached(sqlite!("operator", "delete"))?.execute([name])? == 1))
    }

    fn next_secret_version(&self, name: &str) -> Fut<'_, u64> {
        let name = name.to_owned();
        self.look(move |db| version(db, &name).map(|version| version + 1))
    }

    fn put_secret(&self, secret: SecretRow) -> Fut<'_, ()> {
        self.write(move |db| {
            let SecretRow { name, version: wanted, root, sealed, at, actor } = secret;
            // The upsert alone would take any version for a name that is new.
            let next = version(db, &name)? + 1 == wanted;
            let put = next && db.prepare_cached(sqlite!("secret", "put"))?.execute(params![name, wanted, root, sealed, at, actor])? == 1;
            if put { Ok(()) } else { Err(StoreError::Conflict(format!("the secret {name} was changed by somebody else meanwhile"))) }
        })
    }

    fn reseal_secret(&self, secret: SecretRow) -> Fut<'_, bool> {
        self.write(move |db| {
            let params = params![secret.name, secret.version, secret.root, secret.sealed];
            Ok(db.prepare_cached(sqlite!("secret", "reseal"))?.execute(params)? == 1)
        })
    }

    fn secret(&self, name: &str) -> Fut<'_, Option<SecretRow>> {
        let name = name.to_owned();
        self.look(move |db| Ok(db.prepare_cached(sqlite!("secret", "get"))?.query_row([name], secret_row).optional()?))
    }

    fn secrets(&self) -> Fut<'_, Vec<SecretRow>> {
        self.read(|db| Ok(db.prepare_cached(sqlite!("secret", "all"))?.query_map([], secret_row)?.collect::<Result<_, _>>()?))
    }

    fn remove_secret(&self, name: &str, actor: &str, at: Ms) -> Fut<'_, bool> {
        let (name, actor) = (name.to_owned(), actor.to_owned());
        self.write(move |db| Ok(db.prepare_cached(sqlite!("secret", "remove"))?.execute(params![name, at, actor])? == 1))
    }

    fn put_connection(&self, connection: ConnectionRow, replace: bool) -> Fut<'_, ()> {
        self.write(move |db| {
            let ConnectionRow { name, kind, data, at, actor } = connection;
            let statement = if replace { sqlite!("outbound_connection", "put") } else { sqlite!("outbound_connection", "insert") };
            let rows = db.prepare_cached(statement)?.execute(params![name, kind, to_json(&data)?, at, actor])?;
            if rows == 1 { Ok(()) } else { Err(StoreError::Conflict(format!("there is a connection {name} already"))) }
        })
    }

    fn connection(&self, name: &str) -> Fut<'_, Option<ConnectionRow>> {
        let name = name.to_owned();
        self.look(move |db| Ok(db.prepare_cached(sqlite!("outbound_connection", "get"))?.query_row([name], connection_row).optional()?))
    }

    fn connections(&self) -> Fut<'_, Vec<ConnectionRow>> {
        self.read(|db| {
            let mut statement = db.prepare_cached(sqlite!("outbound_connection", "all"))?;
            Ok(statement.query_map([], connection_row)?.collect::<Result<_, _>>()?)
        })
    }

    fn remove_connection(&self, name: &str) -> Fut<'_, bool> {
        let name = name.to_owned();
        self.write(move |db| Ok(db.prepare_cached(sqlite!("outbound_connection", "delete"))?.execute([name])? == 1))
    }
}

fn version(db: &Connection, name: &str) -> Result<u64, StoreError> {
    let version = db.prepare_cached(sqlite!("secret", "version"))?.query_row([name], |row| row.get(0)).optional()?;
    Ok(version.unwrap_or(0))
}

fn secret_row(row: &Row<'_>) -> rusqlite::Result<SecretRow> {
    Ok(SecretRow { name: row.get(0)?, version: row.get(1)?, root: row.get(2)?, sealed: row.get(3)?, at: row.get(4)?, actor: row.get(5)? })
}

fn connection_row(row: &Row<'_>) -> rusqlite::Result<ConnectionRow> {
    Ok(ConnectionRow { name: row.get(0)?, kind: row.get(1)?, data: json(row, 2)?, at: row.get(3)?, actor: row.get(4)? })
}
