//! 9: every lead stands where its attempts and activities say.

use serde_json::Value;

use super::{Items, text};
use crate::world::World;

const NAME: &str = "explained";

pub(super) fn end(world: &World, items: &Items) {
    let now = world.now();
    for lead in &items.leads {
        let (id, phone) = (text(lead, "id"), text(lead, "phone"));
        let mine: Vec<&Value> = items
            .attempts
            .iter()
            .filter(|attempt| text(attempt, "lead") == id)
            .collect();
        let named = |what: &str| {
            items
                .activities
                .iter()
                .any(|activity| text(activity, "lead") == id && text(activity, "what") == what)
        };
        let state = text(lead, "st");
        let reason = text(lead, "why");
        let wrong = if !named("added") {
            Some("nobody added it".to_owned())
        } else if (state == "paused" && !named("paused")) || (state == "removed" && !named("removed")) {
            Some(format!("is {state}, and nobody did that"))
        } else if mine
            .iter()
            .any(|attempt| attempt["dec"].is_null() && attempt["problem"].is_null())
        {
            Some("an attempt has no decision and no reason for that".to_owned())
        } else if mine.is_empty() && text(lead, "status") != "new" {
            Some(format!("is {} without an attempt", text(lead, "status")))
        } else if !mine.is_empty()
            && !mine
                .iter()
                .any(|attempt| text(&attempt["dec"], "to") == text(lead, "status"))
        {
            Some(format!("is {}, which no attempt decided", text(lead, "status")))
        } else if lead["next"].is_null() && reason.is_empty() {
            Some("has neither a next time nor a reason".to_owned())
        } else {
            None
        };
        if let Some(wrong) = wrong {
            world.judge.found(NAME, now, format!("{phone}: {wrong}"), phone);
        }
    }
}
