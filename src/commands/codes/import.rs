//! `promolink codes import`: the codes of a CSV file into a campaign.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use tokio::sync::mpsc;

use super::{
    MaxLinks, Target, Writing,
    columns::Row,
    parse_max_links,
    progress::{Progress, Total},
    rejects::{Rejected, Rejects},
    rows::{Batch, Rows},
};
use crate::{
    commands::{output, signals::asked_to_end},
    promotions::{Campaign, Clock, CodeImport, CustomerId, NewCode, NewCodes, RowLink, RowOutcome, SystemClock},
};

pub const EXAMPLES: &str = "\
Example:
  promolink codes import codes.csv --org 1 \\
    --campaign 0190b5a0-0000-7000-8000-000000000001 --rejects bad.csv

where codes.csv is, for instance:
  code,customer_id
  SUMMER-K7QX,42
  SUMMER-M2WA,

The header is required, and so is its column `code`. Columns are separated by commas, semicolons or tabs. Where a row \
has a `customer_id`, the code is linked to that customer, under the same rules as in the API; a code whose link is \
refused is in the campaign all the same. Further columns are those of an export, and may be missing:
  max_links    how many customers may link the code; empty: any number
  revoked      true: a new code is revoked from the start
  state        a row is left out, as a bad one, if this is neither empty nor ACTIVE nor NOT_YET_REDEEMABLE
  redemptions  likewise, if this is neither empty nor 0; where another row brings the code in, the customer of the
               row that was left out can link it again
  created_on, link_count, promotion_id and linked_on are skipped: they come into being anew.
Any other column is an error, unless --ignore names it. Rows without any text are skipped.

Bad rows are reported with their line, and make the exit code 1; so does a file without rows. Rows are kept in batches \
of 500, so after an interruption run the same command again: codes that are there already stay as they are. With \
--all-or-nothing, one transaction takes the whole file. While it lasts, others wait, and after a second or two are told \
to try again: on SQLite all who write, on PostgreSQL those who link or add the same codes.";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The CSV file; - is standard input
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// How many customers may link each new code, if the file does not say so: a number, or `none` for any number
    /// [default: 1]
    #[arg(long, value_name = "NUMBER", value_parser = parse_max_links)]
    max_links: Option<MaxLinks>,
    /// A column to ignore; may be given several times
    #[arg(long, value_name = "NAME")]
    ignore: Vec<String>,
    /// A file to list the bad rows in, as CSV with the columns line, code and reason; it is replaced if it is there.
    /// Without it, the first 20 are shown
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Keep nothing if any row is bad
    #[arg(long)]
    all_or_nothing: bool,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { file, target, max_links, ignore, rejects, all_or_nothing, writing } = arguments;
    let (input, total) = open(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows = Rows::open(input, &ignore).with_context(|| format!("cannot import {}", file.display()))?;
    ensure!(
        max_links.is_none() || !rows.have_max_links(),
        "{} has a column max_links: --max-links can't be given as well",
        file.display()
    );
    let max_links = max_links.unwrap_or(MaxLinks(Some(1)));
    let (repository, campaign) = target.open().await?;
    let mut rejects = Rejects::create(rejects.as_deref(), writing, &file)?;
    let import = repository.import().await.context("cannot begin the import")?;

    let mut run = Run { import, campaign, max_links, all_or_nothing, tally: Tally::default() };
    let mut progress = Progress::start(total, "rows");
    let result = run.all(rows, &mut rejects, &mut progress).await;
    let seconds = progress.finish().as_secs_f32();
    rejects.show();
    let Tally { rows, added, present, linked, held } = run.tally;
    let bad = rejects.count();
    let result = if all_or_nothing {
        result.context("nothing was changed")?;
        ensure!(bad == 0, "{bad} of {rows} rows were rejected, so nothing was changed");
        run.import.commit().await.context("cannot keep the rows")?;
        Ok(())
    } else {
        result.with_context(|| format!("stopped after {rows} rows; what was added is kept"))
    };
    output::remark(format_args!(
        "codes added: {added}, there already: {present}; linked to the customers of their rows: {linked}, linked to them \
         before: {held}; rows rejected: {bad}; in {seconds:.1} s"
    ));
    result?;
    ensure!(rows > 0, "{} has no rows below its header", file.display());
    ensure!(bad == 0, "{bad} of {rows} rows were rejected; the others are kept");
    Ok(())
}

fn open(file: &Path) -> io::Result<(Box<dyn Read + Send>, Total)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), Total::Unknown));
    }
    let file = File::open(file)?;
    let about = file.metadata()?;
    Ok((Box::new(file), if about.is_file() { Total::Bytes(about.len()) } else { Total::Unknown }))
}

/// What has come of the rows.
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
    /// Imports all rows, a batch after the other.
    async fn all(&mut self, mut rows: Rows, rejects: &mut Rejects, progress: &mut Progress) -> anyhow::Result<()> {
        // Reading may block for ever, so it has a thread of its own, which nothing waits for but the end of the rows.
        let (sender, mut batches) = mpsc::channel(1);
        let reader = thread::spawn(move || -> anyhow::Result<()> {
            while let Some(batch) = rows.batch()? {
                if sender.blocking_send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut interrupted = tokio::spawn(asked_to_end()?);
        loop {
            let batch = tokio::select! {
                biased;
                _ = &mut interrupted => bail!("interrupted"),
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { break };
            let bytes = batch.bytes;
            rejects.take(self.batch(batch).await?)?;
            progress.update(self.tally.rows, bytes);
        }
        reader.join().map_err(|_| anyhow!("the reader of the file failed"))?.context("cannot read the file")
    }

    /// Imports a batch. Answers with its rejected rows, in the order of their lines.
    async fn batch(&mut self, batch: Batch) -> anyhow::Result<Vec<Rejected>> {
        let mut tally = Tally { rows: self.tally.rows + batch.len() as u64, ..self.tally };
        let Batch { good, mut bad, .. } = batch;
        if !good.is_empty() {
            let lines: Vec<u64> = good.iter().map(|(line, _)| *line).collect();
            let (codes, customers): (Vec<_>, Vec<_>) = good.into_iter().map(|(_, row)| self.new_code(row)).unzip();
            let new = NewCodes::new(&self.campaign, codes, SystemClock.now());
            let outcomes = self.import.add(&new, &customers).await?;
            if !self.all_or_nothing {
                self.import.commit().await?;
            }
            for ((line, new), outcome) in lines.into_iter().zip(new.codes).zip(outcomes) {
                if let Some(reason) = tally.count(outcome) {
                    bad.push(Rejected { line, code: new.code.text().to_owned(), reason });
                }
            }
        }
        self.tally = tally;
        bad.sort_unstable_by_key(|row| row.line);
        Ok(bad)
    }

    fn new_code(&self, Row { code, max_links, revoked, customer }: Row) -> (NewCode, Option<CustomerId>) {
        let max_links = max_links.unwrap_or(self.max_links).0;
        (NewCode { code, max_links, revoked }, customer)
    }
}

impl Tally {
    /// Counts a row. Returns what is wrong with it, if something is.
    fn count(&mut self, outcome: RowOutcome) -> Option<String> {
        let RowOutcome::InCampaign { added, link } = outcome else {
            return Some("another campaign has this code".to_owned());
        };
        *if added { &mut self.added } else { &mut self.present } += 1;
        match link {
            Some(RowLink::New) => self.linked += 1,
            Some(RowLink::Held) => self.held += 1,
            Some(RowLink::Refused(refusal)) => {
                return Some(format!("the code is there, but was not linked: {refusal}"));
            }
            None => {}
        }
        None
    }
}
