//! The names of the API keys that made changes. A key keeps its name, so events don't repeat it.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::rows::Id;
use crate::promotions::{Actor, Event};

fn key_id(event: &Event) -> Option<Uuid> {
    match event.attribution.actor {
        Actor::ApiKey(id) => Some(id),
        _ => None,
    }
}

/// The ids of the keys that made these changes.
pub fn key_ids(events: &[Event]) -> Vec<Id> {
    events.iter().filter_map(key_id).collect::<BTreeSet<_>>().into_iter().map(Id).collect()
}

/// Sets the names of the keys.
pub fn add(events: &mut [Event], names: Vec<(Id, String)>) {
    let names: HashMap<Uuid, String> = names.into_iter().map(|(id, name)| (id.0, name)).collect();
    for event in events {
        let name = key_id(event).and_then(|id| names.get(&id));
        // A key that was created without a name has an empty one.
        event.actor_name = name.filter(|name| !name.is_empty()).cloned();
    }
}
