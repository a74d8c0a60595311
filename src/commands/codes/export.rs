//! `promolink codes export`: a campaign's codes and their holders, as CSV.

use std::{
    collections::HashMap,
    io::{self, Write},
    iter,
};

use anyhow::Context;
use clap::Args;

use super::{
    CampaignArgs, CsvArgs,
    progress::{Progress, Total},
};
use crate::promotions::{
    Clock, FoldedCode, Promotion, PromotionCode, PromotionRepository, PromotionState, Start, SystemClock, Timestamp,
};

const HELP: &str = "\
The columns:
  code          the code as it was issued
  created_on    when it was issued, in milliseconds since 1970-01-01 (UTC)
  revoked       true or false
  max_links     how many customers may link the code; empty: any number
  link_count    how many holds count against max_links
  customer_id   the customer who holds the code
  promotion_id  the id of the hold: `id` of a Promotion in the API
  linked_on     when the code was linked, in milliseconds since 1970-01-01 (UTC)
  state         the state of the hold, as in the API, such as ACTIVE or REDEEMED
  redemptions   how many times the hold was redeemed, not counting reversed redemptions
  holders       how many customers hold the code. The rest of link_count has used it up

Example:
  promolink codes export --org 1 \\
    --campaign 0190b5a0-0000-7000-8000-000000000001 > codes.csv

Exit codes: 0 success, 1 failure, 2 invalid settings.

See also: docs/codes.md (Codes in bulk)";

const HEADER: [&str; 11] = [
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
    "holders",
];

/// Codes of one read.
const CODES: u32 = 1_000;

/// Holds of one read.
const HOLDS: u32 = 1_000;

/// Write a campaign's codes and their holders to standard output, as CSV
///
/// Writes one row for each customer that holds a code. A code without holders has one row without a customer and a
/// promotion. Changes made while the export runs may or may not be included. `promolink codes import` accepts the file, and
/// reports the rows that it rejects.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    campaign: CampaignArgs,
    #[command(flatten)]
    csv: CsvArgs,
}

/// The reader of standard output, such as `head`, has read enough.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
struct OutputClosed;

pub async fn run(Arguments { campaign, csv }: Arguments) -> anyhow::Result<()> {
    match export(campaign, csv).await {
        Err(error) if error.is::<OutputClosed>() => Ok(()),
        exported => exported,
    }
}

async fn export(campaign: CampaignArgs, csv: CsvArgs) -> anyhow::Result<()> {
    let (store, campaign) = campaign.open().await?;
    // Counting the codes of a large campaign would take as long as many pages.
    let mut progress = Progress::beside_output(Total::Unknown, "codes");
    let mut sheet = Sheet { csv, writer: csv::Writer::from_writer(io::stdout()), now: SystemClock.now() };
    sheet.record(HEADER)?;

    let mut done = 0;
    let mut after = None;
    loop {
        let codes = store.promotions.codes_of_campaigns(campaign.org, &[(campaign.id, after)], CODES).await?;
        for group in groups(&codes) {
            write_group(&mut sheet, &*store.promotions, group).await?;
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

/// Splits codes into groups whose first holds fit into one read.
fn groups(mut codes: &[PromotionCode]) -> impl Iterator<Item = &[PromotionCode]> {
    iter::from_fn(move || {
        let mut holds = 0;
        let full = codes.iter().position(|code| {
            // The first read returns no more holds of a code.
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
        let first = holds.remove(code.code.folded()).unwrap_or_default();
        if first.is_empty() {
            sheet.unheld(code)?;
            continue;
        }
        // Each row has the number of all, so the pages of a code with many holders are read twice, rather than kept.
        let mut holders = first.len();
        let mut page = next_page(repository, code, &first).await?;
        while !page.is_empty() {
            holders += page.len();
            page = next_page(repository, code, &page).await?;
        }
        page = first;
        while !page.is_empty() {
            sheet.held(code, &page, holders)?;
            page = next_page(repository, code, &page).await?;
        }
    }
    Ok(())
}

/// Reads the holds of a code that follow a page of them. Only the last page is not full.
async fn next_page(
    repository: &dyn PromotionRepository,
    code: &PromotionCode,
    page: &[Promotion],
) -> anyhow::Result<Vec<Promotion>> {
    match page.last() {
        Some(last) if page.len() >= HOLDS as usize => {
            let next = (code.code.folded().clone(), Some(last.customer_id));
            Ok(repository.holds_of_codes(code.org, code.mode, &[next], HOLDS).await?)
        }
        _ => Ok(Vec::new()),
    }
}

/// The CSV file.
struct Sheet<W: Write> {
    csv: CsvArgs,
    writer: csv::Writer<W>,
    /// The moment of the states.
    now: Timestamp,
}

impl<W: Write> Sheet<W> {
    fn unheld(&mut self, code: &PromotionCode) -> anyhow::Result<()> {
        let empty = [const { String::new() }; 5];
        let about = self.code_cells(code);
        self.record(about.iter().chain(&empty).chain([&"0".to_owned()]))
    }

    fn held(&mut self, code: &PromotionCode, holds: &[Promotion], holders: usize) -> anyhow::Result<()> {
        let about = self.code_cells(code);
        for hold in holds {
            let hold = [
                hold.customer_id.get().to_string(),
                hold.id.get().to_string(),
                hold.created_on.millis().to_string(),
                name(hold.state(self.now)).to_owned(),
                hold.redemption_count.to_string(),
                holders.to_string(),
            ];
            self.record(about.iter().chain(&hold))?;
        }
        Ok(())
    }

    /// The cells of the columns that describe the code.
    fn code_cells(&self, code: &PromotionCode) -> [String; 5] {
        [
            self.csv.cell(code.code.text()).into_owned(),
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
            Err(OutputClosed.into())
        }
        result => result.context("cannot write to standard output"),
    }
}

/// The state as the API spells it.
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
