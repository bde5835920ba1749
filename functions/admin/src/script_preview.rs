//! `GET /campaigns/{id}/script-preview?lead_id=`: what the agent would be told to say to one lead (C6). It writes nothing and
//! calls nobody.

use redial_aws::web::{Answer, Problem};
use serde_json::json;

use crate::request::{Caller, bad, unavailable};

pub(crate) async fn show(caller: &Caller<'_>, id: &str) -> Result<Answer, Problem> {
    let campaign = caller.campaign_to_read(id).await?;
    let query = caller.request.query();
    let lead_id = query
        .get("lead_id")
        .ok_or_else(|| bad("lead_id", "it is missing; name one of the campaign's leads"))?;
    let lead = caller.lead(lead_id).await?;
    if lead.campaign != campaign.id {
        return Err(bad("lead_id", "this lead is in another campaign"));
    }
    let person = caller.app.table.profile(&lead.phone, &lead.campaign).await;
    let person = person.map_err(|error| unavailable(&error))?;
    let filled = campaign.script.fill(&person);
    let says = match (&campaign.voice.pathway_id, &filled) {
        (Some(_), _) => "pathway",
        (None, Some(_)) => "script_template",
        (None, None) => "task",
    };
    let (script, missing) = filled.map_or((None, Vec::new()), |filled| (Some(filled.text), filled.missing));
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "campaign_id": campaign.id,
            "lead_id": lead.id,
            // What decides what is said: a pathway gets the script as a variable, and a script takes the place of a task.
            "says": says,
            "script": script.or_else(|| campaign.voice.task.clone().filter(|_| says == "task")),
            "missing_columns": missing,
            "qualification_criteria": campaign.script.criteria,
        }),
    ))
}
