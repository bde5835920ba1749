//! Runs the four scripts over the facts of one call and turns what they say into one checked answer.
//!
//! Hard limits that no script can lift: a disposition never falls below what is known, an explicit stop is a
//! do-not-call, a do-not-call stops the phone, a status moves only along the table of moves. When and whether a call
//! is really placed is not decided here.

use std::cell::OnceCell;

use redial_domain::{
    Disposition, MovedBy, NextWish, Outcome, RuleAnswer, RuleFacts, StopScope, StopWish, Trace, nearest,
};
use rhai::{Dynamic, Engine, ImmutableString, Scope};

use crate::answers::{Answer, Says, usages};
use crate::cage;
use crate::facts::{View, scope};
use crate::finding::plain_run_error;
use crate::meaning::{self, Meaning};
use crate::spec::{Status, StatusKind};
use crate::{RuleError, RuleSet, Script};

/// Letters of the reason that is kept for a moved status: the attempt is one write unit.
const WHY_MAX: usize = 80;

/// A decision with what each script said.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The decision.
    pub answer: RuleAnswer,
    /// What the scripts said, in the order in which they ran. After a stop, `redial_interval` is not asked.
    pub said: Vec<Said>,
}

/// What one script said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub script: Script,
    /// On which line.
    pub line: usize,
    /// Its reason.
    pub why: String,
    /// A move to a status that the table of moves does not have, or by what was said to a weaker one, as `from → to`;
    /// it was not made.
    pub refused_move: Option<String>,
}

impl RuleSet {
    /// Decides about one call.
    ///
    /// # Errors
    /// When a script fails, ends without an answer, or names a word that the set does not have. Then the lead is to be
    /// parked.
    pub fn decide(&self, facts: &RuleFacts<'_>) -> Result<RuleAnswer, RuleError> {
        self.run_all(&cage::RUNNER, facts, &mut |_, _, _| ())
    }

    /// As [`RuleSet::decide`], with its steps counted.
    pub(crate) fn decide_counting(&self, facts: &RuleFacts<'_>) -> Result<RuleAnswer, RuleError> {
        self.run_all(&cage::COUNTING, facts, &mut |_, _, _| ())
    }

    /// Decides about one call, and says what each script said.
    ///
    /// # Errors
    /// As [`RuleSet::decide`].
    pub fn explain(&self, facts: &RuleFacts<'_>) -> Result<Explained, RuleError> {
        let mut said = Vec::new();
        let answer = self.run_all(&cage::RUNNER, facts, &mut |script, answer: &Answer, refused_move| {
            said.push(Said {
                script,
                line: answer.line,
                why: answer.why.to_string(),
                refused_move,
            });
        })?;
        Ok(Explained { answer, said })
    }

    fn run_all(
        &self,
        engine: &Engine,
        facts: &RuleFacts<'_>,
        said: &mut dyn FnMut(Script, &Answer, Option<String>),
    ) -> Result<RuleAnswer, RuleError> {
        let meaning = meaning::of(facts, &self.spec);
        let mut view = View {
            rule: facts,
            word: &meaning.word,
            outcome: meaning.outcome,
            disposition: meaning.disposition,
            // A lead that came from another rule set starts anew here.
            status: self.spec.status(facts.status.as_str()).unwrap_or(&self.default_status),
            set: self,
            heard: OnceCell::new(),
        };
        let before = view.status;
        let mut moved_by = None;

        for script in [Script::OutcomeToStatus, Script::AutoStatus] {
            let answer = self.ask(engine, script, &view)?;
            let wished = self.apply_status(script, &answer, &meaning, &mut view)?;
            let lowers = script == Script::AutoStatus
                && wished.name != view.status.name
                && self.spec.lowers(before.kind, wished.kind);
            let stood = view.status;
            let refused = if lowers {
                Some(format!("{} → {}, weaker than before", before.name, wished.name))
            } else {
                self.move_to(wished, &mut view)
            };
            if view.status.name != stood.name {
                moved_by = Some(MovedBy {
                    line: format!("{script}:{}", answer.line),
                    why: answer.why.chars().take(WHY_MAX).collect(),
                });
            }
            said(script, &answer, refused);
        }
        if view.status.name == before.name {
            moved_by = None;
        }

        let answer = self.ask(engine, Script::StopRedial, &view)?;
        said(Script::StopRedial, &answer, None);
        let stop = stop_wish(&answer, view.disposition, view.status.kind);
        if let Some(stop) = stop {
            let trace = self.trace(Script::StopRedial, answer.line, stop.reason.clone());
            return Ok(self.answer(&view, &meaning, Some(stop), NextWish::NextDay, (trace, moved_by)));
        }

        let answer = self.ask(engine, Script::RedialInterval, &view)?;
        let next = self.next_wish(&answer, facts)?;
        let answer = Answer {
            why: self.interval_reason(&answer, next, facts),
            ..answer
        };
        said(Script::RedialInterval, &answer, None);
        let trace = self.trace(Script::RedialInterval, answer.line, answer.why.to_string());
        Ok(self.answer(&view, &meaning, None, next, (trace, moved_by)))
    }

    /// Runs one script and takes its answer, if it is one to its question.
    pub(crate) fn ask(&self, engine: &Engine, script: Script, view: &View<'_>) -> Result<Answer, RuleError> {
        self.ask_about(engine, script, scope(view, &self.scripts[script.index()].uses))
    }

    /// As [`RuleSet::ask`], with these facts.
    pub(crate) fn ask_about(&self, engine: &Engine, script: Script, mut facts: Scope<'_>) -> Result<Answer, RuleError> {
        let compiled = &self.scripts[script.index()];
        let said = engine
            .eval_ast_with_scope::<Dynamic>(&mut facts, &compiled.ast)
            .map_err(|error| {
                let (message, (line, _)) = plain_run_error(&error);
                self.error(script, line, message)
            })?;
        let answer = said.try_cast::<Answer>().filter(|answer| answer.says.answers(script));
        answer.ok_or_else(|| {
            let message = format!(
                "it ended without an answer; every way through it must end in one of {}",
                usages(script)
            );
            self.error(script, compiled.lines, message)
        })
    }

    /// Takes over what a status script said; returns the status it wishes.
    pub(crate) fn apply_status<'a>(
        &'a self,
        script: Script,
        answer: &Answer,
        meaning: &Meaning,
        view: &mut View<'a>,
    ) -> Result<&'a Status, RuleError> {
        let wished = match &answer.says {
            Says::Result {
                outcome,
                disposition,
                status,
            } => {
                let outcomes = Outcome::ALL.map(Outcome::as_str);
                let dispositions = Disposition::ALL.map(Disposition::as_str);
                let unknown = |what, word, known| self.error(script, answer.line, unknown_word(what, word, known));
                view.outcome = Outcome::parse(outcome).ok_or_else(|| unknown("outcome", outcome, &outcomes))?;
                let new = Disposition::parse(disposition)
                    .ok_or_else(|| unknown("disposition", disposition, &dispositions))?;
                view.disposition = new.max(meaning.floor);
                status
            }
            Says::Status(status) => status,
            _ => return Ok(view.status),
        };
        self.spec.status(wished).ok_or_else(|| {
            let known: Vec<&str> = self.spec.statuses.iter().map(|status| status.name.as_str()).collect();
            self.error(script, answer.line, unknown_word("status", wished, &known))
        })
    }

    /// Moves the lead if the table has the move; says which move was refused.
    fn move_to<'a>(&'a self, wished: &'a Status, view: &mut View<'a>) -> Option<String> {
        let from = &view.status.name;
        if !self.spec.may_move(from, &wished.name) {
            return Some(format!("{from} → {}", wished.name));
        }
        view.status = wished;
        None
    }

    pub(crate) fn next_wish(&self, answer: &Answer, facts: &RuleFacts<'_>) -> Result<NextWish, RuleError> {
        match answer.says {
            Says::InMinutes(minutes) => Ok(NextWish::InMinutes(minutes)),
            Says::NextDay => Ok(NextWish::NextDay),
            Says::AtCallbackTime => facts.callback_at().map(NextWish::At).ok_or_else(|| {
                let message = "no time was promised; ask `if callback_time_known` before `at_callback_time()`";
                self.error(Script::RedialInterval, answer.line, message.to_owned())
            }),
            _ => Ok(NextWish::InMinutes(
                self.spec.interval_min(facts.intervals_min, facts.attempts_today),
            )),
        }
    }

    /// A script may leave out why it waits; the numbers then say it.
    fn interval_reason(&self, answer: &Answer, next: NextWish, facts: &RuleFacts<'_>) -> ImmutableString {
        match next {
            NextWish::InMinutes(minutes) if answer.why.is_empty() && answer.says == Says::Ladder => format!(
                "{minutes} minutes before call {} of the day",
                u64::from(facts.attempts_today) + 1
            )
            .into(),
            NextWish::InMinutes(minutes) if answer.why.is_empty() => format!("again in {minutes} minutes").into(),
            _ => answer.why.clone(),
        }
    }

    fn answer(
        &self,
        view: &View<'_>,
        meaning: &Meaning,
        stop: Option<StopWish>,
        next: NextWish,
        (trace, moved_by): (Trace, Option<MovedBy>),
    ) -> RuleAnswer {
        RuleAnswer {
            outcome: view.outcome,
            disposition: view.disposition,
            status: view.status.name.clone(),
            stop,
            next,
            trace,
            moved_by,
            unknown_word: meaning.word_is_unknown.then(|| meaning.word.clone()),
            unpromised: view.rule.unpromised(view.disposition),
        }
    }

    fn trace(&self, script: Script, line: usize, why: String) -> Trace {
        let (set, hash) = (self.name.clone(), self.hash.clone());
        Trace {
            set,
            version: self.version,
            hash,
            line: format!("{script}:{line}"),
            why,
        }
    }

    fn error(&self, script: Script, line: usize, message: String) -> RuleError {
        RuleError {
            set: self.name.clone(),
            version: self.version,
            hash: self.hash.clone(),
            script,
            line,
            message,
        }
    }
}

/// How far a stop reaches. INVARIANT: a do-not-call stops the phone, whatever the script says or forgets (R0).
pub(crate) fn stop_wish(answer: &Answer, disposition: Disposition, kind: StatusKind) -> Option<StopWish> {
    let reason = answer.why.to_string();
    match (&answer.says, disposition) {
        (Says::Stop(_), Disposition::Dnc) => Some(StopWish {
            scope: StopScope::Phone,
            reason,
        }),
        (_, Disposition::Dnc) => {
            let reason = "asked not to be called; the script would go on, a do-not-call always stops".to_owned();
            Some(StopWish {
                scope: StopScope::Phone,
                reason,
            })
        }
        (Says::Stop(Some(scope)), _) => Some(StopWish { scope: *scope, reason }),
        (Says::Stop(None), is) if is == Disposition::Sale || kind == StatusKind::Won => Some(StopWish {
            scope: StopScope::Subject,
            reason,
        }),
        (Says::Stop(None), _) => Some(StopWish {
            scope: StopScope::Lead,
            reason,
        }),
        _ => None,
    }
}

pub(crate) fn unknown_word(what: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("unknown {what} `{word}`, did you mean `{near}`?"),
        None => format!("unknown {what} `{word}`; use one of: {}", known.join(", ")),
    }
}
