//! Histories as tables: what was recorded, what a candidate would have made of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{
    Attempt, AttemptEnd, AttemptId, CallEvent, CallScript, CampaignStatus, Decision, Direction, Disposition, Facts,
    LeadId, LeadState, Life, Outcome, Phone, Region, RuleSetName, StatusName, StopScope, Subject, Trace, Transfer,
    Voice,
};

use super::*;

const NOON: &str = "2026-11-23T17:00:00Z";

fn set() -> RuleSetName {
    RuleSetName::parse("until-sale-or-dnc").unwrap()
}

fn rules(changed: &[(&str, &str)]) -> RuleSet {
    let files = RuleSet::built_in_files(&set()).unwrap();
    let mut files: BTreeMap<String, String> = files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    for (file, text) in changed {
        files.insert((*file).to_owned(), (*text).to_owned());
    }
    RuleSet::from_files(&set(), 0, &files).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn campaign() -> Campaign {
    let at = NOON.parse().unwrap();
    let defaults = rules(&[]);
    let defaults = &defaults.spec().defaults;
    Campaign {
        id: redial_domain::CampaignId::parse("default").unwrap(),
        name: "Default".into(),
        description: String::new(),
        status: CampaignStatus::Running,
        life: Life::default(),
        version: 1,
        open_intake: true,
        window: defaults.window.clone(),
        max_concurrent_calls: 5,
        calls_per_minute_max: None,
        priority: redial_domain::PRIORITY_DEFAULT,
        attempts_total_max: None,
        attempts_per_day_max: 8,
        intervals_min: None,
        rule_set: set(),
        subject: Subject::parse("x").unwrap(),
        default_region: Region::US,
        import: redial_domain::import::ImportRules::default(),
        voice: Voice::default(),
        script: CallScript::default(),
        caller_ids: Vec::new(),
        consent: None,
        registry_checked_at: None,
        brake: None,
        brake_lifted: None,
        shards: 1,
        created_at: at,
        updated_at: at,
    }
}

/// One lead's history, made by deciding with the built-in rules as the functions do.
struct History {
    rules: RuleSet,
    campaign: Campaign,
    lead: &'static str,
    status: StatusName,
    at: DateTime<Utc>,
    calls: Vec<PastCall>,
}

impl History {
    fn of(lead: &'static str) -> Self {
        Self {
            rules: rules(&[]),
            campaign: campaign(),
            lead,
            status: StatusName::parse("new").unwrap(),
            at: NOON.parse().unwrap(),
            calls: Vec::new(),
        }
    }

    /// The next call, placed when the rules wanted it, half a minute long.
    fn call(mut self, outcome: Outcome, word: Option<&str>) -> Self {
        let n = u32::try_from(self.calls.len()).unwrap() + 1;
        let ended_at = self.at + TimeDelta::seconds(30);
        let facts = Facts {
            disposition_word: word.map(str::to_owned),
            ..Facts::ended(outcome)
        };
        let attempt = Attempt {
            id: AttemptId::parse(&format!("{}-{n}", self.lead)).unwrap(),
            lead: LeadId::parse(self.lead).unwrap(),
            campaign: self.campaign.id.clone(),
            provider: "x".into(),
            call_id: None,
            direction: Direction::Outbound,
            end: AttemptEnd::Reported,
            started_at: self.at,
            ended_at,
            date: self.campaign.window.date_of(self.at),
            outcome,
            disposition: Disposition::Unknown,
            word: word.map(str::to_owned),
            word_unknown: false,
            talk_s: None,
            transfer: Transfer::None,
            failure: None,
            counted: true,
            attempts: Some(n),
            attempts_today: Some(n),
            slot: None,
            state_code: None,
            postal_code: None,
            zone: None,
            permitted_by: None,
            law_cap_until: None,
            kept_until: None,
            promised_at: None,
            allowed_at: None,
            decision: None,
            problem: None,
            failed_version: None,
        };
        let event = CallEvent {
            facts,
            ..rebuild(&attempt)
        };
        let mut past = PastCall::new(
            Phone::parse("+12125550142", Region::US).unwrap(),
            attempt,
            Some(event),
            vec![],
        );
        let story = Story::new(self.status.clone(), &past.attempt);
        let would = decide(&self.rules, &self.campaign, &past, &story, (n, n)).unwrap();
        let next_at = match would.plan {
            Plan::At(next) => Some(next),
            _ => None,
        };
        past.attempt.disposition = would.disposition;
        past.attempt.decision = Some(Decision {
            trace: Trace {
                set: set(),
                version: 0,
                hash: String::new(),
                line: would.line,
                why: would.why,
            },
            from: self.status,
            to: would.status.clone(),
            state: match (would.stop, n) {
                (Some(_), _) => LeadState::Completed,
                (None, 8..) => LeadState::DailyMaxReached,
                (None, _) => LeadState::Pending,
            },
            next_at,
            callback_at: None,
            stop: would.stop,
            moved_by: None,
            again: None,
        });
        self.status = would.status;
        // A tick later than planned, as calls are.
        self.at = next_at.unwrap_or(self.at + TimeDelta::hours(1)) + TimeDelta::seconds(20);
        self.calls.push(past);
        self
    }

    fn no_answers(mut self, n: usize) -> Self {
        for _ in 0..n {
            self = self.call(Outcome::NoAnswer, None);
        }
        self
    }

    fn change(mut self, change: impl Fn(&mut Attempt)) -> Self {
        self.calls.iter_mut().for_each(|past| change(&mut past.attempt));
        self
    }

    fn replayed(&self, candidate: &RuleSet) -> Difference {
        let mut replay = Replay::new(candidate, &self.campaign);
        self.calls.iter().for_each(|past| replay.add(past));
        replay.finish()
    }
}

const STOP_ON_TRANSFER: &[(&str, &str)] = &[(
    "stop_redial.rhai",
    "if disposition == \"dnc\" { stop(\"asked\") }\nelse if status == \"sale\" { stop(\"sold\") }\nelse if status == \"transferred\" { stop_lead(\"transferred is enough\") }\nelse { go_on() }\n",
)];
const NEVER_STOPS_ON_SALE: &[(&str, &str)] = &[(
    "stop_redial.rhai",
    "if status == \"dnc\" { stop(\"asked\") } else { go_on() }\n",
)];
const EVERY_HOUR: &[(&str, &str)] = &[("redial_interval.rhai", "in_minutes(60, \"every hour\")\n")];
const AT_ONCE: &[(&str, &str)] = &[("redial_interval.rhai", "in_minutes(0, \"at once\")\n")];

#[test]
fn what_a_candidate_changes_is_counted_and_nothing_else() {
    let plain = || History::of("a").no_answers(3);
    let transferred = || {
        History::of("a")
            .no_answers(1)
            .call(Outcome::Answered, Some("TRANSFER"))
            .no_answers(2)
    };
    let sold = || History::of("a").no_answers(1).call(Outcome::Answered, Some("SALE"));
    type Expected = &'static [(&'static str, u64)];
    type Case<'a> = (&'static str, History, &'a [(&'a str, &'a str)], Expected);
    let table: [Case<'_>; 8] = [
        ("the same rules", plain(), &[], &[]),
        (
            "the same rules, to the daily cap and over it",
            History::of("a").no_answers(10),
            &[],
            &[],
        ),
        ("the same rules, and a sale", sold(), &[], &[]),
        (
            "a stop gained takes the calls after it",
            transferred(),
            STOP_ON_TRANSFER,
            &[
                ("leads_changed", 1),
                ("decisions_changed", 1),
                ("stops_gained", 1),
                ("calls_fewer", 2),
            ],
        ),
        (
            "a stop lost is at least one call more",
            sold(),
            NEVER_STOPS_ON_SALE,
            &[
                ("leads_changed", 1),
                ("decisions_changed", 1),
                ("stops_lost", 1),
                ("calls_more_at_least", 1),
            ],
        ),
        (
            "a longer interval leaves calls out",
            plain(),
            EVERY_HOUR,
            &[
                ("leads_changed", 1),
                ("decisions_changed", 1),
                ("later", 1),
                ("calls_fewer", 2),
            ],
        ),
        (
            "a shorter one takes no call away; two minutes after a start are none",
            plain(),
            AT_ONCE,
            &[("leads_changed", 1), ("decisions_changed", 2), ("sooner", 2)],
        ),
        ("a script that nothing here reaches", plain(), STOP_ON_TRANSFER, &[]),
    ];
    for (name, history, candidate, expected) in table {
        let found = history.replayed(&rules(candidate)).totals.counts();
        let calls = history.calls.len() as u64;
        let fewer = found["calls_fewer"];
        let mut wanted: BTreeMap<String, u64> = found.keys().map(|key| (key.clone(), 0)).collect();
        wanted.insert("attempts".into(), calls);
        wanted.insert("leads".into(), 1);
        wanted.extend(expected.iter().map(|(key, n)| ((*key).to_owned(), *n)));
        assert_eq!(found, wanted, "{name}: {fewer} fewer of {calls}");
    }
}

#[test]
fn a_stop_that_people_lifted_is_lifted_in_both_worlds() {
    // Sold, and yet called again: somebody resumed the lead, twice. Only the last stop is one that nobody lifted.
    let history = History::of("a").call(Outcome::Answered, Some("SALE")).no_answers(2);
    let totals = history.replayed(&rules(NEVER_STOPS_ON_SALE)).totals;
    assert_eq!(totals.stops_lost, [("subject".to_owned(), 3)].into());
    assert_eq!((totals.calls_more_at_least, totals.calls_fewer.len()), (1, 0));
}

#[test]
fn a_lead_that_people_moved_stands_where_they_put_it_in_both_worlds() {
    let mut history = History::of("a").no_answers(1);
    history.status = StatusName::parse("contacted").unwrap();
    let history = history.no_answers(1);
    let difference = history.replayed(&rules(&[]));
    assert_eq!(difference.leads, []);
    let row = difference
        .totals
        .rows
        .keys()
        .find(|row| row.status_was.as_ref().is_some_and(|s| s.as_str() == "contacted"));
    assert_eq!(
        row.and_then(|row| row.status_would_be.clone()).unwrap().as_str(),
        "contacted"
    );
}

#[test]
fn a_lead_shows_each_decision_that_differs_with_the_line_that_would_decide() {
    let history = History::of("a").call(Outcome::Answered, Some("TRANSFER")).no_answers(1);
    let difference = history.replayed(&rules(STOP_ON_TRANSFER));
    let [lead] = &difference.leads[..] else {
        panic!("{difference:?}")
    };
    let [change] = &lead.changes[..] else {
        panic!("{lead:?}")
    };
    assert_eq!((lead.calls_fewer, lead.status_would_be.as_str()), (1, "transferred"));
    assert_eq!(
        (change.stop_was, change.stop_would_be, change.next_would_be),
        (None, Some(StopScope::Lead), None)
    );
    assert_eq!(
        (change.line.as_deref(), change.why.as_deref()),
        (Some("stop_redial:3"), Some("transferred is enough"))
    );
}

#[test]
fn calls_are_counted_from_the_history_where_attempts_do_not_say_it() {
    let third = [(
        "redial_interval.rhai",
        "if attempts >= 3 { next_day(\"enough\") } else { ladder() }\n",
    )];
    let whole = History::of("a").no_answers(3);
    let older = History::of("a").no_answers(3).change(|attempt| {
        attempt.attempts = None;
        attempt.attempts_today = None;
    });
    let candidate = rules(&third);
    assert_eq!(whole.replayed(&candidate), older.replayed(&candidate));
    assert_eq!(whole.replayed(&candidate).totals.later, 1);
}

#[test]
fn calls_that_would_not_have_been_placed_are_not_counted_for_the_next() {
    // An hour between calls: of those at 0, 2, 8 and 18 minutes only the first happens, so the next one is the second.
    let mut history = History::of("a").no_answers(4);
    history.at += TimeDelta::hours(2);
    let history = history.no_answers(1);
    let candidate = rules(&[(
        "redial_interval.rhai",
        "if attempts == 2 { next_day(\"two are enough\") } else { in_minutes(60, \"every hour\") }\n",
    )]);
    let difference = history.replayed(&candidate);
    let last = difference.leads[0].changes.last().unwrap();
    assert_eq!(last.why.as_deref(), Some("two are enough"));
    assert_eq!(difference.totals.calls_fewer.values().sum::<u64>(), 3);
}

#[test]
fn a_candidate_that_fails_parks_the_lead_and_says_where() {
    let candidate = rules(&[("redial_interval.rhai", "if attempts == 5 { throw \"no\" }\nladder()\n")]);
    // No call that the check tries is the fifth.
    let difference = History::of("a").no_answers(6).replayed(&candidate);
    assert_eq!(
        difference.totals.errors,
        [("redial_interval:1: no".to_owned(), 1)].into()
    );
    assert_eq!(
        (difference.totals.errors_total, difference.leads[0].calls_fewer),
        (1, 1)
    );
}

#[test]
fn what_was_said_never_comes_out_of_a_script_that_reads_it() {
    let candidate = rules(&[(
        "auto_status.rhai",
        "if summary != \"\" { throw summary }\nkeep(\"the outcome decides\")\n",
    )]);
    let mut history = History::of("a").call(Outcome::Answered, None);
    history.calls[0].events[0].facts.summary = Some("Dana lives at the corner".into());
    let shown = format!("{:?}", history.replayed(&candidate));
    assert!(
        shown.contains("auto_status:1: it failed") && !shown.contains("Dana"),
        "{shown}"
    );
}

#[test]
fn later_news_of_a_call_is_told_after_its_end_and_on_the_status_that_the_end_made() {
    let mut history = History::of("a").call(Outcome::Answered, None);
    let ended = history.calls.remove(0);
    let later = CallEvent {
        facts: Facts {
            disposition_word: Some("SALE".into()),
            ..Facts::ended(Outcome::Unknown)
        },
        ..rebuild(&ended.attempt)
    };
    let mut attempt = ended.attempt.clone();
    attempt.disposition = Disposition::Sale;
    let decision = attempt.decision.as_mut().unwrap();
    decision.to = StatusName::parse("sale").unwrap();
    (decision.state, decision.stop, decision.next_at) = (LeadState::Completed, Some(StopScope::Subject), None);
    history.calls.push(PastCall::new(
        ended.phone,
        attempt,
        ended.events.into_iter().next(),
        vec![later],
    ));
    assert_eq!(history.replayed(&rules(&[])).leads, []);
    let told = [(
        "auto_status.rhai",
        "if kind == \"later\" && status == \"sale\" { set_status(\"dnc\", \"bought, and enough\") } else { keep(\"no\") }\n",
    )];
    let difference = history.replayed(&rules(&told));
    assert_eq!(difference.leads[0].status_would_be.as_str(), "dnc");
}

#[test]
fn a_do_not_call_stays_one_when_its_payload_is_gone() {
    let mut history = History::of("a").call(Outcome::Answered, Some("DNC"));
    let past = history.calls.remove(0);
    let attempt = Attempt {
        word: None,
        ..past.attempt
    };
    history.calls.push(PastCall::new(past.phone, attempt, None, vec![]));
    let difference = history.replayed(&rules(NEVER_STOPS_ON_SALE));
    assert_eq!(
        (difference.totals.without_payload, difference.totals.stops_lost.len()),
        (1, 0)
    );
}

#[test]
fn the_order_of_leads_changes_nothing_and_sums_of_parts_are_the_sums_of_all() {
    let a = History::of("a").call(Outcome::Answered, Some("TRANSFER")).no_answers(2);
    let b = History::of("b").call(Outcome::Answered, Some("SALE"));
    let candidate = rules(STOP_ON_TRANSFER);
    let both = |first: &History, second: &History| {
        let mut replay = Replay::new(&candidate, &first.campaign);
        first
            .calls
            .iter()
            .chain(&second.calls)
            .for_each(|past| replay.add(past));
        replay.finish()
    };
    assert_eq!(both(&a, &b), both(&b, &a));
    let mut parts = a.replayed(&candidate).totals;
    parts.add(&b.replayed(&candidate).totals);
    assert_eq!(parts, both(&a, &b).totals);
}

#[test]
fn an_attempt_that_nobody_decided_on_is_left_out() {
    let history = History::of("a").no_answers(1).change(|attempt| attempt.decision = None);
    let totals = history.replayed(&rules(&[])).totals;
    assert_eq!((totals.without_lead, totals.attempts, totals.leads), (1, 0, 0));
    let parked = History::of("a").no_answers(1).change(|attempt| {
        attempt.decision = None;
        attempt.problem = Some("failed".into());
    });
    let difference = parked.replayed(&rules(&[]));
    assert_eq!((difference.totals.now_decided, difference.leads.len()), (1, 1));
}
