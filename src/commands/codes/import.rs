//! `promolink codes import`: the codes of a CSV file into a campaign.

mod columns;
mod csv_source;
mod quotes;
mod rejects;
mod row_reader;

use std::{path::PathBuf, thread};

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use tokio::sync::mpsc;

use self::{
    columns::Row,
    rejects::{RejectReason, RejectedRow, Rejects},
    row_reader::{Batch, RowReader},
};
use super::{
    CampaignArgs, CsvArgs, MaxLinks,
    progress::{Progress, Total},
};
use crate::{
    commands::{UsageError, database, output, signals::shutdown_signal},
    promotions::{
        Actor, Attribution, Campaign, Clock, CodeImport, NewCode, NewCodes, RowDetails, RowLink, RowOutcome,
        SystemClock,
    },
};

const HELP: &str = "\
The columns:
  code         required
  customer_id  the code is linked to this customer, by the rules of the API. If the link is refused,
               the code is still imported
  max_links    how many customers may link the code; empty: any number
  revoked      true: a new code is imported as revoked. If the code exists already, the row is rejected
               unless its max_links and revoked are those of the code
  state        the row is rejected unless this is empty, ACTIVE or NOT_YET_REDEEMABLE
  redemptions  the row is rejected unless this is empty or 0. If another row imports the code, the
               customer of the rejected row can link it again
  link_count   the row is rejected if this is more than holders, or than the row's own customer if there
               is no column holders: the code was used up by customers that no longer hold it. Codes
               that are revoked or that any number may link are imported
  holders      how many hold the code; see link_count
The columns created_on, promotion_id and linked_on of an export are skipped. Any other column is an error, \
unless --ignore names it.

Examples:
  promolink codes import codes.csv --org 1 \\
    --campaign 0190b5a0-0000-7000-8000-000000000001 --rejects bad.csv

For example, codes.csv contains:
  code,customer_id
  SUMMER-K7QX,42
  SUMMER-M2WA,

Exit codes: 0 success; 1 failure, interruption, rejected rows, or a file without rows; 2 invalid settings.

See also: docs/codes.md (Codes in bulk)";

/// Import codes from a CSV file into a campaign, and link those that have a customer
///
/// The first line is the header, and must have the column `code`; a line such as `sep=;` may precede it. Columns are
/// separated by commas, semicolons or tabs. Empty rows are skipped. Rejected rows are reported with their line numbers.
///
/// Rows are committed in batches of 500. After an interruption, run the same command again: existing codes are not changed.
/// With --all-or-nothing, the whole file is one transaction. While it runs, conflicting requests wait, and fail with
/// OVERLOADED after one to two seconds; they can be retried. On SQLite, all changes conflict; on PostgreSQL, only requests
/// that link or add the same codes do.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The CSV file, in UTF-8, or - for standard input
    file: PathBuf,
    #[command(flatten)]
    campaign: CampaignArgs,
    /// How many customers may link each new code: a number, or none for no limit. Not permitted if the file has a column
    /// max_links [default: 1]
    #[arg(long, value_name = "NUMBER")]
    max_links: Option<MaxLinks>,
    /// Ignore this column. May be repeated
    #[arg(long, value_name = "NAME")]
    ignore: Vec<String>,
    /// Write the rejected rows to this file, as CSV with the columns line, code and reason. An existing file is replaced.
    /// Without this option, the first 20 rejected rows are shown
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Import nothing if any row is rejected
    #[arg(long)]
    all_or_nothing: bool,
    #[command(flatten)]
    csv: CsvArgs,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { file, campaign, max_links, ignore, rejects, all_or_nothing, csv } = arguments;
    let (input, metadata) = csv_source::open(&file).with_context(|| UsageError::CannotRead(file.clone()))?;
    let total = if metadata.is_file() { Total::Bytes(metadata.len()) } else { Total::Unknown };
    let rows = RowReader::open(input, &ignore).with_context(|| format!("cannot import {}", file.display()))?;
    ensure!(
        max_links.is_none() || !rows.have_max_links(),
        "{} has a column max_links, so --max-links is not permitted",
        file.display()
    );
    let max_links = max_links.unwrap_or(MaxLinks(Some(1)));
    let (store, campaign) = campaign.open().await?;
    let mut rejects = Rejects::create(rejects.as_deref(), csv, &metadata)?;
    let import = store.promotions.import().await.context("cannot begin the import")?;

    let mut run = Run { import, campaign, max_links, all_or_nothing, tally: Tally::default() };
    let mut progress = Progress::start(total, "rows");
    let result = run.all(rows, &mut rejects, &mut progress).await;
    let seconds = progress.finish().as_secs_f32();
    rejects.show();
    let Tally { rows, added, present, linked, held } = run.tally;
    let (rejected, refused) = (rejects.rejected(), rejects.refused_links());
    let result = if all_or_nothing {
        result.context("nothing was changed")?;
        ensure!(rejected == 0, "{rejected} of {rows} rows were rejected, so nothing was changed");
        ensure!(refused == 0, "{refused} links were refused, so nothing was changed");
        run.import.commit().await.context("cannot keep the rows")?;
        Ok(())
    } else {
        result.with_context(|| format!("stopped after {rows} rows; what was added is kept"))
    };
    database::settle_events(&store).await;
    output::note(format_args!(
        "codes added: {added}, there already: {present}; linked to the customers of their rows: {linked}, linked to them \
         before: {held}; links refused: {refused}; rows rejected: {rejected}; in {seconds:.1} s"
    ));
    result?;
    ensure!(rows > 0, "{} has no rows below its header", file.display());
    let links = if refused > 0 { format!("; {refused} links were refused") } else { String::new() };
    ensure!(rejected == 0, "{rejected} of {rows} rows were rejected; the others are kept{links}");
    ensure!(refused == 0, "{refused} links were refused; the codes of their rows are kept");
    Ok(())
}

/// The outcomes of the rows so far.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: u64,
    added: u64,
    present: u64,
    linked: u64,
    held: u64,
}

struct Run {
    import: Box<dyn CodeImport>,
    campaign: Campaign,
    max_links: MaxLinks,
    all_or_nothing: bool,
    tally: Tally,
}

impl Run {
    /// Imports all rows, one batch after the other.
    async fn all(&mut self, mut rows: RowReader, rejects: &mut Rejects, progress: &mut Progress) -> anyhow::Result<()> {
        // Reading may block forever, so it has a thread of its own. Only the end of the rows waits for that.
        let (sender, mut batches) = mpsc::channel(1);
        let reader = thread::spawn(move || -> anyhow::Result<()> {
            while let Some(batch) = rows.next_batch()? {
                if sender.blocking_send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut interrupted = tokio::spawn(shutdown_signal()?);
        loop {
            let batch = tokio::select! {
                biased;
                _ = &mut interrupted => bail!("interrupted"),
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { break };
            let bytes = batch.bytes;
            rejects.add(self.batch(batch).await?)?;
            progress.update(self.tally.rows, bytes);
        }
        reader.join().map_err(|_| anyhow!("the reader of the file failed"))?.context("cannot read the file")
    }

    /// Imports a batch. Returns its rejected rows, in the order of their lines.
    async fn batch(&mut self, batch: Batch) -> anyhow::Result<Vec<RejectedRow>> {
        let mut tally = Tally { rows: self.tally.rows + batch.len() as u64, ..self.tally };
        let Batch { rows, mut rejected, .. } = batch;
        if !rows.is_empty() {
            let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
            let (codes, details): (Vec<_>, Vec<_>) = rows.into_iter().map(|(_, row)| self.new_code(row)).unzip();
            let new = NewCodes::new(&self.campaign, codes, &Attribution::to(Actor::CommandLine), SystemClock.now());
            let outcomes = self.import.add(&new, &details).await?;
            if !self.all_or_nothing {
                self.import.commit().await?;
            }
            for ((line, new), outcome) in lines.into_iter().zip(new.codes).zip(outcomes) {
                if let Some(reason) = tally.count(outcome) {
                    rejected.push(RejectedRow { line, code: new.code.text().to_owned(), reason });
                }
            }
        }
        self.tally = tally;
        rejected.sort_unstable_by_key(|row| row.line);
        Ok(rejected)
    }

    fn new_code(&self, Row { code, max_links, revoked, customer }: Row) -> (NewCode, RowDetails) {
        let details = RowDetails { customer, has_max_links: max_links.is_some(), has_revoked: revoked.is_some() };
        let max_links = max_links.unwrap_or(self.max_links).0;
        (NewCode { code, max_links, revoked: revoked.unwrap_or(false) }, details)
    }
}

impl Tally {
    /// Counts a row. Returns why it was rejected, if it was.
    fn count(&mut self, outcome: RowOutcome) -> Option<RejectReason> {
        let (added, link) = match outcome {
            RowOutcome::InOtherCampaign => return Some(RejectReason::InOtherCampaign),
            RowOutcome::Contradicts(contradiction) => return Some(RejectReason::Contradiction(contradiction)),
            RowOutcome::InCampaign { added, link } => (added, link),
        };
        *if added { &mut self.added } else { &mut self.present } += 1;
        match link {
            Some(RowLink::New) => self.linked += 1,
            Some(RowLink::Held) => self.held += 1,
            Some(RowLink::Refused(refusal)) => return Some(RejectReason::NotLinked(refusal)),
            None => {}
        }
        None
    }
}
