//! The databases. Diesel is used here and nowhere else.
//!
//! Both stores share the tables (`schema`), the rows, the queries that the builder can express and, above all, the
//! rules: between its reads and its writes each calls the same pure function of the domain.

mod check;
mod error;
mod lists;
mod log;
mod migrations;
mod parent;
mod postgres;
mod queries;
mod readiness;
mod replica;
mod rows;
mod schema;
mod sqlite;

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

pub use check::{Checked, Example, check, invariants};
pub use error::OpenError;
pub use migrations::{Collisions, Migration, MigrationState, fold_again, migrate, status};
pub use readiness::Readiness;
pub use replica::open_replica;

use crate::{
    auth::{ApiKeyRepository, Secret},
    promotions::PromotionRepository,
};

/// Where the data is. Its text form never shows a password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Secret),
}

impl DatabaseUrl {
    /// Whether a password stands in it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        let Self::Postgres(url) = self else { return false };
        let (_, rest) = url.expose().split_once("://").unwrap_or_default();
        let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
        user.contains(':') || rest.contains("password=")
    }

    /// Whether connections are encrypted. `None` for a file.
    #[must_use]
    pub fn is_encrypted(&self) -> Option<bool> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(url) => {
                Some(postgres::parse_url(url.expose()).is_ok_and(|(_, encrypted)| encrypted.is_some()))
            }
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let url = url.trim();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres::parse_url(url).map_err(|reason| format!("the database URL can't be used: {reason}"))?;
            return Ok(Self::Postgres(url.to_owned().into()));
        }
        let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            // Every connection would have a memory of its own.
            Some(":memory:") => Err("a database in memory can't be shared; use sqlite:PATH".to_owned()),
            // It would become a part of the file's name, or be understood by SQLite only where it opens the file.
            Some(path) if path.starts_with("file:") || path.contains('?') => Err(format!(
                "sqlite:PATH takes the path of a file, without file: before it and without parameters such as ?mode=rwc \
                 behind it; use sqlite:{}",
                path.trim_start_matches("file:").split('?').next().unwrap_or_default()
            )),
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => {
                Err("the database URL is neither sqlite:PATH nor postgres://USER:PASSWORD@HOST:PORT/DATABASE"
                    .to_owned())
            }
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let url = url.expose();
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
                let plain = rest.split('?').next().unwrap_or(rest);
                let host = match plain.rsplit_once('@') {
                    Some((_, host)) => host,
                    // An @ further on: a parameter that holds a password, or a password that holds a question mark.
                    None if rest.contains('@') => "***",
                    None => plain,
                };
                write!(f, "{scheme}://{host}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A store, by what it keeps.
pub struct Store {
    /// Campaigns, codes, promotions and redemptions.
    pub promotions: Arc<dyn PromotionRepository>,
    /// API keys.
    pub api_keys: Arc<dyn ApiKeyRepository>,
    /// Whether the database can be used.
    pub readiness: Readiness,
}

impl Store {
    fn new<T: PromotionRepository + ApiKeyRepository>(store: T, readiness: Readiness) -> Self {
        let store = Arc::new(store);
        Self { promotions: Arc::clone(&store) as _, api_keys: store, readiness }
    }
}

/// Fails where a pooler stands before the database that shares sessions among its clients.
pub async fn ensure_own_sessions(url: &DatabaseUrl) -> Result<(), OpenError> {
    match url {
        DatabaseUrl::Sqlite(_) => Ok(()),
        DatabaseUrl::Postgres(url) => postgres::ensure_own_sessions(url.expose()).await,
    }
}

/// Opens the store behind a URL. Its tables must be there: see [`migrate`].
pub async fn open(url: &DatabaseUrl) -> Result<Store, OpenError> {
    log::install();
    let readiness = |space| Readiness::new(url.clone(), space);
    Ok(match url {
        DatabaseUrl::Sqlite(path) => {
            let store = sqlite::SqliteStore::open(path)?;
            let space = store.space();
            Store::new(store, readiness(space))
        }
        DatabaseUrl::Postgres(url) => {
            let store = postgres::PostgresStore::open(url).await?;
            let space = store.space();
            Store::new(store, readiness(space))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_shows_no_password() {
        let url: DatabaseUrl = "postgres://me:secret@db.example:5432/promolink?password=secret".parse().unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://db.example:5432/promolink postgres://db.example:5432/promolink"
        );
    }

    #[test]
    fn only_the_two_databases_are_understood() {
        let path = |url: &str| match url.parse() {
            Ok(DatabaseUrl::Sqlite(path)) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path("sqlite:a/b.db"), PathBuf::from("a/b.db"));
        assert_eq!(path("sqlite:///tmp/b.db"), PathBuf::from("/tmp/b.db"));
        assert!("mysql://x".parse::<DatabaseUrl>().is_err());
        for url in ["sqlite:", "sqlite:d.db?mode=rwc", "sqlite:file:d.db", "sqlite://file:d.db?cache=shared"] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }
}
