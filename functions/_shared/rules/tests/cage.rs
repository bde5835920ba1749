//! Every limit of the cage is met by a script that goes over it.

mod common;

use std::time::{Duration, Instant};

use common::{findings, with};

/// What is wrong with a set whose `stop_redial` begins with these lines.
fn refused(lines: &str) -> String {
    let found = findings(with("stop_redial.rhai", &format!("{lines}\ngo_on()")));
    assert!(!found.is_empty(), "not refused: {lines:.200}");
    found.join("\n")
}

#[test]
fn an_endless_loop_ends() {
    let found = refused("loop { }");
    assert!(
        found.contains("`stop_redial.rhai` line 1") && found.contains("it took more than 20000 steps"),
        "{found}"
    );
    refused("while true { }");
    refused("let n = 0; for i in 0..9223372036854775807 { n += 1; }");
    refused("let n = 0; for i in range(0, 9223372036854775807, 1) { n += 1; }");
}

#[test]
fn deep_recursion_ends() {
    let found = refused("fn down(n) { down(n + 1) }\ndown(0);");
    assert!(found.contains("functions call each other more than 8 deep"), "{found}");
}

#[test]
fn a_text_does_not_grow_over_its_limit() {
    for lines in [
        r#"let s = "x"; loop { s += s; }"#,
        r#"let s = "x"; loop { s = s + s + "y"; }"#,
        r#"let s = "xxxxxxxx"; loop { s.replace("x", "xxxxxxxx"); }"#,
        r#"let s = "x"; loop { s = `${s}${s}`; }"#,
    ] {
        let found = refused(lines);
        assert!(
            found.contains("a text, list or table grew over its limit"),
            "{lines}: {found}"
        );
    }
    assert!(refused(&format!("let s = \"{}\";", "x".repeat(40_000))).contains("longer than 32768"));
}

#[test]
fn a_list_does_not_grow_over_its_limit() {
    let found = refused("let a = []; loop { a.push(1); }");
    assert!(found.contains("a text, list or table grew over its limit"), "{found}");
    refused("let a = [1]; loop { a += a; }");
    refused("let a = [[1]]; loop { a = [a, a, a, a]; }");
}

#[test]
fn a_table_does_not_grow_over_its_limit() {
    let entries = |from: u32| {
        (from..from + 400)
            .map(|n| format!("k{n}: {n}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = refused(&format!(
        "let m = #{{ {} }}; let n = #{{ {} }}; let o = m + n;",
        entries(0),
        entries(400)
    ));
    assert!(found.contains("a text, list or table grew over its limit"), "{found}");
    let found = refused(&format!("let m = #{{ {}, {} }};", entries(0), entries(400)));
    assert!(found.contains("longer than 500"), "{found}");
    // Entries one by one are bounded by the steps they take.
    let found = refused("let m = #{}; let i = 0; loop { i += 1; m[`k${i}`] = i; }");
    assert!(found.contains("more than 20000 steps"), "{found}");
}

#[test]
fn variables_are_counted() {
    let many: String = (0..100).map(|n| format!("let v{n} = {n};\n")).collect();
    assert!(
        refused(&many).contains("it made more than 64 variables"),
        "{}",
        refused(&many)
    );
}

#[test]
fn functions_are_counted() {
    let many: String = (0..20).map(|n| format!("fn f{n}() {{ {n} }}\n")).collect();
    assert!(refused(&many).contains("more than 16 functions"), "{}", refused(&many));
}

#[test]
fn nesting_has_a_bottom() {
    for deep in [
        format!("let x = {}1{};", "(".repeat(20_000), ")".repeat(20_000)),
        format!("let x = {}1{};", "[".repeat(5_000), "]".repeat(5_000)),
        format!("{}{}", "if true { ".repeat(5_000), "}".repeat(5_000)),
        format!("let x = {}1;", "- ".repeat(20_000)),
        format!("let x = {}true;", "!".repeat(20_000)),
        format!("let x = 1{};", " + 1".repeat(10_000)),
    ] {
        let found = refused(&deep);
        assert!(found.contains("nested deeper than 64 levels"), "{deep:.40}: {found}");
    }
}

#[test]
fn nesting_inside_a_function_has_a_nearer_bottom() {
    let sum = |levels: usize| format!("fn sum() {{ {}1{} }}", "(".repeat(levels), ")".repeat(levels));
    let found = refused(&sum(40));
    assert!(found.contains("deeper than 64 levels, or 32 in a function"), "{found}");
    let within = findings(with("stop_redial.rhai", &format!("{}\ngo_on()", sum(8))));
    assert_eq!(within, Vec::<String>::new());
}

#[test]
fn a_chain_of_forty_statuses_fits() {
    let chain: String = (0..40)
        .map(|n| format!("if talk_s == {n} && word == \"X\" {{ go_on(\"{n}\") }}\nelse "))
        .collect();
    assert_eq!(
        findings(with("stop_redial.rhai", &format!("{chain} {{ go_on() }}"))),
        Vec::<String>::new()
    );
}

#[test]
fn a_script_cannot_load_read_print_or_look_at_the_clock() {
    for (lines, word) in [
        ("import \"x\" as y;", "import"),
        ("export let z = 1;", "export"),
        ("eval(\"go_on()\");", "eval"),
        ("print(\"x\");", "print"),
        ("debug(\"x\");", "debug"),
        ("let t = timestamp();", "timestamp"),
        ("let r = rand();", "rand"),
        ("let f = open_file(\"x\");", "open_file"),
        ("let f = Fn(\"stop\");", "Fn"),
        ("sleep(1);", "sleep"),
        ("exit(1);", "exit"),
    ] {
        let found = refused(lines);
        assert!(found.contains(&format!("`{word}`")), "{lines}: {found}");
    }
}

#[test]
fn a_script_of_a_megabyte_is_not_even_read() {
    assert!(refused(&"// x\n".repeat(200_000)).contains("longer than 65536 bytes"));
}

#[test]
fn a_fact_cannot_be_changed_or_hidden() {
    assert!(refused("disposition = \"sale\";").contains("`disposition` is a fact and cannot be changed"));
    assert!(refused("let disposition = \"sale\";").contains("`disposition` is a fact and cannot be made anew"));
}

#[test]
fn every_helper_of_the_language_that_rules_may_use_exists() {
    for lines in [
        "abs(-1); max(1, 2); min(1, 2);",
        "let s = \"a b\"; s.contains(\"a\"); s.starts_with(\"a\"); s.ends_with(\"b\"); s.index_of(\"b\"); s.len(); s.is_empty();",
        "let s = \"a b\"; s.to_lower(); s.to_upper(); s.trim(); s.split(\" \"); s.sub_string(0, 1); s.replace(\"a\", \"b\"); s.truncate(1);",
        "let n = 7; n.to_string();",
        "let a = [2, 1]; a.push(3); a.sort(); a.reverse(); a.dedup(); a.truncate(1); a.contains(1); a.len();",
        "let m = #{ a: 1 }; m.keys(); m.values(); m.get(\"a\"); m.contains(\"a\");",
        "for i in range(0, 3) { } for i in 0..3 { }",
        "if disposition in [\"sale\", \"dnc\"] { }",
    ] {
        assert_eq!(
            findings(with("stop_redial.rhai", &format!("{lines}\ngo_on()"))),
            Vec::<String>::new(),
            "{lines}"
        );
    }
}

/// As many steps as there may be, of the dearest things a step can do, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_dearest_script_ends_in_time() {
    for lines in [
        r#"let s = "x"; while s.len() < 30000 { s += s; if s.len() > 16000 { s.truncate(16000); break; } } loop { s.to_upper(); }"#,
        r#"let s = "ab"; while s.len() < 16000 { s += s; } loop { s.replace("b", "b"); }"#,
        r#"let s = "ab"; while s.len() < 16000 { s += s; } loop { s.index_of("ba!"); }"#,
        r#"let a = []; for i in 0..900 { a.push(i); } loop { a.reverse(); let b = a + []; }"#,
        r#"let s = "a "; while s.len() < 900 { s += s; } loop { s.split(" "); }"#,
    ] {
        let start = Instant::now();
        refused(lines);
        println!("{:?} {lines}", start.elapsed());
        assert!(start.elapsed() < PATIENCE, "{lines}: {:?}", start.elapsed());
    }
}

#[test]
fn dear_scripts_within_every_limit_are_checked_in_time() {
    let dear = r#"let s = "ab"; while s.len() < 16000 { s += s; } for i in 0..2000 { s.index_of("ba!"); } go_on()"#;
    let start = Instant::now();
    assert_eq!(findings(with("stop_redial.rhai", dear)), Vec::<String>::new());
    assert!(start.elapsed() < PATIENCE * 3, "{:?}", start.elapsed());
}
