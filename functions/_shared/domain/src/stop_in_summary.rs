//! Finds a do-not-call in what was written about a talk: "the customer asked to be removed from the list".
//!
//! A summary tells of both sides in the third person, so other phrases count here than in the lead's own words. Who
//! "asked us not to call before noon" names a better time; when in doubt it stops.

use std::sync::LazyLock;

use crate::explicit_stop::{asks_to_stop_in, cut, is_limited, last_word};
use crate::phrases::{BREAK, Phrases, Place, fold};
use crate::{ExplicitStop, StopSource};

/// Words between a denial and what it denies: "did not ask us to please remove".
const DENIAL_NEAR: usize = 6;

/// Phrases that are a stop unless it says that nobody asked for it.
const ALWAYS: [&str; 46] = [
    "revoked consent",
    "revoked his consent",
    "revoked her consent",
    "revoked their consent",
    "withdrew consent",
    "cease communication",
    "cease all communication",
    "cease and desist",
    "refused further calls",
    "refused any further calls",
    "refuses further calls",
    "ביקש הסרה",
    "ביקשה הסרה",
    "stop calling",
    "quit calling",
    "cease calling",
    "stop phoning",
    "stop contacting",
    "stop all calls",
    "stop the calls",
    "calls to stop",
    "asked to be removed",
    "requested to be removed",
    "demanded to be removed",
    "wants to be removed",
    "wanted to be removed",
    "wished to be removed",
    "opt out",
    "opted out",
    "unsubscribe",
    "to dnc",
    "as dnc",
    "for dnc",
    "dnc list",
    "dnc request",
    "requested dnc",
    "להפסיק להתקשר",
    "יפסיקו להתקשר",
    "נפסיק להתקשר",
    "תפסיקו להתקשר",
    "להפסיק לחייג",
    "להפסיק לפנות אליו",
    "להפסיק לפנות אליה",
    "להפסיק את השיחות",
    "לא רוצה שיחות",
    "הסרה מהרשימה",
];

/// Phrases that are a stop unless a time or a place follows.
const UNLESS_LIMITED: [&str; 60] = [
    "we not contact",
    "never to contact",
    "not to receive further calls",
    "not wish to receive",
    "not want to receive",
    "do not call",
    "dont call",
    "do not contact",
    "dont contact",
    "not to call",
    "not to contact",
    "not to be called",
    "not to be contacted",
    "not to be phoned",
    "not to receive calls",
    "not to receive any calls",
    "not to receive any more calls",
    "not be called",
    "not be contacted",
    "not want to be called",
    "not want to be contacted",
    "not want us to call",
    "not want any more calls",
    "not want more calls",
    "not want further calls",
    "not want calls",
    "not wish to be called",
    "not wish to be contacted",
    "never to call",
    "never to be called",
    "never be called",
    "never call",
    "never contact",
    "we not call",
    "no longer be called",
    "no longer be contacted",
    "no longer wants to be called",
    "no longer wants to be contacted",
    "לא להתקשר",
    "לא יתקשרו",
    "לא נתקשר",
    "לא תתקשרו",
    "לא לחזור אליו",
    "לא לחזור אליה",
    "לא לחזור אליהם",
    "לא לחזור יותר",
    "לא לחזור שוב",
    "לא יחזרו אליו",
    "לא יחזרו אליה",
    "לא נחזור אליו",
    "לא נחזור אליה",
    "לא ליצור קשר",
    "לא ליצור איתו קשר",
    "לא ליצור איתה קשר",
    "לא לפנות אליו",
    "לא לפנות אליה",
    "לא רוצה שיתקשרו",
    "לא רוצה שנתקשר",
    "לא מעוניין שיתקשרו",
    "לא מעוניינת שיתקשרו",
];

/// A stop if the sentence also tells of a wish; "no further calls are needed" is our own.
const IF_WISHED: [&str; 5] = [
    "no more calls",
    "no further calls",
    "no more contact",
    "no further contact",
    "no future calls",
];

/// How words that tell of a wish begin.
const WISHES: [&str; 8] = ["ask", "request", "demand", "want", "wish", "insist", "said", "told"];

/// The same in Hebrew.
const HEBREW_WISHES: [&str; 5] = ["ביקש", "מבקש", "רוצ", "דרש", "אמר"];

/// To take off, and what from; both in one sentence.
const REMOVALS: [&str; 21] = [
    "remove",
    "removed",
    "removal",
    "removing",
    "delete",
    "deleted",
    "deletion",
    "erase",
    "erased",
    "להסיר",
    "להסירו",
    "להסירה",
    "יסירו",
    "נסיר",
    "תסירו",
    "להוריד",
    "יורידו",
    "להוציא",
    "למחוק",
    "ימחקו",
    "נמחק",
];
const FROM: [&str; 13] = [
    "list",
    "lists",
    "database",
    "records",
    "number",
    "מהרשימה",
    "מרשימת",
    "הרשימה",
    "מהרשימות",
    "מהמאגר",
    "ממאגר",
    "המספר",
    "מספרו",
];

/// To take, where "off" follows too.
const TAKING: [&str; 3] = ["take", "taken", "taking"];

/// Words between "removed" and "list".
const NEAR: usize = 6;

/// "Him", between the phrase and what limits it.
const WHOM: [&str; 20] = [
    "him",
    "her",
    "them",
    "me",
    "us",
    "back",
    "his",
    "their",
    "the",
    "customer",
    "lead",
    "client",
    "אליו",
    "אליה",
    "אליהם",
    "אלי",
    "אליי",
    "לו",
    "לה",
    "להם",
];

/// Nobody asked.
const DENIALS: [&str; 10] = [
    "not ask",
    "not asked",
    "never asked",
    "not request",
    "not requested",
    "never requested",
    "not demand",
    "not on",
    "לא ביקש",
    "לא ביקשה",
];

/// Commas and broken lines of one sentence over which a phrase is looked for; each is a look at the whole sentence.
const BREAKS_MAX: usize = 40;

/// Looks for a stop in a summary.
pub fn find_stop_in_summary(summary: &str) -> Option<ExplicitStop> {
    // A line may be broken in a sentence, so what runs over a break is looked for in whole sentences.
    let over_breaks = || {
        summary
            .split(['.', '!', '?', ';'])
            .find(|sentence| runs_over_a_break(sentence))
    };
    summary
        .split(['.', '!', '?', ';', '\n'])
        .find(|sentence| tells_of_a_stop(sentence))
        .or_else(over_breaks)
        .map(|sentence| ExplicitStop {
            source: StopSource::Summary,
            words: cut(sentence),
        })
}

/// The lists that are looked for, by their numbers in [`PHRASES`].
const LISTS: [&[&str]; 5] = [&ALWAYS, &UNLESS_LIMITED, &IF_WISHED, &REMOVALS, &TAKING];
static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(LISTS));
static DENIED: LazyLock<Phrases> = LazyLock::new(|| Phrases::new([&DENIALS]));

fn tells_of_a_stop(sentence: &str) -> bool {
    let told = fold_long(sentence);
    let wished = || {
        told.split_whitespace()
            .any(|word| WISHES.iter().any(|wish| word.starts_with(wish)))
    };
    let near = |after: &str| after.split_whitespace().take(NEAR).any(|word| FROM.contains(&word));
    let counts = |Place {
                      list, before, after, ..
                  }: Place<'_>| match list {
        0 => true,
        // "Why do not call", "we did not call her", "could not be contacted".
        1 => !matches!(last_word(before), "why" | "did" | "could" | "can") && !is_limited(after, &WHOM),
        2 => !is_limited(after, &WHOM) && wished(),
        3 => near(after) || before.split_whitespace().rev().take(4).any(|word| FROM.contains(&word)),
        _ => near(after) && after.split_whitespace().take(NEAR).any(|word| word == "off"),
    };
    PHRASES.places(&told).any(|place| counts(place) && !is_denied(place))
        || asks_to_stop_in(&told, &|place| !is_denied(place))
}

/// Whether a phrase that nothing limits runs over a comma or a broken line: "asked us to stop, calling is unwanted". It says less
/// than one in a piece, so the sentence has to tell of a wish, and a better time after it counts as one.
fn runs_over_a_break(sentence: &str) -> bool {
    let told = fold_long(sentence);
    let is_wish = |word: &str| {
        let bare = word.trim_start_matches(['ו', 'ש']);
        WISHES.iter().any(|wish| word.starts_with(wish)) || HEBREW_WISHES.iter().any(|wish| bare.starts_with(wish))
    };
    if !told.split_whitespace().any(is_wish) {
        return false;
    }
    let words: Vec<&str> = told.split_whitespace().collect();
    // A comma at the end of a line is one break.
    let runs = words
        .chunk_by(|a, b| (*a == BREAK) == (*b == BREAK))
        .collect::<Vec<_>>();
    let clauses: Vec<String> = runs
        .into_iter()
        .filter(|run| run.first() != Some(&BREAK))
        .map(|run| run.join(" "))
        .collect();
    (1..clauses.len()).take(BREAKS_MAX).any(|n| {
        let parted = |clauses: &[String]| clauses.join(&format!(" {BREAK} "));
        let before = format!(" {}", parted(clauses.get(..n).unwrap_or_default()));
        let joined = format!("{before} {} ", parted(clauses.get(n..).unwrap_or_default()));
        let counts = |place: Place<'_>| {
            let spans = place.before.len() < before.len() && before.len() < joined.len() - place.after.len() - 1;
            // "About the stop, the calls were short" tells of a thing.
            let is_thing = matches!(last_word(place.before), "a" | "the" | "his" | "her" | "its");
            place.list == 0 && spans && !is_thing && !is_denied(place) && !is_limited(place.after, &WHOM)
        };
        PHRASES.places(&joined).any(counts) || asks_to_stop_in(&joined, &counts)
    })
}

/// Whether just before a phrase, in its clause, it says that nobody asked for it: "did not ask to be removed". The denial may
/// reach into the phrase by a word.
fn is_denied(place: Place<'_>) -> bool {
    let words = place.before.split_whitespace().rev();
    let mut near: Vec<&str> = words.take_while(|word| !parts(word)).take(DENIAL_NEAR).collect();
    near.reverse();
    near.extend(place.phrase.split_whitespace().next());
    let near = format!(" {} ", near.join(" "));
    DENIED.places(&near).next().is_some()
}

/// Whether a word begins another statement, in which nothing is denied any more. Hebrew's "and" is a letter of its word.
fn parts(word: &str) -> bool {
    matches!(
        word,
        BREAK | "and" | "but" | "then" | "because" | "since" | "so" | "who" | "which"
    ) || word.starts_with('ו')
}

/// As [`fold`], and "doesn't" as two words.
fn fold_long(sentence: &str) -> String {
    let folded = fold(sentence);
    let mut long = String::with_capacity(folded.len() + 8);
    for word in folded.split_inclusive(' ') {
        match word.strip_suffix("nt ") {
            Some(verb @ ("do" | "does" | "did" | "has")) => {
                long.push_str(verb);
                long.push_str(" not ");
            }
            _ => long.push_str(word),
        }
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_to_have_asked_is_heard() {
        for text in [
            "The customer said he never requested a quote and asked us to stop calling.",
            "Customer did not request this call and wants to be removed from the list.",
            "The lead is not on the market and asked to be removed from the list.",
            "He is not on our customer list and asked us to stop calling",
            "The customer did not ask for information and demanded to be taken off the list.",
            "Customer has not requested information, wants no further calls",
            "The customer asked not to be called, on principle",
            "asked not to be called this year or any other",
            "said never to contact them again",
            "they do not wish to receive further calls",
            "they don't want to receive any calls",
            "Customer refused further calls",
            "asked that we not contact him again",
            "The customer revoked consent",
            "הלקוח לא ביקש הצעה וביקש להפסיק להתקשר",
            "הלקוח ביקש הסרה",
            "The lead asked not to be called again.",
            "Customer demanded to be removed from the list.",
            "The customer asked us to stop calling.",
            "Lead requested do not call.",
            "The lead said do not call me again",
            "Ava introduced the offer. The customer was not interested and asked that we not call back.",
            "The customer asked not to be called because he is not interested.",
            "The customer asked not to be called in the future.",
            "The lead asked not to be contacted any more.",
            "She does not want to be called.",
            "He said he wants no more calls.",
            "The lead asked us to take him off the list.",
            "The lead asked whether we would stop calling.",
            "Customer doesn't want to be contacted again.",
            "The lead asked for his number to be deleted.",
            "הלקוח ביקש שלא יתקשרו אליו יותר",
            "הלקוחה ביקשה להסיר אותה מהרשימה",
            "הלקוח אמר שלא להתקשר אליו שוב.",
            "הלקוח ביקש לא לחזור אליו",
            "Lead requested DNC.",
            "The lead asked us to stop, calling is unwanted",
            "The customer wants us to stop, calling him is harassment.",
            "The customer was polite, and asked us to stop,\ncalling her again is not welcome.",
            "He asked to be\nremoved from the list",
            "The lead asked to be, removed",
            "The customer asked us to cease, contact is unwanted; told us to stop, phoning him is illegal",
            "הלקוח ביקש להפסיק,\nלהתקשר אליו אסור",
        ] {
            let stop = find_stop_in_summary(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(stop.source, StopSource::Summary);
        }
    }

    #[test]
    fn who_names_a_better_time_or_asked_for_nothing_is_not_stopped() {
        for text in [
            "The customer asked not to be called after 8 pm",
            "The customer has not asked to be removed from the list.",
            "The customer asked to be called tomorrow.",
            "The customer asked not to be called before noon.",
            "The customer asked us not to call him in the morning.",
            "The customer was called but did not answer.",
            "The customer complained that we did not call her yesterday.",
            "The lead did not ask to be removed from the list.",
            "The lead is not on the do not call list.",
            "No further calls are needed.",
            "The customer could not be contacted.",
            "הדייר ביקש לא לפנות את הדירה",
            "The old fence has to be removed from the garden.",
            "The customer will take a look at the price list tomorrow.",
            "The customer is not interested.",
            "הלקוח ביקש שלא יתקשרו אליו בבוקר",
            "הלקוח ביקש שנחזור אליו מחר",
            "הלקוח לא ביקש להסיר אותו מהרשימה",
            "The agent had to stop, calling back tomorrow.",
            "She asked the agent to stop, calling back tomorrow is fine.",
            "The customer did not ask us to stop, calling is fine.",
            "The bus had to stop, calling was impossible",
            "The lead asked when we stop, and wants a call tomorrow.",
            "They asked about the stop, the calls were short.",
        ] {
            assert_eq!(find_stop_in_summary(text), None, "{text}");
        }
    }

    #[test]
    fn the_proof_is_the_sentence() {
        let stop = find_stop_in_summary("They talked. The lead asked us to stop calling. Bye.").unwrap();
        assert_eq!(stop.words, "The lead asked us to stop calling");
    }
}
