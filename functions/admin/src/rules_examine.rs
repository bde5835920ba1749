//! What is wrong with a rule set's files, all at once: the check's findings, and the cases that fail.

use redial_aws::rule_store::Files;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Campaign, RuleSetName};
use redial_rules::{Examined, Finding, RuleSet, Spec};
use serde_json::{Value, json};

use crate::request::{Caller, unavailable};

/// Leads are counted up to here; more than ten thousand are "at least ten thousand" to a person.
const COUNTED_MAX: usize = 10_000;

/// Files that were looked at, for an answer.
pub(crate) struct Looked(pub(crate) Examined);

/// Looks at files as the version that they would become.
pub(crate) fn examine(name: &RuleSetName, version: u32, files: &Files) -> Looked {
    Looked(Examined::new(name, version, files))
}

impl Looked {
    /// Whether the files may be published.
    pub(crate) fn is_good(&self) -> bool {
        self.0.is_good()
    }

    /// For the one who wrote them.
    pub(crate) fn shown(&self) -> Value {
        let cases = self.0.cases.as_ref().map(|run| {
            let failures: Vec<Value> = run
                .failures
                .iter()
                .map(|case| {
                    json!({
                        "row": case.row, "section": case.section, "expected": case.expected, "got": case.got,
                        "line": case.line, "because": case.because,
                    })
                })
                .collect();
            json!({"rows": run.rows, "failed": failures.len(), "failures": failures})
        });
        json!({
            "ok": self.is_good(),
            "hash": self.0.set.as_ref().map(RuleSet::hash),
            "findings": self.0.findings.iter().map(finding).collect::<Vec<_>>(),
            // What is worth a look and refuses nothing.
            "warnings": self.0.set.iter().flat_map(RuleSet::warnings).map(finding).collect::<Vec<_>>(),
            "cases": cases,
        })
    }

    /// The refusal, if they are no rules. Cases that fail are no reason not to try them.
    pub(crate) fn refused_rules(&self) -> Option<Answer> {
        if self.0.set.is_some() { None } else { self.refusal() }
    }

    /// The refusal, if they are not good.
    pub(crate) fn refusal(&self) -> Option<Answer> {
        if self.is_good() {
            return None;
        }
        let (code, message) = if self.0.set.is_none() {
            (
                "rules_refused",
                format!("failed to accept the rules: {} findings", self.0.findings.len()),
            )
        } else {
            let failed = self.0.cases.as_ref().map_or(0, |run| run.failures.len());
            (
                "cases_failed",
                format!("failed to accept the rules: {failed} cases fail"),
            )
        };
        let mut body = self.shown();
        body["success"] = json!(false);
        body["code"] = json!(code);
        body["message"] = json!(message);
        body["hint"] = json!("mend what is listed, save the draft and try again");
        Some(Answer::json(422, &body))
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "file": finding.file, "line": finding.line, "column": finding.column, "message": finding.message,
        "hint": finding.hint, "text": finding.to_string(),
    })
}

/// Refuses to lose a status that leads hold: says which, and how many leads in which campaigns.
pub(crate) async fn refuse_lost_statuses(
    caller: &Caller<'_>,
    name: &RuleSetName,
    before: &Spec,
    after: &Spec,
) -> Result<Option<Answer>, Problem> {
    let lost: Vec<&str> = before
        .statuses
        .iter()
        .map(|status| status.name.as_str())
        .filter(|status| after.status(status).is_none())
        .collect();
    if lost.is_empty() {
        return Ok(None);
    }
    let table = &caller.app.table;
    let campaigns: Vec<Campaign> = table
        .campaigns_with_rules(name)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut held = Vec::new();
    for status in lost {
        let mut leads = 0;
        for campaign in &campaigns {
            leads += table
                .count_with_status(campaign, status, COUNTED_MAX)
                .await
                .map_err(|error| unavailable(&error))?;
        }
        if leads > 0 {
            held.push(json!({"status": status, "leads": leads, "at_least": leads >= COUNTED_MAX}));
        }
    }
    if held.is_empty() {
        return Ok(None);
    }
    let body = json!({
        "success": false,
        "code": "statuses_in_use",
        "message": "failed to change the rules: leads hold statuses that the new version does not have",
        "hint": "keep these statuses in `ruleset.toml`, or move the leads to others first",
        "statuses": held,
    });
    Ok(Some(Answer::json(409, &body)))
}
