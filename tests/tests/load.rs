//! A small load, so that the script behind `make load` cannot rot.

use std::process::Command;

#[test]
fn three_hundred_webhooks_an_opening_and_a_replay_of_three_hundred_leads_lose_nothing() {
    let sizes = [
        "--webhooks",
        "300",
        "--leads",
        "300",
        "--calls-at-once",
        "40",
        "--shards",
        "4",
        "--attempts",
        "1500",
    ];
    let load = Command::new(env!("CARGO_BIN_EXE_load")).args(sizes).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&load.stdout),
        String::from_utf8_lossy(&load.stderr)
    );
    println!("{said}");
    assert!(load.status.success(), "{said}");
    for part in ["A burst of webhooks", "An opening", "A replay of rules", "peak memory"] {
        assert!(said.contains(part), "{part}");
    }
}
