//! Two organisations: that of the measured backend, and one whose service key attacks.

use std::{fmt::Write, fs, time::SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Client, Server, create_key, migrate, run_program, status};

/// Environment variables that make a server trust the tokens of [`Tenants`].
pub const VARIABLES: [(&str, &str); 3] = [
    ("PROMOLINK_JWT_ISSUER", "https://accounts.example"),
    ("PROMOLINK_JWT_AUDIENCE", "promolink"),
    ("PROMOLINK_JWT_SECRET", SECRET),
];

const SECRET: &str = "a secret that this issuer shares with the server";

/// The number of codes that the backend links, once each.
const CODES: u64 = 400_000;

/// The number of promotions of customer 42 in each organisation.
pub const WALLET: u64 = 2_000;

/// Credentials of the backend and of the attackers.
pub struct Tenants {
    pub backend: String,
    /// Service key of the other organisation.
    pub service: String,
    /// Storefront key of the backend's organisation.
    pub storefront: String,
    /// Token of customer 42 of the backend's organisation.
    pub customer: String,
}

/// A code that the backend links.
pub fn code(number: u64) -> String {
    assert!(number < CODES, "no codes are left");
    format!("CODE-{number}")
}

impl Tenants {
    /// Fills an empty database.
    pub fn create(url: &str) -> Self {
        migrate(url);
        let server = Server::with_default_limits(url, &[]);
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for org in [1, 2] {
            let admin = create_key(url, org, "admin");
            let create = json!({ "query": "mutation { createCampaign(input: { name: \"Spring\", mode: DISCOUNT, \
                                           validTill: 4102444800000 }) { id } }" });
            let answer = runtime.block_on(async {
                let mut client = Client::connect(&server.address).await;
                let answer = client.send(&admin, &create.to_string()).await.to_owned();
                assert_eq!(status(&answer), 200, "{answer}");
                answer
            });
            let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            let campaign = body["data"]["createCampaign"]["id"].as_str().unwrap();
            let mut rows = "code,customer_id\n".to_owned();
            for number in 0..if org == 1 { CODES } else { 0 } {
                writeln!(rows, "{},", code(number)).unwrap();
            }
            for number in 0..WALLET {
                writeln!(rows, "WALLET-{number},42").unwrap();
            }
            let file = directory.path().join("codes.csv");
            fs::write(&file, rows).unwrap();
            let org = org.to_string();
            run_program(url, &["codes", "import", file.to_str().unwrap(), "--org", &org, "--campaign", campaign]);
        }
        Self {
            backend: create_key(url, 1, "service"),
            service: create_key(url, 2, "service"),
            storefront: create_key(url, 1, "storefront"),
            customer: token(1, 42),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server also compares tokens with the system clock")]
fn token(org: u64, customer: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": VARIABLES[0].1, "aud": VARIABLES[1].1, "exp": now + 24 * 3600, "org_id": org, "sub": customer.to_string(),
    });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}
