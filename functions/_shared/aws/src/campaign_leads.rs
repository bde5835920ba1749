//! Whether a campaign has leads, and whether any of them is still to be called: a key or two of each line, never a count.

use redial_domain::{Campaign, Lane, LeadState, Owner};

use crate::keys;
use crate::table::{Table, TableError, text};

/// Keys of resting leads read at once: about a megabyte.
const PAGE: i32 = 5_000;
/// Pages of them that are looked through for one that waits for a person: a million leads, 25,000 read units. A campaign
/// with more ends by its end time, or by hand.
const PAGES_MAX: usize = 200;

impl Table {
    /// Whether a campaign has any lead.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn has_leads(&self, campaign: &Campaign) -> Result<bool, TableError> {
        let resting = (0..campaign.shards).map(|shard| keys::queue_rest(&campaign.id, shard));
        for line in waiting_lines(campaign).into_iter().chain(resting) {
            if self.has_any(&line).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a lead of a campaign waits for its next call, or is being called.
    ///
    /// # Errors
    /// When queue or slots cannot be read.
    pub async fn has_callable_leads(&self, campaign: &Campaign) -> Result<bool, TableError> {
        for line in waiting_lines(campaign) {
            if self.has_any(&line).await? {
                return Ok(true);
            }
        }
        let owner = Owner::from(&campaign.id);
        for shard in 0..campaign.shards {
            let slots = self.slots(&owner, shard).await?;
            if slots.iter().any(|slot| !slot.tokens.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a lead of a campaign rests until a person does something: it is paused, or parked.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn has_leads_for_people(&self, campaign: &Campaign) -> Result<bool, TableError> {
        let mut pages = 0;
        for shard in 0..campaign.shards {
            let line = keys::queue_rest(&campaign.id, shard);
            let mut after: Option<String> = None;
            loop {
                if pages >= PAGES_MAX {
                    tracing::warn!(campaign.id = %campaign.id, "too many leads to know whether one waits for a person");
                    return Ok(true);
                }
                pages += 1;
                let page = self.queue_page(&line, after.as_deref(), "~", PAGE).await?;
                let waits = |state| matches!(state, LeadState::Paused | LeadState::Parked);
                let states = page.items.iter().filter_map(|item| text(item, "q_sk"));
                if states
                    .filter_map(keys::read_queue_range)
                    .any(|(_, state, _)| waits(state))
                {
                    return Ok(true);
                }
                match page.items.last().and_then(|item| text(item, "q_sk")) {
                    Some(last) if page.next.is_some() => after = Some(last.to_owned()),
                    // An index page may be empty and yet have a next one; then nothing is known.
                    None if page.next.is_some() => return Ok(true),
                    _ => break,
                }
            }
        }
        Ok(false)
    }

    /// Whether anybody stands in a line. A page that is empty and has a next one counts as somebody.
    async fn has_any(&self, line: &str) -> Result<bool, TableError> {
        let page = self.queue_page(line, None, "~", 1).await?;
        Ok(!page.items.is_empty() || page.next.is_some())
    }
}

/// All lines in which leads of a campaign wait for a call.
fn waiting_lines(campaign: &Campaign) -> Vec<String> {
    let owner = Owner::from(&campaign.id);
    (0..campaign.shards)
        .flat_map(|shard| Lane::ALL.map(|lane| keys::queue_line(&owner, lane, shard)))
        .collect()
}
