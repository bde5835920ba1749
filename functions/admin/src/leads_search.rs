//! Leads by what people know of them: a phone in any format, our id or the CRM's, the beginning of a word of the name, an
//! e-mail address or its beginning.
//!
//! Data flow: text → a phone? its leads → an id? its lead → else the places that begin with its longest word, in their
//! order → the people behind them, if they are who is looked for. The text is personal data: it is in no log, and the
//! cursor names the last lead that was seen, not its place.

use std::collections::HashSet;

use redial_aws::keys;
use redial_aws::people::owner_of_place;
use redial_aws::web::Problem;
use redial_domain::search::{SOUGHT_LETTERS_MAX, SOUGHT_LETTERS_MIN, Sought};
use redial_domain::{CampaignId, DIGITS_MIN, LeadId, Phone, Region};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cursor;
use crate::lead_row::{Filter, Row, Rows};
use crate::leads_list::LOOKED_AT_MAX;
use crate::request::{Caller, bad, unavailable};

/// Places passed in one answer, however few lead to a lead: profiles outlive expired leads. Keys of 100 bytes, so some
/// 25 units.
const PASSED_MAX: usize = 2_000;
/// Places that a cursor passes again behind its lead; ten times as many as one answer can leave behind it.
const PASSED_AGAIN_MAX: usize = 10 * PASSED_MAX;
/// People looked at together, while a page fills up.
const AT_ONCE: usize = 50;

/// Where the next page begins: so many places behind that of a lead.
#[derive(Serialize, Deserialize)]
struct Place {
    l: Option<LeadId>,
    n: usize,
}

pub(crate) async fn page(
    caller: &Caller<'_>,
    text: &str,
    filter: &Filter,
    limit: usize,
    cursor: Option<&String>,
) -> Result<(Vec<Value>, Option<String>), Problem> {
    if text.chars().count() > SOUGHT_LETTERS_MAX {
        return Err(bad(
            "search",
            format!("it is longer than {SOUGHT_LETTERS_MAX} characters"),
        ));
    }
    if let Some(found) = by_phone_or_id(caller, text, filter).await? {
        return Ok((found, None));
    }
    let Some(sought) = Sought::parse(text) else {
        return Err(bad(
            "search",
            format!("give at least {SOUGHT_LETTERS_MIN} letters of one word, a whole phone, or an id"),
        ));
    };
    by_place(caller, &sought, filter, limit, cursor).await
}

/// Leads of a phone, or the lead of an id; nothing when the text is neither.
async fn by_phone_or_id(caller: &Caller<'_>, text: &str, filter: &Filter) -> Result<Option<Vec<Value>>, Problem> {
    let (app, now) = (caller.app, caller.app.clock.now());
    let failed = |error| unavailable(&error);
    let mut found: Vec<(Phone, CampaignId)> = Vec::new();
    let phones = phones(text);
    for phone in &phones {
        let leads = app.table.leads_of(phone, now).await.map_err(failed)?;
        found.extend(leads.into_iter().map(|lead| (lead.phone, lead.campaign)));
    }
    // An id has no space in it, and nobody's name has a digit.
    if found.is_empty() && text.contains(|c: char| c.is_ascii_digit()) && !text.contains([' ', '@']) {
        let lead = app.table.find_lead(text, now).await.map_err(failed)?;
        found.extend(lead.map(|lead| (lead.phone, lead.campaign)));
    }
    if found.is_empty() && phones.is_empty() {
        return Ok(None);
    }
    let rows = Rows::new(caller).of(&found, filter).await?;
    Ok(Some(rows.into_iter().filter_map(|row| row.shown).collect()))
}

/// The numbers that a text may be, in whatever country.
fn phones(text: &str) -> Vec<Phone> {
    if text.chars().filter(char::is_ascii_digit).count() < DIGITS_MIN {
        return Vec::new();
    }
    let regions = [Region::US, Region::IN, Region::IL, Region::GB];
    let mut phones: Vec<Phone> = regions
        .into_iter()
        .filter_map(|region| Phone::parse(text, region).ok())
        .collect();
    phones.sort();
    phones.dedup();
    phones
}

async fn by_place(
    caller: &Caller<'_>,
    sought: &Sought,
    filter: &Filter,
    limit: usize,
    cursor: Option<&String>,
) -> Result<(Vec<Value>, Option<String>), Problem> {
    let failed = |error| unavailable(&error);
    let place: Option<Place> = cursor::read(cursor, |place: &Place| place.n <= PASSED_AGAIN_MAX)?;
    let (mut last, mut again) = place.map_or((None, 0), |place| (place.l, place.n));
    let seen = match &last {
        Some(lead) => Some(place_of(caller, sought, lead).await?),
        None => None,
    };
    // Places since that of `last`.
    let mut since = again;
    let mut entries = caller.app.table.people(sought, seen, limit + again);
    let mut rows = Rows::new(caller);
    let (mut leads, mut shown) = (Vec::new(), HashSet::new());
    let (mut passed, mut looked_at) = (0, 0);
    let mut is_over = false;
    let mut tail = None;
    while !is_over && leads.len() < limit && passed < PASSED_MAX && looked_at < LOOKED_AT_MAX {
        let mut some: Vec<(String, (Phone, CampaignId))> = Vec::new();
        while some.len() < AT_ONCE.min(limit - leads.len()) && passed < PASSED_MAX {
            let Some((range, key)) = entries.next().await.map_err(failed)? else {
                is_over = true;
                break;
            };
            if again > 0 {
                again -= 1;
                continue;
            }
            passed += 1;
            let whose = owner_of_place(&key);
            tail = whose.clone().map(|whose| (range.clone(), whose));
            match whose {
                Some(whose) if filter.campaign.as_ref().is_none_or(|campaign| whose.1 == *campaign) => {
                    some.push((range, whose));
                }
                _ => since += 1,
            }
        }
        looked_at += some.len();
        let of: Vec<_> = some.iter().map(|(_, whose)| whose.clone()).collect();
        let found = rows.of(&of, filter).await?;
        for (range, whose) in some {
            since += 1;
            let row = found
                .iter()
                .find(|row| row.lead.phone == whose.0 && row.lead.campaign == whose.1);
            let Some(row) = row else { continue };
            // Somebody else by now, or shown at another place.
            if !stands_at(&range, sought, row) {
                continue;
            }
            (last, since) = (Some(row.lead.id.clone()), 0);
            if let Some(value) = row.shown.as_ref().filter(|_| shown.insert(row.lead.id.clone())) {
                leads.push(value.clone());
            }
        }
    }
    let more = !is_over && entries.next().await.map_err(failed)?.is_some();
    // What was passed last may be a lead of another campaign: the next page need not pass all of them again.
    if let Some((range, whose)) = tail.filter(|_| more && since > 0) {
        let found = rows.of(&[whose], filter).await?;
        if let Some(row) = found.first().filter(|row| stands_at(&range, sought, row)) {
            (last, since) = (Some(row.lead.id.clone()), 0);
        }
    }
    let next = more.then_some(Place { l: last, n: since });
    Ok((leads, next.and_then(|next| cursor::write(&next))))
}

/// Whether a place is the one at which a lead is shown.
fn stands_at(range: &str, sought: &Sought, row: &Row) -> bool {
    let own = sought.place_of(&row.profile);
    own.is_some_and(|own| keys::person_place(&own, &row.lead.phone, &row.lead.campaign) == range)
}

/// The place of a lead that a page ended with.
async fn place_of(caller: &Caller<'_>, sought: &Sought, lead: &LeadId) -> Result<String, Problem> {
    let gone = || {
        Problem::new(
            422,
            "bad_cursor",
            "failed to go on: the lead at which the page before ended is gone or has another name",
            "leave the cursor out to start anew",
        )
    };
    let app = caller.app;
    let found = app.table.find_lead(lead.as_str(), app.clock.now()).await;
    let found = found.map_err(|error| unavailable(&error))?.ok_or_else(gone)?;
    let profile = app.table.profile(&found.phone, &found.campaign).await;
    let profile = profile.map_err(|error| unavailable(&error))?;
    let place = sought.place_of(&profile).ok_or_else(gone)?;
    Ok(keys::person_place(&place, &found.phone, &found.campaign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_every_number_that_it_may_be() {
        let read = |text: &str| {
            phones(text)
                .iter()
                .map(|phone| phone.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(read("+1 (212) 555-0142"), ["+12125550142"]);
        assert!(read("9876543210").contains(&"+919876543210".to_owned()));
        assert!(read("2125550142").contains(&"+12125550142".to_owned()));
        assert!(read("anna 7").is_empty() && read("01J00000000000000000000001").is_empty());
    }
}
