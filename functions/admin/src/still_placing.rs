//! Waits until nothing that was permitted before can still be placed (Q12).
//!
//! Why a look at the ledgers is enough: a dialer reserves first, reads the switch then, and calls last. Whoever read the
//! switch before it was thrown had reserved before that, so its ledger says `placing` to every consistent read after
//! it, until the call is placed or given back. And whoever reserves later reads the switch as it is now.

use std::time::Duration;

use redial_aws::App;
use redial_aws::table::TableError;
use redial_domain::{AttemptId, Campaign, InFlight, Owner, Phone, Placement};

/// The answer comes by then, and names what remains.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Ten seconds to be sent and ten to be answered: after that nothing of an attempt is on its way any more, and whether
/// it was placed is a question for reconcile.
const PLACING_MAX: chrono::TimeDelta = chrono::TimeDelta::seconds(20);

/// Waits for all attempts of some campaigns. Answers those that are still being placed when the time is up.
pub(crate) async fn wait_for_campaigns(app: &App, campaigns: &[Campaign]) -> Result<Vec<AttemptId>, TableError> {
    let mut phones = Vec::new();
    for campaign in campaigns {
        for shard in 0..campaign.shards {
            for slot in app.table.slots(&Owner::from(&campaign.id), shard).await? {
                phones.extend(slot.tokens.into_keys());
            }
        }
    }
    wait_for_phones(app, phones).await
}

/// Waits for all attempts to some phones.
pub(crate) async fn wait_for_phones(app: &App, mut phones: Vec<Phone>) -> Result<Vec<AttemptId>, TableError> {
    let looks = u32::try_from(WAIT_MAX.as_millis() / LOOK_EVERY.as_millis()).unwrap_or(u32::MAX);
    for _ in 0..looks {
        let mut placing = Vec::new();
        for phone in std::mem::take(&mut phones) {
            let ledger = app.table.ledger(&phone).await?;
            if ledger.inflight.is_some_and(|inflight| may_be_placed(app, &inflight)) {
                placing.push(phone);
            }
        }
        if placing.is_empty() {
            return Ok(Vec::new());
        }
        phones = placing;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let mut remaining = Vec::new();
    for phone in phones {
        remaining.extend(app.table.ledger(&phone).await?.inflight.map(|inflight| inflight.id));
    }
    Ok(remaining)
}

fn may_be_placed(app: &App, inflight: &InFlight) -> bool {
    inflight.placement == Placement::Placing && app.clock.now() < inflight.reserved_at + PLACING_MAX
}
