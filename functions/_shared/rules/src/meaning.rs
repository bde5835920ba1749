//! What a call meant, before any script is asked: the word table first, then proof, never a guess.
//!
//! An explicit stop beats every word, and a later delivery never lowers what an earlier one said.

use std::ops::RangeInclusive;

use redial_domain::{Disposition, Facts, Outcome, RuleFacts, Side, Transfer, normalize_word};

use crate::spec::{Spec, WordMeaning};

/// Seconds of a talk in which a person who answered was left waiting. The law gives two after the greeting (16 CFR
/// 310.4(b)(1)(iv)), and a greeting takes up to three. Nobody listens to silence for more than a minute: what is longer
/// was a talk of which one side only was written down.
const LEFT_WAITING_S: RangeInclusive<u32> = 5..=60;

/// Canonical outcome and disposition.
pub(crate) struct Meaning {
    /// The provider's or agent's word, normalised; empty when there is none.
    pub(crate) word: String,
    /// Whether no table of the set has the word.
    pub(crate) word_is_unknown: bool,
    pub(crate) outcome: Outcome,
    pub(crate) disposition: Disposition,
    /// Below this no rule may lower the disposition.
    pub(crate) floor: Disposition,
}

pub(crate) fn of(rule: &RuleFacts<'_>, spec: &Spec) -> Meaning {
    let facts = rule.facts;
    let word = facts
        .disposition_word
        .as_deref()
        .map(normalize_word)
        .unwrap_or_default();
    let told = spec.word(&word);
    let floor = if facts.stop.is_some() {
        Disposition::Dnc
    } else {
        rule.known
    };

    let outcome = match told {
        // The network's own report is better than a word about it.
        Some(WordMeaning::Outcome(outcome)) if facts.outcome == Outcome::Unknown => outcome,
        // An agent or the analysis heard a machine where the network saw an answer.
        Some(WordMeaning::Disposition(Disposition::Machine))
            if matches!(facts.outcome, Outcome::Answered | Outcome::Unknown) =>
        {
            Outcome::Machine
        }
        // Who hears of an abandoned call hears that it was answered.
        Some(WordMeaning::Disposition(Disposition::Abandoned)) if facts.outcome == Outcome::Unknown => {
            Outcome::Answered
        }
        _ => facts.outcome,
    };
    let new = match told {
        // "A person spoke" and "nobody spoke with them" say less than a proof of more does.
        Some(WordMeaning::Disposition(Disposition::Human)) => Disposition::Human.max(proven(facts, outcome)),
        Some(WordMeaning::Disposition(Disposition::Abandoned)) if outcome == Outcome::Answered => {
            Disposition::Abandoned.max(proven(facts, outcome))
        }
        // Nobody can be left waiting who did not answer.
        Some(WordMeaning::Disposition(Disposition::Abandoned)) => proven(facts, outcome),
        Some(WordMeaning::Disposition(disposition)) => disposition,
        Some(WordMeaning::Outcome(_)) | None => proven(facts, outcome),
    };
    Meaning {
        word_is_unknown: told.is_none() && spec.extracted(&word).is_none() && !word.is_empty(),
        word,
        outcome,
        disposition: new.max(floor),
        floor,
    }
}

/// What the facts prove without any word. A transfer that was only tried proves nothing.
fn proven(facts: &Facts, outcome: Outcome) -> Disposition {
    if facts.callback_requested {
        Disposition::Callback
    } else if facts.transfer == Transfer::Connected {
        Disposition::Transferred
    } else {
        match outcome {
            Outcome::Machine => Disposition::Machine,
            Outcome::Answered if nobody_spoke(facts) => Disposition::Abandoned,
            Outcome::Answered => Disposition::Human,
            _ => Disposition::Unknown,
        }
    }
}

/// Whether the lead was heard and our side was not. A talk of which there is no transcript proves nothing.
fn nobody_spoke(facts: &Facts) -> bool {
    let spoke = |side| facts.transcript.iter().any(|line| line.side == side);
    spoke(Side::Lead) && !spoke(Side::Us) && facts.talk_s.is_some_and(|talk_s| LEFT_WAITING_S.contains(&talk_s))
}
