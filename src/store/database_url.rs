//! Database URLs: which database to use, and where it is.

use std::{fmt, path::PathBuf, str::FromStr};

use super::postgres;
use crate::auth::Secret;

/// The location of a database. Its text form never shows a password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Secret),
}

/// A text is not a database URL.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Its scheme is unknown, or it has none.
    #[error(
        "the database URL is neither sqlite:PATH nor postgres://USER:PASSWORD@HOST:PORT/DATABASE{}",
        .path.as_ref().map(|path| format!("; did you mean sqlite:{path}?")).unwrap_or_default()
    )]
    UnknownScheme {
        /// The text, if it may be a path.
        path: Option<String>,
    },
    /// It names SQLite's database in memory, of which every connection would have one of its own.
    #[error("connections can't share a database in memory: use sqlite:PATH with the path of a file")]
    InMemory,
    /// It has parameters, which would become part of the file's name, or apply only where SQLite opens the file itself.
    #[error(
        "sqlite:PATH takes the path of a file, without file: before it and without parameters such as ?mode=rwc after \
         it: use sqlite:{path}"
    )]
    SqliteParameters {
        /// The path without them.
        path: String,
    },
    /// PostgreSQL's driver, or the server, can't use it.
    #[error("the database URL can't be used: {0}")]
    Postgres(postgres::UrlError),
}

impl DatabaseUrl {
    /// Whether the URL contains a password.
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
            Self::Postgres(url) => Some(postgres::parse_url(url.expose()).is_ok_and(|(_, roots)| roots.is_some())),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(url: &str) -> Result<Self, DatabaseUrlError> {
        let url = url.trim();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres::parse_url(url).map_err(DatabaseUrlError::Postgres)?;
            return Ok(Self::Postgres(url.to_owned().into()));
        }
        let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            Some(":memory:") => Err(DatabaseUrlError::InMemory),
            Some(path) if path.starts_with("file:") || path.contains('?') => {
                let path = path.trim_start_matches("file:").split('?').next().unwrap_or_default().to_owned();
                Err(DatabaseUrlError::SqliteParameters { path })
            }
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => {
                // Anything else may be a URL with a password in it.
                let is_path = !url.is_empty() && !url.contains([':', '@']);
                Err(DatabaseUrlError::UnknownScheme { path: is_path.then(|| url.to_owned()) })
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
                    // An @ further on: a parameter with a password, or a password that contains a question mark.
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
    fn only_urls_of_the_two_databases_are_accepted() {
        let path = |url: &str| match url.parse() {
            Ok(DatabaseUrl::Sqlite(path)) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path("sqlite:a/b.db"), PathBuf::from("a/b.db"));
        assert_eq!(path("sqlite:///tmp/b.db"), PathBuf::from("/tmp/b.db"));
        for url in ["", "sqlite:", "sqlite:d.db?mode=rwc", "sqlite:file:d.db", "sqlite://file:d.db?cache=shared"] {
            assert!(url.parse::<DatabaseUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_path_without_a_scheme_is_recognised_and_nothing_else_is_repeated() {
        let error = |url: &str| url.parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error("shop.db").ends_with("did you mean sqlite:shop.db?"));
        assert!(error("mysql://me:secret@h/d").ends_with("HOST:PORT/DATABASE"));
    }
}
