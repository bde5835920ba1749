//! `redial dnc` and `redial forget` as people use them: the command itself, against the whole system in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests: what is not there fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use redial_local::{Options, Running, start};
use tokio::process::Command;

struct Said {
    worked: bool,
    out: String,
    error: String,
}

/// The system, and a folder to work in.
struct Desk {
    running: Running,
    folder: PathBuf,
}

impl Desk {
    async fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("redial-dnc-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let noon = "2026-11-23T17:00:00Z".parse().unwrap();
        let running = start(Options::test(noon)).await.unwrap();
        Self { running, folder }
    }

    async fn redial(&self, arguments: &[&str]) -> Said {
        let done = Command::new(env!("CARGO_BIN_EXE_redial"))
            .args(arguments)
            .env("REDIAL_URL", &self.running.places.base_url)
            .env("REDIAL_API_KEY", &self.running.api_key)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        Said {
            worked: done.status.success(),
            out: String::from_utf8(done.stdout).unwrap(),
            error: String::from_utf8(done.stderr).unwrap(),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        shown(&path).to_owned()
    }

    async fn end(self) {
        let _ = fs::remove_dir_all(&self.folder);
        self.running.shutdown().await;
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_list_is_imported_its_bad_lines_are_told_and_it_comes_out_again() {
    let desk = Desk::new("list").await;
    // More than one request, every way to write a number, lines that hold none, and one twice.
    let mut list = String::from("name,Phone,note\n");
    for n in 0..6_000 {
        let number = match n % 4 {
            0 => format!("+1 (212) 5{:02}-{:04}", n / 10_000, n),
            1 => format!("12125{:02}{:04}", n / 10_000, n),
            2 => format!("212-5{:02}-{:04}", n / 10_000, n),
            _ => format!("\"(212) 5{:02}.{:04}\"", n / 10_000, n),
        };
        list.push_str(&format!("\"Person, {n}\",{number},x\n"));
    }
    list.push_str("Bad,4.41E+11,\nShort,555-0177\nNone\nTwice,+12125000001,\n");
    let file = desk.file("list.csv", &list);
    let said = desk.redial(&["dnc", "import", &file, "--source", "crm"]).await;
    assert!(!said.worked, "lines were refused");
    let told: Vec<&str> = said.out.lines().collect();
    assert_eq!(told.len(), 4, "{}", said.out);
    assert!(
        told[0].starts_with("line 6002: (…11) ") && told[0].contains("spreadsheet"),
        "{}",
        said.out
    );
    assert!(
        told[1].starts_with("line 6003: (…77) ") && told[1].contains("7 digits"),
        "{}",
        said.out
    );
    assert!(told[2].starts_with("line 6004: (no number) "), "{}", said.out);
    assert_eq!(
        told[3],
        "6004 lines: 6000 marked now, 1 marked before, 0 repeated, 3 refused"
    );
    assert!(
        said.error.contains("failed to import 3 of 6004 lines"),
        "{}",
        said.error
    );
    for part in [&said.out, &said.error] {
        assert!(
            !part.contains("0177") && !part.contains("125000001"),
            "no number: {part}"
        );
    }

    // Again, and from the middle: nothing changes.
    let good: String = list.lines().take(6_001).map(|line| format!("{line}\n")).collect();
    let file = desk.file("good.csv", &good);
    let said = desk.redial(&["dnc", "import", &file, "--source", "crm"]).await;
    assert!(said.worked, "{}", said.error);
    assert_eq!(
        said.out,
        "6000 lines: 0 marked now, 6000 marked before, 0 repeated, 0 refused\n"
    );
    let said = desk
        .redial(&[
            "dnc",
            "import",
            &file,
            "--source",
            "crm",
            "--from-line",
            "5902",
            "--column",
            "phone",
        ])
        .await;
    assert!(
        said.worked && said.out.starts_with("100 lines: 0 marked now"),
        "{}{}",
        said.out,
        said.error
    );

    let said = desk.redial(&["dnc", "export"]).await;
    assert!(said.worked, "{}", said.error);
    assert_eq!(said.out.lines().count(), 6_001);
    assert!(
        said.out.starts_with("phone,since,source,said_at,honour_by,late,"),
        "{}",
        &said.out[..200]
    );
    let file = desk.file("exported.csv", &said.out);
    let said = desk.redial(&["dnc", "import", &file, "--source", "crm"]).await;
    assert!(
        said.worked && said.out.starts_with("6000 lines: 0 marked now, 6000 marked before"),
        "{}",
        said.out
    );
    let said = desk.redial(&["dnc", "export", "--since", "2026-11-24"]).await;
    assert!(said.worked && said.out.lines().count() == 1, "{}", said.out);

    let nothing = desk.file("other.csv", "name,home\nAda,1\n");
    let said = desk.redial(&["dnc", "import", &nothing]).await;
    assert!(!said.worked && said.error.contains("--column"), "{}", said.error);
    let said = desk.redial(&["dnc", "import", "no-such-file.csv"]).await;
    assert!(
        !said.worked && said.error.contains("failed to read no-such-file.csv"),
        "{}",
        said.error
    );
    desk.end().await;
}

#[tokio::test]
async fn one_phone_is_marked_looked_at_released_and_forgotten() {
    let desk = Desk::new("one").await;
    let number = "(212) 555-0142";
    let said = desk.redial(&["dnc", "check", number]).await;
    assert!(
        said.worked && said.out.starts_with("not marked"),
        "{}{}",
        said.out,
        said.error
    );
    let said = desk
        .redial(&[
            "dnc",
            "add",
            number,
            "--words",
            "take me off",
            "--said-at",
            "2026-10-01T12:00:00-04:00",
        ])
        .await;
    assert!(
        said.worked && said.out.contains("marked: it is not called") && said.out.contains("late: the law wanted"),
        "{}{}",
        said.out,
        said.error
    );
    let said = desk.redial(&["dnc", "add", number, "--words", "take me off"]).await;
    assert!(
        said.worked && said.out.contains("marked before, since 2026-11-23 17:00"),
        "{}",
        said.out
    );
    let said = desk.redial(&["dnc", "check", "12125550142"]).await;
    assert!(
        said.worked && said.out.contains("take me off") && said.out.contains("late"),
        "{}",
        said.out
    );
    let said = desk
        .redial(&["dnc", "remove", number, "--reason", "asked to be called"])
        .await;
    assert!(
        said.worked && said.out.contains("removed"),
        "{}{}",
        said.out,
        said.error
    );
    let said = desk.redial(&["dnc", "remove", number, "--reason", "again"]).await;
    assert!(
        !said.worked && said.error.contains("the phone has none"),
        "{}",
        said.error
    );
    let said = desk.redial(&["forget", number, "--reason", "their request"]).await;
    assert!(
        said.worked && said.out.contains("stays marked as do-not-call"),
        "{}{}",
        said.out,
        said.error
    );
    let said = desk.redial(&["dnc", "check", number]).await;
    assert!(
        said.worked && said.out.contains("forgotten") && !said.out.contains("take me off"),
        "{}",
        said.out
    );
    desk.end().await;
}
