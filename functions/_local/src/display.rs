//! What `redial local` says on a terminal: where things are, and what happens. Makes text; the command line prints it.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::layout::QUEUES;

use crate::{
    demo::{DEMO_CAMPAIGN, DEMO_LEADS},
    phone_outcomes::{CallOutcome, MIX_PER_MILLE},
    phone_settings::PhonesMode,
    queue_attributes::REGION,
    queue_protocol::queue_url,
    running::Running,
    snapshot::{Hours, Snapshot},
};

/// Widest line, so that a block can be redrawn on the smallest usual terminal.
const WIDTH: usize = 79;

/// What is said once, at the start.
pub fn banner(running: &Running, demo: bool) -> String {
    let places = &running.places;
    let phones = &running.phones().shared.settings;
    let mut text = String::new();
    for notice in &running.notices {
        let _ = writeln!(text, "  note: {notice}");
    }
    let kept = running.data().map_or_else(
        || "nowhere: all is forgotten at the end".to_owned(),
        |data| format!("{}, --fresh forgets it", data.path().display()),
    );
    let signatures = match (running.signed, running.signed_by_given_secret) {
        (true, true) => "on, with the BLAND_WEBHOOK_SECRET of the environment",
        (true, false) => "on, with a secret made for this run; set BLAND_WEBHOOK_SECRET to know it",
        (false, _) => "OFF: anybody can post them; set BLAND_WEBHOOK_SECRET to switch them on",
    };
    let rows = [
        ("admin API", places.base_url.clone()),
        ("webhooks", format!("{}/webhooks/bland", places.base_url)),
        ("API key", format!("{}   (header X-API-Key)", running.api_key)),
        ("signatures", signatures.to_owned()),
        ("phones", phones_in_words(phones.mode)),
        ("data", kept),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<10} {value}");
    }
    if demo {
        let what = format!("campaign `{DEMO_CAMPAIGN}` with {DEMO_LEADS} invented leads; --no-demo starts without");
        let _ = writeln!(text, "  {:<10} {what}", "demo");
    }
    let _ = write!(
        text,
        "\n  For the AWS CLI and `cargo lambda watch`:\n    \
         export AWS_ENDPOINT_URL_DYNAMODB={}\n    \
         export AWS_ENDPOINT_URL_SQS={}\n    \
         export AWS_ENDPOINT_URL_EVENTBRIDGE={}\n    \
         export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION={REGION} REDIAL_TABLE=redial\n",
        places.dynamodb_url, places.sqs_url, places.bus_url
    );
    for queue in QUEUES {
        let url = queue_url(&places.sqs_url, queue.name);
        let _ = writeln!(text, "    export REDIAL_{}_QUEUE_URL={url}", queue.name.to_uppercase());
    }
    text.push('\n');
    text
}

/// The outcome mix in words.
fn phones_in_words(mode: PhonesMode) -> String {
    match mode {
        PhonesMode::Silent => {
            "silent: calls are accepted and never reported; post the webhooks of GET /local/calls".to_owned()
        }
        PhonesMode::Simulated => {
            let share = |(outcome, per_mille): (CallOutcome, u32)| {
                format!("{} {} %", plain(outcome.as_str()), f64::from(per_mille) / 10.0)
            };
            let mix: Vec<String> = MIX_PER_MILLE.into_iter().map(share).collect();
            let mut lines = vec![String::from("simulated:")];
            for part in mix {
                let longest = WIDTH - 15;
                match lines.last_mut() {
                    Some(line) if line.len() + part.len() + 2 <= longest => {
                        let separator = if line.ends_with(':') { " " } else { ", " };
                        line.push_str(separator);
                        line.push_str(&part);
                    }
                    _ => lines.push(part),
                }
            }
            lines.join(",\n             ")
        }
    }
}

fn plain(word: &str) -> String {
    word.replace('_', " ")
}

/// The block that is redrawn.
pub fn block(seen: &Snapshot) -> String {
    let metric = |name: &str| seen.metrics.get(name).copied().unwrap_or(0);
    let more = match seen.adding {
        Some(added) => format!(" (adding: {added} of {DEMO_LEADS})"),
        None if seen.leads_more => " and more".to_owned(),
        None => String::new(),
    };
    let speed = match seen.speed {
        1 => String::new(),
        speed => format!("   up to {speed} times as fast"),
    };
    let dead = match seen.dead {
        0 => String::new(),
        dead => format!(", {dead} DEAD LETTERS"),
    };
    let rows = [
        ("clock", format!("{}{speed}", local(seen, seen.now))),
        ("hours", hours(seen)),
        (
            "leads",
            format!(
                "{}{more}",
                counts(seen.leads.iter().map(|(name, n)| (*name, *n as u64)))
            ),
        ),
        ("calls", format!("{} placed, {} in flight", seen.calls, seen.in_flight)),
        (
            "outcomes",
            counts(seen.outcomes.iter().map(|(name, n)| (name.as_str(), *n))),
        ),
        (
            "webhooks",
            format!(
                "{} accepted, {} refused, {} not stored{dead}",
                metric("webhook.accepted"),
                metric("webhook.rejected"),
                metric("webhook.not_stored")
            ),
        ),
        ("events", counts(seen.bus.iter().map(|(name, n)| (name.as_str(), *n)))),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        for (n, line) in wrapped(&value, WIDTH - 13).into_iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            let _ = writeln!(text, "  {name:<10} {line}");
        }
    }
    text
}

/// One line, for logs and pipes.
pub fn line(seen: &Snapshot) -> String {
    let sum: usize = seen.leads.values().sum();
    let lead = |name: &str| seen.leads.get(name).copied().unwrap_or(0);
    format!(
        "{}  leads {sum} ({} due, {} done)  calls {} ({} in flight)  webhooks {}",
        local(seen, seen.now),
        lead("due"),
        lead("completed"),
        seen.calls,
        seen.in_flight,
        seen.metrics.get("webhook.accepted").copied().unwrap_or(0),
    )
}

fn local(seen: &Snapshot, time: DateTime<Utc>) -> String {
    time.with_timezone(&seen.zone)
        .format("%a %d %b %Y %H:%M:%S %Z")
        .to_string()
}

fn hours(seen: &Snapshot) -> String {
    let clock = |time: DateTime<Utc>| time.with_timezone(&seen.zone).format("%a %H:%M").to_string();
    match seen.hours {
        Hours::Open(until) => format!("open until {}", clock(until)),
        Hours::Never => "no campaign runs that ever opens".to_owned(),
        Hours::Closed(until) => {
            let wait = until - seen.now;
            let here = wait / i32::try_from(seen.speed.max(1)).unwrap_or(1);
            let here = if seen.speed > 1 {
                format!(", {} here", span(here))
            } else {
                String::new()
            };
            format!("closed; next opening {} (in {}{here})", clock(until), span(wait))
        }
    }
}

fn span(time: TimeDelta) -> String {
    let (days, hours, minutes) = (time.num_days(), time.num_hours() % 24, time.num_minutes() % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", time.num_seconds().max(0)),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// `name count` pairs, largest first.
fn counts<'a>(all: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut all: Vec<_> = all.filter(|(_, n)| *n > 0).collect();
    all.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    if all.is_empty() {
        return "none yet".to_owned();
    }
    let all: Vec<String> = all
        .into_iter()
        .map(|(name, n)| format!("{} {n}", plain(name)))
        .collect();
    all.join(", ")
}

/// Breaks at commas.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.chars().count() + part.trim_end().chars().count() <= width => {
                line.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn seen() -> Snapshot {
        let now = DateTime::parse_from_rfc3339("2026-11-23T15:55:00Z").unwrap().to_utc();
        Snapshot {
            now,
            zone: chrono_tz::America::New_York,
            speed: 120,
            leads: BTreeMap::from([("pending", 498), ("due", 2)]),
            leads_more: false,
            adding: None,
            calls: 3,
            in_flight: 1,
            outcomes: BTreeMap::from([("no_answer".to_owned(), 2)]),
            metrics: BTreeMap::from([("webhook.accepted", 2)]),
            bus: BTreeMap::new(),
            hours: Hours::Closed(now + TimeDelta::minutes(5)),
            dead: 0,
        }
    }

    #[test]
    fn the_block_says_what_happens_in_lines_that_fit() {
        let block = block(&seen());
        assert_eq!(
            block,
            "  clock      Mon 23 Nov 2026 10:55:00 EST   up to 120 times as fast\n  \
             hours      closed; next opening Mon 11:00 (in 5 min, 2 s here)\n  \
             leads      pending 498, due 2\n  \
             calls      3 placed, 1 in flight\n  \
             outcomes   no answer 2\n  \
             webhooks   2 accepted, 0 refused, 0 not stored\n  \
             events     none yet\n"
        );
    }

    #[test]
    fn long_rows_are_broken_and_no_line_is_wider_than_a_terminal() {
        let mut seen = seen();
        seen.outcomes = CallOutcome::ALL
            .iter()
            .map(|outcome| (outcome.as_str().to_owned(), 1_000))
            .collect();
        seen.dead = 12;
        assert!(block(&seen).lines().all(|line| line.len() <= WIDTH), "{}", block(&seen));
        assert!(block(&seen).contains("12 DEAD LETTERS"));
        assert!(
            phones_in_words(PhonesMode::Simulated)
                .lines()
                .all(|line| line.len() <= WIDTH)
        );
    }

    #[test]
    fn a_pipe_gets_one_line() {
        assert_eq!(
            line(&seen()),
            "Mon 23 Nov 2026 10:55:00 EST  leads 500 (2 due, 0 done)  calls 3 (1 in flight)  webhooks 2"
        );
    }
}
