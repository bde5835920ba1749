//! The demo campaign: five hundred people who do not exist, so that a newcomer sees leads move within seconds.
//!
//! Campaign and leads come in through the code behind the API. Numbers are 555-0100 to 555-0199 of real area codes,
//! which belong to nobody; names are of ships and rivers.

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use redial_aws::{
    App,
    intake::{Intake, IntakeError, take_in},
    keys,
    leads::Activity,
    setup::{DEFAULT_RULE_SET, SetupError, asserted_consent, campaign_from_defaults},
    table::{TableError, text},
};
use redial_domain::{
    Actor, Campaign, CampaignId, CampaignStatus, IdError, Lane, Owner, Phone, PhoneError, Profile, Region, Role,
    RuleSetName,
};

use crate::start_time::BEFORE_OPENING;

/// The demo campaign's id.
pub const DEMO_CAMPAIGN: &str = "demo";
/// Leads of the demo.
pub const DEMO_LEADS: usize = 500;
/// Calls at once: enough for the first round in an hour, few enough to see a queue.
const DEMO_CONCURRENT_CALLS: u32 = 20;
/// Leads added at the same time.
const ADDING_MAX: usize = 8;

/// Why the demo could not be added.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A lead.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The campaign.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A name of ours is none.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A number of ours is none.
    #[error(transparent)]
    Phone(#[from] PhoneError),
}

/// Creates the campaign, and starts it, unless it is there.
///
/// # Errors
/// When the table cannot be reached.
pub async fn ensure_campaign(app: &App) -> Result<CampaignId, DemoError> {
    let id = CampaignId::parse(DEMO_CAMPAIGN)?;
    if app.table.campaign(&id).await?.is_some() {
        return Ok(id);
    }
    let now = app.clock.now();
    let rule_set = RuleSetName::parse(DEFAULT_RULE_SET)?;
    let rules = app
        .rules
        .in_use(&app.table, &rule_set, now)
        .await
        .map_err(SetupError::from)?;
    let defaults = &rules.spec().defaults;
    let mut campaign = campaign_from_defaults(id.clone(), "Demo", rule_set, defaults, now)?;
    campaign.description = "Five hundred invented people; made by `redial local`.".to_owned();
    campaign.status = CampaignStatus::Running;
    campaign.open_intake = true;
    campaign.consent = asserted_consent(&app.environment, now);
    campaign.max_concurrent_calls = DEMO_CONCURRENT_CALLS;
    campaign.shards = Campaign::shards_for(DEMO_CONCURRENT_CALLS);
    campaign.check().map_err(SetupError::from)?;
    app.table.configure_slots(&campaign).await?;
    let activity = Activity::now(app, &actor(), "created", None);
    app.table.create_campaign(&campaign, &activity).await?;
    Ok(id)
}

fn actor() -> Actor {
    Actor {
        name: "demo".to_owned(),
        role: Role::SystemAdmin,
    }
}

/// Adds the leads; those that are there stay as they are. `progress` hears how many are done.
///
/// # Errors
/// When the table cannot be reached; doing it again adds the rest.
pub async fn add_leads(app: &App, campaign: &CampaignId, progress: impl Fn(usize)) -> Result<(), DemoError> {
    let mut added = stream::iter((0..DEMO_LEADS).map(lead))
        .map(|intake| {
            let actor = actor();
            async move { Ok::<_, DemoError>(take_in(app, campaign, intake?, actor).await?) }
        })
        .buffer_unordered(ADDING_MAX);
    let mut done = 0;
    while added.try_next().await?.is_some() {
        done += 1;
        progress(done);
    }
    Ok(())
}

/// When the demo's next call is due, as far as the queue knows.
///
/// # Errors
/// When the table cannot be reached.
pub async fn next_call_at(app: &App, id: &CampaignId) -> Result<Option<DateTime<Utc>>, DemoError> {
    let Some(campaign) = app.table.campaign(id).await? else {
        return Ok(None);
    };
    let mut first: Option<DateTime<Utc>> = None;
    for lane in Lane::ALL {
        for shard in 0..campaign.shards {
            let line = keys::queue_line(&Owner::from(id), lane, shard);
            let page = app.table.queue_page(&line, None, "~", 1).await?;
            let head = page.items.first().and_then(|item| text(item, "q_sk"));
            let at = head.and_then(keys::read_queue_range).map(|(at, _, _)| at);
            first = first.into_iter().chain(at).min();
        }
    }
    let from = first.map(|first| first.max(app.clock.now()));
    Ok(from.and_then(|from| campaign.window.next_open(from, Campaign::CLOSING_MARGIN)))
}

/// Where the clock of a demo that goes on may jump to: five minutes before its next call, if that is later than now.
pub fn wake_at(next_call: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wake: DateTime<Utc> = next_call? - BEFORE_OPENING;
    (wake > now).then_some(wake)
}

/// Area codes with their state and its ZIP codes' beginning: spread over the country and its zones.
const AREAS: [(u16, &str, &str); 50] = [
    (205, "AL", "352"),
    (602, "AZ", "850"),
    (501, "AR", "722"),
    (213, "CA", "900"),
    (916, "CA", "958"),
    (303, "CO", "802"),
    (203, "CT", "065"),
    (302, "DE", "198"),
    (305, "FL", "331"),
    (813, "FL", "336"),
    (404, "GA", "303"),
    (208, "ID", "837"),
    (312, "IL", "606"),
    (317, "IN", "462"),
    (515, "IA", "503"),
    (316, "KS", "672"),
    (502, "KY", "402"),
    (504, "LA", "701"),
    (207, "ME", "041"),
    (410, "MD", "212"),
    (617, "MA", "021"),
    (313, "MI", "482"),
    (612, "MN", "554"),
    (601, "MS", "392"),
    (314, "MO", "631"),
    (406, "MT", "591"),
    (402, "NE", "681"),
    (702, "NV", "891"),
    (603, "NH", "031"),
    (201, "NJ", "073"),
    (505, "NM", "871"),
    (212, "NY", "100"),
    (716, "NY", "142"),
    (704, "NC", "282"),
    (701, "ND", "581"),
    (216, "OH", "441"),
    (405, "OK", "731"),
    (503, "OR", "972"),
    (215, "PA", "191"),
    (401, "RI", "029"),
    (803, "SC", "292"),
    (605, "SD", "571"),
    (615, "TN", "372"),
    (214, "TX", "752"),
    (713, "TX", "770"),
    (801, "UT", "841"),
    (802, "VT", "054"),
    (804, "VA", "232"),
    (206, "WA", "981"),
    (414, "WI", "532"),
];

const FIRST_NAMES: [&str; 10] = [
    "Aurora",
    "Beagle",
    "Calypso",
    "Endeavour",
    "Fram",
    "Gjoa",
    "Nautilus",
    "Pequod",
    "Santana",
    "Vasa",
];
const LAST_NAMES: [&str; 10] = [
    "Amazon", "Danube", "Elbe", "Ganges", "Jordan", "Loire", "Mekong", "Niger", "Rhine", "Volga",
];

/// The lead with this number.
fn lead(n: usize) -> Result<Intake, DemoError> {
    // Neighbours in the order of calling are far apart on the map.
    let (area, state, zip) = AREAS[n % AREAS.len()];
    let in_area = n / AREAS.len();
    let (first, last) = (FIRST_NAMES[(n / 7) % 10], LAST_NAMES[n % 10]);
    Ok(Intake {
        phone: Phone::parse(&format!("+1{area}55501{in_area:02}"), Region::US)?,
        profile: Profile {
            first_name: Some(first.to_owned()),
            last_name: Some(last.to_owned()),
            email: Some(format!(
                "{}.{}.{n}@example.com",
                first.to_lowercase(),
                last.to_lowercase()
            )),
            source: Some("demo".to_owned()),
            ..Profile::default()
        },
        state_code: Some(state.to_owned()),
        postal_code: Some(format!("{zip}{in_area:02}")),
        zone: None,
        consent: None,
        registry_checked_at: None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn every_lead_has_its_own_number_that_belongs_to_nobody() {
        let leads: Vec<Intake> = (0..DEMO_LEADS).map(|n| lead(n).unwrap()).collect();
        let phones: BTreeSet<&str> = leads.iter().map(|lead| lead.phone.as_str()).collect();
        assert_eq!(phones.len(), DEMO_LEADS);
        assert!(phones.iter().all(|phone| phone.len() == 12 && &phone[5..10] == "55501"));
        assert!(leads.iter().all(|lead| lead.postal_code.as_ref().unwrap().len() == 5));
    }

    #[test]
    fn a_demo_with_nothing_to_do_wakes_shortly_before_its_next_call() {
        let now = DateTime::from_timestamp(1_795_608_000, 0).unwrap();
        let hour = now + TimeDelta::hours(1);
        assert_eq!(wake_at(Some(hour), now), Some(hour - TimeDelta::minutes(5)));
        assert_eq!(wake_at(Some(now + TimeDelta::minutes(4)), now), None);
        assert_eq!(wake_at(None, now), None);
    }
}
