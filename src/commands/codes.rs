//! `promolink codes`: promotion codes by the million. Each subcommand streams, so that none needs more memory for more
//! codes.

mod columns;
mod export;
mod generate;
mod import;
mod input;
mod progress;
mod rejects;
mod rows;

use std::{borrow::Cow, sync::Arc};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{Database, parse_org};
use crate::promotions::{CODE_BATCH as BATCH, Campaign, CampaignId, MAX_LIMIT, OrgId, PromotionRepository};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Generate codes for a campaign, and list them as CSV
    #[command(after_help = generate::EXAMPLES)]
    Generate(generate::Arguments),
    /// Import the codes of a CSV file into a campaign, and link them where the file names customers
    #[command(after_help = import::EXAMPLES)]
    Import(import::Arguments),
    /// Write a campaign's codes and who holds them to standard output, as CSV
    #[command(after_help = export::EXAMPLES)]
    Export(export::Arguments),
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Generate(arguments) => generate::run(arguments).await,
        Command::Import(arguments) => import::run(arguments).await,
        Command::Export(arguments) => export::run(arguments).await,
    }
}

/// Whose codes, and where they are.
#[derive(Debug, Args)]
struct Target {
    #[command(flatten)]
    database: Database,
    /// The organisation that the campaign belongs to
    #[arg(long, value_name = "NUMBER", value_parser = parse_org)]
    org: OrgId,
    /// The campaign's id
    #[arg(long, value_name = "UUID")]
    campaign: Uuid,
}

impl Target {
    /// Opens the database, and finds the campaign.
    async fn open(self) -> anyhow::Result<(Arc<dyn PromotionRepository>, Campaign)> {
        let (url, store) = self.database.open().await?;
        let found = store.promotions.campaigns(self.org, &[CampaignId::from(self.campaign)]).await;
        match found.with_context(|| format!("cannot read {url}"))?.pop() {
            Some(campaign) => Ok((store.promotions, campaign)),
            None => bail!("organisation {} has no campaign {}", self.org.get(), self.campaign),
        }
    }
}

/// How many customers may link a code. No `Option` of its own, which would make the argument itself optional.
#[derive(Debug, Clone, Copy)]
struct MaxLinks(Option<u32>);

fn parse_max_links(text: &str) -> Result<MaxLinks, String> {
    if text == "none" {
        return Ok(MaxLinks(None));
    }
    match text.parse() {
        Ok(number) if (1..=MAX_LIMIT).contains(&number) => Ok(MaxLinks(Some(number))),
        _ => Err(format!("a number from 1 to {MAX_LIMIT}, or none, is wanted")),
    }
}

/// How codes are written.
#[derive(Debug, Clone, Copy, Args)]
struct Writing {
    /// Write for a spreadsheet: a code that it would take for a formula (it begins with =, +, - or @) has a ' before it.
    /// Other programs read a different code then, and `promolink codes import` rejects it
    #[arg(long)]
    spreadsheet: bool,
}

impl Writing {
    /// A cell with a text of ours or of others' making.
    fn cell(self, text: &str) -> Cow<'_, str> {
        if self.spreadsheet && text.starts_with(formula) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
    }
}

/// Whether a spreadsheet takes a cell that begins so for a formula, or skips the character and then does
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
const fn formula(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
}
