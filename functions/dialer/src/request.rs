//! What the provider is told about a call: whom, as whom, and what is said to this lead.
//!
//! A campaign's script is filled here, from what is known about the person, and goes nowhere but to the provider.

use redial_domain::{AttemptId, Campaign, Lead, Profile};
use redial_telephony::bland::{PlaceRequest, Script};

/// A call to place.
pub(crate) fn request(
    attempt: &AttemptId,
    lead: &Lead,
    campaign: &Campaign,
    person: &Profile,
    from: Option<String>,
    webhook_url: Option<String>,
) -> PlaceRequest {
    let voice = &campaign.voice;
    let mut request_data = person.custom.clone();
    let known = [
        ("first_name", &person.first_name),
        ("last_name", &person.last_name),
        ("city", &person.city),
    ];
    request_data.extend(
        known
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))),
    );
    PlaceRequest {
        phone: lead.phone.clone(),
        from,
        attempt: attempt.clone(),
        lead: lead.id.clone(),
        campaign: campaign.id.clone(),
        script: match &voice.pathway_id {
            Some(pathway) => Script::Pathway(pathway.clone()),
            None => Script::Task(voice.task.clone().unwrap_or_default()),
        },
        said: campaign.script.fill(person).map(|filled| filled.text),
        criteria: campaign.script.criteria.clone(),
        voice: voice.voice.clone(),
        max_duration_min: voice.max_duration_min,
        request_data,
        webhook_url,
    }
}
