//! How a server is called: what `dev` and `serve` have in common.

use std::{fs, path::PathBuf};

use anyhow::{Context, anyhow, ensure};
use clap::{Args, ValueEnum};

use crate::{
    graphql::{EngineSettings, Introspection, PersistedDocuments},
    http::{Origin, WireSettings},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "GraphQL over HTTP")]
pub struct WireArguments {
    /// An origin whose pages may call the API (CORS), such as `https://shop.example`; may be given more than once. With `dev`,
    /// pages of loopback origins may call as well
    #[arg(long = "cors-origin", env = "PROMOLINK_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    origins: Vec<String>,
    /// A file of persisted documents that callers may name by documentId: the manifest of graphql-codegen
    #[arg(long, env = "PROMOLINK_DOCUMENTS", value_name = "FILE")]
    documents: Option<PathBuf>,
    /// Execute persisted documents only; admins may send others
    #[arg(long, env = "PROMOLINK_DOCUMENTS_ONLY")]
    documents_only: bool,
    /// The callers whose documents may select the schema (introspection): on for all, trusted for services and admins, or
    /// off for none
    #[arg(
        long,
        env = "PROMOLINK_INTROSPECTION",
        value_name = "ON|TRUSTED|OFF",
        default_value = "trusted",
        hide_possible_values = true
    )]
    introspection: IntrospectionArgument,
    /// Whether there is a GraphiQL page, at /graphiql, for developers to explore: on or off. `dev` has one, `serve` has none
    #[arg(long, env = "PROMOLINK_GRAPHIQL", value_name = "ON|OFF", hide_possible_values = true)]
    graphiql: Option<Switch>,
    /// Another limit on the documents of services and admins than the default, such as selections=50000, or on those of
    /// storefronts and customers, such as untrusted.selections=5000. The names are nesting, depth, tokens, name, operations,
    /// variables, selections, aliases, directives, root-fields and values. May be given more than once
    #[arg(
        long = "document-limit",
        env = "PROMOLINK_DOCUMENT_LIMITS",
        value_name = "[untrusted.]NAME=NUMBER",
        value_delimiter = ','
    )]
    document_limits: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IntrospectionArgument {
    On,
    Trusted,
    Off,
}

impl From<IntrospectionArgument> for Introspection {
    fn from(argument: IntrospectionArgument) -> Self {
        match argument {
            IntrospectionArgument::On => Self::On,
            IntrospectionArgument::Trusted => Self::Trusted,
            IntrospectionArgument::Off => Self::Off,
        }
    }
}

impl WireArguments {
    /// What they say of the wire, where the command is for this machine alone, or for all.
    pub fn wire(&self, local_names_only: bool) -> anyhow::Result<WireSettings> {
        let graphiql = self.graphiql.map_or(local_names_only, |graphiql| graphiql == Switch::On);
        Ok(WireSettings { graphiql, origins: self.origins()?, local_names_only })
    }

    fn origins(&self) -> anyhow::Result<Vec<Origin>> {
        let given = self.origins.iter().filter(|origin| !origin.is_empty());
        given.map(|origin| origin.parse().map_err(|error| anyhow!("--cors-origin {origin}: {error}"))).collect()
    }

    /// What they say of the API.
    pub fn engine(&self) -> anyhow::Result<EngineSettings> {
        ensure!(!self.documents_only || self.documents.is_some(), "--documents-only wants --documents, a file of them");
        let persisted = match &self.documents {
            Some(path) => {
                let cannot = || format!("cannot read the documents of {}", path.display());
                let manifest = fs::read_to_string(path).with_context(cannot)?;
                PersistedDocuments::parse(&manifest, self.documents_only).with_context(cannot)?
            }
            None => PersistedDocuments::default(),
        };
        let mut settings =
            EngineSettings { persisted, introspection: self.introspection.into(), ..EngineSettings::default() };
        for setting in self.document_limits.iter().filter(|setting| !setting.is_empty()) {
            let set = match setting.trim().strip_prefix("untrusted.") {
                Some(setting) => settings.untrusted_limits.set(setting),
                None => settings.limits.set(setting),
            };
            set.map_err(|error| anyhow!("--document-limit {setting}: {error}"))?;
        }
        Ok(settings)
    }
}
