//! `GET /api/lead-statuses`: the statuses of a rule set, as a board shows its columns.
//!
//! A bare list, because boards read it so. Without a campaign or rule set it is that of the campaign `default`.

use std::collections::BTreeSet;

use redial_aws::rulebook::RuleBookError;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, CampaignId, RuleSetName};
use redial_rules::{RuleSet, Status};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::request::{Caller, bad, unavailable};
use crate::rules_draft::set_name;
use crate::rules_show::names;

#[derive(Clone, Copy)]
enum Language {
    English,
    Hebrew,
}

pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let query = caller.request.query();
    let language = match query.get("lang").map(String::as_str) {
        None | Some("en" | "") => Language::English,
        Some("he") => Language::Hebrew,
        Some(_) => return Err(bad("lang", "use en or he")),
    };
    let set = match (query.get("rule_set"), query.get("campaign_id")) {
        (Some(set), _) => set_name(set)?,
        (None, Some(id)) => caller.campaign(id).await?.rule_set,
        (None, None) => caller.campaign(CampaignId::default_campaign().as_str()).await?.rule_set,
    };
    let rules = rules(caller, &set).await?;
    let mut statuses: Vec<&Status> = rules.spec().statuses.iter().collect();
    statuses.sort_by_key(|status| status.order);
    let shown: Vec<Value> = statuses.into_iter().map(|status| shown(status, language)).collect();
    Ok(Answer::json(200, &json!(shown)))
}

fn shown(status: &Status, language: Language) -> Value {
    let label = match language {
        Language::English => &status.labels.en,
        Language::Hebrew => &status.labels.he,
    };
    json!({
        "name": status.name,
        "label": label,
        "labels": status.labels,
        "color": status.color,
        "order": status.order,
        "kind": status.kind,
        "is_default": status.default,
    })
}

/// The rules in use of a set.
pub(crate) async fn rules(caller: &Caller<'_>, set: &RuleSetName) -> Result<Arc<RuleSet>, Problem> {
    let app = caller.app;
    let rules = app.rules.in_use(&app.table, set, app.clock.now()).await;
    rules.map_err(|error| match error {
        RuleBookError::Table(error) => unavailable(&error),
        error => Problem::new(
            404,
            "unknown_rule_set",
            error.to_string(),
            "list them with GET /api/rules",
        ),
    })
}

/// Every status that a lead of a campaign may have: those of its rule set, those of the sets that it may have had before,
/// and none at all.
pub(crate) async fn possible(caller: &Caller<'_>, campaign: Option<&Campaign>) -> Result<BTreeSet<String>, Problem> {
    let mut possible: BTreeSet<String> = [String::new()].into();
    let own = campaign.map(|campaign| campaign.rule_set.clone());
    for set in names(caller).await?.into_iter().chain(own) {
        let app = caller.app;
        match app.rules.in_use(&app.table, &set, app.clock.now()).await {
            Ok(rules) => possible.extend(rules.spec().statuses.iter().map(|status| status.name.to_string())),
            Err(RuleBookError::Table(error)) => return Err(unavailable(&error)),
            // A set that decides nothing any more, or that is a draft only, gives no lead a status.
            Err(_) => {}
        }
    }
    Ok(possible)
}
