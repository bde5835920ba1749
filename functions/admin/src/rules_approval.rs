//! Whether a second person has to approve a rule change before it is live (R9). An owner decides.

use redial_aws::web::{Answer, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::queue_switches::change_settings;
use crate::request::{Caller, unavailable};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    required: bool,
}

pub(crate) async fn show(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let settings = caller.app.table.settings().await.map_err(|error| unavailable(&error))?;
    Ok(answer(settings.unwrap_or_default().rules_need_approval))
}

pub(crate) async fn change(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let wanted: Wanted = caller.body()?;
    let what = if wanted.required {
        "rule approval required"
    } else {
        "rule approval not required"
    };
    let settings = change_settings(caller, what, |settings| settings.rules_need_approval = wanted.required).await?;
    Ok(answer(settings.rules_need_approval))
}

fn answer(required: bool) -> Answer {
    Answer::json(200, &json!({"success": true, "required": required}))
}
