//! Links a promotion code from Rust: `PROMOLINK_KEY=plk_... cargo run --example link -- 42 SUMMER-0001`.

use std::{env, error::Error};

use serde::Deserialize;
use serde_json::{Value, json};

const LINK: &str = "mutation Link($input: LinkPromotionCodeInput!) {
  linkPromotionCode(input: $input) { id promotionName code customerId validTill }
}";

/// The fields that the mutation selects.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Linked {
    /// The promotion's id.
    pub id: String,
    /// The promotion's name.
    pub promotion_name: String,
    /// The code as it was issued.
    pub code: String,
    /// The id of the customer to which it is linked.
    pub customer_id: u64,
    /// The end of its validity, in milliseconds since the Unix epoch.
    pub valid_till: i64,
}

/// Links a code to a customer. If the API reports an error, returns its code, such as `CODE_ALREADY_LINKED`.
pub async fn link(url: &str, key: &str, customer_id: u64, code: &str) -> Result<Linked, Box<dyn Error>> {
    let input = json!({ "customerId": customer_id, "code": code, "mode": "DISCOUNT" });
    let request = reqwest::Client::new().post(url).bearer_auth(key);
    let request = request.json(&json!({ "query": LINK, "variables": { "input": input } }));
    let mut response: Value = request.send().await?.json().await?;
    if let Some(code) = response["errors"][0]["extensions"]["code"].as_str() {
        return Err(code.into());
    }
    Ok(serde_json::from_value(response["data"]["linkPromotionCode"].take())?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [customer_id, code] = &arguments[..] else { return Err("usage: link CUSTOMER_ID CODE".into()) };
    let key = env::var("PROMOLINK_KEY").unwrap_or_default();
    let promotion = link("http://127.0.0.1:8080/graphql", &key, customer_id.parse()?, code).await?;
    println!("{promotion:#?}");
    Ok(())
}
