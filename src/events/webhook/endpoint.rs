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

/// How long the previous secret still signs after a rotation.
const ROTATION_DAYS: u32 = 1;

/// How long a lease lasts, unless it is renewed: twice as long as an attempt.
const LEASE: Duration = Duration::from_secs(30);

/// An endpoint to which the events of an organisation are sent.
#[derive(Debug, Clone)]
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
    /// When the next attempt may be made, after one that failed. After one that succeeded, when that was: endpoints that were
    /// served longest ago come first.
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

    /// The events after one position were delivered, up to another one. If the endpoint continues elsewhere by now, because
    /// of a replay, it does not matter.
    pub fn delivered(&mut self, from: i64, to: i64, now: Timestamp) {
        if self.delivered_position == from {
            self.delivered_position = to;
        }
        self.next_attempt_on = now;
        self.recover();
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

    /// The sealed secrets that sign now, the newest first.
    pub fn signing_secrets(&self, now: Timestamp) -> impl Iterator<Item = &[u8]> {
        let previous = self.previous_secret.iter().filter(move |(_, until)| now < *until);
        std::iter::once(&*self.secret).chain(previous.map(|(secret, _)| &**secret))
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
