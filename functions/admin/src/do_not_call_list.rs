//! Many do-not-call marks at once: in from a list, out as one.
//!
//! Data flow in: up to 5,000 numbers → each read on its own → ledgers and records by the hundred → those that say it
//! already cost two reads and no write → the others are marked, 25 in a transaction → calls in flight are asked to end. What
//! time or the table did not allow is named by its place in the request, so nothing is lost in silence; sending all of it
//! again is safe and cheap.
//!
//! Data flow out: 16 parts of an index, merged by time → marks as they are now → a page. Cursors are places in time.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::StreamExt;
use futures::stream;
use redial_aws::do_not_call::Marked;
use redial_aws::do_not_call_many::{ListedMark, TOGETHER_MAX, mark_together};
use redial_aws::keys;
use redial_aws::messages::CallMessage;
use redial_aws::table::TableError;
use redial_aws::web::{Answer, Problem};
use redial_domain::{Ledger, Phone, ProofSource, Region, Statement, iso};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cursor;
use crate::do_not_call::{said_at, text};
use crate::request::{Caller, unavailable};
use crate::shapes;

/// Numbers of one request: 5,000 transactions are some seconds, and 200 KB of the six megabytes that a function URL takes.
const NUMBERS_MAX: usize = 5_000;
/// Transactions at once: with some hundred milliseconds for each, one instance stays far below what a partition of the
/// list takes.
const AT_ONCE_MAX: usize = 8;
/// No number is begun after this; the function ends after 60 seconds, and one mark tries for two.
const TIME_MAX: Duration = Duration::from_secs(40);
/// By then a call that was just being placed has a name at the provider.
const END_CALLS_AFTER_S: i32 = 20;
/// Marks in one answer, unless asked for otherwise, and at most: 1,000 with their words are less than a megabyte.
const LIMIT_DEFAULT: usize = 200;
pub(crate) const LIMIT_MAX: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    numbers: Vec<String>,
    #[serde(default)]
    #[schemars(schema_with = "shapes::region")]
    region: Region,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    said_at: Option<DateTime<Utc>>,
    #[serde(default)]
    note: Option<String>,
}

/// Where a list is from.
#[derive(Deserialize, Clone, Copy, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    #[default]
    Import,
    Crm,
}

/// What became of the numbers of a request. The counts add up to the numbers.
#[derive(Default)]
struct Counts {
    marked: usize,
    known: usize,
    repeated: usize,
    late: usize,
    bad: Vec<Value>,
    not_done: Vec<usize>,
    ends: Vec<(CallMessage, i32)>,
}

pub(crate) async fn import(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let began = Instant::now();
    let app = caller.app;
    let list: List = caller.body()?;
    if list.numbers.len() > NUMBERS_MAX {
        return Err(Problem::new(
            422,
            "too_many",
            format!("failed to import: there are more than {NUMBERS_MAX} numbers"),
            "send them in several requests; `redial dnc import` does",
        ));
    }
    let now = app.clock.now();
    let source = match list.source {
        Source::Import => ProofSource::Import,
        Source::Crm => ProofSource::Crm,
    };
    let statement = Statement {
        said_at: said_at(list.said_at, now)?,
        note: text("note", list.note)?,
        ..Statement::entered(source, &caller.actor.name, now)
    };
    let mut counts = Counts::default();
    let phones = read(&list.numbers, list.region, &mut counts);
    let only: Vec<Phone> = phones.iter().map(|(_, phone)| phone.clone()).collect();
    let pictures = app.table.marks_of(&only, &statement).await;
    let pictures = pictures.map_err(|error| unavailable(&error))?;
    let mut to_mark: Vec<(usize, (Phone, Ledger))> = Vec::new();
    for ((n, phone), (ledger, is_known)) in phones.into_iter().zip(pictures) {
        if is_known {
            counts.known += 1;
            // Marked by a request whose answer was lost, and whose calls were perhaps not asked to end.
            counts.ends.extend(end(&phone, &ledger, now));
        } else {
            to_mark.push((n, (phone, ledger)));
        }
    }
    let statement = &statement;
    let together: Vec<Vec<_>> = to_mark.chunks(TOGETHER_MAX).map(<[_]>::to_vec).collect();
    let mut marks = stream::iter(together.into_iter().map(|together| async move {
        if began.elapsed() > TIME_MAX {
            return (together, None);
        }
        let phones: Vec<(Phone, Ledger)> = together.iter().map(|(_, phone)| phone.clone()).collect();
        (together, Some(mark_together(app, &phones, statement).await))
    }))
    .buffer_unordered(AT_ONCE_MAX);
    while let Some((together, marked)) = marks.next().await {
        let mut marked = marked.into_iter().flatten();
        for (n, (phone, _)) in together {
            counts.note(n, &phone, marked.next(), now);
        }
    }
    counts.not_done.sort_unstable();
    let not_asked = app.queues.end_calls(&counts.ends).await.is_err();
    if not_asked {
        tracing::error!("calls in flight to marked phones were not asked to end");
    }
    tracing::info!(
        actor = %caller.actor.name,
        "do-not-call import: {} marked, {} known, {} refused, {} not done",
        counts.marked,
        counts.known + counts.repeated,
        counts.bad.len(),
        counts.not_done.len()
    );
    Ok(counts.answer(list.numbers.len(), not_asked))
}

/// The numbers that can be read, each once.
fn read(numbers: &[String], region: Region, counts: &mut Counts) -> Vec<(usize, Phone)> {
    let mut seen = HashSet::with_capacity(numbers.len());
    let mut phones = Vec::with_capacity(numbers.len());
    for (n, raw) in numbers.iter().enumerate() {
        match Phone::parse(raw, region) {
            // Errors hold no digits.
            Err(error) => counts.bad.push(json!({"n": n, "why": error.to_string()})),
            Ok(phone) if seen.insert(phone.clone()) => phones.push((n, phone)),
            Ok(_) => counts.repeated += 1,
        }
    }
    phones
}

fn end(phone: &Phone, ledger: &Ledger, now: DateTime<Utc>) -> Option<(CallMessage, i32)> {
    let inflight = ledger.inflight.as_ref()?;
    let message = CallMessage::end_call(phone.clone(), inflight.id.clone(), now);
    Some((message, END_CALLS_AFTER_S))
}

impl Counts {
    fn note(&mut self, n: usize, phone: &Phone, marked: Option<Result<Marked, TableError>>, now: DateTime<Utc>) {
        match marked {
            Some(Ok(marked)) => {
                if marked.first {
                    self.marked += 1;
                } else {
                    self.known += 1;
                }
                self.late += usize::from(marked.is_late());
                self.ends.extend(end(phone, &marked.ledger, now));
            }
            Some(Err(error)) => {
                tracing::warn!("a number of an import was not marked: {error}");
                self.not_done.push(n);
            }
            None => self.not_done.push(n),
        }
    }

    fn answer(&self, received: usize, not_asked: bool) -> Answer {
        let done = self.not_done.is_empty() && !not_asked;
        Answer::json(
            200,
            &json!({
                "success": done,
                "received": received,
                "marked": self.marked,
                "known": self.known,
                "repeated": self.repeated,
                "refused": self.bad.len(),
                "bad": self.bad,
                "not_done": self.not_done,
                "calls_ending": if not_asked { 0 } else { self.ends.len() },
                "late": self.late,
                "hint": (!done).then_some("send the numbers of `not_done` again, or all of them: what is marked stays as it is"),
            }),
        )
    }
}

pub(crate) async fn list(caller: &Caller<'_>) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let query = caller.request.query();
    let after: Option<String> = cursor::read_key(query.get("cursor"))?;
    let from = match (after, query.get("from")) {
        (Some(after), _) => after,
        (None, Some(from)) => time(from)?,
        // Before every time.
        (None, None) => "0".to_owned(),
    };
    let (marks, next) = caller
        .app
        .table
        .list_marks(&from, limit)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "count_on_page": marks.len(),
            "marks": marks.iter().map(mark).collect::<Vec<_>>(),
            "next_cursor": next.and_then(|next| cursor::write(&next)),
        }),
    ))
}

/// A time or a date as the list sorts it.
fn time(text: &str) -> Result<String, Problem> {
    // A plus sign in a query is a space: people forget to encode it.
    let at = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    let at = at.map(|at| at.to_utc()).ok().or_else(|| {
        let date: NaiveDate = text.parse().ok()?;
        Some(date.and_time(chrono::NaiveTime::MIN).and_utc())
    });
    at.map(keys::time).ok_or_else(|| {
        Problem::new(
            422,
            "bad_field",
            "failed to read `from`: it is no time",
            "write it as in 2026-11-23 or 2026-11-23T12:00:00Z; a date begins at midnight UTC",
        )
    })
}

fn mark(mark: &ListedMark) -> Value {
    let proof = mark.proof.as_ref();
    json!({
        "phone": mark.phone.as_str(),
        "since": iso(mark.since),
        "source": proof.map(|proof| proof.source),
        "said_at": proof.map(|proof| iso(proof.said_at)),
        "words": proof.and_then(|proof| proof.words.clone()),
        "call_id": proof.and_then(|proof| proof.call.clone()),
        "by": proof.map(|proof| proof.by.clone()),
        "note": proof.and_then(|proof| proof.note.clone()),
        "honour_by": proof.map(|proof| iso(proof.honour_by)),
        "late": proof.map(|proof| proof.is_late(mark.since)),
        "forgotten_at": mark.forgotten_at.map(iso),
    })
}
