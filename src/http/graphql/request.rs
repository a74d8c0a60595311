//! A request's parameters, out of a JSON body or a URL.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::Query,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use super::{
    Failure,
    body::{self, Unread},
};
use crate::{
    auth::Principal,
    graphql::{DocumentSource, VariableValues},
    http::concurrency::{Concurrency, Places},
};

/// What a request asks for.
pub struct Params {
    pub document: DocumentSource,
    pub operation_name: Option<String>,
    pub variables: VariableValues,
    /// The length of what they were read from.
    pub bytes: usize,
    /// What a large body holds while it is in memory.
    pub place: Option<Places>,
}

/// A request that is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed {
    pub status: StatusCode,
    /// What is wrong, for people.
    pub reason: Cow<'static, str>,
}

pub fn malformed(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Malformed {
    Malformed { status, reason: reason.into() }
}

pub fn bad(reason: impl Into<Cow<'static, str>>) -> Malformed {
    malformed(StatusCode::BAD_REQUEST, reason)
}

/// The parameters as a JSON object. Others are ignored, as are unknown extensions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<VariableValues>,
    extensions: Option<Map<String, Value>>,
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

/// The extension for automatic persisted queries
/// (<https://www.apollographql.com/docs/apollo-server/performance/apq>).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersistedQuery {
    version: u64,
    sha256_hash: String,
}

/// Reads a POST request.
pub async fn from_body(
    headers: &HeaderMap,
    body: Body,
    principal: &Principal,
    large_bodies: &Concurrency,
) -> Result<Params, Unread> {
    if !is_json(headers) {
        let reason = "The body must be JSON, with the header content-type: application/json.";
        return Err(malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).into());
    }
    let (bytes, place) = body::read(body, principal, large_bodies).await?;
    let Some(place) = place else { return Ok(from_json(&bytes)?) };
    let is_long_work = body::is_long_work(&bytes);
    let parse = move || {
        body::check_values(&bytes)?;
        let params = from_json(&bytes)?;
        if let DocumentSource::Text(text) | DocumentSource::Hash { text: Some(text), .. } = &params.document {
            body::check_document(text)?;
        }
        Ok::<_, Malformed>(Params { place: Some(place), ..params })
    };
    if !is_long_work {
        return Ok(parse()?);
    }
    Ok(spawn_blocking(parse).await.map_err(|_| Unread::Failed(Failure::Panicked))??)
}

fn from_json(bytes: &[u8]) -> Result<Params, Malformed> {
    // RFC 8259, section 8.1: a parser may ignore a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // An array would be read as the parameters in a row.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(bad("Batched requests are not supported. Send each request by itself."));
    }
    let wrong = "The body must be a JSON object with query or documentId, a string, and optionally operationName, a \
                 string, and variables and extensions, objects.";
    let json = serde_json::from_slice(bytes).map_err(|error| invalid_json("The body", &error, wrong))?;
    params(json, bytes.len())
}

/// Reads a GET request.
pub fn from_query(uri: &Uri) -> Result<Params, Malformed> {
    // What is not UTF-8 would be replaced.
    let text = percent_decode_str(uri.query().unwrap_or_default()).decode_utf8();
    text.map_err(|_| bad("The parameters of the URL are not UTF-8."))?;
    let Query(url) = Query::<InUrl>::try_from_uri(uri).map_err(|_| bad("The parameters of the URL are malformed."))?;
    let json = Json {
        query: url.query,
        document_id: url.document_id,
        operation_name: url.operation_name,
        variables: object("variables", url.variables)?,
        extensions: object("extensions", url.extensions)?,
    };
    params(json, uri.query().unwrap_or_default().len())
}

/// A parameter of a URL that is a JSON object. Empty text counts as absent.
fn object<T: DeserializeOwned>(name: &str, text: Option<String>) -> Result<Option<T>, Malformed> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = "The parameters variables and extensions of the URL must be JSON objects.";
    serde_json::from_str(&text).map_err(|error| invalid_json(&format!("The parameter {name}"), &error, wrong))
}

/// The error for text that is not JSON, or, in the words of `wrong`, is not what it should be.
fn invalid_json(what: &str, error: &serde_json::Error, wrong: &'static str) -> Malformed {
    if error.is_data() {
        return bad(wrong);
    }
    let (line, column) = (error.line(), error.column());
    // The parser says no more than that a "\\u" escape is wrong.
    let reason = if error.to_string().contains("hex escape") {
        "a string has half of a surrogate pair (\\ud800 to \\udfff) without the other half"
    } else {
        "it has a syntax error or is nested too deep"
    };
    bad(format!("{what} is not valid JSON: {reason}, at line {line} column {column}."))
}

fn params(json: Json, bytes: usize) -> Result<Params, Malformed> {
    let persisted = json.extensions.and_then(|mut extensions| extensions.remove("persistedQuery"));
    let persisted = persisted.filter(|extension| !extension.is_null()).map(persisted_query).transpose()?;
    let document = match (json.query, json.document_id, persisted) {
        (text, None, Some(hash)) => DocumentSource::Hash { hash, text },
        (Some(text), None, None) => DocumentSource::Text(text),
        (None, Some(id), None) => DocumentSource::Id(id),
        _ => {
            return Err(bad(
                "Send exactly one of query, documentId and extensions.persistedQuery; only persistedQuery may accompany \
                 query.",
            ));
        }
    };
    let operation_name = json.operation_name.filter(|name| !name.is_empty());
    Ok(Params { document, operation_name, variables: json.variables.unwrap_or_default(), bytes, place: None })
}

/// The hash that names an automatic persisted query.
fn persisted_query(extension: Value) -> Result<String, Malformed> {
    let wrong = || bad("The extension persistedQuery must be an object with version, 1, and sha256Hash, a string.");
    // An array would be read as the fields in a row.
    let query: PersistedQuery = match extension {
        Value::Object(_) => serde_json::from_value(extension).map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    if query.version == 1 { Ok(query.sha256_hash) } else { Err(wrong()) }
}

/// Whether the body says that it is JSON, in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            ["utf-8", "utf8"].iter().any(|name| charset.eq_ignore_ascii_case(name))
        }
        _ => true,
    };
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) && parts.all(utf8)
}
