//! The GraphiQL page as the build embedded it. `tests/clients` tests GraphiQL itself, in a browser.

use crate::support::{Database, Server};

#[tokio::test]
async fn the_page_is_graphiql_or_says_how_to_build_it_in() {
    let server = Server::start(&Database::sqlite());
    let page = reqwest::get(server.url("/graphiql")).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.unwrap();
    if cfg!(feature = "bundled-graphiql") {
        assert!(page.contains("<script type=\"module\""), "{page}");
    } else {
        assert!(page.contains("no GraphiQL") && page.contains("touch build.rs"), "{page}");
    }
    // No build loads anything from elsewhere.
    assert!(!page.contains("https://"), "{page}");
}
