//! `promolink schema`: prints the schema.

use clap::Args;

use super::output;
use crate::graphql;

#[derive(Debug, Args)]
pub struct Arguments {
    /// As a gateway composes it with other graphs: a subgraph of Apollo Federation 2
    #[arg(long)]
    federation: bool,
}

pub fn run(Arguments { federation }: &Arguments) -> anyhow::Result<()> {
    output::print(if *federation { graphql::subgraph_sdl() } else { graphql::sdl() })
}
