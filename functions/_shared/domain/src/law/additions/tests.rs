//! What is added to the book: stricter always, looser only as an owner's decision.

use super::*;
use crate::gate::tests::{NOON, at, ban, campaign, lead};
use crate::law::{CallingHours, Told};
use crate::{Gate, GateInput, Ledger, Phone, Region, Switches, WaitReason, gate};

fn added(id: &str) -> Added {
    Added {
        id: id.into(),
        by: "owner".into(),
        at: at(NOON),
        reason: "counsel's advice of today".into(),
    }
}

/// A record of Florida as JSON brings it.
fn florida(hours: &str, replaces: bool) -> AddedRecord {
    let text = format!(
        r#"{{"jurisdiction": "US-FL", "name": "Florida", "voice": "any", "from": "2026-11-01",
        "hours": {{"mon": "{hours}", "tue": "{hours}", "wed": "{hours}", "thu": "{hours}", "fri": "{hours}", "sat": "closed", "sun": "closed"}},
        "kind": "policy", "confidence": "high", "sources": ["a letter of counsel"], "verified_on": "2026-11-20"}}"#
    );
    let value: toml::Value = serde_json_to_toml(&text);
    AddedRecord {
        added: added("2"),
        replaces,
        record: value.try_into().unwrap(),
    }
}

/// Dates come as text from JSON; TOML text reads the same shape.
fn serde_json_to_toml(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!(
        "record = {}",
        text.replace('\n', " ").replace("\": ", "\" = ")
    ))
    .map(|mut table| table.remove("record").unwrap())
    .unwrap()
}

fn records(records: Vec<AddedRecord>) -> Additions {
    Additions {
        version: 1,
        bans: vec![],
        records,
    }
}

fn miami_opens(law: &Law, from: &str) -> DateTime<Utc> {
    let campaign = campaign();
    let phone = Phone::parse("+13055550142", Region::US).unwrap();
    let places = Places::of(&phone, Told::default());
    let hours = CallingHours::new(law, &campaign.window, &places, super::super::SpokenBy::Automated).unwrap();
    hours
        .next_open(at(from), TimeDelta::zero())
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[test]
fn a_record_beside_the_book_s_only_ever_closes_more() {
    let from = "2026-11-20T15:00:00Z";
    let book = Law::built_in();
    assert_eq!(
        miami_opens(book, from),
        at("2026-11-20T16:00:00Z"),
        "the campaign's eleven"
    );
    let stricter = book.with(&records(vec![florida("13:00-17:00", false)])).unwrap();
    assert_eq!(miami_opens(&stricter, from), at("2026-11-20T18:00:00Z"));
    let wider = book.with(&records(vec![florida("00:00-24:00", false)])).unwrap();
    for hour in 0..72 {
        let from = (at(from) + TimeDelta::hours(hour)).to_rfc3339();
        assert!(miami_opens(&wider, &from) >= miami_opens(book, &from));
    }
}

#[test]
fn only_a_record_that_replaces_can_loosen_and_the_others_still_hold() {
    let book = Law::built_in();
    let florida_code = Jurisdiction::parse("US-FL").unwrap();
    let loose = book.with(&records(vec![florida("08:00-21:00", true)])).unwrap();
    let in_force = |law: &Law, date: &str| -> Vec<(bool, bool)> {
        let date = date.parse().unwrap();
        let records = law.records_of(&florida_code).filter(|record| record.is_in_force(date));
        records
            .map(|record| (record.added.is_some(), record.cap.is_some()))
            .collect()
    };
    let (own, of_the_book) = ([(true, false)], [(false, true)]);
    assert_eq!(in_force(&loose, "2026-11-20"), own, "the book's own is set aside");
    // Before it and after it the book holds: whoever replaces a law for a time leaves no time without one.
    assert_eq!(in_force(&loose, "2026-10-31"), of_the_book);
    let mut for_a_month = florida("08:00-21:00", true);
    for_a_month.record.until = "2026-12-01".parse().ok();
    let month = book.with(&records(vec![for_a_month])).unwrap();
    for (date, holds) in [
        ("2026-10-31", of_the_book),
        ("2026-11-01", own),
        ("2026-11-30", own),
        ("2026-12-01", of_the_book),
    ] {
        assert_eq!(in_force(&month, date), holds, "{date}");
    }
    let country = Jurisdiction::parse("US").unwrap();
    assert_eq!(loose.records_of(&country).count(), book.records_of(&country).count());
    // One more, stricter, still closes beside the one that replaced.
    let both = book
        .with(&records(vec![
            florida("13:00-17:00", false),
            florida("08:00-21:00", true),
        ]))
        .unwrap();
    assert_eq!(in_force(&both, "2026-11-20").len(), 2);
}

#[test]
fn what_cannot_be_a_record_is_refused_with_its_reason() {
    let mut nowhere = florida("08:00-20:00", false);
    nowhere.record.jurisdiction = Jurisdiction::parse("GB").unwrap();
    let mut no_source = florida("08:00-20:00", false);
    no_source.record.sources = vec![" ".into()];
    let mut no_set = florida("08:00-20:00", false);
    no_set.record.holidays = Some("mars".into());
    let mut never = florida("08:00-20:00", true);
    never.record.until = never.record.from;
    let rows = [
        (never, "it would never be in force"),
        (nowhere, "the book has none of it"),
        (no_source, "it has no source"),
        (no_set, "there are no holidays `mars`; there are "),
    ];
    for (record, why) in rows {
        let error = Law::built_in().with(&records(vec![record])).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_ban_closes_where_it_is_about_and_is_looked_at_again_soon() {
    let (mut lead, campaign, ledger) = (lead(), campaign(), Ledger::default());
    let rows = [
        (None, "+12125550142", true),
        (Some("US"), "+12125550142", true),
        (Some("US-FL"), "+12125550142", false),
        (Some("US-FL"), "+13055550142", true),
        // Toll-free: it may be anywhere, so in Florida too.
        (Some("US-FL"), "+18005550142", true),
        (Some("IN"), "+13055550142", false),
    ];
    for (place, phone, closed) in rows {
        let law = Law::built_in().with(&ban(place)).unwrap();
        lead.phone = Phone::parse(phone, Region::US).unwrap();
        let ask = |now| {
            gate(&GateInput {
                lead: &lead,
                ledger: &ledger,
                campaign: &campaign,
                law: &law,
                switches: Switches {
                    enabled: true,
                    running: true,
                    campaign: crate::CampaignStatus::Running,
                },
                account_closed_until: None,
                now,
            })
        };
        let noon = at("2026-11-20T20:00:00Z");
        match ask(noon) {
            Gate::Wait {
                reason: WaitReason::Banned { .. },
                until,
            } => {
                assert!(closed, "{place:?} {phone}");
                assert_eq!(until, noon + TimeDelta::minutes(15), "whoever lifts it is heard");
            }
            other => assert!(!closed, "{place:?} {phone}: {other:?}"),
        }
        let after = ask(at("2026-11-27T20:00:00Z"));
        assert!(
            !matches!(
                after,
                Gate::Wait {
                    reason: WaitReason::Banned { .. },
                    ..
                }
            ),
            "over: {after:?}"
        );
    }
    // A call that starts now must have rung when the ban begins.
    let law = Law::built_in().with(&ban(None)).unwrap();
    let places = Places::of(&lead.phone, Told::default());
    let hours = CallingHours::new(&law, &campaign.window, &places, super::super::SpokenBy::Automated).unwrap();
    let begins = at("2026-11-20T12:00:00Z");
    let margin = TimeDelta::minutes(7);
    assert!(
        hours
            .banned_by(begins - margin - TimeDelta::seconds(1), margin)
            .is_none()
    );
    assert!(hours.banned_by(begins - margin, margin).is_some());
    assert_eq!(hours.law_closes_at(begins - margin), Some(begins));
}
