//! An endpoint, and what deliveries and operators change about it: pure functions.

use std::time::Duration;

use uuid::Uuid;

use crate::promotions::{EventType, OrgId, Timestamp, uuid_id};

uuid_id! {
    /// A webhook endpoint.
    EndpointId
}

uuid_id! {
    /// A task that sends to an endpoint. While it has the lease, no other task sends to the endpoint.
    LeaseId
}

/// The beginning of the error of a test message.
const TEST_PREFIX: &str = "test: ";

/// How long the previous secret still signs after a rotation.
const ROTATION_DAYS: u32 = 1;

/// How long a lease lasts, unless it is renewed: as long as an attempt, its recording and the permitted difference between the
/// clocks of servers.
const LEASE: Duration = Duration::from_secs(40);

/// The part of a lease that must remain when an attempt begins. It takes up to 15 seconds, and its recording as long.
const ATTEMPT: Duration = Duration::from_secs(30);

/// An endpoint to which the events of an organisation are sent.
#[derive(Clone)]
pub struct Endpoint {
    /// The tenant.
    pub org: OrgId,
    /// Its id.
    pub id: EndpointId,
    /// Its URL. Paths and queries of URLs may contain secrets.
    pub url: String,
    /// The types of events to send. Empty: all.
    pub event_types: Vec<EventType>,
    /// The most events in one message. With 1, a message is a single event.
    pub batch_size: u32,
    /// Whether events are sent. The server itself disables an endpoint that fails for too long.
    pub enabled: bool,
    /// The secret that signs, sealed.
    pub secret: Vec<u8>,
    /// The secret before that, sealed, and until when it signs too.
    pub previous_secret: Option<(Vec<u8>, Timestamp)>,
    /// All events of its types up to this position have been delivered.
    pub delivered_position: i64,
    /// The attempts that failed since the last one that succeeded.
    pub failed_attempts: u32,
    /// When the next attempt may be made, if the last one failed.
    pub next_attempt_on: Timestamp,
    /// Why the last attempt failed. `None` if it succeeded.
    pub last_error: Option<String>,
    /// Whether a test message is to be sent.
    pub test_requested: bool,
    /// The task that sends at the moment, and until when.
    pub lease: Option<(LeaseId, Timestamp)>,
}

impl Endpoint {
    /// When it was created: its id begins with that time.
    #[must_use]
    pub fn created_on(&self) -> Timestamp {
        let created = self.id.get().get_timestamp().map_or((0, 0), |time| time.to_unix());
        let millis = created.0.saturating_mul(1000).saturating_add(u64::from(created.1 / 1_000_000));
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// Gives the lease to a task, unless another one has it.
    pub fn lease_to(&mut self, lease: LeaseId, now: Timestamp) {
        if self.lease.is_none_or(|(holder, until)| holder == lease || until < now) {
            self.lease = Some((lease, plus(now, LEASE)));
        }
    }

    /// Whether a task may begin an attempt: its lease lasts long enough.
    #[must_use]
    pub fn permits_attempt(&self, lease: LeaseId, now: Timestamp) -> bool {
        self.lease.is_some_and(|(holder, until)| holder == lease && plus(now, ATTEMPT) <= until)
    }

    /// Whether a task has the lease.
    #[must_use]
    pub fn is_leased_to(&self, lease: LeaseId) -> bool {
        self.lease.is_some_and(|(holder, _)| holder == lease)
    }

    /// Ends the lease of a task.
    pub fn release(&mut self, lease: LeaseId) {
        if self.is_leased_to(lease) {
            self.lease = None;
        }
    }

    /// Whether events may be sent now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.enabled && (self.failed_attempts == 0 || self.next_attempt_on <= now)
    }

    /// Events were delivered up to a position, to the endpoint as it was.
    pub fn delivered(&mut self, before: &Self, to: i64) {
        self.advance(before, to);
        self.recover();
    }

    /// No events of its types wait up to a position, for the endpoint as it was.
    pub fn skip(&mut self, before: &Self, to: i64) {
        if self.lease.is_none() {
            self.advance(before, to);
        }
    }

    /// Moves the position, unless the endpoint was told meanwhile to continue elsewhere or with other types.
    fn advance(&mut self, before: &Self, to: i64) {
        if self.delivered_position == before.delivered_position && self.event_types == before.event_types {
            self.delivered_position = to.max(self.delivered_position);
        }
    }

    /// Whether an attempt to deliver to the endpoint as it was says something about what it is now.
    #[must_use]
    pub fn is_as(&self, before: &Self) -> bool {
        (&self.url, self.enabled, self.delivered_position, self.failed_attempts)
            == (&before.url, before.enabled, before.delivered_position, before.failed_attempts)
    }

    /// A test message was sent, with this error. It does not change when events are sent.
    pub fn tested(&mut self, error: Option<String>) {
        self.test_requested = false;
        let is_of_test = self.last_error.as_ref().is_some_and(|error| error.starts_with(TEST_PREFIX));
        if let Some(error) = error {
            self.last_error = Some(format!("{TEST_PREFIX}{error}"));
        } else if is_of_test || self.failed_attempts == 0 {
            self.last_error = None;
        }
    }

    /// Nothing could be sent, for a reason that has nothing to do with the receiver. That does not count as an attempt.
    pub fn postponed(&mut self, error: String, now: Timestamp, delay: Duration) {
        self.failed_attempts = self.failed_attempts.max(1);
        self.last_error = Some(error);
        self.next_attempt_on = plus(now, delay);
    }

    /// The next attempt may be made now.
    fn recover(&mut self) {
        self.failed_attempts = 0;
        self.last_error = None;
    }

    /// An attempt failed. The next one follows after the delay that `retry` returns for the number of failed attempts; if
    /// that is `None`, the endpoint is disabled. Returns whether it was.
    pub fn failed(&mut self, error: String, now: Timestamp, retry: impl FnOnce(u32) -> Option<Duration>) -> bool {
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        self.last_error = Some(error);
        match retry(self.failed_attempts) {
            Some(delay) => self.next_attempt_on = plus(now, delay),
            None => return std::mem::replace(&mut self.enabled, false),
        }
        false
    }

    /// Enables or disables the endpoint. It continues where it stopped, now.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
        if enabled {
            self.recover();
        }
    }

    /// Replaces the URL. What failed at the old one is tried again now.
    pub fn set_url(&mut self, url: String) {
        self.url = url;
        self.recover();
    }

    /// Replaces the secret. The old one signs too for a day.
    pub fn rotate(&mut self, secret: Vec<u8>, now: Timestamp) {
        let old = std::mem::replace(&mut self.secret, secret);
        self.previous_secret = Some((old, now.plus_days(ROTATION_DAYS)));
    }

    /// The sealed secret before the current one, while it still signs.
    #[must_use]
    pub fn previous_secret(&self, now: Timestamp) -> Option<&[u8]> {
        self.previous_secret.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| &**secret)
    }

    /// Delivers again what comes after a position.
    pub fn replay(&mut self, after: i64) {
        self.delivered_position = after;
        self.recover();
    }

    /// What secrets are sealed for: they can't be used for another endpoint.
    #[must_use]
    pub fn sealing_context(org: OrgId, id: EndpointId) -> Vec<u8> {
        let id: Uuid = id.get();
        [&org.get().to_be_bytes()[..], id.as_bytes()].concat()
    }
}

fn plus(time: Timestamp, duration: Duration) -> Timestamp {
    Timestamp::from_millis(time.millis().saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
}
