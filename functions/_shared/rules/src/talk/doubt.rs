//! Says whether words that were heard are not meant: denied, about somebody else, about the past, or only supposed.
//!
//! Looks at the words around them, never at the keyword's status. In doubt nothing was heard: a lead that stays where
//! it is costs a look, a lead in the wrong column costs a customer.

use std::ops::Range;

use super::Source;
use super::fold::{Break, Word, is_hebrew, without_prefixes};
use super::language::{
    AFTERTHOUGHT, AS_NOT, ASKS, CARRIES_A_WISH, IF, IF_ASKING, LINKS, NEW_THOUGHT, NOT, NOT_A_NOT, OTHERS,
    OTHERS_SPOKEN, PAST, SELF, WISH, WISH_HE,
};

/// Words over which a "not" reaches: "I do not think that I would be interested".
const REACH_WORDS_MAX: usize = 6;

/// Words of an afterthought that takes it all back: "interested? not at all, no".
const AFTERTHOUGHT_WORDS_MAX: usize = 4;

/// Words between a person and what is said about them: "my wife is really very".
const LINK_WORDS_MAX: usize = 5;

/// What sort of words were heard, by their first and their whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// "call me tomorrow".
    Wish,
    /// "how much is it".
    Question,
    /// "interested".
    Statement,
}

/// Whether the words at `at` are not meant.
pub(super) fn doubted(words: &[Word], at: Range<usize>, source: Source) -> bool {
    let heard = words.get(at.clone()).unwrap_or_default();
    let Some(first) = heard.first() else { return true };
    let sort = sort(&first.text);
    // "No, I am not interested" is no denial of "not interested": of such words only a quotation is.
    let is_denial = heard.iter().any(|word| is_not(&word.text));
    if only_supposed(words, at.start, sort) || quoted_denial(words, at.start) {
        return true;
    }
    if !is_denial && (negated(words, at.start, sort) || taken_back(words, at.end, sort)) {
        return true;
    }
    match sort {
        // "She said that she is not interested": her no, not the lead's.
        Sort::Statement => about_another(words, at.start, source) || bare_question(words, &at),
        Sort::Wish | Sort::Question => false,
    }
}

fn sort(first: &str) -> Sort {
    if WISH.contains(&first) || first.starts_with(is_hebrew) && WISH_HE.iter().any(|stem| first.starts_with(stem)) {
        Sort::Wish
    } else if ASKS.contains(&first) {
        Sort::Question
    } else {
        Sort::Statement
    }
}

/// Whether a word is a "not", with the Hebrew "and" or "that" before it or without.
fn is_not(word: &str) -> bool {
    let bare = ["וש", "ו", "ש", "כש"]
        .iter()
        .filter_map(|prefix| word.strip_prefix(prefix))
        // שאל is "asked".
        .any(|bare| bare != "אל" && bare.starts_with(is_hebrew) && NOT.contains(&bare));
    NOT.contains(&word) || bare || word == "ואל"
}

fn is_not_here(words: &[Word], at: usize) -> bool {
    let next = words.get(at + 1);
    let idle = |next: &Word| NOT_A_NOT.contains(&(words[at].text.as_str(), next.text.as_str()));
    // "Why not", "why do not you": as good as a yes.
    let before = |back: usize| at.checked_sub(back).map_or("", |at| words[at].text.as_str());
    let why = |word| matches!(word, "why" | "למה");
    let why = why(before(1)) || (matches!(before(1), "do" | "does") && why(before(2)));
    is_not(&words[at].text) && !why && !next.is_some_and(idle)
}

/// The words before a place, nearest first, as far as a sentence and [`REACH_WORDS_MAX`] go.
fn back(words: &[Word], from: usize) -> impl Iterator<Item = usize> {
    let ends = |at: &usize| words.get(at + 1).is_none_or(|next| next.before < Break::Sentence);
    (0..from).rev().take(REACH_WORDS_MAX).take_while(ends)
}

/// Whether a "not" before reaches to here.
fn negated(words: &[Word], start: usize, sort: Sort) -> bool {
    // "…, and call me": the and ends the reach also where Hebrew writes it in one word.
    if sort == Sort::Wish && words[start].text.starts_with('ו') {
        return false;
    }
    for at in back(words, start) {
        let word = words[at].text.as_str();
        let comma = words[at + 1].before == Break::Clause;
        if comma {
            // "I am not, honestly, interested", but "no, call me" and "I can not, call me".
            let alone = at == 0 || words[at].before != Break::None;
            let open = is_not(word) && !alone && sort == Sort::Statement && word != "no";
            if open {
                return true;
            }
            if !filler(words, at) {
                return false;
            }
            continue;
        }
        if is_not_here(words, at) {
            return true;
        }
        if NEW_THOUGHT.contains(&word) && !(word == "please" && sort == Sort::Wish) {
            return false;
        }
        let wish_of_its_own = sort == Sort::Wish && !CARRIES_A_WISH.contains(&word);
        if wish_of_its_own {
            return false;
        }
    }
    false
}

/// A word that people put between commas.
fn filler(words: &[Word], at: usize) -> bool {
    const FILLERS: [&str; 12] = [
        "know", "mean", "like", "honestly", "really", "honest", "actually", "sorry", "frankly", "האמת", "באמת", "תראה",
    ];
    FILLERS.contains(&words[at].text.as_str())
}

/// "Who said that I am interested", "it is not that I am not interested".
fn quoted_denial(words: &[Word], start: usize) -> bool {
    back(words, start).any(|at| {
        AS_NOT.iter().any(|phrase| {
            let here = words.get(at..at + phrase.len()).unwrap_or_default();
            let inside = at + phrase.len() <= start;
            inside
                && here.iter().zip(phrase.iter()).all(|(word, part)| word.text == *part)
                && here.len() == phrase.len()
        })
    })
}

/// "If I am interested, …": nothing yet.
fn only_supposed(words: &[Word], start: usize, sort: Sort) -> bool {
    for at in back(words, start) {
        if words[at + 1].before == Break::Clause && sort != Sort::Statement {
            return false;
        }
        let word = words[at].text.as_str();
        let word = word.strip_prefix('ו').unwrap_or(word);
        if IF.contains(&word) {
            let asking = words[at + 1..=start.min(words.len() - 1)].iter().take(2);
            return !asking.into_iter().any(|next| IF_ASKING.contains(&next.text.as_str())) && sort != Sort::Question;
        }
    }
    false
}

/// "Interested? Not at all." An afterthought of its own, and short.
fn taken_back(words: &[Word], end: usize, sort: Sort) -> bool {
    let Some(next) = words.get(end) else { return false };
    let contrast = matches!(next.text.as_str(), "but" | "אבל");
    if sort != Sort::Statement || (next.before == Break::None && !contrast) {
        return false;
    }
    let from = end + usize::from(contrast);
    let rest = words.get(from..).unwrap_or_default();
    let length = 1 + rest
        .iter()
        .skip(1)
        .take_while(|word| word.before == Break::None)
        .count();
    let afterthought = &rest[..length.min(rest.len())];
    if afterthought.is_empty() || length > AFTERTHOUGHT_WORDS_MAX {
        return false;
    }
    let says_no = (from..from + afterthought.len()).any(|at| is_not_here(words, at))
        && afterthought
            .iter()
            .all(|word| is_not(&word.text) || AFTERTHOUGHT.contains(&word.text.as_str()));
    let mocking = matches!(
        afterthought.iter().map(|word| word.text.as_str()).collect::<Vec<_>>()[..],
        ["yeah", "right"] | ["מה", "פתאומ"] | ["מה", "פתאומ", ..] | ["בטח", "שלא"]
    );
    mocking || says_no
}

/// "My wife is interested", "I was interested": not this person, or not any more.
fn about_another(words: &[Word], start: usize, source: Source) -> bool {
    for (steps, at) in back(words, start).enumerate() {
        let word = words[at].text.as_str();
        if steps > LINK_WORDS_MAX || words[at + 1].before != Break::None {
            return false;
        }
        let spoken = source == Source::Spoken;
        if spoken && PAST.contains(&word) {
            return true;
        }
        if is_other(word, source) {
            return !with_the_lead(words, at);
        }
        // "The wife of the customer".
        if at > 0 && words[at - 1].text == "של" {
            continue;
        }
        if SELF.contains(&word) || !LINKS.contains(&word) {
            return false;
        }
    }
    false
}

fn is_other(word: &str, source: Source) -> bool {
    let other = |word: &str| OTHERS.contains(&word) || (source == Source::Spoken && OTHERS_SPOKEN.contains(&word));
    other(word) || without_prefixes(word).any(other)
}

/// "Me and my wife", אני ואשתי: the lead is one of them.
fn with_the_lead(words: &[Word], other: usize) -> bool {
    let joined = words[other].text.starts_with('ו');
    let mut before = words[..other].iter().rev().take(3).map(|word| word.text.as_str());
    if joined {
        return before.next().is_some_and(|word| SELF.contains(&word));
    }
    before.by_ref().any(|word| word == "and") && before.next().is_some_and(|word| SELF.contains(&word))
}

/// Whether a keyword with a "not" stands here on a "not" that denies nothing: "not only am I interested", or the
/// answer to something else: "no, I am interested". `words_in_it` tells whether other words lie between its own.
pub(super) fn is_idle(words: &[Word], at: Range<usize>, words_in_it: usize) -> bool {
    let over_others = at.len() > words_in_it;
    at.clone().filter(|place| is_not(&words[*place].text)).any(|place| {
        let alone = words[place].before != Break::None || place == 0;
        let answer = alone && words.get(place + 1).is_some_and(|next| next.before == Break::Clause);
        !is_not_here(words, place) || (over_others && answer)
    })
}

/// "Interested?", asked back.
fn bare_question(words: &[Word], at: &Range<usize>) -> bool {
    let asked = words.get(at.end - 1).is_some_and(|last| last.after == Break::Question);
    let alone = at.start == 0 || words[at.start].before >= Break::Sentence;
    asked && alone && at.len() <= 2
}

/// Whether no keyword reaches over this word: it denies, or begins another thought.
pub(super) fn ends_a_phrase(word: &str) -> bool {
    is_not(word)
        || matches!(
            word,
            "but" | "however" | "because" | "אבל" | "אכ" | "אולמ" | "כי" | "אלא"
        )
}
