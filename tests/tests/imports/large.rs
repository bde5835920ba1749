//! A file that is too large for one request.

use std::fmt::Write;

use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::json;

use super::{campaign, raw, rows};

const PART_BYTES: usize = 4 * 1_024 * 1_024;

/// A file of long rows: a bit more than one part.
fn long_rows() -> String {
    let headings: Vec<String> = (0..9).map(|n| format!("note {n}")).collect();
    let mut file = format!("name,phone,{}\n", headings.join(","));
    let mut n = 0;
    while file.len() < PART_BYTES + 100_000 {
        let note = format!("{n}-").repeat(450 / format!("{n}-").len());
        let _ = write!(file, "P{n},+1212{:07}", 2_000_000 + n);
        (0..9).for_each(|_| file.extend([",", &note]));
        file.push('\n');
        n += 1;
    }
    file
}

#[tokio::test]
async fn a_large_file_comes_in_parts_in_any_order_as_often_as_it_takes() {
    let app = TestApp::at(MONDAY_NOON).await;
    campaign(&app, "large", json!({"max_concurrent_calls": 16, "shards": 16})).await;
    let file = long_rows();
    let parts: Vec<&[u8]> = file.as_bytes().chunks(PART_BYTES).collect();
    assert_eq!(parts.len(), 2);
    let made = app
        .post(
            "/campaigns/large/imports",
            json!({"file_name": "large.csv", "fingerprint": "f"}),
        )
        .await;
    assert_eq!(
        (made.status, &made["part_bytes"], &made["state"]),
        (201, &json!(PART_BYTES), &json!("uploading")),
        "{made:?}"
    );
    let path = format!("/campaigns/large/imports/{}", made["import_id"].as_str().unwrap());
    let part = |n: usize| format!("{path}/parts/{n}");
    let kind = "application/octet-stream";
    let refused = app.post(&format!("{path}/finish"), json!({})).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("no_parts")),
        "{refused:?}"
    );
    for _ in 0..2 {
        let put = raw(&app, "PUT", &part(1), kind, parts[1]).await;
        assert_eq!(put.status, 200, "{put:?}");
    }
    let refused = app.post(&format!("{path}/finish"), json!({})).await;
    assert_eq!(
        (refused.status, &refused["code"]),
        (409, &json!("part_missing")),
        "{refused:?}"
    );
    assert_eq!(app.get(&path).await["parts_received"], json!([1]));
    let other = raw(&app, "PUT", &part(1), kind, "other bytes").await;
    assert_eq!((other.status, &other["code"]), (409, &json!("other_part")));
    for (number, status) in [("256", 422), ("x", 422)] {
        assert_eq!(
            raw(&app, "PUT", &format!("{path}/parts/{number}"), kind, "x")
                .await
                .status,
            status
        );
    }
    let request = app.request("PUT", &part(0)).header("x-api-key", &app.running.api_key);
    let wrong = redial_tests::answer(request.header("x-part-sha256", "00").body(parts[0].to_vec())).await;
    assert_eq!((wrong.status, &wrong["code"]), (422, &json!("wrong_checksum")));
    assert_eq!(raw(&app, "PUT", &part(0), kind, parts[0]).await.status, 200);
    for _ in 0..2 {
        let finished = app.post(&format!("{path}/finish"), json!({})).await;
        assert_eq!(
            (finished.status, &finished["job_id"]),
            (202, &made["import_id"]),
            "{finished:?}"
        );
    }
    app.settle().await;
    let done = app.get(&path).await;
    let expected = file.lines().count() as u64 - 1;
    assert_eq!(
        (&done["state"], rows(&done)),
        (&json!("done"), [expected, expected, 0, 0, expected]),
        "{done:?}"
    );
    // Answers that were lost are given again, and nothing is changed any more.
    assert_eq!(raw(&app, "PUT", &part(1), kind, parts[1]).await.status, 200);
    assert_eq!(raw(&app, "PUT", &part(1), kind, "x").await.status, 409);
}
