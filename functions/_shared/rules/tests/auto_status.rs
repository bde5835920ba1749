//! What is heard in a talk, what is not, and what a rule author is told about keywords.

#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

mod common;

use std::time::{Duration, Instant};

use common::{Call, files, findings, name, with, with_spec};
use redial_domain::{Disposition, ExplicitStop, Outcome, Side, StopSource, TranscriptLine};
use redial_rules::RuleSet;

const KEYWORDS: &str = r#"
[auto_status]
threshold = 3

[status_words]
transferred = ["HOT_LEAD"]

[keywords.transferred]
"interested" = 3
"send/email me ... details" = 3
"מעוניין/מעוניינת" = 3
"sounds good" = 2
"perfect" = 1
"interested in what" = 0

[keywords.callback]
"call me ... tomorrow/later" = 3
"תחזור אליי" = 3

[keywords.not_interested]
"not ... interested" = 4

[defaults]
"#;

const SCRIPT: &str = r#"
if extracted != "" { set_status(extracted, "told") }
else if heard != "" { set_status(heard, `${heard_points}: ${heard_words}`) }
else if points.transferred == 2 { set_status("voicemail", "half an answer") }
else { keep("nothing heard") }
"#;

/// The default set, in which only what was said moves a lead.
fn ears(settings: &str) -> RuleSet {
    let mut files = files();
    let spec = files["ruleset.toml"].replace("[defaults]\n", &KEYWORDS.replace("threshold = 3\n", settings));
    files.insert("ruleset.toml".into(), spec);
    files.insert("outcome_to_status.rhai".into(), "keep(\"only what was said\")".into());
    files.insert("auto_status.rhai".into(), SCRIPT.into());
    RuleSet::from_files(&name(), 1, &files).unwrap()
}

fn talk(side: Side, text: &str) -> Call {
    let mut call = Call::ended(Outcome::Answered);
    call.facts.transcript = vec![TranscriptLine {
        side,
        text: text.to_owned(),
    }];
    call
}

fn status(set: &RuleSet, call: &Call) -> String {
    match call.decide(set).unwrap().status.as_str() {
        "new" => String::new(),
        status => status.to_owned(),
    }
}

fn heard(text: &str) -> String {
    status(&ears("threshold = 3\n"), &talk(Side::Lead, text))
}

#[test]
fn a_not_takes_back_what_it_reaches_and_nothing_more() {
    let set = ears("threshold = 3\n");
    for (text, expected) in [
        ("I'm interested", "transferred"),
        ("I'm not interested", "not_interested"),
        ("I don't think I would be interested", "not_interested"),
        ("I can't stay. I'm interested.", "transferred"),
        ("I'm not at home but I'm interested", "transferred"),
        ("No, I'm interested", "transferred"),
        ("not only am I interested", "transferred"),
        ("my wife is interested, I am not", ""),
        ("my wife and I are interested", "transferred"),
        ("I was interested", ""),
        ("if I'm interested I'll say so", ""),
        ("who said I'm interested?", ""),
        ("interested?", ""),
        ("Interested in what?", ""),
        ("don't send me the details", ""),
        ("why not, send me the details", "transferred"),
        ("send me no details", ""),
        ("send me all of the details", "transferred"),
        ("send me. The details are unclear", ""),
        ("I can't talk now call me back tomorrow", "callback"),
        ("you don't have to call me tomorrow", ""),
        ("disinterested", ""),
        ("לא מעוניין", ""),
        ("אינני מעוניינת", ""),
        ("לא כל כך מעוניין", ""),
        ("אני לא בבית. מעוניין", "transferred"),
        ("אני לא בבית אבל אני מעוניין", "transferred"),
        ("אמרתי שמעוניין", "transferred"),
        ("ושהמעוניינת", "transferred"),
        ("מְעֻנְיָן", ""),
        ("מְעוּנְיָן", "transferred"),
        ("אל תחזור אליי", ""),
        ("לא יכול עכשיו תחזור אלי", "callback"),
        ("אשתי מעוניינת", ""),
        ("אשתי אמרה שהיא מעוניינת", ""),
        ("אני ואשתי מעוניינים, אני מעוניין", "transferred"),
        ("אם אהיה מעוניין", ""),
    ] {
        assert_eq!(status(&set, &talk(Side::Lead, text)), expected, "{text}");
    }
}

#[test]
fn a_keyword_counts_once_and_a_tie_names_nothing() {
    assert_eq!(
        heard("sounds good, sounds good"),
        "voicemail",
        "two points, and the script looked"
    );
    assert_eq!(heard("sounds good, perfect"), "transferred");
    assert_eq!(heard("send me the details and call me tomorrow"), "");
    let set = ears("threshold = 4\n");
    assert_eq!(status(&set, &talk(Side::Lead, "interested")), "");
}

#[test]
fn the_reason_names_the_keywords_and_not_the_talk() {
    let call = talk(Side::Lead, "Sounds good. I am Dana from Haifa. Perfect!");
    let said = call.facts(|facts| ears("threshold = 3\n").explain(facts)).unwrap().said;
    assert_eq!(said[1].why, "3: perfect, sounds good");
}

#[test]
fn only_the_lead_s_side_and_the_summary_are_heard() {
    let set = ears("threshold = 3\n");
    assert_eq!(
        status(&set, &talk(Side::Us, "are you interested? I can send details")),
        ""
    );
    let mut call = Call::ended(Outcome::Answered);
    for (summary, expected) in [
        ("The customer was interested.", "transferred"),
        ("She is interested", "transferred"),
        ("The agent asked whether the customer is interested", ""),
        ("His wife is interested", ""),
    ] {
        call.facts.summary = Some(summary.to_owned());
        assert_eq!(status(&set, &call), expected, "{summary}");
    }
}

#[test]
fn a_stop_a_machine_and_a_short_talk_say_nothing() {
    let set = ears("threshold = 3\nmin_talk_s = 5\n");
    let mut call = talk(Side::Lead, "I'm interested");
    for (talk_s, expected) in [(None, "transferred"), (Some(4), ""), (Some(5), "transferred")] {
        call.facts.talk_s = talk_s;
        assert_eq!(status(&set, &call), expected, "{talk_s:?}");
    }
    call.known = Disposition::Dnc;
    assert_eq!(status(&set, &call), "");
    call.known = Disposition::Unknown;
    call.facts.stop = Some(ExplicitStop {
        source: StopSource::Spoken,
        words: "stop calling".to_owned(),
    });
    assert_eq!(status(&set, &call), "");
    call.facts.stop = None;
    call.facts.outcome = Outcome::Machine;
    assert_eq!(status(&set, &call), "");
}

#[test]
fn a_word_of_the_provider_comes_first_and_is_known() {
    let mut call = talk(Side::Lead, "call me tomorrow");
    call.facts.disposition_word = Some("hot lead".to_owned());
    let answer = call.decide(&ears("threshold = 3\n")).unwrap();
    assert_eq!((answer.status.as_str(), answer.unknown_word), ("transferred", None));
}

#[test]
fn a_weaker_later_talk_lowers_nothing_unless_the_set_says_so() {
    let mut call = talk(Side::Lead, "call me tomorrow");
    call.status = "transferred";
    let explained = call.facts(|facts| ears("threshold = 3\n").explain(facts)).unwrap();
    assert_eq!(explained.answer.status.as_str(), "transferred");
    assert_eq!(
        explained.said[1].refused_move.as_deref(),
        Some("transferred → callback, weaker than before")
    );
    assert_eq!(status(&ears("threshold = 3\ndowngrade = true\n"), &call), "callback");
}

#[test]
fn settings_for_hearing_are_refused_in_words_for_people() {
    for (section, says) in [
        (
            "[keywords.intrested]\n\"x\" = 1\n",
            "unknown status `intrested`; use one of",
        ),
        (
            "[keywords.no_awnser]\n\"x\" = 1\n",
            "unknown status `no_awnser`; did you mean `no_answer`?",
        ),
        (
            "[status_words]\nsael = [\"X\"]\n",
            "unknown status `sael`; did you mean `sale`?",
        ),
        (
            "[status_words]\nsale = [\"X\"]\nbusy = [\"X\"]\n",
            "`X` is under `busy` and under `sale`; it names one",
        ),
        (
            "[status_words]\nbusy = [\"hot lead\"]\n",
            "would never match; write `HOT_LEAD`",
        ),
        (
            "[status_words]\nbusy = [\"DNC\"]\n",
            "the word `DNC` always means a do-not-call",
        ),
        ("[status_words]\ndnc = [\"DNC\"]\n", "nothing is wrong"),
        (
            "[keywords.busy]\n\"don't\" = 1\n[keywords.sale]\n\"do not\" = 2\n",
            "the keyword `do not` of `sale` is heard as `do not`, and so is `don't` of `busy`; keep one of them",
        ),
        (
            "[keywords.busy]\n\"מעוניין\" = 1\n\"מעונין\" = 2\n",
            "is heard as `מעונינ`",
        ),
        ("[keywords.busy]\n\"a/b c\" = 1\n\"b c\" = 2\n", "is heard as `b c`"),
        (
            "[keywords.busy]\n\" .. ! \" = 1\n",
            "has no letter or digit that could be heard",
        ),
        ("[keywords.busy]\n\"... a\" = 1\n", "`...` stands between words"),
        (
            "[keywords.busy]\n\"a/ b\" = 1\n",
            "each side of `/` in `a/` must be one word",
        ),
        (
            "[keywords.busy]\n\"a b c d e f g h i j k\" = 1\n",
            "is longer than 10 words",
        ),
        (
            "[keywords.busy]\n\"a/b/c/d/e/f a/b/c/d/e/f a/b/c/d/e/f\" = 1\n",
            "can be said in more than 200 ways",
        ),
        ("[keywords.busy]\n\"x\" = 11\n", "has 11 points; give 0 to 10"),
        ("[keywords.busy]\n\"x\" = -1\n", "expected a whole number"),
        ("[auto_status]\nthreshold = 0\n", "`threshold` is 0; it must be 1 to 30"),
        (
            "[auto_status]\nmin_talk_s = 999\n",
            "`min_talk_s` is 999; it must be 0 to 120",
        ),
        ("[auto_status]\nthresold = 3\n", "unknown setting `thresold`"),
    ] {
        let found = findings(with_spec("[defaults]\n", &format!("{section}[defaults]\n")));
        let found = found.first().map_or("nothing is wrong", String::as_str);
        assert!(found.contains(says), "{section}: expected {says}, found {found}");
    }
    let many: String = (0..1_001).map(|n| format!("\"word{n}\" = 1\n")).collect();
    let found = findings(with_spec(
        "[defaults]\n",
        &format!("[keywords.busy]\n{many}[defaults]\n"),
    ));
    assert!(found[0].contains("there are more than 1000 keywords"), "{found:?}");
}

#[test]
fn scripts_are_checked_for_what_they_ask_of_a_talk() {
    for (script, says) in [
        (
            "if heard == \"sael\" { keep() } else { keep() }",
            "unknown heard `sael`; did you mean `sale`?",
        ),
        ("if heard == \"\" { keep() } else { keep() }", "nothing is wrong"),
        (
            "if points.sael > 1 { keep() } else { keep() }",
            "unknown status `sael`; did you mean `sale`?",
        ),
        ("if points.sale > 1 { keep() } else { keep() }", "nothing is wrong"),
    ] {
        let found = findings(with("auto_status.rhai", script));
        let found = found.first().map_or("nothing is wrong", String::as_str);
        assert!(found.contains(says), "{script}: expected {says}, found {found}");
    }
    let found = findings(with(
        "stop_redial.rhai",
        "if heard == \"sale\" { stop(\"x\") } else { go_on() }",
    ));
    assert!(
        found[0].contains("`heard` is a fact of `auto_status.rhai` only"),
        "{found:?}"
    );
    // A way that only a talk with keywords takes.
    let mut files = files();
    let spec = files["ruleset.toml"].replace("[defaults]\n", KEYWORDS);
    files.insert("ruleset.toml".into(), spec);
    let fails = "if heard == \"\" { keep() } else { let list = []; list[7]; keep() }";
    files.insert("auto_status.rhai".into(), fails.into());
    let found = RuleSet::from_files(&name(), 1, &files).unwrap_err();
    assert!(
        found[0].to_string().contains("tried with a talk that says `callback`"),
        "{found:?}"
    );
}

/// A debug build on a busy machine; a talk of 16 KB takes some milliseconds of a release.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn the_dearest_talk_is_heard_in_time() {
    let choices = (0..14).map(|n| format!("a{n}")).collect::<Vec<_>>().join("/");
    let many: String = (0..500)
        .map(|n| format!("\"a ... a ... {choices} b{n}\" = 1\n"))
        .collect();
    let mut files = files();
    let section = format!("[keywords.busy]\n{many}[defaults]\n");
    let spec = files["ruleset.toml"].replace("[defaults]\n", &section);
    files.insert("ruleset.toml".into(), spec);
    files.insert(
        "auto_status.rhai".into(),
        "if heard == \"\" { keep() } else { keep() }".into(),
    );
    let set = RuleSet::from_files(&name(), 1, &files).unwrap();
    for text in [
        "a ".repeat(20_000),
        "a a0 b1 ".repeat(9_000),
        "not ".repeat(9_000),
        "ושהלכש".repeat(9_000),
        "?!,".repeat(9_000),
    ] {
        let start = Instant::now();
        let mut call = talk(Side::Lead, &text);
        call.facts.summary = Some(text);
        call.decide(&set).unwrap();
        println!("{:?}", start.elapsed());
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    }
}
