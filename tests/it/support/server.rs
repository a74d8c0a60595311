//! The server as a process of its own, and a client for it.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::Database;

/// The program under test.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promolink"));
    command.env_remove("DATABASE_URL");
    command
}

/// A running `promolink dev` on a free port.
pub struct Server {
    process: Child,
    pub greeting: String,
    pub address: String,
    client: reqwest::Client,
    log: NamedTempFile,
}

impl Server {
    pub fn start(database: &Database) -> Self {
        Self::start_logging(database, "warn")
    }

    /// Starts a server that logs what `RUST_LOG` says.
    pub fn start_logging(database: &Database, what: &str) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut process = program()
            .args(["dev", "--listen", "127.0.0.1:0", "--database-url", &database.url])
            .env("RUST_LOG", what)
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        while !greeting.contains("Ctrl-C") {
            let read = output.read_line(&mut greeting).unwrap();
            assert_ne!(read, 0, "the server ended at once: {}", fs::read_to_string(log.path()).unwrap());
        }
        let (_, rest) = greeting.split_once("API       http://").unwrap();
        let address = rest.split('/').next().unwrap().to_owned();
        Self { process, greeting, address, client: reqwest::Client::new(), log }
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Runs an operation that must succeed, and answers with its data.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let mut response = self.execute(query, variables).await;
        assert_eq!(response["errors"], Value::Null, "{response:#}");
        response["data"].take()
    }

    /// Redeems a discount code. Answers with the response.
    pub async fn redeem(&self, customer_id: i64, code: &str, transaction_id: &str) -> Value {
        let input =
            json!({ "customerId": customer_id, "code": code, "mode": "DISCOUNT", "transactionId": transaction_id });
        self.execute(REDEEM, json!({ "input": input })).await
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a document and answers with the whole response.
    pub async fn execute(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        self.client.post(self.url("/graphql")).json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// Links a discount code. Answers with the response.
    pub async fn link(&self, customer_id: impl Into<Value>, code: &str) -> Value {
        let input = json!({ "customerId": customer_id.into(), "code": code, "mode": "DISCOUNT" });
        self.execute(LINK, json!({ "input": input })).await
    }

    /// Asks the process to end, and waits until it has.
    pub fn stop(mut self) {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
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

/// What came of a link: `OK`, or the error code.
pub fn code_of(response: &Value) -> &str {
    match &response["errors"] {
        Value::Null => "OK",
        errors => errors[0]["extensions"]["code"].as_str().unwrap_or("NO CODE"),
    }
}
