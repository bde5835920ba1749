//! What can happen to a world, one named day each.

use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::faults::Faults;
use crate::homes::{self, Live};
use crate::people::{self, People};
use crate::plan::{CAPPED, COUNTED, CampaignPlan, ONE, OVER_THE_CHANGE, PACED, SCHEDULED, THREE, TWO};
use crate::world::Deployed;

/// What people and providers do during a day.
pub(crate) type Script = fn(People) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One named day.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) faults: Faults,
    pub(crate) campaigns: &'static [CampaignPlan],
    pub(crate) live: Live,
    /// RFC 3339, UTC.
    start: &'static str,
    minutes: i64,
    /// Messages must become dead letters in it, else it shows nothing.
    pub(crate) has_dead_letters: bool,
    pub(crate) script: Script,
}

impl Scenario {
    /// When it begins.
    pub(crate) fn start(&self) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(self.start).map_or(DateTime::UNIX_EPOCH, |at| at.to_utc())
    }

    /// When the calm hours begin.
    pub(crate) fn end(&self) -> DateTime<Utc> {
        self.start() + TimeDelta::minutes(self.minutes)
    }
}

/// Monday 12:10 in New York: the last 50 minutes of the hours.
const BEFORE_CLOSING: &str = "2026-11-23T17:10:00Z";
/// Until Tuesday 10:55: a closing, a night, an opening and most of an hour.
const OVER_NIGHT_MIN: i64 = 22 * 60 + 45;
/// Monday 9:50 in New York.
const BEFORE_OPENING: &str = "2026-11-23T14:50:00Z";

macro_rules! script {
    (|$people:ident| $body:expr) => {
        |$people: People| Box::pin(async move { $body })
    };
}

/// All days.
pub(crate) static ALL: [Scenario; 19] = [
    Scenario {
        name: "bad-day",
        about: "two campaigns in two zones, people at work, everything goes wrong now and then",
        faults: Faults::BAD_DAY,
        campaigns: &TWO,
        live: Live::In(&homes::ALL_OVER),
        start: BEFORE_CLOSING,
        minutes: OVER_NIGHT_MIN,
        has_dead_letters: false,
        script: script!(|people| {
            let leads = people::fill_at_once(&people, 24).await;
            people::potter_about(&people, &leads, 500).await;
        }),
    },
    Scenario {
        name: "opening",
        about: "everybody is due at one opening, for few slots",
        faults: Faults {
            throttled: 30,
            conflict_when_hot: 300,
            ..Faults::BAD_DAY
        },
        campaigns: &ONE,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 70,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 60).await;
        }),
    },
    Scenario {
        name: "ambiguous",
        about: "half of the placings are not answered, calls ring late and lists show them later still",
        faults: Faults {
            fails_after: 300,
            hangs: 200,
            rings_late: 600,
            // Below the seven minutes between placing and the second look.
            list_late_s: 390,
            ..Faults::BAD_DAY
        },
        campaigns: &ONE,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 100,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 20).await;
        }),
    },
    Scenario {
        name: "outage",
        about: "the provider is away for an hour, and answers badly before and after",
        faults: Faults {
            fails_after: 150,
            hangs: 80,
            list_late_s: 240,
            rings_late: 150,
            ..Faults::BAD_DAY
        },
        campaigns: &ONE,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 110,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 16).await;
            people.pause_s(1_200, 1_800).await;
            let until = people.world.now() + TimeDelta::hours(1);
            people.world.phones.is_down_until(until);
        }),
    },
    Scenario {
        name: "silence",
        about: "all webhooks are lost for an hour",
        faults: Faults::BAD_DAY,
        campaigns: &ONE,
        live: Live::In(&homes::ALL_OVER),
        start: BEFORE_OPENING,
        minutes: 110,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 16).await;
            people.pause_s(600, 1_200).await;
            let silent = Faults {
                webhook_lost: 1_000,
                ..people.world.faults()
            };
            people.world.set_faults(silent);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            people.world.set_faults(Faults::BAD_DAY);
        }),
    },
    Scenario {
        name: "dead-letters",
        about: "outcomes crash until messages are dead letters; somebody puts them back",
        faults: Faults::BAD_DAY,
        campaigns: &ONE,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 100,
        has_dead_letters: true,
        script: script!(|people| {
            people.dead_letters_after(3);
            people::fill(&people, 12).await;
            people.pause_s(600, 900).await;
            let crashing = Faults {
                outcomes_crash: 700,
                ..people.world.faults()
            };
            people.world.set_faults(crashing);
            tokio::time::sleep(Duration::from_secs(1_800)).await;
            people.world.set_faults(Faults::BAD_DAY);
            people.put_dead_letters_back();
            people.pause_s(300, 600).await;
            people.put_dead_letters_back();
        }),
    },
    Scenario {
        name: "pause",
        about: "switches and pauses thrown all the time",
        faults: Faults {
            rings_late: 0,
            slow: 30,
            ..Faults::BAD_DAY
        },
        campaigns: &TWO,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 90,
        has_dead_letters: false,
        script: script!(|people| {
            let leads = people::fill(&people, 16).await;
            people::switch_all_day(&people, &leads).await;
        }),
    },
    Scenario {
        name: "deploy",
        about: "every instance is replaced again and again; once the writers of messages are newer than their readers",
        faults: Faults::BAD_DAY,
        campaigns: &ONE,
        live: Live::In(&homes::ALL_OVER),
        start: BEFORE_OPENING,
        minutes: 80,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 16).await;
            people.pause_s(600, 900).await;
            people.world.deploy(Deployed {
                newer_writers: true,
                newer_readers: false,
            });
            people.pause_s(60, 480).await;
            people.world.deploy(Deployed {
                newer_writers: true,
                newer_readers: true,
            });
            loop {
                people.pause_s(120, 600).await;
                people.world.instances.replace_all();
            }
        }),
    },
    Scenario {
        name: "one-phone",
        about: "few phones, each in three campaigns",
        faults: Faults::BAD_DAY,
        campaigns: &THREE,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 100,
        has_dead_letters: false,
        script: script!(|people| {
            for n in 0..6 {
                for plan in people.world.plans().to_vec() {
                    people.add(n, plan.id).await;
                }
            }
        }),
    },
    Scenario {
        name: "duplicates",
        about: "two in five messages and webhooks come twice",
        faults: Faults {
            webhook_twice: 400,
            redelivered: 400,
            asked_twice: 100,
            ..Faults::BAD_DAY
        },
        campaigns: &ONE,
        live: Live::In(&homes::ALL_OVER),
        start: BEFORE_OPENING,
        minutes: 80,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 16).await;
        }),
    },
    Scenario {
        name: "wrong-clocks",
        about: "two in five clocks are five to forty minutes off or step while they run, over a closing and an opening",
        faults: Faults {
            clock_wrong: 400,
            clock_wrong_min: 40,
            clock_steps: 4,
            cold_start: 150,
            rings_late: 0,
            ..Faults::BAD_DAY
        },
        campaigns: &TWO,
        live: Live::In(&homes::ALL_OVER),
        start: BEFORE_CLOSING,
        minutes: OVER_NIGHT_MIN,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 32).await;
        }),
    },
    Scenario {
        name: "spring-forward",
        about: "the night in which an hour is left out",
        faults: Faults::BAD_DAY,
        campaigns: &OVER_THE_CHANGE,
        live: Live::In(&homes::AROUND_THE_CHANGE),
        // Saturday 12:10 in New York; clocks change on Sunday, 14 March 2027.
        start: "2027-03-13T17:10:00Z",
        minutes: OVER_NIGHT_MIN,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 16).await;
        }),
    },
    Scenario {
        name: "fall-back",
        about: "the night in which an hour comes twice",
        faults: Faults::BAD_DAY,
        campaigns: &OVER_THE_CHANGE,
        live: Live::In(&homes::AROUND_THE_CHANGE),
        // Saturday 12:10 in New York; clocks change on Sunday, 1 November 2026.
        start: "2026-10-31T16:10:00Z",
        minutes: OVER_NIGHT_MIN + 60,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 16).await;
        }),
    },
    Scenario {
        name: "talks",
        about: "half of the calls sell, transfer, promise, stop or reach nobody ever; on to the times that were promised",
        faults: Faults {
            eventful: 500,
            refused: 60,
            ..Faults::BAD_DAY
        },
        campaigns: &THREE,
        live: Live::In(&homes::ALL_OVER),
        start: BEFORE_OPENING,
        // Until Tuesday 17:30 UTC: the first times that people ask for are 16:00 and 17:00.
        minutes: 26 * 60 + 40,
        has_dead_letters: false,
        script: script!(|people| {
            for n in 0..30 {
                let plans = people.world.plans().to_vec();
                people.add(n, plans[usize::try_from(n % 3).unwrap_or(0)].id).await;
                if n % 3 == 0 {
                    people.add(n, plans[2].id).await;
                }
            }
        }),
    },
    Scenario {
        name: "caps",
        about: "few calls a day and few in all, two campaigns for the same phones, and the day after",
        faults: Faults {
            eventful: 0,
            ..Faults::BAD_DAY
        },
        campaigns: &CAPPED,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 26 * 60,
        has_dead_letters: false,
        script: script!(|people| {
            for n in 0..10 {
                for plan in people.world.plans().to_vec() {
                    people.add(n, plan.id).await;
                }
            }
        }),
    },
    Scenario {
        name: "state-caps",
        about: "three campaigns of eight calls a day, two of them about the same, where law counts to three in any 24 hours",
        faults: Faults::BAD_DAY,
        campaigns: &COUNTED,
        live: Live::In(&homes::COUNTED),
        start: BEFORE_OPENING,
        // Until Tuesday 11:10: the first calls of Monday are a day old from 10:00 on.
        minutes: 25 * 60 + 20,
        has_dead_letters: false,
        script: script!(|people| {
            for n in 0..8 {
                for plan in people.world.plans().to_vec() {
                    people.add(n, plan.id).await;
                }
            }
        }),
    },
    Scenario {
        name: "one-account",
        about: "three campaigns share an account with few lines and few calls a minute; one has a rate of its own",
        faults: Faults {
            redelivered: 200,
            ..Faults::BAD_DAY
        },
        campaigns: &PACED,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 120,
        has_dead_letters: false,
        script: script!(|people| {
            people.limit_account(6, 18).await;
            people.pause_s(120, 120).await;
            people::fill(&people, 24).await;
        }),
    },
    Scenario {
        name: "scheduled",
        about: "a campaign starts and ends by itself beside one that people started",
        faults: Faults::BAD_DAY,
        campaigns: &SCHEDULED,
        live: Live::InMassachusetts,
        start: BEFORE_OPENING,
        minutes: 110,
        has_dead_letters: false,
        script: script!(|people| {
            people::fill(&people, 20).await;
        }),
    },
    Scenario {
        name: "calls-of-others",
        about: "other systems call the same people and report it, where law counts to three in any 24 hours",
        faults: Faults::BAD_DAY,
        campaigns: &COUNTED,
        live: Live::In(&homes::COUNTED),
        start: BEFORE_OPENING,
        // Until Tuesday 11:10: the first calls of Monday are a day old from 10:00 on.
        minutes: 25 * 60 + 20,
        has_dead_letters: false,
        script: script!(|people| {
            for n in 0..8 {
                people.add(n, people.world.plans()[0].id).await;
            }
            people::others_call(&people, 8).await;
        }),
    },
];

/// A day by its name.
pub(crate) fn by_name(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}
