//! `redial import` as people use it: the command itself, killed too, against the whole system in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use redial_local::{Options, Running, start};
use serde_json::{Value, json};
use tokio::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

/// The system with a campaign `one`, and a folder to work in.
struct Desk {
    running: Running,
    folder: PathBuf,
}

impl Desk {
    async fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("redial-import-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let running = start(Options::test("2026-11-23T17:00:00Z".parse().unwrap()))
            .await
            .unwrap();
        let desk = Self { running, folder };
        let consent = json!({"kind": "written", "statement": "signed on the form of the test"});
        let body = json!({"id": "one", "name": "One", "consent": consent, "max_concurrent_calls": 16, "shards": 16});
        let request = desk.request(reqwest::Method::POST, "/campaigns").body(body.to_string());
        assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
        desk
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.running.places.base_url);
        let request = reqwest::Client::new().request(method, url);
        request
            .header("x-api-key", &self.running.api_key)
            .header("content-type", "application/json")
    }

    async fn imports(&self) -> Vec<Value> {
        let answer = self
            .request(reqwest::Method::GET, "/campaigns/one/imports?limit=100")
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["imports"].as_array().unwrap().clone()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redial"));
        command
            .args(arguments)
            .env("REDIAL_URL", &self.running.places.base_url)
            .env("REDIAL_API_KEY", &self.running.api_key)
            .stdin(Stdio::null());
        command
    }

    async fn redial(&self, arguments: &[&str]) -> Said {
        let done = self.command(arguments).output().await.unwrap();
        Said {
            code: done.status.code(),
            out: String::from_utf8(done.stdout).unwrap(),
            error: String::from_utf8(done.stderr).unwrap(),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn end(self) {
        let _ = fs::remove_dir_all(&self.folder);
        self.running.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_corrected_taken_back_and_nobody_comes_twice() {
    let desk = Desk::new("whole").await;
    let file = desk.file(
        "leads.csv",
        "Kunde;Handy\nA;2125550101\nB;'2125550102\nC;12\nA;2125550101\n",
    );
    let import = [
        "import",
        &file,
        "--campaign",
        "one",
        "--map",
        "Handy=phone",
        "--map",
        "Kunde=name",
    ];
    let tried = desk.redial(&[&import[..], &["--dry-run"]].concat()).await;
    assert_eq!(tried.code, Some(3), "{}{}", tried.out, tried.error);
    assert!(
        tried
            .out
            .contains("4 rows: 2 valid, 1 invalid, 1 duplicate; 2 would be imported"),
        "{}",
        tried.out
    );
    let done = desk.redial(&import).await;
    assert_eq!(done.code, Some(3), "{}{}", done.out, done.error);
    assert!(
        done.out.contains("4 rows: 2 valid, 1 invalid, 1 duplicate; 2 imported"),
        "{}",
        done.out
    );
    assert!(done.out.contains("1 had an apostrophe"), "{}", done.out);
    assert!(
        !format!("{}{}", done.out, done.error).contains("25550"),
        "{}{}",
        done.out,
        done.error
    );
    let fix = format!("{file}.fix.csv");
    let corrected = fs::read_to_string(&fix).unwrap().replace(";C;12", ";C;2125550103");
    fs::write(&fix, corrected).unwrap();
    let fixed = desk
        .redial(&[
            "import",
            &fix,
            "--campaign",
            "one",
            "--map",
            "Handy=phone",
            "--map",
            "Kunde=name",
        ])
        .await;
    assert_eq!(fixed.code, Some(0), "{}{}", fixed.out, fixed.error);
    assert!(fixed.out.contains("1 imported"), "{}", fixed.out);
    let again = desk.redial(&import).await;
    assert!(
        again.out.contains("0 valid, 1 invalid, 3 duplicate; 0 imported"),
        "{}",
        again.out
    );
    // The import of this file that is over is told once more, and no other is made.
    let known = desk.imports().await.len();
    let resumed = desk.redial(&[&import[..], &["--resume"]].concat()).await;
    assert_eq!(
        (resumed.code, desk.imports().await.len()),
        (Some(3), known),
        "{}",
        resumed.error
    );

    let first = desk
        .imports()
        .await
        .iter()
        .find(|import| import["leads_imported"] == 2)
        .unwrap()["import_id"]
        .clone();
    let undone = desk
        .redial(&["import", "--campaign", "one", "--undo", first.as_str().unwrap()])
        .await;
    assert_eq!(undone.code, Some(0), "{}{}", undone.out, undone.error);
    assert_eq!(undone.out, "2 leads removed\n");

    let wrong = desk.redial(&["import", &file, "--campaign", "one"]).await;
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.error.contains("`name`") && wrong.error.contains("Kunde, Handy"),
        "{}",
        wrong.error
    );
    let marks = desk
        .redial(&["import", &file, "--do-not-call", "--map", "Handy=phone"])
        .await;
    assert_eq!(marks.code, Some(1), "a row without a number is told: {}", marks.error);
    assert!(marks.out.contains("2 marked now"), "{}", marks.out);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_anywhere_goes_on_where_it_was() {
    let desk = Desk::new("killed").await;
    // Two parts, for the command to be killed between them.
    let note = "some words of a note ".repeat(20);
    let mut text = "name,phone,a,b,c,d,e,f,g,h,i\n".to_owned();
    let mut rows = 0;
    while text.len() < 5 * 1_024 * 1_024 {
        text.push_str(&format!("P{rows},+1212{:07}", 2_000_000 + rows));
        (0..9).for_each(|n| text.push_str(&format!(",{n} {note}")));
        text.push('\n');
        rows += 1;
    }
    let file = desk.file("leads.csv", &text);
    let import = ["import", &file, "--campaign", "one", "--resume"];
    for wait_ms in [30, 100, 200, 400, 800, 1_600] {
        let mut child = desk
            .command(&import)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let _ = child.kill().await;
    }
    let done = desk.redial(&import).await;
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.error);
    assert!(done.out.contains(&format!("{rows} rows: {rows} valid")), "{}", done.out);
    let imported: u64 = desk
        .imports()
        .await
        .iter()
        .filter_map(|import| import["leads_imported"].as_u64())
        .sum();
    assert_eq!(imported, rows, "each once");
    desk.end().await;
}
