//! People at work: they add leads, pause, resume and switch, over the API, and remember what they were told.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use redial_aws::App;
use redial_aws::layout::QUEUES;
use redial_domain::Role;
use redial_local::queue_attributes::arn;
use redial_local::queue_message::NewMessage;
use serde_json::{Value, json};

use crate::instances;
use crate::judge::{AccountLimits, Promise, Reported};
use crate::plan::CampaignPlan;
use crate::world::World;

/// The key that they use.
const KEY: &str = "rdl_simulated_people_00000000000000000000";
/// They try again when the API has a bad day.
const TRIES_MAX: u32 = 12;
const BETWEEN_TRIES: Duration = Duration::from_secs(3);

/// Somebody with a key.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) world: Arc<World>,
}

impl People {
    /// Gives them a key.
    pub(crate) async fn hire(world: &Arc<World>, app: &App) -> Result<Self, String> {
        app.table
            .put_api_key(KEY, "people", Role::SystemAdmin, None, world.now())
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            world: Arc::clone(world),
        })
    }

    /// Asks the API until it answers something that is no fault of its own.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let event = json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json", "x-api-key": KEY},
            "requestContext": {"http": {"method": method, "path": path}},
            "isBase64Encoded": false,
            "body": body.to_string(),
        });
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            let answered = instances::run(&self.world, "admin", event.clone()).await;
            let (status, body) = match &answered {
                Ok(answer) => (
                    answer["statusCode"].as_u64().unwrap_or(0),
                    answer["body"].as_str().unwrap_or_default(),
                ),
                Err(error) => (502, error.as_str()),
            };
            self.world.note(&format!("people {method} {path}: {status}"));
            match status {
                200..300 => return Ok(serde_json::from_str(body).unwrap_or_default()),
                // A lead that was just added may not be found by its id for a moment.
                404 | 409 | 429 | 500.. => last = format!("{status}: {body}"),
                _ => return Err(format!("{method} {path}: {status}: {body}")),
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        Err(format!("{method} {path}: {last}"))
    }

    /// How many leads the API counts in which state.
    pub(crate) async fn queue_status(&self) -> Value {
        self.ask("GET", &format!("{QUEUE}/status"), &json!({}))
            .await
            .unwrap_or_default()
    }

    /// Makes a campaign as planned, and starts it.
    pub(crate) async fn set_up(&self, plan: &CampaignPlan) -> Result<(), String> {
        let mut body = plan.body();
        body["consent"] = redial_tests::consent();
        if plan.id == "default" {
            self.ask("PATCH", "/campaigns/default", &body).await?;
        } else {
            body["id"] = json!(plan.id);
            if let Some((starts, ends)) = plan.scheduled(self.world.begins()) {
                body["scheduled_start_time"] = json!(starts.to_rfc3339());
                body["scheduled_end_time"] = json!(ends.to_rfc3339());
                self.ask("POST", "/campaigns", &body).await?;
                return Ok(());
            }
            self.ask("POST", "/campaigns", &body).await?;
            self.ask("POST", &format!("/campaigns/{}/start", plan.id), &json!({}))
                .await?;
        }
        Ok(())
    }

    /// Adds the n-th person as a lead; its id, unless the API had too bad a day.
    pub(crate) async fn add(&self, n: u64, campaign: &str) -> Option<String> {
        let body = self.world.homes().person(n).body(campaign);
        let added = self.ask("POST", "/api/leads", &body).await.ok()?;
        Some(added["lead_id"].as_str()?.to_owned())
    }

    /// Switches something off and remembers the answer.
    pub(crate) async fn stop(&self, path: &str, of: &str) {
        let method = if path.ends_with("/remove") { "DELETE" } else { "POST" };
        let Ok(answer) = self.ask(method, path.trim_end_matches("/remove"), &json!({})).await else {
            return;
        };
        let but = answer["remaining"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|attempt| attempt.as_str().map(str::to_owned))
            .collect();
        self.world.judge.promised(Promise {
            of: of.to_owned(),
            since: self.world.now(),
            but,
        });
    }

    /// Switches something on again; from the first try on it may be called.
    pub(crate) async fn go_on(&self, path: &str, of: &str) {
        self.world.judge.released(of, self.world.now());
        let _ = self.ask("POST", path, &json!({})).await;
    }

    /// Limits the provider's account over all campaigns, from the next minute on.
    pub(crate) async fn limit_account(&self, at_once: usize, per_minute: usize) {
        let body = json!({ "calls_at_once_max": at_once, "calls_per_minute_max": per_minute });
        if self.ask("PATCH", "/api/admin/accounts/bland", &body).await.is_ok() {
            let since = self.world.now() + TimeDelta::minutes(1);
            self.world.judge.limited(AccountLimits {
                at_once,
                per_minute,
                since,
            });
        }
    }

    /// Somebody else has called a person, so many seconds ago, and says so.
    async fn report_call(&self, n: u64, subject: Option<&'static str>, ago_s: u64) {
        let phone = self.world.homes().person(n).phone;
        let started_at = self.world.now() - TimeDelta::seconds(i64::try_from(ago_s).unwrap_or(0));
        let body = json!({
            "phone": phone,
            "started_at": started_at.to_rfc3339(),
            "subject": subject,
            "source": "elsewhere",
        });
        if self.ask("POST", "/api/calls", &body).await.is_ok() {
            let known_at = self.world.now();
            self.world.judge.reported(Reported {
                phone,
                subject,
                started_at,
                known_at,
            });
        }
    }

    /// Waits between two deeds.
    pub(crate) async fn pause_s(&self, from: u64, to: u64) {
        tokio::time::sleep(Duration::from_secs(self.world.dice.people.between(from, to))).await;
    }
}

const QUEUE: &str = "/api/admin/redial-queue";

/// Everything that may be off is switched on.
pub(crate) async fn everything_on(people: &People) {
    for switch in ["enable", "start"] {
        people.go_on(&format!("{QUEUE}/{switch}"), "all").await;
    }
    // What ends by itself is not started again.
    for plan in people.world.plans().iter().filter(|plan| plan.scheduled_min.is_none()) {
        people
            .go_on(
                &format!("/campaigns/{}/start", plan.id),
                &format!("campaign:{}", plan.id),
            )
            .await;
    }
}

/// Everything is switched off.
pub(crate) async fn everything_off(people: &People) {
    people.stop(&format!("{QUEUE}/stop"), "all").await;
}

/// Adds `count` leads to the campaigns in turn, and remembers their ids.
pub(crate) async fn fill(people: &People, count: u64) -> Vec<String> {
    let plans = people.world.plans().to_vec();
    let mut ids = Vec::new();
    for n in 0..count {
        let plan = &plans[usize::try_from(n).unwrap_or(0) % plans.len()];
        ids.extend(people.add(n, plan.id).await);
    }
    ids
}

/// So many leads come at the same time when a file is loaded.
const AT_ONCE: usize = 4;

/// As [`fill`], several at the same time: each may take a slot that the others have seen free.
pub(crate) async fn fill_at_once(people: &People, count: u64) -> Vec<String> {
    let plans = people.world.plans().to_vec();
    let numbers: Vec<u64> = (0..count).collect();
    let mut ids = Vec::new();
    for some in numbers.chunks(AT_ONCE) {
        let added = some.iter().map(|n| {
            let plan = &plans[usize::try_from(*n).unwrap_or(0) / AT_ONCE % plans.len()];
            people.add(*n, plan.id)
        });
        ids.extend(futures::future::join_all(added).await.into_iter().flatten());
    }
    ids
}

/// What people do all day: a deed every few minutes.
pub(crate) async fn potter_about(people: &People, leads: &[String], mut next_phone: u64) {
    loop {
        people.pause_s(120, 600).await;
        let dice = &people.world.dice.people;
        let plans = people.world.plans();
        let lead = usize::try_from(dice.between(0, leads.len().max(1) as u64 - 1)).unwrap_or(0);
        let Some(lead) = leads.get(lead) else { continue };
        let lead_path = format!("{QUEUE}/lead/{lead}");
        match dice.between(0, 9) {
            0 => {
                people
                    .stop(&format!("{lead_path}/pause"), &format!("lead:{lead}"))
                    .await
            }
            1 => {
                people
                    .go_on(&format!("{lead_path}/resume"), &format!("lead:{lead}"))
                    .await
            }
            2 => {
                people
                    .stop(&format!("{lead_path}/remove"), &format!("lead:{lead}"))
                    .await
            }
            3 | 4 => {
                let (off, on) = if dice.happens(500) {
                    ("disable", "enable")
                } else {
                    ("stop", "start")
                };
                people.stop(&format!("{QUEUE}/{off}"), "all").await;
                people.pause_s(30, 240).await;
                people.go_on(&format!("{QUEUE}/{on}"), "all").await;
            }
            5 => {
                let of = plans[usize::try_from(dice.between(0, plans.len() as u64 - 1)).unwrap_or(0)].id;
                people
                    .stop(&format!("/campaigns/{of}/pause"), &format!("campaign:{of}"))
                    .await;
                people.pause_s(30, 240).await;
                people
                    .go_on(&format!("/campaigns/{of}/start"), &format!("campaign:{of}"))
                    .await;
            }
            6 => {
                let _ = people.ask("POST", &format!("{QUEUE}/process"), &json!({})).await;
            }
            _ => {
                let of = plans[usize::try_from(dice.between(0, plans.len() as u64 - 1)).unwrap_or(0)].id;
                next_phone += 1;
                let _ = people.add(next_phone, of).await;
            }
        }
    }
}

/// Others call the same people every few minutes, about the same, about something else, or without saying what about.
pub(crate) async fn others_call(people: &People, persons: u64) {
    loop {
        people.pause_s(600, 3_600).await;
        let dice = &people.world.dice.people;
        let subject = [Some("solar"), Some("roof"), None];
        let subject = subject[usize::try_from(dice.between(0, 2)).unwrap_or(0)];
        let (n, ago_s) = (dice.between(0, persons - 1), dice.between(0, 900));
        people.report_call(n, subject, ago_s).await;
    }
}

/// Switches thrown again and again.
pub(crate) async fn switch_all_day(people: &People, leads: &[String]) {
    loop {
        people.pause_s(20, 180).await;
        let dice = &people.world.dice.people;
        if let Some(lead) = leads.get(usize::try_from(dice.between(0, leads.len().max(1) as u64 - 1)).unwrap_or(0))
            && dice.happens(400)
        {
            let path = format!("{QUEUE}/lead/{lead}");
            people.stop(&format!("{path}/pause"), &format!("lead:{lead}")).await;
            people.pause_s(30, 300).await;
            people.go_on(&format!("{path}/resume"), &format!("lead:{lead}")).await;
            continue;
        }
        if dice.happens(300) {
            let plans = people.world.plans();
            let of = plans[usize::try_from(dice.between(0, plans.len() as u64 - 1)).unwrap_or(0)].id;
            let campaign = format!("campaign:{of}");
            people.stop(&format!("/campaigns/{of}/pause"), &campaign).await;
            people.pause_s(30, 240).await;
            people.go_on(&format!("/campaigns/{of}/start"), &campaign).await;
            continue;
        }
        let (off, on) = if dice.happens(500) {
            ("disable", "enable")
        } else {
            ("stop", "start")
        };
        people.stop(&format!("{QUEUE}/{off}"), "all").await;
        people.pause_s(10, 120).await;
        people.go_on(&format!("{QUEUE}/{on}"), "all").await;
    }
}

impl People {
    /// Messages become dead letters after so many deliveries.
    pub(crate) fn dead_letters_after(&self, receives: u32) {
        for queue in QUEUES {
            let policy = json!({
                "deadLetterTargetArn": arn(&format!("{}-dlq", queue.name)),
                "maxReceiveCount": receives,
            });
            let wanted = [("RedrivePolicy".to_owned(), policy.to_string())].into();
            let set = self.world.queues.set_attributes(queue.name, &wanted);
            self.world.note(&format!(
                "people {}: dead letters after {receives}: {}",
                queue.name,
                set.is_ok()
            ));
        }
    }

    /// Moves every dead letter back to where it came from, as the console of SQS does.
    pub(crate) fn put_dead_letters_back(&self) {
        let queues = &self.world.queues;
        for queue in QUEUES {
            let dead = format!("{}-dlq", queue.name);
            let mut moved = 0;
            while let Some(message) = queues.receive(&dead, 1, None).ok().and_then(|mut got| got.pop()) {
                if queues.send(queue.name, &NewMessage::text(message.body)).is_ok() {
                    let _ = queues.delete(&dead, &message.receipt_handle);
                    moved += 1;
                }
            }
            self.world
                .note(&format!("people put {moved} dead letters back to {}", queue.name));
            self.world.judge.saw_dead_letters(moved);
        }
    }
}
