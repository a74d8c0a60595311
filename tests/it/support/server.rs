//! The server as a process of its own, and a client for it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

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
}

impl Server {
    pub fn start(database: &Database) -> Self {
        let mut process = program()
            .args(["dev", "--listen", "127.0.0.1:0", "--database-url", &database.url])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        while !greeting.contains("Ctrl-C") {
            assert_ne!(output.read_line(&mut greeting).unwrap(), 0, "the server ended at once");
        }
        let (_, rest) = greeting.split_once("API       http://").unwrap();
        let address = rest.split('/').next().unwrap().to_owned();
        Self { process, greeting, address, client: reqwest::Client::new() }
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

/// What came of a link: `OK`, or the error code.
pub fn code_of(response: &Value) -> &str {
    match &response["errors"] {
        Value::Null => "OK",
        errors => errors[0]["extensions"]["code"].as_str().unwrap_or("NO CODE"),
    }
}
