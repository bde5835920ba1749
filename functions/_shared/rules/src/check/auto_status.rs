//! Are the keywords, the provider's words for a status and the numbers for believing them consistent?

use std::collections::BTreeMap;

use redial_domain::{StatusName, find_explicit_stop, normalize_word};

use super::spec::Found;
use crate::spec::{Spec, StatusKind};
use crate::talk::{BadKeyword, GAPS_MAX, KEYWORD_WORDS_MAX, KEYWORDS_MAX, WORDINGS_MAX, parts, wordings};

/// Points of one keyword. Three of the strongest outweigh anything; a scale that fits on two hands.
const POINTS_MAX: u32 = 10;

/// Points to ask for: three keywords of the strongest.
const THRESHOLD_MAX: u32 = 30;

/// A talk of two minutes is an answer in anybody's business.
const MIN_TALK_S_MAX: u32 = 120;

/// Words of providers and agents, as many as statuses times what the longest shipped list has.
const STATUS_WORDS_MAX: usize = 600;

pub(super) fn check(spec: &Spec, found: &mut Found<'_>) {
    numbers(spec, found);
    let named = spec.keywords.keys().map(|status| ("keywords", status));
    let named = named.chain(spec.status_words.keys().map(|status| ("status_words", status)));
    for (table, status) in named {
        if found.is_full() {
            return;
        }
        stranger(spec, table, status, found);
    }
    status_words(spec, found);
    keywords(spec, found);
}

fn stranger(spec: &Spec, table: &str, status: &StatusName, found: &mut Found<'_>) {
    if spec.status(status.as_str()).is_some() {
        return;
    }
    let place = match table {
        "keywords" => format!("[keywords.{status}]"),
        _ => format!("{status} = "),
    };
    let finding = found.at(&place, format!("in [{table}]: unknown status `{status}`"));
    let known = spec.statuses.iter().map(|status| status.name.as_str());
    found.push(finding.did_you_mean(status.as_str(), known));
}

fn numbers(spec: &Spec, found: &mut Found<'_>) {
    let settings = spec.auto_status();
    for (setting, value, least, most) in [
        ("threshold", settings.threshold, 1, THRESHOLD_MAX),
        ("margin", settings.margin, 0, THRESHOLD_MAX),
        ("min_talk_s", settings.min_talk_s, 0, MIN_TALK_S_MAX),
    ] {
        if value < least || value > most {
            found.say(setting, format!("`{setting}` is {value}; it must be {least} to {most}"));
        }
    }
}

fn status_words(spec: &Spec, found: &mut Found<'_>) {
    let all = spec
        .status_words
        .iter()
        .flat_map(|(status, words)| words.iter().map(move |word| (status, word)));
    let mut seen: BTreeMap<&str, &StatusName> = BTreeMap::new();
    for (count, (status, word)) in all.enumerate() {
        if found.is_full() {
            return;
        }
        if count == STATUS_WORDS_MAX {
            found.say(
                "status_words",
                format!("[status_words] has more than {STATUS_WORDS_MAX} words"),
            );
            return;
        }
        let normal = normalize_word(word);
        if normal.is_empty() {
            found.say(word, format!("`{word}` under `{status}` is not a word"));
        } else if normal != *word {
            let finding = found.at(word, format!("the word `{word}` would never match"));
            found.push(finding.hint(format!("write `{normal}`")));
        }
        if let Some(before) = seen.insert(word, status) {
            let message = format!("in [status_words]: `{word}` is under `{before}` and under `{status}`; it names one");
            found.say(word, message);
        }
        let stops = spec
            .status(status.as_str())
            .is_some_and(|is| is.kind == StatusKind::Stopped);
        if !stops && find_explicit_stop(Some(word), &[]).is_some() {
            let message = format!("the word `{word}` always means a do-not-call; it cannot be under `{status}`");
            found.say(word, message);
        }
    }
}

fn keywords(spec: &Spec, found: &mut Found<'_>) {
    let all = spec.keywords.iter().flat_map(|(status, keywords)| {
        keywords
            .iter()
            .map(move |(keyword, points)| (status, keyword.as_str(), *points))
    });
    let mut seen: BTreeMap<String, (&str, &StatusName)> = BTreeMap::new();
    for (count, (status, keyword, points)) in all.enumerate() {
        if found.is_full() {
            return;
        }
        if count == KEYWORDS_MAX {
            found.say("keywords", format!("there are more than {KEYWORDS_MAX} keywords"));
            return;
        }
        if points > POINTS_MAX {
            let message = format!("the keyword `{keyword}` has {points} points; give 0 to {POINTS_MAX}");
            found.say(keyword, message);
        }
        match parts(keyword) {
            Err(bad) => found.say(keyword, in_words(keyword, &bad)),
            Ok(parts) => {
                let twice = wordings(&parts).into_iter().find_map(|wording| {
                    let before = seen.insert(wording.clone(), (keyword, status));
                    before.map(|before| (wording, before))
                });
                if let Some((wording, (other, other_status))) = twice {
                    let message = format!(
                        "the keyword `{keyword}` of `{status}` is heard as `{}`, and so is `{other}` of `{other_status}`",
                        wording.trim()
                    );
                    let finding = found.at(keyword, message);
                    found.push(finding.hint("keep one of them"));
                }
            }
        }
    }
}

fn in_words(keyword: &str, bad: &BadKeyword) -> String {
    match bad {
        BadKeyword::Empty => format!("the keyword `{keyword}` has no letter or digit that could be heard"),
        BadKeyword::TooLong => format!("the keyword `{keyword}` is longer than {KEYWORD_WORDS_MAX} words"),
        BadKeyword::TooManyWordings => {
            format!("the keyword `{keyword}` can be said in more than {WORDINGS_MAX} ways; make two of it")
        }
        BadKeyword::BadGap => {
            format!("in the keyword `{keyword}`, `...` stands between words, at most {GAPS_MAX} times")
        }
        BadKeyword::BadChoice(piece) => {
            format!("in the keyword `{keyword}`, each side of `/` in `{piece}` must be one word")
        }
    }
}
