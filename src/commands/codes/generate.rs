//! `promolink codes generate`: new random codes for a campaign, listed as CSV.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    CampaignArgs, CsvArgs, MaxLinks,
    progress::{Progress, Total},
};
use crate::{
    commands::{UsageError, output, signals::shutdown_signal},
    promotions::{CODE_BATCH, Clock, Code, Pattern, SystemClock},
    service::{add_generated, check_space},
};

const HELP: &str = "\
Examples:
  Five million codes like 7KQ2MXWA, for one customer each:
    promolink codes generate --org 1 --count 5000000 --out codes.csv \\
      --campaign 0190b5a0-0000-7000-8000-000000000001

  A hundred codes like SUMMER-K7QX-M2WA, for ten customers each:
    promolink codes generate --org 1 --count 100 --max-links 10 \\
      --campaign 0190b5a0-0000-7000-8000-000000000001 --pattern 'SUMMER-####-####'

Exit codes: 0 success, 1 failure or interrupted, 2 wrong settings.

Read on: docs/codes.md (Codes by the million)";

/// Generate random codes for a campaign, and list them as CSV
///
/// Lists a code only after the database has committed it. If the list is lost, `promolink codes export` makes another. Ctrl-C
/// stops after the current batch; the codes so far are kept and listed.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    campaign: CampaignArgs,
    /// Generate this many codes
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Make codes like this: each # becomes a random letter or digit, none of which can be mistaken for another; everything
    /// else stays as it is. A pattern needs at least 10,000 possible codes for every code, so that codes can't be guessed
    #[arg(long, default_value = "########", value_parser = Pattern::parse)]
    pattern: Pattern,
    /// Let this many customers link each code: a number, or none for any number
    #[arg(long, default_value = "1", value_name = "NUMBER")]
    max_links: MaxLinks,
    /// List the codes in this file, which is replaced if it exists, instead of on standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    csv: CsvArgs,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { campaign, count, pattern, max_links, out, csv } = arguments;
    let (repository, campaign) = campaign.open().await?;
    if let Err(too_small) = check_space(&*repository, &campaign, &pattern, count).await? {
        bail!("{too_small} Nothing was generated.");
    }
    let (output, mut progress): (Box<dyn Write + Send>, _) = match &out {
        Some(path) => {
            let file = File::create(path).with_context(|| UsageError::CannotWrite(path.clone()))?;
            (Box::new(file), Progress::start(Total::Codes(count), "codes"))
        }
        None => (Box::new(io::stdout()), Progress::beside_output(Total::Codes(count), "codes")),
    };
    let mut list = csv::Writer::from_writer(output);
    list.write_record(["code"])?;

    let mut made = 0;
    // The current batch is finished, so that the list has exactly the codes in the database.
    let interrupted = tokio::spawn(shutdown_signal()?);
    while made < count && !interrupted.is_finished() {
        let batch = usize::try_from(count - made).unwrap_or(CODE_BATCH).min(CODE_BATCH);
        let codes = add_generated(&*repository, &campaign, &pattern, batch, max_links.0, SystemClock.now())
            .await
            .with_context(|| format!("stopped after {made} of {count} codes, which are kept and listed"))?;
        made += codes.len() as u64;
        write(&mut list, csv, &codes).with_context(|| {
            format!("cannot list the codes: {made} of {count} were generated; list them with `promolink codes export`")
        })?;
        progress.update(made, 0);
    }
    let seconds = progress.finish().as_secs_f32();
    if made < count {
        bail!("interrupted after {made} of {count} codes, which are kept and listed");
    }
    output::note(format_args!("{made} codes generated in {seconds:.1} s"));
    Ok(())
}

fn write(list: &mut csv::Writer<impl Write>, csv: CsvArgs, codes: &[Code]) -> csv::Result<()> {
    for code in codes {
        list.write_record([&*csv.cell(code.text())])?;
    }
    Ok(list.flush()?)
}
