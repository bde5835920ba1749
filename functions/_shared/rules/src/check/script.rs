//! Does a script use only facts, answers and words that exist? Compiles it if so.

use std::collections::BTreeSet;

use redial_domain::{Disposition, Outcome, normalize_word};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Scope, Stmt};

use super::conditions::gap;
use super::truth::Tries;
use crate::answers::{ANSWERS, AnswerFn, usages};
use crate::cage::{self, HELPERS, SCRIPT_BYTES_MAX, VARIABLES_MAX};
use crate::facts::{self, FACTS, Vocabulary};
use crate::finding::{FINDINGS_MAX, plain_parse_error};
use crate::ruleset::{Compiled, Files};
use crate::spec::Spec;
use crate::{Finding, Script};

/// Checks one script; compiles it when nothing is wrong with it.
pub(crate) fn script(
    script: Script,
    files: &Files,
    spec: Option<&Spec>,
    findings: &mut Vec<Finding>,
) -> Option<Compiled> {
    let file = script.file();
    let text = files.get(file)?;
    if text.len() > SCRIPT_BYTES_MAX {
        findings.push(Finding::file(
            file,
            format!("the script is longer than {SCRIPT_BYTES_MAX} bytes"),
        ));
        return None;
    }
    let refused = |error: rhai::ParseError| {
        let (message, hint) = plain_parse_error(&error);
        Finding {
            hint,
            ..Finding::at(file, place(error.position()), message)
        }
    };

    let mut names = Scope::new();
    for fact in FACTS.iter().filter(|fact| fact.seen_by(script)) {
        names.push_constant(fact.name, ());
    }
    let ast = match cage::CHECKER.compile_with_scope(&names, text) {
        Ok(ast) => ast,
        Err(error) => {
            findings.push(refused(error));
            return None;
        }
    };
    let mut look = Look {
        script,
        spec,
        declared: declared(&ast),
        own: own_functions(&ast),
        uses: BTreeSet::new(),
        sets: Some(BTreeSet::new()),
        tries: Tries::default(),
        findings: Vec::new(),
    };
    ast.walk(&mut |path: &[ASTNode]| {
        look.at(path);
        look.findings.len() < FINDINGS_MAX
    });
    look.own_names(&ast);
    if let Some((at, why)) = gap(ast.statements()) {
        let finding = Finding::at(
            file,
            place(at),
            format!("{why}, so a call can come through without an answer"),
        );
        let answers = usages(script);
        look.findings
            .push(finding.hint(format!("every way ends in one of {answers}")));
    }
    look.findings.truncate(FINDINGS_MAX);
    // The strict reader stops at its first finding, so it comes last: names used before they are made.
    if look.findings.is_empty() {
        look.findings
            .extend(cage::STRICT.compile_with_scope(&names, text).err().map(refused));
    }
    let (wrong, uses) = (!look.findings.is_empty(), look.uses);
    findings.append(&mut look.findings);
    if wrong {
        return None;
    }
    match cage::RUNNER.compile(text) {
        Ok(ast) => {
            let uses = uses.into_iter().filter_map(facts::find).collect();
            Some(Compiled {
                ast,
                uses,
                sets: look.sets,
                lines: text.lines().count().max(1),
            })
        }
        Err(error) => {
            findings.push(refused(error));
            None
        }
    }
}

pub(super) fn place(at: Position) -> (usize, usize) {
    (at.line().unwrap_or(0), at.position().unwrap_or(0))
}

/// All names that the script makes anywhere, its functions' parameters included.
fn declared(ast: &AST) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ast
        .iter_functions()
        .flat_map(|f| f.params.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(var, ..))) => {
                names.insert(var.0.name.to_string());
            }
            Some(ASTNode::Stmt(Stmt::For(each, ..))) => {
                names.insert(each.0.name.to_string());
                names.extend(each.1.iter().map(|counter| counter.name.to_string()));
            }
            Some(ASTNode::Stmt(Stmt::TryCatch(flow, ..))) => {
                if let Expr::Variable(caught, ..) = &flow.expr {
                    names.insert(caught.1.to_string());
                }
            }
            _ => {}
        }
        true
    });
    names
}

fn own_functions(ast: &AST) -> BTreeSet<String> {
    ast.iter_functions().map(|f| f.name.to_owned()).collect()
}

/// A look at one script.
pub(super) struct Look<'a> {
    pub(super) script: Script,
    spec: Option<&'a Spec>,
    declared: BTreeSet<String>,
    own: BTreeSet<String>,
    uses: BTreeSet<&'static str>,
    /// The statuses that it sets, as far as they are written out; none if one is not.
    sets: Option<BTreeSet<String>>,
    pub(super) tries: Tries,
    pub(super) findings: Vec<Finding>,
}

impl Look<'_> {
    fn at(&mut self, path: &[ASTNode]) {
        self.conditions(path);
        match path.last() {
            Some(ASTNode::Expr(Expr::Variable(name, _, at))) => self.name(&name.1, *at),
            Some(
                ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at))
                | ASTNode::Stmt(Stmt::FnCall(call, at)),
            ) => {
                self.comparison(call);
                self.sorts(call);
                if call.op_token.is_none() {
                    self.call(call, *at);
                }
            }
            Some(ASTNode::Stmt(Stmt::Switch(made, _))) => self.switch(&made.0, &made.1),
            // `points.interested`
            Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                if let (Expr::Variable(name, ..), Expr::Property(status, at)) = (&pair.lhs, &pair.rhs)
                    && name.1 == facts::POINTS
                {
                    self.word(Vocabulary::Status, "status", &status.2, *at);
                }
            }
            Some(ASTNode::Stmt(Stmt::Var(var, _, at))) => self.made(&var.0.name, *at),
            Some(ASTNode::Stmt(Stmt::For(each, at))) => self.made(&each.0.name, *at),
            _ => {}
        }
    }

    /// A function named as an answer or a helper would answer in its place.
    fn own_names(&mut self, ast: &AST) {
        let taken = |name: &str| HELPERS.contains(&name) || ANSWERS.iter().any(|answer| answer.name == name);
        for own in ast.iter_functions().filter(|own| taken(own.name)) {
            let message = format!("`{}` is there already and cannot be made anew", own.name);
            let finding = Finding::file(self.script.file(), message);
            self.findings.push(finding.hint("choose another name"));
        }
    }

    fn say(&mut self, at: Position, message: String) -> Finding {
        Finding::at(self.script.file(), place(at), message)
    }

    /// A variable that hides a fact would make the next line read wrong.
    fn made(&mut self, name: &str, at: Position) {
        if facts::find(name).is_some() {
            let finding = self.say(at, format!("`{name}` is a fact and cannot be made anew"));
            self.findings.push(finding.hint("choose another name"));
        }
    }

    fn name(&mut self, name: &str, at: Position) {
        let fact = facts::find(name);
        let finding = match fact {
            Some(fact) if fact.seen_by(self.script) => {
                self.uses.insert(fact.name);
                return;
            }
            _ if self.declared.contains(name) => return,
            Some(_) => self.say(
                at,
                format!("`{name}` is a fact of `{}` only", Script::AutoStatus.file()),
            ),
            None => {
                let seen = FACTS
                    .iter()
                    .filter(|fact| fact.seen_by(self.script))
                    .map(|fact| fact.name);
                // A script that makes more cannot run.
                let made = self.declared.iter().take(VARIABLES_MAX).cloned();
                let known: Vec<String> = seen.map(str::to_owned).chain(made).collect();
                self.say(at, format!("unknown fact `{name}`"))
                    .did_you_mean(name, known.iter().map(String::as_str))
            }
        };
        self.findings.push(finding);
    }

    fn call(&mut self, call: &FnCallExpr, at: Position) {
        let name = call.name.as_str();
        let Some(answer) = ANSWERS.iter().find(|answer| answer.name == name) else {
            if !HELPERS.contains(&name) && !self.own.contains(name) {
                let answers = ANSWERS.iter().filter(|answer| answer.scripts.contains(&self.script));
                let known: Vec<String> = answers
                    .map(|answer| answer.name)
                    .chain(HELPERS)
                    .map(str::to_owned)
                    .chain(self.own.iter().cloned())
                    .collect();
                let finding = self.say(at, format!("unknown function `{name}`"));
                self.findings
                    .push(finding.did_you_mean(name, known.iter().map(String::as_str)));
            }
            return;
        };
        if !answer.scripts.contains(&self.script) {
            let home: Vec<&str> = answer.scripts.iter().map(|script| script.file()).collect();
            let finding = self.say(at, format!("`{name}` is an answer of `{}`", home.join("` and `")));
            self.findings
                .push(finding.hint(format!("here the answers are {}", usages(self.script))));
        } else if !(answer.takes.0..=answer.takes.1).contains(&call.args.len()) {
            let finding = self.say(at, format!("`{name}` is used with {} values", call.args.len()));
            self.findings.push(finding.hint(format!("write {}", answer.usage)));
        } else {
            self.answer_words(answer, call);
        }
    }

    /// Words that are written out in an answer must exist.
    fn answer_words(&mut self, answer: &AnswerFn, call: &FnCallExpr) {
        match answer.words.status.and_then(|place| call.args.get(place)) {
            Some(Expr::StringConstant(status, _)) => {
                if let Some(sets) = &mut self.sets {
                    sets.insert(status.to_string());
                }
            }
            Some(_) => self.sets = None,
            None => {}
        }
        let places = [
            (answer.words.outcome, Vocabulary::Outcome, "outcome"),
            (answer.words.disposition, Vocabulary::Disposition, "disposition"),
            (answer.words.status, Vocabulary::Status, "status"),
        ];
        for (place, words, what) in places {
            if let Some(Expr::StringConstant(word, at)) = place.and_then(|place| call.args.get(place)) {
                self.word(words, what, word, *at);
            }
        }
    }

    /// `disposition == "sael"` is never true: says so.
    fn comparison(&mut self, call: &FnCallExpr) {
        let [left, right] = &call.args[..] else { return };
        let ((Expr::Variable(name, ..), other) | (other, Expr::Variable(name, ..))) = (left, right) else {
            return;
        };
        if !matches!(call.name.as_str(), "==" | "!=" | "contains") {
            return;
        }
        let Some(fact) = facts::find(&name.1) else { return };
        let words = match other {
            Expr::Array(items, _) => items.iter().collect::<Vec<_>>(),
            // A part of a word need not look like a whole one.
            _ if fact.words == Vocabulary::Normal && call.name == "contains" => return,
            one => vec![one],
        };
        for word in words {
            if let Expr::StringConstant(word, at) = word {
                self.word(fact.words, fact.name, word, *at);
            }
        }
    }

    fn word(&mut self, words: Vocabulary, what: &str, word: &str, at: Position) {
        if self.is_known(words, word) {
            return;
        }
        if words == Vocabulary::Normal {
            let finding = self.say(
                at,
                format!("`{what}` is never `{word}`: it is in capitals, with `_` between"),
            );
            self.findings
                .push(finding.hint(format!("write \"{}\"", normalize_word(word))));
            return;
        }
        let known = self.known_words(words).unwrap_or_default();
        let finding = self.say(at, format!("unknown {what} `{word}`"));
        self.findings
            .push(finding.did_you_mean(word, known.iter().map(String::as_str).filter(|one| !one.is_empty())));
    }

    /// Whether a vocabulary has that word; one without an end has every word.
    pub(super) fn is_known(&self, words: Vocabulary, word: &str) -> bool {
        match (words, self.spec) {
            (Vocabulary::Outcome, _) => Outcome::parse(word).is_some(),
            (Vocabulary::Disposition, _) => Disposition::parse(word).is_some(),
            (Vocabulary::Status, Some(spec)) => spec.status(word).is_some(),
            (Vocabulary::StatusOrNone, Some(spec)) => word.is_empty() || spec.status(word).is_some(),
            (Vocabulary::Fixed(fixed), _) => fixed.contains(&word),
            (Vocabulary::Normal, _) => normalize_word(word) == word,
            (Vocabulary::Status | Vocabulary::StatusOrNone, None)
            | (Vocabulary::Free | Vocabulary::Count | Vocabulary::YesNo, _) => true,
        }
    }

    /// The words of a vocabulary, if it has an end.
    pub(super) fn known_words(&self, words: Vocabulary) -> Option<Vec<String>> {
        Some(match (words, self.spec) {
            (Vocabulary::Outcome, _) => Outcome::ALL.iter().map(|outcome| outcome.as_str().to_owned()).collect(),
            (Vocabulary::Disposition, _) => Disposition::ALL.iter().map(|is| is.as_str().to_owned()).collect(),
            (Vocabulary::Status, Some(spec)) => spec.statuses.iter().map(|status| status.name.to_string()).collect(),
            (Vocabulary::StatusOrNone, Some(spec)) => {
                let names = spec.statuses.iter().map(|status| status.name.to_string());
                names.chain([String::new()]).collect()
            }
            (Vocabulary::Fixed(fixed), _) => fixed.iter().map(|word| (*word).to_owned()).collect(),
            (Vocabulary::Status | Vocabulary::StatusOrNone, None)
            | (Vocabulary::Normal | Vocabulary::Free | Vocabulary::Count | Vocabulary::YesNo, _) => return None,
        })
    }
}
