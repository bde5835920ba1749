//! What one redial cycle costs, step by step: the minute's look claims a lead, the dialer reserves its line and places the
//! call, the webhook comes, the outcome is written, the slot is free.
//!
//! Each function runs over [`Seam`] and is started by hand, so every request has its step. A lead alone is the dear case,
//! with every cache cold; of a minute with many leads the costs of looking are shared, and those that the messages of a
//! batch share.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use redial_local::phone_deliveries::sign;
use redial_tests::{MONDAY_NOON, TestApp, bulk, ended, talk};
use serde_json::{Value, json};

use crate::{
    Size,
    prices::{Prices, Work},
    row::{Row, Target},
    seam::{Asked, Log, SECRET, Seam},
};

pub(crate) const PART: &str = "cycle";
/// The row of the mean cycle's dollars, which `GROWTH.md` reads; so with the others.
pub(crate) const DOLLARS: &str = "a mean cycle among many";
pub(crate) const MEAN: &str = "mean cycle among many";
pub(crate) const BATCH: &str = "a full batch of the";
pub(crate) const FUNCTIONS: &str = "a mean cycle's functions";
const ALONE: &str = "a lead alone";

/// Write units that the design allows a cycle.
const WRITE_UNITS_MAX: f64 = 14.0;
/// Dollars that the design allows a million cycles.
const DOLLARS_MAX: f64 = 10.0;
/// Leads of a busy minute: two slot items full.
const MANY: u64 = 24;
/// Letters of the transcript.
const TRANSCRIPT_CHARS: usize = 20_000;

/// What becomes of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Stays,
    Moves,
    Talk,
    Stop,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Stays, Self::Moves, Self::Talk, Self::Stop];

    const fn name(self) -> &'static str {
        match self {
            Self::Stays => "status stays",
            Self::Moves => "status moves",
            Self::Talk => "answered, transcript of 20 KB",
            Self::Stop => "stop",
        }
    }

    /// What is reported about the second call. The first found nobody.
    fn report(self) -> Value {
        match self {
            Self::Stays => json!({}),
            Self::Moves => json!({"status": "busy", "answered_by": "busy"}),
            Self::Talk => {
                let mut report = talk("FOLLOW_UP");
                let lines = transcript();
                let all = |(n, text): (usize, &String)| format!("{}: {text} \n ", side(n));
                report["concatenated_transcript"] = lines.iter().enumerate().map(all).collect::<String>().into();
                let one = |(n, text): (usize, &String)| json!({"id": n, "user": side(n), "text": text});
                report["transcripts"] = lines.iter().enumerate().map(one).collect();
                report
            }
            Self::Stop => talk("SALE"),
        }
    }
}

const fn side(line: usize) -> &'static str {
    if line.is_multiple_of(2) { "assistant" } else { "user" }
}

/// Lines that pack about as well as talk does: common words, some of them numbers and names that do not repeat.
fn transcript() -> Vec<String> {
    const WORDS: &str = "i you we they it that this what when where how can could would will do did have had think know want need \
        tell call back time day week month price offer quote policy number email house car family wife husband work right now \
        later maybe really actually just only about before after because but and or so if then well okay sure fine great good \
        not never always still again already yet more less much many some any every other same different little";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let (mut lines, mut chars, mut state) = (Vec::new(), 0, 7_u64);
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below
    };
    while chars < TRANSCRIPT_CHARS {
        let said = (0..6 + next(14)).map(|_| match next(12) {
            0 => next(100_000).to_string(),
            _ => words[next(words.len())].to_owned(),
        });
        let line = said.collect::<Vec<_>>().join(" ");
        chars += line.len();
        lines.push(line);
    }
    lines
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Claim,
    Reserve,
    CallId,
    Outcome,
    Said,
    SlotFreed,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Reserve => "reserve",
            Self::CallId => "call id",
            Self::Outcome => "outcome",
            Self::Said => "what was said",
            Self::SlotFreed => "slot freed",
        }
    }
}

/// Units and requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) write: f64,
    pub(crate) read: f64,
    pub(crate) requests: f64,
    doubled: f64,
}

impl Cost {
    fn add(&mut self, asked: &Asked) {
        self.write += asked.write;
        self.read += asked.read;
        self.requests += 1.0;
        self.doubled += asked.doubled;
    }

    fn each(self, count: f64) -> Self {
        Self {
            write: self.write / count,
            read: self.read / count,
            requests: self.requests / count,
            doubled: self.doubled / count,
        }
    }

    fn plus(self, other: Self, times: f64) -> Self {
        Self {
            write: self.write + other.write * times,
            read: self.read + other.read * times,
            requests: self.requests + other.requests * times,
            doubled: self.doubled + other.doubled * times,
        }
    }
}

/// What one cycle cost, by step, and what beside the table was asked.
#[derive(Debug, Default)]
struct Cycle {
    steps: BTreeMap<Step, Cost>,
    work: Work,
}

impl Cycle {
    fn sum(&self) -> Cost {
        self.steps
            .values()
            .fold(Cost::default(), |sum, step| sum.plus(*step, 1.0))
    }
}

pub(crate) async fn rows(_: Size) -> Vec<Row> {
    let prices = Prices::read();
    let mut rows = Vec::new();
    let mut mean = (Cost::default(), Work::default());
    let mut one_by_one = (Cost::default(), Work::default());
    let batch = prices.assumed.batch as usize;
    for kind in Kind::ALL {
        let alone = cycles(kind, 1, 1).await;
        for (step, cost) in &alone.steps {
            let name = format!("{ALONE}, {}: {}", kind.name(), step.name());
            rows.extend(costs(&name, *cost));
        }
        let [write, read, requests] = costs(&format!("{ALONE}, {}", kind.name()), alone.sum());
        let plain = alone.sum().write - alone.sum().doubled;
        let write = write.beside("ordered plain writes", plain);
        rows.extend([
            if kind == Kind::Talk {
                write
            } else {
                write.target(Target::AtMost(WRITE_UNITS_MAX))
            },
            read,
            requests,
        ]);
        let many = cycles(kind, MANY, batch).await;
        for (step, cost) in &many.steps {
            let name = format!("among {MANY}, {}: {}", kind.name(), step.name());
            rows.extend(costs(&name, *cost));
        }
        let [write, read, requests] = costs(&format!("among {MANY}, {}", kind.name()), many.sum());
        rows.extend([write.beside("alone", alone.sum().write), read, requests]);
        let share = prices.share(kind);
        mean.0 = mean.0.plus(many.sum(), share);
        mean.1.add(&many.work, share);
        let singly = cycles(kind, MANY, 1).await;
        one_by_one.0 = one_by_one.0.plus(singly.sum(), share);
        one_by_one.1.add(&singly.work, share);
    }
    let packed = redial_aws::kept::pack(payload(Kind::Talk).as_bytes()).len();
    rows.push(
        Row::counted(
            PART,
            "a payload with that transcript, as it is kept",
            packed as f64,
            "bytes",
        )
        .beside("as it came", payload(Kind::Talk).len() as f64),
    );
    rows.extend(mean_rows(&prices, &mean, &one_by_one));
    rows
}

/// Write units, read units and requests of something.
fn costs(name: &str, cost: Cost) -> [Row; 3] {
    [
        Row::counted(PART, name, cost.write, "write units"),
        Row::counted(PART, name, cost.read, "read units"),
        Row::counted(PART, name, cost.requests, "requests to the table"),
    ]
}

/// Of cycles whose messages come in full batches, and of such whose messages come one by one.
fn mean_rows(prices: &Prices, (mean, work): &(Cost, Work), one_by_one: &(Cost, Work)) -> Vec<Row> {
    let plain = mean.write - mean.doubled;
    let how = prices.mix_in_words();
    let [write, read, requests] = costs(MEAN, *mean).map(|row| row.how(how.clone()));
    let batch = prices.assumed.batch;
    let million = |(cost, work): &(Cost, Work), batch: f64, name: &str| {
        let dollars = |write: f64| prices.million(write, cost.read, work, batch).sum();
        Row::counted(PART, name, dollars(cost.write), "$ a million cycles")
            .how(prices.in_words())
            .target(Target::AtMost(DOLLARS_MAX))
            .beside("ordered plain writes", dollars(cost.write - cost.doubled))
    };
    let mut rows = vec![
        write
            .target(Target::AtMost(WRITE_UNITS_MAX))
            .beside("ordered plain writes", plain),
        read,
        requests,
        million(&(*mean, *work), batch, DOLLARS),
        million(one_by_one, 1.0, "the same, every message an invocation of its own"),
    ];
    let parts = prices.million(mean.write, mean.read, work, batch).parts();
    rows.extend(parts.map(|(name, value)| {
        Row::counted(PART, format!("{DOLLARS}: {name}"), value, "$ a million cycles")
            .how("counts times the price table")
    }));
    let assumed = "requests counted, times of `prices.toml` assumed";
    rows.extend(prices.batch_ms(work).map(|(queue, ms)| {
        let name = format!("{BATCH} {queue} queue");
        Row::counted(PART, name, ms, "ms").how(assumed)
    }));
    rows.push(Row::counted(PART, FUNCTIONS, prices.gb_seconds(work, batch), "GB-seconds").how(assumed));
    rows
}

/// A webhook of that kind, about a call that nobody placed.
fn payload(kind: Kind) -> String {
    let call = json!({"call_id": bulk::call(1), "phone": bulk::phone(1), "attempt_id": bulk::attempt(1)});
    ended(&call, kind.report()).to_string()
}

/// Leads that were called once go through one more cycle in the same minute, in batches of so many messages; what each of
/// them cost.
async fn cycles(kind: Kind, leads: u64, batch: usize) -> Cycle {
    let app = TestApp::at(MONDAY_NOON).await;
    let campaign = json!({
        "id": "cycle", "name": "Cycle", "max_concurrent_calls": MANY, "shards": 1, "open_intake": true,
        "consent": redial_tests::consent(),
    });
    let made = app.post("/campaigns", campaign).await;
    assert_eq!(made.status, 201, "{made:?}");
    // Only one campaign runs, so that no look is at another's empty queue.
    for moved in ["/campaigns/cycle/start", "/campaigns/default/pause"] {
        assert_eq!(app.post(moved, json!({})).await.status, 200);
    }
    for n in 0..leads {
        let lead = json!({"phone": bulk::phone(n), "campaign_id": "cycle"});
        assert_eq!(app.post("/api/leads", lead).await.status, 201);
    }
    app.settle().await;
    let called = app.calls().await;
    assert_eq!(called.len() as u64, leads);
    for call in &called {
        assert_eq!(app.ends(call, json!({})).await, 200);
    }
    // The ladder's two minutes, and one more.
    let later = app.now() + TimeDelta::minutes(3);
    Functions::start(&app, later)
        .await
        .cycle(&app, kind, called.len(), batch)
        .await
}

/// The functions of a cycle, each over a seam of its own.
struct Functions {
    now: DateTime<Utc>,
    tick: (redial_tick::Handler, Seam),
    dialer: (redial_dialer::Handler, Seam),
    webhook: (redial_webhook::Handler, Seam),
    outcomes: (redial_outcomes::Handler, Seam),
}

impl Functions {
    async fn start(system: &TestApp, now: DateTime<Utc>) -> Self {
        let seams = [(); 4].map(|()| Seam::to(system));
        let [tick, dialer, webhook, outcomes] = seams;
        let functions = Self {
            now,
            tick: (redial_tick::Handler::new(tick.app(system, now)), tick),
            dialer: (well(redial_dialer::Handler::new(dialer.app(system, now)).await), dialer),
            webhook: (
                well(redial_webhook::Handler::new(webhook.app(system, now)).await),
                webhook,
            ),
            outcomes: (
                well(redial_outcomes::Handler::new(outcomes.app(system, now)).await),
                outcomes,
            ),
        };
        // What an instance does once in its life is no part of a cycle.
        let nobody = functions.tick.0.handle(json!({"time": now.to_rfc3339()})).await;
        well(nobody);
        well(functions.outcomes.0.handle(json!({"Records": []})).await);
        functions.tick.1.take();
        functions.outcomes.1.take();
        functions
    }

    async fn cycle(self, system: &TestApp, kind: Kind, leads: usize, batch_size: usize) -> Cycle {
        let mut cycle = Cycle::default();
        let each = leads as f64;
        let minute = self.tick.0.handle(json!({"time": self.now.to_rfc3339()})).await;
        well(minute);
        let mut looked = self.tick.1.take();
        for (_, ask) in std::mem::take(&mut looked.messages) {
            assert_eq!(well(self.tick.0.handle(batch(&[ask])).await), done());
        }
        let claimed = self.tick.1.take();
        assert_eq!(claimed.messages.len(), leads, "every lead is claimed");
        cycle.steps.insert(Step::Claim, Cost::default());
        for log in [&looked, &claimed] {
            cycle.note(log, |_| Step::Claim);
        }
        cycle.work.looked(&looked, &claimed);

        let messages: Vec<String> = claimed.messages.into_iter().map(|(_, message)| message).collect();
        for some in messages.chunks(batch_size) {
            assert_eq!(well(self.dialer.0.handle(batch(some)).await), done());
            let log = self.dialer.1.take();
            // The first look at the switches is the batch's, and the first write of a ledger reserves; what follows
            // permits, places and notes the calls.
            let mut seen = BTreeSet::new();
            cycle.note(&log, |asked| {
                let of = if asked.writes() {
                    asked.keys.first()
                } else {
                    asked.keys.iter().find(|key| key.contains("GATE#"))
                };
                let of = of.map(|key| if asked.writes() { key.as_str() } else { "switches" });
                if of.is_none_or(|of| seen.insert(of.to_owned())) {
                    Step::Reserve
                } else {
                    Step::CallId
                }
            });
            cycle.work.dialed(&log, some.len());
        }
        let calls = system.calls().await;
        assert_eq!(calls.len(), leads * 2, "every lead is called a second time");
        let mut reports = Vec::with_capacity(leads);
        for call in &calls[leads..] {
            let answer = self
                .webhook
                .0
                .handle(delivery(&ended(call, kind.report()).to_string()))
                .await;
            assert_eq!(well(answer)["statusCode"], 200);
            let mut log = self.webhook.1.take();
            reports.extend(
                std::mem::take(&mut log.messages)
                    .into_iter()
                    .map(|(_, message)| message),
            );
            cycle.note(&log, |_| Step::Outcome);
            cycle.work.received(&log);
        }
        for some in reports.chunks(batch_size) {
            assert_eq!(well(self.outcomes.0.handle(batch(some)).await), done());
            let log = self.outcomes.1.take();
            cycle.note(&log, |asked| match asked {
                slot if slot.names("SLOTS#") => Step::SlotFreed,
                said if said.writes() && (said.names(" RAW#") || said.names(" TALK#")) => Step::Said,
                _ => Step::Outcome,
            });
            cycle.work.applied(&log, some.len());
        }
        for cost in cycle.steps.values_mut() {
            *cost = cost.each(each);
        }
        cycle.work.each(each);
        cycle
    }
}

impl Cycle {
    fn count(&mut self, step: Step, asked: &Asked) {
        self.steps.entry(step).or_default().add(asked);
    }

    fn note(&mut self, log: &Log, mut step: impl FnMut(&Asked) -> Step) {
        for asked in &log.asked {
            self.count(step(asked), asked);
        }
    }
}

/// What a function gave.
fn well<T>(given: Result<T, impl std::fmt::Display>) -> T {
    given.unwrap_or_else(|error| panic!("a function failed: {error}"))
}

/// Messages as a queue hands them over.
fn batch(bodies: &[String]) -> Value {
    let received = json!({"ApproximateReceiveCount": "1"});
    let record = |(n, body)| json!({"messageId": format!("m{n}"), "body": body, "attributes": received});
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// The answer to a batch that need not come again.
fn done() -> Value {
    json!({"batchItemFailures": []})
}

/// A signed webhook as a function URL hands it over.
fn delivery(body: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": "/webhooks/bland", "rawQueryString": "",
        "headers": {"content-type": "application/json", "x-webhook-signature": sign(SECRET, body.as_bytes())},
        "requestContext": {"http": {"method": "POST", "path": "/webhooks/bland"}},
        "body": body, "isBase64Encoded": false,
    })
}
