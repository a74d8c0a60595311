//! The server under test as a separate process, and the CPU time and memory of processes.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_promolink");

/// A running `promolink serve`.
pub struct Server {
    process: Child,
    pub address: String,
    /// The time from the start of the process to its greeting.
    pub ready_after: Duration,
    log_bytes: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server without rate limits for services.
    pub fn start(url: &str) -> Self {
        let limits = "service.operations=none,service.links=none,service.failed-links=none,admin.operations=none";
        // The log, with a line for each request, is still written.
        let variables = [
            ("PROMOLINK_LIMITS", limits),
            ("PROMOLINK_WEBHOOK_ALLOW", "127.0.0.0/8"),
            ("PROMOLINK_WEBHOOK_ALLOW_HTTP", "on"),
        ];
        Self::launch(url, &variables, Stdio::null())
    }

    /// Starts a server with default limits and these environment variables, and counts the bytes of its log.
    pub fn with_default_limits(url: &str, variables: &[(&str, &str)]) -> Self {
        let mut server = Self::launch(url, variables, Stdio::piped());
        let (mut log, bytes) = (server.process.stderr.take().unwrap(), Arc::clone(&server.log_bytes));
        thread::spawn(move || {
            let mut buffer = [0; 8 * 1024];
            while let Ok(read @ 1..) = log.read(&mut buffer) {
                bytes.fetch_add(read, Ordering::Relaxed);
            }
        });
        server
    }

    fn launch(url: &str, variables: &[(&str, &str)], log: Stdio) -> Self {
        let started = Instant::now();
        let mut process = program(url)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready_after = started.elapsed();
        let (_, rest) = line.split_once("http://").expect("the server printed its address");
        let address = rest.split('/').next().unwrap().to_owned();
        Self { process, address, ready_after, log_bytes: Arc::default() }
    }

    /// The bytes of log that a server with default limits has written.
    pub fn log_bytes(&self) -> usize {
        self.log_bytes.load(Ordering::Relaxed)
    }

    /// The CPU time that the server has used, in seconds.
    pub fn cpu(&self) -> f64 {
        cpu(self.process.id()).own
    }

    /// The number of open files and connections of the server.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// A line of `/proc/PID/status`, in MB: `VmRSS` is the current memory of the server, `VmHWM` its peak.
    pub fn memory(&self, line: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
        let kilobytes: f64 = value.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a process that can't be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Creates the tables.
pub fn migrate(url: &str) {
    assert!(program(url).arg("migrate").stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
}

/// Runs a command, which must succeed.
pub fn run_program(url: &str, arguments: &[&str]) {
    let output = program(url).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Creates an API key.
pub fn create_key(url: &str, org: u64, role: &str) -> String {
    let mut command = program(url);
    let output = command.args(["key", "create", "--role", role, "--org", &org.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn program(url: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env("DATABASE_URL", url).env_remove("RUST_LOG");
    command
}

/// CPU times, in seconds.
struct Cpu {
    parent: u32,
    own: f64,
    /// The time of children that have ended.
    ended: f64,
}

/// The CPU time that a process and its children, ended ones included, have used, in seconds.
pub fn cpu_of_tree(root: u32) -> f64 {
    let children = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let cpu = try_cpu(entry.file_name().to_str()?.parse().ok()?)?;
        (cpu.parent == root).then_some(cpu.own)
    });
    let of_children: f64 = children.sum();
    let root = cpu(root);
    root.own + root.ended + of_children
}

fn cpu(pid: u32) -> Cpu {
    try_cpu(pid).expect("the process is running")
}

fn try_cpu(pid: u32) -> Option<Cpu> {
    /// `USER_HZ`, which is 100 on all common Linux machines.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The third field follows the name, which can contain spaces and brackets; see proc_pid_stat(5).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields[number - 3].parse::<u32>().ok();
    let seconds = |number: usize| fields[number - 3].parse::<f64>().ok().map(|ticks| ticks / TICKS_PER_SECOND);
    Some(Cpu { parent: field(4)?, own: seconds(14)? + seconds(15)?, ended: seconds(16)? + seconds(17)? })
}
