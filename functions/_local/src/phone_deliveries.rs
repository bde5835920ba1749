//! Sends the simulated network's reports: signed webhooks over HTTP, with a few retries.
//!
//! Knows when and where, not what a report says. A report leaves the file only when it was taken or given up, so that
//! none is lost by a crash; it may then be sent twice, as real providers do.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use rusqlite::params;
use sha2::Sha256;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{phone_settings::PhonesError, phones::Phones, sqlite_file::from_ms};

/// Reports on their way at the same time; a provider's pool is larger, the machine is not.
const SENDING_MAX: usize = 32;
/// Reports looked up at a time.
const DUE_PAGE: usize = 64;
/// How long a webhook may take to answer, in real time: providers wait from 10 s (Retell) to 20 s (Vapi).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Pauses between tries of one report, in seconds of the virtual clock; after the last it is given up. Bland's own are
/// not documented.
const RETRY_AFTER_S: [i64; 4] = [5, 30, 120, 600];
/// Pause after the file failed, so that a broken file does not burn a core.
const FILE_RETRY_PAUSE: Duration = Duration::from_secs(1);

struct Report {
    id: i64,
    call_id: String,
    number: i64,
    tries: usize,
}

impl Phones {
    /// Sends reports as they become due, until dropped. Run it once.
    pub async fn run(&self) {
        let slots = Arc::new(Semaphore::new(SENDING_MAX));
        let mut sends = JoinSet::new();
        loop {
            let mut changes = self.shared.changes.subscribe();
            let (due, next) = match self.due_reports() {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!("reports of the simulated network cannot be read: {error}");
                    tokio::time::sleep(FILE_RETRY_PAUSE).await;
                    continue;
                }
            };
            if due.is_empty() {
                match next {
                    Some(next) => tokio::select! {
                        () = self.shared.clock.sleep_until(next) => {}
                        _ = changes.changed() => {}
                    },
                    None => {
                        let _ = changes.changed().await;
                    }
                }
                continue;
            }
            for report in due {
                // The semaphore is never closed.
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                    return;
                };
                self.sending().insert(report.id);
                let phones = self.clone();
                sends.spawn(async move {
                    let running = phones.shared.activity.begin("phone report");
                    if let Err(error) = phones.send(&report).await {
                        tracing::error!("a report of the simulated network cannot be kept: {error}");
                    }
                    phones.sending().remove(&report.id);
                    phones.announce();
                    drop(running);
                    drop(slot);
                });
            }
            while sends.try_join_next().is_some() {}
        }
    }

    /// Reports that are due and not on their way, and the next time one is due.
    fn due_reports(&self) -> Result<(Vec<Report>, Option<DateTime<Utc>>), PhonesError> {
        let now = self.shared.clock.now().timestamp_millis();
        let sending = self.sending().clone();
        let db = self.db();
        let mut statement = db.prepare_cached(
            "SELECT id, call_id, number, tries FROM reports WHERE due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2",
        )?;
        // Those on their way stand first in the order; the page must reach past them.
        let rows = statement.query_map(params![now, (DUE_PAGE + sending.len()) as u64], |row| {
            Ok(Report {
                id: row.get(0)?,
                call_id: row.get(1)?,
                number: row.get(2)?,
                tries: row.get(3)?,
            })
        })?;
        let mut due = Vec::new();
        for report in rows {
            let report = report?;
            if !sending.contains(&report.id) {
                due.push(report);
            }
        }
        let next: Option<i64> = db
            .prepare_cached("SELECT min(due_ms) FROM reports WHERE due_ms > ?1")?
            .query_row([now], |row| row.get(0))?;
        Ok((due, next.map(from_ms)))
    }

    async fn send(&self, report: &Report) -> Result<(), PhonesError> {
        let call = self.call(&report.call_id)?;
        let payload = call.as_ref().and_then(|call| {
            if report.number == 1 {
                Some(call.details(self.shared.clock.now()))
            } else {
                call.second_delivery()
            }
        });
        let url = call.as_ref().and_then(|call| call.request["webhook"].as_str());
        let (Some(payload), Some(url)) = (payload, url) else {
            return self.finish(report);
        };
        let times = if self.behaviour().deliver_twice { 2 } else { 1 };
        let mut taken = true;
        for _ in 0..times {
            taken &= self.post(url, payload.to_string()).await;
        }
        if taken {
            return self.finish(report);
        }
        match RETRY_AFTER_S.get(report.tries) {
            None => {
                tracing::warn!(
                    call.id = report.call_id,
                    "a webhook was refused {} times and is given up",
                    report.tries + 1
                );
                self.finish(report)
            }
            Some(after_s) => {
                let due = self.shared.clock.now() + TimeDelta::seconds(*after_s);
                self.db()
                    .prepare_cached("UPDATE reports SET due_ms = ?2, tries = tries + 1 WHERE id = ?1")?
                    .execute(params![report.id, due.timestamp_millis()])?;
                Ok(())
            }
        }
    }

    /// Posts one body; whether it was taken.
    async fn post(&self, url: &str, body: String) -> bool {
        let mut request = self.shared.client.post(url).header("content-type", "application/json");
        if let Some(secret) = &self.shared.settings.webhook_secret {
            request = request.header("X-Webhook-Signature", sign(secret, body.as_bytes()));
        }
        match request.body(body).send().await {
            Ok(answer) if answer.status().is_success() => true,
            Ok(answer) => {
                tracing::warn!("a webhook was answered {}", answer.status());
                false
            }
            Err(error) => {
                tracing::warn!("a webhook was not answered: {}", error.without_url());
                false
            }
        }
    }

    fn finish(&self, report: &Report) -> Result<(), PhonesError> {
        self.db()
            .prepare_cached("DELETE FROM reports WHERE id = ?1")?
            .execute([report.id])?;
        Ok(())
    }

    /// Waits until the first report about a call is no longer waiting to be sent.
    pub(crate) async fn reported(&self, call_id: &str) -> Result<(), PhonesError> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let waiting: bool = self
                .db()
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM reports WHERE call_id = ?1 AND number = 1 AND tries = 0)",
                )?
                .query_row([call_id], |row| row.get(0))?;
            if !waiting {
                return Ok(());
            }
            let _ = changes.changed().await;
        }
    }

    fn sending(&self) -> MutexGuard<'_, std::collections::BTreeSet<i64>> {
        self.shared.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next report is due, past or future, for displays.
    pub fn next_report_at(&self) -> Result<Option<DateTime<Utc>>, PhonesError> {
        let due: Option<i64> = self
            .db()
            .prepare_cached("SELECT min(due_ms) FROM reports")?
            .query_row([], |row| row.get(0))?;
        Ok(due.map(from_ms))
    }
}

/// Bland's signature: hex HMAC-SHA256 of the raw body.
pub fn sign(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The client that sends webhooks: no proxy, since everything is on this machine.
pub(crate) fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Fails if one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_vector() {
        let body = r#"{"call_id":"0b9f3c1e-5d42-4c7a-9a10-000000000001","status":"completed","answered_by":"human"}"#;
        assert_eq!(
            sign("bland-test-secret", body.as_bytes()),
            "2daf7e98765bb862d1b18bb1c94c196308c8b6eccd379c800fabb2864896ef94"
        );
    }
}
