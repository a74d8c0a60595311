//! The GraphQL documents that callers may send.
//!
//! | option | variable |
//! |---|---|
//! | `--documents` | `PROMOLINK_DOCUMENTS` |
//! | `--documents-only` | `PROMOLINK_DOCUMENTS_ONLY` |
//! | `--introspection` | `PROMOLINK_INTROSPECTION` |
//! | `--document-limit` | `PROMOLINK_DOCUMENT_LIMITS` |

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{ConfigError, values::parse_switch};
use crate::graphql::{EngineSettings, Introspection, PersistedDocuments};

/// The GraphQL documents that callers may send.
#[derive(Debug, Args)]
#[command(next_help_heading = "GraphQL documents")]
pub struct DocumentArgs {
    /// Load persisted documents, which callers can send by documentId, from this manifest of graphql-codegen or of
    /// Apollo's tools
    #[arg(long, env = "PROMOLINK_DOCUMENTS", value_name = "FILE")]
    documents: Option<PathBuf>,
    /// Execute persisted documents only. Admins are exempt
    #[arg(long, env = "PROMOLINK_DOCUMENTS_ONLY", value_parser = parse_switch)]
    documents_only: bool,
    /// Permit introspection of the schema for all callers (on), for services and admins (trusted), or for none (off)
    #[arg(
        long,
        env = "PROMOLINK_INTROSPECTION",
        value_name = "ON|TRUSTED|OFF",
        default_value = "trusted",
        ignore_case = true,
        hide_possible_values = true
    )]
    introspection: IntrospectionArg,
    /// Change a limit on documents, for services and admins (such as selections=50000) or for storefronts and customers
    /// (such as untrusted.selections=5000). The limits are nesting, depth, tokens, name, operations, variables, selections,
    /// aliases, directives, root-fields and values. May be repeated
    #[arg(
        long = "document-limit",
        env = "PROMOLINK_DOCUMENT_LIMITS",
        value_name = "[untrusted.]LIMIT=NUMBER",
        value_delimiter = ','
    )]
    limits: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IntrospectionArg {
    #[value(aliases = ["true", "1", "yes"])]
    On,
    Trusted,
    #[value(aliases = ["false", "0", "no"])]
    Off,
}

impl From<IntrospectionArg> for Introspection {
    fn from(argument: IntrospectionArg) -> Self {
        match argument {
            IntrospectionArg::On => Self::On,
            IntrospectionArg::Trusted => Self::Trusted,
            IntrospectionArg::Off => Self::Off,
        }
    }
}

impl DocumentArgs {
    /// Reads the persisted documents and returns the settings of the engine.
    pub fn settings(&self) -> Result<EngineSettings, ConfigError> {
        let persisted = match &self.documents {
            Some(path) => read_documents(path, self.documents_only)?,
            None if self.documents_only => return Err(ConfigError::DocumentsMissing),
            None => PersistedDocuments::default(),
        };
        let mut settings =
            EngineSettings { persisted, introspection: self.introspection.into(), ..EngineSettings::default() };
        for setting in &self.limits {
            let set = match setting.trim().strip_prefix("untrusted.") {
                Some(setting) => settings.untrusted_limits.set(setting),
                None => settings.limits.set(setting),
            };
            set.map_err(|reason| ConfigError::DocumentLimit { setting: setting.clone(), source: reason.into() })?;
        }
        Ok(settings)
    }
}

fn read_documents(path: &Path, only: bool) -> Result<PersistedDocuments, ConfigError> {
    let manifest = fs::read_to_string(path)
        .map_err(|source| ConfigError::DocumentsUnreadable { path: path.to_owned(), source })?;
    PersistedDocuments::parse(&manifest, only)
        .map_err(|reason| ConfigError::DocumentsInvalid { path: path.to_owned(), reason })
}
