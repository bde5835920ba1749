//! Finds whole phrases in what was said or written, all of them in one pass.

use aho_corasick::AhoCorasick;

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
    /// What stands before it and after it.
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
}

impl Phrases {
    /// Lists of phrases, each of which may have any of the prefixes.
    pub(crate) fn new<const N: usize>(lists: [&[&str]; N], prefixes: &[&str]) -> Self {
        let each = lists.iter().enumerate().flat_map(|(list, phrases)| {
            let forms = phrases
                .iter()
                .flat_map(|phrase| prefixes.iter().map(move |prefix| (prefix, phrase)));
            forms.map(move |(prefix, phrase)| (list, format!(" {prefix}{phrase} ")))
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
                after: folded.get(found.end()..)?,
            })
        })
    }
}

/// Lower case, apostrophes gone, everything else that is not a letter or digit a single space, spaces around.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 2);
    folded.push(' ');
    for c in text.chars() {
        match c {
            '\'' | '’' | '׳' => {}
            c if c.is_ascii_alphanumeric() => folded.push(c.to_ascii_lowercase()),
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
