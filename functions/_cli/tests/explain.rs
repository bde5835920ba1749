//! `redial explain`, `evidence` and `law` as people use them: the command itself, against the whole system in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::{fs, process::Stdio};

use redial_local::{Options, Running, start};
use tokio::process::Command;

struct Said {
    worked: bool,
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
        worked: done.status.success(),
        text: text.concat(),
    }
}

async fn system() -> Running {
    let noon = "2026-11-23T17:00:00Z".parse().unwrap();
    start(Options::test(noon)).await.unwrap()
}

async fn add(running: &Running, phone: &str) -> String {
    let added = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(std::iter::empty())
        .build()
        .unwrap()
        .post(format!("{}/api/leads", running.places.base_url))
        .header("x-api-key", &running.api_key)
        .json(&serde_json::json!({"phone": phone}))
        .send()
        .await
        .unwrap();
    let added: serde_json::Value = added.json().await.unwrap();
    added["lead_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_ban_is_declared_seen_in_an_explanation_and_lifted() {
    let running = system().await;
    let banned = redial(&running, &["law", "ban", "Florida", "--reason", "hurricane"]).await;
    assert!(banned.worked, "{}", banned.text);
    assert!(banned.text.starts_with("US-FL banned as "), "{}", banned.text);
    let id = banned.text["US-FL banned as ".len()..]
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let lead = add(&running, "+13055550142").await;
    for asked in [lead.as_str(), "(305) 555-0142"] {
        let told = redial(&running, &["explain", asked]).await;
        assert!(told.worked, "{}", told.text);
        assert!(
            told.text.contains("waits: banned; nobody knows when `banned` is over"),
            "{}",
            told.text
        );
        let line = told.text.lines().find(|line| line.starts_with("BLOCKS")).unwrap();
        assert!(line.contains("banned") && line.contains("local: hurricane"), "{line}");
    }
    let counted = redial(&running, &["explain", "--campaign", "default"]).await;
    assert!(
        counted.text.contains("1      banned\n1 leads in all"),
        "{}",
        counted.text
    );
    let shown = redial(&running, &["law", "show", "FL"]).await;
    assert!(
        shown.text.contains("hurricane") && shown.text.contains("3 in 24 h"),
        "{}",
        shown.text
    );
    assert!(redial(&running, &["law", "lift", &id, "--reason", "over"]).await.worked);
    let again = redial(&running, &["law", "lift", &id, "--reason", "over"]).await;
    assert!(
        !again.worked && again.text.contains("failed to find the ban"),
        "{}",
        again.text
    );
    assert!(redial(&running, &["law", "show"]).await.text.starts_with("no bans\n"));
    let none = redial(&running, &["explain", "212-555-0199"]).await;
    assert_eq!(none.text, "no lead has this phone, so nobody calls it\n");
}

#[tokio::test]
async fn a_record_is_added_from_a_file_and_evidence_goes_into_one() {
    let running = system().await;
    let folder = std::env::temp_dir().join(format!("redial-explain-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let hours = r#"{ mon = "14:00-18:00", tue = "14:00-18:00", wed = "14:00-18:00", thu = "14:00-18:00", fri = "14:00-18:00", sat = "closed", sun = "closed" }"#;
    let record = format!(
        "jurisdiction = \"US-NY\"\nname = \"New York\"\nvoice = \"any\"\nhours = {hours}\nkind = \"policy\"\nconfidence = \"high\"\nsources = [\"letter of counsel\"]\nverified_on = 2026-11-23\n"
    );
    fs::write(folder.join("ny.toml"), &record).unwrap();
    fs::write(folder.join("bad.toml"), record.replace("14:00-18:00", "two to six")).unwrap();
    let bad = redial(&running, &["law", "add", &file("bad.toml"), "--reason", "counsel"]).await;
    assert!(
        !bad.worked && bad.text.contains("failed to read the hours `two to six`"),
        "{}",
        bad.text
    );
    let added = redial(&running, &["law", "add", &file("ny.toml"), "--reason", "counsel"]).await;
    assert!(added.worked, "{}", added.text);
    let lead = add(&running, "+12125550142").await;
    let told = redial(&running, &["explain", &lead]).await;
    assert!(
        told.text.contains("waits: outside_law; possible from 2026-11-23 19:00"),
        "{}",
        told.text
    );
    let out = file("evidence.json");
    let exported = redial(&running, &["evidence", &lead, "--out", &out]).await;
    assert!(
        exported.worked && exported.text.starts_with("3 records in "),
        "{}",
        exported.text
    );
    let read: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(
        (read["phone"].as_str(), read["count"].as_u64()),
        (Some("+12125550142"), Some(3))
    );
    let again = redial(&running, &["evidence", &lead, "--out", &out]).await;
    assert!(!again.worked, "what is there is not written over: {}", again.text);
    fs::remove_dir_all(folder).unwrap();
}
