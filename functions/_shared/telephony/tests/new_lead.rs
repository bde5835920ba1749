//! Convoso's new lead, in every spelling that its customers map.

use redial_domain::Region;
use redial_telephony::NewLead;
use redial_telephony::convoso::{CUSTOM_MAX, VALUE_MAX, parse_new_lead};
use serde_json::{Value, json};

#[cfg(test)]
mod support {
    use super::*;

    pub(super) fn json_lead(body: Value) -> NewLead {
        parse_new_lead(Some("application/json"), body.to_string().as_bytes(), Region::US).unwrap()
    }

    pub(super) fn refusal(content_type: Option<&str>, body: &[u8]) -> String {
        parse_new_lead(content_type, body, Region::US).unwrap_err().to_string()
    }
}
use support::{json_lead, refusal};

#[test]
fn every_kept_payload_reads_as_a_lead() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/payloads");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with("convoso-connect-") {
            continue;
        }
        seen += 1;
        let body = std::fs::read(&path).unwrap();
        let lead = parse_new_lead(None, &body, Region::US).unwrap();
        insta::assert_json_snapshot!(name.replace('.', "-"), lead);
        assert_eq!(lead.phone.as_str(), "+12125550142", "{name}");
        assert_eq!(lead.crm_id.as_deref(), Some("48213"), "{name}");
    }
    assert!(seen >= 15, "the payloads are gone");
}

#[test]
fn a_form_and_json_are_told_apart_whatever_the_content_type_says() {
    let form = b"phone_number=%28212%29+555-0142&first_name=Dana";
    for content_type in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("application/octet-stream"),
    ] {
        let lead = parse_new_lead(content_type, form, Region::US).unwrap();
        assert_eq!(
            (lead.phone.as_str(), lead.first_name.as_deref()),
            ("+12125550142", Some("Dana"))
        );
    }
    let json = b" {\"phone\": 2125550142}";
    for content_type in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("application/json; charset=utf-8"),
    ] {
        assert_eq!(
            parse_new_lead(content_type, json, Region::US).unwrap().phone.as_str(),
            "+12125550142"
        );
    }
}

#[test]
fn renamed_keys_numbers_and_empty_values_are_read() {
    let lead = json_lead(json!({
        "Lead ID": 48213, "id": 48213.0, "Mobile": 2_125_550_142_u64, "FirstName": "  Dana ", "last-name": "",
        "Email": "Dana@Example.com", "State": "new york", "zip": 10001, "date_of_birth": "0000-00-00", "dispo": "NEW",
        "wants": true, "tags": ["a", "b"], "nothing": null, "locale_gmt": -5,
    }));
    assert_eq!(lead.crm_id.as_deref(), Some("48213"));
    assert_eq!((lead.first_name.as_deref(), lead.last_name), (Some("Dana"), None));
    assert_eq!(lead.email.as_deref(), Some("dana@example.com"));
    assert_eq!(
        (lead.state.as_deref(), lead.postal_code.as_deref()),
        (Some("NY"), Some("10001"))
    );
    assert_eq!(lead.status_word.as_deref(), Some("NEW"));
    let custom: Vec<_> = lead
        .custom
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        custom,
        [("locale_gmt", "-5"), ("tags", "[\"a\",\"b\"]"), ("wants", "true")]
    );
}

#[test]
fn what_is_no_state_of_the_us_is_told_all_the_same() {
    let lead = json_lead(json!({ "phone": "2125550142", "state": "Ontario" }));
    assert_eq!(lead.state.as_deref(), Some("Ontario"));
    let lead = json_lead(
        json!({ "phone": "2125550142", "state": "N/A", "state_code": "on", "zip": "-", "postcode": "K1A 0B1" }),
    );
    assert_eq!(
        (lead.state.as_deref(), lead.postal_code.as_deref()),
        (Some("on"), Some("K1A 0B1"))
    );
}

#[test]
fn a_full_name_is_divided_only_when_there_is_no_other() {
    let lead = json_lead(json!({ "phone": "2125550142", "name": "Dana de la Cruz" }));
    assert_eq!(
        (lead.first_name.as_deref(), lead.last_name.as_deref()),
        (Some("Dana"), Some("de la Cruz"))
    );
    let lead = json_lead(json!({ "phone": "2125550142", "name": "Form 7", "first_name": "Dana" }));
    assert_eq!(
        (lead.first_name.as_deref(), lead.custom["name"].as_str()),
        (Some("Dana"), "Form 7")
    );
}

#[test]
fn custom_fields_are_bounded_and_what_is_left_out_is_counted() {
    let mut body = json!({ "phone": "2125550142", "note": "x".repeat(1_000_000) });
    for n in 0..500 {
        body[format!("field_{n:03}")] = json!(n);
    }
    let lead = json_lead(body);
    assert_eq!((lead.custom.len(), lead.left_out), (CUSTOM_MAX, 501 - CUSTOM_MAX));
    assert_eq!(lead.custom["note"].len(), VALUE_MAX);
}

#[test]
fn a_lead_without_a_phone_that_can_be_called_is_refused_and_the_answer_says_what_to_do() {
    for (content_type, body, said) in [
        (
            None,
            "first_name=Dana",
            "failed to read a new lead: no phone; map one field to `phone_number`",
        ),
        (
            None,
            "{}",
            "failed to read a new lead: no phone; map one field to `phone_number`",
        ),
        (
            None,
            "phone_number=",
            "failed to read a new lead: no phone; map one field to `phone_number`",
        ),
        (
            None,
            "phone_number=4.41E%2B11",
            "failed to read the phone number: a spreadsheet has rounded it; format the column as text and export it again",
        ),
        (
            None,
            "[]",
            "failed to read a new lead: it is JSON but no object; send one object with named fields",
        ),
        (
            Some("application/json"),
            "phone=1",
            "failed to read a new lead: it is not JSON (line 1, column 1)",
        ),
        (
            None,
            "",
            "failed to read a new lead: it is neither JSON nor a form; send application/json or application/x-www-form-urlencoded",
        ),
        (
            None,
            "<lead/>",
            "failed to read a new lead: it is neither JSON nor a form; send application/json or application/x-www-form-urlencoded",
        ),
    ] {
        assert_eq!(refusal(content_type, body.as_bytes()), said, "{body}");
    }
    let short = refusal(None, b"phone_number=212555014");
    assert!(short.contains("9 digits") && !short.contains("212555014"), "{short}");
}

#[test]
fn a_printed_lead_shows_nothing_of_a_person() {
    let lead = json_lead(json!({ "phone": "2125550142", "first_name": "Dana", "email": "dana@example.com", "id": 7 }));
    assert_eq!(
        format!("{lead:?}"),
        "NewLead { crm_id: Some(\"7\"), list_id: None, .. }"
    );
}
