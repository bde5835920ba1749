//! Is `ruleset.toml` consistent with itself, and does it keep what no rule set may give up?

use std::collections::BTreeMap;

use redial_domain::import::ImportRules;
use redial_domain::{Disposition, RuleSetName, find_explicit_stop, normalize_word};

use crate::Finding;
use crate::finding::{FINDINGS_MAX, position};
use crate::ruleset::SPEC_FILE;
use crate::spec::{ANY, Spec, StatusKind};

/// Statuses are columns on a board and words in people's heads.
const STATUSES_MAX: usize = 40;

/// As for a campaign's own list: two dozen waits of at most two weeks.
const INTERVALS_MAX: usize = 24;
const INTERVAL_MIN_MAX: u32 = 14 * 24 * 60;

/// A campaign's own limits (H8): what a set offers, a campaign must be able to take.
const ATTEMPTS_TOTAL_MAX: u32 = 10;
const ATTEMPTS_PER_DAY_MAX: u32 = 24;

/// A folder's name and its set's name are one name.
pub(super) fn check_name(name: &RuleSetName, text: &str, spec: &Spec) -> Option<Finding> {
    let found = Found {
        text,
        findings: &mut Vec::new(),
        most: 1,
    };
    let message = format!("the name is `{}`, the rule set's is `{name}`", spec.name);
    (spec.name != *name).then(|| found.at(spec.name.as_str(), message))
}

pub(super) fn check(text: &str, spec: &Spec, findings: &mut Vec<Finding>) {
    let most = findings.len() + FINDINGS_MAX;
    let mut found = Found { text, findings, most };
    if spec.description.trim().is_empty() {
        found.say("description", "the description is empty".to_owned());
    }
    // What follows looks at each status beside each other one.
    if spec.statuses.is_empty() || spec.statuses.len() > STATUSES_MAX {
        found.say("[[status]]", format!("give 1 to {STATUSES_MAX} statuses"));
        return;
    }
    statuses(spec, &mut found);
    moves(spec, &mut found);
    words(spec, &mut found);
    numbers(spec, &mut found);
    super::auto_status::check(spec, &mut found);
}

pub(super) struct Found<'a> {
    text: &'a str,
    findings: &'a mut Vec<Finding>,
    most: usize,
}

impl Found<'_> {
    /// A finding where the words first stand: in quotes if they do, else at the beginning of a line, else anywhere.
    pub(super) fn at(&self, words: &str, message: String) -> Finding {
        let byte = self
            .text
            .find(&format!("\"{words}\""))
            .or_else(|| self.text.find(&format!("\n{words}")).map(|before| before + 1))
            .or_else(|| self.text.find(words));
        Finding::at(
            SPEC_FILE,
            byte.map_or((0, 0), |byte| position(self.text, byte)),
            message,
        )
    }

    pub(super) fn say(&mut self, words: &str, message: String) {
        let finding = self.at(words, message);
        self.findings.push(finding);
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Whether there are enough: the place of each one is looked for in the whole text.
    pub(super) fn is_full(&self) -> bool {
        self.findings.len() >= self.most
    }
}

fn statuses(spec: &Spec, found: &mut Found<'_>) {
    let mut seen = Vec::new();
    for status in &spec.statuses {
        let name = status.name.as_str();
        if seen.contains(&name) {
            found.say(name, format!("the status `{name}` is there twice"));
        }
        seen.push(name);
        if name == ANY {
            found.say(
                name,
                format!("`{ANY}` cannot be a status; in the table of moves it means every status"),
            );
        }
        let hex = status.color.strip_prefix('#').filter(|hex| hex.len() == 6);
        if !hex.is_some_and(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            let message = format!("`{}` is not a colour; write it as in `#15803d`", status.color);
            found.say(&status.color, message);
        }
        if status.labels.en.trim().is_empty() || status.labels.he.trim().is_empty() {
            found.say(name, format!("the status `{name}` needs a label in each language"));
        }
    }
    match spec.statuses.iter().filter(|status| status.default).collect::<Vec<_>>()[..] {
        [one] if one.kind == StatusKind::Open => {}
        [one] => {
            let message = format!("new leads start as `{}`, so its kind must be `open`", one.name);
            found.say(one.name.as_str(), message);
        }
        ref many => {
            found.say(
                if many.is_empty() {
                    "[[status]]"
                } else {
                    "default = true"
                },
                format!(
                    "{} statuses have `default = true`; new leads start with exactly one",
                    many.len()
                ),
            );
        }
    }
}

fn moves(spec: &Spec, found: &mut Found<'_>) {
    let names: Vec<&str> = spec.statuses.iter().map(|status| status.name.as_str()).collect();
    let strangers = spec
        .transitions
        .iter()
        .flat_map(|(from, on)| std::iter::once(from.as_str()).chain(on.iter().map(String::as_str)));
    let before = found.findings.len();
    for stranger in strangers.filter(|name| *name != ANY && !names.contains(name)) {
        if found.is_full() {
            return;
        }
        let finding = found.at(stranger, format!("in [transitions]: unknown status `{stranger}`"));
        found
            .findings
            .push(finding.did_you_mean(stranger, names.iter().copied()));
    }
    if found.findings.len() > before {
        return;
    }
    let stops: Vec<_> = spec
        .statuses
        .iter()
        .filter(|status| status.kind == StatusKind::Stopped)
        .collect();
    for status in &spec.statuses {
        let name = &status.name;
        if !spec.transitions.contains_key(name) {
            let message = format!("in [transitions]: say where a lead may go from `{name}`; `{name} = []` is nowhere");
            found.say(name.as_str(), message);
        } else if !status.kind.is_final() && spec.moves_from(name).is_empty() {
            let message = format!(
                "in [transitions]: from `{name}` there is no way on, and its kind `{}` is no end",
                status.kind.as_str()
            );
            found.say(name.as_str(), message);
        } else if status.kind != StatusKind::Stopped && !stops.is_empty() {
            let reached = stops.iter().any(|stop| spec.may_move(name, &stop.name));
            if !reached {
                let message = format!(
                    "in [transitions]: who is `{name}` may still ask not to be called; allow `{}`",
                    stops[0].name
                );
                found.say(name.as_str(), message);
            }
        }
    }
}

fn words(spec: &Spec, found: &mut Found<'_>) {
    let dispositions = spec
        .words
        .iter()
        .flat_map(|(is, words)| words.iter().map(move |word| (word, is.as_str())));
    let outcomes = spec
        .outcome_words
        .iter()
        .flat_map(|(is, words)| words.iter().map(move |word| (word, is.as_str())));
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (word, is) in dispositions.chain(outcomes) {
        if found.is_full() {
            return;
        }
        let normal = normalize_word(word);
        if normal.is_empty() {
            found.say(word, format!("`{word}` under `{is}` is not a word"));
        } else if normal != *word {
            let finding = found.at(word, format!("the word `{word}` would never match"));
            found.findings.push(finding.hint(format!("write `{normal}`")));
        }
        if let Some(before) = seen.insert(word, is) {
            found.say(
                word,
                format!("the word `{word}` is under `{before}` and under `{is}`; a word has one meaning"),
            );
        }
        if is != Disposition::Dnc.as_str() && find_explicit_stop(Some(word), &[]).is_some() {
            let message = format!("the word `{word}` always means a do-not-call; it cannot be under `{is}`");
            found.say(word, message);
        }
    }
}

fn numbers(spec: &Spec, found: &mut Found<'_>) {
    if spec.intervals_min.is_empty() || spec.intervals_min.len() > INTERVALS_MAX {
        found.say("intervals_min", format!("give 1 to {INTERVALS_MAX} waits in minutes"));
    }
    let too_long = spec.intervals_min.iter().filter(|wait| **wait > INTERVAL_MIN_MAX);
    for wait in too_long.take(INTERVALS_MAX) {
        found.say(
            "intervals_min",
            format!("a wait of {wait} minutes is longer than {INTERVAL_MIN_MAX}, two weeks"),
        );
    }
    let defaults = &spec.defaults;
    let mut within = |setting: &str, value: u32, most: u32| {
        if value == 0 || value > most {
            found.say(setting, format!("`{setting}` is {value}; it must be 1 to {most}"));
        }
    };
    within(
        "attempts_total_max",
        defaults.attempts_total_max.unwrap_or(1),
        ATTEMPTS_TOTAL_MAX,
    );
    within(
        "attempts_per_day_max",
        defaults.attempts_per_day_max,
        ATTEMPTS_PER_DAY_MAX,
    );
    within(
        "max_concurrent_calls",
        defaults.max_concurrent_calls,
        redial_domain::MAX_CONCURRENT_CALLS_MAX,
    );
    let import = ImportRules {
        required: defaults.required_columns.clone(),
        ..ImportRules::default()
    };
    if let Err((_, why)) = import.normalized().check() {
        found.say("required_columns", format!("`required_columns`: {why}"));
    }
    if let Err(error) = defaults.window.check() {
        found.say("[defaults.window]", error.to_string());
    }
}
