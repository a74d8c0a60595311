//! pgbench, which measures PostgreSQL without a server in front.

use std::{fs, process::Command, time::Duration};

use super::{Latencies, cluster};

/// A run of pgbench, with prepared statements. Each client executes transactions sequentially.
pub struct Pgbench<'a> {
    pub url: &'a str,
    pub script: &'a str,
    /// Initial values of the script's variables.
    pub variables: &'a [(&'a str, u64)],
    pub clients: usize,
    pub warm_up: Duration,
    pub duration: Duration,
}

impl Pgbench<'_> {
    pub fn run(&self) -> Latencies {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script.sql");
        fs::write(&script, self.script).unwrap();
        let mut command = Command::new(cluster::binaries().join("pgbench"));
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--log", "--log-prefix=log"]);
        command.arg(format!("--client={}", self.clients));
        command.arg(format!("--time={}", (self.warm_up + self.duration).as_secs_f64().ceil()));
        command.arg("--file").arg(&script);
        for (name, value) in self.variables {
            command.arg(format!("--define={name}={value}"));
        }
        let output = command.arg(self.url).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut transactions = Vec::new();
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("log") {
                transactions.extend(fs::read_to_string(entry.path()).unwrap().lines().map(parse));
            }
        }
        let started = transactions
            .iter()
            .filter_map(|&(ended, took)| ended.checked_sub(took))
            .min()
            .expect("pgbench logged a transaction");
        let begin = started + self.warm_up;
        let counted = transactions.into_iter().filter(|(ended, _)| *ended > begin && *ended <= begin + self.duration);
        Latencies::new(counted.map(|(_, took)| took).collect(), self.duration)
    }
}

/// The end of a transaction, as the time since the epoch, and its latency. See "Per-Transaction Logging" in pgbench's
/// manual.
fn parse(line: &str) -> (Duration, Duration) {
    let fields: Vec<u64> = line.split_whitespace().map(|field| field.parse().unwrap()).collect();
    (Duration::from_secs(fields[4]) + Duration::from_micros(fields[5]), Duration::from_micros(fields[2]))
}
