//! Finds whole phrases in what was said or written, all of them in one pass.

use aho_corasick::AhoCorasick;

/// Stands between two clauses of folded text: what follows it limits nothing that was said before.
pub(crate) const BREAK: &str = "|";

/// Letters that Hebrew puts before a word: "and", "that".
const PREFIXES: [&str; 4] = ["", "ש", "ו", "וש"];

/// Lists of phrases.
#[derive(Debug)]
pub(crate) struct Phrases {
    searcher: AhoCorasick,
    /// The list of each pattern.
    lists: Vec<usize>,
}

/// Where a phrase stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The number of its list.
    pub(crate) list: usize,
    /// What stands before it, itself, and what stands after it.
    pub(crate) before: &'a str,
    pub(crate) phrase: &'a str,
    pub(crate) after: &'a str,
}

impl Phrases {
    /// Lists of phrases; those in Hebrew may have a prefix.
    pub(crate) fn new<const N: usize>(lists: [&[&str]; N]) -> Self {
        let forms = |phrase: &str| {
            let count = if phrase.is_ascii() { 1 } else { PREFIXES.len() };
            let forms = PREFIXES.iter().take(count);
            forms.map(|prefix| format!(" {prefix}{phrase} ")).collect::<Vec<_>>()
        };
        let each = lists.iter().enumerate().flat_map(|(list, phrases)| {
            let patterns = phrases.iter().flat_map(|phrase| forms(phrase));
            patterns.map(move |pattern| (list, pattern))
        });
        let (lists, patterns): (Vec<usize>, Vec<String>) = each.unzip();
        Self {
            searcher: AhoCorasick::new(patterns)
                .unwrap_or_else(|error| unreachable!("the tests build these very lists: {error}")),
            lists,
        }
    }

    /// Every place of every phrase in folded text, in the order in which they end.
    pub(crate) fn places<'a>(&self, folded: &'a str) -> impl Iterator<Item = Place<'a>> {
        self.searcher.find_overlapping_iter(folded).filter_map(|found| {
            Some(Place {
                list: *self.lists.get(found.pattern().as_usize())?,
                before: folded.get(..found.start())?,
                phrase: folded.get(found.range())?.trim(),
                after: folded.get(found.end()..)?,
            })
        })
    }
}

/// Lower case, apostrophes, points of vowels and invisible signs gone, [`BREAK`] for what ends a clause, everything else that
/// is not a letter or digit a single space, spaces around.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 2);
    folded.push(' ');
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => folded.push(c.to_ascii_lowercase()),
            '.' | ',' | '!' | '?' | ';' | ':' | '\n' | '(' | ')' | '"' | '…' | '–' | '—' | '“' | '”' | '\u{5c3}' =>
            {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
                folded.push_str(BREAK);
                folded.push(' ');
            }
            c if is_left_out(c) => {}
            c if c.is_alphanumeric() => folded.extend(c.to_lowercase()),
            _ if !folded.ends_with(' ') => folded.push(' '),
            _ => {}
        }
    }
    if !folded.ends_with(' ') {
        folded.push(' ');
    }
    folded
}

/// Apostrophes as keyboards, word processors and Hebrew write them; Hebrew's points; soft hyphens and signs without width.
pub(crate) const fn is_left_out(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '´' | '‘' | '’' | 'ʼ' | '＇' | '׳'
            | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c2}' | '\u{5c4}'..='\u{5c7}'
            | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}'
    )
}
