//! Seeds that failed once, with what they found. Each stands here since the change that mended it.
//!
//! A change of the functions makes another world of a seed. A row then says where a fault was, and its world is one more that
//! must stand.

/// A scenario, a seed, and what it found.
pub(crate) const ALL: [(&str, u64, &str); 5] = [
    (
        "dead-letters",
        1,
        "the tick moved a lead by an index that lagged: to the end of the gap, before the ladder's time",
    ),
    (
        "pause",
        1,
        "a webhook was received by a slow clock, and the ladder's wait began before the call did",
    ),
    (
        "wrong-clocks",
        1_795_271_000_010,
        "the fifth call of a day was shortly before midnight, in hours that run past it, and the next day began the ladder anew",
    ),
    (
        "talks",
        5_200_223,
        "a sale was the first that was heard of a transfer, and the line was not kept free for the talk with the agent",
    ),
    (
        "bad-day",
        6_100_035,
        "each lead that was added read its campaign twice, and a burst of them heated the campaigns",
    ),
];
