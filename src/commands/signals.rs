//! The signals that stop a process.

use std::{future::Future, io};

/// The exit code that shells report for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Installs the handlers. The future completes with the name of the first signal: Ctrl-C, SIGTERM, or SIGHUP, which a closing
/// terminal sends. A second Ctrl-C or SIGTERM ends the process immediately.
pub fn shutdown_signal() -> io::Result<impl Future<Output = &'static str> + Send + 'static> {
    let mut signals = Signals::listen()?;
    Ok(async move {
        let signal = signals.next().await;
        tokio::spawn(async move {
            signals.next_except_hangup().await;
            std::process::exit(INTERRUPTED);
        });
        signal
    })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hangup => "SIGHUP",
        }
    }

    /// Ignores SIGHUP: the shell and the kernel may both send it when a terminal closes.
    async fn next_except_hangup(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Whether the process ignores SIGHUP, as `nohup` makes it, and so outlives its terminal. Always false except on Linux.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    // A hexadecimal mask. Its lowest bit is signal 1, SIGHUP.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> &'static str {
        self.0.recv().await;
        "Ctrl-C"
    }

    async fn next_except_hangup(&mut self) {
        self.next().await;
    }
}
