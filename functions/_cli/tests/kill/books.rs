//! At the end: do leads, attempts, queues and slots agree with what was called and what was answered?
//!
//! Reads the table as its engine has it, item by item; only the leads' states are those of the admin API.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use redial_aws::kept::unpack;
use serde_json::Value;

use crate::{
    load::Books,
    log::{self, Call, Hours},
    machine::Place,
};

/// States in which a lead waits for a call.
const WAITING: [&str; 3] = ["pending", "rescheduled", "daily_max_reached"];

/// A finished attempt in the table.
struct Attempt {
    phone: String,
    campaign: String,
    call: String,
    direction: String,
    end: String,
    disposition: String,
    counted: bool,
}

/// What is in the table.
#[derive(Default)]
struct Table {
    attempts: BTreeMap<String, Attempt>,
    /// Since when, in ms, by phone.
    do_not_call: BTreeMap<String, i64>,
    in_flight: Vec<String>,
    tokens: Vec<String>,
    kept: Vec<String>,
}

/// Everything that does not agree, and the figures for people.
pub(crate) async fn faults(place: &Place, hours: &[Hours], calls: &[Call], books: &Books) -> (Vec<String>, String) {
    let table = Table::read(&place.table().await);
    let mut faults = leads(place, hours, &table, books).await;
    nothing_left(place, &table, &mut faults).await;
    each_call(calls, &table, &mut faults);
    each_webhook(calls, &table, books, &mut faults);
    let lost = table.attempts.values().filter(|attempt| attempt.end == "lost").count();
    let told = format!(
        "{} leads, {} calls, {} attempts, of them {lost} lost before they were placed and {} by leads; {} phones stopped, {} payloads kept",
        books.leads.len(),
        calls.len(),
        table.attempts.len(),
        books.inbound.len(),
        table.do_not_call.len(),
        table.kept.len(),
    );
    (faults, told)
}

impl Table {
    fn read(items: &[Value]) -> Self {
        let mut table = Self::default();
        for item in items {
            let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
            let (pk, sk) = (text("pk"), text("sk"));
            let phone = pk.strip_prefix("PHONE#").unwrap_or_default().to_owned();
            if let Some(id) = sk.strip_prefix("ATTEMPT#") {
                let attempt = Attempt {
                    phone,
                    campaign: text("camp"),
                    call: text("call"),
                    direction: text("dir"),
                    end: text("end"),
                    disposition: text("disposition"),
                    counted: item["counted"]["BOOL"] == true,
                };
                table.attempts.insert(id.to_owned(), attempt);
            } else if sk == "LEDGER" {
                if item["inflight"].is_object() {
                    table.in_flight.push(phone.clone());
                }
                let since = item["dnc_at"]["N"].as_str().and_then(|ms| ms.parse().ok());
                table.do_not_call.extend(since.map(|since| (phone, since)));
            } else if pk.starts_with("SLOTS#") {
                let tokens = item["t"]["M"].as_object().unwrap();
                table
                    .tokens
                    .extend(tokens.iter().map(|(phone, token)| format!("{pk}{sk}: {phone} {token}")));
            } else if pk.starts_with("KEPT#") {
                let packed = STANDARD.decode(item["payload"]["B"].as_str().unwrap()).unwrap();
                table.kept.push(String::from_utf8(unpack(&packed)).unwrap());
            }
        }
        table
    }
}

/// Every lead that was answered is there, once, with a next time in its hours or a reason to have none.
async fn leads(place: &Place, hours: &[Hours], table: &Table, books: &Books) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/admin/redial-queue/records?limit=200{cursor}");
        let page = place.admin("GET", &path, None).await;
        for lead in page["records"].as_array().unwrap() {
            let text = |name: &str| lead[name].as_str().unwrap_or_default().to_owned();
            let (campaign, phone, state) = (text("campaign_id"), text("phone_number"), text("status"));
            let whose = (campaign.clone(), phone.clone());
            *states.entry(state.clone()).or_default() += 1;
            let next = lead["next_redial_timestamp"]
                .as_i64()
                .and_then(DateTime::from_timestamp_millis);
            let own = hours.iter().find(|hours| hours.campaign == campaign).unwrap();
            match (WAITING.contains(&state.as_str()), next) {
                (true, Some(next)) if own.open(next) => {}
                (false, None) if lead["reason"].is_string() => {}
                _ => faults.push(format!("lead is {state} and its next time is {next:?}: {lead}")),
            }
            let of = |attempt: &&Attempt| attempt.phone == phone && attempt.campaign == campaign && attempt.counted;
            let counted = table.attempts.values().filter(of).count();
            if lead["attempts"] != counted {
                faults.push(format!(
                    "lead counts {} attempts, {counted} are there: {lead}",
                    lead["attempts"]
                ));
            }
            if !seen.insert(whose.clone()) {
                faults.push(format!("lead shown twice: {lead}"));
            }
            match books.leads.get(&whose) {
                None => faults.push(format!("nobody added this lead: {lead}")),
                Some(Some(id)) if lead["lead_id"] != **id => faults.push(format!("lead was {id}: {lead}")),
                Some(_) => {}
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    faults.extend(
        books
            .leads
            .keys()
            .filter(|lead| !seen.contains(*lead))
            .map(|lead| format!("lead is gone: {lead:?}")),
    );
    let status = place.admin("GET", "/api/admin/redial-queue/status", None).await;
    let stats = status["stats"].as_object().unwrap();
    for (state, count) in &states {
        if stats[state] != *count {
            faults.push(format!("{count} leads are {state}, the status says {}", stats[state]));
        }
    }
    if stats["total_records"] != books.leads.len() || status["status"]["is_processing"] != false {
        faults.push(format!(
            "{} leads were added, the status says {status}",
            books.leads.len()
        ));
    }
    faults
}

/// Nothing is in flight, waits in a queue, or holds a slot.
async fn nothing_left(place: &Place, table: &Table, faults: &mut Vec<String>) {
    faults.extend(table.in_flight.iter().map(|phone| format!("still in flight: {phone}")));
    faults.extend(table.tokens.iter().map(|token| format!("slot still taken: {token}")));
    let metrics = place.admin("GET", "/local/metrics", None).await;
    for (queue, counts) in metrics["queues"].as_object().unwrap() {
        if counts.as_object().unwrap().values().any(|count| *count != 0) {
            faults.push(format!("messages left in {queue}: {counts}"));
        }
    }
    let unsent = log::unsent_reports(&place.data());
    if unsent > 0 {
        faults.push(format!("{unsent} reports were not sent"));
    }
}

/// Every call has its attempt, and every attempt that was not called is recorded as lost.
fn each_call(calls: &[Call], table: &Table, faults: &mut Vec<String>) {
    let mut called = BTreeSet::new();
    for call in calls {
        called.insert(call.attempt.as_str());
        let Some(attempt) = table.attempts.get(&call.attempt) else {
            faults.push(format!("no attempt was recorded: {call:?}"));
            continue;
        };
        let same = attempt.phone == call.phone && attempt.campaign == call.campaign && attempt.call == call.id;
        if !same || attempt.direction != "outbound" || attempt.end != "reported" {
            faults.push(format!("attempt is not that of its call ({}): {call:?}", attempt.end));
        }
        if ["sale", "transferred_then_sale"].contains(&call.outcome.as_str())
            && !["sale", "dnc"].contains(&attempt.disposition.as_str())
        {
            faults.push(format!("a sale is recorded as {}: {call:?}", attempt.disposition));
        }
    }
    for (id, attempt) in &table.attempts {
        if attempt.direction == "outbound" && attempt.end != "lost" && !called.contains(id.as_str()) {
            faults.push(format!("attempt {id} was never called and is {}", attempt.end));
        }
    }
}

/// Every webhook that was answered is applied once, or kept: a lead may call before the CRM's webhook made it one.
fn each_webhook(calls: &[Call], table: &Table, books: &Books, faults: &mut Vec<String>) {
    let mut inbound: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in table.attempts.values().filter(|attempt| attempt.direction == "inbound") {
        *inbound.entry(attempt.call.as_str()).or_default() += 1;
        if books.inbound.get(&attempt.call) != Some(&attempt.phone) {
            faults.push(format!("nobody reported the inbound call {}", attempt.call));
        }
    }
    let is_kept = |call: &str| table.kept.iter().any(|kept| kept.contains(call));
    for (call, phone) in &books.inbound {
        let times = inbound.get(call.as_str()).copied().unwrap_or_default();
        let by_crm = books.leads.iter().any(|((_, of), id)| of == phone && id.is_none());
        if times > 1 || (times == 0 && !(by_crm && is_kept(call))) {
            faults.push(format!("the inbound call {call} is recorded {times} times"));
        }
    }
    let said_so = calls
        .iter()
        .filter(|call| ["dnc", "dnc_in_second_delivery"].contains(&call.outcome.as_str()));
    let stopped: BTreeSet<&str> = said_so
        .map(|call| call.phone.as_str())
        .chain(books.stopped.iter().map(String::as_str))
        .collect();
    for phone in &stopped {
        match table.do_not_call.get(*phone) {
            None => faults.push(format!("{phone} asked not to be called, and is not marked")),
            Some(since) => {
                let late = calls
                    .iter()
                    .find(|call| call.phone == **phone && call.accepted.timestamp_millis() > *since);
                faults.extend(late.map(|call| format!("called after its do-not-call of {since}: {call:?}")));
            }
        }
    }
    let others = table
        .do_not_call
        .keys()
        .filter(|phone| !stopped.contains(phone.as_str()));
    faults.extend(others.map(|phone| format!("{phone} is marked, and never asked for it")));
    let gone = books.strangers.iter().filter(|stranger| !is_kept(stranger));
    faults.extend(gone.map(|stranger| format!("the report of the unknown call {stranger} is gone")));
    let sent: Vec<&String> = books.strangers.iter().chain(books.inbound.keys()).collect();
    let unsent = table
        .kept
        .iter()
        .filter(|kept| !sent.iter().any(|call| kept.contains(*call)));
    faults.extend(unsent.map(|kept| format!("kept, and nobody sent it: {kept}")));
}
