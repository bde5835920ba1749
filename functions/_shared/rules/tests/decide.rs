//! What a rule set can and cannot decide.

#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

mod common;

use chrono::{TimeDelta, Utc};
use common::{Call, files, name, noon, with};
use redial_domain::{Disposition, ExplicitStop, NextWish, Outcome, StopScope, StopSource, Transfer, Unpromised};
use redial_rules::{RuleSet, Script};

fn built_in() -> std::sync::Arc<RuleSet> {
    RuleSet::built_in(&name()).unwrap()
}

#[test]
fn an_answer_names_the_line_and_the_reason() {
    let answer = Call::word(Outcome::Answered, "sold").decide(&built_in()).unwrap();
    assert_eq!(
        (answer.trace.line.as_str(), answer.trace.why.as_str()),
        ("stop_redial:3", "sold")
    );
    assert_eq!(
        (answer.trace.set.as_str(), answer.trace.version),
        ("until-sale-or-dnc", 0)
    );
    let answer = Call::ended(Outcome::NoAnswer).decide(&built_in()).unwrap();
    assert_eq!(
        (answer.trace.line.as_str(), answer.trace.why.as_str()),
        ("redial_interval:5", "2 minutes before call 2 of the day")
    );
}

#[test]
fn explain_says_what_each_script_said() {
    let said = Call::ended(Outcome::NoAnswer)
        .facts(|facts| built_in().explain(facts))
        .unwrap()
        .said;
    let lines: Vec<String> = said
        .iter()
        .map(|said| format!("{}:{} {}", said.script, said.line, said.why))
        .collect();
    assert_eq!(
        lines,
        [
            "outcome_to_status:17 nobody picked up",
            "auto_status:3 the outcome decides, not the summary",
            "stop_redial:5 nothing says stop",
            "redial_interval:5 2 minutes before call 2 of the day",
        ]
    );
}

#[test]
fn a_do_not_call_stops_the_phone_even_if_the_script_goes_on_or_stops_less() {
    for script in ["go_on()", "stop_lead(\"too little\")", "stop(\"asked\")"] {
        let set = with("stop_redial.rhai", script).unwrap();
        let stop = Call::word(Outcome::Answered, "DNC").decide(&set).unwrap().stop.unwrap();
        assert_eq!(stop.scope, StopScope::Phone, "{script}");
    }
}

#[test]
fn no_script_lowers_an_explicit_stop_or_what_is_known() {
    let set = with(
        "outcome_to_status.rhai",
        r#"result("answered", "human", "contacted", "just talk")"#,
    )
    .unwrap();
    let mut call = Call::ended(Outcome::Answered);
    assert_eq!(call.decide(&set).unwrap().disposition, Disposition::Human);
    call.known = Disposition::Sale;
    assert_eq!(call.decide(&set).unwrap().disposition, Disposition::Sale);
    call.facts.stop = Some(ExplicitStop {
        source: StopSource::Spoken,
        words: "stop calling me".to_owned(),
    });
    let answer = call.decide(&set).unwrap();
    assert_eq!(
        (answer.disposition, answer.stop.map(|stop| stop.scope)),
        (Disposition::Dnc, Some(StopScope::Phone))
    );
}

#[test]
fn a_transfer_counts_only_when_both_were_connected() {
    let mut call = Call::ended(Outcome::Answered);
    for (transfer, is) in [
        (Transfer::Tried, Disposition::Human),
        (Transfer::Canceled, Disposition::Human),
        (Transfer::Connected, Disposition::Transferred),
    ] {
        call.facts.transfer = transfer;
        assert_eq!(call.decide(&built_in()).unwrap().disposition, is);
    }
}

#[test]
fn an_unknown_word_is_kept_and_stops_nothing() {
    let answer = Call::word(Outcome::Answered, "sale?maybe!")
        .decide(&built_in())
        .unwrap();
    assert_eq!(answer.unknown_word.as_deref(), Some("SALE_MAYBE"));
    assert_eq!((answer.disposition, answer.stop), (Disposition::Human, None));
    assert_eq!(
        Call::word(Outcome::NoAnswer, "NA")
            .decide(&built_in())
            .unwrap()
            .unknown_word,
        None
    );
    assert_eq!(
        Call::word(Outcome::NoAnswer, " - ")
            .decide(&built_in())
            .unwrap()
            .unknown_word,
        None
    );
}

#[test]
fn a_word_for_a_machine_corrects_an_answered_call() {
    let answer = Call::word(Outcome::Answered, "AM").decide(&built_in()).unwrap();
    assert_eq!(
        (answer.outcome, answer.disposition),
        (Outcome::Machine, Disposition::Machine)
    );
    let answer = Call::word(Outcome::NoAnswer, "AM").decide(&built_in()).unwrap();
    assert_eq!(answer.outcome, Outcome::NoAnswer);
}

#[test]
fn a_campaigns_own_intervals_win() {
    let mut call = Call::ended(Outcome::Busy);
    call.intervals_min = Some(vec![0, 30]);
    assert_eq!(call.decide(&built_in()).unwrap().next, NextWish::InMinutes(30));
    call.attempts_today = 9;
    assert_eq!(call.decide(&built_in()).unwrap().next, NextWish::InMinutes(30));
    call.intervals_min = None;
    assert_eq!(call.decide(&built_in()).unwrap().next, NextWish::InMinutes(120));
}

#[test]
fn a_promised_time_is_handed_on_unchanged() {
    let mut call = Call::ended(Outcome::Answered);
    let promised: chrono::DateTime<Utc> = noon() + TimeDelta::days(9);
    call.facts.callback_at = Some(promised);
    assert_eq!(call.decide(&built_in()).unwrap().next, NextWish::At(promised));
}

#[test]
fn a_move_that_the_table_does_not_have_is_not_made_and_says_so() {
    let mut call = Call::ended(Outcome::NoAnswer);
    call.status = "dnc";
    let explained = call.facts(|facts| built_in().explain(facts)).unwrap();
    assert_eq!(explained.answer.status.as_str(), "dnc");
    assert_eq!(explained.said[0].refused_move.as_deref(), Some("dnc → no_answer"));
}

#[test]
fn a_lead_from_another_rule_set_starts_anew() {
    let mut call = Call::ended(Outcome::Lost);
    call.status = "from-elsewhere";
    assert_eq!(call.decide(&built_in()).unwrap().status.as_str(), "new");
}

#[test]
fn a_rule_that_fails_at_run_time_says_where_in_plain_words() {
    // The trial knows no talk of ten minutes; that one divides by zero.
    let set = with("stop_redial.rhai", "let a = talk_s - 600;\nlet b = 1 / a;\ngo_on()").unwrap();
    let mut call = Call::ended(Outcome::Answered);
    call.facts.talk_s = Some(600);
    let error = call.decide(&set).unwrap_err();
    assert_eq!((error.script, error.line, error.version), (Script::StopRedial, 2, 3));
    assert_eq!(
        error.to_string(),
        "failed to run `stop_redial` of rule set `until-sale-or-dnc` version 3, line 2: Division by zero: 1 / 0"
    );
}

#[test]
fn an_unknown_status_made_at_run_time_is_an_error_and_not_a_status() {
    let set = with(
        "auto_status.rhai",
        "if talk_s > 300 && talk_s != 1800 { set_status(\"sa\" + \"el\", \"long\") } else { keep() }",
    )
    .unwrap();
    let mut call = Call::ended(Outcome::Answered);
    call.facts.talk_s = Some(600);
    let error = call.decide(&set).unwrap_err().to_string();
    assert!(
        error.ends_with("line 1: unknown status `sael`, did you mean `sale`?"),
        "{error}"
    );
}

#[test]
fn the_lead_s_own_words_and_the_summary_reach_auto_status() {
    let script = "if lead_said.contains(\"yes\") && summary.contains(\"quote\") { set_status(\"transferred\", \"said yes\") } else { keep() }";
    let set = with("auto_status.rhai", script).unwrap();
    let mut call = Call::ended(Outcome::Answered);
    call.facts.summary = Some("wants the quote".to_owned());
    let line = |side, text: &str| redial_domain::TranscriptLine {
        side,
        text: text.to_owned(),
    };
    call.facts.transcript = vec![line(redial_domain::Side::Us, "yes?")];
    assert_eq!(call.decide(&set).unwrap().status.as_str(), "contacted");
    call.facts.transcript.push(line(redial_domain::Side::Lead, "oh yes"));
    assert_eq!(call.decide(&set).unwrap().status.as_str(), "transferred");
}

#[test]
fn the_default_set_is_the_requirement() {
    let set = built_in();
    let spec = set.spec();
    assert_eq!(spec.intervals_min, [0, 2, 5, 10, 30, 60, 120]);
    let defaults = &spec.defaults;
    assert_eq!(
        (
            defaults.attempts_total_max,
            defaults.attempts_per_day_max,
            defaults.max_concurrent_calls
        ),
        (None, 8, 5)
    );
    assert_eq!(
        (defaults.window.start.to_string(), defaults.window.end.to_string()),
        ("11:00".into(), "20:00".into())
    );
    assert_eq!(
        (defaults.window.zone, defaults.window.days.len()),
        (chrono_tz::America::New_York, 5)
    );
    assert_eq!(set.default_status().name.as_str(), "new");
    assert!(files().contains_key("cases.csv"));
}

#[test]
fn a_time_that_lies_more_than_a_year_ahead_is_as_good_as_none() {
    let stops = RuleSet::built_in(&redial_domain::RuleSetName::parse("stop-on-transfer").unwrap()).unwrap();
    let mut call = Call::ended(Outcome::Answered);
    call.facts.callback_requested = true;
    let far = noon() + TimeDelta::days(366) + TimeDelta::seconds(1);
    for (at, unpromised) in [
        (None, Some(Unpromised::WithoutTime)),
        (Some(far), Some(Unpromised::TooFarAhead(far))),
        (Some(noon() + TimeDelta::days(366)), None),
    ] {
        call.facts.callback_at = at;
        let answer = call.decide(&built_in()).unwrap();
        assert_eq!(answer.unpromised, unpromised, "{at:?}");
        assert_eq!(matches!(answer.next, NextWish::At(_)), unpromised.is_none(), "{at:?}");
        // This set completes a callback that has no time.
        let answer = call.decide(&stops).unwrap();
        assert_eq!(answer.stop.is_some(), unpromised.is_some(), "{at:?}");
    }
    // What an earlier report of the call said was answered then.
    let mut later = Call::ended(Outcome::Answered);
    later.known = Disposition::Callback;
    assert_eq!(later.decide(&built_in()).unwrap().unpromised, None);
}
