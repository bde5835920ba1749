//! Which number a call shows, and that none does more than it may.
//!
//! Data flow: the campaign's numbers in the order that suits the lead → how often each was shown today, in one read → those
//! that rest are passed over → the first of the others whose count can be written. The write is the condition: it holds
//! however many dialers choose at once. It comes before the reservation, so a call that is refused after it has used up a
//! place of its number and none of its phone.

use chrono::{DateTime, TimeDelta, Utc};
use redial_aws::App;
use redial_aws::table::TableError;
use redial_domain::law::{CallingHours, Law, Places, us_state};
use redial_domain::{Campaign, Lead, Phone, caller_ids_in_turn};

/// Numbers that are tried to be counted for one call: each may be taken by another dialer since it was read.
const TRIES_MAX: usize = 5;
/// When other dialers took all that were tried, the lead comes again after this long.
const TAKEN_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// What a call shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shows {
    /// A number; none leaves it to the provider.
    Number(Option<String>),
    /// Nothing: all numbers rest. No call is placed before this instant.
    AllRest(DateTime<Utc>),
}

/// Chooses the number for a call, and counts it.
pub(crate) async fn choose(
    app: &App,
    campaign: &Campaign,
    law: &Law,
    lead: &Lead,
    now: DateTime<Utc>,
) -> Result<Shows, TableError> {
    let Ok(count @ 1..) = u32::try_from(campaign.caller_ids.len()) else {
        return Ok(Shows::Number(campaign.voice.from.clone()));
    };
    let today = campaign.window.date_of(now);
    let tomorrow = today
        .succ_opt()
        .map_or(now + TimeDelta::days(1), |date| campaign.window.start_of(date));
    // Leads begin at different numbers, and the next call to the same phone shows the next one.
    let turn = lead.phone.bucket(count) + lead.attempts;
    let state = state_of(lead);
    let uses = app.table.caller_id_uses(&campaign.caller_ids, today).await?;
    let mut first_free: Option<DateTime<Utc>> = None;
    let mut tries = 0;
    for caller_id in caller_ids_in_turn(&campaign.caller_ids, state.as_deref(), turn) {
        let used = uses.get(&caller_id.number).copied().unwrap_or_default();
        if let Some(until) = caller_id.rests_until(used, now, tomorrow) {
            first_free = Some(first_free.map_or(until, |first| first.min(until)));
            continue;
        }
        tries += 1;
        if tries > TRIES_MAX {
            break;
        }
        if app.table.show_caller_id(caller_id, today, now).await? {
            return Ok(Shows::Number(Some(String::from(caller_id.number.clone()))));
        }
    }
    let taken = (tries > 0).then(|| now + TAKEN_PAUSE);
    let until = [first_free, taken].into_iter().flatten().min().unwrap_or(tomorrow);
    let opens = CallingHours::of_lead(law, campaign, lead)
        .ok()
        .and_then(|hours| hours.next_open(until, Campaign::CLOSING_MARGIN));
    Ok(Shows::AllRest(opens.unwrap_or(until)))
}

/// The state of the US that a lead is in: the one it was told to be in, else the only one that its phone may belong to.
fn state_of(lead: &Lead) -> Option<String> {
    let told = lead.state_code.as_deref().and_then(us_state);
    let by_phone = |phone: &Phone| {
        let places = Places::of(phone, lead.told_places());
        let mut all = places
            .jurisdictions
            .iter()
            .filter(|place| place.as_str().len() > place.country().as_str().len());
        let only = all.next().copied();
        only.filter(|_| all.next().is_none())
    };
    told.or_else(|| by_phone(&lead.phone))
        .map(|state| state.state().to_owned())
}
