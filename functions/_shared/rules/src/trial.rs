//! Runs a new rule set over every kind of call before anybody uses it: each outcome with each disposition,
//! failure and promise, each status, each word that it knows, talks of every length and calls up to the last. A way through a script that ends without an answer is found here and not by a lead.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::DateTime;
use redial_domain::{Direction, Disposition, EventKind, Facts, FailureClass, Outcome, RuleFacts, StatusName, Transfer};
use rhai::ImmutableString;

use crate::facts::{View, scope};
use crate::meaning::Meaning;
use crate::spec::Status;
use crate::talk::Heard;
use crate::{Finding, RuleError, RuleSet, Script, cage};

/// Steps of all runs together. The shipped sets take about 27,000; a set of dear scripts is tried as far as this goes,
/// so that checking a rule set takes seconds at most, whatever is in it.
const TRIAL_STEPS_MAX: u64 = 300_000;

/// Lines of one script at which it is shown to fail.
const FAILURES_MAX: usize = 5;

/// Steps of runs that failed, of one script: an endless loop is met some times, not a thousand times.
const FAILING_STEPS_MAX: u64 = TRIAL_STEPS_MAX / 10;

/// All that fails in the scripts to run: each line once, with the first call that fails there.
pub(crate) fn every_kind_of_call(set: &RuleSet, scripts: &[Script]) -> Vec<Finding> {
    let before = cage::steps();
    let mut findings = Vec::new();
    for script in scripts {
        let (mut lines, mut failing) = (BTreeSet::new(), 0);
        for call in calls(set) {
            let start = cage::steps();
            if start - before > TRIAL_STEPS_MAX {
                return findings;
            }
            if let Err(error) = ask(set, *script, &call, None) {
                failing += cage::steps() - start;
                if lines.insert(error.line) {
                    findings.push(finding(&error, &call));
                }
            }
            if lines.len() == FAILURES_MAX || failing > FAILING_STEPS_MAX {
                break;
            }
        }
        if lines.is_empty() && *script == Script::AutoStatus {
            findings.extend(every_status_said(set));
        }
    }
    findings
}

/// The outcomes that say where a lead stands, and what each proves by itself. The others say nothing about the lead: we
/// ended the call, it was never placed, or nobody knows.
const TELLING: [(Outcome, Disposition); 5] = [
    (Outcome::Answered, Disposition::Human),
    (Outcome::Machine, Disposition::Machine),
    (Outcome::NoAnswer, Disposition::Unknown),
    (Outcome::Busy, Disposition::Unknown),
    (Outcome::Failed, Disposition::Unknown),
];

/// An outcome of which no script knows: what is said about it is said about anything.
const STRANGE_OUTCOME: &str = "?";

/// Outcomes that end, whatever the status is, where one would end of which no script knows.
pub(crate) fn outcomes_that_nobody_handles(set: &RuleSet) -> Vec<Finding> {
    let before = cage::steps();
    let mut warnings = Vec::new();
    for (outcome, proves) in TELLING {
        let mut line = 0;
        let falls_through = set.spec.statuses.iter().all(|status| {
            let strange = meaning(set, Outcome::Unknown, Disposition::Unknown, status, true);
            let known = meaning(set, outcome, proves, status, false);
            line = known.as_ref().map_or(0, |said| said.0);
            known.is_some() && known == strange
        });
        if cage::steps() - before > TRIAL_STEPS_MAX {
            return warnings;
        }
        if falls_through {
            let message = format!(
                "the outcome `{}` means no more here than an unknown one",
                outcome.as_str()
            );
            let hint = format!(
                "add `if outcome == \"{}\" {{ ... }}` above, unless it is meant",
                outcome.as_str()
            );
            let finding = Finding::at(Script::OutcomeToStatus.file(), (line, 0), message);
            warnings.push(finding.hint(hint).warning());
        }
    }
    warnings
}

/// What the first script says about a call with nothing but an outcome: line and reason.
fn meaning(
    set: &RuleSet,
    outcome: Outcome,
    disposition: Disposition,
    status: &Status,
    is_strange: bool,
) -> Option<(usize, String)> {
    let call = Facts::ended(outcome);
    let rule = rule_facts(&call, disposition, status);
    let script = Script::OutcomeToStatus;
    let mut facts = scope(
        &view(set, &rule, disposition, status),
        &set.scripts[script.index()].uses,
    );
    if is_strange {
        facts.push_constant("outcome", ImmutableString::from(STRANGE_OUTCOME));
    }
    let answer = set.ask_about(&cage::COUNTING, script, facts).ok()?;
    Some((answer.line, format!("{:?} {}", answer.says, answer.why)))
}

/// Each status that a word or a keyword can name, named by it: the first that fails.
fn every_status_said(set: &RuleSet) -> Option<Finding> {
    let call = Tried {
        facts: Facts::ended(Outcome::Answered),
        disposition: Disposition::Human,
        status: &set.default_status,
        word: "",
        attempts: 1,
        attempts_today: 1,
    };
    let mut named = set.spec.keywords.keys().chain(set.spec.status_words.keys());
    named.find_map(|name| {
        let error = ask(set, Script::AutoStatus, &call, Some(name)).err()?;
        Some(finding(&error, &call).hint(format!("tried with a talk that says `{name}`")))
    })
}

/// A call to try.
#[derive(Clone)]
struct Tried<'a> {
    facts: Facts,
    disposition: Disposition,
    status: &'a Status,
    word: &'a str,
    attempts: u32,
    attempts_today: u32,
}

/// Counts at which rules turn: the first call, the last of a day, the last of a life, and beyond.
const ATTEMPTS: [(u32, u32); 7] = [(2, 2), (3, 3), (4, 1), (8, 8), (10, 1), (25, 24), (200, 2)];
/// Lengths of talks at which rules turn, in seconds.
const TALKS_S: [u32; 5] = [0, 2, 10, 60, 1_800];
/// A word that no set knows.
const STRANGE_WORD: &str = "SOMETHING_ELSE";

/// Each outcome, in its variants, with each disposition for a new lead; each disposition at each status; then one thing
/// after another: counts, lengths, words.
fn calls(set: &RuleSet) -> impl Iterator<Item = Tried<'_>> {
    let tried = |facts, disposition, status| Tried {
        facts,
        disposition,
        status,
        word: "",
        attempts: 1,
        attempts_today: 1,
    };
    let default = &set.default_status;
    let new = Outcome::ALL.into_iter().flat_map(variants).flat_map(move |facts| {
        Disposition::ALL
            .into_iter()
            .map(move |disposition| tried(facts.clone(), disposition, default))
    });
    let known = set.spec.statuses.iter().flat_map(move |status| {
        Disposition::ALL
            .into_iter()
            .map(move |disposition| tried(Facts::ended(Outcome::NoAnswer), disposition, status))
    });
    let plain = move || {
        TELLING
            .into_iter()
            .map(move |(outcome, proves)| tried(Facts::ended(outcome), proves, default))
    };
    let counted = plain().flat_map(|call| {
        ATTEMPTS.into_iter().map(move |(attempts, attempts_today)| Tried {
            attempts,
            attempts_today,
            ..call.clone()
        })
    });
    let talks = TALKS_S.into_iter().map(move |talk_s| {
        let facts = Facts {
            talk_s: Some(talk_s),
            ..Facts::ended(Outcome::Answered)
        };
        tried(facts, Disposition::Human, default)
    });
    let spec = &set.spec;
    let words = spec
        .words
        .iter()
        .flat_map(|(is, words)| words.iter().map(|word| (*is, word.as_str())));
    let words = words
        .chain([(Disposition::Unknown, STRANGE_WORD)])
        .map(move |(is, word)| Tried {
            word,
            ..tried(Facts::ended(Outcome::Answered), is, default)
        });
    new.chain(known).chain(counted).chain(talks).chain(words)
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

fn ask(set: &RuleSet, script: Script, call: &Tried<'_>, said: Option<&StatusName>) -> Result<(), RuleError> {
    let rule = RuleFacts {
        attempts: call.attempts,
        attempts_today: call.attempts_today,
        ..rule_facts(&call.facts, call.disposition, call.status)
    };
    let meaning = Meaning {
        word: call.word.to_owned(),
        word_is_unknown: call.word == STRANGE_WORD,
        outcome: call.facts.outcome,
        disposition: call.disposition,
        floor: call.disposition,
    };
    let mut view = View {
        word: call.word,
        ..view(set, &rule, call.disposition, call.status)
    };
    if let Some(said) = said {
        view.word = set
            .spec
            .status_words
            .get(said)
            .and_then(|words| words.first())
            .map_or("", String::as_str);
        view.heard = OnceCell::from(Heard {
            status: Some(said.clone()),
            ..Heard::default()
        });
    }
    let answer = set.ask(&cage::COUNTING, script, &view)?;
    match script {
        Script::OutcomeToStatus | Script::AutoStatus => {
            set.apply_status(script, &answer, &meaning, &mut view).map(|_| ())
        }
        Script::StopRedial => Ok(()),
        Script::RedialInterval => set.next_wish(&answer, &rule).map(|_| ()),
    }
}

fn rule_facts<'a>(facts: &'a Facts, known: Disposition, status: &'a Status) -> RuleFacts<'a> {
    RuleFacts {
        facts,
        kind: EventKind::Ended,
        direction: Direction::Outbound,
        status: &status.name,
        known,
        attempts: 1,
        attempts_today: 1,
        intervals_min: None,
        ended_at: DateTime::UNIX_EPOCH,
    }
}

/// A call in which nothing was said.
fn view<'a>(set: &'a RuleSet, rule: &'a RuleFacts<'a>, disposition: Disposition, status: &'a Status) -> View<'a> {
    View {
        rule,
        word: "",
        outcome: rule.facts.outcome,
        disposition,
        status,
        set,
        heard: OnceCell::from(Heard::default()),
    }
}

fn finding(error: &RuleError, call: &Tried<'_>) -> Finding {
    let (outcome, disposition, status) = (
        call.facts.outcome.as_str(),
        call.disposition.as_str(),
        &call.status.name,
    );
    let mut tried = format!("tried with outcome `{outcome}`, disposition `{disposition}` and status `{status}`");
    if (call.attempts, call.attempts_today) != (1, 1) {
        let _ = write!(
            tried,
            ", call {} of the day and {} in all",
            call.attempts_today, call.attempts
        );
    }
    if let Some(talk_s) = call.facts.talk_s {
        let _ = write!(tried, ", a talk of {talk_s} s");
    }
    if !call.word.is_empty() {
        let _ = write!(tried, ", word `{}`", call.word);
    }
    Finding::at(error.script.file(), (error.line, 0), error.message.clone()).hint(tried)
}
