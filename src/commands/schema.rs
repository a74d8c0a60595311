//! `promolink schema`: prints the schema.

use clap::Args;

use super::output;
use crate::graphql;

const HELP: &str = "\
Examples:
  promolink schema > schema.graphql
  promolink schema --federation > promolink.graphql

Exit codes: 0 success, 1 failure.

See also: docs/typed-clients.md, docs/federation.md";

/// Print the GraphQL schema
///
/// Prints the schema with descriptions, for code generators and for the composition of a supergraph. Needs neither a server
/// nor a database.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Print the schema as an Apollo Federation 2 subgraph, for a gateway
    #[arg(long)]
    federation: bool,
}

pub fn run(Arguments { federation }: &Arguments) -> anyhow::Result<()> {
    output::print(if *federation { graphql::subgraph_sdl() } else { graphql::sdl() })
}
