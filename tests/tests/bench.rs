//! A quick bench, so that the script behind `make bench` cannot rot; and what it counts is what the design allows.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::{path::PathBuf, process::Command};

use serde_json::Value;

/// What one run wrote and said.
fn bench(parts: &[&str]) -> (Value, String) {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", parts.join("-")));
    // Parts of another build stay in the file that they stand in.
    let _ = std::fs::remove_file(&out);
    let ran = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--size", "quick", "--out"])
        .arg(&out)
        .args(parts)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(ran.status.success(), "{said}");
    (
        serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap(),
        said,
    )
}

fn rows<'a>(figures: &'a Value, part: &str) -> &'a Vec<Value> {
    let parts = figures["parts"].as_array().unwrap();
    let part = parts.iter().find(|found| found["part"] == part).unwrap();
    part["rows"].as_array().unwrap()
}

fn value(rows: &[Value], name: &str, unit: &str) -> f64 {
    let row = rows.iter().find(|row| row["name"] == name && row["unit"] == unit);
    row.unwrap_or_else(|| panic!("no row `{name}` in {unit}"))["value"]
        .as_f64()
        .unwrap()
}

#[test]
fn a_cycle_and_a_look_cost_what_the_design_allows() {
    let (figures, said) = bench(&["cycle", "tick"]);
    println!("{said}");
    let cycle = rows(&figures, "cycle");
    for row in cycle.iter().chain(rows(&figures, "tick")) {
        for (field, is) in [
            ("name", row["name"].is_string()),
            ("unit", row["unit"].is_string()),
            ("how", row["how"].as_str().is_some_and(|how| !how.is_empty())),
            ("noise_percent", row["noise_percent"].is_number()),
            ("value", row["value"].is_number()),
        ] {
            assert!(is, "`{field}` of {row}");
        }
    }
    // Claim 1, reserve 1, call id 1, outcome 8 (attempt 2 and its place in the day 1, lead 2 and its place in the queue 2,
    // ledger 1), slot freed 1.
    for (step, units) in [
        ("claim", 1.0),
        ("reserve", 1.0),
        ("call id", 1.0),
        ("outcome", 8.0),
        ("slot freed", 1.0),
    ] {
        let name = format!("a lead alone, status stays: {step}");
        assert_eq!(value(cycle, &name, "write units"), units, "{step}");
    }
    assert!(value(cycle, "mean cycle among many", "write units") <= 14.0);
    let looks = rows(&figures, "tick");
    for unit in ["write units", "read units", "requests"] {
        let grown = value(looks, &format!("{unit}, most waiting to fewest"), "times");
        assert!(grown <= 1.2, "{unit}: {grown}");
    }
    assert_eq!(figures["v"], 1);
    assert!(figures["machine"]["cpu"].is_string() && figures["machine"]["cores"].as_u64() > Some(0));
}

#[test]
fn two_hundred_webhooks_and_leads_lose_nothing() {
    let (figures, said) = bench(&["burst"]);
    let books: Vec<&Value> = rows(&figures, "burst")
        .iter()
        .filter(|row| row["unit"] == "books")
        .collect();
    assert_eq!(books.len(), 2, "{said}");
    assert!(books.iter().all(|row| row["reached"] == true), "{said}");
}

#[test]
fn a_file_of_leads_is_read_in_little_memory() {
    let (figures, said) = bench(&["import"]);
    let held = rows(&figures, "import")
        .iter()
        .find(|row| row["unit"] == "MiB")
        .unwrap();
    assert_eq!(held["reached"], true, "{said}");
}

#[test]
fn documents_say_what_the_figures_say() {
    let ran = Command::new(env!("CARGO_BIN_EXE_bench"))
        .arg("--check")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
