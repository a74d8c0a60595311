//! The GraphiQL page as the build embedded it. `tests/clients` tests GraphiQL itself, in a browser.

use crate::support::{Database, Server};

#[tokio::test]
async fn the_page_is_graphiql_or_explains_how_to_include_it() {
    let server = Server::start(&Database::sqlite());
    let page = reqwest::get(server.url("/graphiql")).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.unwrap();
    if cfg!(feature = "bundled-graphiql") {
        assert!(page.contains("<script type=\"module\""), "{page}");
    } else {
        assert!(page.contains("no GraphiQL") && page.contains("touch build.rs"), "{page}");
    }
    // Every build serves all of its resources.
    assert!(!page.contains("https://"), "{page}");
}
