//! Cuts what was said into words that can be compared: one spelling for each, with the signs between them.
//!
//! Keywords go through the same fold, so that nobody has to think of spellings. What words mean is not known here.

/// What stands between a word and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Break {
    /// A space, or anything that only separates.
    None,
    /// A comma, colon or dash.
    Clause,
    /// The end of a sentence or line.
    Sentence,
    /// The end of a question.
    Question,
}

/// One word of a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// What stands before it; the first word begins a sentence.
    pub(crate) before: Break,
    /// What stands after it, also after the last.
    pub(crate) after: Break,
}

/// Short forms as people write them, and what they stand for. Apostrophes are gone by then.
const SHORT_FORMS: [(&str, &str); 44] = [
    ("aint", "is not"),
    ("arent", "are not"),
    ("cannot", "can not"),
    ("cant", "can not"),
    ("couldnt", "could not"),
    ("didnt", "did not"),
    ("doesnt", "does not"),
    ("dont", "do not"),
    ("dunno", "do not know"),
    ("gimme", "give me"),
    ("gonna", "going to"),
    ("gotta", "got to"),
    ("hadnt", "had not"),
    ("hasnt", "has not"),
    ("havent", "have not"),
    ("hes", "he"),
    ("im", "i am"),
    ("isnt", "is not"),
    ("its", "it"),
    ("ive", "i have"),
    ("lets", "let"),
    ("mustnt", "must not"),
    ("neednt", "need not"),
    ("shes", "she"),
    ("shouldnt", "should not"),
    ("thats", "that"),
    ("theyre", "they are"),
    ("theyve", "they have"),
    ("theres", "there"),
    ("tomorow", "tomorrow"),
    ("wanna", "want to"),
    ("wasnt", "was not"),
    ("werent", "were not"),
    ("weve", "we have"),
    ("whats", "what"),
    ("wont", "will not"),
    ("wouldnt", "would not"),
    ("youre", "you are"),
    ("youve", "you have"),
    ("u", "you"),
    ("pls", "please"),
    ("thx", "thanks"),
    ("ok", "okay"),
    ("tmrw", "tomorrow"),
];

/// Endings after an apostrophe that are words of their own. Written without one they would be others: `we're`, `were`.
const ENDINGS: [(&str, &str); 6] = [
    ("'m", "am"),
    ("'re", "are"),
    ("'ve", "have"),
    ("'ll", "will"),
    ("'d", "would"),
    ("'s", ""),
];

/// Sounds, not words. אם is "if" and stays.
const SOUNDS: [&str; 12] = [
    "um", "umm", "uh", "uhh", "uhm", "er", "erm", "hmm", "mm", "אה", "אהה", "אממ",
];

/// Splits a text into folded words.
pub(crate) fn fold(text: &str) -> Vec<Word> {
    let mut folder = Folder {
        words: Vec::new(),
        word: String::new(),
        next: Break::Sentence,
    };
    let mut last = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        match letter {
            c if is_mark(c) => continue,
            '\'' | '’' | '‘' | '‛' | 'ʼ' | '׳' | '`' | '´' | '′' | '＇' => folder.apostrophe(),
            // An abbreviation as in דו״ח is one word.
            '"' | '״' | '”' | '“' if is_hebrew(last) && is_hebrew(next) => {}
            c if c.is_alphanumeric() => folder.letter(c),
            '?' | '؟' => folder.end(Break::Question),
            '.' if next.is_alphanumeric() => folder.end(Break::None),
            '.' | '!' | ';' | '\n' | '\r' | '…' | '׃' => folder.end(Break::Sentence),
            ',' if last.is_ascii_digit() && next.is_ascii_digit() => {}
            ',' | ':' | '–' | '—' | '(' | ')' => folder.end(Break::Clause),
            '-' if last == ' ' && next == ' ' => folder.end(Break::Clause),
            _ => folder.end(Break::None),
        }
        last = letter;
    }
    folder.end(Break::None);
    folder.words
}

struct Folder {
    words: Vec<Word>,
    word: String,
    next: Break,
}

impl Folder {
    fn letter(&mut self, letter: char) {
        for c in letter.to_lowercase() {
            let c = match c {
                'ך' => 'כ',
                'ם' => 'מ',
                'ן' => 'נ',
                'ף' => 'פ',
                'ץ' => 'צ',
                other => other,
            };
            // מעוניין and מעונין, רלוונטי and רלונטי are spellings of one word.
            if !(matches!(c, 'י' | 'ו') && self.word.ends_with(c)) {
                self.word.push(c);
            }
        }
    }

    fn apostrophe(&mut self) {
        if !self.word.is_empty() {
            self.word.push('\'');
        }
    }

    /// Takes the word so far, and remembers the strongest sign before the next one.
    fn end(&mut self, sign: Break) {
        let raw = std::mem::take(&mut self.word);
        let raw = raw.trim_end_matches('\'');
        let (stem, ending) = ENDINGS
            .iter()
            .find_map(|(written, means)| raw.strip_suffix(written).map(|stem| (stem, *means)))
            .unwrap_or((raw, ""));
        let plain: String = stem.chars().filter(|c| *c != '\'').collect();
        let long = SHORT_FORMS.iter().find(|(short, _)| *short == plain);
        let long = long.map_or(plain.as_str(), |(_, long)| *long);
        for word in long.split(' ').chain([ending]) {
            if !word.is_empty() && !SOUNDS.contains(&word) {
                self.words.push(Word {
                    text: word.to_owned(),
                    before: std::mem::replace(&mut self.next, Break::None),
                    after: Break::None,
                });
            }
        }
        self.next = self.next.max(sign);
        if let Some(last) = self.words.last_mut() {
            last.after = last.after.max(sign);
        }
    }
}

pub(crate) fn is_hebrew(c: char) -> bool {
    ('א'..='ת').contains(&c)
}

/// Niqqud and cantillation, accents written apart, and signs that only steer the direction of text.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05bd}' | '\u{05bf}' | '\u{05c1}' | '\u{05c2}' | '\u{05c4}'
        | '\u{05c5}' | '\u{05c7}' | '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The word without each beginning that Hebrew writes together with it: ו, then ש כש מש לכש, then ב כ ל מ, then ה.
/// Of short words only what cannot be mistaken: of שלא the ש, of מלא (full) nothing.
pub(crate) fn without_prefixes(word: &str) -> impl Iterator<Item = &str> {
    let rest_letters = word.chars().count();
    let starts = word.char_indices().skip(1).take(PREFIX_LETTERS_MAX).enumerate();
    starts.filter_map(move |(index, (byte, _))| {
        let (prefix, rest) = word.split_at(byte);
        let left = rest_letters - index - 1;
        let fits = left > 2 || (left == 2 && matches!(prefix, "ו" | "ש" | "וש" | "כש" | "ה"));
        (fits && is_prefix(prefix)).then_some(rest)
    })
}

/// The longest of them, ולכשמה, written once.
const PREFIX_LETTERS_MAX: usize = 6;

fn is_prefix(prefix: &str) -> bool {
    let rest = prefix.strip_prefix('ו').unwrap_or(prefix);
    let rest = ["לכש", "כש", "מש", "ש"]
        .iter()
        .find_map(|that| rest.strip_prefix(that))
        .unwrap_or(rest);
    let rest = rest.strip_prefix(['ב', 'כ', 'ל', 'מ']).unwrap_or(rest);
    rest.is_empty() || rest == "ה"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let words: Vec<String> = fold(text).into_iter().map(|word| word.text).collect();
        words.join(" ")
    }

    #[test]
    fn one_word_has_one_spelling() {
        for (spellings, one) in [
            (&["I'm", "I’m", "Im", "i am", "I`m"][..], "i am"),
            (&["don't", "dont", "DON’T", "do not", "Don׳t"], "do not"),
            (&["we're", "we are"], "we are"),
            (&["were"], "were"),
            (&["מְעוּנְיָן", "מעונין", "מעוניין", "\u{200f}מעוניין"], "מעונינ"),
            (&["רלוונטי", "רלונטי"], "רלונטי"),
            (&["דו\"ח", "דו״ח", "דוח"], "דוח"),
            (&["10,000", "10000"], "10000"),
        ] {
            for spelling in spellings {
                assert_eq!(folded(spelling), one, "{spelling}");
            }
        }
        assert_eq!(folded("' . - \u{05b0}"), "");
    }

    #[test]
    fn signs_between_words_are_kept_the_strongest_first() {
        let before = |text: &str| fold(text).into_iter().map(|word| word.before).collect::<Vec<_>>();
        assert_eq!(
            before("yes, ... no? at 9.30 -- ok"),
            [
                Break::Sentence,
                Break::Sentence,
                Break::Question,
                Break::None,
                Break::None,
                Break::None
            ]
        );
    }

    #[test]
    fn prefixes_come_off_only_in_their_order() {
        let all = |word| without_prefixes(word).collect::<Vec<_>>();
        assert!(all("ושהמעונינת").contains(&"מעונינת"));
        assert_eq!(all("שלא"), ["לא"]);
        assert_eq!(all("מלא"), Vec::<&str>::new());
        assert!(!all("השמעונינ").contains(&"מעונינ"));
        assert_eq!(all("interested"), Vec::<&str>::new());
    }
}
