//! `redial leads` as people use it: the command itself, against the whole system in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::process::Stdio;

use redial_local::{Options, Running, start};
use serde_json::{Value, json};
use tokio::process::Command;

struct Said {
    code: Option<i32>,
    text: String,
}

async fn redial(running: &Running, arguments: &[&str]) -> Said {
    let done = Command::new(env!("CARGO_BIN_EXE_redial"))
        .args(arguments)
        .env("REDIAL_URL", &running.places.base_url)
        .env("REDIAL_API_KEY", &running.api_key)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    Said {
        code: done.status.code(),
        text: text.concat(),
    }
}

async fn add(running: &Running, lead: Value) -> String {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(std::iter::empty())
        .build()
        .unwrap();
    let added = client
        .post(format!("{}/api/leads", running.places.base_url))
        .header("x-api-key", &running.api_key)
        .json(&lead)
        .send()
        .await
        .unwrap();
    let added: Value = added.json().await.unwrap();
    added["lead_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_lead_is_found_moved_and_shown_with_its_history() {
    let morning = "2026-11-23T14:00:00Z".parse().unwrap();
    let running = start(Options::test(morning)).await.unwrap();
    let dana = add(&running, json!({"phone": "+12125550142", "name": "Dana Reyes"})).await;
    add(&running, json!({"phone": "+12125550143", "name": "Daniel Ray"})).await;

    let found = redial(&running, &["leads", "find", "dan"]).await;
    assert_eq!(found.code, Some(0), "{}", found.text);
    assert!(
        found.text.contains("Dana Reyes") && found.text.contains("2 leads (UTC)"),
        "{}",
        found.text
    );
    let first = redial(&running, &["leads", "find", "dan", "--limit", "1", "--json"]).await;
    let first: Value = serde_json::from_str(&first.text).unwrap();
    assert_eq!(
        (first["leads"].as_array().unwrap().len(), &first["more"]),
        (1, &json!(true))
    );
    let nobody = redial(&running, &["leads", "find", "reyes", "--status", "contacted"]).await;
    assert!(nobody.text.contains("0 leads"), "{}", nobody.text);

    let moved = redial(
        &running,
        &["leads", "status", &dana, "contacted", "--reason", "wrote to us"],
    )
    .await;
    assert_eq!(moved.code, Some(0), "{}", moved.text);
    let expected = format!("lead {dana}: from new to contacted; pending; next call 2026-11-23 16:00 UTC\n");
    assert_eq!(moved.text, expected);
    let sold = redial(&running, &["leads", "status", &dana, "sale"]).await;
    assert!(
        sold.text.ends_with("; completed; no next call (stopped_by_status)\n"),
        "{}",
        sold.text
    );
    let refused = redial(&running, &["leads", "status", &dana, "new"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.text.contains("from `sale` it may go to dnc"),
        "{}",
        refused.text
    );

    for asked in [dana.as_str(), "(212) 555-0142"] {
        let shown = redial(&running, &["leads", "show", asked]).await;
        assert_eq!(shown.code, Some(0), "{}", shown.text);
        for line in [
            "Dana Reyes",
            "status_changed from new to contacted",
            "wrote to us",
            "no: subject_stopped",
        ] {
            assert!(shown.text.contains(line), "{line}: {}", shown.text);
        }
    }
    let nobody = redial(&running, &["leads", "show", "212 555 0199"]).await;
    assert_eq!(nobody.code, Some(1));
    assert!(!nobody.text.contains("0199"), "{}", nobody.text);
}
