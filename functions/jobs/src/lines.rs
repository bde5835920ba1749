//! Walks the lines of campaigns' queues, page by page, from wherever a job stood.

use redial_aws::keys;
use redial_domain::{Campaign, CampaignId, Lane, Owner};
use serde::{Deserialize, Serialize};

use crate::run_job::StepError;

/// Where the next step begins.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The campaign that is looked through.
    campaign: Option<CampaignId>,
    /// The line of its queue.
    line: u32,
    /// The last range key that was seen in it.
    after: Option<String>,
}

/// Which lines of a campaign are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those of leads that wait for a call.
    Waiting,
    /// Those of leads that do not.
    Resting,
    /// All, the waiting ones first.
    All,
}

/// The campaigns that are walked, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Lines {
    campaigns: Vec<Campaign>,
    which: Which,
}

/// One line of them.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) campaign: &'a Campaign,
    pub(crate) name: String,
    /// The last range key that was seen in it.
    pub(crate) after: Option<String>,
    n: u32,
}

impl Lines {
    pub(crate) fn new(mut campaigns: Vec<Campaign>, which: Which) -> Self {
        campaigns.sort_by(|a, b| a.id.cmp(&b.id));
        Self { campaigns, which }
    }

    /// The line where a job goes on; none when all are walked.
    pub(crate) fn at(&self, cursor: Option<&str>) -> Result<Option<Line<'_>>, StepError> {
        let cursor: Cursor = match cursor {
            None => Cursor::default(),
            Some(cursor) => serde_json::from_str(cursor)
                .map_err(|_| StepError::Permanent("its cursor cannot be read; make a new job".to_owned()))?,
        };
        let found = self.line_at(&cursor).map(|(campaign, n, name)| {
            // A cursor behind the last line of its campaign means the first line of the next one, from its beginning.
            let goes_on = cursor.campaign.as_ref() == Some(&campaign.id) && cursor.line == n;
            Line {
                campaign,
                name,
                after: cursor.after.clone().filter(|_| goes_on),
                n,
            }
        });
        Ok(found)
    }

    fn line_at(&self, cursor: &Cursor) -> Option<(&Campaign, u32, String)> {
        let campaign = match &cursor.campaign {
            None => self.campaigns.first()?,
            Some(id) => {
                let at = self.campaigns.iter().position(|campaign| campaign.id >= *id)?;
                let here = &self.campaigns[at];
                if here.id == *id
                    && let Some(line) = self.line(here, cursor.line)
                {
                    return Some((here, cursor.line, line));
                }
                if here.id == *id {
                    self.campaigns.get(at + 1)?
                } else {
                    here
                }
            }
        };
        self.line(campaign, 0).map(|line| (campaign, 0, line))
    }

    fn line(&self, campaign: &Campaign, n: u32) -> Option<String> {
        let shards = campaign.shards.max(1);
        let waiting = |n: u32| {
            let lane = Lane::ALL.get((n / shards) as usize)?;
            Some(keys::queue_line(&Owner::from(&campaign.id), *lane, n % shards))
        };
        let resting = |n: u32| (n < shards).then(|| keys::queue_rest(&campaign.id, n));
        match self.which {
            Which::Waiting => waiting(n),
            Which::Resting => resting(n),
            Which::All => waiting(n).or_else(|| resting(n - shards * Lane::ALL.len() as u32)),
        }
    }
}

impl Line<'_> {
    /// Where the next step begins: behind the last key of a full page, or in the next line.
    pub(crate) fn next(&self, last: Option<String>, more: bool) -> Result<String, StepError> {
        let cursor = Cursor {
            campaign: Some(self.campaign.id.clone()),
            line: if more { self.n } else { self.n + 1 },
            after: last.filter(|_| more),
        };
        serde_json::to_string(&cursor).map_err(|error| StepError::Permanent(format!("cursor: {error}")))
    }
}
