//! The GraphiQL page, which opens with an operation that works.

use std::sync::LazyLock;

use async_graphql::http::GraphiQLSource;
use axum::response::Html;
use serde_json::json;

use crate::promotions::demo;

const OPERATION: &str = "# Press the play button. Then try another customerId, or another code.
mutation Link($input: LinkPromotionCodeInput!) {
  linkPromotionCode(input: $input) {
    id
    orgId
    promotionId
    promotionName
    code
    customerId
    active
    createdOn
    validTill
    mode
    redeemableFrom
  }
}
";

/// The library's page has no setting for what it opens with; this option of it is where that can stand.
const OPTION: &str = "defaultEditorToolsVisibility: true,";

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let variables = json!({ "input": { "customerId": 42, "code": demo::FREE_CODE, "mode": "DISCOUNT" } });
    let (operation, variables) = (json!(OPERATION), json!(format!("{variables:#}")));
    // GraphiQL 4 takes the variables of a tab only as a property, which would win over what was typed in an earlier
    // visit.
    let opening = format!(
        "defaultTabs: [{{ query: {operation} }}], \
         variables: localStorage.getItem('graphiql:tabState') ? undefined : {variables},"
    );
    GraphiQLSource::build()
        .endpoint("/graphql")
        .title("Promolink")
        .finish()
        .replace(OPTION, &format!("{OPTION} {opening}"))
});

/// Serves the page.
pub async fn page() -> Html<&'static str> {
    Html(&PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_opens_with_the_operation() {
        assert!(PAGE.contains("defaultTabs: [{ query: \"# Press the play button."));
        assert!(PAGE.contains(demo::FREE_CODE));
    }
}
