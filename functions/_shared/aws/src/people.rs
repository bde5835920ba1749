//! People: who stands behind a phone in a campaign, and how somebody is found by a name or an address.
//!
//! The places under which a person is found are attributes of the profile itself, each in an index that a profile has no
//! other use for: the first word of the name in `board`, the second in `day`, the address in `queue`. So they are written
//! with the profile in one write, follow every change of it, and are gone when it is deleted; each costs one write unit
//! where it changes. Further words of a name stand in items of their own beside the profile. INVARIANT: a place only
//! leads to a person; whether it is the one who is looked for is asked of the profile as it is now.

use aws_sdk_dynamodb::types::AttributeValue;
use redial_domain::search::{Places, Sought, place_part};
use redial_domain::{CampaignId, Phone, Profile};

use crate::keys;
use crate::layout::{BOARD_INDEX, DAY_INDEX, QUEUE_INDEX};
use crate::leads::{Activity, activity_change};
use crate::merged::{Merged, Part, Span};
use crate::table::{Change, Key, Table, TableError, read};

/// Counts the writes of a profile; the condition of every change.
const VERSION: &str = "pv";
/// Behind every range key that begins with a text: no key holds this character.
const LAST: char = '\u{10ffff}';
/// Words that stand on the profile itself.
const WORDS_ON_PROFILE: usize = 2;

/// A person as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// What is known.
    pub profile: Profile,
    version: u64,
}

impl Table {
    /// What is known about the person.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn profile(&self, phone: &Phone, campaign: &CampaignId) -> Result<Profile, TableError> {
        self.get(&keys::profile(phone, campaign), false)
            .await?
            .map_or_else(|| Ok(Profile::default()), read)
    }

    /// What is known about the person, to be changed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn profile_to_change(&self, phone: &Phone, campaign: &CampaignId) -> Result<Seen, TableError> {
        let Some(item) = self.get(&keys::profile(phone, campaign), true).await? else {
            return Ok(Seen::default());
        };
        let version = item.get(VERSION).and_then(|version| version.as_n().ok()?.parse().ok());
        Ok(Seen {
            version: version.unwrap_or_default(),
            profile: read(item)?,
        })
    }

    /// Writes what is known about the person now, with what explains it. `false` when somebody changed it since it was
    /// read, or its lead is gone.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn change_profile(
        &self,
        phone: &Phone,
        campaign: &CampaignId,
        seen: &Seen,
        profile: &Profile,
        activities: &[Activity],
    ) -> Result<bool, TableError> {
        let mut changes = profile_changes(phone, campaign, profile, Some(&seen.profile));
        let next = AttributeValue::N((seen.version + 1).to_string());
        if let Some(own) = changes.first_mut() {
            let change = own.clone().with(VERSION, next);
            *own = if seen.version == 0 {
                change.when("attribute_not_exists(#pv)")
            } else {
                change.value(":seen", seen.version).when("#pv = :seen")
            };
        }
        // Who was forgotten meanwhile stays forgotten.
        let lead = Change::update(keys::lead(phone, campaign), "SET #sv = :sv")
            .value(":sv", redial_domain::SCHEMA_VERSION)
            .when("attribute_exists(#pk)");
        let is_there = changes.len();
        changes.push(lead);
        changes.extend(activities.iter().map(|activity| activity_change(phone, activity)));
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.condition_at(is_there) || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Places that begin as somebody looks for, in their order, behind one that was seen. Each leads to a profile.
    pub fn people<'a>(&'a self, sought: &Sought, seen: Option<String>, wanted: usize) -> Merged<'a> {
        let begins = sought.begins();
        let part = |index, of: &str| Part {
            index,
            name: keys::people(of, &place_part(begins)),
        };
        let mut parts = vec![part(QUEUE_INDEX, keys::PEOPLE_MAIL)];
        if !sought.is_mail() {
            parts.push(part(BOARD_INDEX, keys::PEOPLE_WORD));
            parts.push(part(DAY_INDEX, keys::PEOPLE_WORD));
        }
        let span = Span {
            from: begins.to_owned(),
            upto: format!("{begins}{LAST}"),
            seen,
            descending: false,
        };
        Merged::new(self, parts, span, wanted)
    }
}

/// Whose place a key is.
pub fn owner_of_place(key: &Key) -> Option<(Phone, CampaignId)> {
    let phone = crate::leads::phone_of(key)?;
    let campaign = key.sk.split('#').nth(1)?;
    Some((phone, CampaignId::parse(campaign).ok()?))
}

/// The items of the words of a name that do not stand on the profile itself.
pub(crate) fn further_words<'a>(
    phone: &'a Phone,
    campaign: &'a CampaignId,
    profile: &Profile,
) -> impl Iterator<Item = Key> + use<'a> {
    (WORDS_ON_PROFILE..Places::of(profile).words.len()).map(move |n| keys::further_word(phone, campaign, n))
}

/// The writes of a profile, the profile first. `before`: what its items were written from.
pub(crate) fn profile_changes(
    phone: &Phone,
    campaign: &CampaignId,
    profile: &Profile,
    before: Option<&Profile>,
) -> Vec<Change> {
    let places = Places::of(profile);
    let text = |value: String| AttributeValue::S(value);
    let place = |of: &str, place: &str| {
        (
            keys::people(of, &place_part(place)),
            keys::person_place(place, phone, campaign),
        )
    };
    let mut own = Change::put(keys::profile(phone, campaign), profile);
    if let Some(id) = &profile.crm_id {
        own = own.with("r_pk", text(keys::crm_ref(id)));
    }
    let mut on_profile = Vec::new();
    on_profile.extend(places.words.first().map(|word| (BOARD_INDEX, keys::PEOPLE_WORD, word)));
    on_profile.extend(places.words.get(1).map(|word| (DAY_INDEX, keys::PEOPLE_WORD, word)));
    on_profile.extend(places.mail.as_ref().map(|mail| (QUEUE_INDEX, keys::PEOPLE_MAIL, mail)));
    for (index, of, word) in on_profile {
        let (part, range) = place(of, word);
        own = own.with(index.hash, text(part));
        if let Some(name) = index.range {
            own = own.with(name, text(range));
        }
    }
    let mut changes = vec![own];
    let had = before.map_or(0, |before| Places::of(before).words.len());
    for n in WORDS_ON_PROFILE..places.words.len().max(had) {
        let key = keys::further_word(phone, campaign, n);
        changes.push(match places.words.get(n) {
            Some(word) => {
                let (part, range) = place(keys::PEOPLE_WORD, word);
                Change::update(key, "SET #b_pk = :part, #b_sk = :range, #sv = :sv")
                    .value(":part", part)
                    .value(":range", range)
                    .value(":sv", redial_domain::SCHEMA_VERSION)
            }
            // It leads nowhere any more.
            None => Change::update(key, "REMOVE #b_pk, #b_sk"),
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use redial_domain::Region;

    use super::*;

    #[test]
    fn a_further_word_that_is_gone_leads_nowhere() {
        let phone = Phone::parse("+12125550142", Region::US).unwrap();
        let campaign = CampaignId::default_campaign();
        let named = |name: &str| Profile {
            last_name: Some(name.to_owned()),
            ..Profile::default()
        };
        let (long, short) = (named("Anna de la Cruz"), named("Anna Cruz"));
        let keys = |changes: Vec<Change>| changes.into_iter().map(|change| change.key.sk).collect::<Vec<_>>();
        assert_eq!(
            keys(profile_changes(&phone, &campaign, &long, None)),
            ["PROFILE#default", "WORD#default#2", "WORD#default#3"]
        );
        let changes = profile_changes(&phone, &campaign, &short, Some(&long));
        assert_eq!(changes[1].expression().as_deref(), Some("REMOVE #b_pk, #b_sk"));
        assert_eq!(changes.len(), 3);
        assert_eq!(
            keys(profile_changes(&phone, &campaign, &short, Some(&short))),
            ["PROFILE#default"]
        );
    }
}
