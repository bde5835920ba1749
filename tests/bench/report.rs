//! What was measured, as it is kept, and as tables for people.
//!
//! The table on the terminal and the one in a document are made from what is kept, so that neither can say more.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Size,
    row::{Row, Target},
};

/// Shape of the file.
const VERSION: u32 = 1;

/// A file of figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    v: u32,
    pub(crate) machine: Machine,
    pub(crate) parts: Vec<Part>,
}

/// Where they were measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
}

/// One part's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) part: String,
    pub(crate) size: String,
    /// The day, in UTC.
    pub(crate) date: String,
    /// Whether the program was built as `make bench` builds it.
    pub(crate) optimised: bool,
    /// Others' work on the machine as the part began: how many of their threads wanted to run, on average.
    pub(crate) load_before: Option<f64>,
    pub(crate) rows: Vec<Kept>,
}

/// A row with what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) value: Option<f64>,
    pub(crate) unit: String,
    pub(crate) how: String,
    pub(crate) noise_percent: f64,
    pub(crate) at_most: Option<f64>,
    pub(crate) at_least: Option<f64>,
    pub(crate) reached: Option<bool>,
    pub(crate) beside: Option<KeptBeside>,
    pub(crate) ratio: Option<f64>,
}

/// The alternative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptBeside {
    what: String,
    value: f64,
}

impl From<&Row> for Kept {
    fn from(row: &Row) -> Self {
        let (mut at_most, mut at_least) = (None, None);
        match row.target {
            Some(Target::AtMost(most)) => at_most = Some(most),
            Some(Target::AtLeast(least)) => at_least = Some(least),
            None => {}
        }
        let beside = row.beside.as_ref().map(|beside| KeptBeside {
            what: beside.what.clone(),
            value: rounded(beside.value),
        });
        Self {
            name: row.name.clone(),
            value: row.value.map(rounded),
            unit: row.unit.to_owned(),
            how: row.how.clone(),
            noise_percent: rounded(row.noise_percent),
            at_most,
            at_least,
            reached: row.is_reached(),
            beside,
            ratio: row.ratio().map(rounded),
        }
    }
}

/// Digits of a figure that are kept, so that a file does not change by the last bit of a sum.
const DIGITS: i32 = 7;

fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let size = value.abs().log10().floor() as i32;
    let scale = 10_f64.powi((DIGITS - 1 - size).clamp(0, 12));
    (value * scale).round() / scale
}

impl Part {
    pub(crate) fn new(part: &str, size: Size, load_before: Option<f64>, rows: &[Row]) -> Self {
        Self {
            part: part.to_owned(),
            size: format!("{size:?}").to_lowercase(),
            date: redial_aws::Clock::system().now().format("%Y-%m-%d").to_string(),
            optimised: !cfg!(debug_assertions),
            load_before,
            rows: rows.iter().map(Kept::from).collect(),
        }
    }
}

impl Figures {
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            v: VERSION,
            machine,
            parts: Vec::new(),
        }
    }

    /// What a file holds, if it holds figures of this shape.
    pub(crate) fn read(file: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(file).ok()?;
        let figures: Self = serde_json::from_str(&text).ok()?;
        (figures.v == VERSION).then_some(figures)
    }

    pub(crate) fn write(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        std::fs::write(file, text + "\n")
    }

    /// Puts a part in its place; others stay as they were measured.
    pub(crate) fn put(&mut self, part: Part, order: &[&str]) {
        self.parts.retain(|kept| kept.part != part.part);
        self.parts.push(part);
        let place = |part: &Part| order.iter().position(|name| *name == part.part);
        self.parts.sort_by_key(place);
    }

    /// A figure by part, name and unit.
    pub(crate) fn value(&self, part: &str, name: &str, unit: &str) -> Option<f64> {
        let part = self.parts.iter().find(|kept| kept.part == part)?;
        let row = part.rows.iter().find(|row| row.name == name && row.unit == unit)?;
        row.value
    }

    /// For a terminal: every row.
    pub(crate) fn text(&self, parts: &BTreeSet<&str>) -> String {
        let mut text = format!("{}\n", self.machine.in_words());
        for part in self.parts.iter().filter(|part| parts.contains(part.part.as_str())) {
            text += &format!("\n{}, {}{}\n\n", part.part, part.size, part.caveat());
            let width = part.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
            for row in &part.rows {
                let value = format!("{} {}", row.shown(), row.unit);
                let more = [row.target(), row.alternative(), row.counted_how()].join("  ");
                text += &format!("  {:<width$}  {value:<28}  {}\n", row.name, more.trim());
            }
        }
        text
    }

    /// For a document: without the details.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "What has a target, on {}. Counts are the same on every machine; times are this one's.\n",
            self.machine.in_words()
        );
        for part in &self.parts {
            let rows: Vec<&Kept> = part.rows.iter().filter(|row| !row.target().is_empty()).collect();
            if rows.is_empty() {
                continue;
            }
            text += &format!(
                "\n**{}**, size `{}`, {}{}\n\n| figure | value | target | beside | how |\n|---|---|---|---|---|\n",
                part.part,
                part.size,
                part.date,
                part.caveat()
            );
            for row in rows {
                let columns = [
                    row.name.clone(),
                    format!("{} {}", row.shown(), row.unit),
                    row.target(),
                    row.alternative(),
                    row.counted_how(),
                ];
                text += &format!("| {} |\n", columns.map(|column| column.replace('|', "/")).join(" | "));
            }
        }
        text
    }
}

impl Part {
    fn caveat(&self) -> String {
        let mut caveat = String::new();
        if !self.optimised {
            caveat += ", not optimised: its times say nothing";
        }
        if let Some(load) = self.load_before.filter(|load| *load >= OTHERS_MAX) {
            caveat += &format!(", beside other work (load {load:.1}): its times are too high");
        }
        caveat
    }
}

impl Kept {
    fn shown(&self) -> String {
        self.value.map_or("–".to_owned(), shown)
    }

    fn target(&self) -> String {
        let target = match (self.at_most, self.at_least) {
            (Some(most), _) => format!("≤ {}", shown(most)),
            (_, Some(least)) => format!("≥ {}", shown(least)),
            _ => return String::new(),
        };
        let word = match self.reached {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "not measured",
        };
        format!("{target} {word}")
    }

    fn alternative(&self) -> String {
        let Some(beside) = &self.beside else {
            return String::new();
        };
        let ratio = self
            .ratio
            .map_or(String::new(), |ratio| format!(", {} times", shown(ratio)));
        format!("{}: {}{ratio}", beside.what, shown(beside.value))
    }

    fn counted_how(&self) -> String {
        if self.noise_percent > 0.0 {
            format!("{}, ±{} %", self.how, shown(self.noise_percent / 2.0))
        } else {
            self.how.clone()
        }
    }
}

/// A number as people read it.
pub(crate) fn shown(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || value.fract() == 0.0 {
        let digits = format!("{size:.0}");
        let mut grouped = String::new();
        for (n, digit) in digits.chars().enumerate() {
            if n > 0 && (digits.len() - n).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        return if value < 0.0 { format!("-{grouped}") } else { grouped };
    }
    let places = match size {
        10.0.. => 1,
        0.1.. => 2,
        _ => 4,
    };
    format!("{value:.places$}")
}

impl Machine {
    /// This one, by what its kernel says.
    pub(crate) fn this() -> Self {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.and_then(|memory| memory.split(' ').next()?.parse::<u64>().ok());
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (kib.unwrap_or(0) + 524_288) / 1_048_576,
        }
    }

    fn in_words(&self) -> String {
        format!("{}, {} cores, {} GiB", self.cpu, self.cores, self.memory_gib)
    }
}

/// Looks at what else runs, and the pause between two. The load average will not do: a minute later it still tells of the
/// build, and of the part before.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Threads of others that wanted to run, on average, from which on times are not to be trusted.
const OTHERS_MAX: f64 = 0.5;

/// How many threads of others want to run now, on average over a second.
pub(crate) fn load() -> Option<f64> {
    let mut wanted = 0;
    for _ in 0..LOOKS {
        std::thread::sleep(LOOK_EVERY);
        let text = std::fs::read_to_string("/proc/loadavg").ok()?;
        // As in `0.35 1.28 1.57 3/154 8120`: three want to run, and one of them is asking.
        let running: u32 = text.split([' ', '/']).nth(3)?.parse().ok()?;
        wanted += running.saturating_sub(1);
    }
    Some(f64::from(wanted) / f64::from(LOOKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_small_ones_keep_two_places() {
        for (value, text) in [
            (1_234_567.0, "1,234,567"),
            (999.6, "1,000"),
            (12.34, "12.3"),
            (0.125, "0.12"),
            (0.01661, "0.0166"),
            (13.0, "13"),
            (-4_200.4, "-4,200"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn a_missed_target_is_shown_as_missed() {
        let row = Row::counted("cycle", "a cycle", 15.0, "write units").target(Target::AtMost(14.0));
        assert_eq!(Kept::from(&row).target(), "≤ 14 MISSED");
    }
}
