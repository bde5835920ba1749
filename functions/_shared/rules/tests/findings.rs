//! What a rule author is told.

mod common;

use std::collections::BTreeMap;

use common::{files, findings, name, with, with_spec};
use redial_rules::RuleSet;

fn first(found: Vec<String>) -> String {
    found
        .into_iter()
        .next()
        .unwrap_or_else(|| "nothing is wrong".to_owned())
}

fn stop_redial(text: &str) -> String {
    first(findings(with("stop_redial.rhai", text)))
}

#[test]
fn a_misspelt_word_is_pointed_at() {
    assert_eq!(
        stop_redial(
            "if status == \"sale\" { stop(\"sold\") }\nelse if disposition == \"dcn\" { stop(\"asked\") }\nelse { go_on() }"
        ),
        "`stop_redial.rhai` line 2, column 24: unknown disposition `dcn`; did you mean `dnc`?"
    );
    assert_eq!(
        stop_redial("if dispositon == \"sale\" { stop(\"sold\") } else { go_on() }"),
        "`stop_redial.rhai` line 1, column 4: unknown fact `dispositon`; did you mean `disposition`?"
    );
    assert_eq!(
        stop_redial("if disposition == \"sale\" { stopp(\"sold\") } else { go_on() }"),
        "`stop_redial.rhai` line 1, column 28: unknown function `stopp`; did you mean `stop`?"
    );
    assert_eq!(
        first(findings(with("auto_status.rhai", "set_status(\"no_awnser\", \"why\")"))),
        "`auto_status.rhai` line 1, column 12: unknown status `no_awnser`; did you mean `no_answer`?"
    );
    assert_eq!(
        stop_redial("if outcome in [\"busy\", \"no_anwer\"] { go_on() } else { go_on() }"),
        "`stop_redial.rhai` line 1, column 24: unknown outcome `no_anwer`; did you mean `no_answer`?"
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let mut files = files();
    files.insert(
        "stop_redial.rhai".into(),
        "if dispo == \"sale\" { stop() }\nelse if status == \"sael\" { goo() }\nelse { go_on() }".into(),
    );
    files.insert("redial_interval.rhai".into(), "ladder(".into());
    files.remove("auto_status.rhai");
    let spec = files["ruleset.toml"]
        .replace("kind = \"won\"", "kind = \"won\"\ndefault = true")
        .replace("\"#15803d\"", "\"green\"");
    files.insert("ruleset.toml".into(), spec);
    let found = RuleSet::from_files(&name(), 1, &files).unwrap_err();
    let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in [
        "`auto_status.rhai`: this file is missing",
        "unknown fact `dispo`",
        "`stop` is used with 0 values; write stop(\"why\")",
        "unknown status `sael`; did you mean `sale`?",
        "unknown function `goo`",
        "`redial_interval.rhai` line 1",
        "2 statuses have `default = true`",
        "`green` is not a colour",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn an_answer_to_another_question_is_sent_home() {
    let found = first(findings(with("redial_interval.rhai", "stop(\"sold\")")));
    assert!(
        found.contains("`stop` is an answer of `stop_redial.rhai`; here the answers are ladder()"),
        "{found}"
    );
    let found = stop_redial("if summary.contains(\"x\") { stop(\"x\") } else { go_on() }");
    assert!(
        found.contains("`summary` is a fact of `auto_status.rhai` only"),
        "{found}"
    );
}

#[test]
fn a_way_through_a_script_without_an_answer_is_found() {
    assert_eq!(
        stop_redial("if disposition == \"dnc\" {\n  stop(\"asked\")\n} else if attempts < 5 {\n  go_on()\n}"),
        "`stop_redial.rhai` line 3, column 8: this `if` has no `else`, so a call can come through without an answer; \
         every way ends in one of stop(\"why\"), stop_lead(\"why\"), stop_subject(\"why\"), stop_phone(\"why\"), \
         go_on() or go_on(\"why\")"
    );
    let found = stop_redial("if disposition == \"sale\" { } else { go_on() }");
    assert!(found.contains("the braces of this `if` are empty"), "{found}");
    let found = stop_redial("if disposition == \"sale\" {\n  return stop(\"sold\");\n}\nlet n = 1;");
    assert!(
        found.starts_with("`stop_redial.rhai` line 4: it ended without an answer"),
        "{found}"
    );
    assert!(
        found.contains("tried with outcome `answered`, disposition `unknown`"),
        "{found}"
    );
    let found = first(findings(with("redial_interval.rhai", "at_callback_time()")));
    assert!(found.contains("ask `if callback_time_known` before"), "{found}");
    let found = first(findings(with("redial_interval.rhai", "in_minutes(-5)")));
    assert!(found.contains("takes 0 to 525600 minutes, not -5"), "{found}");
}

#[test]
fn an_assignment_where_a_comparison_was_meant_says_so() {
    let found = stop_redial("if disposition = \"sale\" { stop(\"sold\") } else { go_on() }");
    assert!(found.contains("to compare, write `==`"), "{found}");
}

#[test]
fn a_fact_inside_a_function_must_be_handed_in() {
    let found = stop_redial("fn sold() { disposition == \"sale\" }\nif sold() { stop(\"sold\") } else { go_on() }");
    assert!(found.contains("pass `disposition` as a value"), "{found}");
    assert_eq!(
        stop_redial("fn sold(d) { d == \"sale\" }\nif sold(disposition) { stop(\"sold\") } else { go_on() }"),
        "nothing is wrong"
    );
}

#[test]
fn settings_are_refused_in_words_for_people() {
    for (from, to, says) in [
        (
            "intervals_min = [0, 2,",
            "intervals = [0, 2,",
            "unknown setting `intervals`",
        ),
        (
            "intervals_min = [0, 2,",
            "intervals_min = [0, \"2\",",
            "this is the text \"2\", expected a whole number",
        ),
        (
            "intervals_min = [0, 2,",
            "intervals_min = [0, 99999,",
            "99999 minutes is longer than 20160",
        ),
        (
            "kind = \"won\"",
            "kind = \"sold\"",
            "unknown word `sold`, expected one of `open`",
        ),
        (
            "sale = [\"dnc\"]",
            "sale = [\"dcn\"]",
            "unknown status `dcn`; did you mean `dnc`?",
        ),
        (
            "sale = [\"dnc\"]",
            "sale = []",
            "who is `sale` may still ask not to be called; allow `dnc`",
        ),
        ("busy = [\"any\"]", "busy = []", "from `busy` there is no way on"),
        ("busy = [\"any\"]\n", "", "say where a lead may go from `busy`"),
        (
            "\"SOLD\"",
            "\"sold it\"",
            "the word `sold it` would never match; write `SOLD_IT`",
        ),
        ("\"SOLD\"", "\"NI\"", "the word `NI` is under"),
        ("\"SOLD\"", "\"CALLER_LISTED\"", "nothing is wrong"),
        (
            "\"SOLD\"",
            "\"DO_NOT_CALL_LIST\"",
            "the word `DO_NOT_CALL_LIST` always means a do-not-call; it cannot be under `sale`",
        ),
        ("dnc = [\"DNC\", ", "dnc = [", "nothing is wrong"),
        (
            "\"NOT_INTERESTED\"",
            "\"DNC\"",
            "the word `DNC` always means a do-not-call; it cannot be under `not_interested`",
        ),
        (
            "days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]",
            "days = []",
            "name at least one weekday",
        ),
        (
            "zone = \"America/New_York\"",
            "zone = \"New York\"",
            "there is no zone 'New York'",
        ),
        (
            "start = \"11:00\"",
            "start = \"11 am\"",
            "write hours and minutes, as in `09:30`",
        ),
        ("start = \"11:00\"", "opens = \"11:00\"", "unknown setting `opens`"),
        (
            "attempts_per_day_max = 8",
            "attempts_per_day_max = 0",
            "must be 1 to 24",
        ),
        (
            "name = \"until-sale-or-dnc\"",
            "name = \"other\"",
            "the name is `other`, the rule set's is `until-sale-or-dnc`",
        ),
        ("default = true", "default = false", "0 statuses have `default = true`"),
    ] {
        let found = first(findings(with_spec(from, to)));
        assert!(found.contains(says), "{to}: expected {says}, found {found}");
        for programmer in ["u32", "struct", "enum", "String", "map", "sequence", "i64"] {
            assert!(!found.contains(programmer), "{found}");
        }
    }
}

#[test]
fn a_file_that_no_rule_set_has_is_refused_with_the_likely_one() {
    let found = first(findings(with("stop_redail.rhai", "go_on()")));
    assert_eq!(
        found,
        "`stop_redail.rhai`: a rule set has no such file; did you mean `stop_redial.rhai`?"
    );
    let found = RuleSet::from_files(&name(), 1, &BTreeMap::new()).unwrap_err();
    assert_eq!(found.len(), 5);
}

#[test]
fn the_hash_changes_with_a_letter_and_with_a_name() {
    let hash = |files: &BTreeMap<String, String>| RuleSet::from_files(&name(), 1, files).unwrap().hash().to_owned();
    let one = files();
    let mut two = files();
    two.get_mut("auto_status.rhai").unwrap().push('\n');
    assert_eq!(hash(&one), hash(&files()));
    assert_ne!(hash(&one), hash(&two));
    assert_eq!(hash(&one).len(), 12);
}

#[test]
fn a_table_of_cases_says_which_row_and_which_line_decided() {
    let set = RuleSet::built_in(&name()).unwrap();
    let run = set
        .run_cases("outcome,expected,because\nNobody was reached,,\nbusy,busy then in 3 min,\"we wait, a little\"\n")
        .unwrap();
    assert_eq!(
        run.to_string(),
        "row 3 (Nobody was reached): expected `busy then in 3 min` because we wait, a little; got `busy then in 2 min` by redial_interval:5\n1 cases, 1 failed"
    );
    let found = set.run_cases("outcom,expected,because\n").unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "`cases.csv` line 1: unknown column `outcom`; did you mean `outcome`?"
    );
    let found = set
        .run_cases("outcome,status,expected,because\nbusyy,,x,y\nbusy,nwe,x,y\n")
        .unwrap_err();
    assert_eq!(found.len(), 2);
}

#[test]
fn of_a_file_of_nothing_but_mistakes_only_the_first_are_named() {
    let strangers: String = (0..300).map(|n| format!("nobody_{n}();\n")).collect();
    let found = findings(with("stop_redial.rhai", &format!("{strangers}go_on()")));
    assert_eq!(found.len(), 50);
    assert!(
        found[0].contains("line 1,") && found[49].contains("line 50,"),
        "{found:?}"
    );
    let words: String = (0..300).map(|n| format!("\"wrong word {n}\", ")).collect();
    let found = findings(with_spec("sale = [\"SALE\"", &format!("sale = [{words}\"SALE\"")));
    assert_eq!(found.len(), 50);
}

#[test]
fn a_table_of_cases_ends_even_when_every_row_is_dear() {
    let set = with("stop_redial.rhai", "let n = 0; for i in 0..1000 { n += i; }\ngo_on()").unwrap();
    let row = "no_answer,no_answer then in 2 min,x\n";
    let found = set
        .run_cases(&format!("outcome,expected,because\n{}", row.repeat(2_000)))
        .unwrap_err();
    assert!(
        found[0].to_string().contains("took more than 3000000 steps"),
        "{found:?}"
    );
}

#[test]
fn an_invisible_mark_at_the_start_of_a_file_is_no_fault() {
    let files: BTreeMap<String, String> = files()
        .into_iter()
        .map(|(file, text)| (file, format!("\u{feff}{text}")))
        .collect();
    assert_eq!(findings(RuleSet::from_files(&name(), 1, &files)), Vec::<String>::new());
}

#[test]
fn a_letter_that_looks_like_another_is_named_in_words() {
    assert_eq!(
        stop_redial("if disposition == \u{201c}sale\u{201d} { stop(\"sold\") } else { go_on() }"),
        "`stop_redial.rhai` line 1, column 19: U+201C, a curly quote, cannot stand here; write \""
    );
    for (letter, name) in [
        ('\0', "U+0000, a control character that cannot be seen"),
        ('\u{2019}', "U+2019, a curly apostrophe"),
        ('\u{200b}', "U+200B, a letter that cannot be seen"),
        ('\u{2013}', "U+2013, a long dash"),
    ] {
        let found = stop_redial(&format!("go_on() {letter}"));
        assert!(found.contains(name), "{found}");
    }
}

#[test]
fn a_table_is_read_with_the_separator_of_its_first_line() {
    let set = RuleSet::built_in(&name()).unwrap();
    for separator in [",", ";", "\t"] {
        let table = "outcome|expected|because\nbusy|busy then in 2 min|\"we wait|a little\"\n".replace('|', separator);
        let run = set.run_cases(&table).unwrap();
        assert_eq!((run.rows, run.failures), (1, Vec::new()), "{separator:?}");
    }
    let run = set
        .run_cases("outcome,expected,because\nbusy,busy then in 2 min,one; two; three; four\n")
        .unwrap();
    assert_eq!(run.rows, 1);
}
