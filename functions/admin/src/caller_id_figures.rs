//! `GET /campaigns/{id}/caller-ids`: the numbers that a campaign's calls show, how often each was shown today by all
//! campaigns together, and which of them rest.

use redial_aws::web::{Answer, Problem};
use redial_domain::iso;
use serde_json::{Value, json};

use crate::request::{Caller, unavailable};

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign_to_read(id).await?;
    let now = caller.app.clock.now();
    let today = campaign.window.date_of(now);
    let tomorrow = today.succ_opt().map_or(now, |date| campaign.window.start_of(date));
    let uses = caller.app.table.caller_id_uses(&campaign.caller_ids, today).await;
    let uses = uses.map_err(|error| unavailable(&error))?;
    let numbers: Vec<Value> = campaign
        .caller_ids
        .iter()
        .map(|caller_id| {
            let used = uses.get(&caller_id.number).copied().unwrap_or_default();
            json!({
                "number": caller_id.number,
                "state": caller_id.state,
                "cooldown_s": caller_id.cooldown_s,
                "calls_per_day_max": caller_id.calls_per_day_max,
                "calls_today": used.calls,
                "last_call_at": used.last_at.map(iso),
                "rests_until": caller_id.rests_until(used, now, tomorrow).map(iso),
            })
        })
        .collect();
    Ok(Answer::json(
        200,
        &json!({"success": true, "campaign_id": campaign.id, "date": today.to_string(), "caller_ids": numbers}),
    ))
}
