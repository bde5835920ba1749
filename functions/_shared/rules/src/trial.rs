//! Runs a new rule set over every kind of call before anybody uses it: each outcome with each disposition,
//! failure and promise, and each status. A way through a script that ends without an answer is found here and not by a lead.

use std::cell::OnceCell;

use chrono::DateTime;
use redial_domain::{Direction, Disposition, EventKind, Facts, FailureClass, Outcome, RuleFacts, StatusName, Transfer};

use crate::facts::View;
use crate::meaning::Meaning;
use crate::spec::Status;
use crate::talk::Heard;
use crate::{Finding, RuleError, RuleSet, Script, cage};

/// Steps of all runs together. The shipped sets take about 27,000; a set of dear scripts is tried as far as this goes,
/// so that checking a rule set takes seconds at most, whatever is in it.
const TRIAL_STEPS_MAX: u64 = 300_000;

/// All that fails, at most one finding for each script: an endless loop is met once, not a thousand times.
pub(crate) fn every_kind_of_call(set: &RuleSet) -> Vec<Finding> {
    let before = cage::steps();
    let mut findings = Vec::new();
    for script in Script::ALL {
        for (facts, disposition, status) in calls(set) {
            if cage::steps() - before > TRIAL_STEPS_MAX {
                return findings;
            }
            let tried = ask(set, script, &facts, disposition, status, None);
            if let Err(error) = tried {
                findings.push(finding(&error, facts.outcome, disposition, status));
                break;
            }
        }
    }
    findings.extend(every_status_said(set));
    findings.truncate(Script::ALL.len());
    findings
}

/// Each status that a word or a keyword can name, named by it. None if a talk without any already fails.
fn every_status_said(set: &RuleSet) -> Option<Finding> {
    let facts = Facts::ended(Outcome::Answered);
    let named = set.spec.keywords.keys().chain(set.spec.status_words.keys());
    for name in named {
        let tried = ask(
            set,
            Script::AutoStatus,
            &facts,
            Disposition::Human,
            &set.default_status,
            Some(name),
        );
        if let Err(error) = tried {
            let found = finding(&error, facts.outcome, Disposition::Human, &set.default_status);
            return Some(found.hint(format!("tried with a talk that says `{name}`")));
        }
    }
    None
}

/// Each outcome, in its variants, with each disposition for a new lead; and each disposition at each status.
fn calls(set: &RuleSet) -> impl Iterator<Item = (Facts, Disposition, &Status)> {
    let new = Outcome::ALL.into_iter().flat_map(variants).flat_map(move |facts| {
        Disposition::ALL
            .into_iter()
            .map(move |disposition| (facts.clone(), disposition, &set.default_status))
    });
    let known = set.spec.statuses.iter().flat_map(|status| {
        Disposition::ALL
            .into_iter()
            .map(move |disposition| (Facts::ended(Outcome::NoAnswer), disposition, status))
    });
    new.chain(known)
}

/// One outcome in the forms that rules tell apart.
fn variants(outcome: Outcome) -> Vec<Facts> {
    let plain = Facts::ended(outcome);
    let callback = Facts {
        callback_requested: true,
        ..plain.clone()
    };
    let promised = Facts {
        callback_at: Some(DateTime::UNIX_EPOCH),
        ..callback.clone()
    };
    let connected = Facts {
        transfer: Transfer::Connected,
        talk_s: Some(60),
        ..plain.clone()
    };
    let bad_number = Facts {
        failure: Some(FailureClass::BadNumber),
        ..plain.clone()
    };
    if outcome == Outcome::Failed {
        vec![plain, callback, promised, bad_number]
    } else {
        vec![plain, callback, promised, connected]
    }
}

fn ask(
    set: &RuleSet,
    script: Script,
    facts: &Facts,
    disposition: Disposition,
    status: &Status,
    said: Option<&StatusName>,
) -> Result<(), RuleError> {
    let name: StatusName = status.name.clone();
    let rule = RuleFacts {
        facts,
        kind: EventKind::Ended,
        direction: Direction::Outbound,
        status: &name,
        known: disposition,
        attempts: 1,
        attempts_today: 1,
        intervals_min: None,
        ended_at: DateTime::UNIX_EPOCH,
    };
    let (word, outcome) = (String::new(), facts.outcome);
    let meaning = Meaning {
        word,
        word_is_unknown: false,
        outcome,
        disposition,
        floor: disposition,
    };
    let extracted = said.and_then(|said| set.spec.status_words.get(said)?.first());
    let heard = said.map_or_else(Heard::default, |said| Heard {
        status: Some(said.clone()),
        ..Heard::default()
    });
    let mut view = View {
        rule: &rule,
        word: extracted.map_or("", String::as_str),
        outcome,
        disposition,
        status,
        set,
        heard: OnceCell::from(heard),
    };
    let answer = set.ask(&cage::COUNTING, script, &view)?;
    match script {
        Script::OutcomeToStatus | Script::AutoStatus => {
            set.apply_status(script, &answer, &meaning, &mut view).map(|_| ())
        }
        Script::StopRedial => Ok(()),
        Script::RedialInterval => set.next_wish(&answer, &rule).map(|_| ()),
    }
}

fn finding(error: &RuleError, outcome: Outcome, disposition: Disposition, status: &Status) -> Finding {
    let (outcome, disposition, status) = (outcome.as_str(), disposition.as_str(), &status.name);
    Finding::at(error.script.file(), (error.line, 0), error.message.clone()).hint(format!(
        "tried with outcome `{outcome}`, disposition `{disposition}` and status `{status}`"
    ))
}
