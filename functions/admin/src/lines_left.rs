//! Whether there is a line for a call, beside what the gate says of its lead: the campaign's calls at once, and what the
//! provider's account leaves to it in this minute.
//!
//! It is looked at where leads are claimed, and it is shared with all leads of a campaign, so it is no check of the gate;
//! but whoever asks why nothing is called has to be told.

use redial_aws::App;
use redial_aws::account_shares::Known;
use redial_aws::table::TableError;
use redial_domain::{Campaign, Lead, Owner};
use serde_json::{Value, json};

/// What a part of a campaign's queue has left.
pub(crate) struct LinesLeft {
    taken: usize,
    free: usize,
    /// Taken and free, whether or not a call may begin in this minute.
    lines: usize,
    /// The lead itself holds one.
    pub(crate) is_claimed: bool,
    shared: bool,
}

impl LinesLeft {
    pub(crate) async fn of(
        app: &App,
        campaign: &Campaign,
        shard: u32,
        lead: Option<&Lead>,
    ) -> Result<Self, TableError> {
        let now = app.clock.now();
        let slots = app.table.slots(&Owner::from(&campaign.id), shard).await?;
        let known = app.known_shard_share(campaign, shard, now).await?;
        let share = match &known {
            Known::Share(share) => Some(share),
            Known::NoLimits | Known::NotYet => None,
        };
        let taken: usize = slots.iter().map(|slot| slot.tokens.len()).sum();
        let free: usize = slots.iter().map(|slot| slot.source(share, true).free as usize).sum();
        // A minute without a moment left starts no call, whatever lines are free.
        let out_of_moments = share
            .and_then(|share| Some((share.moments()?, slots.first()?.moments_gone(share.minute))))
            .is_some_and(|(moments, gone)| moments.len() <= gone as usize);
        Ok(Self {
            taken,
            lines: taken + free,
            free: if out_of_moments { 0 } else { free },
            is_claimed: lead.is_some_and(|lead| slots.iter().any(|slot| slot.tokens.contains_key(&lead.phone))),
            shared: share.is_some(),
        })
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.free == 0
    }

    /// A line of an explanation, as the gate's are.
    pub(crate) fn shown(&self, campaign: &Campaign) -> Value {
        let source = format!(
            "`max_concurrent_calls`, `calls_per_minute_max` of campaign `{}`{}",
            campaign.id,
            if self.shared {
                ", and its share of the provider's account"
            } else {
                ""
            }
        );
        json!({
            "gate": "lines",
            "passes": self.is_claimed || !self.is_full(),
            "value": format!("{} lines taken, {} free", self.taken, self.free),
            "limit": if self.shared {
                format!(
                    "a free line and a moment in this minute; the account leaves {} of the campaign's {} lines to this part of its queue",
                    self.lines, campaign.max_concurrent_calls
                )
            } else {
                format!("a free line, of {} in all", campaign.max_concurrent_calls)
            },
            "source": source,
            "until": null,
        })
    }
}
