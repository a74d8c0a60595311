//! Limits the memory of responses that clients have not read yet, per caller and in total, however slowly clients read.
//! Over a limit, it drops the oldest response of the caller that holds the most, in the organisation that holds the most,
//! and closes its connection.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Buf, Frame, SizeHint};
use metrics::counter;

use crate::{
    auth::{Credential, Principal},
    promotions::OrgId,
};

/// The most bytes of unsent responses to all callers together.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes of unsent responses to one caller. A single response may be larger.
const MAX_BYTES_PER_CALLER: usize = 16 * 1024 * 1024;

/// Smaller responses, in bytes, don't count: a connection holds at most one of them.
const MIN_COUNTED: usize = 16 * 1024;

/// The bytes of a response that its connection gets at a time, as a copy: a slice would keep the whole response in memory.
const FRAME_SIZE: usize = 16 * 1024;

type Caller = (OrgId, Credential);

/// The unsent part of a response. `None` if it was dropped.
type Rest = Arc<Mutex<Option<Bytes>>>;

/// The responses that clients have not read yet.
#[derive(Clone, Default)]
pub struct UnsentResponses(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    bytes: usize,
    next_id: u64,
    callers: HashMap<Caller, CallerResponses>,
}

/// The unsent responses to one caller.
#[derive(Default)]
struct CallerResponses {
    bytes: usize,
    /// By id, the oldest first: the unsent bytes, and the response.
    responses: BTreeMap<u64, (usize, Rest)>,
}

impl UnsentResponses {
    /// Returns a body that sends these bytes to a caller.
    pub fn body(&self, principal: &Principal, bytes: Bytes) -> Body {
        if bytes.len() < MIN_COUNTED {
            return Body::from(bytes);
        }
        let caller = (principal.org, principal.credential);
        let (id, rest) = self.lock().add(caller, bytes);
        Body::new(UnsentBody { all: self.clone(), caller, id, rest }.map_err(axum::Error::new))
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.0)
    }
}

impl Ledger {
    fn add(&mut self, caller: Caller, bytes: Bytes) -> (u64, Rest) {
        let (id, length) = (self.next_id, bytes.len());
        let rest: Rest = Arc::new(Mutex::new(Some(bytes)));
        self.next_id += 1;
        self.bytes += length;
        let held = self.callers.entry(caller).or_default();
        held.bytes += length;
        held.responses.insert(id, (length, Arc::clone(&rest)));
        while let Some(caller) = self.caller_over_limit(caller) {
            self.drop_oldest(caller);
        }
        (id, rest)
    }

    /// After a response to `added` was added: the caller whose oldest response must be dropped. `None` if all are within the
    /// limits.
    fn caller_over_limit(&self, added: Caller) -> Option<Caller> {
        let held = self.callers.get(&added)?;
        if held.bytes > MAX_BYTES_PER_CALLER && held.responses.len() > 1 {
            return Some(added);
        }
        if self.bytes <= MAX_BYTES || self.response_count() == 1 {
            return None;
        }
        let mut bytes_by_org: HashMap<OrgId, usize> = HashMap::new();
        for ((org, _), held) in &self.callers {
            *bytes_by_org.entry(*org).or_default() += held.bytes;
        }
        let (org, _) = bytes_by_org.into_iter().max_by_key(|(_, bytes)| *bytes)?;
        let callers = self.callers.iter().filter(|((of, _), _)| *of == org);
        callers.max_by_key(|(_, held)| held.bytes).map(|(caller, _)| *caller)
    }

    fn response_count(&self) -> usize {
        self.callers.values().map(|held| held.responses.len()).sum()
    }

    fn drop_oldest(&mut self, caller: Caller) {
        let oldest = self.callers.get(&caller).and_then(|held| held.responses.first_key_value());
        let Some((&id, (_, rest))) = oldest else { return };
        *lock(rest) = None;
        counter!("promolink_refusals_total", "limit" => "unsent responses").increment(1);
        self.remove(caller, id);
    }

    /// Counts bytes of a response as sent.
    fn count_sent(&mut self, caller: Caller, id: u64, bytes: usize) {
        let Some(held) = self.callers.get_mut(&caller) else { return };
        let Some((unsent, _)) = held.responses.get_mut(&id) else { return };
        *unsent -= bytes;
        held.bytes -= bytes;
        self.bytes -= bytes;
        if *unsent == 0 {
            self.remove(caller, id);
        }
    }

    /// Removes a response that was sent or dropped.
    fn remove(&mut self, caller: Caller, id: u64) {
        let Some(held) = self.callers.get_mut(&caller) else { return };
        let Some((length, _)) = held.responses.remove(&id) else { return };
        held.bytes -= length;
        self.bytes -= length;
        if held.responses.is_empty() {
            self.callers.remove(&caller);
        }
    }
}

/// A response body that counts until its connection has taken the last frame.
struct UnsentBody {
    all: UnsentResponses,
    caller: Caller,
    id: u64,
    rest: Rest,
}

impl HttpBody for UnsentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match &mut *lock(&self.rest) {
            None => Some(Err(io::Error::other("the client did not read its responses in time"))),
            Some(rest) if rest.is_empty() => None,
            Some(rest) => {
                let frame = Bytes::copy_from_slice(&rest[..rest.len().min(FRAME_SIZE)]);
                rest.advance(frame.len());
                Some(Ok(Frame::data(frame)))
            }
        };
        if let Some(Ok(frame)) = &frame {
            self.all.lock().count_sent(self.caller, self.id, frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.rest).as_ref().is_some_and(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.rest).as_ref().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(rest.len() as u64))
    }
}

impl Drop for UnsentBody {
    fn drop(&mut self) {
        self.all.lock().remove(self.caller, self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::auth::Role;

    fn principal(org: i64) -> Principal {
        Principal { org: org.try_into().unwrap(), role: Role::Service, credential: Credential::None }
    }

    fn bytes(megabytes: usize) -> Bytes {
        Bytes::from(vec![b'x'; megabytes * 1024 * 1024])
    }

    async fn arrives_whole(body: Body) -> bool {
        to_bytes(body, usize::MAX).await.is_ok()
    }

    #[tokio::test]
    async fn a_sent_response_no_longer_counts() {
        let unsent = UnsentResponses::default();
        let body = unsent.body(&principal(1), Bytes::from(vec![b'x'; FRAME_SIZE * 3 + 1]));
        assert_eq!(body.size_hint().exact(), Some(FRAME_SIZE as u64 * 3 + 1));
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap().len(), FRAME_SIZE * 3 + 1);
        drop(unsent.body(&principal(1), bytes(1)));
        assert!(unsent.lock().bytes == 0 && unsent.lock().callers.is_empty());
    }

    #[tokio::test]
    async fn over_the_limit_of_one_caller_its_oldest_response_is_dropped() {
        let unsent = UnsentResponses::default();
        let mut bodies: Vec<_> = (0..6).map(|_| unsent.body(&principal(1), bytes(5))).collect();
        let other = unsent.body(&principal(2), bytes(20));
        assert!(arrives_whole(bodies.pop().unwrap()).await && arrives_whole(bodies.pop().unwrap()).await);
        assert!(arrives_whole(bodies.pop().unwrap()).await && !arrives_whole(bodies.pop().unwrap()).await);
        assert!(arrives_whole(other).await, "a single response may be larger");
    }

    #[tokio::test]
    async fn over_the_limit_of_all_callers_the_one_with_the_most_loses_a_response() {
        let unsent = UnsentResponses::default();
        let large = unsent.body(&principal(1), bytes(40));
        let others: Vec<_> = (2..6).map(|org| unsent.body(&principal(org), bytes(10))).collect();
        assert!(!arrives_whole(large).await);
        for other in others {
            assert!(arrives_whole(other).await);
        }
        assert_eq!(unsent.lock().bytes, 0);
    }
}
