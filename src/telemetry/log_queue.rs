//! The queue between the threads that serve requests and the thread that writes the log. A stalled reader of standard error
//! must not stop the server, so lines beyond the queue's capacity are dropped and counted.
//!
//! The thread writes the lines of 10 ms together. Waking a thread for each line, as the crate tracing-appender does, would
//! add a fifth to what a small request costs a busy server.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use metrics::counter;
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes that wait to be written: half a second of the busiest server's log.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// How long the writer waits for more lines to write with the first.
const BATCH_DELAY: Duration = Duration::from_millis(10);

/// The longest time for writing the last lines when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Starts the thread that writes to standard error.
///
/// # Panics
/// If the operating system can't start a thread.
pub fn start() -> (LogWriter, LogGuard) {
    let queue = Arc::new(Queue::default());
    let _ = QUEUE.set(Arc::clone(&queue));
    let writing = Arc::clone(&queue);
    let thread = thread::Builder::new().name("log".to_owned());
    thread.spawn(move || writing.write_lines(&mut io::stderr())).expect("the operating system can start a thread");
    (LogWriter(Arc::clone(&queue)), LogGuard(queue))
}

/// Updates the metric of dropped lines and returns their number.
pub fn count_dropped() -> u64 {
    let dropped = QUEUE.get().map_or(0, |queue| queue.dropped.load(Ordering::Relaxed));
    counter!("promolink_log_lines_dropped_total").absolute(dropped);
    dropped
}

/// Logs the number of dropped lines if it has changed since it was last logged.
pub fn warn_of_dropped() {
    static LOGGED: AtomicU64 = AtomicU64::new(0);
    let dropped = count_dropped();
    if dropped > LOGGED.load(Ordering::Relaxed) {
        tracing::warn!(
            dropped,
            "the reader of the log is too slow: lines were dropped; `dropped` counts them since the start"
        );
        // If this line was dropped too, the number has changed, and the next call logs it again.
        LOGGED.store(dropped, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    /// Notified when the first line is added, and when the state changes.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    state: State,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The remaining lines are being written.
    Closing,
    /// All lines are written.
    Closed,
}

impl Queue {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or drops it if the queue is full.
    fn add(&self, line: &[u8]) {
        let mut lines = self.lines();
        if lines.bytes.len() + line.len() > MAX_BYTES {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = lines.bytes.is_empty();
        lines.bytes.extend_from_slice(line);
        drop(lines);
        if was_empty {
            self.changed.notify_all();
        }
    }

    /// Writes lines until the queue is closed. Drops those that cannot be written.
    fn write_lines(&self, output: &mut impl Write) {
        let mut lines = self.lines();
        loop {
            let is_idle = |lines: &mut Lines| lines.bytes.is_empty() && lines.state == State::Open;
            lines = self.changed.wait_while(lines, is_idle).unwrap_or_else(PoisonError::into_inner);
            let is_open = |lines: &mut Lines| lines.state == State::Open;
            let waited = self.changed.wait_timeout_while(lines, BATCH_DELAY, is_open);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
            if lines.bytes.is_empty() {
                lines.state = State::Closed;
                self.changed.notify_all();
                return;
            }
            let bytes = mem::take(&mut lines.bytes);
            drop(lines);
            if output.write_all(&bytes).is_err() {
                let count = bytes.split_inclusive(|byte| *byte == b'\n').count();
                self.dropped.fetch_add(count as u64, Ordering::Relaxed);
            }
            lines = self.lines();
        }
    }
}

/// Makes the writers of log lines.
pub struct LogWriter(Arc<Queue>);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(&self.0)
    }
}

/// Adds a line to the queue, in one piece.
pub struct LineWriter<'a>(&'a Queue);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the remaining lines when it is dropped. A stalled reader delays that by at most one second.
pub struct LogGuard(Arc<Queue>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut lines = self.0.lines();
        lines.state = State::Closing;
        self.0.changed.notify_all();
        let is_writing = |lines: &mut Lines| lines.state != State::Closed;
        let _ = self.0.changed.wait_timeout_while(lines, FLUSH_TIMEOUT, is_writing);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// An output that blocks until the test receives each write.
    struct Writes(mpsc::SyncSender<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue, its guard, and the writes of its thread.
    fn queue() -> (Arc<Queue>, LogGuard, mpsc::Receiver<Vec<u8>>) {
        let (sender, writes) = mpsc::sync_channel(0);
        let queue = Arc::new(Queue::default());
        let writing = Arc::clone(&queue);
        thread::spawn(move || writing.write_lines(&mut Writes(sender)));
        (Arc::clone(&queue), LogGuard(queue), writes)
    }

    #[test]
    fn all_lines_are_written_in_order_before_the_log_is_closed() {
        let (queue, guard, writes) = queue();
        let reader = thread::spawn(move || writes.iter().flatten().collect::<Vec<_>>());
        let lines: Vec<_> = (0..1000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            queue.add(line.as_bytes());
        }
        drop(guard);
        assert_eq!(reader.join().unwrap(), lines.concat().into_bytes());
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn lines_beyond_the_capacity_are_dropped_and_counted_if_the_reader_stalls() {
        let (queue, _guard, writes) = queue();
        let line = vec![b'x'; MAX_BYTES / 4];
        queue.add(&line);
        // The thread now waits for the reader.
        while !queue.lines().bytes.is_empty() {
            thread::yield_now();
        }
        (0..6).for_each(|_| queue.add(&line));
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 2);
        assert_eq!(writes.recv().unwrap().len(), line.len());
        assert_eq!(writes.recv().unwrap().len(), 4 * line.len());
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_as_dropped() {
        let (queue, guard, writes) = queue();
        drop(writes);
        queue.add(b"one\n");
        queue.add(b"two\n");
        drop(guard);
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 2);
    }
}
