//! `promolink codes export`: a campaign's codes and who holds them, as CSV.

use std::{
    collections::HashMap,
    io::{self, Write},
    iter,
};

use anyhow::Context;
use clap::Args;

use super::{
    Target, Writing,
    progress::{Progress, Total},
};
use crate::promotions::{
    Clock, FoldedCode, Promotion, PromotionCode, PromotionRepository, PromotionState, Start, SystemClock, Timestamp,
};

pub const EXAMPLES: &str = "\
Example:
  promolink codes export --org 1 \\
    --campaign 0190b5a0-0000-7000-8000-000000000001 > codes.csv

The columns:
  code          the code as it was issued
  created_on    when it was issued, in milliseconds since 1970-01-01 (UTC)
  revoked       true or false
  max_links     how many customers may hold it at once; empty: any number
  link_count    how many do, or have used it up
  customer_id   who holds it
  promotion_id  the id of that hold: `id` of a Promotion in the API
  linked_on     when it was linked, likewise
  state         of the hold, as in the API: ACTIVE, REDEEMED and so on
  redemptions   how often it has been redeemed, without what was reversed

One row for each customer that holds a code; one row with the last five columns empty for a code without \
holders. What changes while the export runs may be in it or not.

`promolink codes import` takes it in again, and says what it leaves out.";

const HEADER: [&str; 10] = [
    "code",
    "created_on",
    "revoked",
    "max_links",
    "link_count",
    "customer_id",
    "promotion_id",
    "linked_on",
    "state",
    "redemptions",
];

/// Codes that are read at a time.
const CODES: u32 = 1_000;

/// Holds that are read at a time.
const HOLDS: u32 = 1_000;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    writing: Writing,
}

/// Whoever reads has seen enough, as `head` does.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has gone")]
struct ReaderGone;

pub async fn run(Arguments { target, writing }: Arguments) -> anyhow::Result<()> {
    match export(target, writing).await {
        Err(error) if error.is::<ReaderGone>() => Ok(()),
        exported => exported,
    }
}

async fn export(target: Target, writing: Writing) -> anyhow::Result<()> {
    let (repository, campaign) = target.open().await?;
    // Nobody counts the codes for it: on a large campaign that would take as long as many pages.
    let mut progress = Progress::beside_output(Total::Unknown, "codes");
    let mut sheet = Sheet { writing, writer: csv::Writer::from_writer(io::stdout()), now: SystemClock.now() };
    sheet.record(HEADER)?;

    let mut done = 0;
    let mut after = None;
    loop {
        let codes = repository.codes_of_campaigns(campaign.org, &[(campaign.id, after)], CODES).await?;
        for group in groups(&codes) {
            write_group(&mut sheet, &*repository, group).await?;
        }
        sheet.flush()?;
        done += codes.len() as u64;
        progress.update(done, 0);
        match codes.last() {
            Some(last) => after = Some(last.code.folded().clone()),
            None => break,
        }
    }
    progress.finish();
    Ok(())
}

/// The codes, in runs that have as many holds together as are read at a time.
fn groups(mut codes: &[PromotionCode]) -> impl Iterator<Item = &[PromotionCode]> {
    iter::from_fn(move || {
        let mut holds = 0;
        let full = codes.iter().position(|code| {
            // Of a code with more, no more are read at first.
            holds += code.link_count.min(HOLDS);
            holds > HOLDS
        });
        let (group, rest) = codes.split_at(full.unwrap_or(codes.len()));
        codes = rest;
        (!group.is_empty()).then_some(group)
    })
}

async fn write_group(
    sheet: &mut Sheet<impl Write>,
    repository: &dyn PromotionRepository,
    codes: &[PromotionCode],
) -> anyhow::Result<()> {
    let Some(PromotionCode { org, mode, .. }) = codes.first() else { return Ok(()) };
    let held = codes.iter().filter(|code| code.link_count > 0);
    let held: Vec<Start<_, _>> = held.map(|code| (code.code.folded().clone(), None)).collect();
    let mut holds: HashMap<FoldedCode, Vec<Promotion>> = HashMap::new();
    if !held.is_empty() {
        for hold in repository.holds_of_codes(*org, *mode, &held, HOLDS).await? {
            holds.entry(hold.code.folded().clone()).or_default().push(hold);
        }
    }
    for code in codes {
        let mut page = holds.remove(code.code.folded()).unwrap_or_default();
        if page.is_empty() {
            sheet.unheld(code)?;
        }
        while let Some(last) = page.last() {
            sheet.held(code, &page)?;
            // A page that is not full is the last one.
            if page.len() < HOLDS as usize {
                break;
            }
            let next = (code.code.folded().clone(), Some(last.customer_id));
            page = repository.holds_of_codes(*org, *mode, &[next], HOLDS).await?;
        }
    }
    Ok(())
}

/// The CSV that comes out.
struct Sheet<W: Write> {
    writing: Writing,
    writer: csv::Writer<W>,
    /// The moment that states are told of.
    now: Timestamp,
}

impl<W: Write> Sheet<W> {
    fn unheld(&mut self, code: &PromotionCode) -> anyhow::Result<()> {
        let empty = [const { String::new() }; 5];
        let about = self.about(code);
        self.record(about.iter().chain(&empty))
    }

    fn held(&mut self, code: &PromotionCode, holds: &[Promotion]) -> anyhow::Result<()> {
        let about = self.about(code);
        for hold in holds {
            let hold = [
                hold.customer_id.get().to_string(),
                hold.id.get().to_string(),
                hold.created_on.millis().to_string(),
                name(hold.state(self.now)).to_owned(),
                hold.redemption_count.to_string(),
            ];
            self.record(about.iter().chain(&hold))?;
        }
        Ok(())
    }

    /// The columns that are about the code.
    fn about(&self, code: &PromotionCode) -> [String; 5] {
        [
            self.writing.cell(code.code.text()).into_owned(),
            code.created_on.millis().to_string(),
            code.revoked_on.is_some().to_string(),
            code.max_links.map(|limit| limit.to_string()).unwrap_or_default(),
            code.link_count.to_string(),
        ]
    }

    fn record(&mut self, fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> anyhow::Result<()> {
        written(self.writer.write_record(fields))
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        written(self.writer.flush().map_err(Into::into))
    }
}

fn written(result: csv::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::BrokenPipe) => {
            Err(ReaderGone.into())
        }
        result => result.context("cannot write to standard output"),
    }
}

/// A state as the API spells it.
const fn name(state: PromotionState) -> &'static str {
    match state {
        PromotionState::Unlinked => "UNLINKED",
        PromotionState::Inactive => "INACTIVE",
        PromotionState::Expired => "EXPIRED",
        PromotionState::Redeemed => "REDEEMED",
        PromotionState::NotYetRedeemable => "NOT_YET_REDEEMABLE",
        PromotionState::Active => "ACTIVE",
    }
}
