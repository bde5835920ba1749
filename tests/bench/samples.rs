//! What decisions are measured on: real shapes of calls, a lead, its phone and its campaign.

use std::{collections::BTreeSet, fs};

use chrono::{DateTime, Days, NaiveDate, Weekday};
use redial_domain::{
    CallEvent, CallScript, Campaign, CampaignId, CampaignStatus, ConsentAssertion, ConsentKind, Lane, Lead, LeadId,
    LeadState, Ledger, Life, ListId, LocalTime, Owner, Phone, Region, RuleSetName, Start, StatusName, Subject, Voice,
    Window,
};
use redial_telephony::bland;
use redial_tests::{bulk, instant};

use crate::documents::root;

/// Friday noon in New York, when the campaign is open.
pub(crate) const NOON: &str = "2026-11-20T17:00:00Z";
/// Half past eight the evening before.
pub(crate) const NIGHT: &str = "2026-11-20T01:30:00Z";

/// Calls by what became of them: a name for people, and the payload that told of it.
pub(crate) const CALLS: [(&str, &str); 6] = [
    ("no answer", "bland-no-answer"),
    ("voicemail", "bland-voicemail"),
    ("busy", "bland-busy"),
    ("a talk", "bland-answered-human"),
    ("a callback is asked for", "bland-human-callback-requested"),
    ("a bad number", "bland-failed-invalid-number"),
];

fn sample<T, E: std::fmt::Display>(made: Result<T, E>) -> T {
    made.unwrap_or_else(|error| panic!("a sample is wrong: {error}"))
}

/// The bodies of all webhooks of the corpus that can be read.
pub(crate) fn payloads() -> Vec<Vec<u8>> {
    let folder = sample(fs::read_dir(root().join("tests/payloads")));
    let mut files: Vec<_> = folder.flatten().map(|file| file.path()).collect();
    files.sort();
    let provider = files.iter().filter(|file| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("bland-")
    });
    let bodies = provider.map(|file| sample(fs::read(file)));
    bodies.filter(|body| bland::parse(body, Region::US).is_ok()).collect()
}

pub(crate) fn event(payload: &str) -> CallEvent {
    let body = sample(fs::read(root().join(format!("tests/payloads/{payload}.json"))));
    sample(bland::parse(&body, Region::US))
}

/// Five calls at once on weekdays from 11:00 to 20:00 in New York.
pub(crate) fn campaign() -> Campaign {
    let time = |hour| LocalTime::new(hour, 0).unwrap_or_else(|| panic!("a sample is wrong: {hour} o'clock"));
    let at = instant(NOON);
    Campaign {
        id: CampaignId::default_campaign(),
        name: "Default".into(),
        description: String::new(),
        status: CampaignStatus::Running,
        life: Life::default(),
        version: 1,
        open_intake: true,
        window: Window {
            zone: chrono_tz::America::New_York,
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            start: time(11),
            end: time(20),
            blackout_dates: BTreeSet::new(),
        },
        max_concurrent_calls: 5,
        calls_per_minute_max: None,
        priority: redial_domain::PRIORITY_DEFAULT,
        attempts_total_max: None,
        attempts_per_day_max: 8,
        intervals_min: None,
        rule_set: sample(RuleSetName::parse("until-sale-or-dnc")),
        subject: sample(Subject::parse("general")),
        default_region: Region::US,
        import: redial_domain::import::ImportRules::default(),
        voice: Voice::default(),
        script: CallScript::default(),
        caller_ids: Vec::new(),
        consent: Some(ConsentAssertion {
            kind: ConsentKind::Written,
            statement: "signed on the form of the bench".into(),
            by: "owner".into(),
            at,
            expires_at: None,
        }),
        registry_checked_at: None,
        brake: None,
        brake_lifted: None,
        shards: 1,
        created_at: at,
        updated_at: at,
    }
}

/// The same campaign after everybody went home: closed for so many days on end.
pub(crate) fn closed_for(days: u64) -> Campaign {
    let mut campaign = campaign();
    let first: NaiveDate = instant(NOON).date_naive();
    campaign.window.blackout_dates = (0..days).filter_map(|n| first.checked_add_days(Days::new(n))).collect();
    campaign
}

/// A lead of Boston that was called three times on the day before.
pub(crate) fn lead() -> (Lead, Ledger) {
    let phone: Phone = bulk::phone(5_550_142);
    let at = instant(NOON);
    let campaign = campaign();
    let starts = ["2026-11-19T16:05:00Z", "2026-11-19T16:08:00Z", "2026-11-19T18:30:00Z"];
    let ledger = Ledger {
        seq: 6,
        starts: starts
            .map(|start| Start {
                at: instant(start),
                subject: campaign.subject.clone(),
            })
            .to_vec(),
        ..Ledger::default()
    };
    let lead = Lead {
        id: sample(LeadId::parse("01J00000000000000000000000")),
        phone,
        campaign: campaign.id.clone(),
        list: sample(ListId::parse("default")),
        version: 4,
        status: sample(StatusName::parse("no_answer")),
        status_at: at,
        state: LeadState::Pending,
        reason: None,
        next_at: Some(at),
        callback_at: None,
        owner: Owner::from(&campaign.id),
        lane: Lane::Ladder,
        shard: 0,
        attempts: 3,
        today: None,
        answered: 0,
        refusals: 0,
        outcomes: Vec::new(),
        last_attempt: None,
        last_call_id: None,
        last_call_at: ledger.starts.last().map(|start| start.at),
        state_code: None,
        postal_code: None,
        zone: None,
        consent: None,
        registry_checked_at: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: at,
    };
    (lead, ledger)
}
