//! Dollars from counts, by `prices.toml`: each price with its date and source, each assumption by its name.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{cycle::Kind, seam::Log};

/// Where prices and assumptions stand.
const TABLE: &str = include_str!("prices.toml");

/// One price.
#[derive(Debug, Deserialize)]
pub(crate) struct Price {
    usd: f64,
    date: String,
    source: String,
}

/// What cannot be measured here.
#[derive(Debug, Deserialize)]
pub(crate) struct Assumed {
    table_request_ms: f64,
    queue_request_ms: f64,
    provider_request_ms: f64,
    own_work_ms: f64,
    memory_mb: f64,
    pub(crate) batch: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Prices {
    price: BTreeMap<String, Price>,
    pub(crate) assumed: Assumed,
    mix: Mix,
}

#[derive(Debug, Deserialize)]
struct Mix {
    stays: f64,
    moves: f64,
    talk: f64,
    stop: f64,
}

/// What the functions of a cycle ask, beside units of the table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    looks: f64,
    look_requests: f64,
    dial_requests: f64,
    outcome_requests: f64,
    sends: f64,
    messages: f64,
    events: f64,
}

impl Work {
    /// The minute's run, and the look that it asked for.
    pub(crate) fn looked(&mut self, minute: &Log, look: &Log) {
        self.looks += 2.0;
        self.look_requests += (minute.asked.len() + look.asked.len()) as f64;
        self.sends += (minute.sends + look.sends) as f64;
        // The message that asks for the look.
        self.messages += 1.0;
    }

    /// A batch of so many messages.
    pub(crate) fn dialed(&mut self, log: &Log, messages: usize) {
        self.dial_requests += log.asked.len() as f64;
        self.messages += messages as f64;
    }

    pub(crate) fn received(&mut self, log: &Log) {
        self.sends += log.sends as f64;
    }

    /// A batch of so many messages.
    pub(crate) fn applied(&mut self, log: &Log, messages: usize) {
        self.outcome_requests += log.asked.len() as f64;
        self.messages += messages as f64;
        self.events += log.events as f64;
    }

    pub(crate) fn each(&mut self, count: f64) {
        let sum = std::mem::take(self);
        self.add(&sum, 1.0 / count);
    }

    pub(crate) fn add(&mut self, other: &Self, times: f64) {
        self.looks += other.looks * times;
        self.look_requests += other.look_requests * times;
        self.dial_requests += other.dial_requests * times;
        self.outcome_requests += other.outcome_requests * times;
        self.sends += other.sends * times;
        self.messages += other.messages * times;
        self.events += other.events * times;
    }
}

/// Dollars of a million cycles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dollars {
    writes: f64,
    reads: f64,
    queues: f64,
    invocations: f64,
    durations: f64,
    events: f64,
}

impl Dollars {
    pub(crate) fn parts(&self) -> [(&'static str, f64); 6] {
        [
            ("write units", self.writes),
            ("read units", self.reads),
            ("requests to queues", self.queues),
            ("invocations", self.invocations),
            ("GB-seconds", self.durations),
            ("events", self.events),
        ]
    }

    pub(crate) fn sum(&self) -> f64 {
        self.parts().into_iter().map(|(_, dollars)| dollars).sum()
    }
}

impl Prices {
    /// # Panics
    /// When the file is not as it must be.
    pub(crate) fn read() -> Self {
        let prices: Self = toml::from_str(TABLE).unwrap_or_else(|error| panic!("prices.toml: {error}"));
        for (name, price) in &prices.price {
            assert!(
                !price.source.is_empty() && !price.date.is_empty(),
                "{name} has no source"
            );
        }
        prices
    }

    pub(crate) fn usd(&self, name: &str) -> f64 {
        let price = self.price.get(name);
        price.unwrap_or_else(|| panic!("prices.toml has no {name}")).usd
    }

    /// Which part of all cycles are of this kind.
    pub(crate) fn share(&self, kind: Kind) -> f64 {
        let Mix {
            stays,
            moves,
            talk,
            stop,
        } = self.mix;
        let mine = match kind {
            Kind::Stays => stays,
            Kind::Moves => moves,
            Kind::Talk => talk,
            Kind::Stop => stop,
        };
        mine / (stays + moves + talk + stop)
    }

    pub(crate) fn mix_in_words(&self) -> String {
        let Mix {
            stays,
            moves,
            talk,
            stop,
        } = self.mix;
        format!("counted; mean of {stays} % status stays, {moves} % moves, {talk} % talk, {stop} % stop")
    }

    pub(crate) fn in_words(&self) -> String {
        let dates: std::collections::BTreeSet<&str> = self.price.values().map(|price| price.date.as_str()).collect();
        let dates: Vec<&str> = dates.into_iter().collect();
        format!(
            "counts times `prices.toml` of {}; without logs and data transfer",
            dates.join(", ")
        )
    }

    /// Dollars of a million cycles, with so many messages an invocation.
    pub(crate) fn million(&self, write: f64, read: f64, work: &Work, batch: f64) -> Dollars {
        Dollars {
            writes: write * self.usd("write_unit_million"),
            reads: read * self.usd("read_unit_million"),
            // A message is received and deleted with its batch.
            queues: (work.sends + 2.0 * work.messages / batch) * self.usd("queue_request_million"),
            invocations: (1.0 + work.looks + work.messages / batch) * self.usd("invocation_million"),
            durations: self.gb_seconds(work, batch) * self.usd("gb_second") * 1e6,
            events: work.events * self.usd("bus_event_million"),
        }
    }

    /// Memory times time of one cycle's functions. The messages of a batch wait for the table side by side; their own
    /// work comes one after the other.
    pub(crate) fn gb_seconds(&self, work: &Work, batch: f64) -> f64 {
        let Assumed {
            table_request_ms: table,
            queue_request_ms: queue,
            provider_request_ms: provider,
            own_work_ms: own,
            memory_mb,
            ..
        } = self.assumed;
        let webhook = own + queue;
        let look = work.looks * own + work.look_requests * table;
        let dial = own + (work.dial_requests * table + provider) / batch;
        let outcome = own + (work.outcome_requests * table + work.events * queue) / batch;
        (webhook + look + dial + outcome) / 1_000.0 * memory_mb / 1_024.0
    }

    /// Milliseconds of one invocation with a full batch, by its queue.
    pub(crate) fn batch_ms(&self, work: &Work) -> [(&'static str, f64); 2] {
        let Assumed {
            table_request_ms: table,
            queue_request_ms: queue,
            provider_request_ms: provider,
            own_work_ms: own,
            batch,
            ..
        } = self.assumed;
        [
            ("dial", own * batch + work.dial_requests * table + provider),
            (
                "calls",
                own * batch + work.outcome_requests * table + work.events * queue,
            ),
        ]
    }

    /// Milliseconds in which functions of one cycle run, webhook, look, dialer and outcomes together.
    pub(crate) fn function_ms(&self, gb_seconds: f64) -> f64 {
        gb_seconds * 1_024.0 / self.assumed.memory_mb * 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_has_a_date_and_a_source_and_a_mix_is_a_whole() {
        let prices = Prices::read();
        let shares = [Kind::Stays, Kind::Moves, Kind::Talk, Kind::Stop].map(|kind| prices.share(kind));
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn dollars_are_the_sum_of_their_parts() {
        let prices = Prices::read();
        let dollars = prices.million(10.0, 8.0, &Work::default(), 10.0);
        assert!((dollars.writes - 6.25).abs() < 1e-9 && (dollars.reads - 1.0).abs() < 1e-9);
        assert!(dollars.sum() > 7.25);
    }
}
