//! `promolink codes generate`: new random codes for a campaign, listed as CSV.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    BATCH, MaxLinks, Target, Writing, parse_max_links,
    progress::{Progress, Total},
};
use crate::{
    commands::{output, signals::asked_to_end},
    promotions::{Clock, Code, Pattern, SystemClock},
    service::{add_generated, check_space},
};

pub const EXAMPLES: &str = "\
Examples:
  Five million codes like 7KQ2MXWA, for one customer each:
    promolink codes generate --org 1 --count 5000000 --out codes.csv \\
      --campaign 0190b5a0-0000-7000-8000-000000000001

  A hundred codes like SUMMER-K7QX-M2WA, each for ten customers:
    promolink codes generate --org 1 --count 100 --max-links 10 \\
      --campaign 0190b5a0-0000-7000-8000-000000000001 --pattern 'SUMMER-####-####'

A code is listed once it is in the database for good. If the list is lost, `promolink codes export` \
makes another.";

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// How many codes
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// What they look like: each # becomes a random letter or digit, none that is mistaken for another; the rest stands
    /// as it is. It must have room for 10,000 times as many codes as there are, lest they be guessed
    #[arg(long, default_value = "########", value_parser = Pattern::parse)]
    pattern: Pattern,
    /// How many customers may link each code: a number, or `none` for any number
    #[arg(long, default_value = "1", value_name = "NUMBER", value_parser = parse_max_links)]
    max_links: MaxLinks,
    /// The file to list them in, replaced if it is there; without it, standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { target, count, pattern, max_links, out, writing } = arguments;
    let (repository, campaign) = target.open().await?;
    if let Err(too_small) = check_space(&*repository, &campaign, &pattern, count).await? {
        bail!("{too_small} Nothing was generated.");
    }
    let (output, mut progress): (Box<dyn Write + Send>, _) = match &out {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            (Box::new(file), Progress::start(Total::Codes(count), "codes"))
        }
        None => (Box::new(io::stdout()), Progress::beside_output(Total::Codes(count), "codes")),
    };
    let mut list = csv::Writer::from_writer(output);
    list.write_record(["code"])?;

    let mut made = 0;
    // Batches are finished before the program ends, so that the list has what the database has.
    let interrupted = tokio::spawn(asked_to_end()?);
    while made < count && !interrupted.is_finished() {
        let batch = usize::try_from(count - made).unwrap_or(BATCH).min(BATCH);
        let codes = add_generated(&*repository, &campaign, &pattern, batch, max_links.0, SystemClock.now())
            .await
            .with_context(|| format!("stopped after {made} of {count} codes, which are listed"))?;
        made += codes.len() as u64;
        write(&mut list, writing, &codes).with_context(|| {
            format!("cannot list the codes; {made} of {count} were generated, and `promolink codes export` lists them")
        })?;
        progress.update(made, 0);
    }
    let seconds = progress.finish().as_secs_f32();
    if made < count {
        bail!("interrupted after {made} of {count} codes, which are listed");
    }
    output::remark(format_args!("{made} codes generated in {seconds:.1} s"));
    Ok(())
}

fn write(list: &mut csv::Writer<impl Write>, writing: Writing, codes: &[Code]) -> csv::Result<()> {
    for code in codes {
        list.write_record([&*writing.cell(code.text())])?;
    }
    Ok(list.flush()?)
}
