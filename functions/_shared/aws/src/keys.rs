//! Where each item is. Everything about a phone is one collection under `PHONE#<e164>`.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use redial_domain::{AttemptId, CampaignId, Lane, Lead, Owner, Phone, RuleSetName};

use crate::table::Key;

/// Copies of each gate item. A hundred calls a second read them consistently; one partition takes 3,000 reads.
pub const GATE_COPIES: u32 = 8;

fn phone(phone: &Phone) -> String {
    format!("PHONE#{}", phone.as_str())
}

/// The ledger of a phone.
pub fn ledger(of: &Phone) -> Key {
    Key::new(phone(of), "LEDGER")
}

/// A phone's lead in a campaign.
pub fn lead(of: &Phone, campaign: &CampaignId) -> Key {
    Key::new(phone(of), format!("LEAD#{campaign}"))
}

/// The person behind a phone, in a campaign.
pub fn profile(of: &Phone, campaign: &CampaignId) -> Key {
    Key::new(phone(of), format!("PROFILE#{campaign}"))
}

/// A word of a person's name beyond those that stand on the profile.
pub fn further_word(of: &Phone, campaign: &CampaignId, n: usize) -> Key {
    Key::new(phone(of), format!("WORD#{campaign}#{n}"))
}

/// What every [`note`] begins with.
pub const NOTES: &str = "NOTE#";

/// A note that a person wrote about a lead.
pub fn note(of: &Phone, id: &str) -> Key {
    Key::new(phone(of), format!("{NOTES}{id}"))
}

/// People by words of their names.
pub const PEOPLE_WORD: &str = "word";
/// People by their e-mail addresses.
pub const PEOPLE_MAIL: &str = "mail";

/// A part of the places under which people are found, by the first letters of the place. No list, owner or campaign has
/// an empty name, so it is nobody else's partition. An import of a thousand people a second writes some fifty a second
/// into the largest part.
pub fn people(of: &str, part: &str) -> String {
    format!("#{of}#{part}")
}

/// A place under which a person is found. It holds the number, and so is never shown to anybody.
pub fn person_place(place: &str, of: &Phone, campaign: &CampaignId) -> String {
    format!("{place}#{}#{campaign}", of.as_str())
}

/// A lead's newest talk.
pub fn talk(of: &Phone, campaign: &CampaignId) -> Key {
    Key::new(phone(of), format!("TALK#{campaign}"))
}

/// A finished attempt.
pub fn attempt(of: &Phone, id: &AttemptId) -> Key {
    Key::new(phone(of), format!("ATTEMPT#{id}"))
}

/// What every [`proof`] begins with.
pub const PROOFS: &str = "DNC#";

/// A record in the history of a phone's do-not-call mark.
pub fn proof(of: &Phone, id: &str) -> Key {
    Key::new(phone(of), format!("{PROOFS}{id}"))
}

/// Parts of the list of do-not-call marks. An import writes a thousand marks a second; one partition of an index takes
/// a thousand units, so these leave it room, and reading a page from all of them still is few requests.
pub const MARK_SHARDS: u32 = 16;

/// A part of the list of marks, in the `day` index. No campaign has an empty name.
pub fn marks(shard: u32) -> String {
    format!("#dnc#{shard:02}")
}

/// A marked phone's place in the list: by time, and without its number.
pub fn mark_place(of: &Phone, at: DateTime<Utc>, unique: &str) -> (String, String) {
    (marks(of.bucket(MARK_SHARDS)), format!("{}#{unique}", time(at)))
}

/// A piece of a raw payload.
pub fn raw(of: &Phone, attempt: &AttemptId, delivery: &str) -> Key {
    Key::new(phone(of), format!("RAW#{attempt}#{delivery}"))
}

/// A change made by a person or a job.
pub fn activity(of: &Phone, id: &str) -> Key {
    Key::new(phone(of), format!("ACTIVITY#{id}"))
}

/// A call that somebody else reported.
pub fn report(of: &Phone, source: &str, call: &str) -> Key {
    Key::new(phone(of), format!("REPORT#{source}#{call}"))
}

/// What people did with a campaign, or with everything (`all`).
pub fn system_activities(of: &str) -> String {
    format!("ACTIVITIES#{of}")
}

/// A change of a campaign or of everything.
pub fn system_activity(of: &str, id: &str) -> Key {
    Key::new(system_activities(of), id)
}

/// The collection of a phone.
pub fn collection(of: &Phone) -> String {
    phone(of)
}

/// A copy of the switches of everything.
pub fn gate_all(copy: u32) -> Key {
    Key::new(format!("GATE#all#{copy}"), "GATE")
}

/// A copy of a campaign's switch.
pub fn gate(campaign: &CampaignId, copy: u32) -> Key {
    Key::new(format!("GATE#{campaign}#{copy}"), "GATE")
}

/// The slots of an owner's shard.
pub fn slots(owner: &Owner, shard: u32) -> String {
    format!("SLOTS#{owner}#{shard}")
}

/// One slot item of them.
pub fn slot(owner: &Owner, shard: u32, n: u32) -> Key {
    Key::new(slots(owner, shard), format!("#{n:02}"))
}

/// All campaigns are one partition: there are few, and the tick lists them.
pub const CAMPAIGNS: &str = "CAMPAIGNS";

/// A campaign.
pub fn campaign(id: &CampaignId) -> Key {
    Key::new(CAMPAIGNS, id.as_str())
}

/// All API keys are one partition, by the hash of the key.
pub const API_KEYS: &str = "API_KEYS";

/// An API key.
pub fn api_key(hash: &str) -> Key {
    Key::new(API_KEYS, hash)
}

/// A session, by the hash of its token.
pub fn session(hash: &str) -> Key {
    Key::new(format!("SESSION#{hash}"), "SESSION")
}

/// Wrong keys from one address, by its hash, in one window of time.
pub fn wrong_keys(address: &str, window: i64) -> Key {
    Key::new(format!("WRONG_KEYS#{address}"), window.to_string())
}

/// A request that is done once, by the hash of who sent it, where to and its key.
pub fn once(hash: &str) -> Key {
    Key::new(format!("ONCE#{hash}"), "ONCE")
}

/// How often a number was shown on a local day.
pub fn caller_id_day(number: &Phone, date: NaiveDate) -> Key {
    Key::new(format!("CALLER#{}", number.as_str()), date.to_string())
}

/// The settings of everything.
pub fn settings() -> Key {
    Key::new("SETTINGS", "SETTINGS")
}

/// What people added to the law book.
pub fn law() -> Key {
    Key::new("LAW", "LAW")
}

/// A provider account.
pub fn account(provider: &str) -> Key {
    Key::new(format!("ACCOUNT#{provider}"), "META")
}

/// How a provider account is shared in the newest minute.
pub fn account_minute(provider: &str) -> Key {
    Key::new(format!("ACCOUNT#{provider}"), "MINUTE")
}

/// How far the search for tokens that were lost has come.
pub fn token_search() -> Key {
    Key::new("SEARCH", "TOKENS")
}

/// Which version of a rule set is in use.
pub fn rules_active(set: &RuleSetName) -> Key {
    Key::new(format!("RULES#{set}"), "ACTIVE")
}

/// A version of a rule set.
pub fn rules_version(set: &RuleSetName, version: u32) -> Key {
    Key::new(format!("RULES#{set}"), format!("V#{version:08}"))
}

/// All jobs are one partition, by their id: there are few, newest last.
pub const JOBS: &str = "JOBS";

/// A job.
pub fn job(id: &str) -> Key {
    Key::new(JOBS, id)
}

/// What belongs to one job: what it works with, what came out.
pub fn job_items(id: &str) -> String {
    format!("JOB#{id}")
}

/// What a job works with, as it was when the job was made.
pub fn job_input(id: &str) -> Key {
    Key::new(job_items(id), "RULES")
}

/// What every [`job_sum`] begins with.
pub const JOB_SUMS: &str = "TOTALS#";

/// The sums of one step of a job, and how many pages it wrote.
pub fn job_sum(id: &str, shard: u32, part: u32) -> Key {
    Key::new(job_items(id), format!("{JOB_SUMS}{shard:02}#{part:04}"))
}

/// One page of what a step of a job found.
pub fn job_page(id: &str, shard: u32, part: u32, page: u32) -> Key {
    Key::new(job_items(id), format!("RESULT#{shard:02}#{part:04}#{page:05}"))
}

/// The imports of a campaign, by their id: newest last.
pub fn imports(campaign: &CampaignId) -> String {
    format!("IMPORTS#{campaign}")
}

/// An import.
pub fn import(campaign: &CampaignId, id: &str) -> Key {
    Key::new(imports(campaign), id)
}

/// What every [`import_part`] begins with.
pub const IMPORT_PARTS: &str = "PART#";

/// That a part of a file is here, with its size and the hash of its bytes.
pub fn import_part(id: &str, part: u32) -> Key {
    Key::new(job_items(id), format!("{IMPORT_PARTS}{part:05}"))
}

/// A piece of a part, by the hash of the part: two that were sent under one number do not mix.
pub fn import_piece(id: &str, part: u32, hash: &str, piece: u32) -> Key {
    Key::new(job_items(id), format!("BYTES#{part:05}#{hash}#{piece:02}"))
}

/// What every [`undo_kept`] begins with.
pub const UNDO_KEPT: &str = "KEPT#";

/// The leads that a step of an undo did not delete, by the first row that it looked at.
pub fn undo_kept(id: &str, row: u64) -> Key {
    Key::new(job_items(id), format!("{UNDO_KEPT}{row:012}"))
}

/// The draft of a rule set.
pub fn rules_draft(set: &RuleSetName) -> Key {
    Key::new(format!("RULES#{set}"), "DRAFT")
}

/// All rule sets that somebody has worked on are one partition: there are few.
pub const RULE_SETS: &str = "RULE_SETS";

/// A rule set in the list of them.
pub fn rule_set(set: &RuleSetName) -> Key {
    Key::new(RULE_SETS, set.as_str())
}

/// A payload that nothing could be done with, kept for people.
pub fn kept(date: NaiveDate, id: &str) -> Key {
    Key::new(format!("KEPT#{date}"), id)
}

/// Counts of a campaign's leads by state, with their time.
pub fn counts(campaign: &CampaignId) -> Key {
    Key::new(format!("COUNTS#{campaign}"), "COUNTS")
}

/// A line of an owner's queue.
pub fn queue_line(owner: &Owner, lane: Lane, shard: u32) -> String {
    format!("{owner}#{}#{shard}", lane.as_str())
}

/// Where a campaign's leads without a next time rest.
pub fn queue_rest(campaign: &CampaignId, shard: u32) -> String {
    format!("{campaign}#rest#{shard}")
}

/// A time as index keys sort it: whole seconds.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A lead's place in the queue index. The hash depends only on whether there is a next time, never on the state, so
/// that no state can hide a lead from the tick. The range ends in the lead's id: unique, and good enough to page by
/// without a phone number.
pub fn queue_place(lead: &Lead) -> (String, String) {
    let (line, at) = match lead.next_at {
        Some(next) => (queue_line(&lead.owner, lead.lane, lead.shard), next),
        None => (queue_rest(&lead.campaign, lead.shard), lead.updated_at),
    };
    (line, format!("{}#{}#{}", time(at), lead.state.as_str(), lead.id))
}

/// The parts of a queue range key: time, state, lead id.
pub fn read_queue_range(range: &str) -> Option<(DateTime<Utc>, redial_domain::LeadState, redial_domain::LeadId)> {
    let mut parts = range.split('#');
    let at = DateTime::parse_from_rfc3339(parts.next()?).ok()?.to_utc();
    let state = redial_domain::LeadState::parse(parts.next()?)?;
    Some((at, state, redial_domain::LeadId::parse(parts.next()?).ok()?))
}

/// A column of the board, of one part of a list.
pub fn board(list: &str, status: &str, shard: u32) -> String {
    format!("{list}#{status}#{shard}")
}

/// The attempts of one local day of a campaign, of one part of it.
pub fn day(campaign: &CampaignId, date: NaiveDate, shard: u32) -> String {
    format!("{campaign}#{date}#{shard}")
}

/// The callbacks that a campaign dialed on a local day.
pub fn callbacks(campaign: &CampaignId, date: NaiveDate) -> String {
    format!("CALLBACKS#{campaign}#{date}")
}

/// One of them, by its attempt.
pub fn callback(campaign: &CampaignId, date: NaiveDate, attempt: &AttemptId) -> Key {
    Key::new(callbacks(campaign, date), attempt.as_str())
}

/// The days of a campaign whose answered calls were counted.
pub fn answered_days(campaign: &CampaignId) -> String {
    format!("ANSWERED#{campaign}")
}

/// One of them.
pub fn answered_day(campaign: &CampaignId, date: NaiveDate) -> Key {
    Key::new(answered_days(campaign), date.to_string())
}

/// A lead's place on the board.
pub fn board_place(lead: &Lead) -> (String, String) {
    (
        board(lead.list.as_str(), lead.status.as_str(), lead.shard),
        format!("{}#{}", time(lead.status_at), lead.id),
    )
}

/// The `ref` hash of a lead's own id.
pub fn lead_ref(id: &str) -> String {
    format!("lead:{id}")
}

/// The `ref` hash of a CRM's id of a lead.
pub fn crm_ref(id: &str) -> String {
    format!("crm:{id}")
}
