//! What happens after a change: the form in which events leave the program, and the removal of old ones.

mod event_json;
mod retention;

pub use event_json::EventJson;
pub use retention::remove_old_events;
