//! `redial rules` as people use it: the command itself, against the whole system in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use redial_local::{Options, Running, start};
use tokio::process::Command;

const SET: &str = "until-sale-or-dnc";

struct Said {
    worked: bool,
    text: String,
}

/// The command on this machine, without any server.
async fn redial(arguments: &[&str]) -> Said {
    run(Command::new(env!("CARGO_BIN_EXE_redial")).args(arguments)).await
}

async fn run(command: &mut Command) -> Said {
    let done = command.stdin(Stdio::null()).output().await.unwrap();
    let text = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    Said {
        worked: done.status.success(),
        text: text.concat(),
    }
}

/// The system, and a folder to work in.
struct Desk {
    running: Running,
    folder: PathBuf,
}

impl Desk {
    async fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("redial-rules-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let noon = "2026-11-23T17:00:00Z".parse().unwrap();
        let running = start(Options::test(noon)).await.unwrap();
        Self { running, folder }
    }

    async fn rules(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redial"));
        command
            .arg("rules")
            .args(arguments)
            .env("REDIAL_URL", &self.running.places.base_url)
            .env("REDIAL_API_KEY", &self.running.api_key);
        run(&mut command).await
    }

    /// The files of what is in use, in a folder of the set's name.
    async fn checked_out(&self) -> PathBuf {
        let out = self.folder.join(SET);
        let said = self
            .rules(&["show", SET, "--version", "active", "--out", text(&out)])
            .await;
        assert!(said.worked, "{}", said.text);
        out
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn shipped(set: &str) -> String {
    format!("{}/../../rules/{set}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn a_folder_is_checked_and_its_cases_run_without_a_server() {
    let said = redial(&["rules", "check", &shipped(SET)]).await;
    assert!(
        said.worked && said.text.contains("until-sale-or-dnc is well: 13 statuses"),
        "{}",
        said.text
    );
    let said = redial(&["rules", "test", &shipped(SET)]).await;
    assert!(said.worked && said.text.contains("cases passed"), "{}", said.text);
    let said = redial(&["rules", "check", &shipped("no-such-set")]).await;
    assert!(
        !said.worked && said.text.contains("name a rule set's folder"),
        "{}",
        said.text
    );
    let said = redial(&["rules", "list", "--url", "http://example.com"]).await;
    assert!(
        !said.worked && said.text.contains("REDIAL_API_KEY is not set"),
        "{}",
        said.text
    );
}

#[tokio::test]
async fn a_change_goes_from_a_folder_to_what_is_in_use_and_back() {
    let desk = Desk::new("change").await;
    let folder = desk.checked_out().await;
    let said = desk.rules(&["show", SET, "--out", text(&folder)]).await;
    assert!(
        !said.worked && said.text.contains("there are files in it"),
        "{}",
        said.text
    );

    let script = folder.join("redial_interval.rhai");
    fs::write(&script, "if statu == \"busy\" { in_minutes(7) } else { ladder() }\n").unwrap();
    let said = desk.rules(&["check", text(&folder)]).await;
    assert!(
        !said.worked && said.text.contains("did you mean `status`?"),
        "{}",
        said.text
    );
    let said = desk
        .rules(&["publish", text(&folder), "--note", "busy lines sooner"])
        .await;
    assert!(
        !said.worked && said.text.contains("did you mean `status`?"),
        "{}",
        said.text
    );

    let right = "if callback_time_known { at_callback_time(\"promised\") }\n\
                 else if outcome == \"not_placed\" { in_minutes(5, \"refused before dialing\") }\n\
                 else if status == \"busy\" { in_minutes(7, \"busy lines sooner\") }\nelse { ladder() }\n";
    fs::write(&script, right).unwrap();
    let said = desk
        .rules(&["publish", text(&folder), "--note", "busy lines sooner"])
        .await;
    assert!(
        !said.worked && said.text.contains("expected `busy then in 2 min`"),
        "{}",
        said.text
    );

    let cases = folder.join("cases.csv");
    let table = fs::read_to_string(&cases).unwrap();
    let kept: Vec<&str> = table
        .lines()
        .filter(|row| !row.contains("busy then in 2 min"))
        .collect();
    fs::write(&cases, kept.join("\n")).unwrap();
    // What was refused left no draft.
    let said = desk.rules(&["draft", text(&folder)]).await;
    assert!(
        said.worked && said.text.contains("it may be published"),
        "{}",
        said.text
    );
    let said = desk.rules(&["draft", text(&folder)]).await;
    assert!(
        !said.worked && said.text.contains("revision 5") && said.text.contains("--over"),
        "somebody's draft is there: {}",
        said.text
    );
    let said = desk.rules(&["diff", SET]).await;
    assert!(
        said.worked && said.text.contains("+else if status == \"busy\""),
        "{}",
        said.text
    );
    let said = desk
        .rules(&["publish", text(&folder), "--note", "busy lines sooner", "--replan"])
        .await;
    assert!(
        said.worked && said.text.contains("nothing is published yet"),
        "{}",
        said.text
    );
    let said = desk
        .rules(&["publish", text(&folder), "--note", "busy lines sooner", "--over", "5"])
        .await;
    assert!(
        said.worked && said.text.contains("version 1 decides for all phones within 15 s"),
        "{}",
        said.text
    );

    let said = desk.rules(&["list"]).await;
    assert!(said.worked && said.text.contains(SET), "{}", said.text);
    let said = desk.rules(&["rollback", SET, "--from", "1", "--note", "not now"]).await;
    assert!(said.worked && said.text.contains("version 0 decides"), "{}", said.text);
    let said = desk.rules(&["rollback", SET, "--from", "1", "--note", "again"]).await;
    assert!(!said.worked && said.text.contains("decides no more"), "{}", said.text);
    let said = desk
        .rules(&["publish", text(&folder), "--note", "unseen", "--over", "5"])
        .await;
    assert!(!said.worked, "made from version 1, and 0 is in use: {}", said.text);
    let said = desk.rules(&["log", SET]).await;
    assert!(said.worked && said.text.contains("rolled_back"), "{}", said.text);
    let said = desk.rules(&["reapply", SET]).await;
    assert!(
        said.worked && said.text.contains("reapply") && said.text.contains("done"),
        "{}",
        said.text
    );
    let said = desk.rules(&["reapply", SET, "--waiting", "--dry-run"]).await;
    assert!(
        said.worked && said.text.contains("nothing was changed"),
        "{}",
        said.text
    );
    let said = desk.rules(&["replay", text(&folder)]).await;
    assert!(
        said.worked && said.text.contains("there were no calls in these days"),
        "{}",
        said.text
    );
    let said = desk.rules(&["replay", SET, "--version", "0", "--format", "csv"]).await;
    assert!(
        said.worked && said.text.starts_with("lead_id,lead_status_was,"),
        "{}",
        said.text
    );
    let said = desk.rules(&["replay", SET, "--version", "9"]).await;
    assert!(!said.worked && said.text.contains("version 9"), "{}", said.text);
    let said = desk.rules(&["trial", SET]).await;
    assert!(said.worked && said.text.contains("no version"), "{}", said.text);
    let _ = fs::remove_dir_all(&desk.folder);
    desk.running.shutdown().await;
}
