//! The queue between the threads that answer requests and the one that writes the log. A reader of standard error that
//! stalls must not stop the server: lines beyond the queue's capacity are dropped and counted.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use metrics::counter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// The lines that wait at most: some 2 MB, or half a second of the busiest server's.
const CAPACITY: usize = 4096;

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Starts the thread that writes to standard error. When the guard is dropped, the queue is written out; a reader that
/// does not read gets a second.
pub fn start() -> (NonBlocking, WorkerGuard) {
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(CAPACITY).thread_name("log");
    let (writer, guard) = builder.finish(io::stderr());
    let _ = DROPPED.set(writer.error_counter());
    (writer, guard)
}

/// Updates the metric of dropped lines and returns their number.
pub fn count_dropped() -> usize {
    let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
    counter!("promolink_log_lines_dropped_total").absolute(dropped as u64);
    dropped
}

/// Logs how many lines were dropped, if the number has changed since that was last logged.
pub fn warn_of_dropped() {
    static LOGGED: AtomicUsize = AtomicUsize::new(0);
    let dropped = count_dropped();
    if dropped > LOGGED.load(Ordering::Relaxed) {
        tracing::warn!(dropped, "the reader of the log is too slow: so many lines were dropped since the start");
        // If this line was dropped too, the number has changed, and the next call logs it again.
        LOGGED.store(dropped, Ordering::Relaxed);
    }
}
