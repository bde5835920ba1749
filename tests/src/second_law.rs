//! The law book applied a second time, by somebody who does not know how: minute by minute, with the files read as plain
//! text, holidays counted day by day, and no search.
//!
//! Nothing here calls the code that is judged. The test of the book and the simulation's judge ask it, and the functions
//! are right only where they agree with it.

#![expect(
    clippy::unwrap_used,
    reason = "a book that cannot be read has failed whoever asks it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use toml::{Table, Value};

const BOOK: &str = include_str!("../../functions/_shared/domain/law/law.toml");
const PREFIXES: &str = include_str!("../../functions/_shared/domain/law/prefixes.txt");
const STATES: &str = include_str!("../../functions/_shared/domain/law/states.txt");
const ZIPS: &str = include_str!("../../functions/_shared/domain/law/zips.txt");
const COUNTRIES: &str = include_str!("../../functions/_shared/domain/law/countries.txt");

/// Hours of the book and offsets of its zones are multiples of this, so nothing changes within a step.
pub const STEP_MIN: i64 = 15;

/// Dates for which holidays are counted: ten years, and some days around them.
const HOLIDAYS_FROM: &str = "2024-12-01";
const HOLIDAYS_DAYS: usize = 366 * 11 + 60;
/// Easter Sundays as almanacs print them.
const EASTERS: [&str; 12] = [
    "2025-04-20",
    "2026-04-05",
    "2027-03-28",
    "2028-04-16",
    "2029-04-01",
    "2030-04-21",
    "2031-04-13",
    "2032-03-28",
    "2033-04-17",
    "2034-04-09",
    "2035-03-25",
    "2036-04-13",
];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
/// Where somebody may be of whom nobody knows where: one zone of each of the fifty states' offsets.
const ANYWHERE: [&str; 7] = [
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
];

/// What is known of where somebody is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// With its plus sign.
    pub phone: &'a str,
    /// A state or another place by its code or name, as it was told.
    pub state: Option<&'a str>,
    /// A ZIP or another postal code, as it was told.
    pub zip: Option<&'a str>,
    /// A zone, as it was told.
    pub zone: Option<Tz>,
}

/// So many calls in so many hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cap {
    /// Calls.
    pub calls: usize,
    /// Hours.
    pub hours: i64,
    /// Only calls about the same subject count together.
    pub of_subject: bool,
}

/// What a record says, in words of the file.
#[derive(Debug)]
struct Rule {
    zone: Option<Tz>,
    from: Option<String>,
    until: Option<String>,
    /// From Monday on: minutes after midnight, from and to.
    week: Vec<Option<(u32, u32)>>,
    holidays: BTreeSet<NaiveDate>,
    on_holidays: Option<(u32, u32)>,
    cap: Option<Cap>,
    registry_days: Option<i64>,
    registry_always: bool,
    one_talk: bool,
}

impl Rule {
    fn is_in_force(&self, date: NaiveDate) -> bool {
        // Dates in ISO 8601 have the order of their letters.
        self.from.as_ref().is_none_or(|from| *from <= date.to_string())
            && self.until.as_ref().is_none_or(|until| date.to_string() < *until)
    }

    fn may_ring(&self, zone: Tz, at: DateTime<Utc>) -> bool {
        let there = at.with_timezone(&zone);
        let date = there.date_naive();
        if !self.is_in_force(date) {
            return true;
        }
        let span = if self.holidays.contains(&date) {
            self.on_holidays
        } else {
            self.week[date.weekday().num_days_from_monday() as usize]
        };
        let minute = there.hour() * 60 + there.minute();
        span.is_some_and(|(from, to)| (from..to).contains(&minute))
    }
}

/// What the book allows with somebody.
#[derive(Debug, Clone)]
pub struct Allowed(Vec<(&'static Rule, Tz)>);

impl Allowed {
    /// None where no record holds: nobody knows what is allowed there, so nothing is.
    pub fn with(known: &Known<'_>) -> Option<Self> {
        static RULES: LazyLock<BTreeMap<String, Vec<Rule>>> = LazyLock::new(rules);
        let (laws, zones) = places(known);
        let mut all = Vec::new();
        for law in &laws {
            for rule in RULES.get(law)? {
                match rule.zone {
                    Some(zone) => all.push((rule, zone)),
                    None => all.extend(zones.iter().map(|zone| (rule, zone.parse().unwrap()))),
                }
            }
        }
        (!all.is_empty()).then_some(Self(all))
    }

    /// Whether a call may ring at this minute.
    pub fn may_ring(&self, at: DateTime<Utc>) -> bool {
        self.0.iter().all(|(rule, zone)| rule.may_ring(*zone, at))
    }

    /// Whether a call may begin now, and would still be allowed so many minutes later.
    pub fn may_start(&self, at: DateTime<Utc>, margin_min: i64) -> bool {
        (0..=margin_min).all(|minutes| self.may_ring(at + TimeDelta::minutes(minutes)))
    }

    /// The caps that hold now.
    pub fn caps(&self, now: DateTime<Utc>) -> BTreeSet<Cap> {
        let in_force = |(rule, zone): &&(&Rule, Tz)| rule.is_in_force(now.with_timezone(zone).date_naive());
        self.0
            .iter()
            .filter(in_force)
            .filter_map(|(rule, _)| rule.cap)
            .collect()
    }

    fn in_force(&self, now: DateTime<Utc>) -> impl Iterator<Item = &'static Rule> {
        let rules = self.0.iter();
        rules.filter_map(move |(rule, zone)| rule.is_in_force(now.with_timezone(zone).date_naive()).then_some(*rule))
    }

    /// Whether nobody may be called now who ended a call.
    pub fn one_talk(&self, now: DateTime<Utc>) -> bool {
        self.in_force(now).any(|rule| rule.one_talk)
    }

    /// How many days old a look at the registry may be now, with or without written consent; none where nobody has to look.
    pub fn registry_days(&self, now: DateTime<Utc>, consented: bool) -> Option<i64> {
        let asks = self.in_force(now).filter(|rule| !consented || rule.registry_always);
        asks.filter_map(|rule| rule.registry_days).min()
    }

    /// In which zones its hours are counted.
    pub fn zones(&self) -> BTreeSet<&'static str> {
        self.0.iter().map(|(_, zone)| zone.name()).collect()
    }
}

fn minutes(text: &str) -> u32 {
    let (hours, minutes) = text.split_once(':').unwrap();
    let minutes = hours.parse::<u32>().unwrap() * 60 + minutes.parse::<u32>().unwrap();
    assert!(i64::from(minutes) % STEP_MIN == 0, "{text} is not a quarter of an hour");
    minutes
}

fn hours(value: &Value) -> Option<(u32, u32)> {
    let (from, to) = value.as_str().unwrap().split_once('-')?;
    Some((minutes(from), minutes(to)))
}

/// Every date on which a set rests, by counting.
fn holidays(set: &Table) -> BTreeSet<NaiveDate> {
    let first: NaiveDate = HOLIDAYS_FROM.parse().unwrap();
    let month_of = |date: &NaiveDate| MONTHS[date.month0() as usize];
    let name_of = |date: &NaiveDate| date.weekday().to_string().to_lowercase();
    let mut rests = BTreeSet::new();
    for rule in set["days"].as_array().unwrap() {
        let words: Vec<&str> = rule.as_str().unwrap().split(' ').collect();
        for date in first.iter_days().take(HOLIDAYS_DAYS) {
            let is = match words[..] {
                ["good", "friday"] => EASTERS.contains(&(date + TimeDelta::days(2)).to_string().as_str()),
                ["election", "day"] => {
                    month_of(&date) == "nov" && name_of(&date) == "tue" && (2..=8).contains(&date.day())
                }
                ["last", day, month] => {
                    month_of(&date) == month && name_of(&date) == day && month_of(&(date + TimeDelta::days(7))) != month
                }
                [nth, day, month] => {
                    let week = (date.day() - 1) / 7 + 1;
                    month_of(&date) == month && name_of(&date) == day && nth.starts_with(&week.to_string())
                }
                [month, day] => month_of(&date) == month && date.day().to_string() == day,
                [once] => date.to_string() == once,
                _ => panic!("{words:?}"),
            };
            if is {
                rests.insert(date);
            }
        }
    }
    // Years after the last date that is written out are not known: nobody is called then but as on a holiday.
    let written = set["days"].as_array().unwrap().iter().filter_map(Value::as_str);
    let last = written
        .filter(|rule| rule.starts_with("20"))
        .max()
        .map(|date| date[..4].to_owned());
    if let Some(last) = last {
        let unknown = first.iter_days().take(HOLIDAYS_DAYS);
        rests.extend(unknown.filter(|date| date.to_string()[..4] > *last));
    }
    for date in rests.clone() {
        if date.weekday() == Weekday::Sat && set.contains_key("saturday_to") {
            rests.insert(date - TimeDelta::days(1));
        }
        if date.weekday() == Weekday::Sun && set.contains_key("sunday_to") {
            rests.insert(date + TimeDelta::days(1));
        }
    }
    rests
}

fn records() -> Vec<Value> {
    let book: Table = BOOK.parse().unwrap();
    book["record"].as_array().unwrap().clone()
}

fn rules() -> BTreeMap<String, Vec<Rule>> {
    let book: Table = BOOK.parse().unwrap();
    let sets: BTreeMap<&str, BTreeSet<NaiveDate>> = book["holidays"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| (set["name"].as_str().unwrap(), holidays(set.as_table().unwrap())))
        .collect();
    let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for record in records() {
        if record["voice"].as_str() == Some("live") {
            continue;
        }
        let text = |name: &str| record.get(name).map(ToString::to_string);
        let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| hours(&record["hours"][day]));
        let cap = record.get("cap").map(|cap| Cap {
            calls: usize::try_from(cap["calls"].as_integer().unwrap()).unwrap(),
            hours: cap["hours"].as_integer().unwrap(),
            of_subject: cap["of"].as_str() == Some("subject"),
        });
        rules
            .entry(record["jurisdiction"].as_str().unwrap().to_owned())
            .or_default()
            .push(Rule {
                zone: record.get("zone").map(|zone| zone.as_str().unwrap().parse().unwrap()),
                from: text("from"),
                until: text("until"),
                week: week.to_vec(),
                holidays: record
                    .get("holidays")
                    .map(|name| sets[name.as_str().unwrap()].clone())
                    .unwrap_or_default(),
                on_holidays: record.get("holiday_hours").and_then(hours),
                cap,
                registry_days: record.get("scrub_days").map(|days| days.as_integer().unwrap()),
                registry_always: record.get("scrub_unless").is_none(),
                one_talk: record
                    .get("no_call_after_hang_up")
                    .is_some_and(|is| is.as_bool() == Some(true)),
            });
    }
    rules
}

/// Laws and zones, in words of the tables.
type Places = (BTreeSet<String>, BTreeSet<String>);

/// What one thing that was told means.
enum Means {
    /// It was left empty.
    Nothing,
    /// Nobody knows.
    Something,
    Here(Places),
}

/// Every law and every zone that what is known leaves possible.
fn places(known: &Known<'_>) -> Places {
    let digits = known.phone.trim_start_matches('+');
    let prefix = lines(PREFIXES)
        .filter(|line| digits.starts_with(line[0]))
        .max_by_key(|line| line[0].len());
    let north_american = digits.starts_with('1');
    if prefix.is_none() && !north_american {
        return Places::default();
    }
    let elsewhere = prefix
        .as_ref()
        .is_some_and(|line| !line[1].starts_with("US-") && line[1] != "?");
    let (mut laws, mut zones) = prefix.map(|line| columns(line[1], line[2])).unwrap_or_default();
    let (mut somewhere_in_us, mut told_where) = (false, false);
    let mut told: Vec<Means> = Vec::new();
    if north_american && !elsewhere {
        told.push(known.state.map_or(Means::Nothing, state));
        told.push(known.zip.map_or(Means::Nothing, postal_code));
    }
    if let Some((country, _)) = known
        .zone
        .and_then(|zone| country(|_, zones, _| zones.contains(&zone.name())))
    {
        let zone = known.zone.map(|zone| zone.name().to_owned());
        told.push(Means::Here((BTreeSet::from([country]), zone.into_iter().collect())));
    }
    for means in told {
        match means {
            Means::Nothing => {}
            Means::Something => somewhere_in_us = true,
            Means::Here(more) => {
                laws.extend(more.0);
                zones.extend(more.1.clone());
                told_where |= !more.1.is_empty();
            }
        }
    }
    let us_number = north_american && !elsewhere;
    if us_number && !told_where && (somewhere_in_us || zones.is_empty()) {
        zones.extend(ANYWHERE.map(str::to_owned));
    }
    zones.extend(known.zone.map(|zone| zone.name().to_owned()));
    let countries: Vec<String> = laws.iter().map(|law| law[..2].to_owned()).collect();
    laws.extend(countries);
    if us_number {
        laws.insert("US".to_owned());
    }
    if laws.contains("US") && (somewhere_in_us || !laws.iter().any(|law| law.starts_with("US-"))) {
        laws.insert("US-?".to_owned());
    }
    (laws, zones)
}

/// Two columns of a table: laws and zones.
fn columns(laws: &str, zones: &str) -> Places {
    let words = |column: &str, none: &str| {
        let words = column.split(',').filter(|word| *word != none);
        words.map(str::to_owned).collect()
    };
    (words(laws, "?"), words(zones, "-"))
}

/// The first country that is meant, by its code, by the names of its zones or by its own; with its zones.
fn country(is_meant: impl Fn(&str, &[&str], &[&str]) -> bool) -> Option<(String, BTreeSet<String>)> {
    let table = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    table
        .map(|line| line.splitn(4, ' ').collect::<Vec<_>>())
        .find(|line| {
            let zones: Vec<&str> = line[1].split(',').chain(line[2].split(',')).collect();
            is_meant(line[0], &zones, &line[3].split('|').collect::<Vec<_>>())
        })
        .map(|line| (line[0].to_owned(), columns("", line[1]).1))
}

fn is_nothing(told: &str) -> bool {
    let signs = told.chars().all(|c| "-.? ".contains(c)) && told.trim().len() <= 1;
    signs || ["--", "N/A", "NA", "NONE", "NULL", "UNKNOWN"].contains(&told.trim().to_uppercase().as_str())
}

fn state(told: &str) -> Means {
    if is_nothing(told) {
        return Means::Nothing;
    }
    if let Some(line) = state_code(told).and_then(|code| lines(STATES).find(|line| line[0] == code)) {
        return Means::Here(columns(line[0], line[1]));
    }
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    let names = [told.as_str(), told.strip_prefix("CA-").unwrap_or_default()];
    let abroad = country(|code, _, its| code != "US" && its.iter().any(|name| names.contains(&&*name.to_uppercase())));
    abroad.map_or(Means::Something, |(country, zones)| {
        Means::Here((BTreeSet::from([country]), zones))
    })
}

fn postal_code(told: &str) -> Means {
    if is_nothing(told) {
        return Means::Nothing;
    }
    let told = told.trim();
    let shape = |text: &str| -> String {
        let of = |c: char| match c {
            _ if c.is_ascii_digit() => '9',
            _ if c.is_ascii_alphabetic() => 'A',
            _ => c,
        };
        text.chars().map(of).collect()
    };
    if shape(&told.replace([' ', '-'], "")) == "A9A9A9" {
        let (_, zones) = country(|code, _, _| code == "CA").unwrap();
        return Means::Here((BTreeSet::from(["CA".to_owned()]), zones));
    }
    let five = match shape(&told.replacen(' ', "-", 1)).as_str() {
        "99999" | "99999-9999" | "999999999" => told[..5].to_owned(),
        "9999" | "9999-9999" => format!("0{}", &told[..4]),
        "999" | "999-9999" => format!("00{}", &told[..3]),
        _ => return Means::Something,
    };
    match lines(ZIPS).find(|line| five.starts_with(line[0])) {
        Some(line) if line[1] != "?" => Means::Here(columns(line[1], line[2])),
        _ => Means::Something,
    }
}

/// A table's lines, in columns.
fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(' ').collect())
}

/// `FL`, `us-fl`, `Florida`: `US-FL`.
fn state_code(told: &str) -> Option<String> {
    // Dots and commas are no letters, and spaces are counted as one.
    let signs = told.replace('.', "").replace(',', " ").to_uppercase();
    let words: Vec<&str> = signs.split_whitespace().collect();
    if ["WASHINGTON DC", "WASHINGTON D C"].contains(&words.join(" ").as_str()) {
        return Some("US-DC".to_owned());
    }
    let told = if words.iter().all(|word| word.len() == 1) && words.len() == 2 {
        words.concat()
    } else {
        words.join(" ")
    };
    let code = if told.starts_with("US-") {
        told.clone()
    } else {
        format!("US-{told}")
    };
    if lines(STATES).any(|line| line[0] == code) {
        return Some(code);
    }
    let named = records()
        .into_iter()
        .find(|record| record["name"].as_str().unwrap().to_uppercase() == told)?;
    let code = named["jurisdiction"].as_str().unwrap().to_owned();
    lines(STATES).any(|line| line[0] == code).then_some(code)
}

/// Prefixes of the table, each with its laws, in the table's order.
pub fn prefixes() -> impl Iterator<Item = (&'static str, &'static str)> {
    lines(PREFIXES).map(|line| (line[0], line[1]))
}

/// Codes of the states, as in `US-FL`.
pub fn states() -> impl Iterator<Item = &'static str> {
    lines(STATES).map(|line| line[0])
}

/// Names of countries and of provinces.
pub fn country_names() -> impl Iterator<Item = &'static str> {
    let table = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    table
        .filter_map(|line| line.splitn(4, ' ').last())
        .flat_map(|names| names.split('|'))
}

/// Zones of all countries, by all their names.
pub fn zones() -> impl Iterator<Item = &'static str> {
    let columns = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    let columns = columns.flat_map(|line| line.split(' ').skip(1).take(2));
    columns.flat_map(|zones| zones.split(',')).filter(|zone| *zone != "-")
}

/// First three digits of ZIPs.
pub fn zip_areas() -> impl Iterator<Item = &'static str> {
    lines(ZIPS).map(|line| line[0])
}
