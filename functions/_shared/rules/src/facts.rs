//! The facts a script can see. What is not in this table cannot decide.
//!
//! Each is a constant of the run. A script is given only those it names, so that nobody pays for a transcript that no
//! rule reads.

use std::cell::OnceCell;

use redial_domain::{Direction, Disposition, EventKind, FailureClass, Outcome, RuleFacts, Side, StatusName};
use rhai::{Dynamic, ImmutableString, Map, Scope};

use crate::spec::Status;
use crate::talk::{Heard, Source};
use crate::{RuleSet, Script};

/// Longest text given to a script, in bytes; longer ones lose their beginning, because a talk's end says how it ended.
const TEXT_BYTES_MAX: usize = 16 * 1_024;

/// What is known about a call at one point of a decision.
pub(crate) struct View<'a> {
    pub(crate) rule: &'a RuleFacts<'a>,
    /// The word of the provider or agent, normalised; empty when there is none.
    pub(crate) word: &'a str,
    pub(crate) outcome: Outcome,
    pub(crate) disposition: Disposition,
    pub(crate) status: &'a Status,
    pub(crate) set: &'a RuleSet,
    /// What the keywords say, once somebody asked.
    pub(crate) heard: OnceCell<Heard>,
}

impl View<'_> {
    /// What the keywords say. A do-not-call is no status by keywords, a machine's greeting is nobody's word, and of a
    /// talk that ended at once nothing is believed.
    fn heard(&self) -> &Heard {
        self.heard.get_or_init(|| {
            let stopped = self.disposition == Disposition::Dnc || self.rule.facts.stop.is_some();
            if stopped || self.outcome == Outcome::Machine || self.too_short() {
                return Heard::default();
            }
            let said = lead_said(self);
            let summary = self.rule.facts.summary.as_deref().unwrap_or("");
            let texts = [(Source::Spoken, ending(&said)), (Source::Summary, ending(summary))];
            self.set.ears.hear(&texts)
        })
    }

    fn too_short(&self) -> bool {
        let least = self.set.spec.auto_status().min_talk_s;
        self.outcome == Outcome::Answered && self.rule.facts.talk_s.is_some_and(|talk_s| talk_s < least)
    }

    /// Every status of the set with its points.
    fn points(&self) -> Map {
        let heard = self.heard();
        let statuses = self.set.spec.statuses.iter().map(|status| &status.name);
        let points = |name| i64::from(heard.by_status.get(name).copied().unwrap_or(0));
        statuses
            .map(|name| (name.as_str().into(), Dynamic::from(points(name))))
            .collect()
    }
}

/// The words a fact may have, for the check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    Outcome,
    Disposition,
    Status,
    /// A status or nothing.
    StatusOrNone,
    Fixed(&'static [&'static str]),
    /// A provider's word, as [`normalize_word`] writes it.
    Normal,
    /// Any text.
    Free,
    /// Any whole number that counts something: never less than nothing.
    Count,
    YesNo,
}

/// One fact.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) words: Vocabulary,
    /// Only `auto_status` reads what was said.
    pub(crate) only_auto_status: bool,
    value: fn(&View<'_>) -> Dynamic,
}

impl Fact {
    /// Whether that script may see it.
    pub(crate) fn seen_by(&self, script: Script) -> bool {
        !self.only_auto_status || script == Script::AutoStatus
    }

    const fn new(name: &'static str, words: Vocabulary, value: fn(&View<'_>) -> Dynamic) -> Self {
        Self {
            name,
            words,
            only_auto_status: false,
            value,
        }
    }
}

const KINDS: &[&str] = &["open", "contacted", "qualified", "won", "lost", "stopped", "invalid"];

/// The one fact that is a table: `points.interested`.
pub(crate) const POINTS: &str = "points";

/// All facts.
pub(crate) const FACTS: [Fact; 24] = [
    Fact::new("outcome", Vocabulary::Outcome, |v| word(v.outcome.as_str())),
    Fact::new("disposition", Vocabulary::Disposition, |v| word(v.disposition.as_str())),
    Fact::new("word", Vocabulary::Normal, |v| word(v.word)),
    Fact::new("known", Vocabulary::Disposition, |v| word(v.rule.known.as_str())),
    Fact::new("status", Vocabulary::Status, |v| word(v.status.name.as_str())),
    Fact::new("status_kind", Vocabulary::Fixed(KINDS), |v| {
        word(v.status.kind.as_str())
    }),
    Fact::new("kind", Vocabulary::Fixed(&["ended", "later", "progress"]), |v| {
        word(kind(v.rule.kind))
    }),
    Fact::new("direction", Vocabulary::Fixed(&["outbound", "inbound"]), |v| {
        word(direction(v.rule.direction))
    }),
    Fact::new(
        "transfer",
        Vocabulary::Fixed(&["none", "tried", "connected", "canceled"]),
        |v| word(v.rule.facts.transfer.as_str()),
    ),
    Fact::new(
        "failure",
        Vocabulary::Fixed(&["", "bad_number", "congestion", "network", "account"]),
        |v| word(v.rule.facts.failure.map_or("", FailureClass::as_str)),
    ),
    Fact::new("talk_s", Vocabulary::Count, |v| {
        Dynamic::from(i64::from(v.rule.facts.talk_s.unwrap_or(0)))
    }),
    Fact::new("callback_requested", Vocabulary::YesNo, |v| {
        Dynamic::from(v.rule.facts.callback_requested)
    }),
    Fact::new("callback_time_known", Vocabulary::YesNo, |v| {
        Dynamic::from(v.rule.callback_at().is_some())
    }),
    Fact::new("asked_to_stop", Vocabulary::YesNo, |v| {
        Dynamic::from(v.rule.facts.stop.is_some())
    }),
    Fact::new("attempts", Vocabulary::Count, |v| {
        Dynamic::from(i64::from(v.rule.attempts))
    }),
    Fact::new("attempts_today", Vocabulary::Count, |v| {
        Dynamic::from(i64::from(v.rule.attempts_today))
    }),
    Fact {
        only_auto_status: true,
        ..Fact::new("summary", Vocabulary::Free, |v| {
            word(ending(v.rule.facts.summary.as_deref().unwrap_or("")))
        })
    },
    Fact {
        only_auto_status: true,
        ..Fact::new("lead_said", Vocabulary::Free, |v| word(ending(&lead_said(v))))
    },
    Fact {
        only_auto_status: true,
        ..Fact::new("extracted", Vocabulary::StatusOrNone, |v| {
            word(v.set.spec.extracted(v.word).map_or("", StatusName::as_str))
        })
    },
    Fact {
        only_auto_status: true,
        ..Fact::new("heard", Vocabulary::StatusOrNone, |v| {
            word(v.heard().status.as_ref().map_or("", StatusName::as_str))
        })
    },
    Fact {
        only_auto_status: true,
        ..Fact::new("heard_points", Vocabulary::Count, |v| {
            Dynamic::from(i64::from(v.heard().points))
        })
    },
    Fact {
        only_auto_status: true,
        ..Fact::new("heard_words", Vocabulary::Free, |v| word(&v.heard().words.join(", ")))
    },
    Fact {
        only_auto_status: true,
        ..Fact::new(POINTS, Vocabulary::Free, |v| Dynamic::from(v.points()))
    },
    Fact::new("too_short", Vocabulary::YesNo, |v| Dynamic::from(v.too_short())),
];

/// The fact of that name.
pub(crate) fn find(name: &str) -> Option<&'static Fact> {
    /// Rust cannot hand out references into a constant with function pointers, but into a static it can.
    static TABLE: [Fact; FACTS.len()] = FACTS;
    TABLE.iter().find(|fact| fact.name == name)
}

/// The constants of one run.
pub(crate) fn scope(view: &View<'_>, uses: &[&'static Fact]) -> Scope<'static> {
    let mut scope = Scope::with_capacity(uses.len() + 4);
    for fact in uses {
        scope.push_constant_dynamic(fact.name, (fact.value)(view));
    }
    scope
}

fn word(text: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(text))
}

fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Ended => "ended",
        EventKind::Later => "later",
        EventKind::Progress => "progress",
    }
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

/// The lead's side of the talk: our own words must not decide about the lead.
fn lead_said(view: &View<'_>) -> String {
    let lines = view.rule.facts.transcript.iter().filter(|line| line.side == Side::Lead);
    lines.map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The last bytes of a text, cut between letters.
fn ending(text: &str) -> &str {
    let mut from = text.len().saturating_sub(TEXT_BYTES_MAX);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use redial_domain::{Facts, RuleSetName, Transfer};

    use super::*;
    use crate::spec::StatusKind;

    #[test]
    fn the_words_of_a_fact_are_the_words_of_the_glossary() {
        for (name, words) in [
            (
                "transfer",
                [Transfer::None, Transfer::Tried, Transfer::Connected, Transfer::Canceled]
                    .map(Transfer::as_str)
                    .to_vec(),
            ),
            ("status_kind", StatusKind::ALL.map(StatusKind::as_str).to_vec()),
        ] {
            let Some(Fact {
                words: Vocabulary::Fixed(fixed),
                ..
            }) = find(name)
            else {
                panic!("{name}")
            };
            assert_eq!(fixed.to_vec(), words, "{name}");
        }
    }

    #[test]
    fn the_value_of_a_fact_is_what_its_vocabulary_says() {
        let facts = Facts::ended(Outcome::Busy);
        let set = crate::RuleSet::built_in(&RuleSetName::parse("kanban-he").unwrap()).unwrap();
        let status = set.default_status();
        let rule = RuleFacts {
            facts: &facts,
            kind: EventKind::Ended,
            direction: Direction::Outbound,
            status: &status.name,
            known: Disposition::Unknown,
            attempts: 1,
            attempts_today: 1,
            intervals_min: None,
            ended_at: chrono::DateTime::UNIX_EPOCH,
        };
        let view = View {
            rule: &rule,
            word: "",
            outcome: Outcome::Busy,
            disposition: Disposition::Unknown,
            status,
            set: &set,
            heard: OnceCell::new(),
        };
        for fact in &FACTS {
            let value = (fact.value)(&view);
            match fact.words {
                Vocabulary::Count => assert!(value.as_int().is_ok_and(|n| n >= 0), "{}", fact.name),
                Vocabulary::YesNo => assert!(value.is_bool(), "{}", fact.name),
                // A table: points by status.
                Vocabulary::Normal => assert!(value.is_string(), "{}", fact.name),
                Vocabulary::Free if fact.name == POINTS => assert!(value.is_map(), "{}", fact.name),
                _ => assert!(value.is_string(), "{}", fact.name),
            }
        }
    }

    #[test]
    fn a_long_text_keeps_its_end_and_is_cut_between_letters() {
        let long = format!("x{}", "ש".repeat(TEXT_BYTES_MAX));
        let kept = ending(&long);
        assert!(kept.len() <= TEXT_BYTES_MAX && kept.chars().all(|c| c == 'ש'));
        assert_eq!(ending("short"), "short");
    }

    #[test]
    fn the_readme_explains_every_fact_and_every_answer() {
        let readme = include_str!("../../../../rules/README.md");
        for fact in &FACTS {
            assert!(readme.contains(&format!("| `{}` |", fact.name)), "{}", fact.name);
        }
        for answer in &crate::answers::ANSWERS {
            assert!(readme.contains(&format!("`{}(", answer.name)), "{}", answer.name);
        }
    }
}
