//! Puts the brake on a campaign that leaves too many people waiting who answered, and takes it off again (H10).
//!
//! Data flow: campaigns that run or are paused → days of the last 30 that have to be counted, from the attempts → their
//! sum → over the limit: the brake stands in the campaign's next version, by one conditional write with its gate copies
//! and its activity, so that no dialer places a call on an older one. Under it again: the same, without the brake. What a
//! person changed meanwhile wins; the next run looks again.

use chrono::{DateTime, Days, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use redial_aws::App;
use redial_aws::answered::CountedDay;
use redial_aws::jobs::{Job, send};
use redial_aws::leads::Activity;
use redial_aws::table::TableError;
use redial_domain::{
    ABANDONED_DAYS, ABANDONED_PERCENT_MAX, Actor, AnsweredCalls, Brake, Campaign, CampaignStatus, abandoned_since,
};

/// Campaigns that are looked at at once.
const AT_ONCE: usize = 8;
/// A day that is over is counted again this long after its end: at once, when the last calls that began in it have ended,
/// and when what was reported late is in. Today is counted by every run.
const COUNTED_AFTER: [TimeDelta; 3] = [TimeDelta::zero(), TimeDelta::hours(3), TimeDelta::hours(48)];

/// Looks at every campaign. Returns how many brakes were put on or taken off. One that somebody changed since it was read
/// is left to the next run.
pub(crate) async fn watch_abandoned(app: &App, campaigns: Vec<Campaign>) -> Result<u32, TableError> {
    let calling = campaigns
        .into_iter()
        .filter(|campaign| matches!(campaign.status, CampaignStatus::Running | CampaignStatus::Paused));
    let moved: Vec<bool> = stream::iter(calling)
        .map(|campaign| async move { watch(app, &campaign).await })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(moved.into_iter().map(u32::from).sum())
}

async fn watch(app: &App, campaign: &Campaign) -> Result<bool, TableError> {
    let calls = counted(app, campaign).await?;
    let percent = calls.percent().unwrap_or_default();
    let share = format!(
        "{} of {} answered calls of the last {ABANDONED_DAYS} days were abandoned, {percent} %; at most {ABANDONED_PERCENT_MAX} % may be",
        calls.abandoned, calls.answered
    );
    match (calls.too_many_abandoned(), campaign.brake.is_some()) {
        (true, false) => {
            let brake = Some(Brake {
                at: app.clock.now(),
                calls,
            });
            let braked = change(app, campaign, brake, "braked", &share).await?;
            if braked {
                app.metrics.count("calls.braked");
                tracing::error!(campaign.id = %campaign.id, "campaign braked: {share}");
            }
            Ok(braked)
        }
        (false, true) => {
            let released = change(app, campaign, None, "brake released", &share).await?;
            if released {
                tracing::info!(campaign.id = %campaign.id, "brake released: {share}");
            }
            Ok(released)
        }
        _ => Ok(false),
    }
}

async fn change(app: &App, seen: &Campaign, brake: Option<Brake>, what: &str, share: &str) -> Result<bool, TableError> {
    let campaign = Campaign {
        brake,
        version: seen.version + 1,
        updated_at: app.clock.now(),
        ..seen.clone()
    };
    let activity = Activity::now(app, &Actor::system(), what, Some(share.to_owned()));
    // Whoever came while it was on looks again at once.
    let job = brake
        .is_none()
        .then(|| Job::look_again(app, &Actor::system(), Some(seen.id.clone()), false));
    let also = job.iter().map(Job::put).collect();
    let changed = app
        .table
        .change_campaign(&campaign, seen.version, &activity, also)
        .await?;
    if let Some(job) = job.filter(|_| changed) {
        send(app, &job.id).await;
    }
    Ok(changed)
}

/// The calls of the last 30 days, after counting those days that have to be.
async fn counted(app: &App, campaign: &Campaign) -> Result<AnsweredCalls, TableError> {
    let now = app.clock.now();
    let today = campaign.window.date_of(now);
    let began = campaign.window.date_of(campaign.created_at);
    let days = app.table.answered_days(&campaign.id, today).await?;
    let mut sum = AnsweredCalls::default();
    for date in abandoned_since(today)
        .max(began)
        .iter_days()
        .take_while(|date| *date <= today)
    {
        let known = days.get(&date).copied();
        let ends = date
            .checked_add_days(Days::new(1))
            .map_or(now, |next| campaign.window.start_of(next));
        let day = match known {
            Some(day) if !must_count(&day, ends, now) => day,
            _ => app.table.count_answered(campaign, date, now).await?,
        };
        sum += day.calls;
    }
    Ok(sum)
}

/// Whether a day that was counted has to be counted again.
fn must_count(day: &CountedDay, ends: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let mut again = COUNTED_AFTER.into_iter().map(|after| ends + after);
    now < ends || again.any(|due| day.counted_at < due && due <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_while_it_lasts_and_three_times_after_it() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let ends = at("2026-11-21T05:00:00Z");
        for (counted_at, now, must) in [
            ("2026-11-20T17:00:00Z", "2026-11-20T17:05:00Z", true),
            ("2026-11-21T04:58:00Z", "2026-11-21T05:03:00Z", true),
            ("2026-11-21T05:03:00Z", "2026-11-21T05:08:00Z", false),
            ("2026-11-21T05:03:00Z", "2026-11-21T08:00:00Z", true),
            ("2026-11-21T08:00:00Z", "2026-11-23T04:59:00Z", false),
            ("2026-11-21T08:00:00Z", "2026-11-23T05:00:00Z", true),
            ("2026-11-23T05:00:00Z", "2026-12-19T05:00:00Z", false),
        ] {
            let day = CountedDay {
                date: "2026-11-20".parse().unwrap(),
                calls: AnsweredCalls::default(),
                counted_at: at(counted_at),
            };
            assert_eq!(must_count(&day, ends, at(now)), must, "{counted_at} {now}");
        }
    }
}
