//! The progress of a long command: a bar on a terminal, otherwise a line every few seconds.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::output;

/// The time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The amount of work.
#[derive(Debug, Clone, Copy)]
pub enum Total {
    /// This number of codes.
    Codes(u64),
    /// This number of bytes of a file, in an unknown number of rows.
    Bytes(u64),
    /// Not known in advance.
    Unknown,
}

/// Shows the progress of a command on standard error.
pub struct Progress {
    /// The unit of the work that is done, such as "codes".
    unit: &'static str,
    total: Total,
    started: Instant,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
    Nothing,
}

impl Progress {
    /// Starts the clock.
    pub fn start(total: Total, unit: &'static str) -> Self {
        let shown =
            if io::stderr().is_terminal() { Shown::Bar(bar(total)) } else { Shown::Lines { last: Instant::now() } };
        Self { unit, total, started: Instant::now(), shown }
    }

    /// The same for a command that prints its result. Shows nothing if that goes to a terminal, where a bar would run through it.
    pub fn beside_output(total: Total, unit: &'static str) -> Self {
        let mut progress = Self::start(total, unit);
        if io::stdout().is_terminal() {
            progress.shown = Shown::Nothing;
        }
        progress
    }

    /// Shows the number of units done and, if the total is in bytes, the number of bytes.
    pub fn update(&mut self, done: u64, bytes: u64) {
        let (position, all) = match self.total {
            Total::Codes(codes) => (done, codes),
            Total::Bytes(length) => (bytes, length),
            Total::Unknown => (0, 0),
        };
        let text = self.describe(done, position, all);
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_message(text);
                bar.set_position(position);
            }
            Shown::Lines { last } if last.elapsed() >= LINE_INTERVAL => {
                output::note(text);
                *last = Instant::now();
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Removes the bar. Returns the time since the start.
    pub fn finish(self) -> Duration {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
        self.started.elapsed()
    }

    fn describe(&self, done: u64, position: u64, all: u64) -> String {
        let elapsed = self.started.elapsed();
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = HumanCount(done.saturating_mul(1000) / millis);
        let of_all =
            if let Total::Codes(codes) = self.total { format!(" of {}", HumanCount(codes)) } else { String::new() };
        let left = match all.saturating_sub(position) {
            left if left > 0 && position > 0 => {
                let left = Duration::from_millis(millis.saturating_mul(left) / position);
                format!(", {} left", HumanDuration(left))
            }
            _ => String::new(),
        };
        format!("{}{of_all} {}, {rate} a second{left}", HumanCount(done), self.unit)
    }
}

fn bar(total: Total) -> ProgressBar {
    let (length, template) = match total {
        Total::Codes(length) | Total::Bytes(length) => (Some(length), "{bar:30} {percent:>3}%  {msg}"),
        Total::Unknown => (None, "{spinner} {msg}"),
    };
    // The templates are valid. If they were not, the library's default would do.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_style(style)
}
