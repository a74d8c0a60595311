//! The signals that ask a process to end.

use std::{future::Future, io};

/// The exit code that shells report for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Listens from now on. Completes with the name of the signal when the process is asked to end: by Ctrl-C, by SIGTERM, or
/// by SIGHUP when its terminal goes. By a second Ctrl-C or SIGTERM the process ends immediately.
pub fn asked_to_end() -> io::Result<impl Future<Output = &'static str> + Send + 'static> {
    let mut signals = Signals::listen()?;
    Ok(async move {
        let signal = signals.next().await;
        tokio::spawn(async move {
            signals.next_but_hangup().await;
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

    /// A terminal that goes may send SIGHUP several times: by the shell and by the kernel.
    async fn next_but_hangup(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Whether `nohup` started the process, which goes on after its terminal then. Only Linux tells; elsewhere this is false.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    // A mask in hexadecimal digits, of which the lowest bit is for signal 1, SIGHUP.
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

    async fn next_but_hangup(&mut self) {
        self.next().await;
    }
}
