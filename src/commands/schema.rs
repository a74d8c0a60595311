//! `promolink schema`: prints the schema.

use clap::Args;

use super::output;
use crate::graphql;

const HELP: &str = "\
Examples:
  promolink schema > schema.graphql
  promolink schema --federation > promolink.graphql

Exit codes: 0 success, 1 failure.

Read on: docs/typed-clients.md, docs/federation.md";

/// Print the GraphQL schema
///
/// It is the schema that the server executes, with descriptions, for code generators and for composition. No server and no
/// database are needed.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Print it as a subgraph of Apollo Federation 2, which a gateway composes with other graphs
    #[arg(long)]
    federation: bool,
}

pub fn run(Arguments { federation }: &Arguments) -> anyhow::Result<()> {
    output::print(if *federation { graphql::subgraph_sdl() } else { graphql::sdl() })
}
