//! Finds out whether a person asked not to be called again.
//!
//! Runs before matching and before any rule, because a stop must hold even for a call that nothing can be matched
//! to. Reads the disposition word whole, and the lead's own side of the talk; our side may well say "do not call
//! list" itself. What others wrote about the talk is read in `stop_in_summary`. When in doubt it stops: a lost lead
//! costs less than a call after a stop ($500-1,500, 47 U.S.C. § 227(b)(3), (c)(5)).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::phrases::{Phrases, fold};
use crate::{Side, TranscriptLine, normalize_word};

/// A person's wish not to be called again, with the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplicitStop {
    /// Where it was found.
    pub source: StopSource,
    /// The words that said so, at most [`WORDS_MAX`] characters.
    pub words: String,
}

/// Where a stop was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSource {
    /// An agent's or the provider's disposition.
    Disposition,
    /// The lead's own words.
    Spoken,
    /// What was written about the talk after it.
    Summary,
    /// A person working with the console or the API.
    Person,
}

/// Enough of a sentence to prove it.
const WORDS_MAX: usize = 120;

/// Dispositions that mean do-not-call, after [`normalize_word`]. The short ones are system statuses of Convoso
/// (help centre, article 215908927).
const STOP_WORDS: [&str; 14] = [
    "DNC",
    "DO_NOT_CALL",
    "DONT_CALL",
    "DNCA",
    "DNCC",
    "DNCL",
    "DNCLCC",
    "DNCRT",
    "DNCW",
    "DNCNFD",
    "DNC_REQUESTED",
    "DO_NOT_CALL_REQUESTED",
    "OPT_OUT",
    "REMOVE_FROM_LIST",
];

/// Phrases that are a stop wherever they stand in a sentence. Hebrew: "stop calling", "don't call me again", "take me
/// off the list", in the forms people use to one and to many.
const ALWAYS: [&str; 38] = [
    "stop calling",
    "quit calling",
    "stop contacting",
    "never call",
    "dont ever call",
    "do not ever call",
    "dont call again",
    "do not call again",
    "dont call anymore",
    "do not call anymore",
    "take me off",
    "remove me from",
    "want to be removed",
    "wanna be removed",
    "like to be removed",
    "need to be removed",
    "ask to be removed",
    "take my number off",
    "remove my number",
    "remove my name",
    "delete my number",
    "do not call list",
    "unsubscribe me",
    "opt me out",
    "lose my number",
    "תפסיקו להתקשר",
    "תפסיק להתקשר",
    "תפסיקי להתקשר",
    "תפסיקו לחייג",
    "להפסיק להתקשר",
    "תורידו אותי",
    "תסירו אותי",
    "תסיר אותי",
    "תסירי אותי",
    "להסיר אותי",
    "תוציאו אותי מהרשימה",
    "תמחקו אותי",
    "תמחקו את המספר",
];

/// Phrases that are a stop unless a time, a place or a question makes them a wish for another call.
const UNLESS_LIMITED: [&str; 16] = [
    "dont call me",
    "do not call me",
    "dont call this number",
    "do not call this number",
    "dont call here",
    "do not call here",
    "dont contact me",
    "do not contact me",
    "לא להתקשר",
    "לא לחזור אלי",
    "לא לחזור אליי",
    "לא לחזור אלינו",
    "לא ליצור איתי קשר",
    "אל תתקשר",
    "אל תתקשרו",
    "אל תתקשרי",
];

/// What follows when the person only names a better time: "don't call me before noon".
const LIMITS: [&str; 41] = [
    "before",
    "until",
    "till",
    "at",
    "on",
    "in",
    "while",
    "during",
    "when",
    "tomorrow",
    "today",
    "tonight",
    "now",
    "this",
    "so",
    "early",
    "late",
    "because",
    "לפני",
    "עד",
    "היום",
    "מחר",
    "עכשיו",
    "בשעה",
    "בבוקר",
    "בצהריים",
    "בערב",
    "בלילה",
    "בשבת",
    "בזמן",
    "באמצע",
    "אחרי",
    "כשאני",
    "כרגע",
    "בשעות",
    "ביום",
    "בימי",
    "בימים",
    "מוקדם",
    "מאוחר",
    "בעבודה",
];

/// "To me", between the phrase and what limits it: "don't call me in the morning" is one phrase in English and two in
/// Hebrew.
const TO_ME: [&str; 3] = ["אלי", "אליי", "לי"];

/// Looks for a stop in a disposition word and in the lead's side of a talk.
pub fn find_explicit_stop(disposition: Option<&str>, transcript: &[TranscriptLine]) -> Option<ExplicitStop> {
    if let Some(raw) = disposition
        && STOP_WORDS.contains(&normalize_word(raw).as_str())
    {
        return Some(ExplicitStop {
            source: StopSource::Disposition,
            words: cut(raw),
        });
    }
    transcript
        .iter()
        .filter(|line| line.side == Side::Lead)
        .find(|line| asks_to_stop(&line.text))
        .map(|line| ExplicitStop {
            source: StopSource::Spoken,
            words: cut(&line.text),
        })
}

/// Whether a payload that nobody could read may hold a stop: a word of a disposition standing alone, or a phrase. It
/// does not know who spoke, so it is good for an alarm only.
pub fn may_hold_a_stop(text: &str) -> bool {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
    words.any(|word| STOP_WORDS.contains(&normalize_word(word).as_str())) || asks_to_stop(text)
}

pub(crate) fn asks_to_stop(text: &str) -> bool {
    asks_to_stop_in(&fold(text))
}

/// [`asks_to_stop`] of folded text.
pub(crate) fn asks_to_stop_in(spoken: &str) -> bool {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new([&ALWAYS[..], &UNLESS_LIMITED], &[""]));
    PHRASES.places(spoken).any(|place| {
        let asked = matches!(last_word(place.before), "why" | "if" | "you");
        place.list == 0 || (!asked && !is_limited(place.after, &TO_ME))
    })
}

/// Whether what follows a phrase names a better time or place. "At all", "in the future", "on this number", "until
/// further notice" are limits of nothing.
pub(crate) fn is_limited(after: &str, whom: &[&str]) -> bool {
    let mut next = after.split_whitespace().skip_while(|word| whom.contains(word));
    let first = next.next().unwrap_or_default();
    let endless = next
        .take(3)
        .any(|word| matches!(word, "all" | "future" | "number" | "notice" | "ever"));
    let this_number = first == "this" && endless;
    let unlimited = this_number || (matches!(first, "at" | "in" | "on" | "until" | "till") && endless);
    LIMITS.contains(&first) && !unlimited
}

pub(crate) fn last_word(text: &str) -> &str {
    text.split_whitespace().next_back().unwrap_or_default()
}

pub(crate) fn cut(text: &str) -> String {
    text.trim().chars().take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(side: Side, text: &str) -> Vec<TranscriptLine> {
        vec![TranscriptLine {
            side,
            text: text.to_owned(),
        }]
    }

    #[test]
    fn a_person_who_asks_is_heard() {
        for text in [
            "Please stop calling me.",
            "Don't call me again!",
            "do not call me",
            "I said DON’T CALL ME.",
            "Take me off your list, please",
            "Would you remove my number?",
            "Put me on your do-not-call list.",
            "Never call here again",
            "don't call me at all",
            "אל תתקשרו אליי יותר",
            "די, תפסיקו להתקשר",
            "אל תתקשרו אליי",
            "אל תתקשרי אלי שוב",
            "do not contact me",
            "Don't contact me again",
            "I want to be removed",
            "do not call me in the future",
            "Don't call me on this number",
            "Don't call me before noon. You know what, don't call me at all.",
            "לא לחזור אליי בבקשה",
            "בבקשה לא להתקשר יותר",
            "אני רוצה להסיר אותי מהרשימה",
        ] {
            assert!(find_explicit_stop(None, &said(Side::Lead, text)).is_some(), "{text}");
        }
    }

    #[test]
    fn a_person_who_names_a_better_time_is_not_stopped() {
        for text in [
            "Don't call me before noon.",
            "please do not call me while I am at work, try the evening",
            "Why don't you call me tomorrow?",
            "I did not call you.",
            "I'm not interested.",
            "You can call me any time",
            "אל תתקשר לפני שמונה",
            "אל תתקשרו אליי בבוקר",
            "אל תתקשר אלי כשאני בעבודה, תתקשר בערב",
            "Please do not contact me on Saturdays.",
            "לא לחזור אליי בשעות העבודה",
            "אני לא רוצה לחזור על עצמי",
        ] {
            assert_eq!(find_explicit_stop(None, &said(Side::Lead, text)), None, "{text}");
        }
    }

    #[test]
    fn our_own_words_are_no_stop() {
        let ours = said(Side::Us, "I can put you on our do not call list if you like.");
        assert_eq!(find_explicit_stop(None, &ours), None);
    }

    #[test]
    fn a_disposition_is_read_whole() {
        assert!(find_explicit_stop(Some("Do not call"), &[]).is_some());
        assert!(find_explicit_stop(Some("dnc"), &[]).is_some());
        assert_eq!(find_explicit_stop(Some("DNC_CHECK_PASSED"), &[]), None);
    }

    #[test]
    fn the_proof_is_short() {
        let stop = find_explicit_stop(None, &said(Side::Lead, &format!("stop calling {}", "x".repeat(9_999)))).unwrap();
        assert_eq!(stop.words.chars().count(), WORDS_MAX);
    }
}
