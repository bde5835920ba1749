//! Lists in and out, and what a mark costs.

use std::collections::BTreeSet;

use redial_aws::table::Units;
use redial_domain::{ProofSource, Statement};
use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::json;

use super::{PHONE, check, parsed};

fn used(before: Units, after: Units) -> (f64, f64) {
    (after.read - before.read, after.write - before.write)
}

/// The way people write the `n`th number; every format is the same number.
fn written(n: usize) -> String {
    let (exchange, line) = (200 + n / 10_000, n % 10_000);
    match n % 6 {
        0 => format!("+1 (212) {exchange}-{line:04}"),
        1 => format!("1212{exchange}{line:04}"),
        2 => format!("212-{exchange}-{line:04}"),
        3 => format!("+1212{exchange}{line:04}"),
        4 => format!("'212.{exchange}.{line:04}"),
        _ => format!("001 212 {exchange} {line:04}"),
    }
}

#[tokio::test]
async fn six_thousand_numbers_in_every_format_are_imported_listed_and_imported_again_for_nothing() {
    let app = TestApp::at(MONDAY_NOON).await;
    let mut numbers: Vec<String> = (0..6_000).map(written).collect();
    // Bad ones and one that stands twice, in the first request.
    for (place, bad) in [(7, "no number"), (99, "4.41E+11"), (1_234, "555-0100"), (1_235, "")] {
        numbers[place] = bad.to_owned();
    }
    numbers[2_000] = "+12122000001".to_owned();
    let mut sums = [0; 4];
    let mut refused = Vec::new();
    for chunk in numbers.chunks(5_000) {
        let mut left = chunk.to_vec();
        // A slow machine does not get through all of them in the time of a request, and says which are left.
        while !left.is_empty() {
            let imported = app
                .post("/api/do-not-call/import", json!({"numbers": left, "source": "crm"}))
                .await;
            assert_eq!(imported.status, 200, "{imported:?}");
            for (sum, name) in sums.iter_mut().zip(["marked", "known", "repeated", "refused"]) {
                *sum += imported[name].as_u64().unwrap();
            }
            refused.extend(
                imported["bad"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|bad| bad["n"].as_u64().unwrap()),
            );
            assert!(
                !imported.body.to_string().contains("0100"),
                "no digits in answers about bad numbers"
            );
            let not_done = imported["not_done"].as_array().unwrap();
            let not_done: Vec<usize> = not_done.iter().map(|n| n.as_u64().unwrap() as usize).collect();
            assert_eq!(imported["success"], not_done.is_empty());
            left = not_done.into_iter().map(|n| left[n].clone()).collect();
        }
    }
    assert_eq!(refused, [7, 99, 1_234, 1_235]);
    assert_eq!(sums, [5_995, 0, 1, 4]);
    assert_eq!(app.metric("dnc.marked").await, 5_995);
    assert_eq!(check(&app, "(212) 200-5999").await["source"], "crm");

    let before = app.running.units();
    let again = app
        .post(
            "/api/do-not-call/import",
            json!({"numbers": numbers[5_000..6_000], "source": "crm"}),
        )
        .await;
    assert_eq!((&again["marked"], &again["known"]), (&json!(0), &json!(1_000)));
    let (read, written) = used(before, app.running.units());
    println!("1,000 known numbers again: {read} read units, {written} write units");
    assert!(written < 1.0 && read <= 2_050.0, "{read} read, {written} written");

    // All of them come out, each once, and no cursor shows a number.
    let mut seen = BTreeSet::new();
    let mut path = "/api/do-not-call?limit=1000".to_owned();
    let mut last = String::new();
    loop {
        let page = app.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        for mark in page["marks"].as_array().unwrap() {
            assert!(seen.insert(mark["phone"].as_str().unwrap().to_owned()), "{mark} twice");
            let since = mark["since"].as_str().unwrap().to_owned();
            assert!(
                since[..19] >= last[..last.len().min(19)],
                "by time: {since} after {last}"
            );
            last = since;
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/do-not-call?limit=1000&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5_995);
    assert_eq!(app.get("/api/do-not-call?from=2026-11-24").await["count_on_page"], 0);
    assert_eq!(app.get("/api/do-not-call?from=yesterday").await.status, 422);
    let refused = app
        .post("/api/do-not-call/import", json!({"numbers": vec!["1"; 5_001]}))
        .await;
    assert_eq!((refused.status, &refused["code"]), (422, &json!("too_many")));
}

#[tokio::test]
async fn marking_a_number_costs_few_units_and_a_known_one_none_to_write() {
    let app = TestApp::at(MONDAY_NOON).await;
    let own = app.instance();
    let said = Statement::entered(ProofSource::Api, "Ada", own.clock.now());
    let mut units = vec![own.table.units()];
    for first in [true, false] {
        let marked = redial_aws::do_not_call::mark(&own, &parsed(PHONE), &said)
            .await
            .unwrap();
        assert_eq!((marked.first, marked.added), (first, first));
        units.push(own.table.units());
    }
    let (first, again) = (used(units[0], units[1]), used(units[1], units[2]));
    println!("a mark: {first:?} read and write units; the same again: {again:?}");
    // Ledger read 1; written 2, proof 2, the place in the list 1. Again: ledger and proof are read.
    assert_eq!((first, again), ((1.0, 5.0), (2.0, 0.0)));
}
