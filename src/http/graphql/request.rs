//! A request's parameters, out of a JSON body or a URL.

use std::time::Duration;

use async_graphql::Variables;
use axum::{
    body::Body,
    extract::Query,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
};
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time;

use crate::graphql::Document;

/// The largest request body, in bytes: room for 500 links in one call, twice over.
const MAX_BODY: usize = 256 * 1024;

/// How much of a body that is too large is taken off the line, in bytes. Who sends more is cut off.
const MAX_DROPPED: usize = 64 * 1024 * 1024;

/// How long a body may take to arrive: at a slow phone's 30 KB a second, the largest is there in time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request asks for.
pub struct Params {
    pub document: Document,
    pub operation_name: Option<String>,
    pub variables: Variables,
}

/// A request that is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    pub status: StatusCode,
    /// What is wrong, for people.
    pub reason: &'static str,
}

const fn malformed(status: StatusCode, reason: &'static str) -> Malformed {
    Malformed { status, reason }
}

const fn bad(reason: &'static str) -> Malformed {
    malformed(StatusCode::BAD_REQUEST, reason)
}

/// The parameters as a JSON object. Others are ignored, as are extensions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    #[serde(rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

/// The parameters in a URL.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InUrl {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// Reads a POST request.
pub async fn from_body(headers: &HeaderMap, body: Body) -> Result<Params, Malformed> {
    if !is_json(headers) {
        let reason = "The body must be JSON, with the header content-type: application/json.";
        return Err(malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let read = time::timeout(BODY_TIMEOUT, read(body)).await;
    let late = malformed(StatusCode::REQUEST_TIMEOUT, "The body took more than 10 seconds to arrive.");
    let bytes = read.unwrap_or(Err(late))?;
    // An array would be read as the parameters in a row.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(bad("One request at a time is wanted, not a list of them."));
    }
    let wrong = "The body must be a JSON object with query or documentId, a string, and maybe operationName, a string, \
                 and variables and extensions, objects.";
    let json: Json = serde_json::from_slice(&bytes).map_err(|_| bad(wrong))?;
    params(json)
}

/// Reads a GET request.
pub fn from_query(uri: &Uri) -> Result<Params, Malformed> {
    // What is not UTF-8 would be replaced.
    let text = percent_decode_str(uri.query().unwrap_or_default()).decode_utf8();
    text.map_err(|_| bad("The parameters of the URL are not UTF-8."))?;
    let Query(url) = Query::<InUrl>::try_from_uri(uri).map_err(|_| bad("The parameters of the URL are malformed."))?;
    let object = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
        Some(text) => {
            let reason = "The parameters variables and extensions of the URL must be JSON objects.";
            serde_json::from_str(&text).map_err(|_| bad(reason))
        }
        None => Ok(None),
    };
    params(Json {
        query: url.query,
        document_id: url.document_id,
        operation_name: url.operation_name.filter(|name| !name.is_empty()),
        variables: object(url.variables)?,
        _extensions: object(url.extensions)?,
    })
}

fn params(json: Json) -> Result<Params, Malformed> {
    let document = match (json.query, json.document_id) {
        (Some(text), None) => Document::Text(text),
        (None, Some(id)) => Document::Id(id),
        _ => return Err(bad("One of the parameters query and documentId is wanted, a string.")),
    };
    let variables = Variables::from_json(Value::Object(json.variables.unwrap_or_default()));
    Ok(Params { document, operation_name: json.operation_name, variables })
}

/// Whether the body says that it is JSON, in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) && parts.all(utf8)
}

/// Reads a body. The rest of one that is too large is taken off the line and dropped, or its sender would be cut off
/// before the answer.
async fn read(body: Body) -> Result<Vec<u8>, Malformed> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| bad("The body did not arrive whole."))?;
        length += chunk.len();
        if length <= MAX_BODY {
            bytes.extend_from_slice(&chunk);
        } else if length > MAX_DROPPED {
            break;
        }
    }
    if length > MAX_BODY {
        return Err(malformed(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 256 KiB."));
    }
    Ok(bytes)
}
