//! The field's words for how a call ended and what the talk meant.

use serde::{Deserialize, Serialize};

/// What the network reported about one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A person spoke, or probably did.
    Answered,
    /// Voicemail or another machine took the call.
    Machine,
    /// It rang and nobody took it.
    NoAnswer,
    /// The line was busy or the call was declined.
    Busy,
    /// The network could not complete the call.
    Failed,
    /// We or the provider ended it before it was taken.
    Canceled,
    /// Refused before dialing: the phone cannot have rung.
    NotPlaced,
    /// Nobody can say what happened; counted as if it rang.
    Lost,
    /// The provider said that the call ended, and nothing about how.
    Unknown,
}

impl Outcome {
    /// All outcomes, in the order in which reports list them.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::Machine,
        Self::NoAnswer,
        Self::Busy,
        Self::Failed,
        Self::Canceled,
        Self::NotPlaced,
        Self::Lost,
        Self::Unknown,
    ];

    /// The word in rules, items and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Machine => "machine",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::NotPlaced => "not_placed",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the call came to the phone, as far as anybody can say: taken, unanswered or busy.
    pub const fn reached_the_phone(self) -> bool {
        !matches!(self, Self::Failed | Self::Canceled | Self::NotPlaced | Self::Lost)
    }

    /// Reads the word, exactly.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What the talk meant. The order is the order of strength: a later delivery only moves it up, so that neither a
/// do-not-call nor a sale is ever lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Nothing is known, or the word is in no table.
    Unknown,
    /// A machine was spoken to.
    Machine,
    /// A person spoke, with no further meaning.
    Human,
    /// A person answered and nobody spoke with them: what the law calls an abandoned call.
    Abandoned,
    /// A person was connected to an agent.
    Transferred,
    /// The person asked for a call at another time.
    Callback,
    /// The person does not want it, and may be called again unless the rules say otherwise.
    NotInterested,
    /// The number belongs to somebody else.
    WrongNumber,
    /// Sold.
    Sale,
    /// Asked not to be called.
    Dnc,
}

impl Disposition {
    /// All dispositions, weakest first.
    pub const ALL: [Self; 10] = [
        Self::Unknown,
        Self::Machine,
        Self::Human,
        Self::Abandoned,
        Self::Transferred,
        Self::Callback,
        Self::NotInterested,
        Self::WrongNumber,
        Self::Sale,
        Self::Dnc,
    ];

    /// The word in rules, items and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Machine => "machine",
            Self::Human => "human",
            Self::Abandoned => "abandoned",
            Self::Transferred => "transferred",
            Self::Callback => "callback",
            Self::NotInterested => "not_interested",
            Self::WrongNumber => "wrong_number",
            Self::Sale => "sale",
            Self::Dnc => "dnc",
        }
    }

    /// Reads the word, exactly.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposition| disposition.as_str() == word)
    }
}

/// Upper case, with one underscore for each run of anything that is not a letter or digit: `Transfer - sale` and
/// `TRANSFER_SALE` are one word, `DECLINED_SALE` and `SALE` are two. Works for Hebrew letters too.
pub fn normalize_word(raw: &str) -> String {
    let mut word = String::with_capacity(raw.len());
    for c in raw.trim().chars() {
        if c.is_alphanumeric() {
            word.extend(c.to_uppercase());
        } else if !word.ends_with('_') && !word.is_empty() {
            word.push('_');
        }
    }
    while word.ends_with('_') {
        word.pop();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_whole_whatever_their_case_and_separators() {
        for same in ["TRANSFER_SALE", "transfer sale", " Transfer - Sale ", "transfer.sale"] {
            assert_eq!(normalize_word(same), "TRANSFER_SALE");
        }
        assert_ne!(normalize_word("DECLINED_SALE"), normalize_word("SALE"));
        assert_eq!(normalize_word("__"), "");
    }

    #[test]
    fn nothing_is_stronger_than_a_do_not_call_and_next_comes_a_sale() {
        assert_eq!(Disposition::ALL.iter().max(), Some(&Disposition::Dnc));
        assert!(Disposition::Sale > Disposition::NotInterested && Disposition::NotInterested > Disposition::Callback);
        assert!(Disposition::ALL.is_sorted());
        for word in Disposition::ALL {
            assert_eq!(Disposition::parse(word.as_str()), Some(word));
        }
        for word in Outcome::ALL {
            assert_eq!(Outcome::parse(word.as_str()), Some(word));
        }
    }
}
