//! `promolink schema`: prints the schema.

use std::io::{self, Write};

use clap::Args;

use crate::graphql;

#[derive(Debug, Args)]
pub struct Arguments {
    /// As a gateway composes it with other graphs: a subgraph of Apollo Federation 2
    #[arg(long)]
    federation: bool,
}

pub fn run(Arguments { federation }: &Arguments) -> anyhow::Result<()> {
    let sdl = if *federation { graphql::subgraph_sdl() } else { graphql::sdl() };
    match io::stdout().write_all(sdl.as_bytes()) {
        // Whoever reads has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
