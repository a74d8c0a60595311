//! The example client in Rust, `examples/link.rs`.

use crate::support::{Database, ORG, Server, campaign};

#[allow(dead_code, reason = "the test does not call its main function")]
#[path = "../../examples/link.rs"]
mod link;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_links_a_code() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("SPRING", Some(1))]).await;
    let server = Server::serve(&database, &[]);
    let (url, key) = (server.url("/graphql"), database.key(ORG, "service"));
    let promotion = link::link(&url, &key, 42, "spring").await.unwrap();
    assert_eq!((promotion.code.as_str(), promotion.customer_id), ("SPRING", 42));
    assert_eq!((promotion.id.len(), promotion.promotion_name.as_str()), (36, "Spring"));
    assert!(promotion.valid_till > 0);
    let largest = link::link(&url, &key, 9_007_199_254_740_991, "SPRING").await;
    assert_eq!(largest.unwrap_err().to_string(), "CODE_ALREADY_LINKED");
    let beyond = link::link(&url, &key, 9_007_199_254_740_992, "SPRING").await;
    assert_eq!(beyond.unwrap_err().to_string(), "INVALID_INPUT");
    let nobody = link::link(&url, "plk_nothing", 42, "SPRING").await;
    assert_eq!(nobody.unwrap_err().to_string(), "UNAUTHENTICATED");
}
