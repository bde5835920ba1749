//! The table of moves, and what a campaign does by itself.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::gate::tests::{NOON, at, campaign};

fn with(change: impl FnOnce(&mut Campaign)) -> Campaign {
    let mut campaign = Campaign {
        id: CampaignId::parse("spring").unwrap(),
        open_intake: false,
        ..campaign()
    };
    change(&mut campaign);
    campaign
}

fn hours(n: i64) -> DateTime<Utc> {
    at(NOON) + TimeDelta::hours(n)
}

#[test]
fn the_table_of_moves() {
    use CampaignStatus::{Cancelled, Completed, Draft, Paused, Running, Scheduled};
    #[rustfmt::skip]
    let table = [
        //            draft  sched  run    pause  compl  cancel
        (Draft,     [true,  true,  true,  false, false, true]),
        (Scheduled, [true,  true,  true,  false, true,  true]),
        (Running,   [false, false, true,  true,  true,  true]),
        (Paused,    [false, false, true,  true,  true,  true]),
        (Completed, [false, false, false, false, true,  false]),
        (Cancelled, [false, false, false, false, false, true]),
    ];
    for (from, allowed) in table {
        for (to, allowed) in CampaignStatus::ALL.into_iter().zip(allowed) {
            let moved = from.move_to(to);
            assert_eq!(moved.is_ok(), allowed, "{} to {}", from.as_str(), to.as_str());
            if let Err(error) = moved {
                let error = error.to_string();
                for next in from.next() {
                    assert!(error.contains(next.as_str()), "{error}");
                }
            }
        }
        assert_eq!(CampaignStatus::parse(from.as_str()), Some(from));
    }
}

#[test]
fn a_refused_move_says_which_are_allowed() {
    let error = |from: CampaignStatus, to| from.move_to(to).unwrap_err().to_string();
    assert_eq!(
        error(CampaignStatus::Draft, CampaignStatus::Paused),
        "failed to move the campaign from draft to paused: allowed from draft is scheduled, running, cancelled"
    );
    let ended = error(CampaignStatus::Completed, CampaignStatus::Running);
    assert!(
        ended.ends_with("allowed from completed is nothing; it has ended"),
        "{ended}"
    );
}

#[test]
fn a_move_notes_its_time_once_and_that_the_bus_is_to_be_told() {
    let draft = with(|c| c.status = CampaignStatus::Draft);
    let runs = draft.moved(CampaignStatus::Running, hours(0)).unwrap();
    assert_eq!((runs.life.started_at, runs.life.untold), (Some(hours(0)), Some(2)));
    let rests = runs.moved(CampaignStatus::Paused, hours(1)).unwrap();
    let again = rests.moved(CampaignStatus::Running, hours(2)).unwrap();
    assert_eq!(again.life.started_at, Some(hours(0)));
    let over = again.moved(CampaignStatus::Completed, hours(3)).unwrap();
    assert_eq!(
        (over.life.ended_at, over.status),
        (Some(hours(3)), CampaignStatus::Completed)
    );
    assert_eq!(over.moved(CampaignStatus::Completed, hours(4)).unwrap(), over);
}

#[test]
fn times_are_taken_only_if_they_can_come_true() {
    use CampaignStatus::{Completed, Draft, Paused, Running, Scheduled};
    let some = |n: i64| Some(Some(hours(n)));
    type Given = Option<Option<DateTime<Utc>>>;
    // Friday noon; the hours end at 20:00 and open again on Monday at 11:00, 71 hours later.
    let table: [(CampaignStatus, Given, Given, Result<CampaignStatus, &str>); 17] = [
        (Draft, some(1), None, Ok(Scheduled)),
        (Draft, some(0), some(1), Ok(Scheduled)),
        (Draft, None, some(1), Ok(Draft)),
        (Draft, Some(None), Some(None), Ok(Draft)),
        (Draft, some(-1), None, Err("`scheduled_start_time`: it is over")),
        (Draft, None, some(0), Err("`scheduled_end_time`: it is over")),
        (Draft, some(2), some(2), Err("`scheduled_end_time`: it must be after")),
        (Draft, some(2), some(1), Err("`scheduled_end_time`: it must be after")),
        (
            Draft,
            some(9),
            some(60),
            Err("`scheduled_end_time`: the calling hours do not open before it"),
        ),
        (
            Draft,
            some(24 * 1_831),
            None,
            Err("`scheduled_start_time`: it is more than 1830 days ahead"),
        ),
        (
            Draft,
            None,
            some(24 * 1_831),
            Err("`scheduled_end_time`: it is more than 1830 days ahead"),
        ),
        (Draft, some(9), some(72), Ok(Scheduled)),
        (
            Running,
            some(1),
            None,
            Err("from running to scheduled: allowed from running is paused"),
        ),
        (Running, None, some(1), Ok(Running)),
        (Paused, None, some(1), Ok(Paused)),
        (Completed, some(1), None, Err("allowed from completed is nothing")),
        (
            Completed,
            None,
            some(1),
            Err("`scheduled_end_time`: the campaign has ended"),
        ),
    ];
    for (status, starts, ends, expected) in table {
        let mut campaign = with(|c| c.status = status);
        match (campaign.schedule(starts, ends, at(NOON)), expected) {
            (Ok(()), Ok(becomes)) => assert_eq!(campaign.status, becomes, "{status:?} {starts:?} {ends:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (taken, _) => panic!("{status:?} {starts:?} {ends:?}: {taken:?}"),
        }
    }
}

#[test]
fn a_start_time_that_is_taken_away_makes_a_draft_again_and_the_same_one_changes_nothing() {
    let mut campaign = with(|c| c.status = CampaignStatus::Draft);
    campaign.schedule(Some(Some(hours(1))), None, hours(0)).unwrap();
    let scheduled = campaign.clone();
    // Whoever sends back what they were shown changes nothing, though its time is over and it runs.
    campaign.schedule(Some(Some(hours(1))), None, hours(2)).unwrap();
    assert_eq!(campaign, scheduled);
    let mut runs = scheduled.moved(CampaignStatus::Running, hours(1)).unwrap();
    runs.schedule(Some(Some(hours(1))), None, hours(2)).unwrap();
    assert_eq!(runs.status, CampaignStatus::Running);
    campaign.schedule(Some(None), None, hours(0)).unwrap();
    assert_eq!(
        (campaign.status, campaign.life.starts_at),
        (CampaignStatus::Draft, None)
    );
}

#[test]
fn what_a_campaign_does_by_itself() {
    use CampaignStatus::{Cancelled, Completed, Draft, Paused, Running, Scheduled};
    let (before, after) = (Some(hours(-1)), Some(hours(1)));
    type Row = (CampaignStatus, Option<DateTime<Utc>>, Option<DateTime<Utc>>, bool, Due);
    let table: [Row; 14] = [
        // status, starts, ends, takes leads by API
        (Draft, None, before, false, Due::Nothing),
        (Scheduled, after, None, false, Due::Nothing),
        (Scheduled, before, None, false, Due::Start),
        (Scheduled, before, None, true, Due::Start),
        (Scheduled, Some(hours(0)), after, false, Due::Start),
        (Scheduled, before, Some(hours(0)), false, Due::End),
        (Running, before, None, true, Due::Nothing),
        (Running, before, None, false, Due::EndIfDone),
        (Running, None, after, false, Due::EndIfDone),
        (Running, None, before, true, Due::End),
        (Paused, None, before, true, Due::End),
        (Paused, None, after, false, Due::Nothing),
        (Completed, None, before, false, Due::Nothing),
        (Cancelled, before, None, false, Due::Nothing),
    ];
    for (status, starts_at, ends_at, open_intake, due) in table {
        let campaign = with(|c| {
            c.status = status;
            c.open_intake = open_intake;
            c.life.starts_at = starts_at;
            c.life.ends_at = ends_at;
        });
        assert_eq!(
            campaign.due(hours(0)),
            due,
            "{status:?} {starts_at:?} {ends_at:?} {open_intake}"
        );
    }
    let scheduled = with(|c| {
        c.status = Scheduled;
        c.life.starts_at = before;
    });
    assert_eq!(scheduled.due(hours(9)), Due::Nothing, "closed for the night");
    let default = Campaign {
        open_intake: false,
        ..campaign()
    };
    assert_eq!(
        default.due(hours(0)),
        Due::Nothing,
        "the default campaign waits for leads"
    );
}

#[test]
fn a_campaign_whose_end_has_come_does_not_run_whoever_has_noted_it() {
    let campaign = with(|c| c.life.ends_at = Some(hours(1)));
    let status = |now| campaign.status_at(CampaignStatus::Running, now);
    assert_eq!(status(hours(1) - TimeDelta::milliseconds(1)), CampaignStatus::Running);
    assert_eq!(status(hours(1)), CampaignStatus::Completed);
    assert_eq!(
        campaign.status_at(CampaignStatus::Paused, hours(2)),
        CampaignStatus::Paused
    );
}
