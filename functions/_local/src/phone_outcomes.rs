//! How simulated calls go: the mix of outcomes, and when each call is taken, ends and is reported.
//!
//! Pure: seed and call id are arguments, so that the same seed gives the same calls. Knows no payload and no storage.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How one simulated call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Rings out.
    NoAnswer,
    /// A machine takes it and gets a message.
    Voicemail,
    /// The line is busy.
    Busy,
    /// A person talks, with no result.
    HumanNoResult,
    /// A person does not want it.
    NotInterested,
    /// A person names a time for another call, one to three days ahead.
    Callback,
    /// A person is connected to an agent; nothing more comes.
    Transferred,
    /// A person is connected to an agent, and minutes later a second delivery reports a sale.
    TransferredThenSale,
    /// A person buys.
    Sale,
    /// A person asks not to be called again.
    Dnc,
    /// As [`Self::Dnc`], but only the second delivery says so.
    DncInSecondDelivery,
    /// The number does not exist.
    BadNumber,
    /// The network fails for a moment. Not in the mix.
    NetworkFailed,
    /// Stopped before it was taken. Not in the mix.
    Canceled,
}

/// The mix: of a thousand calls, how many go which way. From the earlier systems' connectivity (about a quarter of
/// calls reach a person) and a sale in about 23 calls, so that a demo of 500 leads shows every outcome within an hour.
pub const MIX_PER_MILLE: [(CallOutcome, u32); 12] = [
    (CallOutcome::NoAnswer, 420),
    (CallOutcome::Voicemail, 250),
    (CallOutcome::HumanNoResult, 90),
    (CallOutcome::Busy, 70),
    (CallOutcome::NotInterested, 60),
    (CallOutcome::Sale, 35),
    (CallOutcome::Callback, 30),
    (CallOutcome::Dnc, 15),
    (CallOutcome::Transferred, 12),
    (CallOutcome::TransferredThenSale, 8),
    (CallOutcome::DncInSecondDelivery, 5),
    (CallOutcome::BadNumber, 5),
];

impl CallOutcome {
    /// All outcomes, those of the mix first.
    pub const ALL: [Self; 14] = [
        Self::NoAnswer,
        Self::Voicemail,
        Self::HumanNoResult,
        Self::Busy,
        Self::NotInterested,
        Self::Sale,
        Self::Callback,
        Self::Dnc,
        Self::Transferred,
        Self::TransferredThenSale,
        Self::DncInSecondDelivery,
        Self::BadNumber,
        Self::NetworkFailed,
        Self::Canceled,
    ];

    /// The word in files, tests and displays.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Voicemail => "voicemail",
            Self::Busy => "busy",
            Self::HumanNoResult => "human_no_result",
            Self::NotInterested => "not_interested",
            Self::Callback => "callback",
            Self::Transferred => "transferred",
            Self::TransferredThenSale => "transferred_then_sale",
            Self::Sale => "sale",
            Self::Dnc => "dnc",
            Self::DncInSecondDelivery => "dnc_in_second_delivery",
            Self::BadNumber => "bad_number",
            Self::NetworkFailed => "network_failed",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the word, exactly.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether a person talks.
    pub const fn is_human(self) -> bool {
        matches!(
            self,
            Self::HumanNoResult
                | Self::NotInterested
                | Self::Callback
                | Self::Transferred
                | Self::TransferredThenSale
                | Self::Sale
                | Self::Dnc
                | Self::DncInSecondDelivery
        )
    }
}

/// A stable stream of choices for one call.
#[derive(Debug, Clone)]
pub struct Dice {
    bytes: [u8; 32],
}

impl Dice {
    /// The dice of one call.
    pub fn new(seed: u64, call_id: &str) -> Self {
        Self {
            bytes: Sha256::digest(format!("{seed} {call_id}")).into(),
        }
    }

    /// A number from `from` to `to`, both included; `which` (0..=7) names the choice.
    pub fn between(&self, which: usize, from: u32, to: u32) -> u32 {
        let at = (which % 8) * 4;
        let word = u32::from_be_bytes([
            self.bytes[at],
            self.bytes[at + 1],
            self.bytes[at + 2],
            self.bytes[at + 3],
        ]);
        from + word % (to - from + 1)
    }

    /// An outcome of the mix.
    pub fn outcome(&self) -> CallOutcome {
        let mut left = self.between(0, 0, 999);
        for (outcome, per_mille) in MIX_PER_MILLE {
            if left < per_mille {
                return outcome;
            }
            left -= per_mille;
        }
        CallOutcome::NoAnswer
    }
}

/// When what happens to a call, in seconds after it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// It is taken, or the last ring.
    pub ring_s: u32,
    /// How long the talk is after that.
    pub talk_s: u32,
    /// The post-call webhook is sent, after the end.
    pub report_s: u32,
    /// The second delivery is sent, after the end, if there is one.
    pub second_report_s: Option<u32>,
}

impl Timing {
    /// The timing of one call.
    pub fn of(outcome: CallOutcome, dice: &Dice) -> Self {
        let (ring_s, talk_s) = match outcome {
            CallOutcome::NoAnswer => (dice.between(1, 20, 30), 0),
            CallOutcome::Busy => (3, 0),
            CallOutcome::BadNumber | CallOutcome::NetworkFailed | CallOutcome::Canceled => (2, 0),
            CallOutcome::Voicemail => (dice.between(1, 15, 25), dice.between(2, 12, 35)),
            CallOutcome::Transferred | CallOutcome::TransferredThenSale => {
                (dice.between(1, 4, 15), dice.between(2, 90, 240))
            }
            _ => (dice.between(1, 4, 15), dice.between(2, 20, 240)),
        };
        let second_report_s = match outcome {
            // Providers analyse for up to a minute or two; an agent takes longer to sell.
            CallOutcome::DncInSecondDelivery => Some(dice.between(4, 30, 90)),
            CallOutcome::TransferredThenSale => Some(dice.between(4, 300, 1_200)),
            _ => None,
        };
        Self {
            ring_s,
            talk_s,
            report_s: dice.between(3, 1, 3),
            second_report_s,
        }
    }

    /// The end of the call, in seconds after it was accepted.
    pub const fn end_s(&self) -> u32 {
        self.ring_s + self.talk_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_a_thousand_and_calls_follow_it() {
        assert_eq!(MIX_PER_MILLE.iter().map(|(_, per_mille)| per_mille).sum::<u32>(), 1_000);
        let total = 20_000;
        let outcomes: Vec<CallOutcome> = (0..total)
            .map(|n| Dice::new(1, &format!("call {n}")).outcome())
            .collect();
        for (outcome, per_mille) in MIX_PER_MILLE {
            let seen = outcomes.iter().filter(|seen| **seen == outcome).count();
            let expected = usize::try_from(total * per_mille / 1_000).unwrap();
            assert!(
                seen > expected / 2 && seen < expected * 3 / 2 + 30,
                "{outcome:?}: {seen} for {expected}"
            );
        }
    }

    #[test]
    fn the_same_seed_and_call_go_the_same_way() {
        let dice = Dice::new(7, "a");
        assert_eq!(dice.outcome(), Dice::new(7, "a").outcome());
        let timing = Timing::of(CallOutcome::NoAnswer, &dice);
        assert_eq!(timing, Timing::of(CallOutcome::NoAnswer, &Dice::new(7, "a")));
        assert!((20..=30).contains(&timing.ring_s) && timing.talk_s == 0);
    }

    #[test]
    fn every_word_is_read_back() {
        for outcome in CallOutcome::ALL {
            assert_eq!(CallOutcome::parse(outcome.as_str()), Some(outcome));
        }
    }
}
