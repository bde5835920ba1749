//! Defects planted on purpose, so that it is known that the judge would find them.
//!
//! None of them is in the functions: each changes a request on its way, or its answer, to what a function with that
//! defect would have sent or seen, or is a law book with something missing. A build that ships has no switch to turn on.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use redial_domain::law::Law;
use redial_local::create::TABLE_NAME;
use serde_json::{Value, json};

use crate::table_engine::Answered;

/// The book that is read; what is planted there is missing from it.
const BOOK: &str = include_str!("../../functions/_shared/domain/law/law.toml");

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// The dialer reserves without looking at `seq` and what is in flight.
    NoSeqCheck,
    /// Reconcile gives an attempt up at its first empty look.
    LostAtOneLook,
    /// Campaigns seem to be open all day.
    HoursIgnored,
    /// Earlier calls of a phone are not seen.
    StartsNotCounted,
    /// The mark of a do-not-call is written beside the ledger's.
    StopNotWritten,
    /// The switches are read from a cache that never ends.
    SwitchesCached,
    /// The ladder's part of the queue is never read.
    LadderNotRead,
    /// A second report about one call counts again.
    CountedTwice,
    /// Later news about a finished call are dropped.
    EnrichmentDropped,
    /// A webhook is answered before it is stored, and is not stored.
    AnsweredBeforeStored,
    /// A claim does not look at how many there are.
    ClaimUnbounded,
    /// The tick frees ended claims without a look at the ledger.
    LeaseFreedUnasked,
    /// What people do is not written down.
    ActivityDropped,
    /// All dialers read one copy of the switches, again and again.
    OneHotItem,
    /// Nobody frees a slot at the end of a call, and no one cleans up.
    SlotLeaks,
    /// The line of a call that ended is not freed.
    LineLeaks,
    /// Instances trust their clocks.
    ClockTrusted,
    /// A sale is not understood as one.
    SaleNotHeard,
    /// That a number does not exist is not understood.
    BadNumberNotHeard,
    /// The time that a person asked for is not seen.
    CallbackForgotten,
    /// The hold after a transfer is written beside the ledger's.
    HoldNotWritten,
    /// Every wait between calls is nothing.
    LadderIgnored,
    /// The day after the first is taken for one without calls.
    DayLost,
    /// A try that was refused counts as a call.
    RefusedCounted,
    /// The calls of a phone are counted for each subject.
    CapPerSubject,
    /// There is no cap for the day.
    DayCapIgnored,
    /// There is no cap for a lead's life.
    TotalCapIgnored,
    /// Nobody remembers that a person ended a call.
    HangUpForgotten,
    /// A lead stays in its first column of the board.
    BoardNotMoved,
    /// Law closes nowhere and counts nothing.
    LawIgnored,
    /// Hours of law are counted by the campaign's clock.
    LawByTheCampaignsClock,
    /// Caps of law are not in the book.
    LawCapsMissing,
    /// What was told of where a lead lives is not read.
    ToldNotRead,
    /// Calls are noted without their subject, so that they never count together.
    SubjectNotNoted,
    /// Calls before midnight are forgotten at midnight.
    ForgottenAtMidnight,
    /// The limits of a provider's account are not read.
    AccountUnlimited,
    /// The rate of a campaign is not read.
    RateIgnored,
    /// What somebody reports of a call of theirs is written down and not counted.
    ReportNotCounted,
    /// That a campaign ends at a time is not read.
    EndTimeNotRead,
}

/// What to do with a request.
pub(crate) enum Verdict {
    Send(Value),
    Pretend(Answered),
}

fn pk(of: &Value) -> &str {
    of["pk"]["S"].as_str().unwrap_or_default()
}

fn sk(of: &Value) -> &str {
    of["sk"]["S"].as_str().unwrap_or_default()
}

fn ok(body: Value) -> Verdict {
    Verdict::Pretend(Answered {
        status: 200,
        body: body.to_string(),
    })
}

/// The same write, whatever its condition says.
fn always(write: &mut Value) {
    if let Some(condition) = write["ConditionExpression"].as_str() {
        write["ConditionExpression"] = json!(format!(
            "({condition}) OR attribute_exists(#always) OR attribute_not_exists(#always)"
        ));
        write["ExpressionAttributeNames"]["#always"] = json!("pk");
    }
}

fn updates(write: &Value, word: &str) -> bool {
    write["UpdateExpression"]
        .as_str()
        .is_some_and(|update| update.contains(word))
}

impl Planted {
    /// Changes a request to the table, or answers it.
    pub(crate) fn request(self, who: &str, operation: &str, mut request: Value) -> Verdict {
        let dialer = who.starts_with("dialer");
        let ledger = sk(&request["Key"]) == "LEDGER";
        match self {
            Self::NoSeqCheck if dialer && ledger && updates(&request, "#inflight = :f") => always(&mut request),
            Self::StopNotWritten => {
                let rename = |write: &mut Value| {
                    let names = &mut write["ExpressionAttributeNames"];
                    if names["#dnc_at"].is_string() && sk(&write["Key"]) == "LEDGER" && updates(write, "#dnc_at =") {
                        write["ExpressionAttributeNames"]["#dnc_at"] = json!("dnc_beside");
                    }
                };
                if operation == "UpdateItem" {
                    rename(&mut request);
                }
                for one in request["TransactItems"].as_array_mut().into_iter().flatten() {
                    if one["Update"].is_object() {
                        rename(&mut one["Update"]);
                    }
                }
            }
            Self::HoldNotWritten if operation == "TransactWriteItems" => {
                for one in request["TransactItems"].as_array_mut().into_iter().flatten() {
                    if let Some(name) = one.pointer_mut("/Update/ExpressionAttributeNames/#hold_until") {
                        *name = json!("hold_beside");
                    }
                }
            }
            Self::LadderNotRead
                if operation == "Query"
                    && request["ExpressionAttributeValues"][":hash"]["S"]
                        .as_str()
                        .is_some_and(|hash| hash.contains("#ladder#")) =>
            {
                return ok(json!({ "Items": [], "Count": 0, "ScannedCount": 0 }));
            }
            Self::CountedTwice if operation == "TransactWriteItems" => {
                for one in request["TransactItems"].as_array_mut().into_iter().flatten() {
                    if sk(&one["Put"]["Item"]).starts_with("ATTEMPT#") {
                        always(&mut one["Put"]);
                    }
                }
            }
            Self::EnrichmentDropped if operation == "TransactWriteItems" => {
                let enriches = request["TransactItems"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| sk(&one["Update"]["Key"]).starts_with("ATTEMPT#")));
                if enriches {
                    return ok(json!({}));
                }
            }
            Self::ClaimUnbounded if operation == "UpdateItem" && updates(&request, "SET #t.#p0") => {
                always(&mut request)
            }
            Self::ActivityDropped if operation == "TransactWriteItems" && who.starts_with("admin") => {
                if let Some(all) = request["TransactItems"].as_array_mut() {
                    all.retain(|one| !sk(&one["Put"]["Item"]).starts_with("ACTIVITY#"));
                }
            }
            Self::OneHotItem if operation == "BatchGetItem" => {
                for key in request["RequestItems"][TABLE_NAME]["Keys"]
                    .as_array_mut()
                    .into_iter()
                    .flatten()
                {
                    if let Some(copy) = pk(key).strip_prefix("GATE#all#").map(str::to_owned) {
                        key["pk"]["S"] = json!(format!("GATE#all#{}", copy.replace(|_| true, "0")));
                    }
                }
            }
            Self::CapPerSubject if dialer && ledger && updates(&request, "#inflight = :f") => {
                if let Some(starts) = request["ExpressionAttributeValues"][":s"]["L"].as_array_mut() {
                    let subject =
                        |start: &Value| start["S"].as_str().and_then(|s| Some(s.split_once('/')?.1.to_owned()));
                    let newest = starts.last().and_then(subject);
                    starts.retain(|start| subject(start) == newest);
                }
            }
            Self::SubjectNotNoted if dialer && ledger && updates(&request, "#inflight = :f") => {
                if let Some(newest) = request["ExpressionAttributeValues"][":s"]["L"]
                    .as_array_mut()
                    .and_then(|starts| starts.last_mut())
                {
                    let noted = newest["S"]
                        .as_str()
                        .and_then(|start| Some(start.split_once('/')?.0.to_owned()));
                    newest["S"] = json!(format!("{}/unknown", noted.unwrap_or_default()));
                }
            }
            Self::ReportNotCounted if operation == "TransactWriteItems" && who.starts_with("admin") => {
                for one in request["TransactItems"].as_array_mut().into_iter().flatten() {
                    if sk(&one["Update"]["Key"]) == "LEDGER"
                        && let Some(name) = one.pointer_mut("/Update/ExpressionAttributeNames/#starts")
                    {
                        *name = json!("starts_beside");
                    }
                }
            }
            Self::BoardNotMoved if operation == "TransactWriteItems" && who.starts_with("outcomes") => {
                for one in request["TransactItems"].as_array_mut().into_iter().flatten() {
                    let Some(place) = one.pointer_mut("/Update/ExpressionAttributeValues/:v_b_pk/S") else {
                        continue;
                    };
                    let list = place
                        .as_str()
                        .and_then(|place| place.split('#').next())
                        .unwrap_or_default();
                    *place = json!(format!("{list}#new#0"));
                }
            }
            Self::LineLeaks if ledger && operation == "UpdateItem" && who.starts_with("outcomes") => {
                return ok(json!({}));
            }
            Self::SlotLeaks if operation == "UpdateItem" && updates(&request, "REMOVE #t.#p") => {
                return ok(json!({}));
            }
            _ => {}
        }
        Verdict::Send(request)
    }

    /// Changes an answer of the table.
    pub(crate) fn answer(
        self,
        who: &str,
        operation: &str,
        request: &Value,
        answered: Answered,
        now: DateTime<Utc>,
    ) -> Answered {
        if answered.status != 200 || !matches!(operation, "GetItem" | "BatchGetItem" | "Query") {
            return answered;
        }
        let mut body: Value = serde_json::from_str(&answered.body).unwrap_or_default();
        let mut items: Vec<&mut Value> = Vec::new();
        let body_map = body.as_object_mut();
        for (name, part) in body_map.into_iter().flatten() {
            match name.as_str() {
                "Item" => items.push(part),
                "Items" => items.extend(part.as_array_mut().into_iter().flatten()),
                "Responses" => items.extend(
                    part.as_object_mut()
                        .into_iter()
                        .flatten()
                        .flat_map(|(_, of_table)| of_table.as_array_mut().into_iter().flatten()),
                ),
                _ => {}
            }
        }
        let hides_attempt = self == Self::CountedTwice && sk(&request["Key"]).starts_with("ATTEMPT#");
        for item in items {
            self.see(who, operation, item, now);
        }
        if hides_attempt && who.starts_with("outcomes") {
            body["Item"] = Value::Null;
            if let Some(body) = body.as_object_mut() {
                body.remove("Item");
            }
        }
        Answered {
            status: 200,
            body: body.to_string(),
        }
    }

    fn see(self, who: &str, operation: &str, item: &mut Value, now: DateTime<Utc>) {
        let ledger = sk(item) == "LEDGER";
        match self {
            Self::LostAtOneLook if ledger && who.starts_with("reconcile") && item["inflight"].is_object() => {
                item["inflight"]["M"]["empty_look_at"] = json!({"N": "1000000000000"});
            }
            Self::HoursIgnored if pk(item) == "CAMPAIGNS" => {
                item["window"]["M"]["start"] = json!({"S": "00:00"});
                item["window"]["M"]["end"] = json!({"S": "24:00"});
            }
            Self::LadderIgnored if pk(item) == "CAMPAIGNS" => {
                item["intervals_min"] = json!({"L": [{"N": "0"}]});
            }
            Self::DayLost if pk(item) == "CAMPAIGNS" => {
                // The second day of the scenario in which it is planted.
                item["window"]["M"]["blackout_dates"] = json!({"L": [{"S": "2026-11-24"}]});
            }
            Self::DayCapIgnored if pk(item) == "CAMPAIGNS" => {
                item["attempts_per_day_max"] = json!({"N": "24"});
            }
            Self::EndTimeNotRead if pk(item) == "CAMPAIGNS" => {
                if let Some(life) = item["life"]["M"].as_object_mut() {
                    life.remove("ends_at");
                }
            }
            Self::TotalCapIgnored if pk(item) == "CAMPAIGNS" => {
                item["attempts_total_max"] = json!({"NULL": true});
            }
            Self::HangUpForgotten if ledger => {
                if let Some(item) = item.as_object_mut() {
                    item.remove("hung_up_at");
                }
            }
            Self::ToldNotRead if sk(item).starts_with("LEAD#") => {
                if let Some(item) = item.as_object_mut() {
                    item.retain(|name, _| !["us", "zip", "tz"].contains(&name.as_str()));
                }
            }
            Self::ForgottenAtMidnight if ledger && item["starts"].is_object() => {
                let today = now.date_naive();
                let is_of_today = |start: &Value| {
                    let seconds = start["S"]
                        .as_str()
                        .and_then(|start| start.split_once('/')?.0.parse().ok());
                    let at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                    at.is_some_and(|at| at.date_naive() == today)
                };
                if let Some(starts) = item["starts"]["L"].as_array_mut() {
                    starts.retain(is_of_today);
                }
            }
            Self::AccountUnlimited if pk(item).starts_with("ACCOUNT#") && sk(item) == "META" => {
                if let Some(item) = item.as_object_mut() {
                    item.retain(|name, _| !["at_once", "per_minute"].contains(&name.as_str()));
                }
            }
            Self::RateIgnored if pk(item).starts_with("SLOTS#") || pk(item) == "CAMPAIGNS" => {
                if let Some(item) = item.as_object_mut() {
                    item.retain(|name, _| !["rate", "calls_per_minute_max"].contains(&name.as_str()));
                }
            }
            Self::StartsNotCounted if ledger && item["starts"].is_object() => {
                item["starts"] = json!({"L": []});
            }
            Self::SwitchesCached if pk(item).starts_with("GATE#") => {
                for name in ["enabled", "running"] {
                    if item[name].is_object() {
                        item[name] = json!({"BOOL": true});
                    }
                }
                if item["status"].is_object() {
                    item["status"] = json!({"S": "running"});
                }
            }
            Self::LeaseFreedUnasked if ledger && operation == "GetItem" && who.starts_with("tick") => {
                if let Some(item) = item.as_object_mut() {
                    item.remove("inflight");
                }
            }
            _ => {}
        }
    }

    /// Changes the text of a message on its way into a queue.
    pub(crate) fn message(self, who: &str, body: String) -> String {
        let words: &[(&str, &str)] = match self {
            Self::SaleNotHeard => &[("\"SALE\"", "\"FOLLOW_UP\""), ("\\\"SALE\\\"", "\\\"FOLLOW_UP\\\"")],
            Self::BadNumberNotHeard => &[
                ("number you dialed is not found", "call failed"),
                ("\"bad_number\"", "\"network\""),
            ],
            Self::CallbackForgotten => &[("callback_requested_at", "callback_forgotten_at")],
            Self::RefusedCounted if who.starts_with("dialer") => {
                &[("\"may_have_rung\":false", "\"may_have_rung\":true")]
            }
            _ => &[],
        };
        words.iter().fold(body, |body, (said, heard)| body.replace(said, heard))
    }

    /// Whether a message is answered as sent and dropped.
    pub(crate) fn drops_message(self, who: &str) -> bool {
        self == Self::AnsweredBeforeStored && who.starts_with("webhook")
    }

    /// The law book with which the functions begin, if it is another than the build's.
    pub(crate) fn book(self) -> Option<&'static Law> {
        static BOOKS: [OnceLock<Law>; 3] = [const { OnceLock::new() }; 3];
        let (book, changed): (_, fn(&str) -> Option<String>) = match self {
            Self::LawIgnored => (&BOOKS[0], |line| match line.split_once(" = ")?.0 {
                "hours" => {
                    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
                    let hours = days.map(|day| format!("{day} = \"00:00-24:00\"")).join(", ");
                    Some(format!("hours = {{ {hours} }}"))
                }
                "holiday_hours" => Some("holiday_hours = \"00:00-24:00\"".to_owned()),
                "cap" => Some(String::new()),
                _ => None,
            }),
            Self::LawByTheCampaignsClock => (&BOOKS[1], |line| match line.split_once(" = ")?.0 {
                "jurisdiction" => Some(format!("{line}\nzone = \"America/New_York\"")),
                "zone" => Some(String::new()),
                _ => None,
            }),
            Self::LawCapsMissing => (&BOOKS[2], |line| line.starts_with("cap = ").then(String::new)),
            _ => return None,
        };
        Some(book.get_or_init(|| {
            let lines = BOOK
                .lines()
                .map(|line| changed(line).unwrap_or_else(|| line.to_owned()));
            let text: Vec<String> = lines.collect();
            Law::read(&text.join("\n")).unwrap_or_else(|error| panic!("{error}"))
        }))
    }

    /// How often a request is sent.
    pub(crate) fn times(self, operation: &str, request: &Value) -> u32 {
        let switches = |key: &Value| pk(key).starts_with("GATE#all");
        let keys = request["RequestItems"][TABLE_NAME]["Keys"].as_array();
        if self == Self::OneHotItem && operation == "BatchGetItem" && keys.is_some_and(|keys| keys.iter().any(switches))
        {
            40
        } else {
            1
        }
    }
}
