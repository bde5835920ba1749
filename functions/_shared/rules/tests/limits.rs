//! Sizes of a rule set's files: each limit is met, and said in plain words.

mod common;

use common::{files, findings, name, with, with_spec};
use redial_rules::RuleSet;

#[test]
fn a_board_has_at_most_forty_columns() {
    let set = |more: usize| {
        let status: String = (0..more)
            .map(|n| {
                format!(
                    "[[status]]\nname = \"more_{n}\"\nlabels = {{ en = \"More\", he = \"עוד\" }}\ncolor = \"#15803d\"\norder = {n}\nkind = \"lost\"\n\n"
                )
            })
            .collect();
        let moves: String = (0..more).map(|n| format!("more_{n} = [\"dnc\"]\n")).collect();
        findings(with_spec("[transitions]\n", &format!("{status}[transitions]\n{moves}")))
    };
    assert_eq!(set(27), Vec::<String>::new());
    assert_eq!(set(28), ["`ruleset.toml` line 14, column 1: give 1 to 40 statuses"]);
}

#[test]
fn a_ladder_has_at_most_two_dozen_waits() {
    let set = |waits: usize| {
        findings(with_spec(
            "[0, 2, 5, 10, 30, 60, 120]",
            &format!("{:?}", vec![5; waits]),
        ))
    };
    assert_eq!(set(24), Vec::<String>::new());
    assert!(set(25)[0].ends_with("give 1 to 24 waits in minutes"), "{:?}", set(25));
}

#[test]
fn a_wait_is_at_most_a_year() {
    let set = |minutes: u32| findings(with("redial_interval.rhai", &format!("in_minutes({minutes})")));
    assert_eq!(set(525_600), Vec::<String>::new());
    assert!(
        set(525_601)[0].contains("`in_minutes` takes 0 to 525600 minutes, not 525601"),
        "{:?}",
        set(525_601)
    );
}

#[test]
fn a_file_is_read_by_people() {
    let long = "# a remark of some words\n".repeat(12_000);
    for file in ["ruleset.toml", "cases.csv"] {
        let text = format!("{}{long}", files()[file]);
        assert_eq!(
            findings(with(file, &text)),
            [format!("`{file}`: the file is longer than 262144 bytes")]
        );
    }
    let found = findings(with(
        "auto_status.rhai",
        &format!("{}keep()", "// a remark\n".repeat(6_000)),
    ));
    assert_eq!(found, ["`auto_status.rhai`: the script is longer than 65536 bytes"]);
}

#[test]
fn a_table_has_at_most_five_thousand_cases() {
    let set = RuleSet::built_in(&name()).unwrap_or_else(|| panic!("no built-in set"));
    let table = |rows: usize| {
        format!(
            "outcome,expected,because\n{}",
            "busy,busy then in 2 min,x\n".repeat(rows)
        )
    };
    assert!(set.run_cases(&table(5_000)).is_ok_and(|run| run.rows == 5_000));
    let found = set.run_cases(&table(5_001)).err().unwrap_or_default();
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["`cases.csv` line 5002: the table has more than 5000 cases"]
    );
}
