//! Reads bodies of requests, within limits on size, time and memory.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
};
use futures_util::StreamExt;
use tokio::time;

use super::{BadRequest, Failure};
use crate::{
    auth::{Principal, Role},
    http::{
        access_log::Reason,
        concurrency::{ConcurrencyLimit, Permits},
    },
};

/// The largest body that needs no permit, in bytes: it holds 500 links. All connections together hold at most 256 MiB of
/// these.
const SMALL_BODY: usize = 64 * 1024;

/// The largest body of callers other than admins, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The largest body of an admin, in bytes. 10,000 codes of 64 characters, each written as two escapes of a surrogate pair,
/// take 7.7 MB.
const MAX_LARGE_BODY: usize = 8 * 1024 * 1024;

/// The most values in a body that needs a permit: as many as in the arguments of a document. A value takes up to 100 bytes
/// of memory, however short it is.
const MAX_VALUES: usize = 50_000;

/// The most bytes that are read and discarded of a body that is too large. Clients that send more are cut off.
const MAX_DISCARDED: usize = 64 * 1024 * 1024;

/// The longest time for a body to arrive. 256 KiB take less even at 30 KB/s, the speed of a slow phone.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a body. One over 64 KiB comes with the permits that it holds.
pub async fn read(
    body: Body,
    caller: &Principal,
    large_bodies: &ConcurrencyLimit,
) -> Result<(Vec<u8>, Option<Permits>), Failure> {
    let read = time::timeout(BODY_TIMEOUT, read_within_limits(body, caller, large_bodies)).await;
    read.unwrap_or_else(|_| {
        let message = "The body took more than 10 seconds to arrive.";
        Err(BadRequest::with_status(StatusCode::REQUEST_TIMEOUT, message).into())
    })
}

/// Whether parsing a body takes up to 10 ms or more, so that it needs a thread of its own: other requests should not wait
/// for it. For smaller bodies, the threads would take more memory than the bodies.
pub const fn is_slow_to_parse(json: &[u8]) -> bool {
    json.len() > MAX_BODY
}

/// Rejects a large body with too many values.
pub fn check_values(json: &[u8]) -> Result<(), BadRequest> {
    if count_values(json) > MAX_VALUES {
        let message = "A body of more than 64 KiB may have at most 50,000 values.";
        return Err(BadRequest::with_status(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(())
}

/// Rejects a document that is larger than a body of other callers may be. The cache of documents is bounded by their size.
pub fn check_document(text: &str) -> Result<(), BadRequest> {
    if text.len() > MAX_BODY {
        let message = "The document is larger than 256 KiB: send its values as variables.";
        return Err(BadRequest::with_status(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(())
}

/// An upper bound of the number of values in JSON. Each value except the first follows a separator or an opening bracket.
fn count_values(json: &[u8]) -> usize {
    let (mut in_string, mut escaped) = (false, false);
    let starts_value = |byte: &&u8| {
        let structural = !in_string && matches!(byte, b',' | b'[' | b'{');
        in_string ^= **byte == b'"' && !escaped;
        escaped = in_string && **byte == b'\\' && !escaped;
        structural
    };
    json.iter().filter(starts_value).count()
}

/// Reads and discards a body. A client that is cut off while it sends does not read the response.
pub async fn discard(body: Body) {
    let _ = time::timeout(BODY_TIMEOUT, async {
        let (mut chunks, mut length) = (body.into_data_stream(), 0);
        while let Some(Ok(chunk)) = chunks.next().await
            && length <= MAX_LARGE_BODY
        {
            length += chunk.len();
        }
    })
    .await;
}

/// Reads a body, and acquires permits for a large one. The rest of a body that is too large is read and discarded, since a
/// client that is cut off while it sends does not read the response.
async fn read_within_limits(
    body: Body,
    caller: &Principal,
    large_bodies: &ConcurrencyLimit,
) -> Result<(Vec<u8>, Option<Permits>), Failure> {
    let (max, too_large) = if caller.role == Role::Admin {
        (MAX_LARGE_BODY, "The body is larger than 8 MiB.")
    } else {
        (MAX_BODY, "The body is larger than 256 KiB.")
    };
    let expected = body.size_hint().upper().and_then(|length| usize::try_from(length).ok()).unwrap_or(max).min(max);
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    let (mut permits, mut is_rejected) = (None, false);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BadRequest::new("The body ended before it was complete."))?;
        length += chunk.len();
        if length > SMALL_BODY && length <= max && permits.is_none() && !is_rejected {
            permits = large_bodies.acquire_for_body(caller, expected.max(length)).await;
            is_rejected = permits.is_none();
        }
        if length <= max && !is_rejected {
            bytes.extend_from_slice(&chunk);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    if is_rejected {
        return Err(Failure::Busy(Reason::NoBodyPermit));
    }
    if length > max {
        return Err(BadRequest::with_status(StatusCode::PAYLOAD_TOO_LARGE, too_large).into());
    }
    Ok((bytes, permits))
}
