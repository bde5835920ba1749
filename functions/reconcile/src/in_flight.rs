//! Everything that is in flight, whatever its campaign does.
//!
//! An attempt in flight holds its slot's token, so the slots are the list. Campaigns that are paused, have ended or are
//! closed are looked at like all others: what was placed before is still in flight. A token without an attempt whose
//! claim is over is freed, and an attempt that lost its token gets it back: it is found behind a lead that is due,
//! piece by piece, because a lead stays due while it is called. It refuses to know what the provider says.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::keys;
use redial_aws::leads::phone_and_campaign;
use redial_aws::table::{Change, Item, Key, TableError, read, text};
use redial_domain::{AttemptId, Campaign, InFlight, Lane, Owner, Phone};
use serde::{Deserialize, Serialize};

use crate::history::PROVIDER_SILENT;
use crate::verdict::{NEXT_RUN, closes_before_next_run};

/// Due leads whose ledgers are read in one run: 250 read units. A hundred thousand are read in 17 hours.
const SEARCHED_MAX: usize = 500;
/// Parts of queues that are searched in one run: those of 20 campaigns, at some milliseconds each.
const LINES_MAX: usize = 60;

/// An attempt to ask about.
#[derive(Debug, Clone)]
pub(crate) struct Overdue {
    pub(crate) phone: Phone,
    pub(crate) inflight: InFlight,
    /// Its time is over.
    pub(crate) overdue: bool,
    /// The calling hours end before the next run.
    pub(crate) closing: bool,
}

/// What all slots together hold.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The attempts to ask about, the most urgent first.
    pub(crate) to_ask: Vec<Overdue>,
    /// The attempts that have a token.
    pub(crate) attempts: HashSet<AttemptId>,
}

/// Looks through the slots of all campaigns.
pub(crate) async fn look_through(app: &App, campaigns: &[Campaign]) -> Result<Held, TableError> {
    let mut held = Held::default();
    for campaign in campaigns {
        // A change of a campaign that ended between campaign and slots is finished here.
        app.table.configure_slots(campaign).await?;
        let owner = Owner::from(&campaign.id);
        for shard in 0..campaign.shards {
            look_through_shard(app, campaign, &owner, shard, &mut held).await?;
        }
    }
    // What must not ring any more cannot wait, unless it was asked about in vain. Then by lease: a look moves it, so
    // those that a run does not come to are the first of the next one, and no call can hold up all others.
    held.to_ask.sort_by_key(Overdue::turn);
    Ok(held)
}

impl Overdue {
    fn turn(&self) -> (bool, DateTime<Utc>) {
        let urgent = self.closing && !self.inflight.told.contains(PROVIDER_SILENT);
        (!urgent, self.inflight.lease_until)
    }
}

async fn look_through_shard(
    app: &App,
    campaign: &Campaign,
    owner: &Owner,
    shard: u32,
    held: &mut Held,
) -> Result<(), TableError> {
    let slots = app.table.slots(owner, shard).await?;
    let phones: Vec<Phone> = slots.iter().flat_map(|slot| slot.tokens.keys().cloned()).collect();
    // The ledgers after the slots: a token whose attempt is not in flight now, and whose claim is over, never will be.
    let mut ledgers = app.table.ledgers(&phones, true).await?;
    let now = app.clock.now();
    let closes = closes_before_next_run(&campaign.window, now);
    for slot in slots {
        for (phone, token) in slot.tokens {
            let ledger = ledgers.get_mut(&phone);
            let in_flight = ledger.and_then(|ledger| ledger.inflight.take_if(|inflight| inflight.id == token.attempt));
            let Some(inflight) = in_flight else {
                if token.has_ended(now) {
                    app.table
                        .free_token(owner, shard, slot.n, &phone, &token.attempt)
                        .await?;
                }
                continue;
            };
            held.attempts.insert(token.attempt);
            let overdue = now > inflight.lease_until;
            let law_closes = inflight.law_ends_at.is_some_and(|ends| ends <= now + NEXT_RUN);
            let closing =
                (closes || law_closes) && inflight.started_at.is_none() && (overdue || inflight.call_id.is_some());
            if overdue || closing {
                held.to_ask.push(Overdue {
                    phone,
                    inflight,
                    overdue,
                    closing,
                });
            }
        }
    }
    Ok(())
}

/// Where the search goes on.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// A line of the queue.
    line: String,
    /// The last place in it that was searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// Searches a piece of all queues for overdue attempts without a token, and gives it back to them. Answers how many.
pub(crate) async fn restore_tokens(
    app: &App,
    campaigns: &[Campaign],
    known: &HashSet<AttemptId>,
) -> Result<usize, TableError> {
    let lines = lines(campaigns);
    let Some(first_line) = lines.first() else { return Ok(0) };
    let stored = app.table.get(&keys::token_search(), true).await?;
    let seen: Option<Place> = stored.map(read).transpose()?;
    let begin = seen
        .as_ref()
        .and_then(|seen| lines.iter().position(|line| *line == seen.line));
    let mut after = begin.and(seen.clone()).and_then(|seen| seen.after);
    let now = app.clock.now();
    let upto = format!("{}~", keys::time(now));
    let mut left = SEARCHED_MAX;
    let mut restored = 0;
    let mut place = begin.unwrap_or(0);
    for _ in 0..lines.len().min(LINES_MAX) {
        let limit = i32::try_from(left).unwrap_or(i32::MAX);
        let page = app
            .table
            .queue_page(&lines[place], after.as_deref(), &upto, limit)
            .await?;
        let phones: Vec<Phone> = page.items.iter().filter_map(phone_of_lead).collect();
        restored += restore_behind(app, &phones, known, now).await?;
        left = left.saturating_sub(page.items.len());
        let last = page.items.last().and_then(|last| text(last, "q_sk"));
        after = page.next.and(last).map(str::to_owned);
        if after.is_none() {
            place = (place + 1) % lines.len();
        }
        if after.is_some() || left == 0 {
            break;
        }
    }
    let next = Place {
        line: lines[place].clone(),
        after,
    };
    let start = Place {
        line: first_line.clone(),
        after: None,
    };
    // A search that sees everything in one run has nothing to remember.
    if seen.unwrap_or(start) != next {
        app.table.write(Change::put(keys::token_search(), &next)).await?;
    }
    Ok(restored)
}

/// All lines in which leads wait, in one order.
fn lines(campaigns: &[Campaign]) -> Vec<String> {
    let line = |campaign: &Campaign, shard| {
        let owner = Owner::from(&campaign.id);
        Lane::ALL.map(|lane| keys::queue_line(&owner, lane, shard))
    };
    campaigns
        .iter()
        .flat_map(|campaign| (0..campaign.shards).flat_map(move |shard| line(campaign, shard)))
        .collect()
}

async fn restore_behind(
    app: &App,
    phones: &[Phone],
    known: &HashSet<AttemptId>,
    now: DateTime<Utc>,
) -> Result<usize, TableError> {
    let mut restored = 0;
    for (phone, ledger) in app.table.ledgers(phones, false).await? {
        let Some(inflight) = ledger.inflight else { continue };
        if now > inflight.lease_until
            && !known.contains(&inflight.id)
            && app.table.restore_token(&phone, &inflight).await?
        {
            tracing::warn!(attempt.id = %inflight.id, "an overdue attempt had lost its token and has it again");
            app.metrics.count("reconcile.token_restored");
            restored += 1;
        }
    }
    Ok(restored)
}

fn phone_of_lead(item: &Item) -> Option<Phone> {
    phone_and_campaign(&Key::of(item)?).map(|(phone, _)| phone)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::verdict::tests::{inflight, min};

    #[test]
    fn what_closes_goes_first_then_the_oldest_lease_and_what_was_asked_in_vain_waits_for_its_turn() {
        let one = |id: &str, lease_min: i64, closing, silent: bool| Overdue {
            phone: Phone::try_from("+12125550142".to_owned()).unwrap(),
            inflight: InFlight {
                id: AttemptId::parse(id).unwrap(),
                lease_until: min(0) + TimeDelta::minutes(lease_min),
                told: silent.then(|| PROVIDER_SILENT.to_owned()).into_iter().collect(),
                ..inflight()
            },
            overdue: true,
            closing,
        };
        let mut all = [
            one("new", 9, false, false),
            one("old", 1, false, false),
            one("closing-in-vain", 5, true, true),
            one("closing", 20, true, false),
        ];
        all.sort_by_key(Overdue::turn);
        let order: Vec<&str> = all.iter().map(|one| one.inflight.id.as_str()).collect();
        assert_eq!(order, ["closing", "old", "closing-in-vain", "new"]);
    }
}
