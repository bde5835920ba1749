//! Hears in what was said which status a lead should have: keywords with points, and what takes them back.
//!
//! Reads only the lead's side of a talk and its summary. Says how sure it is and by which keywords; whether a lead
//! moves is the rules' business. Pure, and bounded for any text and any keywords.

mod doubt;
mod fold;
mod language;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use redial_domain::StatusName;

use crate::spec::Spec;
use fold::{Break, Word, without_prefixes};

/// Keywords of one set. The shipped ones of two languages are under 600; nobody keeps a longer list consistent, and
/// each is looked for at every word of a talk.
pub(crate) const KEYWORDS_MAX: usize = 1_000;

/// Words of one keyword. Nobody says more in the same way twice.
pub(crate) const KEYWORD_WORDS_MAX: usize = 10;

/// Wordings of one keyword by its `/`: two verbs in three forms with three nouns, and room.
pub(crate) const WORDINGS_MAX: usize = 200;

/// Places in a keyword where other words may stand; each is tried in every width.
pub(crate) const GAPS_MAX: usize = 2;

/// Words that may stand at such a place: "not *think I would be* interested".
const GAP_WORDS_MAX: usize = 4;

/// Words of keywords compared with words of one text. A talk at its longest takes about 20,000 with the shipped set; a
/// set and a talk made to be dear end within a second, and then nothing is heard.
const COMPARISONS_MAX: usize = 500_000;

/// Keywords found in one text, for the same reason: each is looked at for denials. A talk of half an hour has some
/// hundred.
const MATCHES_MAX: usize = 3_000;

/// How other words are written in a keyword.
const GAP: &str = "...";

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The lead's own words.
    Spoken,
    /// Somebody's words about the lead.
    Summary,
}

/// What the keywords say about one talk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Heard {
    /// The status that is named with confidence.
    pub(crate) status: Option<StatusName>,
    /// Its points, or the most that any status has.
    pub(crate) points: u32,
    /// The keywords behind them, as the rule set writes them.
    pub(crate) words: Vec<String>,
    /// The points of every status that has any.
    pub(crate) by_status: BTreeMap<StatusName, u32>,
}

/// Part of a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// One word, in any of these spellings, folded.
    Word(Vec<String>),
    /// Up to [`GAP_WORDS_MAX`] other words.
    Gap,
}

/// What is wrong with a keyword's writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadKeyword {
    Empty,
    TooLong,
    TooManyWordings,
    /// `...` first, last, twice in a row or too often.
    BadGap,
    /// One side of a `/` is not one word.
    BadChoice(String),
}

/// Reads a keyword: words, `/` between words of which any will do, `...` for other words.
pub(crate) fn parts(keyword: &str) -> Result<Vec<Part>, BadKeyword> {
    let mut parts = Vec::new();
    for piece in keyword.replace('…', GAP).split_whitespace() {
        if piece == GAP {
            parts.push(Part::Gap);
        } else if piece.contains('/') {
            let mut choices = Vec::new();
            for side in piece.split('/') {
                match &fold::fold(side)[..] {
                    [one] => choices.push(one.text.clone()),
                    _ => return Err(BadKeyword::BadChoice(piece.to_owned())),
                }
            }
            parts.push(Part::Word(choices));
        } else {
            parts.extend(fold::fold(piece).into_iter().map(|word| Part::Word(vec![word.text])));
        }
    }
    let gaps = parts.iter().filter(|part| **part == Part::Gap).count();
    let at_edge = parts.first() == Some(&Part::Gap) || parts.last() == Some(&Part::Gap);
    let double = parts.windows(2).any(|two| two == [Part::Gap, Part::Gap]);
    if parts.len() == gaps {
        Err(BadKeyword::Empty)
    } else if parts.len() > KEYWORD_WORDS_MAX {
        Err(BadKeyword::TooLong)
    } else if at_edge || double || gaps > GAPS_MAX {
        Err(BadKeyword::BadGap)
    } else if wordings_count(&parts) > WORDINGS_MAX {
        Err(BadKeyword::TooManyWordings)
    } else {
        Ok(parts)
    }
}

fn wordings_count(parts: &[Part]) -> usize {
    parts.iter().fold(1, |count: usize, part| match part {
        Part::Word(choices) => count.saturating_mul(choices.len()),
        Part::Gap => count,
    })
}

/// Every wording of a keyword, folded, so that two keywords can be compared.
pub(crate) fn wordings(parts: &[Part]) -> BTreeSet<String> {
    let mut all = vec![String::new()];
    for part in parts {
        let choices = match part {
            Part::Word(choices) => choices.clone(),
            Part::Gap => vec![GAP.to_owned()],
        };
        all = all
            .iter()
            .flat_map(|start| choices.iter().map(move |word| format!("{start} {word}")))
            .collect();
    }
    all.into_iter().collect()
}

/// A rule set's keywords, ready to listen. Made once for a set.
pub(crate) struct Ears {
    /// Every word of every keyword has a number.
    numbers: HashMap<String, usize>,
    keywords: Vec<Keyword>,
    /// Keywords by the number of their first word.
    by_first: HashMap<usize, Vec<usize>>,
    threshold: u32,
    margin: u32,
}

struct Keyword {
    written: String,
    status: StatusName,
    points: u32,
    parts: Vec<Listen>,
    /// Words without gaps; the more, the stronger.
    words: usize,
}

enum Listen {
    Any(Vec<usize>),
    Gap,
}

/// A keyword at a place.
struct Match {
    keyword: usize,
    at: Range<usize>,
}

impl Ears {
    /// Compiles the keywords. What cannot be read is the check's to report, and is left out here.
    pub(crate) fn new(spec: &Spec) -> Self {
        let settings = spec.auto_status();
        let mut ears = Self {
            numbers: HashMap::new(),
            keywords: Vec::new(),
            by_first: HashMap::new(),
            threshold: settings.threshold,
            margin: settings.margin,
        };
        let all = spec
            .keywords
            .iter()
            .flat_map(|(status, keywords)| keywords.iter().map(move |(written, points)| (status, written, *points)));
        for (status, written, points) in all.take(KEYWORDS_MAX) {
            if let Ok(parts) = parts(written) {
                ears.learn(status, written, points, parts);
            }
        }
        ears
    }

    fn learn(&mut self, status: &StatusName, written: &str, points: u32, parts: Vec<Part>) {
        let place = self.keywords.len();
        let mut listen = Vec::with_capacity(parts.len());
        for part in parts {
            listen.push(match part {
                Part::Gap => Listen::Gap,
                Part::Word(choices) => {
                    let number = |word: String| {
                        let next = self.numbers.len();
                        *self.numbers.entry(word).or_insert(next)
                    };
                    Listen::Any(choices.into_iter().map(number).collect())
                }
            });
        }
        if let Some(Listen::Any(first)) = listen.first() {
            for number in first {
                self.by_first.entry(*number).or_default().push(place);
            }
        }
        self.keywords.push(Keyword {
            written: written.to_owned(),
            status: status.clone(),
            points,
            words: listen.iter().filter(|part| matches!(part, Listen::Any(_))).count(),
            parts: listen,
        });
    }

    /// Listens to the texts of one talk. A keyword counts once for all of them.
    pub(crate) fn hear(&self, texts: &[(Source, &str)]) -> Heard {
        if self.keywords.is_empty() {
            return Heard::default();
        }
        let mut meant = BTreeSet::new();
        for (source, text) in texts {
            let words = fold::fold(text);
            // In doubt nothing: half of what was found could be the wrong half.
            let Some(matches) = self.matches(&words) else {
                return Heard::default();
            };
            for Match { keyword, at } in matches {
                if !meant.contains(&keyword) && !doubt::doubted(&words, at, *source) {
                    meant.insert(keyword);
                }
            }
        }
        self.weigh(&meant)
    }

    fn weigh(&self, meant: &BTreeSet<usize>) -> Heard {
        let keywords = || meant.iter().filter_map(|place| self.keywords.get(*place));
        let mut by_status: BTreeMap<StatusName, u32> = BTreeMap::new();
        for keyword in keywords().filter(|keyword| keyword.points > 0) {
            let points = by_status.entry(keyword.status.clone()).or_default();
            *points = points.saturating_add(keyword.points);
        }
        let mut ranked: Vec<(&StatusName, u32)> = by_status.iter().map(|(status, points)| (status, *points)).collect();
        ranked.sort_by_key(|(_, points)| std::cmp::Reverse(*points));
        let Some((first, points)) = ranked.first().copied() else {
            return Heard::default();
        };
        let second = ranked.get(1).map_or(0, |(_, points)| *points);
        let sure = points >= self.threshold && points >= second.saturating_add(self.margin);
        Heard {
            status: sure.then(|| first.clone()),
            points,
            words: keywords()
                .filter(|keyword| sure && keyword.status == *first && keyword.points > 0)
                .map(|keyword| keyword.written.clone())
                .collect(),
            by_status,
        }
    }

    /// All keywords in a text, without those inside longer ones; nothing if there is too much to compare.
    fn matches(&self, words: &[Word]) -> Option<Vec<Match>> {
        let numbers: Vec<Vec<usize>> = words.iter().map(|word| self.numbers_of(&word.text)).collect();
        let mut found = Vec::new();
        let mut left = COMPARISONS_MAX;
        for start in 0..words.len() {
            let mut tried = BTreeSet::new();
            for keyword in numbers[start]
                .iter()
                .filter_map(|number| self.by_first.get(number))
                .flatten()
            {
                let Some(Keyword {
                    parts, words: length, ..
                }) = self.keywords.get(*keyword)
                else {
                    continue;
                };
                if left == 0 || found.len() == MATCHES_MAX {
                    return None;
                }
                let rest = parts.get(1..).unwrap_or_default();
                if tried.insert(*keyword)
                    && let Some(end) = end_of(rest, words, &numbers, start + 1, &mut left)
                    && !doubt::is_idle(words, start..end, *length)
                {
                    found.push(Match {
                        keyword: *keyword,
                        at: start..end,
                    });
                }
            }
        }
        let enough = left > 0 && found.len() < MATCHES_MAX;
        enough.then(|| self.longest(found, words.len()))
    }

    fn numbers_of(&self, word: &str) -> Vec<usize> {
        let bare = without_prefixes(word);
        std::iter::once(word)
            .chain(bare)
            .filter_map(|form| self.numbers.get(form).copied())
            .collect()
    }

    fn longest(&self, mut found: Vec<Match>, words: usize) -> Vec<Match> {
        let length = |found: &Match| self.keywords.get(found.keyword).map_or(0, |keyword| keyword.words);
        found.sort_by_key(|found| (std::cmp::Reverse(length(found)), found.at.start));
        // The longest keyword over each word, and how long it is.
        let mut over: Vec<Option<(Range<usize>, usize)>> = vec![None; words];
        found.retain(|found| {
            let long = length(found);
            let inside = over[found.at.start]
                .as_ref()
                .is_some_and(|(at, other)| *other > long && at.end >= found.at.end);
            if !inside {
                for place in &mut over[found.at.clone()] {
                    place.get_or_insert_with(|| (found.at.clone(), long));
                }
            }
            !inside
        });
        found
    }
}

/// Where the rest of a keyword ends if it goes on at a word. It stays inside a sentence, and a gap holds no "not".
fn end_of(rest: &[Listen], words: &[Word], numbers: &[Vec<usize>], at: usize, left: &mut usize) -> Option<usize> {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return None;
    }
    let Some((part, after)) = rest.split_first() else {
        return Some(at);
    };
    match part {
        Listen::Any(choices) => {
            let word = words.get(at).filter(|word| word.before < Break::Sentence)?;
            let fits = !word.text.is_empty() && numbers[at].iter().any(|number| choices.contains(number));
            fits.then(|| end_of(after, words, numbers, at + 1, left))?
        }
        Listen::Gap => {
            for wide in 0..=GAP_WORDS_MAX {
                if let Some(end) = end_of(after, words, numbers, at + wide, left) {
                    return Some(end);
                }
                let passed = words.get(at + wide)?;
                if passed.before >= Break::Sentence || doubt::ends_a_phrase(&passed.text) {
                    return None;
                }
            }
            None
        }
    }
}
