//! The queue between the threads that serve requests and the one that writes the log. A reader of standard error that
//! stalls must not stop the server: lines beyond the queue's capacity are dropped and counted.
//!
//! The thread writes all lines of some milliseconds together. A thread that is woken for each line, as the crate
//! tracing-appender does it, costs a busy server a fifth of what a small request costs.

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

/// The bytes that wait at most: half a second of the busiest server's log.
const CAPACITY: usize = 2 * 1024 * 1024;

/// How long lines wait for more.
const COLLECTED: Duration = Duration::from_millis(10);

/// How long a reader that does not read delays the end of the process.
const PATIENCE: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Starts the thread that writes to standard error.
///
/// # Panics
/// If the system has no thread left.
pub fn start() -> (LogWriter, LogGuard) {
    let queue = Arc::new(Queue::default());
    let _ = QUEUE.set(Arc::clone(&queue));
    let writing = Arc::clone(&queue);
    let thread = thread::Builder::new().name("log".to_owned());
    thread.spawn(move || writing.write_out(&mut io::stderr())).expect("a thread for the log");
    (LogWriter(Arc::clone(&queue)), LogGuard(queue))
}

/// Updates the metric of dropped lines and returns their number.
pub fn count_dropped() -> u64 {
    let dropped = QUEUE.get().map_or(0, |queue| queue.dropped.load(Ordering::Relaxed));
    counter!("promolink_log_lines_dropped_total").absolute(dropped);
    dropped
}

/// Logs how many lines were dropped, if the number has changed since that was last logged.
pub fn warn_of_dropped() {
    static LOGGED: AtomicU64 = AtomicU64::new(0);
    let dropped = count_dropped();
    if dropped > LOGGED.load(Ordering::Relaxed) {
        tracing::warn!(dropped, "the reader of the log is too slow: so many lines were dropped since the start");
        // If this line was dropped too, the number has changed, and the next call logs it again.
        LOGGED.store(dropped, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    /// Notified when the first line comes, and when the state changes.
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
    /// What is left is written out.
    Ending,
    /// All is written.
    Ended,
}

impl Queue {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or drops it if there is no room.
    fn add(&self, line: &[u8]) {
        let mut lines = self.lines();
        if lines.bytes.len() + line.len() > CAPACITY {
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

    /// Writes what comes until the queue is ended. What cannot be written is dropped.
    fn write_out(&self, output: &mut impl Write) {
        let mut lines = self.lines();
        loop {
            let is_idle = |lines: &mut Lines| lines.bytes.is_empty() && lines.state == State::Open;
            lines = self.changed.wait_while(lines, is_idle).unwrap_or_else(PoisonError::into_inner);
            let is_open = |lines: &mut Lines| lines.state == State::Open;
            let waited = self.changed.wait_timeout_while(lines, COLLECTED, is_open);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
            if lines.bytes.is_empty() {
                lines.state = State::Ended;
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

/// What log lines are written to.
pub struct LogWriter(Arc<Queue>);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(&self.0)
    }
}

/// What a line is written to, in one piece.
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

/// Writes out the log when it is dropped. A reader that does not read delays that by a second at most.
pub struct LogGuard(Arc<Queue>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut lines = self.0.lines();
        lines.state = State::Ending;
        self.0.changed.notify_all();
        let has_not_ended = |lines: &mut Lines| lines.state != State::Ended;
        let _ = self.0.changed.wait_timeout_while(lines, PATIENCE, has_not_ended);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// An output whose reader takes a piece when the test does.
    struct Pieces(mpsc::SyncSender<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue, its guard, and the pieces that its thread writes.
    fn queue() -> (Arc<Queue>, LogGuard, mpsc::Receiver<Vec<u8>>) {
        let (sender, pieces) = mpsc::sync_channel(0);
        let queue = Arc::new(Queue::default());
        let writing = Arc::clone(&queue);
        thread::spawn(move || writing.write_out(&mut Pieces(sender)));
        (Arc::clone(&queue), LogGuard(queue), pieces)
    }

    #[test]
    fn all_lines_are_written_in_order_before_the_log_ends() {
        let (queue, guard, pieces) = queue();
        let reader = thread::spawn(move || pieces.iter().flatten().collect::<Vec<_>>());
        let lines: Vec<_> = (0..1000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            queue.add(line.as_bytes());
        }
        drop(guard);
        assert_eq!(reader.join().unwrap(), lines.concat().into_bytes());
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn lines_that_a_stalled_reader_leaves_no_room_for_are_dropped_and_counted() {
        let (queue, _guard, pieces) = queue();
        let line = vec![b'x'; CAPACITY / 4];
        queue.add(&line);
        // The thread now waits for the reader.
        while !queue.lines().bytes.is_empty() {
            thread::yield_now();
        }
        (0..6).for_each(|_| queue.add(&line));
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 2);
        assert_eq!(pieces.recv().unwrap().len(), line.len());
        assert_eq!(pieces.recv().unwrap().len(), 4 * line.len());
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (queue, guard, pieces) = queue();
        drop(pieces);
        queue.add(b"one\n");
        queue.add(b"two\n");
        drop(guard);
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 2);
    }
}
