//! The weights of the schema's fields: the lists whose length no argument states, long texts, and lookups.

use super::STRING_BYTES;
use crate::events::MAX_ENDPOINTS;

/// The number of items in the lists whose length no argument states. For introspection, it is approximate: the types of the
/// schema, and the parts of each type.
const LIST_ITEMS: [(&str, usize); 10] = [
    // Rarely more, although 50 are permitted. The loaders count the bytes.
    ("metadata", 5),
    ("webhookEndpoints", MAX_ENDPOINTS),
    ("types", 64),
    ("directives", 8),
    ("fields", 8),
    ("inputFields", 4),
    ("enumValues", 4),
    ("args", 2),
    ("interfaces", 1),
    ("possibleTypes", 1),
];

/// The fields that look up an id, a code or a page. Lookups of one kind share a statement.
pub const LOOKUP_FIELDS: [&str; 16] = [
    "customerPromotion",
    "checkPromotionCode",
    "promotion",
    "promotionCodes",
    "campaign",
    "customerPromotions",
    "campaigns",
    "events",
    "promotions",
    "codes",
    "redemptions",
    "offer",
    "webhookEndpoints",
    "pending",
    "oldestPendingOn",
    "_entities",
];

/// The arguments that filter a list. To fill a page, the database also reads the rows that they exclude.
pub const FILTERS: [&str; 3] = ["active", "filter", "mode"];

/// The lookups that a filtered list counts as.
pub const LOOKUPS_PER_FILTERED_LIST: usize = 10;

/// The number of items of a list whose length no argument states. For other fields, 1.
pub fn list_items(field: &str) -> usize {
    LIST_ITEMS.iter().find(|(list, _)| *list == field).map_or(1, |(_, items)| *items)
}

/// Whether a field looks up an id or a page.
pub fn is_lookup(field: &str) -> bool {
    LOOKUP_FIELDS.contains(&field)
}

/// Whether filters reduce the rows of a field after they are read. The mode of a code is part of its key instead.
pub fn is_filterable(field: &str) -> bool {
    field != "promotionCodes"
}

/// The values that the text of a field counts as, which is 0 for short texts.
pub type TextWeight = fn(&str) -> usize;

/// The weight of a text. Names may have 4 bytes for each character; codes and transaction ids hardly ever do.
pub fn text_weight(field: &str) -> usize {
    let bytes = match field {
        // The whole schema.
        "sdl" => 40_000,
        "name" | "promotionName" => 200 * 4,
        "reason" => 500 * 4,
        "url" => 2_048,
        // Usually. Longer ones are rare, and the loaders count their bytes.
        "description" => 200,
        "lastError" => 256,
        "data" => 2_500,
        "transactionId" | "requestId" => 128,
        // A cursor contains a code, for example.
        "code" | "cursor" | "endCursor" => 64,
        _ => 0,
    };
    bytes / STRING_BYTES
}

/// The weight of a text of introspection.
pub fn introspection_text_weight(field: &str) -> usize {
    if field == "description" { 200 / STRING_BYTES } else { 0 }
}
