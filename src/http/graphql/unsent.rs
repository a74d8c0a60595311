//! Response bodies that have not been sent yet. Their memory is bounded, per caller and in all, however slowly clients
//! read: beyond a bound, the oldest response of the caller that has the most, in the organisation that has the most, is dropped, and
//! its connection closed.

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

/// The most bytes that wait to be sent to all callers together.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes that wait to be sent to one caller. A single response may be larger.
const MAX_BYTES_PER_CALLER: usize = 16 * 1024 * 1024;

/// Smaller responses are not counted: a connection has one of them at most.
const COUNTED_FROM: usize = 16 * 1024;

/// How much of a response is handed to its connection at a time, as a copy: a slice would keep the whole response in
/// memory.
const FRAME: usize = 16 * 1024;

type Caller = (OrgId, Credential);

/// What is left of a response. `None` if it was dropped.
type Rest = Arc<Mutex<Option<Bytes>>>;

/// The responses that have not been sent yet.
#[derive(Clone, Default)]
pub struct Unsent(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    bytes: usize,
    next_id: u64,
    callers: HashMap<Caller, Held>,
}

/// What one caller has not read yet. Ids ascend.
#[derive(Default)]
struct Held {
    bytes: usize,
    responses: BTreeMap<u64, (usize, Rest)>,
}

impl Unsent {
    /// A body that sends these bytes to a caller.
    pub fn body(&self, principal: &Principal, bytes: Bytes) -> Body {
        if bytes.len() < COUNTED_FROM {
            return Body::from(bytes);
        }
        let caller = (principal.org, principal.credential);
        let (id, rest) = self.lock().add(caller, bytes);
        Body::new(Sending { unsent: self.clone(), caller, id, rest }.map_err(axum::Error::new))
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
        while let Some(over) = self.over_bound(caller) {
            self.drop_oldest(over);
        }
        (id, rest)
    }

    /// The caller whose oldest response is to be dropped, after one was added for a caller.
    fn over_bound(&self, added: Caller) -> Option<Caller> {
        let held = self.callers.get(&added)?;
        if held.bytes > MAX_BYTES_PER_CALLER && held.responses.len() > 1 {
            return Some(added);
        }
        if self.bytes <= MAX_BYTES || self.responses() == 1 {
            return None;
        }
        let mut of_orgs: HashMap<OrgId, usize> = HashMap::new();
        for ((org, _), held) in &self.callers {
            *of_orgs.entry(*org).or_default() += held.bytes;
        }
        let (org, _) = of_orgs.into_iter().max_by_key(|(_, bytes)| *bytes)?;
        let callers = self.callers.iter().filter(|((of, _), _)| *of == org);
        callers.max_by_key(|(_, held)| held.bytes).map(|(caller, _)| *caller)
    }

    fn responses(&self) -> usize {
        self.callers.values().map(|held| held.responses.len()).sum()
    }

    fn drop_oldest(&mut self, caller: Caller) {
        let oldest = self.callers.get(&caller).and_then(|held| held.responses.first_key_value());
        let Some((&id, (_, rest))) = oldest else { return };
        *lock(rest) = None;
        counter!("promolink_refusals_total", "limit" => "unsent responses").increment(1);
        self.remove(caller, id);
    }

    /// Counts a part of a response as sent.
    fn sent(&mut self, caller: Caller, id: u64, bytes: usize) {
        let Some(held) = self.callers.get_mut(&caller) else { return };
        let Some((left, _)) = held.responses.get_mut(&id) else { return };
        *left -= bytes;
        held.bytes -= bytes;
        self.bytes -= bytes;
        if *left == 0 {
            self.remove(caller, id);
        }
    }

    /// Forgets a response that was sent or dropped.
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

/// A body that is counted until its last frame is taken.
struct Sending {
    unsent: Unsent,
    caller: Caller,
    id: u64,
    rest: Rest,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match &mut *lock(&self.rest) {
            None => Some(Err(io::Error::other("the client did not read its responses in time"))),
            Some(rest) if rest.is_empty() => None,
            Some(rest) => {
                let frame = Bytes::copy_from_slice(&rest[..rest.len().min(FRAME)]);
                rest.advance(frame.len());
                Some(Ok(Frame::data(frame)))
            }
        };
        if let Some(Ok(frame)) = &frame {
            self.unsent.lock().sent(self.caller, self.id, frame.data_ref().map_or(0, Bytes::len));
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

impl Drop for Sending {
    fn drop(&mut self) {
        self.unsent.lock().remove(self.caller, self.id);
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

    async fn arrives(body: Body) -> bool {
        to_bytes(body, usize::MAX).await.is_ok()
    }

    #[tokio::test]
    async fn a_response_arrives_whole_and_is_forgotten() {
        let unsent = Unsent::default();
        let body = unsent.body(&principal(1), Bytes::from(vec![b'x'; FRAME * 3 + 1]));
        assert_eq!(body.size_hint().exact(), Some(FRAME as u64 * 3 + 1));
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap().len(), FRAME * 3 + 1);
        drop(unsent.body(&principal(1), bytes(1)));
        assert!(unsent.lock().bytes == 0 && unsent.lock().callers.is_empty());
    }

    #[tokio::test]
    async fn of_one_caller_the_oldest_goes_first() {
        let unsent = Unsent::default();
        let mut bodies: Vec<_> = (0..6).map(|_| unsent.body(&principal(1), bytes(5))).collect();
        let other = unsent.body(&principal(2), bytes(20));
        assert!(arrives(bodies.pop().unwrap()).await && arrives(bodies.pop().unwrap()).await);
        assert!(arrives(bodies.pop().unwrap()).await && !arrives(bodies.pop().unwrap()).await);
        assert!(arrives(other).await, "one response may be larger");
    }

    #[tokio::test]
    async fn of_all_callers_the_one_with_the_most_pays() {
        let unsent = Unsent::default();
        let large = unsent.body(&principal(1), bytes(40));
        let others: Vec<_> = (2..6).map(|org| unsent.body(&principal(org), bytes(10))).collect();
        assert!(!arrives(large).await);
        for other in others {
            assert!(arrives(other).await);
        }
        assert_eq!(unsent.lock().bytes, 0);
    }
}
