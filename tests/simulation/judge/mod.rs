//! The judge: one file per invariant, each from the phone network's log and the table alone.
//!
//! Nothing here calls the code that is judged: windows, caps and counts are computed again, in another way.

mod account;
mod books;
mod caps;
mod concurrency;
mod counted_once;
mod end;
mod explained;
mod heat;
mod life;
mod no_lost_lead;
mod one_call;
mod stops;
mod sums;
mod waits;
mod windows;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::phones::Placed;
use crate::world::World;

pub(crate) use account::AccountLimits;
pub(crate) use caps::Reported;
pub(crate) use stops::Promise;

/// Something that must never happen, and did.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) invariant: &'static str,
    pub(crate) at: DateTime<Utc>,
    pub(crate) what: String,
    /// A phone or an instance, to pick its lines from the trace.
    pub(crate) about: String,
}

/// What the judge has seen.
#[derive(Debug, Default)]
pub(crate) struct Judge(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    findings: Vec<Finding>,
    promises: Vec<Promise>,
    resumed: BTreeMap<String, DateTime<Utc>>,
    dead_letters: u64,
    account: Option<AccountLimits>,
    reported: Vec<Reported>,
    ranks: counted_once::Ranks,
}

impl Judge {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a finding.
    pub(crate) fn found(&self, invariant: &'static str, at: DateTime<Utc>, what: String, about: &str) {
        self.seen().findings.push(Finding {
            invariant,
            at,
            what,
            about: about.to_owned(),
        });
    }

    /// The first finding.
    pub(crate) fn first(&self) -> Option<Finding> {
        self.seen().findings.first().cloned()
    }

    /// A person was told that nothing of this kind is called any more.
    pub(crate) fn promised(&self, promise: Promise) {
        self.seen().promises.push(promise);
    }

    /// From now on a promise does not hold any more, and a lead that a person resumed may be called at once.
    pub(crate) fn released(&self, of: &str, now: DateTime<Utc>) {
        let mut seen = self.seen();
        seen.promises.retain(|promise| promise.of != of);
        if let Some(lead) = of.strip_prefix("lead:") {
            seen.resumed.insert(lead.to_owned(), now);
        }
    }

    /// The provider's account has limits.
    pub(crate) fn limited(&self, limits: AccountLimits) {
        self.seen().account = Some(limits);
    }

    /// Somebody else's call is known.
    pub(crate) fn reported(&self, call: Reported) {
        self.seen().reported.push(call);
    }

    /// Somebody put dead letters back.
    pub(crate) fn saw_dead_letters(&self, count: u64) {
        self.seen().dead_letters += count;
    }

    /// A world that is about dead letters and has none shows nothing.
    pub(crate) fn must_have_seen_dead_letters(&self, world: &World) {
        if self.seen().dead_letters == 0 {
            self.found(
                "scenario",
                world.now(),
                "no message became a dead letter".to_owned(),
                "dlq",
            );
        }
    }

    /// The network accepted a call.
    pub(crate) fn accepted(&self, world: &World, placed: &Placed) {
        let (account, reported) = {
            let seen = self.seen();
            (seen.account, seen.reported.clone())
        };
        world.phones.with_calls(|before| {
            one_call::accepted(world, placed, before);
            caps::accepted(world, placed, before, &reported);
            concurrency::accepted(world, placed, before);
            account::accepted(world, placed, before, account);
        });
        let (promises, resumed) = {
            let seen = self.seen();
            (seen.promises.clone(), seen.resumed.get(&placed.lead).copied())
        };
        world.phones.with_calls(|before| {
            stops::accepted(world, placed, &promises, before);
            life::accepted(world, placed);
            waits::accepted(world, placed, before, resumed);
        });
    }

    /// A phone rings.
    pub(crate) fn rang(&self, world: &World, placed: &Placed) {
        windows::rang(world, placed);
    }

    /// Some minutes have passed: a look at the whole table.
    pub(crate) fn look(&self, world: &World) {
        let items = Items::of(world);
        no_lost_lead::look(world, &items);
        let mut fallen = Vec::new();
        counted_once::look(&items, &mut self.seen().ranks, &mut fallen);
        for (what, about) in fallen {
            self.found(counted_once::NAME, world.now(), what, &about);
        }
    }

    /// Calm hours have passed: whatever was due must have been done.
    pub(crate) fn calm(&self, world: &World, since: DateTime<Utc>) {
        no_lost_lead::calm(world, &Items::of(world), since);
    }

    /// It is over, and nothing goes wrong any more.
    pub(crate) fn end(&self, world: &Arc<World>, status: &Value) {
        let items = Items::of(world);
        counted_once::end(world, &items);
        books::end(world, &items);
        explained::end(world, &items);
        heat::end(world);
        life::end(world);
        end::end(world, &items);
        sums::end(world, &items, status);
    }
}

/// The table, sorted into what it holds.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) ledgers: BTreeMap<String, Value>,
    pub(crate) leads: Vec<Value>,
    pub(crate) attempts: Vec<Value>,
    pub(crate) activities: Vec<Value>,
    pub(crate) slots: Vec<Value>,
    pub(crate) kept: Vec<Value>,
}

impl Items {
    fn of(world: &World) -> Self {
        let mut sorted = Self::default();
        for item in world.table.items() {
            let (pk, sk) = (text(&item, "pk").to_owned(), text(&item, "sk").to_owned());
            match sk.split('#').next().unwrap_or_default() {
                "LEDGER" => {
                    sorted.ledgers.insert(pk.trim_start_matches("PHONE#").to_owned(), item);
                }
                "LEAD" => sorted.leads.push(item),
                "ATTEMPT" => sorted.attempts.push(item),
                "ACTIVITY" => sorted.activities.push(item),
                _ if pk.starts_with("SLOTS#") => sorted.slots.push(item),
                _ if pk.starts_with("KEPT#") => sorted.kept.push(item),
                _ => {}
            }
        }
        sorted
    }
}

/// A text of an item; empty when there is none.
pub(crate) fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

/// A moment that an item holds in epoch seconds or, larger, milliseconds.
pub(crate) fn moment(item: &Value, name: &str) -> Option<DateTime<Utc>> {
    let number = item[name].as_i64()?;
    if number > 100_000_000_000 {
        DateTime::from_timestamp_millis(number)
    } else {
        DateTime::from_timestamp(number, 0)
    }
}
