//! Which defect is looked for where: the scenario in which it matters, made sharp for it, so that the first seeds find it
//! whatever else changes.

use redial_local::phone_outcomes::CallOutcome;

use crate::faults::Faults;
use crate::planted::Planted;

/// Seeds in which a defect must be found, whichever is the first. One or two do; the rest is room for what a change of the
/// functions makes of a seed.
pub(crate) const SEEDS_MAX: u64 = 6;

/// A defect, the invariant that it breaks, and the scenario in which it is looked for.
pub(crate) struct Plant {
    pub(crate) defect: Planted,
    pub(crate) name: &'static str,
    /// Any of these is the finding.
    pub(crate) breaks: &'static [&'static str],
    pub(crate) scenario: &'static str,
    /// What happens more often than in the scenario, so that the defect has its occasions.
    pub(crate) aim: fn(&mut Faults),
    /// Two calls in five go this way.
    pub(crate) often: Option<CallOutcome>,
    /// People live where the scenario says; else in Massachusetts, so that law has no part in it.
    pub(crate) is_about_law: bool,
}

impl Plant {
    const fn new(defect: Planted, name: &'static str, breaks: &'static [&'static str], scenario: &'static str) -> Self {
        Self {
            defect,
            name,
            breaks,
            scenario,
            aim: |_| (),
            often: None,
            is_about_law: false,
        }
    }

    const fn aimed(self, aim: fn(&mut Faults)) -> Self {
        Self { aim, ..self }
    }

    const fn about_law(self) -> Self {
        Self {
            is_about_law: true,
            ..self
        }
    }

    const fn often(self, outcome: CallOutcome) -> Self {
        Self {
            often: Some(outcome),
            ..self
        }
    }
}

/// All defects.
pub(crate) static ALL: [Plant; 39] = [
    Plant::new(Planted::NoSeqCheck, "no-seq-check", &["one_call"], "one-phone"),
    Plant::new(
        Planted::LostAtOneLook,
        "lost-at-one-look",
        &["one_call", "concurrency"],
        "ambiguous",
    )
    .aimed(|faults| faults.hangs = 500),
    Plant::new(Planted::HoursIgnored, "hours-ignored", &["windows"], "bad-day"),
    Plant::new(Planted::StartsNotCounted, "starts-not-counted", &["caps"], "one-phone"),
    Plant::new(Planted::StopNotWritten, "stop-not-written", &["stops"], "one-phone").often(CallOutcome::Dnc),
    Plant::new(Planted::SwitchesCached, "switches-cached", &["stops"], "pause"),
    Plant::new(Planted::LadderNotRead, "ladder-not-read", &["no_lost_lead"], "opening"),
    Plant::new(Planted::CountedTwice, "counted-twice", &["counted_once"], "duplicates"),
    Plant::new(
        Planted::EnrichmentDropped,
        "enrichment-dropped",
        &["counted_once", "books", "stops"],
        "duplicates",
    )
    .often(CallOutcome::TransferredThenSale),
    Plant::new(
        Planted::AnsweredBeforeStored,
        "answered-before-stored",
        &["books", "no_lost_lead"],
        "duplicates",
    ),
    Plant::new(Planted::ClaimUnbounded, "claim-unbounded", &["concurrency"], "bad-day"),
    Plant::new(
        Planted::LeaseFreedUnasked,
        "lease-freed-unasked",
        &["concurrency"],
        "opening",
    ),
    Plant::new(Planted::ActivityDropped, "activity-dropped", &["explained"], "pause"),
    Plant::new(Planted::OneHotItem, "one-hot-item", &["heat"], "opening"),
    Plant::new(Planted::SlotLeaks, "slot-leaks", &["end", "no_lost_lead"], "opening"),
    Plant::new(Planted::LineLeaks, "line-leaks", &["end", "no_lost_lead"], "opening"),
    Plant::new(
        Planted::ClockTrusted,
        "clock-trusted",
        &["windows", "caps", "one_call"],
        "wrong-clocks",
    )
    .aimed(|faults| {
        // All of them slow: nobody knows that the hours are over.
        (faults.clock_wrong, faults.clock_wrong_min, faults.clock_fast) = (1_000, 40, 0);
    }),
    Plant::new(Planted::SaleNotHeard, "sale-not-heard", &["stops"], "talks").often(CallOutcome::Sale),
    Plant::new(Planted::BadNumberNotHeard, "bad-number-not-heard", &["stops"], "talks").often(CallOutcome::BadNumber),
    Plant::new(Planted::HangUpForgotten, "hang-up-forgotten", &["stops"], "duplicates")
        .often(CallOutcome::HumanNoResult)
        .about_law(),
    Plant::new(Planted::CallbackForgotten, "callback-forgotten", &["waits"], "talks").often(CallOutcome::Callback),
    Plant::new(Planted::HoldNotWritten, "hold-not-written", &["waits"], "talks").often(CallOutcome::Transferred),
    Plant::new(Planted::LadderIgnored, "ladder-ignored", &["waits"], "duplicates"),
    Plant::new(Planted::DayLost, "day-lost", &["no_lost_lead"], "bad-day"),
    Plant::new(
        Planted::RefusedCounted,
        "refused-counted",
        &["counted_once"],
        "duplicates",
    )
    .aimed(|faults| faults.refused = 200),
    Plant::new(Planted::CapPerSubject, "cap-per-subject", &["caps"], "caps"),
    Plant::new(Planted::DayCapIgnored, "day-cap-ignored", &["caps"], "caps"),
    Plant::new(Planted::TotalCapIgnored, "total-cap-ignored", &["caps"], "caps"),
    Plant::new(Planted::BoardNotMoved, "board-not-moved", &["sums"], "duplicates"),
    Plant::new(Planted::LawIgnored, "law-ignored", &["windows"], "duplicates").about_law(),
    Plant::new(
        Planted::LawByTheCampaignsClock,
        "law-by-the-campaigns-clock",
        &["windows"],
        "duplicates",
    )
    .about_law(),
    Plant::new(Planted::LawCapsMissing, "law-caps-missing", &["caps"], "state-caps").about_law(),
    Plant::new(
        Planted::ToldNotRead,
        "told-not-read",
        &["windows", "no_lost_lead"],
        "duplicates",
    )
    .about_law(),
    Plant::new(Planted::SubjectNotNoted, "subject-not-noted", &["caps"], "state-caps").about_law(),
    Plant::new(
        Planted::ForgottenAtMidnight,
        "forgotten-at-midnight",
        &["caps"],
        "state-caps",
    )
    .about_law(),
    Plant::new(
        Planted::AccountUnlimited,
        "account-unlimited",
        &["account"],
        "one-account",
    ),
    Plant::new(Planted::RateIgnored, "rate-ignored", &["account"], "one-account"),
    Plant::new(
        Planted::ReportNotCounted,
        "report-not-counted",
        &["caps"],
        "calls-of-others",
    )
    .about_law(),
    Plant::new(Planted::EndTimeNotRead, "end-time-not-read", &["life"], "scheduled"),
];

/// A defect by its name.
pub(crate) fn by_name(name: &str) -> Option<&'static Plant> {
    ALL.iter().find(|plant| plant.name == name)
}
