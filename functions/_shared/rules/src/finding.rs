//! What is wrong with a rule set, for the person who wrote it: file, line, column, plain words, a hint.
//!
//! Knows no type names of ours: whatever a parser says about them is put into words here.

use std::fmt;

use redial_domain::nearest;
use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType};
use serde::Serialize;

use crate::answers::ANSWERS;
use crate::{cage, facts};

/// Findings about one file. Nobody reads more before mending the first, and a file of nothing but mistakes must be
/// checked as quickly as another.
pub(crate) const FINDINGS_MAX: usize = 50;

/// Known words that a hint lists. A rule set has at most 40 statuses.
const LISTED_MAX: usize = 50;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rule set cannot be used.
    Error,
    /// It can be used; whoever wrote it may have meant something else.
    Warning,
}

/// One thing that is wrong with a rule set, or looks like it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file in the set's folder.
    pub file: String,
    /// Line, from 1; 0 when it is about the whole file.
    pub line: usize,
    /// Column, from 1; 0 when it is about the whole line.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    pub(crate) fn at(file: &str, (line, column): (usize, usize), message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line,
            column,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn file(file: &str, message: impl Into<String>) -> Self {
        Self::at(file, (0, 0), message)
    }

    /// The same as something to look at, which refuses nothing.
    pub(crate) fn warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With "did you mean" when one of the known words is near, else with the list of them.
    pub(crate) fn did_you_mean<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(given, &known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() || known.len() > LISTED_MAX => self,
            None => self.hint(format!("use one of: {}", known.join(", "))),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        write!(f, "`{}`", self.file)?;
        if self.line > 0 {
            write!(f, " line {}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ", column {}", self.column)?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Where a byte of a text is, as line and column, both from 1.
pub(crate) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before: &str = text.get(..byte.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// A script's text that is not a script, in plain words.
pub(crate) fn plain_parse_error(error: &ParseError) -> (String, Option<String>) {
    let hint = |text: &str| Some(text.to_owned());
    match error.err_type() {
        ParseErrorType::UnexpectedEOF => (
            "the script ends in the middle of something".to_owned(),
            hint("look for a missing `}` or `)`"),
        ),
        ParseErrorType::Reserved(word) => (format!("`{word}` cannot be used in rules"), None),
        ParseErrorType::VariableUndefined(name) => (format!("nothing is called `{name}` at this place"), None),
        ParseErrorType::VariableExists(name) => {
            (format!("`{name}` already means something"), hint("choose another name"))
        }
        ParseErrorType::AssignmentToConstant(name) => (
            format!("`{name}` is a fact and cannot be changed"),
            hint("to compare, write `==`"),
        ),
        ParseErrorType::ExprTooDeep => {
            let most = cage::EXPR_DEPTH_MAX;
            (
                format!(
                    "the script is nested deeper than {most} levels, or {} in a function",
                    cage::FN_EXPR_DEPTH_MAX
                ),
                hint("split it, or use fewer `else if` in one chain and shorter lists"),
            )
        }
        ParseErrorType::MismatchedType(needed, _) if needed.starts_with("a boolean") => (
            "a condition is yes or no, and this is none".to_owned(),
            hint("on both sides of `||` and `&&` stands a whole comparison, as in `outcome == \"busy\"`"),
        ),
        ParseErrorType::TooManyFunctions => (
            format!("the script has more than {} functions", cage::FUNCTIONS_MAX),
            None,
        ),
        ParseErrorType::LiteralTooLarge(_, most) => {
            (format!("a text or list in the script is longer than {most}"), None)
        }
        other if other.to_string().contains("typo of") => {
            ("one `=` sets a value".to_owned(), hint("to compare, write `==`"))
        }
        ParseErrorType::MissingToken(token, _) if token == "," => (
            "a `,` or `)` is missing here".to_owned(),
            hint("look for a text without its closing quote or an answer without its closing `)`"),
        ),
        ParseErrorType::MissingToken(token, _) if token == ";" => (
            "something is missing before this".to_owned(),
            hint("look for a missing `}`, `;` or comparison"),
        ),
        ParseErrorType::MissingToken(token, _) => (format!("a `{token}` is missing here"), None),
        ParseErrorType::BadInput(input) if disabled(&input.to_string()).is_some() => {
            let word = disabled(&input.to_string()).unwrap_or_default();
            (format!("`{word}` cannot be used in rules"), None)
        }
        ParseErrorType::BadInput(LexError::UnexpectedInput(letter)) if odd_letter(letter).is_some() => {
            odd_letter(letter).unwrap_or_default()
        }
        ParseErrorType::BadInput(input) => (plain(&input.to_string()).replace('\'', "`"), None),
        other => (plain(&other.to_string()).replace('\'', "`"), None),
    }
}

/// A letter that people cannot tell from another, or cannot see, by number and in words; and what to do about it.
fn odd_letter(text: &str) -> Option<(String, Option<String>)> {
    let letter = text.chars().next().filter(|c| !c.is_ascii() || c.is_control())?;
    let (name, hint) = match letter {
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '״' => ("a curly quote", "write \""),
        '\u{2018}'..='\u{201b}' | '׳' => ("a curly apostrophe", "write \" around a text"),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '־' => ("a long dash", "write -"),
        '\u{2026}' => ("three dots in one letter", "leave it out"),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ("an unusual space", "write a plain space"),
        '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => (
            "a letter that cannot be seen",
            "delete it and what surrounds it, and write it anew",
        ),
        letter if letter.is_control() => (
            "a control character that cannot be seen",
            "save the file as plain text in UTF-8",
        ),
        _ => (
            "a letter that means nothing here",
            "letters of a text stand between \" and \"",
        ),
    };
    let code = u32::from(letter);
    Some((
        format!("U+{code:04X}, {name}, cannot stand here"),
        Some(hint.to_owned()),
    ))
}

/// The word in "reserved keyword 'eval' is disabled".
fn disabled(input: &str) -> Option<String> {
    let word = input.strip_suffix(" is disabled")?.rsplit(' ').next()?;
    Some(word.trim_matches(['\'', '`']).to_owned())
}

/// A failed run, in plain words, with its line and column.
pub(crate) fn plain_run_error(error: &EvalAltResult) -> (String, (usize, usize)) {
    let at = error.position();
    let at = (at.line().unwrap_or(0), at.position().unwrap_or(0));
    let text = match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => return inner_error(inner, at),
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!(
                "it took more than {} steps; is there a loop that does not end?",
                cage::OPERATIONS_MAX
            )
        }
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions call each other more than {} deep", cage::CALL_LEVELS_MAX)
        }
        EvalAltResult::ErrorTooManyVariables(_) => format!("it made more than {} variables", cage::VARIABLES_MAX),
        EvalAltResult::ErrorDataTooLarge(..) => "a text, list or table grew over its limit".to_owned(),
        EvalAltResult::ErrorVariableNotFound(name, _) if facts::find(name).is_some() => {
            format!("a function sees only what it is given; pass `{name}` as a value")
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("nothing is called `{name}` at this place"),
        EvalAltResult::ErrorFunctionNotFound(call, _) => {
            let (name, values) = call.split_once(" (").unwrap_or((call, ")"));
            match ANSWERS.iter().find(|answer| answer.name == name) {
                Some(answer) => format!("`{name}` is used with ({}; write {}", plain(values), answer.usage),
                None => format!("nothing does `{}`", plain(call)),
            }
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _) => format!("`{name}` is a fact and cannot be changed"),
        EvalAltResult::ErrorRuntime(said, _) => said.to_string(),
        EvalAltResult::ErrorParsing(kind, _) => plain(&kind.to_string()),
        other => {
            let text = plain(&other.to_string());
            text.rsplit_once(" (line ")
                .map_or(text.clone(), |(text, _)| text.to_owned())
        }
    };
    (text, at)
}

fn inner_error(inner: &EvalAltResult, outer_at: (usize, usize)) -> (String, (usize, usize)) {
    let (text, at) = plain_run_error(inner);
    (text, if at.0 == 0 { outer_at } else { at })
}

/// What a parser says, without the names that programmers have for types.
pub fn plain(text: &str) -> String {
    const WORDS: [(&str, &str); 27] = [
        ("failed to parse timezone: ", "there is no zone "),
        ("ImmutableString", "text"),
        ("&str | text | String", "text"),
        ("alloc::string::String", "text"),
        ("invalid type: ", "this is "),
        ("invalid value: ", "this is "),
        ("a borrowed string", "text"),
        ("string \"", "the text \""),
        ("a string", "text"),
        ("a sequence", "a list"),
        ("sequence", "list"),
        ("a map", "a table"),
        ("integer `", "the number `"),
        ("floating point `", "the number `"),
        ("boolean `", "`"),
        ("a boolean", "true or false"),
        (
            "expected u32",
            "expected a whole number of 0 or more, of at most nine digits",
        ),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected usize", "expected a whole number, 0 or more"),
        (
            "short or long weekday names expected",
            "this is no weekday, expected mon, tue, wed, thu, fri, sat or sun",
        ),
        ("expected struct ", "expected the table "),
        ("unknown variant", "unknown word"),
        ("unknown field", "unknown setting"),
        ("missing field", "missing setting"),
        ("duplicate field", "twice the setting"),
        ("i64", "number"),
        ("f64", "number with a fraction"),
    ];
    let text = WORDS.iter().fold(text.to_owned(), |text, (programmer, person)| {
        text.replace(programmer, person)
    });
    // What follows is the name that the program has for the table.
    match text.split_once("expected the table ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_one_sentence() {
        let finding = Finding::at("stop_redial.rhai", (3, 8), "unknown status `sael`").did_you_mean("sael", ["sale"]);
        assert_eq!(
            finding.to_string(),
            "`stop_redial.rhai` line 3, column 8: unknown status `sael`; did you mean `sale`?"
        );
    }

    #[test]
    fn lines_and_columns_are_counted_in_letters_from_one() {
        assert_eq!(position("אב\nגד", "אב\nג".len()), (2, 2));
        assert_eq!(position("", 9), (1, 1));
    }
}
