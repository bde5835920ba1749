//! Finds out whether a person asked not to be called again.
//!
//! Runs before matching and before any rule, because a stop must hold even for a call that nothing can be matched
//! to. Reads the disposition word whole, and the lead's own side of the talk; our side may well say "do not call
//! list" itself. What others wrote about the talk is read in `stop_in_summary`. When in doubt it stops: a lost lead
//! costs less than a call after a stop ($500-1,500, 47 U.S.C. § 227(b)(3), (c)(5)).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::phrases::{BREAK, Phrases, Place, fold, is_left_out};
use crate::{Side, TranscriptLine, normalize_word};
use lists::{
    ALWAYS, ENDLESS, ENDLESS_NEAR, LIMITS, LIMITS_OF_TWO, NOT_ASKING, NOT_ASKING_YOU, NOT_BY_PHONE, STOP_WORDS, TO_ME,
    UNLESS_LIMITED, UNLESS_TOLD,
};

mod lists;

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

/// Looks for a stop in a disposition word and in the lead's side of a talk.
pub fn find_explicit_stop(disposition: Option<&str>, transcript: &[TranscriptLine]) -> Option<ExplicitStop> {
    if let Some(raw) = disposition
        && (is_stop_word(raw) || asks_to_stop(raw))
    {
        return Some(ExplicitStop {
            source: StopSource::Disposition,
            words: cut(raw),
        });
    }
    let spoken = |text: &str| {
        asks_to_stop(text).then(|| ExplicitStop {
            source: StopSource::Spoken,
            words: cut(text),
        })
    };
    // Who pauses in a sentence is written down in two lines.
    let two = transcript.windows(2).map(|pair| match pair {
        [first, second] if first.side == Side::Lead && second.side == Side::Lead => {
            spoken(&format!("{} {}", first.text, second.text))
        }
        _ => None,
    });
    let lines = transcript.iter().filter(|line| line.side == Side::Lead);
    lines.map(|line| spoken(&line.text)).chain(two).find_map(|stop| stop)
}

/// Whether a payload that nobody could read may hold a stop: a word of a disposition standing alone, or a phrase. It
/// does not know who spoke, so it is good for an alarm only.
pub fn may_hold_a_stop(text: &str) -> bool {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
    words.any(is_stop_word) || asks_to_stop(text)
}

/// Whether a disposition means do-not-call, read whole.
pub fn is_stop_word(raw: &str) -> bool {
    let word: String = raw.chars().filter(|c| !is_left_out(*c)).collect();
    STOP_WORDS.contains(&normalize_word(&word).as_str())
}

fn asks_to_stop(text: &str) -> bool {
    let folded = fold(text);
    // A phrase that nothing limits may run over a comma, or a line that was broken in it.
    asks_to_stop_in(&folded, &|_| true)
        || asks_to_stop_in(&folded.replace(&format!(" {BREAK}"), ""), &|place| place.list == 0)
}

/// Whether folded text asks for a stop at a place that counts.
pub(crate) fn asks_to_stop_in(spoken: &str, counts: &dyn Fn(Place<'_>) -> bool) -> bool {
    static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new([&ALWAYS[..], &UNLESS_LIMITED, &UNLESS_TOLD]));
    PHRASES.places(spoken).any(|place| {
        let asks = match place.list {
            0 => true,
            1 => !is_limited(place.after, &TO_ME),
            _ => !is_told(place.before) && !is_limited(place.after, &TO_ME),
        };
        asks && counts(place)
    })
}

/// Whether what stands before a phrase makes it a question, or something that somebody does.
fn is_told(before: &str) -> bool {
    let mut words = before.split_whitespace().rev();
    match words.next() {
        Some("you") => words.next().is_some_and(|word| NOT_ASKING_YOU.contains(&word)),
        word => word.is_some_and(|word| NOT_ASKING.contains(&word)),
    }
}

/// Whether what follows a phrase in its clause names a better time or place.
pub(crate) fn is_limited(after: &str, whom: &[&str]) -> bool {
    let clause = after.split_whitespace().take_while(|word| *word != BREAK);
    let mut words = clause.skip_while(|word| whom.contains(word)).peekable();
    let Some(first) = words.next() else {
        return false;
    };
    let second = words.peek().copied().unwrap_or_default();
    let of_two = LIMITS_OF_TWO.iter().find(|(word, _)| *word == first);
    let limits = match of_two {
        Some((_, seconds)) => seconds.contains(&second),
        None => LIMITS.contains(&first) || NOT_BY_PHONE.contains(&first),
    };
    limits && !words.take(ENDLESS_NEAR).any(|word| ENDLESS.contains(&word))
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
            "Please stop\ncalling me",
            "Stop, calling me!",
            "I told you, don't call me again.",
            "I told you do not call me",
            "Thank you. Do not call me again.",
            "Screw you! Don't call me!",
            "Listen, you do not call this number again",
            "Don't call me, this is harassment.",
            "Don't call me. This is the third time.",
            "Do not call me. When will you people learn?",
            "Do not call me. So annoying.",
            "Don't call me. Today is my wedding.",
            "Do not call this number. On behalf of my family, goodbye",
            "Do not call me, in fact remove me",
            "Don't call me now or ever",
            "Don't call me today or any other day",
            "Don't call me during dinner or ever",
            "Don't call me at home anymore",
            "Do not call me on my cell again",
            "Do not call me because I have no interest",
            "Don`t call me",
            "Don´t call me",
            "Don‘t call me",
            "Donʼt call me",
            "unsubscribe",
            "I want to opt out",
            "Remove me",
            "Get me off your list",
            "Take us off your list",
            "Remove this number from your list",
            "I'd like to be taken off the list",
            "Never contact me again",
            "never ever call me again",
            "Don't call us again",
            "Do not call",
            "Do not call back",
            "don't phone me",
            "stop the calls",
            "No more calls please",
            "I don't want to be called",
            "I don't want you to call me",
            "I asked you not to call me",
            "Don't you ever call me again",
            "I revoke my consent",
            "Cease and desist",
            "Leave me alone",
            "לא להתקשר. היום אני בלוויה",
            "אל תתקשרו אליי. עכשיו אני מתלונן",
            "אל תתקשרו אליי היום ולא מחר ולא אף פעם",
            "ואל תתקשרו אליי יותר",
            "ותפסיקו להתקשר",
            "שתפסיקו להתקשר אליי",
            "אַל תִּתְקַשְּׁרוּ אֵלַי",
            "תוריד אותי מהרשימה",
            "תמחק אותי מהרשימה",
            "הסירו אותי מהרשימה",
            "אני לא רוצה שתתקשרו יותר",
            "אני לא רוצה לקבל שיחות",
            "אל תחזרו אליי",
            "תפסיקו לצלצל",
            "אני מבקש הסרה",
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
            "Don't call me after 5",
            "don't call me between 9 and 5",
            "don't call me right now",
            "don't call me yet",
            "Don't call me next week, call me the week after",
            "don't call me Monday, call me Tuesday",
            "Don't call me on weekends",
            "don't call me for another week",
            "don't call me later than 8",
            "don't call me that early",
            "don't call me this week",
            "Take me off speaker",
            "take me off hold please",
            "I don't call people back",
            "Don't call it a scam",
            "If you don't call me by noon I buy elsewhere",
            "לא להתקשר בין שתיים לארבע",
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
        for word in [
            "Don't Call",
            "DNC REQUEST",
            "internal dnc",
            "Opted out",
            "STOP",
            "Never call again",
        ] {
            assert!(find_explicit_stop(Some(word), &[]).is_some(), "{word}");
        }
        for word in ["DNC_CHECK_PASSED", "NOT_DNC", "CALL_LATER", "NI"] {
            assert_eq!(find_explicit_stop(Some(word), &[]), None, "{word}");
        }
    }

    #[test]
    fn a_sentence_in_two_lines_is_one_unless_we_spoke_between() {
        let lead = |text| said(Side::Lead, text);
        let pause = [lead("please stop"), lead("calling me")].concat();
        assert!(find_explicit_stop(None, &pause).is_some());
        let answered = [lead("please stop"), said(Side::Us, "Sorry?"), lead("calling it done")].concat();
        assert_eq!(find_explicit_stop(None, &answered), None);
    }

    #[test]
    fn the_proof_is_short() {
        let stop = find_explicit_stop(None, &said(Side::Lead, &format!("stop calling {}", "x".repeat(9_999)))).unwrap();
        assert_eq!(stop.words.chars().count(), WORDS_MAX);
    }
}
