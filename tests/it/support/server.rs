//! The server as a separate process, and a client for it.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    ops::Deref,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::Database;

/// The program under test, without inherited settings. `PROMOLINK_PROGRAM` names another build of it.
pub fn program() -> Command {
    let built = env::var("PROMOLINK_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_promolink").to_owned());
    let mut command = Command::new(built);
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("PROMOLINK_") || ["DATABASE_URL", "RUST_LOG"].contains(&&*name) {
            command.env_remove(&variable);
        }
    }
    command
}

/// A running server. It dereferences to a caller without a credential.
pub struct Server {
    process: Child,
    pub greeting: String,
    caller: Caller,
    log: NamedTempFile,
}

impl Server {
    /// Starts `promolink dev` on a free port.
    pub fn start(database: &Database) -> Self {
        Self::start_logging(database, "warn")
    }

    /// Starts `promolink dev` with this `RUST_LOG`.
    pub fn start_logging(database: &Database, what: &str) -> Self {
        Self::run(program().arg("dev").env("RUST_LOG", what), database, "Ctrl-C")
    }

    /// Starts `promolink dev` for callers of this role.
    pub fn start_as(database: &Database, role: &str) -> Self {
        Self::run(program().args(["dev", "--as", role]), database, "Ctrl-C")
    }

    /// Starts `promolink serve` on a free port, with these environment variables.
    pub fn serve(database: &Database, variables: &[(&str, &str)]) -> Self {
        Self::serve_at(database, "0", variables)
    }

    /// Starts `promolink serve` on this port, with these environment variables.
    pub fn serve_at(database: &Database, port: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.arg("serve").envs(variables.iter().copied());
        Self::run_at(&mut command, database, port, "Promolink serves")
    }

    /// Starts `promolink serve` with a log that is a pipe, which is not read.
    pub fn serve_unread(database: &Database, variables: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.arg("serve").envs(variables.iter().copied());
        let log = NamedTempFile::new().unwrap();
        Self::spawn(command.stderr(Stdio::piped()), database, "0", "Promolink serves", log)
    }

    /// Starts `promolink serve` with this limit of open files.
    pub fn serve_with_files(database: &Database, files: u32, variables: &[(&str, &str)]) -> Self {
        Self::serve_after(database, &format!("ulimit -n {files}"), variables)
    }

    /// Starts `promolink serve` from a shell, after a command of the shell.
    pub fn serve_after(database: &Database, first: &str, variables: &[(&str, &str)]) -> Self {
        let program = program();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{first} && exec \"$0\" \"$@\"")).arg(program.get_program());
        for (name, _) in program.get_envs() {
            command.env_remove(name);
        }
        command.arg("serve").envs(variables.iter().copied());
        Self::run(&mut command, database, "Promolink serves")
    }

    fn run(command: &mut Command, database: &Database, ready: &str) -> Self {
        Self::run_at(command, database, "0", ready)
    }

    fn run_at(command: &mut Command, database: &Database, port: &str, ready: &str) -> Self {
        let log = NamedTempFile::new().unwrap();
        Self::spawn(command.stderr(log.reopen().unwrap()), database, port, ready, log)
    }

    fn spawn(command: &mut Command, database: &Database, port: &str, ready: &str, log: NamedTempFile) -> Self {
        let mut process = command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .env("DATABASE_URL", database.url_of_server())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        while !greeting.contains(ready) {
            let read = output.read_line(&mut greeting).unwrap();
            assert_ne!(read, 0, "the server ended before it was ready: {}", fs::read_to_string(log.path()).unwrap());
        }
        // The server writes the greeting in one piece.
        greeting.push_str(std::str::from_utf8(output.buffer()).unwrap());
        let (_, rest) = greeting.split_once("http://").unwrap();
        let address = rest.split('/').next().unwrap().to_owned();
        let caller = Caller { address, credential: None, client: reqwest::Client::new() };
        Self { process, greeting, caller, log }
    }

    /// A caller with this credential.
    pub fn caller(&self, credential: &str) -> Caller {
        Caller { credential: Some(credential.to_owned()), ..self.caller.clone() }
    }

    /// The log of the server so far. A separate thread writes the log, so this waits until the log stops growing.
    pub fn log(&self) -> String {
        let read = || fs::read_to_string(self.log.path()).unwrap();
        let mut log = read();
        for _ in 0..50 {
            thread::sleep(Duration::from_millis(25));
            let longer = read();
            if longer.len() == log.len() {
                break;
            }
            log = longer;
        }
        log
    }

    /// The pipe with the log of a server from [`Self::serve_unread`].
    pub fn unread_log(&mut self) -> ChildStderr {
        self.process.stderr.take().unwrap()
    }

    /// Runs a query that must succeed. Returns the number of SELECT statements it took, which the server must log
    /// (`promolink::sql=debug`), and its data.
    pub async fn statements(&self, query: &str, variables: Value) -> (usize, Value) {
        let before = self.log().lines().count();
        let data = self.data(query, variables).await;
        let log = self.log();
        // The statements of new connections, about settings and the server, do not count.
        let of_connections = ["current_setting", "pg_postmaster_start_time", "pg_dist_partition"];
        let is_of_connection = |line: &str| of_connections.iter().any(|name| line.contains(name));
        // Nor do those of background tasks.
        let of_background = ["webhook_endpoints", "event_feeds", "event_outbox"];
        let is_of_background = |line: &str| of_background.iter().any(|table| line.contains(table));
        let is_read =
            |line: &&str| line.contains("sql=\"SELECT ") && !is_of_connection(line) && !is_of_background(line);
        (log.lines().skip(before).filter(is_read).count(), data)
    }

    /// The id of the server's process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The number of threads of the process.
    #[cfg(target_os = "linux")]
    pub fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap().count()
    }

    /// Sends SIGTERM to the process.
    pub fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, such as `TERM`, to the process.
    pub fn signal(&self, signal: &str) {
        Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status().unwrap();
    }

    /// Waits until the process has ended. Returns its exit code and its log.
    pub fn ended_with_log(mut self) -> (Option<i32>, String) {
        let code = self.process.wait().unwrap().code();
        (code, fs::read_to_string(self.log.path()).unwrap())
    }

    /// Waits until the process has ended. Returns its exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// Stops the process with SIGTERM. It must exit with code 0.
    pub fn stop(self) {
        self.ask_to_end();
        assert_eq!(self.ended(), Some(0));
    }

    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Deref for Server {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// A client of a server.
#[derive(Clone)]
pub struct Caller {
    pub address: String,
    credential: Option<String>,
    client: reqwest::Client,
}

impl Caller {
    /// Runs an operation that must succeed. Returns its data.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let mut response = self.execute(query, variables).await;
        assert_eq!(response["errors"], Value::Null, "{response:#}");
        response["data"].take()
    }

    /// Redeems a discount code. Returns the response.
    pub async fn redeem(&self, customer_id: i64, code: &str, transaction_id: &str) -> Value {
        let input =
            json!({ "customerId": customer_id, "code": code, "mode": "DISCOUNT", "transactionId": transaction_id });
        self.execute(REDEEM, json!({ "input": input })).await
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a document. Returns the GraphQL response.
    pub async fn execute(&self, query: &str, variables: Value) -> Value {
        self.send(query, variables).await.json().await.unwrap()
    }

    /// Sends a document. Returns the HTTP response.
    pub async fn send(&self, query: &str, variables: Value) -> reqwest::Response {
        self.request(&json!({ "query": query, "variables": variables })).send().await.unwrap()
    }

    /// Sends a request body. Returns the GraphQL response.
    pub async fn post(&self, body: &Value) -> Value {
        self.request(body).send().await.unwrap().json().await.unwrap()
    }

    /// Builds a request with this body.
    pub fn request(&self, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.post(self.url("/graphql")).json(body);
        match &self.credential {
            Some(credential) => request.bearer_auth(credential),
            None => request,
        }
    }

    /// Links a discount code. Returns the response.
    pub async fn link(&self, customer_id: impl Into<Value>, code: &str) -> Value {
        let input = json!({ "customerId": customer_id.into(), "code": code, "mode": "DISCOUNT" });
        self.execute(LINK, json!({ "input": input })).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const LINK: &str = "mutation($input: LinkPromotionCodeInput!) {
    linkPromotionCode(input: $input) {
        id orgId promotionId promotionName code customerId active createdOn validTill mode redeemableFrom state
    }
}";

const REDEEM: &str = "mutation($input: RedeemPromotionInput!) {
    redeemPromotion(input: $input) { id transactionId redeemedOn reversedOn promotion { id state } }
}";

/// The code of the first error of a response, or `OK`.
pub fn code_of(response: &Value) -> &str {
    match &response["errors"] {
        Value::Null => "OK",
        errors => errors[0]["extensions"]["code"].as_str().unwrap_or("NO CODE"),
    }
}
