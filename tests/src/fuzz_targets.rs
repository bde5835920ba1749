//! What must hold for any bytes from outside. The stable harness in `tests/tests/fuzz.rs` and the fuzzer in `tests/fuzz`
//! call the same functions; one that does not hold panics.
//!
//! Refuses to know where bytes come from, and how long or how much memory an input may take: both callers measure that.

use std::collections::BTreeMap;

use chrono::DateTime;
use redial_domain::{
    Direction, Disposition, EventKind, Facts, Outcome, Phone, Region, RuleFacts, RuleSetName, Side, StatusName,
    TranscriptLine,
};
use redial_rules::{CASES_FILE, Finding, RuleSet, SPEC_FILE, Script};
use redial_telephony::{bland, convoso};
use serde_json::Value;

use crate::fuzz_world::{Answer, Request, SECRET, Webhooks, with};

/// What must hold for an input; panics when it does not.
pub type Target = fn(&[u8]);

/// All targets by their names, which are also those of their folders under `tests/fuzz/corpus`.
pub const TARGETS: [(&str, Target); 6] = [
    ("delivery", delivery),
    ("webhook", webhook),
    ("signature", signature),
    ("api", api),
    ("phone", phone),
    ("rules", rules),
];

/// All regions.
const REGIONS: [Region; 4] = [Region::US, Region::IN, Region::IL, Region::GB];

/// The body of a webhook, read in every way a provider's parser can: an answer or an error that repeats nothing, and a
/// cut body that says the same as the whole one.
pub fn delivery(body: &[u8]) {
    let whole = bland::parse(body, Region::US);
    if let Err(error) = &whole {
        assert_says_nothing_of(&error.to_string(), body);
    }
    for max in [200, bland::SLIM_MIN_BYTES] {
        let slimmed = bland::slim(body, max);
        let Ok(whole) = &whole else { continue };
        if max == bland::SLIM_MIN_BYTES {
            assert!(
                slimmed.len() <= max,
                "{max} bytes were asked for and {} came",
                slimmed.len()
            );
        }
        let cut = bland::parse(&slimmed, Region::US).unwrap_or_else(|error| panic!("the cut body: {error}"));
        assert_eq!(
            (&whole.call_id, whole.kind, &whole.facts.stop, &whole.phone, &whole.ours),
            (&cut.call_id, cut.kind, &cut.facts.stop, &cut.phone, &cut.ours)
        );
        assert_eq!(
            (whole.facts.outcome, whole.facts.may_have_rung),
            (cut.facts.outcome, cut.facts.may_have_rung)
        );
    }
    for (content_type, region) in [(None, Region::IN), (Some("application/json"), Region::GB)] {
        match convoso::parse_new_lead(content_type, body, region) {
            Ok(lead) => assert!(lead.custom.len() <= convoso::CUSTOM_MAX),
            Err(error) => assert_says_nothing_of(&error.to_string(), body),
        }
    }
    assert!(!bland::verify(SECRET.as_bytes(), "00", body));
}

/// Errors reach logs: they never carry the digits or names that were sent. The one number in our texts is the example of
/// how to write one; Dana is the lead of the payloads.
fn assert_says_nothing_of(error: &str, sent: &[u8]) {
    /// Fewer digits in a row are a line, a column or a length.
    const DIGITS_MIN: usize = 7;
    assert!(error.starts_with("failed to "), "{error}");
    let own = error.replace("+12125550142", "");
    let longest = own
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .max()
        .unwrap_or_default();
    assert!(
        longest < DIGITS_MIN && !own.contains("Dana"),
        "{error}: {}",
        String::from_utf8_lossy(sent)
    );
}

/// The webhook function with any request: taken or refused, never failed; what is taken is in the queue once, and the
/// outcomes function can apply it.
pub fn webhook(text: &[u8]) {
    with(Webhooks::Unsigned, |world| {
        let answer = world.webhook(&Request::read(text));
        assert_answered(&answer);
        let taken = i64::from(answer.status == 200);
        assert_eq!(world.calls_queued(), taken, "{answer:?}");
        if taken == 1 {
            let again = world.apply_calls();
            assert!(again.is_empty(), "what was taken cannot be applied: {again:?}");
        }
    });
}

/// The admin function with any request of a system administrator, unless it brings another key.
pub fn api(text: &[u8]) {
    with(Webhooks::Unsigned, |world| {
        assert_answered(&world.admin(&Request::read(text)))
    });
}

/// Done or refused, never failed; a refusal has the shape that all have.
fn assert_answered(answer: &Answer) {
    assert!((200..500).contains(&answer.status), "{answer:?}");
    if answer.status >= 400 {
        let says = |name: &str| answer.body[name].as_str().unwrap_or_default();
        assert!(says("message").starts_with("failed to "), "{answer:?}");
        assert!(!says("code").is_empty() && !says("hint").is_empty(), "{answer:?}");
    }
}

/// Whether a parser could read a body or not, without the right signature the answer is 401, and nothing is queued. With
/// the right one the parser decides. That no parser sees it before is seen from the sources, in `tidy.rs`.
pub fn signature(body: &[u8]) {
    let right = bland::sign(SECRET.as_bytes(), body);
    let (half, changed) = right.split_at(right.len() / 2);
    let wrong = [
        None,
        Some(String::new()),
        Some("no hex".to_owned()),
        Some(half.to_owned()),
        Some(format!("{right}00")),
        Some(format!("{changed}{half}")),
        Some(bland::sign(b"another secret", body)),
        Some(bland::sign(b"", body)),
        Some(bland::sign(SECRET.as_bytes(), &[body, b"\0"].concat())),
    ];
    let readable = bland::parse(body, Region::US).is_ok() && std::str::from_utf8(body).is_ok();
    with(Webhooks::Signed, |world| {
        for signature in wrong {
            let request = Request::post("/webhooks/bland", body);
            let request = match &signature {
                Some(signature) => request.header(bland::SIGNATURE_HEADER, signature),
                None => request,
            };
            let answer = world.webhook(&request);
            assert_eq!(answer.status, 401, "signed `{signature:?}`: {answer:?}");
        }
        for request in [
            Request::post("/webhooks/convoso", body),
            Request::post("/webhooks/convoso/wrong", body),
            Request::post("/webhooks/convoso", body).header("x-webhook-secret", "wrong"),
        ] {
            assert_eq!(world.webhook(&request).status, 401);
        }
        assert_eq!(world.calls_queued(), 0);
        let answer = world.webhook(&Request::post("/webhooks/bland", body).header(bland::SIGNATURE_HEADER, &right));
        assert_eq!(answer.status, if readable { 200 } else { 400 }, "{answer:?}");
        assert_eq!(world.apply_calls(), Vec::<Value>::new());
    });
}

/// A phone number in every region: E.164 that every reader reads back, or an error that repeats no digits.
pub fn phone(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for region in REGIONS {
        match Phone::parse(&text, region) {
            Ok(phone) => {
                let digits = phone.as_str().strip_prefix('+').unwrap_or_default();
                assert!((8..=15).contains(&digits.len()), "{} digits", digits.len());
                assert!(digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'));
                for other in REGIONS {
                    assert_eq!(Phone::parse(phone.as_str(), other).as_ref(), Ok(&phone));
                }
                assert_eq!(Phone::try_from(phone.as_str().to_owned()).as_ref(), Ok(&phone));
                assert!(!format!("{phone:?}").contains(&digits[..digits.len() - 2]));
            }
            Err(error) => assert_says_nothing_of(&error.to_string(), text.as_bytes()),
        }
    }
    if let Ok(stored) = Phone::try_from(text.into_owned()) {
        assert_eq!(Phone::parse(stored.as_str(), Region::US), Ok(stored));
    }
}

/// A file of a rule set: its name in the first line, then its text. The set says what is wrong with it, or decides; a
/// script that fails when it runs is an error, too.
pub fn rules(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let (file, text) = text.split_once('\n').unwrap_or((&text, ""));
    let known = [SPEC_FILE, CASES_FILE].into_iter().chain(Script::ALL.map(Script::file));
    let Some(name) = built_in() else { return };
    let mut files: BTreeMap<String, String> = RuleSet::built_in_files(&name)
        .unwrap_or_default()
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    assert!(known.clone().all(|file| files.contains_key(file)));
    // A name that nobody knows is an input as well.
    files.insert(file.to_owned(), text.to_owned());
    match RuleSet::from_files(&name, 1, &files) {
        Ok(set) => decide(&set),
        Err(findings) => assert_findings(&findings),
    }
    if file == CASES_FILE
        && let Some(built_in) = RuleSet::built_in(&name)
        && let Err(findings) = built_in.run_cases(text)
    {
        assert_findings(&findings);
    }
}

fn built_in() -> Option<RuleSetName> {
    RuleSetName::parse("until-sale-or-dnc").ok()
}

/// A person reads them: each says something, and there are not more than somebody would read.
fn assert_findings(findings: &[Finding]) {
    assert!(!findings.is_empty());
    let letters: usize = findings.iter().map(|finding| finding.to_string().len()).sum();
    assert!(findings.iter().all(|finding| !finding.message.is_empty()));
    assert!(
        letters < FINDINGS_LETTERS_MAX,
        "{} findings of {letters} letters",
        findings.len()
    );
}

/// Findings of one set, in letters: a long page for each of its six files, and a file's own long words.
const FINDINGS_LETTERS_MAX: usize = 1 << 20;

/// Calls that the trial of a new set does not try, so that what a script keeps for them is met when it runs.
fn decide(set: &RuleSet) {
    let word = |word: &str| Some(word.to_owned());
    let line = |text: String| TranscriptLine { side: Side::Lead, text };
    let talks = [
        Facts::ended(Outcome::Busy),
        Facts {
            disposition_word: word("a word of no table"),
            talk_s: Some(3_600),
            summary: word(&"a long summary ".repeat(400)),
            transcript: (0..400).map(|n| line(format!("line {n} of a long talk"))).collect(),
            callback_requested: true,
            callback_at: Some(DateTime::UNIX_EPOCH),
            ..Facts::ended(Outcome::Answered)
        },
    ];
    for facts in &talks {
        for (attempts, kind) in [
            (1, EventKind::Ended),
            (9, EventKind::Later),
            (u32::MAX, EventKind::Ended),
        ] {
            let Ok(status) = StatusName::parse("new") else { return };
            let asked = RuleFacts {
                facts,
                kind,
                direction: Direction::Inbound,
                status: &status,
                known: Disposition::Unknown,
                attempts,
                attempts_today: attempts,
                intervals_min: None,
                ended_at: DateTime::UNIX_EPOCH,
            };
            if let Err(error) = set.decide(&asked) {
                assert!(!error.message.is_empty() && error.line > 0, "{error}");
            }
        }
    }
}
