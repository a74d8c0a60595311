//! The parameters of a GraphQL request, from a JSON body or a URL.

use axum::{
    body::Body,
    extract::Query,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use super::{BadRequest, Failure, request_body};
use crate::{
    auth::Principal,
    graphql::{DocumentSource, GraphqlRequest, VariableValues},
    http::concurrency::{ConcurrencyLimit, Permits},
};

/// The parameters of a request.
pub struct Params {
    pub call: GraphqlRequest,
    /// The length of the body or query string that they were read from.
    pub bytes: usize,
    /// The permits that a large body holds while it is in memory.
    pub permits: Option<Permits>,
}

/// The parameters as a JSON object. Unknown ones and unknown extensions are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonParams {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<VariableValues>,
    extensions: Option<Map<String, Value>>,
}

/// The parameters in a URL.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlParams {
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
    caller: &Principal,
    large_bodies: &ConcurrencyLimit,
) -> Result<Params, Failure> {
    if !is_json(headers) {
        let message = "The body must be JSON, with the header content-type: application/json.";
        return Err(BadRequest::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into());
    }
    let (bytes, permits) = request_body::read(body, caller, large_bodies).await?;
    let Some(permits) = permits else { return Ok(from_json(&bytes)?) };
    let is_slow = request_body::is_slow_to_parse(&bytes);
    let parse = move || {
        request_body::check_values(&bytes)?;
        let params = from_json(&bytes)?;
        if let DocumentSource::Text(text) | DocumentSource::Hash { text: Some(text), .. } = &params.call.document {
            request_body::check_document(text)?;
        }
        Ok::<_, BadRequest>(Params { permits: Some(permits), ..params })
    };
    if !is_slow {
        return Ok(parse()?);
    }
    Ok(spawn_blocking(parse).await.map_err(|_| Failure::Panicked)??)
}

fn from_json(bytes: &[u8]) -> Result<Params, BadRequest> {
    // RFC 8259, section 8.1: a parser may ignore a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // serde would read an array as the fields in their order.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(BadRequest::new("Batched requests are not supported. Send one operation per request."));
    }
    let wrong_type = "The body must be a JSON object with query or documentId, a string, and optionally operationName, a \
                      string, and variables and extensions, objects.";
    let json = serde_json::from_slice(bytes).map_err(|error| json_error("The body", &error, wrong_type))?;
    params(json, bytes.len(), false)
}

/// Reads a GET request.
pub fn from_query(uri: &Uri) -> Result<Params, BadRequest> {
    // The extractor replaces invalid UTF-8 instead of rejecting it.
    let text = percent_decode_str(uri.query().unwrap_or_default()).decode_utf8();
    text.map_err(|_| BadRequest::new("The parameters of the URL are not valid UTF-8."))?;
    let Query(url) = Query::<UrlParams>::try_from_uri(uri).map_err(|_| {
        BadRequest::new("The parameters of the URL are malformed. Send each of them at most once, as name=value.")
    })?;
    let json = JsonParams {
        query: url.query,
        document_id: url.document_id,
        operation_name: url.operation_name,
        variables: url_object("variables", url.variables)?,
        extensions: url_object("extensions", url.extensions)?,
    };
    params(json, uri.query().unwrap_or_default().len(), true)
}

/// Parses a parameter of a URL that is a JSON object. Empty text counts as absent.
fn url_object<T: DeserializeOwned>(name: &str, text: Option<String>) -> Result<Option<T>, BadRequest> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong_type = "The parameters variables and extensions of the URL must be JSON objects.";
    serde_json::from_str(&text).map_err(|error| json_error(&format!("The parameter {name}"), &error, wrong_type))
}

/// The error for text that is not JSON or, with the message `wrong_type`, has another type than required.
fn json_error(what: &str, error: &serde_json::Error, wrong_type: &'static str) -> BadRequest {
    if error.is_data() {
        return BadRequest::new(wrong_type);
    }
    let (line, column) = (error.line(), error.column());
    // The parser only says that the escape is invalid.
    let reason = if error.to_string().contains("hex escape") {
        "a string has half of a surrogate pair (\\ud800 to \\udfff) without the other half"
    } else {
        "it has a syntax error or is nested too deeply"
    };
    BadRequest::new(format!("{what} is not valid JSON: {reason}, at line {line} column {column}."))
}

fn params(json: JsonParams, bytes: usize, queries_only: bool) -> Result<Params, BadRequest> {
    let persisted = json.extensions.and_then(|mut extensions| extensions.remove("persistedQuery"));
    let persisted = persisted.filter(|extension| !extension.is_null()).map(persisted_query).transpose()?;
    let document = match (json.query, json.document_id, persisted) {
        (text, None, Some(hash)) => DocumentSource::Hash { hash, text },
        (Some(text), None, None) => DocumentSource::Text(text),
        (None, Some(id), None) => DocumentSource::Id(id),
        _ => {
            return Err(BadRequest::new(
                "Send exactly one of query, documentId and extensions.persistedQuery; only persistedQuery may accompany \
                 query.",
            ));
        }
    };
    let operation_name = json.operation_name.filter(|name| !name.is_empty());
    let variables = json.variables.unwrap_or_default();
    Ok(Params { call: GraphqlRequest { document, operation_name, variables, queries_only }, bytes, permits: None })
}

/// The hash of an automatic persisted query.
fn persisted_query(extension: Value) -> Result<String, BadRequest> {
    let wrong_type =
        || BadRequest::new("The extension persistedQuery must be an object with version, 1, and sha256Hash, a string.");
    // serde would read an array as the fields in their order.
    let query: PersistedQuery = match extension {
        Value::Object(_) => serde_json::from_value(extension).map_err(|_| wrong_type())?,
        _ => return Err(wrong_type()),
    };
    if query.version == 1 { Ok(query.sha256_hash) } else { Err(wrong_type()) }
}

/// Whether the Content-Type is JSON, in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            ["utf-8", "utf8"].iter().any(|name| charset.eq_ignore_ascii_case(name))
        }
        _ => true,
    };
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) && parts.all(is_utf8)
}
