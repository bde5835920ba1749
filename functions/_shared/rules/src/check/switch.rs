//! Are the words of a `switch` over a fact words that the fact can have?
//!
//! The language keeps of each case only a fingerprint. Those of the known words are made in the same way, and a case
//! with another one is never taken.

use std::collections::BTreeSet;

use rhai::{AST, Expr, Stmt, SwitchCasesCollection};

use super::script::{Look, place};
use crate::{Finding, cage, facts};

impl Look<'_> {
    /// Looks at the cases of a `switch` over a fact.
    pub(super) fn switch(&mut self, over: &Expr, cases: &SwitchCasesCollection) {
        let Expr::Variable(name, ..) = over else { return };
        let Some(fact) = facts::find(&name.1) else { return };
        let Some(known) = self.known_words(fact.words) else {
            return;
        };
        let Some(prints) = prints(&known) else { return };
        let strangers = cases.cases.iter().filter(|(print, _)| !prints.contains(*print));
        for (_, blocks) in strangers {
            let Some(taken) = blocks.blocks.first().and_then(|at| cases.expressions.get(*at)) else {
                continue;
            };
            let message = format!("this case is never taken; it is no {} that exists", fact.name);
            let finding = Finding::at(self.script.file(), place(taken.rhs.start_position()), message);
            let words: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
            self.findings
                .push(finding.hint(format!("use one of: {}", words.join(", "))));
        }
    }
}

/// The fingerprints of these words as cases.
fn prints(words: &[String]) -> Option<BTreeSet<u64>> {
    let cases: Vec<String> = words.iter().map(|word| format!("{word:?} => 0")).collect();
    let ast: AST = cage::CHECKER
        .compile(format!("switch 0 {{ {} }}", cases.join(", ")))
        .ok()?;
    match ast.statements() {
        [Stmt::Switch(made, _)] => Some(made.1.cases.keys().copied().collect()),
        [Stmt::Expr(expr)] => match &**expr {
            Expr::Stmt(block) => match block.statements() {
                [Stmt::Switch(made, _)] => Some(made.1.cases.keys().copied().collect()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
