//! `promolink codes`: promotion codes by the million. Each subcommand streams, so its memory does not depend on the number of
//! codes.

mod export;
mod generate;
mod import;
mod progress;

use std::{borrow::Cow, str::FromStr};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::database;
use crate::{
    config::DatabaseArgs,
    promotions::{Campaign, CampaignId, MAX_LIMIT, OrgId},
    store::Store,
};

/// Generate, import and export large numbers of promotion codes
///
/// These commands access the database directly, and can be used while servers are running. They use a constant amount of
/// memory, and show their progress on standard error.
#[derive(Debug, Subcommand)]
#[command(after_help = "See also: docs/codes.md")]
pub enum Command {
    Generate(generate::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Generate(arguments) => generate::run(arguments).await,
        Command::Import(arguments) => import::run(arguments).await,
        Command::Export(arguments) => export::run(arguments).await,
    }
}

/// A campaign of an organisation.
#[derive(Debug, Args)]
struct CampaignArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The number of the organisation
    #[arg(long, value_name = "NUMBER")]
    org: OrgId,
    /// The id of the campaign, as listed by the query `campaigns` of the API
    #[arg(long, value_name = "UUID", value_parser = parse_campaign)]
    campaign: Uuid,
}

impl CampaignArgs {
    /// Opens the database and finds the campaign.
    async fn open(self) -> anyhow::Result<(Store, Campaign)> {
        let url = self.database.url;
        let store = database::open(&url).await?;
        let found = store.promotions.campaigns(self.org, &[CampaignId::from(self.campaign)]).await;
        match found.with_context(|| format!("cannot read {url}"))?.pop() {
            Some(campaign) => Ok((store, campaign)),
            None => bail!("organisation {} has no campaign {}", self.org.get(), self.campaign),
        }
    }
}

fn parse_campaign(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "it must be the id of a campaign, a UUID, which the query `campaigns` of the API lists")
}

/// How many customers may link a code. Not an `Option`, which would make clap take the argument itself for optional.
#[derive(Debug, Clone, Copy)]
struct MaxLinks(Option<u32>);

/// The text is not a limit on links.
#[derive(Debug, thiserror::Error)]
#[error("it must be a number from 1 to {MAX_LIMIT}, or none")]
struct InvalidMaxLinks;

impl FromStr for MaxLinks {
    type Err = InvalidMaxLinks;

    fn from_str(text: &str) -> Result<Self, InvalidMaxLinks> {
        if text == "none" {
            return Ok(Self(None));
        }
        let number = text.parse().ok().filter(|number| (1..=MAX_LIMIT).contains(number));
        number.map(|number| Self(Some(number))).ok_or(InvalidMaxLinks)
    }
}

/// How codes are written as CSV.
#[derive(Debug, Clone, Copy, Args)]
struct CsvArgs {
    /// Write a file for a spreadsheet, with a ' before each code that begins with =, +, - or @, because a spreadsheet would
    /// interpret such a code as a formula. Other programs then read a different code, and `promolink codes import` rejects
    /// it
    #[arg(long)]
    spreadsheet: bool,
}

impl CsvArgs {
    /// The text of a cell.
    fn cell(self, text: &str) -> Cow<'_, str> {
        if self.spreadsheet && text.starts_with(begins_formula) {
            Cow::Owned(format!("'{text}"))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// Whether a spreadsheet takes a cell that begins with this character for a formula, or skips the character and then does
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
const fn begins_formula(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
}
