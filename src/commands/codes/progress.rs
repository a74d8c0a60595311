//! How far a long command is: a bar where a person watches, a line now and then where a file does.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commands::output;

/// How often a line is written where no terminal shows a bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What there is to do.
#[derive(Debug, Clone, Copy)]
pub enum Total {
    /// So many codes.
    Codes(u64),
    /// So many bytes of a file, in rows of unknown number.
    Bytes(u64),
    /// Nobody knows.
    Unknown,
}

/// Shows on standard error how far a command is.
pub struct Progress {
    /// What is counted.
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
    /// Starts the time.
    pub fn start(total: Total, unit: &'static str) -> Self {
        let shown =
            if io::stderr().is_terminal() { Shown::Bar(bar(total)) } else { Shown::Lines { last: Instant::now() } };
        Self { unit, total, started: Instant::now(), shown }
    }

    /// The same for a command that writes to standard output: a bar would run through what a terminal shows of that.
    pub fn beside_output(total: Total, unit: &'static str) -> Self {
        let mut progress = Self::start(total, unit);
        if io::stdout().is_terminal() {
            progress.shown = Shown::Nothing;
        }
        progress
    }

    /// Shows that so many are done; where the total is in bytes, in so many of them.
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
            Shown::Lines { last } if last.elapsed() >= LINE_EVERY => {
                output::remark(text);
                *last = Instant::now();
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    /// Takes the bar away. Answers with the time that it took.
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
    // The templates are ours and sound; were they not, the library's own would do.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_style(style)
}
