//! `promolink events tail`: events as lines of JSON.

use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use clap::{Args, value_parser};
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    commands::{database, output, signals::shutdown_signal},
    config::DatabaseArgs,
    events::EventJson,
    promotions::{Event, EventFilter, EventOrder, EventPage, MAX_SAFE_INTEGER, OrgId},
};

const HELP: &str = "\
Examples:
  promolink events tail --org 100458
  promolink events tail --org 100458 --follow | jq 'select(.type == \"promotion.redeemed\")'

  A cron job that processes all new events. Before the first run, write 0 to the file `position`:
    promolink events tail --org 100458 --after \"$(cat position)\" > new.jsonl
    if [ -s new.jsonl ] && process new.jsonl; then
      tail -n 1 new.jsonl | jq .position > position.new
      mv position.new position
    fi
  If the job is interrupted, the next run processes the same events again.

Exit codes: 0 success, 1 failure, or events after --after have been removed, 2 invalid settings.

See also: docs/events.md";

/// Events that are read at a time.
const PAGE: u32 = 500;

/// Time between two reads with `--follow`.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Print events as lines of JSON, oldest first
///
/// Each line is an object with the fields id, position, type, timestamp, actor, requestId, reason and data. Positions are 1,
/// 2, 3 and so on, without gaps: a job that passes the position of its last event as --after misses no event. Servers may
/// run meanwhile.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The number of the organisation
    #[arg(long, value_name = "NUMBER")]
    org: OrgId,
    /// Print all events after this position; 0 prints all events that have not been removed. Without this option, only the
    /// last events are printed
    #[arg(long, value_name = "POSITION", value_parser = value_parser!(i64).range(0..=MAX_SAFE_INTEGER))]
    after: Option<i64>,
    /// Print the last events, at most this many
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 10, conflicts_with = "after")]
    lines: u32,
    /// Keep printing new events until the command is stopped
    #[arg(long, short)]
    follow: bool,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { database: DatabaseArgs { url }, org, after, lines, follow } = arguments;
    let store = database::open(&url).await?;
    // Events of a server that has just crashed may not have their positions yet.
    database::settle_events(&store).await;
    let cannot_read = || format!("cannot read {url}");
    let mut position = match after {
        Some(position) => position,
        None => store.events.feed_bounds(org).await.with_context(cannot_read)?.last.saturating_sub(lines.into()),
    };
    // Whether an event was read before, or by the command before.
    let mut must_continue = after.is_some();
    let mut has_noted = false;
    let mut stopped = tokio::spawn(shutdown_signal()?);
    while !stopped.is_finished() {
        let page = EventPage {
            filter: EventFilter::default(),
            order: EventOrder::OldestFirst,
            after: Some(position),
            limit: PAGE,
        };
        let events = store.events.events(org, &page).await.with_context(cannot_read)?;
        let bounds = store.events.feed_bounds(org).await.with_context(cannot_read)?;
        let (removed, last) = (bounds.first - 1, bounds.last);
        if last == 0 && !has_noted {
            has_noted = true;
            output::note(format_args!("organisation {} has no events yet", org.get()));
        }
        ensure!(position <= last, "there is no event at position {position}: the last one is at position {last}");
        // Zero is the beginning, wherever that is now.
        if must_continue && position > 0 && position < removed {
            bail!("the events up to position {removed} have been removed, and some of them follow position {position}");
        }
        let count = events.len();
        if let Some(last) = events.last() {
            position = last.position;
            must_continue = true;
        }
        let printed = tokio::select! {
            printed = spawn_blocking(move || print(&events)) => printed.context("cannot print events")?,
            _ = &mut stopped => break,
        };
        match printed {
            // Its reader has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            printed => output::ignore_closed_pipe(printed)?,
        }
        if count < PAGE as usize {
            if !follow {
                break;
            }
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                _ = &mut stopped => break,
            }
        }
    }
    Ok(())
}

/// Prints a page in one piece, so that a reader never gets half a line.
fn print(events: &[Event]) -> io::Result<()> {
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, &EventJson::try_from(event)?)?;
        lines.push(b'\n');
    }
    let mut output = io::stdout();
    output.write_all(&lines)?;
    output.flush()
}
