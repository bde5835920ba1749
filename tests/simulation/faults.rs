//! How hostile a world is: one struct of numbers per mille, nothing else.
//!
//! The engine in the process is serial, its indexes are immediate and it never throttles. Everything that AWS and a
//! provider do beyond that is a number here.

/// Faults, each per mille of the occasions on which it can happen, unless its name ends in a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Faults {
    /// The table refuses a request: throttled.
    pub(crate) throttled: u32,
    /// No answer, and nothing was done.
    pub(crate) lost_before: u32,
    /// No answer, and it was done.
    pub(crate) lost_after: u32,
    /// The answer was lost, the SDK asks again by itself: done twice, answered once.
    pub(crate) asked_twice: u32,
    /// A write is refused because of a transaction on its item.
    pub(crate) conflict: u32,
    /// As `conflict`, for items that somebody wrote within the last 50 ms.
    pub(crate) conflict_when_hot: u32,
    /// A page ends early, or is empty and yet has a next one.
    pub(crate) short_page: u32,
    /// A batch leaves keys unprocessed.
    pub(crate) unprocessed: u32,
    /// Indexes show a write after up to this long.
    pub(crate) index_late_ms: u64,
    /// A request takes seconds instead of milliseconds.
    pub(crate) slow: u32,

    /// An instance dies between two of its requests.
    pub(crate) crash: u32,
    /// The same, of outcomes alone.
    pub(crate) outcomes_crash: u32,
    /// A batch that was done comes again.
    pub(crate) redelivered: u32,
    /// An invocation gets a new instance with empty caches.
    pub(crate) cold_start: u32,
    /// Clocks of instances are this far off, at most.
    pub(crate) skew_ms: i64,
    /// An instance's clock is off by minutes.
    pub(crate) clock_wrong: u32,
    /// By how many at most, for those; five at least.
    pub(crate) clock_wrong_min: i64,
    /// How many of those are fast; the others are slow.
    pub(crate) clock_fast: u32,
    /// An instance's clock steps by minutes while it lives, between two of its requests.
    pub(crate) clock_steps: u32,
    /// A scheduled run does not happen.
    pub(crate) schedule_lost: u32,

    /// The provider says 429.
    pub(crate) rate_limited: u32,
    /// The provider says 400.
    pub(crate) refused: u32,
    /// No connection comes about.
    pub(crate) unreachable: u32,
    /// The provider says 503 and did nothing.
    pub(crate) fails_before: u32,
    /// The provider says 500 and places the call.
    pub(crate) fails_after: u32,
    /// The provider places the call and does not answer.
    pub(crate) hangs: u32,
    /// The call is over and reported before the provider answers.
    pub(crate) webhook_first: u32,
    /// A call goes one of the ways that are seldom: a sale, a transfer, a promise, a stop, a bad number, a network fault.
    pub(crate) eventful: u32,
    /// A call rings minutes after it was accepted.
    pub(crate) rings_late: u32,
    /// Longest time in the provider's queue, for those.
    pub(crate) rings_late_s: u64,
    /// The provider calls a call in progress for ever.
    pub(crate) never_ends: u32,
    /// Lists show a call after up to this long.
    pub(crate) list_late_s: u64,
    /// A question to the provider is not answered.
    pub(crate) ask_fails: u32,

    /// A webhook is never sent.
    pub(crate) webhook_lost: u32,
    /// A webhook is sent again, up to ten minutes later.
    pub(crate) webhook_twice: u32,
    /// A webhook is up to twenty minutes late.
    pub(crate) webhook_late: u32,
    /// A webhook has no metadata of ours.
    pub(crate) webhook_bare: u32,
    /// A stranger posts a webhook with a wrong signature beside a real one.
    pub(crate) forged: u32,
}

impl Faults {
    /// Nothing goes wrong.
    pub(crate) const NONE: Self = Self {
        throttled: 0,
        lost_before: 0,
        lost_after: 0,
        asked_twice: 0,
        conflict: 0,
        conflict_when_hot: 0,
        short_page: 0,
        unprocessed: 0,
        index_late_ms: 0,
        slow: 0,
        crash: 0,
        outcomes_crash: 0,
        redelivered: 0,
        cold_start: 0,
        skew_ms: 0,
        clock_wrong: 0,
        clock_wrong_min: 5,
        clock_fast: 500,
        clock_steps: 0,
        schedule_lost: 0,
        rate_limited: 0,
        refused: 0,
        unreachable: 0,
        fails_before: 0,
        fails_after: 0,
        hangs: 0,
        webhook_first: 0,
        eventful: 0,
        rings_late: 0,
        rings_late_s: 0,
        never_ends: 0,
        list_late_s: 0,
        ask_fails: 0,
        webhook_lost: 0,
        webhook_twice: 0,
        webhook_late: 0,
        webhook_bare: 0,
        forged: 0,
    };

    /// A bad day: everything, often enough that every seed sees most of it, and seldom enough that work gets done.
    pub(crate) const BAD_DAY: Self = Self {
        throttled: 8,
        lost_before: 6,
        lost_after: 6,
        asked_twice: 15,
        conflict: 8,
        conflict_when_hot: 150,
        short_page: 60,
        unprocessed: 60,
        index_late_ms: 2_000,
        slow: 5,
        crash: 40,
        outcomes_crash: 0,
        redelivered: 40,
        cold_start: 60,
        skew_ms: 1_500,
        clock_wrong: 5,
        clock_wrong_min: 5,
        clock_fast: 500,
        clock_steps: 0,
        schedule_lost: 20,
        rate_limited: 15,
        refused: 10,
        unreachable: 15,
        fails_before: 15,
        fails_after: 25,
        hangs: 15,
        webhook_first: 15,
        eventful: 0,
        rings_late: 60,
        rings_late_s: 600,
        never_ends: 6,
        list_late_s: 60,
        ask_fails: 60,
        webhook_lost: 50,
        webhook_twice: 80,
        webhook_late: 60,
        webhook_bare: 30,
        forged: 20,
    };
}
