//! The gate's reasons in their order, and their times.

use std::collections::BTreeSet;

use chrono::Weekday;

use super::*;
use crate::*;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// Friday 12:00 in New York.
pub(crate) const NOON: &str = "2026-11-20T17:00:00Z";

pub(crate) fn campaign() -> Campaign {
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
            start: LocalTime::new(11, 0).unwrap(),
            end: LocalTime::new(20, 0).unwrap(),
            blackout_dates: BTreeSet::new(),
        },
        max_concurrent_calls: 5,
        calls_per_minute_max: None,
        priority: PRIORITY_DEFAULT,
        attempts_total_max: None,
        attempts_per_day_max: 8,
        intervals_min: None,
        rule_set: RuleSetName::parse("until-sale-or-dnc").unwrap(),
        subject: Subject::parse("general").unwrap(),
        default_region: Region::US,
        import: crate::import::ImportRules::default(),
        voice: Voice::default(),
        script: CallScript::default(),
        caller_ids: Vec::new(),
        consent: Some(ConsentAssertion {
            kind: ConsentKind::Written,
            statement: "signed on the quote form".into(),
            by: "owner".into(),
            at: at(NOON),
            expires_at: None,
        }),
        registry_checked_at: None,
        brake: None,
        brake_lifted: None,
        shards: 1,
        created_at: at(NOON),
        updated_at: at(NOON),
    }
}

pub(crate) fn lead() -> Lead {
    Lead {
        id: LeadId::parse("01J00000000000000000000000").unwrap(),
        phone: Phone::parse("+12125550142", Region::US).unwrap(),
        campaign: CampaignId::default_campaign(),
        list: ListId::parse("default").unwrap(),
        version: 1,
        status: StatusName::parse("new").unwrap(),
        status_at: at(NOON),
        state: LeadState::Pending,
        reason: None,
        next_at: Some(at(NOON)),
        callback_at: None,
        owner: Owner::from(&CampaignId::default_campaign()),
        lane: Lane::Fresh,
        shard: 0,
        attempts: 0,
        answered: 0,
        today: None,
        refusals: 0,
        outcomes: vec![],
        last_attempt: None,
        last_call_id: None,
        last_call_at: None,
        state_code: None,
        postal_code: None,
        zone: None,
        consent: None,
        registry_checked_at: None,
        created_at: at(NOON),
        updated_at: at(NOON),
    }
}

pub(crate) fn starts(times: &[&str]) -> Vec<Start> {
    times
        .iter()
        .map(|t| Start {
            at: at(t),
            subject: Subject::parse("general").unwrap(),
        })
        .collect()
}

pub(crate) fn promise(campaign: &str, promised: &str, per_day_max: u32) -> Promise {
    Promise {
        at: at(promised),
        campaign: CampaignId::parse(campaign).unwrap(),
        subject: Subject::parse("general").unwrap(),
        per_day_max,
        zone: chrono_tz::America::New_York,
    }
}

pub(crate) fn inflight() -> InFlight {
    InFlight {
        id: AttemptId::parse("01J00000000000000000000001").unwrap(),
        lead: lead().id,
        campaign: CampaignId::default_campaign(),
        owner: Owner::from(&CampaignId::default_campaign()),
        slot: "0/0".into(),
        nonce: Nonce::parse("n").unwrap(),
        placement: Placement::Placing,
        reserved_at: at(NOON),
        place_by: at(NOON),
        lease_until: at(NOON),
        provider: "a provider".into(),
        call_id: None,
        empty_look_at: None,
        max_duration_min: None,
        permitted_by: None,
        law_ends_at: None,
        started_at: None,
        stop_asked_at: None,
        stopped_at: None,
        told: BTreeSet::new(),
    }
}

pub(crate) fn ban(jurisdiction: Option<&str>) -> crate::law::Additions {
    crate::law::Additions {
        version: 1,
        bans: vec![crate::law::Ban {
            added: crate::law::Added {
                id: "1".into(),
                by: "operator".into(),
                at: at(NOON),
                reason: "state of emergency".into(),
            },
            jurisdiction: jurisdiction.and_then(crate::law::Jurisdiction::parse),
            from: at("2026-11-20T12:00:00Z"),
            until: Some(at("2026-11-27T12:00:00Z")),
        }],
        records: vec![],
    }
}

/// Each row blocks one thing more than the rows after it, so the table also fixes the order of reasons.
#[test]
fn the_table_of_reasons_in_their_order() {
    struct World {
        lead: Lead,
        ledger: Ledger,
        campaign: Campaign,
        switches: Switches,
        account: Option<DateTime<Utc>>,
        law: Law,
        now: DateTime<Utc>,
    }
    let mut w = World {
        lead: lead(),
        ledger: Ledger::default(),
        campaign: campaign(),
        switches: Switches {
            enabled: true,
            running: true,
            campaign: CampaignStatus::Running,
        },
        account: None,
        law: Law::built_in().clone(),
        now: at(NOON),
    };
    let ask = |w: &World| {
        gate(&GateInput {
            lead: &w.lead,
            ledger: &w.ledger,
            campaign: &w.campaign,
            law: &w.law,
            switches: w.switches,
            account_closed_until: w.account,
            now: w.now,
        })
    };
    assert_eq!(ask(&w), Gate::Open);
    type Block = fn(&mut World);
    let later: [(&str, &str, Block); 17] = [
        ("not_due", "2026-11-20T17:03:00Z", |w| {
            w.lead.next_at = Some(at("2026-11-20T17:03:00Z"))
        }),
        ("account", "2026-11-20T17:10:00Z", |w| {
            w.account = Some(at("2026-11-20T17:10:00Z"))
        }),
        ("outside_window", "2026-11-23T16:00:00Z", |w| {
            w.campaign.window.end = LocalTime::new(15, 0).unwrap();
            w.now = at("2026-11-20T20:00:00Z");
        }),
        ("outside_law", "2026-11-23T16:00:00Z", |w| {
            w.now = at("2026-11-21T00:56:00Z")
        }),
        ("minimum_gap", "2026-11-23T16:00:00Z", |w| {
            w.ledger.starts = starts(&["2026-11-21T00:55:00Z"])
        }),
        ("ledger_full", "2026-11-23T16:00:00Z", |w| {
            w.campaign.attempts_per_day_max = 99;
            w.ledger.starts = starts(&["2026-11-20T10:00:00Z"; 64]);
        }),
        ("kept_for_callback", "2026-11-23T16:00:00Z", |w| {
            w.ledger.promises = vec![promise("other", "2026-11-21T00:57:00Z", 65)];
        }),
        ("daily_cap", "2026-11-23T16:00:00Z", |w| {
            w.campaign.attempts_per_day_max = 8
        }),
        ("law_cap", "2026-11-23T16:00:00Z", |w| {
            w.lead.state_code = Some("FL".to_owned())
        }),
        ("hold", "2026-11-23T16:00:00Z", |w| {
            w.ledger.hold_until = Some(at("2026-11-21T01:30:00Z"))
        }),
        ("in_flight", "2026-11-23T16:00:00Z", |w| {
            w.ledger.inflight = Some(inflight())
        }),
        ("banned", "2026-11-23T16:00:00Z", |w| {
            w.law = w.law.with(&ban(Some("US-FL"))).unwrap()
        }),
        ("abandoned_calls", "2026-11-23T16:00:00Z", |w| {
            w.campaign.brake = Some(Brake {
                at: at(NOON),
                calls: AnsweredCalls {
                    answered: 100,
                    abandoned: 4,
                },
            })
        }),
        ("campaign_not_running", "2026-11-23T16:00:00Z", |w| {
            w.switches.campaign = CampaignStatus::Paused
        }),
        ("stopped", "2026-11-23T16:00:00Z", |w| w.switches.running = false),
        ("disabled", "2026-11-23T16:00:00Z", |w| w.switches.enabled = false),
        ("disabled", "2026-11-20T17:15:00Z", |w| w.now = at(NOON)),
    ];
    for (code, until, block) in later {
        block(&mut w);
        match ask(&w) {
            Gate::Wait { reason, until: found } => {
                assert_eq!((reason.code(), found), (code, at(until)))
            }
            other => panic!("{code}: {other:?}"),
        }
    }
    let never: [(&str, Block); 11] = [
        ("total_cap", |w| {
            w.campaign.attempts_total_max = Some(3);
            w.lead.attempts = 3;
        }),
        ("state", |w| w.lead.state = LeadState::Paused),
        ("never_opens", |w| w.campaign.window.days.clear()),
        ("hung_up", |w| {
            w.lead.state_code = Some("NV".into());
            w.ledger.hung_up_at = Some(at(NOON));
        }),
        ("registry_unchecked", |w| {
            w.lead.phone = Phone::parse("+972501234567", Region::US).unwrap();
            w.lead.registry_checked_at = Some(at("2026-11-04T17:00:00Z"));
            w.ledger.hung_up_at = None;
        }),
        ("no_consent", |w| {
            w.lead.phone = lead().phone;
            w.campaign.consent = None;
        }),
        ("no_law", |w| {
            w.lead.phone = Phone::parse("+442079460000", Region::US).unwrap()
        }),
        ("subject_stopped", |w| {
            let stop = SubjectStop {
                at: at(NOON),
                by: "x".into(),
            };
            w.ledger.stops.insert(Subject::parse("general").unwrap(), stop);
        }),
        ("bad_number", |w| w.ledger.bad_at = Some(at(NOON))),
        ("do_not_call", |w| w.ledger.dnc_at = Some(at(NOON))),
        ("do_not_call", |w| w.lead.callback_at = Some(at(NOON))),
    ];
    for (code, block) in never {
        block(&mut w);
        match ask(&w) {
            Gate::Closed { reason } => assert_eq!(reason.code(), code),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn who_took_consent_back_anywhere_is_covered_by_nothing_that_was_said_before() {
    let written = |given: &str| Consent {
        kind: ConsentKind::Written,
        given_at: at(given),
        expires_at: None,
        revoked_at: None,
    };
    let revoked_at = Some(at("2026-11-10T12:00:00Z"));
    for (revoked_at, own, is_covered) in [
        (None, None, true),
        (revoked_at, None, false),
        (revoked_at, Some(written("2026-11-09T12:00:00Z")), false),
        (revoked_at, Some(written("2026-11-10T12:00:00Z")), false),
        (revoked_at, Some(written("2026-11-11T12:00:00Z")), true),
    ] {
        let ledger = Ledger {
            consent_revoked_at: revoked_at,
            ..Ledger::default()
        };
        let input = GateInput {
            lead: &Lead { consent: own, ..lead() },
            ledger: &ledger,
            campaign: &campaign(),
            law: Law::built_in(),
            switches: Switches::ON,
            account_closed_until: None,
            now: at(NOON),
        };
        assert_eq!(gate(&input) == Gate::Open, is_covered, "{revoked_at:?} {own:?}");
    }
}

#[test]
fn the_ninth_call_of_a_day_waits_for_the_next_opening() {
    let ledger = Ledger {
        starts: starts(&["2026-11-20T16:00:00Z"; 8]),
        ..Ledger::default()
    };
    let switches = Switches {
        enabled: true,
        running: true,
        campaign: CampaignStatus::Running,
    };
    let (lead, campaign) = (lead(), campaign());
    let input = GateInput {
        lead: &lead,
        ledger: &ledger,
        campaign: &campaign,
        law: Law::built_in(),
        switches,
        account_closed_until: None,
        now: at(NOON),
    };
    let monday = at("2026-11-23T16:00:00Z");
    assert_eq!(
        gate(&input),
        Gate::Wait {
            reason: WaitReason::DailyCap { limit: 8 },
            until: monday
        }
    );
    assert_eq!(gate(&GateInput { now: monday, ..input }), Gate::Open);
}

#[test]
fn another_subject_of_the_same_phone_is_still_called_after_a_sale() {
    let mut ledger = Ledger::default();
    ledger.stops.insert(
        Subject::parse("boats").unwrap(),
        SubjectStop {
            at: at(NOON),
            by: "x".into(),
        },
    );
    let switches = Switches {
        enabled: true,
        running: true,
        campaign: CampaignStatus::Running,
    };
    let (lead, campaign) = (lead(), campaign());
    let input = GateInput {
        lead: &lead,
        ledger: &ledger,
        campaign: &campaign,
        law: Law::built_in(),
        switches,
        account_closed_until: None,
        now: at(NOON),
    };
    assert_eq!(gate(&input), Gate::Open);
}

/// Who wins, when a lead has a consent of its own and its campaign asserts one.
#[test]
fn a_lead_s_own_consent_wins_over_what_is_said_about_its_campaign() {
    let own = Consent {
        kind: ConsentKind::Written,
        given_at: at("2026-01-01T00:00:00Z"),
        expires_at: None,
        revoked_at: None,
    };
    let rows = [
        (None, true, true),
        (None, false, false),
        (Some(own), false, true),
        (
            Some(Consent {
                revoked_at: Some(at("2026-02-01T00:00:00Z")),
                ..own
            }),
            true,
            false,
        ),
        (
            Some(Consent {
                expires_at: Some(at(NOON)),
                ..own
            }),
            true,
            false,
        ),
        (
            Some(Consent {
                given_at: at("2026-12-01T00:00:00Z"),
                ..own
            }),
            true,
            false,
        ),
        (
            Some(Consent {
                kind: ConsentKind::Oral,
                ..own
            }),
            true,
            false,
        ),
    ];
    for (consent, asserted, open) in rows {
        let (lead, mut campaign, ledger) = (Lead { consent, ..lead() }, campaign(), Ledger::default());
        if !asserted {
            campaign.consent = None;
        }
        let answer = gate(&GateInput {
            lead: &lead,
            ledger: &ledger,
            campaign: &campaign,
            law: Law::built_in(),
            switches: Switches {
                enabled: true,
                running: true,
                campaign: CampaignStatus::Running,
            },
            account_closed_until: None,
            now: at(NOON),
        });
        assert_eq!(
            answer == Gate::Open,
            open,
            "{consent:?}, asserted: {asserted}: {answer:?}"
        );
    }
}
