//! How a server is called: what `dev` and `serve` have in common.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{parse_switch, settings_error};
use crate::{
    graphql::{EngineSettings, Introspection, PersistedDocuments},
    http::{AllowedHosts, HttpSettings, Origin},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "GraphQL over HTTP")]
pub struct HttpArguments {
    #[arg(
        long = "cors-origin",
        env = "PROMOLINK_CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help = "An origin whose pages may call the API (CORS), such as https://shop.example; may be given more than once. \
                With `dev`, pages of loopback origins may call as well"
    )]
    origins: Vec<Origin>,
    /// A file of persisted documents that callers may name by documentId: the manifest of graphql-codegen
    #[arg(long, env = "PROMOLINK_DOCUMENTS", value_name = "FILE")]
    documents: Option<PathBuf>,
    /// Execute persisted documents only; admins may send others
    #[arg(long, env = "PROMOLINK_DOCUMENTS_ONLY", value_parser = parse_switch)]
    documents_only: bool,
    /// The callers whose documents may select the schema (introspection): on for all, trusted for services and admins, or
    /// off for none
    #[arg(
        long,
        env = "PROMOLINK_INTROSPECTION",
        value_name = "ON|TRUSTED|OFF",
        default_value = "trusted",
        ignore_case = true,
        hide_possible_values = true
    )]
    introspection: IntrospectionArgument,
    /// Whether there is a GraphiQL page, at /graphiql, for developers to explore: on or off. `dev` has one, `serve` has none
    #[arg(long, env = "PROMOLINK_GRAPHIQL", value_name = "ON|OFF", value_parser = parse_switch)]
    graphiql: Option<bool>,
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
enum IntrospectionArgument {
    #[value(aliases = ["true", "1", "yes"])]
    On,
    Trusted,
    #[value(aliases = ["false", "0", "no"])]
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

impl HttpArguments {
    /// The settings of the HTTP server. By default, a server for this machine only has a GraphiQL page.
    pub fn http(&self, allowed_hosts: AllowedHosts) -> HttpSettings {
        let graphiql = self.graphiql.unwrap_or(allowed_hosts == AllowedHosts::Loopback);
        HttpSettings { graphiql, origins: self.origins.clone(), allowed_hosts }
    }

    /// What they say of the API.
    pub fn engine(&self) -> anyhow::Result<EngineSettings> {
        if self.documents_only && self.documents.is_none() {
            return Err(settings_error("--documents-only requires --documents, a file of documents"));
        }
        let persisted = match &self.documents {
            Some(path) => read_documents(path, self.documents_only)
                .with_context(|| format!("cannot read the documents of {}", path.display()))
                .map_err(|error| settings_error(format_args!("{error:#}")))?,
            None => PersistedDocuments::default(),
        };
        let mut settings =
            EngineSettings { persisted, introspection: self.introspection.into(), ..EngineSettings::default() };
        for setting in &self.document_limits {
            let set = match setting.trim().strip_prefix("untrusted.") {
                Some(setting) => settings.untrusted_limits.set(setting),
                None => settings.limits.set(setting),
            };
            set.map_err(|reason| settings_error(format_args!("--document-limit {setting}: {reason}")))?;
        }
        Ok(settings)
    }
}

fn read_documents(path: &Path, only: bool) -> anyhow::Result<PersistedDocuments> {
    Ok(PersistedDocuments::parse(&fs::read_to_string(path)?, only)?)
}
