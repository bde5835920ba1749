//! Under which words a person is found, and whether a person is the one who is looked for.
//!
//! Each word of a name and the whole e-mail address are places; who looks gives the beginning of one. Words are compared
//! in lower case, without accents, apostrophes and whatever else is no letter or digit, so `O’Brien` is found as `obrien`
//! and `José` as `jose`. Pure; which index holds the places is not known here.

use crate::Profile;

/// Words of one name that are places. Names of people have two to four; each further one costs a write.
pub const NAME_WORDS_MAX: usize = 6;
/// Letters of a word that count. Longer beginnings tell no two people apart, and a key stays far under 1 KB.
const WORD_LETTERS_MAX: usize = 40;
/// Bytes of an address that count: RFC 5321 allows 254.
const MAIL_BYTES_MAX: usize = 254;
/// Letters of a text that is looked for: longer than any name with an address.
pub const SOUGHT_LETTERS_MAX: usize = 300;
/// A word that is looked for has at least so many letters: places are kept by their first two.
pub const SOUGHT_LETTERS_MIN: usize = 2;

/// The places of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Words of the name, each once, in their order.
    pub words: Vec<String>,
    /// The e-mail address.
    pub mail: Option<String>,
}

impl Places {
    /// Where a person is found.
    pub fn of(profile: &Profile) -> Self {
        let names = [&profile.first_name, &profile.last_name].into_iter().flatten();
        let mut words: Vec<String> = Vec::new();
        for word in names.flat_map(|name| folded_words(name)) {
            if words.len() < NAME_WORDS_MAX && !words.contains(&word) {
                words.push(word);
            }
        }
        let mail = profile.email.as_deref().map(folded_mail);
        Self {
            words,
            mail: mail.filter(|mail| !mail.is_empty()),
        }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.words.iter().chain(&self.mail)
    }
}

/// The part of the places in which a word or an address stands: its first letters.
pub fn place_part(place: &str) -> String {
    place.chars().take(SOUGHT_LETTERS_MIN).collect()
}

/// Who is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// The beginning of the place that is read.
    begins: String,
    /// Beginnings of other words of the name.
    others: Vec<String>,
    is_mail: bool,
}

impl Sought {
    /// Reads a text; nothing when it holds no word that is long enough to look for.
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text.trim().chars().take(SOUGHT_LETTERS_MAX).collect();
        if text.contains('@') {
            let begins = folded_mail(&text);
            return (begins.chars().count() >= SOUGHT_LETTERS_MIN).then_some(Self {
                begins,
                others: Vec::new(),
                is_mail: true,
            });
        }
        let mut words = folded_words(&text);
        // The longest word leads to the fewest people.
        let longest = (0..words.len()).max_by_key(|n| (words[*n].chars().count(), usize::MAX - n))?;
        let begins = words.remove(longest);
        (begins.chars().count() >= SOUGHT_LETTERS_MIN).then_some(Self {
            begins,
            others: words,
            is_mail: false,
        })
    }

    /// How the place begins under which they stand.
    pub fn begins(&self) -> &str {
        &self.begins
    }

    /// Whether only addresses are looked through.
    pub const fn is_mail(&self) -> bool {
        self.is_mail
    }

    /// The place under which a person is shown: of several that fit the first in their order, so that nobody is shown
    /// twice. Nothing when it is somebody else.
    pub fn place_of(&self, profile: &Profile) -> Option<String> {
        let places = Places::of(profile);
        let fits = |other: &String| places.words.iter().any(|word| word.starts_with(other.as_str()));
        if !self.others.iter().all(fits) {
            return None;
        }
        let begun = places.all().filter(|place| place.starts_with(&self.begins));
        // With a second word it is a name that is looked for.
        let of_name_only = !self.others.is_empty();
        begun
            .filter(|place| !of_name_only || places.words.contains(place))
            .filter(|place| !self.is_mail || places.mail.as_ref() == Some(place))
            .min()
            .cloned()
    }
}

fn folded_words(text: &str) -> Vec<String> {
    let without_marks: String = text.chars().filter(|c| !is_apostrophe(*c)).collect();
    without_marks
        .split(|c: char| !(c.is_alphanumeric() || is_accent(c)))
        .map(|word| word.chars().flat_map(folded).take(WORD_LETTERS_MAX).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect()
}

fn folded_mail(text: &str) -> String {
    // `#` parts keys, and an address without white space is the same address.
    let kept = text
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control() && *c != '#');
    let mut mail = String::new();
    for c in kept.flat_map(char::to_lowercase) {
        if mail.len() + c.len_utf8() > MAIL_BYTES_MAX {
            break;
        }
        mail.push(c);
    }
    mail
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ' | '׳' | '״' | '"')
}

/// Accents, vowel points and cantillation that stand behind their letter.
const fn is_accent(c: char) -> bool {
    // Between the Hebrew points stands the maqaf, which parts words.
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}')
}

/// A letter as it is compared: lower case, and the Latin ones without their accents.
fn folded(c: char) -> impl Iterator<Item = char> {
    let plain = |c: char| match c {
        c if is_accent(c) => "",
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì'..='ï' | 'ī' | 'į' | 'ı' => "i",
        'ł' | 'ļ' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' | 'ņ' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        _ => "\u{0}",
    };
    c.to_lowercase().flat_map(move |lower| {
        let text = plain(lower);
        let same = (text == "\u{0}").then_some(lower);
        text.chars().filter(|c| *c != '\u{0}').chain(same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(first: &str, last: &str, mail: &str) -> Profile {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Profile {
            first_name: given(first),
            last_name: given(last),
            email: given(mail),
            ..Profile::default()
        }
    }

    #[test]
    fn a_name_is_found_by_the_beginning_of_each_of_its_words_however_it_is_written() {
        let someone = person("María José", "O’Brien-de la Cruz", "Maria@Example.org");
        assert_eq!(
            Places::of(&someone).words,
            ["maria", "jose", "obrien", "de", "la", "cruz"]
        );
        for (sought, place) in [
            ("mar", Some("maria")),
            ("JOSÉ", Some("jose")),
            ("o'bri", Some("obrien")),
            ("cruz maria", Some("maria")),
            ("m cruz", Some("cruz")),
            ("cruz jane", None),
            ("ariá", None),
            ("maria@exa", Some("maria@example.org")),
            ("@example", None),
            ("example.org maria", None),
        ] {
            let found = Sought::parse(sought).unwrap().place_of(&someone);
            assert_eq!(found.as_deref(), place, "{sought}");
        }
    }

    #[test]
    fn hebrew_is_found_with_and_without_points_and_a_letter_alone_is_too_little() {
        let someone = person("יוֹסֵף", "בן־דוד", "");
        assert_eq!(Places::of(&someone).words, ["יוסף", "בן", "דוד"]);
        assert!(Sought::parse("יוס").unwrap().place_of(&someone).is_some());
        for nothing in ["", "a", " - ", "x y z", "#@"] {
            assert_eq!(Sought::parse(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_place_holds_no_sign_that_parts_keys_and_is_not_long() {
        let long = person(&"x".repeat(500), "a#b", &format!("#{}@x.org", "y".repeat(400)));
        let places = Places::of(&long);
        assert_eq!(places.words, ["x".repeat(WORD_LETTERS_MAX), "a".into(), "b".into()]);
        assert!(
            places
                .all()
                .all(|place| !place.contains('#') && place.len() <= MAIL_BYTES_MAX)
        );
        assert_eq!(place_part("jose"), "jo");
    }
}
