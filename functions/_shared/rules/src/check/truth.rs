//! Can a condition be true, and can it be false? Tried with every combination of the values that it tells apart.
//!
//! Whatever is not a fact compared with a written value counts as something that may be true or false by itself: a
//! finding is certain, and a doubt is none.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use rhai::{Expr, FnCallExpr};

/// Combinations tried for one condition: a dozen facts with two values each. A longer condition is believed.
const COMBINATIONS_MAX: usize = 4_096;

/// Comparisons made for one script; the shipped ones take under 4,000. After these its conditions are believed, so that
/// a check takes milliseconds, whatever is in it.
const COMPARISONS_MAX: usize = 1_000_000;

/// A value as a script writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    YesNo(bool),
}

impl Value {
    /// The value that is written there, if one is.
    pub(super) fn read(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::StringConstant(text, _) => Some(Self::Text(text.to_string())),
            Expr::IntegerConstant(number, _) => Some(Self::Number(*number)),
            Expr::BoolConstant(yes, _) => Some(Self::YesNo(*yes)),
            _ => None,
        }
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    pub(super) fn read(call: &FnCallExpr) -> Option<Self> {
        Some(match call.name.as_str() {
            "==" => Self::Equal,
            "!=" => Self::Different,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    /// The same, with its sides swapped.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
            Self::Equal | Self::Different => self,
        }
    }

    pub(super) fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Different => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About<'a> {
    /// A fact, by name.
    Fact(&'static str),
    /// Anything else, by how it is written.
    Other(&'a str),
}

/// A condition, as far as it is understood.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Known(bool),
    Is(&'static str, Comparison, Value),
    Other(String),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// Whether a condition depends on anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Always,
    Never,
    Depends,
}

/// The values that a fact can have, as far as they are known.
pub(super) enum Values {
    /// One of these texts.
    Words(Vec<String>),
    /// Any text.
    Texts,
    /// Any number from nothing up.
    Counts,
    YesNo,
}

/// Tries the conditions of one script.
#[derive(Default)]
pub(super) struct Tries {
    comparisons: Cell<usize>,
}

/// The values that a fact can have.
pub(super) type ValuesOf<'a> = dyn Fn(&'static str) -> Values + 'a;

impl Tries {
    /// Whether there is a call for which it is true, and one for which it is false.
    pub(super) fn truth(&self, condition: &Condition, values_of: &ValuesOf<'_>) -> Truth {
        let mut told: BTreeMap<About<'_>, BTreeSet<Value>> = BTreeMap::new();
        tell_apart(condition, &mut told);
        let choices: Vec<(About<'_>, Vec<Value>)> = told
            .into_iter()
            .map(|(about, told)| (about, choices(about, &told, values_of)))
            .collect();
        let combinations = choices
            .iter()
            .try_fold(1_usize, |all, (_, values)| all.checked_mul(values.len()))
            .unwrap_or(usize::MAX);
        let comparisons = combinations.saturating_mul(size(condition));
        if combinations > COMBINATIONS_MAX || self.comparisons.get().saturating_add(comparisons) > COMPARISONS_MAX {
            return Truth::Depends;
        }
        self.comparisons.set(self.comparisons.get() + comparisons);
        let (mut can, mut can_fail) = (false, false);
        for nth in 0..combinations {
            let mut rest = nth;
            let case: BTreeMap<About<'_>, &Value> = choices
                .iter()
                .map(|(about, values)| {
                    let value = &values[rest % values.len()];
                    rest /= values.len();
                    (*about, value)
                })
                .collect();
            if holds(condition, &case) {
                can = true;
            } else {
                can_fail = true;
            }
        }
        match (can, can_fail) {
            (true, false) => Truth::Always,
            (false, true) => Truth::Never,
            _ => Truth::Depends,
        }
    }
}

/// Values of which each stands for all that the condition does not tell apart.
fn choices(about: About<'_>, told: &BTreeSet<Value>, values_of: &ValuesOf<'_>) -> Vec<Value> {
    let name = match about {
        About::Fact(name) => name,
        About::Other(_) => return vec![Value::YesNo(true), Value::YesNo(false)],
    };
    match values_of(name) {
        Values::YesNo => vec![Value::YesNo(true), Value::YesNo(false)],
        Values::Texts => told.iter().cloned().chain([another_text(told)]).collect(),
        Values::Words(words) => {
            let words = words.into_iter().map(Value::Text);
            let (named, others): (Vec<Value>, Vec<Value>) = words.partition(|word| told.contains(word));
            named.into_iter().chain(others.into_iter().take(1)).collect()
        }
        Values::Counts => {
            let around = told.iter().flat_map(|value| match value {
                Value::Number(n) => vec![n.saturating_sub(1), *n, n.saturating_add(1)],
                _ => Vec::new(),
            });
            let numbers: BTreeSet<i64> = around.filter(|n| *n >= 0).chain([0, i64::MAX]).collect();
            numbers.into_iter().map(Value::Number).collect()
        }
    }
}

/// A text that none of these is.
fn another_text(told: &BTreeSet<Value>) -> Value {
    let longest = told.iter().map(|value| match value {
        Value::Text(text) => text.len(),
        _ => 0,
    });
    Value::Text("?".repeat(longest.max().unwrap_or(0) + 1))
}

fn tell_apart<'a>(condition: &'a Condition, told: &mut BTreeMap<About<'a>, BTreeSet<Value>>) {
    match condition {
        Condition::Known(_) => {}
        Condition::Is(fact, _, value) => {
            told.entry(About::Fact(fact)).or_default().insert(value.clone());
        }
        Condition::Other(written) => {
            told.entry(About::Other(written)).or_default();
        }
        Condition::Not(one) => tell_apart(one, told),
        Condition::All(all) | Condition::Any(all) => all.iter().for_each(|one| tell_apart(one, told)),
    }
}

fn size(condition: &Condition) -> usize {
    match condition {
        Condition::Known(_) | Condition::Is(..) | Condition::Other(_) => 1,
        Condition::Not(one) => 1 + size(one),
        Condition::All(all) | Condition::Any(all) => 1 + all.iter().map(size).sum::<usize>(),
    }
}

fn holds(condition: &Condition, case: &BTreeMap<About<'_>, &Value>) -> bool {
    match condition {
        Condition::Known(yes) => *yes,
        Condition::Is(fact, comparison, value) => case
            .get(&About::Fact(fact))
            .is_some_and(|is| comparison.holds(is, value)),
        Condition::Other(written) => case
            .get(&About::Other(written))
            .is_some_and(|is| **is == Value::YesNo(true)),
        Condition::Not(one) => !holds(one, case),
        Condition::All(all) => all.iter().all(|one| holds(one, case)),
        Condition::Any(any) => any.iter().any(|one| holds(one, case)),
    }
}
