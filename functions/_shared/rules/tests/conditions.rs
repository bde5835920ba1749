//! Conditions that do not depend on anything, and branches that no call takes.

mod common;

use common::{files, findings, with};
use redial_rules::RuleSet;

/// What is wrong with a set whose `stop_redial` stops under this condition.
fn says(condition: &str) -> Vec<String> {
    let found = findings(with(
        "stop_redial.rhai",
        &format!("if {condition} {{ stop(\"x\") }} else {{ go_on() }}"),
    ));
    let place = "`stop_redial.rhai` line 1, ";
    found.iter().map(|found| found.replacen(place, "", 1)).collect()
}

#[test]
fn a_condition_that_cannot_be_true_is_pointed_at() {
    for condition in [
        "false",
        "1 == 2",
        "\"a\" == \"b\"",
        "!true",
        "status == \"sale\" && status == \"dnc\"",
        "status == \"sale\" && outcome == \"busy\" && status == \"dnc\"",
        "outcome in [\"busy\", \"failed\"] && outcome == \"answered\"",
        "word == \"A\" && !(word == \"A\" || word == \"B\")",
        "word in []",
        "talk_s < 0",
        "0 > attempts",
        "attempts > 5 && attempts < 6",
        "asked_to_stop && !asked_to_stop",
        "asked_to_stop == true && asked_to_stop == false",
        "word.contains(\"A\") && !word.contains(\"A\")",
    ] {
        assert_eq!(
            says(condition),
            ["column 4: this condition is never true; no call is like that"],
            "{condition}"
        );
    }
}

#[test]
fn a_condition_that_cannot_be_false_is_pointed_at() {
    for condition in [
        "true",
        "1 < 2",
        "word != \"A\" || word != \"B\"",
        "status != \"sale\" || status != \"dnc\"",
        "attempts >= 0",
        "attempts_today > 1 || attempts_today < 5",
        "callback_requested || !callback_requested",
        "direction in [\"inbound\", \"outbound\"]",
        "known !in [\"sale\"] || known == \"sale\"",
    ] {
        assert_eq!(
            says(condition),
            ["column 4: this condition is always true; take the `if` away, or say what it depends on"],
            "{condition}"
        );
    }
}

#[test]
fn a_part_that_depends_on_nothing_is_pointed_at_where_it_stands() {
    assert_eq!(
        says("asked_to_stop || status == \"sale\" && status == \"dnc\""),
        ["column 21: this condition is never true; no call is like that"]
    );
    assert_eq!(
        says("talk_s > 5 && attempts < 0"),
        ["column 4: this condition is never true; no call is like that"]
    );
    assert_eq!(
        says("talk_s > 5 && attempts >= 0"),
        ["column 18: this condition is always true; say what it depends on"]
    );
    let found = findings(with(
        "stop_redial.rhai",
        "let bought = status == \"sale\" && status == \"dnc\";\nif bought { stop(\"x\") } else { go_on() }",
    ));
    assert_eq!(
        found,
        ["`stop_redial.rhai` line 1, column 14: this condition is never true; no call is like that"]
    );
}

#[test]
fn a_condition_that_depends_on_the_call_is_believed() {
    for condition in [
        "attempts < 1",
        "attempts == 0 || attempts_today == 0",
        "status == \"sale\" || status == \"dnc\"",
        "status != \"sale\" && status != \"dnc\"",
        "outcome in [\"busy\", \"failed\"] && outcome != \"busy\"",
        "talk_s > 2.5",
        "word < \"B\" && word > \"A\"",
        "word.len() == 1 && word.len() != 1 + 1",
        "status == outcome",
        "word.contains(\"A\") && word.contains(\"B\")",
        "asked_to_stop == callback_requested",
        // More combinations than are tried.
        "(status == \"sale\" || outcome == \"busy\" || disposition == \"sale\" || known == \"sale\" || kind == \"later\" \
         || transfer == \"none\" || failure == \"\" || talk_s == 1 || attempts == 1 || attempts_today == 1 \
         || callback_requested || callback_time_known) && asked_to_stop && !asked_to_stop",
    ] {
        let found: Vec<String> = says(condition)
            .into_iter()
            .filter(|found| !found.contains("column 4:") || !condition.starts_with('('))
            .collect();
        assert_eq!(found, Vec::<String>::new(), "{condition}");
    }
}

#[test]
fn a_branch_after_one_that_takes_all_its_calls_is_pointed_at() {
    let chain = |second: &str| {
        findings(with(
            "stop_redial.rhai",
            &format!(
                "if status == \"sale\" {{ stop(\"sold\") }}\nelse if word.contains(\"LATER\") {{ go_on() }}\nelse if {second} {{ stop(\"x\") }}\nelse {{ go_on() }}"
            ),
        ))
    };
    for (second, line) in [
        ("status == \"sale\"", 1),
        ("\"sale\" == status", 1),
        ("status == \"sale\" && talk_s > 5", 1),
        ("word.contains(\"LATER\")", 2),
        ("asked_to_stop && word.contains(\"LATER\")", 2),
    ] {
        assert_eq!(
            chain(second),
            [format!(
                "`stop_redial.rhai` line 3, column 6: this branch is never taken; what would come here is taken on line {line} already"
            )],
            "{second}"
        );
    }
    for second in [
        "status == \"dnc\"",
        "word.contains(\"later\")",
        "status == \"sale\" || talk_s > 5",
        "status != \"sale\"",
    ] {
        assert_eq!(chain(second), Vec::<String>::new(), "{second}");
    }
}

#[test]
fn what_is_compared_must_be_of_one_sort() {
    for (condition, says_) in [
        (
            "talk_s == \"3\"",
            "column 14: `talk_s` is a number and is compared with the text \"3\"; write 3 without quotes",
        ),
        (
            "\"many\" < attempts",
            "column 4: `attempts` is a number and is compared with the text \"many\"",
        ),
        (
            "outcome == 3",
            "column 15: `outcome` is a text and is compared with the number 3; a text stands in quotes",
        ),
        (
            "word in [\"A\", 7]",
            "column 18: `word` is a text and is compared with the number 7; a text stands in quotes",
        ),
        (
            "asked_to_stop == \"yes\"",
            "column 21: `asked_to_stop` is yes or no and is compared with the text \"yes\"; write `asked_to_stop`, or `!asked_to_stop` for its opposite",
        ),
        (
            "callback_requested != 1",
            "column 26: `callback_requested` is yes or no and is compared with the number 1; write `callback_requested`, or `!callback_requested` for its opposite",
        ),
        (
            "outcome == true",
            "column 15: `outcome` is a text and is compared with `true`, which is yes or no",
        ),
        (
            "outcome",
            "column 4: `outcome` is a text, and a condition is yes or no; compare it, as in `outcome == \"...\"`",
        ),
        (
            "asked_to_stop && talk_s",
            "column 21: `talk_s` is a number, and a condition is yes or no; compare it, as in `talk_s > 0`",
        ),
        (
            "outcome == \"busy\" || \"failed\"",
            "column 25: a condition is yes or no, and this is none; on both sides of `||` and `&&` stands a whole comparison, as in `outcome == \"busy\"`",
        ),
    ] {
        assert_eq!(says(condition), [says_], "{condition}");
    }
}

#[test]
fn looking_at_conditions_ends_however_many_there_are() {
    let facts = ["asked_to_stop", "callback_requested", "callback_time_known"];
    let condition = |n: usize| {
        format!(
            "talk_s == {n} || attempts == {n} || attempts_today == {n} || {}",
            facts[n % 3]
        )
    };
    let chain: String = (0..40)
        .map(|n| format!("if {} {{ go_on() }}\nelse ", condition(n)))
        .collect();
    let many = format!("{chain} {{ go_on() }}\n").repeat(10);
    let start = std::time::Instant::now();
    assert_eq!(findings(with("stop_redial.rhai", &many)), Vec::<String>::new());
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

fn warnings(file: &str, text: &str) -> Vec<String> {
    let set = with(file, text).unwrap_or_else(|found| panic!("{found:?}"));
    set.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_set_that_ships_has_nothing_that_looks_wrong() {
    for name in RuleSet::built_in_names() {
        let set = RuleSet::built_in(&redial_domain::RuleSetName::parse(name).unwrap()).unwrap();
        assert_eq!(set.warnings(), [], "{name}");
    }
}

#[test]
fn an_outcome_that_nobody_handles_is_named_and_refuses_nothing() {
    let script = files()["outcome_to_status.rhai"].clone();
    let busy = "else if outcome == \"busy\" { set_status(\"busy\", \"the line was busy\") }\n";
    assert!(script.contains(busy));
    assert_eq!(
        warnings("outcome_to_status.rhai", &script.replace(busy, "")),
        [
            "warning: `ruleset.toml` line 30, column 8: no script sets the status `busy`; leave it out, unless people set it by hand",
            "warning: `outcome_to_status.rhai` line 19: the outcome `busy` means no more here than an unknown one; add `if outcome == \"busy\" { ... }` above, unless it is meant",
        ]
    );
}

#[test]
fn a_status_that_nobody_gets_is_named_and_refuses_nothing() {
    let spec = files()["ruleset.toml"].clone();
    let status = "[[status]]\nname = \"vip\"\nlabels = { en = \"VIP\", he = \"חשוב\" }\ncolor = \"#15803d\"\norder = 20\nkind = \"contacted\"\n\n[transitions]\nvip = [\"any\"]\n";
    let more = spec.replace("[transitions]\n", status);
    let found = warnings("ruleset.toml", &more);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("warning: `ruleset.toml`") && found[0].contains("no script sets the status `vip`"),
        "{found:?}"
    );
    let unreached = more.replace("= [\"any\"]", "= [\"dnc\"]");
    let found = warnings("ruleset.toml", &unreached).join("\n");
    assert!(
        found.contains("no lead can get the status `vip`; name `vip` in [transitions]"),
        "{found}"
    );
}

#[test]
fn a_status_put_together_while_running_may_be_any() {
    let script = "if outcome == \"busy\" { set_status(\"\" + outcome, \"as the network says\") } else { keep() }";
    let found = warnings("outcome_to_status.rhai", script).join("\n");
    assert!(
        !found.contains("no script sets") && found.contains("the outcome `no_answer`"),
        "{found}"
    );
}

#[test]
fn a_switch_over_words_that_exist_is_taken() {
    for over in [
        "switch status { \"sale\" | \"dnc\" => stop(\"x\"), _ => go_on() }",
        "switch outcome { \"busy\" => go_on(), \"failed\" if attempts > 2 => stop(\"x\"), _ => go_on() }",
        "switch word { \"ANY_WORD\" => stop(\"x\"), _ => go_on() }",
        "switch talk_s { 0 => go_on(), 1..60 => stop(\"x\"), _ => go_on() }",
        "switch failure { \"\" => go_on(), _ => stop(\"x\") }",
    ] {
        assert_eq!(findings(with("stop_redial.rhai", over)), Vec::<String>::new(), "{over}");
    }
}
