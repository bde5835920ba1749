//! Convoso: the new lead that its Connect webhook sends.
//!
//! Customers map the keys themselves, so the obvious other names are taken, too; what is not mapped is absent. Convoso
//! signs nothing: the secret is in a header or in the path, and is checked before this. It refuses to know what a lead's
//! zone is: `locale_gmt` is an offset at the moment of sending, without the rules of summer time, and is kept as a custom
//! field only (H4: no fixed offsets).
//!
//! Sources: help.convoso.com, and the notes on Connect in github.com/thornebridge/convoso-js.

use std::collections::BTreeMap;

use redial_domain::{Phone, Region};
use serde_json::{Map, Value};

use crate::ParseError;
use crate::read::{cut, scalar};
use redial_domain::law::{says_nothing, us_state};

const WHAT: &str = "a new lead";

/// Custom fields kept of one lead. Convoso itself has ten, and some 30 fields of its own.
pub const CUSTOM_MAX: usize = 60;
/// Longest name of a custom field, in characters.
pub const CUSTOM_KEY_MAX: usize = 64;
/// Longest value of any field, in characters. Sixty of them stay far below a table item's 400 KB.
pub const VALUE_MAX: usize = 500;

/// A lead as a CRM sends it, before it belongs to a campaign.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct NewLead {
    /// Whom to call.
    pub phone: Phone,
    /// The CRM's id of the lead.
    pub crm_id: Option<String>,
    /// The CRM's list.
    pub list_id: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// E-mail address, lower case.
    pub email: Option<String>,
    /// US state, two letters, or whatever came in its place.
    pub state: Option<String>,
    /// ZIP or other postal code.
    pub postal_code: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// The CRM's own word for the lead's status.
    pub status_word: Option<String>,
    /// Everything else that came, under the name it came with: at most [`CUSTOM_MAX`], the first ones.
    pub custom: BTreeMap<String, String>,
    /// How many more fields came than are kept.
    pub left_out: usize,
}

/// Shows nothing of a person.
impl std::fmt::Debug for NewLead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewLead")
            .field("crm_id", &self.crm_id)
            .field("list_id", &self.list_id)
            .finish_non_exhaustive()
    }
}

/// Names of each field, the best first, compared without case, spaces and punctuation.
const PHONE: [&str; 9] = [
    "phonenumber",
    "phone",
    "mobile",
    "mobilenumber",
    "mobilephone",
    "cellphone",
    "cell",
    "telephone",
    "primaryphone",
];
const PHONE_CODE: [&str; 3] = ["phonecode", "countrycode", "dialcode"];
const CRM_ID: [&str; 3] = ["leadid", "id", "crmid"];
const LIST_ID: [&str; 2] = ["listid", "list"];
const FIRST_NAME: [&str; 3] = ["firstname", "fname", "givenname"];
const LAST_NAME: [&str; 4] = ["lastname", "lname", "surname", "familyname"];
const FULL_NAME: [&str; 2] = ["name", "fullname"];
const EMAIL: [&str; 3] = ["email", "emailaddress", "mail"];
const STATE: [&str; 2] = ["state", "statecode"];
const POSTAL_CODE: [&str; 4] = ["postalcode", "zip", "zipcode", "postcode"];
const CITY: [&str; 2] = ["city", "town"];
const STATUS: [&str; 5] = ["status", "leadstatus", "dispo", "disposition", "statuscode"];

/// Reads a new lead from JSON or from a form. `content_type` is believed only where the body does not tell: Convoso's
/// "RAW" is a form, and senders without any content type exist. Ten digits are a number of the `phone_code` that came
/// along, else of `default_region`.
///
/// # Errors
/// When the body is neither, or has no phone that can be called.
pub fn parse_new_lead(content_type: Option<&str>, body: &[u8], default_region: Region) -> Result<NewLead, ParseError> {
    let mut fields = Fields(fields(content_type, body)?);
    let raw_phone = fields.take(&PHONE).ok_or(ParseError::NoPhone)?;
    let phone = read_phone(&raw_phone, fields.take(&PHONE_CODE).as_deref(), default_region)?;
    let (mut first_name, mut last_name) = (fields.take(&FIRST_NAME), fields.take(&LAST_NAME));
    if first_name.is_none()
        && last_name.is_none()
        && let Some(name) = fields.take(&FULL_NAME)
    {
        let (first, rest) = name.split_once(' ').unwrap_or((&name, ""));
        first_name = Some(first.to_owned());
        last_name = Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty());
    }
    // What is no state may be another country, or a mistake: either decides whether the lead is called.
    let state = fields.take_if(&STATE, |raw| {
        let code = us_state(raw).map(|state| state.state().to_owned());
        code.or_else(|| told(raw))
    });
    let mut lead = NewLead {
        phone,
        crm_id: fields.take(&CRM_ID),
        list_id: fields.take(&LIST_ID),
        first_name,
        last_name,
        email: fields.take(&EMAIL).map(|email| email.to_lowercase()),
        state,
        postal_code: fields.take_if(&POSTAL_CODE, told),
        city: fields.take(&CITY),
        status_word: fields.take(&STATUS),
        custom: BTreeMap::new(),
        left_out: 0,
    };
    for (key, value) in fields.0 {
        // Convoso sends its lead id twice.
        if lead.crm_id.as_deref() == Some(value.as_str()) && CRM_ID.contains(&folded(&key).as_str()) {
            continue;
        }
        if lead.custom.len() < CUSTOM_MAX {
            lead.custom.entry(key).or_insert(value);
        } else {
            lead.left_out += 1;
        }
    }
    Ok(lead)
}

/// What is more than a sign for an empty field.
fn told(raw: &str) -> Option<String> {
    (!says_nothing(raw)).then(|| raw.to_owned())
}

/// The number, with the country code that came beside it.
fn read_phone(raw: &str, code: Option<&str>, default_region: Region) -> Result<Phone, ParseError> {
    // A spreadsheet's 2125550142.0 would else get a digit more.
    let raw = raw.strip_suffix(".0").unwrap_or(raw);
    let code: String = code.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    let code = code.trim_start_matches('0');
    let region = match code {
        "" => default_region,
        "1" => Region::US,
        "91" => Region::IN,
        "972" => Region::IL,
        "44" => Region::GB,
        _ if raw.starts_with('+') || raw.starts_with("00") => default_region,
        _ => {
            let national = raw.strip_prefix('0').unwrap_or(raw);
            let joined = if national.starts_with(code) && national.len() > 10 {
                "+"
            } else {
                &format!("+{code}")
            };
            return Ok(Phone::parse(&format!("{joined}{national}"), default_region)?);
        }
    };
    Ok(Phone::parse(raw, region)?)
}

/// Named values that have something in them, in the order in which they came.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn take(&mut self, names: &[&str]) -> Option<String> {
        self.take_if(names, |value| Some(value.to_owned()))
    }

    /// Takes out the first value under the best of `names` that `read` can read.
    fn take_if(&mut self, names: &[&str], read: impl Fn(&str) -> Option<String>) -> Option<String> {
        names.iter().find_map(|name| {
            let at = self.0.iter().position(|(key, _)| folded(key) == *name)?;
            let value = read(&self.0[at].1)?;
            self.0.remove(at);
            Some(value)
        })
    }
}

/// `Phone Number`, `phoneNumber` and `phone_number` are one name.
fn folded(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn fields(content_type: Option<&str>, body: &[u8]) -> Result<Vec<(String, String)>, ParseError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let says_json = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    let pairs = match body.first() {
        Some(b'{') => of_json(body)?,
        Some(b'[') => return Err(ParseError::NotAnObject { what: WHAT }),
        _ if says_json => of_json(body)?,
        Some(b'<') | None => return Err(ParseError::Format { what: WHAT }),
        _ if !body.contains(&b'=') => return Err(ParseError::Format { what: WHAT }),
        _ => serde_urlencoded::from_bytes(body).map_err(|_| ParseError::Format { what: WHAT })?,
    };
    let kept = |(key, value): (String, String)| {
        let (key, value) = (cut(key.trim(), CUSTOM_KEY_MAX), cut(value.trim(), VALUE_MAX));
        // A date that nobody gave.
        let absent = key.is_empty() || value.is_empty() || value.starts_with("0000-00-00");
        (!absent).then_some((key, value))
    };
    Ok(pairs.into_iter().filter_map(kept).collect())
}

fn of_json(body: &[u8]) -> Result<Vec<(String, String)>, ParseError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| ParseError::not_json(WHAT, &error))?;
    let Value::Object(object) = value else {
        return Err(ParseError::NotAnObject { what: WHAT });
    };
    Ok(flat(object))
}

/// Convoso sends no nested values; what somebody nests is kept as JSON text.
fn flat(object: Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
        other => scalar(other),
    };
    object
        .into_iter()
        .filter_map(|(key, value)| Some((key, text(&value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_with_the_country_code_beside_it() {
        for (raw, code, full) in [
            ("2125550142", Some("1"), "+12125550142"),
            ("2125550142.0", None, "+12125550142"),
            ("+12125550142", Some("91"), "+12125550142"),
            ("9876543210", Some("91"), "+919876543210"),
            ("0612345678", Some("33"), "+33612345678"),
            ("33612345678", Some("33"), "+33612345678"),
            ("612345678", Some("+33"), "+33612345678"),
        ] {
            assert_eq!(
                read_phone(raw, code, Region::US).unwrap().as_str(),
                full,
                "{raw} {code:?}"
            );
        }
    }
}
