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
            worked: done.status.success(),
            out: String::from_utf8(done.stdout).unwrap(),
            error: String::from_utf8(done.stderr).unwrap(),
        }
    }

    async fn marked(&self) -> u64 {
        let url = format!("{}/local/metrics", self.running.places.base_url);
        let asked = reqwest::Client::new()
            .get(url)
            .header("x-api-key", &self.running.api_key);
        let answer: serde_json::Value =
            serde_json::from_str(&asked.send().await.unwrap().text().await.unwrap()).unwrap();
        answer["metrics"]["dnc.marked"].as_u64().unwrap_or(0)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
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

#[tokio::test]
async fn what_spreadsheets_save_is_read_and_a_file_without_numbers_is_a_failure() {
    let desk = Desk::new("files").await;
    let text = "Name;Phone\r\nM\u{fc}ller;+1 (212) 555-0142\r\nLevi;212.555.0143\r\n";
    let tabs = text.replace(';', "\t");
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(tabs.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, bytes, expected) in [
        (
            "semicolons.csv",
            text.as_bytes(),
            "2 lines: 2 marked now, 0 marked before, 0 repeated, 0 refused\n",
        ),
        (
            "unicode.txt",
            &utf16,
            "2 lines: 0 marked now, 2 marked before, 0 repeated, 0 refused\n",
        ),
    ] {
        let said = desk.redial(&["dnc", "import", &desk.file(name, bytes)]).await;
        assert_eq!(
            (said.worked, said.out.as_str()),
            (true, expected),
            "{name}: {}",
            said.error
        );
    }
    for (name, text, why) in [
        ("empty.csv", "", "it is empty"),
        ("headings.csv", "name;phone\r\n", "it has headings and no line below"),
    ] {
        let said = desk.redial(&["dnc", "import", &desk.file(name, text)]).await;
        assert!(
            !said.worked && said.error.contains(why) && said.out.is_empty(),
            "{name}: {}",
            said.error
        );
    }
    let over = desk.file("over.csv", text);
    let said = desk.redial(&["dnc", "import", &over, "--from-line", "9"]).await;
    assert!(
        !said.worked && said.error.contains("no line from line 9 on"),
        "{}",
        said.error
    );
    let other = desk.file("other.csv", "name;home\nAda;1\n");
    let said = desk.redial(&["dnc", "import", &other]).await;
    assert!(
        said.error.contains("name, home") && said.error.contains("parted at semicolons"),
        "{}",
        said.error
    );
    desk.end().await;
}

#[tokio::test]
async fn an_import_that_is_killed_half_way_and_begun_again_loses_and_doubles_nothing() {
    /// Of three requests; the server ends what it was asked, whoever asked.
    const LINES: u64 = 15_000;
    let desk = Desk::new("killed").await;
    let lines: String = (0..LINES).map(|n| format!("+1212{:07}\n", 2_000_000 + n)).collect();
    let file = desk.file("list.csv", &lines);
    let mut child = desk
        .command(&["dnc", "import", &file])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while desk.marked().await < 100 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    let half = desk.marked().await;
    assert!(half < LINES, "it was killed half-way: {half}");
    let said = desk.redial(&["dnc", "import", &file]).await;
    assert!(
        said.worked && said.out.starts_with(&format!("{LINES} lines: ")),
        "{}{}",
        said.out,
        said.error
    );
    let counts: Vec<u64> = said
        .out
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(
        counts[1] + counts[2] == LINES && counts[2] >= half && counts[3..] == [0, 0],
        "{}",
        said.out
    );
    let said = desk.redial(&["dnc", "export"]).await;
    let mut phones: Vec<&str> = said
        .out
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    phones.sort_unstable();
    phones.dedup();
    assert_eq!(
        (phones.len() as u64, said.out.lines().count() as u64),
        (LINES, LINES + 1)
    );
    desk.end().await;
}
