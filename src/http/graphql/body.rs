//! Bodies of requests: how large they may be, and how they are taken off the line.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    http::StatusCode,
};
use futures_util::StreamExt;
use tokio::time;

use super::{
    Failure,
    request::{Malformed, bad, malformed},
};
use crate::{
    auth::{Principal, Role},
    http::{
        access_log::Reason,
        concurrency::{Concurrency, Places},
    },
};

/// The largest body that needs no place, in bytes: room for 500 links in one call. All connections together hold 256 MiB of
/// these at most.
const SMALL_BODY: usize = 64 * 1024;

/// The largest body of callers other than admins, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The largest body of an admin, in bytes. 10,000 codes of 64 characters, each of which is two escapes of a surrogate pair,
/// have 7.7 MB.
const MAX_LARGE_BODY: usize = 8 * 1024 * 1024;

/// The most values in a body that needs a place: as many as in the arguments of a document. A value takes up to 100 bytes
/// of memory, however short it is.
const MAX_VALUES: usize = 50_000;

/// How much of a body that is too large is taken off the line, in bytes. Who sends more is cut off.
const MAX_DROPPED: usize = 64 * 1024 * 1024;

/// How long a body may take to arrive: at a slow phone's 30 KB a second, the largest is there in time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request has no parameters.
pub enum Unread {
    /// It is no request.
    Malformed(Malformed),
    /// It was not read.
    Failed(Failure),
}

impl From<Malformed> for Unread {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Reads a body. Beyond 64 KiB it comes with the places that it takes.
pub async fn read(
    body: Body,
    principal: &Principal,
    large_bodies: &Concurrency,
) -> Result<(Vec<u8>, Option<Places>), Unread> {
    let read = time::timeout(BODY_TIMEOUT, read_in_time(body, principal, large_bodies)).await;
    let late = malformed(StatusCode::REQUEST_TIMEOUT, "The body took more than 10 seconds to arrive.");
    read.unwrap_or_else(|_| Err(late.into()))
}

/// Whether to parse a body takes some 10 ms, which other requests should not wait for. Threads of their own for smaller
/// ones would take more memory than the bodies.
pub const fn is_long_work(json: &[u8]) -> bool {
    json.len() > MAX_BODY
}

/// Rejects a large body of too many values.
pub fn check_values(json: &[u8]) -> Result<(), Malformed> {
    if count_values(json) > MAX_VALUES {
        let reason = "A body of more than 64 KiB may have at most 50,000 values.";
        return Err(malformed(StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    Ok(())
}

/// Rejects a document that is larger than other bodies: what is known of documents is kept and bounded by their size.
pub fn check_document(text: &str) -> Result<(), Malformed> {
    if text.len() > MAX_BODY {
        let reason = "The document is larger than 256 KiB: send its values as variables.";
        return Err(malformed(StatusCode::PAYLOAD_TOO_LARGE, reason));
    }
    Ok(())
}

/// How many values JSON has at most: a separator or an opening bracket before each, the first aside.
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

/// Takes a body off the line. A client that is cut off while it sends does not read the response.
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

/// Reads a body. It may be large, if there are places for it. The rest of one that is too large is taken off the
/// line and dropped, or its sender would be cut off before the answer.
async fn read_in_time(
    body: Body,
    principal: &Principal,
    large_bodies: &Concurrency,
) -> Result<(Vec<u8>, Option<Places>), Unread> {
    let (most, too_large) = if principal.role == Role::Admin {
        (MAX_LARGE_BODY, "The body is larger than 8 MiB.")
    } else {
        (MAX_BODY, "The body is larger than 256 KiB.")
    };
    let expected = body.size_hint().upper().and_then(|length| usize::try_from(length).ok()).unwrap_or(most).min(most);
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    let (mut place, mut is_refused) = (None, false);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| bad("The body did not arrive whole."))?;
        length += chunk.len();
        if length > SMALL_BODY && length <= most && place.is_none() && !is_refused {
            place = large_bodies.take_for_bytes(principal, expected.max(length)).await;
            is_refused = place.is_none();
        }
        if length <= most && !is_refused {
            bytes.extend_from_slice(&chunk);
        } else if length > MAX_DROPPED {
            break;
        }
    }
    if is_refused {
        return Err(Unread::Failed(Failure::Busy(Reason::NoBodyPlace)));
    }
    if length > most {
        return Err(malformed(StatusCode::PAYLOAD_TOO_LARGE, too_large).into());
    }
    Ok((bytes, place))
}
