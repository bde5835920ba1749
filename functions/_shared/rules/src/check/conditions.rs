//! Does every condition depend on something, and can every branch be taken?
//!
//! A condition that is always or never true is a slip of the one who wrote it: a word of another fact, an `and` where
//! an `or` was meant, a line copied and not changed.

use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::script::{Look, place};
use super::truth::{Comparison, Condition, Truth, Value, Values};
use crate::Finding;
use crate::facts::{self, Fact, Vocabulary};

/// What a value is, for people.
fn what(words: Vocabulary) -> &'static str {
    match words {
        Vocabulary::Count => "a number",
        Vocabulary::YesNo => "yes or no",
        _ => "a text",
    }
}

impl Look<'_> {
    /// Looks at the conditions that begin at this node.
    pub(super) fn conditions(&mut self, path: &[ASTNode<'_>]) {
        let parent = path.len().checked_sub(2).map(|at| &path[at]);
        match (path.last(), parent) {
            (Some(ASTNode::Stmt(stmt @ Stmt::If(..))), parent) if !is_else_if(stmt, parent) => self.chain(stmt),
            (Some(ASTNode::Expr(expr)), parent) if is_condition(expr) && !is_part(expr, parent) => {
                self.dependent(expr, "");
            }
            _ => {}
        }
    }

    /// `if`, and each `else if` after it.
    fn chain(&mut self, first: &Stmt) {
        let mut before: Vec<(Condition, Position)> = Vec::new();
        let mut next = Some(first);
        while let Some(Stmt::If(flow, at)) = next {
            next = match flow.branch.statements() {
                [only] => Some(only),
                _ => None,
            };
            if !self.dependent(&flow.expr, "take the `if` away, or say what it depends on") {
                continue;
            }
            let now = self.condition(&flow.expr);
            let taken = before.iter().find(|(earlier, _)| {
                let left_over = Condition::All(vec![now.clone(), Condition::Not(Box::new(earlier.clone()))]);
                self.truth(&left_over) == Truth::Never
            });
            if let Some((_, earlier)) = taken {
                let finding = Finding::at(self.script.file(), place(*at), "this branch is never taken");
                let line = earlier.line().unwrap_or(0);
                self.findings
                    .push(finding.hint(format!("what would come here is taken on line {line} already")));
            }
            before.push((now, *at));
        }
    }

    /// Whether the condition, and each part of it, can be true and can be false; says so if not.
    fn dependent(&mut self, expr: &Expr, advice: &str) -> bool {
        if let Some(fact) = fact_of(expr).filter(|fact| fact.words != Vocabulary::YesNo) {
            let message = format!("`{}` is {}, and a condition is yes or no", fact.name, what(fact.words));
            let example = match fact.words {
                Vocabulary::Count => format!("`{} > 0`", fact.name),
                _ => format!("`{} == \"...\"`", fact.name),
            };
            let finding = Finding::at(self.script.file(), place(start(expr)), message);
            self.findings.push(finding.hint(format!("compare it, as in {example}")));
            return false;
        }
        let condition = self.condition(expr);
        let (is, advice) = match self.truth(&condition) {
            Truth::Depends => return self.parts_are_dependent(expr),
            Truth::Always if advice.is_empty() => ("always true", "say what it depends on"),
            Truth::Always => ("always true", advice),
            Truth::Never => ("never true", "no call is like that"),
        };
        let finding = Finding::at(
            self.script.file(),
            place(start(expr)),
            format!("this condition is {is}"),
        );
        self.findings.push(finding.hint(advice));
        false
    }

    fn parts_are_dependent(&mut self, expr: &Expr) -> bool {
        let parts: &[Expr] = match expr {
            Expr::And(parts, _) | Expr::Or(parts, _) => parts,
            Expr::FnCall(call, _) if call.name == "!" => {
                return call.args.iter().all(|one| self.parts_are_dependent(one));
            }
            _ => return true,
        };
        // Each is looked at, so that all is said at once.
        parts.iter().filter(|part| !self.dependent(part, "")).count() == 0
    }

    /// `talk_s == "3"` is never true, because a number is no text.
    pub(super) fn sorts(&mut self, call: &FnCallExpr) {
        let [left, right] = &call.args[..] else { return };
        let pairs: Vec<(&Fact, &Expr)> = match (fact_of(left), fact_of(right), right, left) {
            (Some(fact), None, value, _) | (None, Some(fact), _, value) if Comparison::read(call).is_some() => {
                vec![(fact, value)]
            }
            (None, Some(fact), _, Expr::Array(values, _)) if call.name == "contains" => {
                values.iter().map(|value| (fact, value)).collect()
            }
            _ => return,
        };
        for (fact, written) in pairs {
            let Some(value) = Value::read(written).filter(|value| !fits(fact, value)) else {
                continue;
            };
            let (value, hint) = match (&value, fact.words) {
                (Value::Text(text), Vocabulary::Count) => (
                    format!("the text \"{text}\""),
                    text.trim()
                        .parse()
                        .ok()
                        .map(|n: u32| format!("write {n} without quotes")),
                ),
                (Value::Text(text), Vocabulary::YesNo) => (
                    format!("the text \"{text}\""),
                    Some(format!("write `{0}`, or `!{0}` for its opposite", fact.name)),
                ),
                (Value::Text(text), _) => (format!("the text \"{text}\""), None),
                (Value::Number(n), Vocabulary::YesNo) => (
                    format!("the number {n}"),
                    Some(format!("write `{0}`, or `!{0}` for its opposite", fact.name)),
                ),
                (Value::Number(n), _) => (format!("the number {n}"), Some("a text stands in quotes".to_owned())),
                (Value::YesNo(yes), _) => (format!("`{yes}`, which is yes or no"), None),
            };
            let message = format!("`{}` is {} and is compared with {value}", fact.name, what(fact.words));
            let finding = Finding::at(self.script.file(), place(written.position()), message);
            self.findings.push(Finding { hint, ..finding });
        }
    }

    fn truth(&self, condition: &Condition) -> Truth {
        let values = |name: &'static str| self.values(name);
        self.tries.truth(condition, &values)
    }

    fn values(&self, name: &'static str) -> Values {
        let words = facts::find(name).map_or(Vocabulary::Free, |fact| fact.words);
        match words {
            Vocabulary::Count => Values::Counts,
            Vocabulary::YesNo => Values::YesNo,
            _ => self.known_words(words).map_or(Values::Texts, Values::Words),
        }
    }

    /// Reads a condition. What has a finding of its own, as an unknown word, is not understood.
    fn condition(&self, expr: &Expr) -> Condition {
        let understood = match expr {
            Expr::BoolConstant(yes, _) => Some(Condition::Known(*yes)),
            Expr::And(parts, _) => Some(Condition::All(parts.iter().map(|part| self.condition(part)).collect())),
            Expr::Or(parts, _) => Some(Condition::Any(parts.iter().map(|part| self.condition(part)).collect())),
            Expr::Variable(..) => fact_of(expr)
                .filter(|fact| fact.words == Vocabulary::YesNo)
                .map(|fact| Condition::Is(fact.name, Comparison::Equal, Value::YesNo(true))),
            Expr::FnCall(call, _) => self.compared(call),
            _ => None,
        };
        understood.unwrap_or_else(|| Condition::Other(written(expr)))
    }

    fn compared(&self, call: &FnCallExpr) -> Option<Condition> {
        match &call.args[..] {
            [one] if call.name == "!" => Some(Condition::Not(Box::new(self.condition(one)))),
            [Expr::Array(values, _), one] if call.name == "contains" => {
                let fact = fact_of(one)?;
                let any: Option<Vec<Condition>> = values
                    .iter()
                    .map(|value| self.is(fact, Comparison::Equal, Value::read(value)?))
                    .collect();
                Some(Condition::Any(any?))
            }
            [left, right] => {
                let comparison = Comparison::read(call)?;
                match (fact_of(left), fact_of(right), Value::read(left), Value::read(right)) {
                    (Some(fact), _, _, Some(value)) => self.is(fact, comparison, value),
                    (_, Some(fact), Some(value), _) => self.is(fact, comparison.turned(), value),
                    (_, _, Some(a), Some(b)) if std::mem::discriminant(&a) == std::mem::discriminant(&b) => {
                        Some(Condition::Known(comparison.holds(&a, &b)))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn is(&self, fact: &'static Fact, comparison: Comparison, value: Value) -> Option<Condition> {
        let equality = matches!(comparison, Comparison::Equal | Comparison::Different);
        let known = match &value {
            Value::Text(text) => self.is_known(fact.words, text),
            _ => true,
        };
        (fits(fact, &value) && known && (equality || fact.words == Vocabulary::Count))
            .then_some(Condition::Is(fact.name, comparison, value))
    }
}

fn fits(fact: &Fact, value: &Value) -> bool {
    match fact.words {
        Vocabulary::Count => matches!(value, Value::Number(_)),
        Vocabulary::YesNo => matches!(value, Value::YesNo(_)),
        _ => matches!(value, Value::Text(_)),
    }
}

fn fact_of(expr: &Expr) -> Option<&'static Fact> {
    match expr {
        Expr::Variable(name, ..) => facts::find(&name.1),
        _ => None,
    }
}

/// Where a call can come through without an answer, and why; the last statement of a script is its answer.
pub(super) fn gap(statements: &[Stmt]) -> Option<(Position, &'static str)> {
    match statements.last()? {
        Stmt::If(flow, at) if flow.branch.is_empty() => Some((*at, "this `if` has no `else`")),
        Stmt::If(flow, at) if flow.body.is_empty() => Some((*at, "the braces of this `if` are empty")),
        Stmt::If(flow, _) => gap(flow.body.statements()).or_else(|| gap(flow.branch.statements())),
        Stmt::Switch(made, at) if made.1.def_case.is_none() => Some((*at, "this `switch` has no `_`")),
        Stmt::Block(block) => gap(block.statements()),
        Stmt::Expr(expr) => match &**expr {
            Expr::Stmt(block) => gap(block.statements()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether that is a condition by its form.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::And(..) | Expr::Or(..) => true,
        Expr::FnCall(call, _) => call.name == "!" || call.name == "contains" || Comparison::read(call).is_some(),
        _ => false,
    }
}

/// Whether it is looked at together with what it stands in.
fn is_part(expr: &Expr, parent: Option<&ASTNode<'_>>) -> bool {
    match parent {
        Some(ASTNode::Expr(whole)) => is_condition(whole),
        Some(ASTNode::Stmt(Stmt::If(flow, _))) => std::ptr::eq(&raw const flow.expr, expr),
        _ => false,
    }
}

fn is_else_if(stmt: &Stmt, parent: Option<&ASTNode<'_>>) -> bool {
    let Some(ASTNode::Stmt(Stmt::If(flow, _))) = parent else {
        return false;
    };
    matches!(flow.branch.statements(), [only] if std::ptr::eq(only, stmt))
}

/// Where it begins: an operator's own place is in its middle.
fn start(expr: &Expr) -> Position {
    let own = expr.start_position();
    let parts: &[Expr] = match expr {
        Expr::And(parts, _) | Expr::Or(parts, _) => parts,
        Expr::FnCall(call, _) if call.op_token.is_some() || is_condition(expr) => &call.args,
        _ => &[],
    };
    let places = parts.iter().map(start).chain([own]);
    places.min_by_key(|at| place(*at)).unwrap_or(own)
}

/// How it is written, without its place in the script, so that the same thing said twice is one.
fn written(expr: &Expr) -> String {
    let text = format!("{expr:?}");
    let mut parts = text.split(" @ ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    out
}
