//! `promolink schema`: prints the public schema.

use std::io::{self, Write};

use crate::graphql;

pub fn run() -> anyhow::Result<()> {
    match io::stdout().write_all(graphql::sdl().as_bytes()) {
        // Whoever reads has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
