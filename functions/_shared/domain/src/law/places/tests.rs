//! Where a lead may be, by what is told of it: every place that is possible is there.

use super::*;
use crate::Region;

/// Phone, told zone, told state, told postal code: zones, laws. `*` is [`ANYWHERE`], two letters are all
/// zones of a country.
const TOLD: &str = "
+12125550142 | | | : America/New_York : US US-NY
+18505550142 | | | : America/Chicago America/New_York : US US-FL
+12125550142 | | ca | : America/Los_Angeles America/New_York : US US-CA US-NY
+12125550142 | | California | : America/Los_Angeles America/New_York : US US-CA US-NY
+12125550142 | | | 90012 : America/Los_Angeles America/New_York : US US-CA US-NY
+12125550142 | Pacific/Honolulu | | : America/New_York Pacific/Honolulu : US US-NY

# A toll-free prefix adds nothing when something else is known. A zone tells no state.
+18005550142 | | CA | : America/Los_Angeles : US US-CA
+18005550142 | America/Denver | | : America/Denver : US US-?
+18005550142 | America/Puerto_Rico | | : America/Puerto_Rico : US US-?
+18005550142 | | | : * : US US-?

# Canada, by its provinces, their codes and its postal codes: however they are written.
+12125550142 | | Ontario | : America/New_York CA : CA US US-NY
+12125550142 | | on | : America/New_York CA : CA US US-NY
+12125550142 | | CA-ON | : America/New_York CA : CA US US-NY
+12125550142 | | québec | : America/New_York CA : CA US US-NY
+12125550142 | | Canada | : America/New_York CA : CA US US-NY
+12125550142 | | | K1A 0B1 : America/New_York CA : CA US US-NY
+12125550142 | | | k1a0b1 : America/New_York CA : CA US US-NY
+18005550142 | | | K1A-0B1 : CA : CA US US-?
+12125550142 | America/Toronto | | : America/New_York America/Toronto : CA US US-NY
+12125550142 | Canada/Eastern | | : America/New_York Canada/Eastern : CA US US-NY
+18005550142 | America/Toronto | | : America/Toronto : CA US US-?

# Other countries. Georgia is the state.
+12125550142 | America/Sao_Paulo | | : America/New_York America/Sao_Paulo : BR US US-NY
+12125550142 | Asia/Tel_Aviv | | : America/New_York Asia/Tel_Aviv : IL US US-NY
+12125550142 | | Israel | : America/New_York Asia/Jerusalem : IL US US-NY
+12125550142 | | mexico | : America/New_York MX : MX US US-NY
+12125550142 | | Georgia | : America/New_York : US US-GA US-NY
+12125550142 | | PW | : America/New_York PW : PW US US-NY

# Names without a country say when and not where, and narrow nothing.
+12125550142 | UTC | | : America/New_York UTC : US US-NY
+12125550142 | EST | | : America/New_York EST : US US-NY
+18005550142 | Etc/GMT+5 | | : * Etc/GMT+5 : US US-?

# As people write it.
+12125550142 | | F.L. | : America/Chicago America/New_York : US US-FL US-NY
+18005550142 | | N.Y. | : America/New_York : US US-NY
+18005550142 | | N. Y. | : America/New_York : US US-NY
+18005550142 | | New  York | : America/New_York : US US-NY
+18005550142 | | NY, | : America/New_York : US US-NY
+18005550142 | | D.C. | : America/New_York : US US-DC
+18005550142 | | Washington, DC | : America/New_York : US US-DC
+18005550142 | | washington d.c. | : America/New_York : US US-DC
+18005550142 | | Washington | : America/Los_Angeles : US US-WA
+18005550142 | | District  of Columbia | : America/New_York : US US-DC
+12125550142 | | New  Brunswick | : America/New_York CA : CA US US-NY
# A town says no state by itself, and two places are none.
+12125550142 | | Ontario, CA | : * : US US-? US-NY
+12125550142 | | Washington, Georgia | : * : US US-? US-NY

# What cannot be read may be anywhere in the US, unless something else tells where.
+12125550142 | | Florda | : * : US US-? US-NY
+12125550142 | | United States | : * : US US-? US-NY
+12125550142 | | | 00000 : * : US US-? US-NY
+12125550142 | | | SW1A 1AA : * : US US-? US-NY
+12125550142 | | Florda | 33101 : America/New_York : US US-? US-FL US-NY
+12125550142 | America/Chicago | Florda | : America/Chicago America/New_York : US US-? US-NY
+12125550142 | UTC | Florda | : * UTC : US US-? US-NY
+18005550142 | | Florda | : * : US US-?
# Mail for the military goes where nobody knows.
+12125550142 | | | 09012 : * : US US-? US-NY

# What people write for nothing.
+12125550142 | | N/A | - : America/New_York : US US-NY
+12125550142 | | Unknown | null : America/New_York : US US-NY

# Spreadsheets take zeros from ZIPs, and forms take the hyphen.
+12125550142 | | | 2138 : America/New_York : US US-MA US-NY
+12125550142 | | | 601 : America/New_York America/Puerto_Rico : US US-NY US-PR
+12125550142 | | | 900121234 : America/Los_Angeles America/New_York : US US-CA US-NY
+12125550142 | | | 90012-1234 : America/Los_Angeles America/New_York : US US-CA US-NY
+12125550142 | | | 2138-1234 : America/New_York : US US-MA US-NY

# Regions and postal codes of another country are not read, its people's zones are.
+919876543210 | | MH | 400001 : Asia/Kolkata : IN
+919876543210 | Asia/Calcutta | | : Asia/Calcutta Asia/Kolkata : IN
+972501234567 | | | : Asia/Jerusalem : IL
+919876543210 | America/New_York | | : America/New_York Asia/Kolkata : IN US US-?
+972501234567 | Europe/London | | : Asia/Jerusalem Europe/London : GB IL
+972501234567 | UTC | | : Asia/Jerusalem UTC : IL
+442079460000 | America/New_York | FL | 33101 : :
+14165550142 | | FL | : America/Toronto : CA
";

#[test]
fn every_source_adds_what_it_leaves_possible() {
    let mut seen = 0;
    for row in TOLD.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let [told, zones, laws] = row.split(':').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let [phone, zone, state, zip] = told.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let found = Places::of(
            &Phone::parse(phone, Region::US).unwrap(),
            Told {
                zone: some(zone).map(|zone| zone.parse().unwrap()),
                state: some(state),
                postal_code: some(zip),
            },
        );
        let zones: BTreeSet<Zone> = zones
            .split_whitespace()
            .flat_map(|word| match word {
                "*" => ANYWHERE.map(Zone).to_vec(),
                code if code.len() == 2 => countries::of(code).unwrap().zones.clone(),
                name => vec![Zone(name.parse().unwrap())],
            })
            .collect();
        assert_eq!(found.zones, zones, "{row}");
        let found_laws: Vec<&str> = found.jurisdictions.iter().map(Jurisdiction::as_str).collect();
        assert_eq!(found_laws.join(" "), laws, "{row}");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

fn doubts(phone: &str, told: Told<'_>) -> Vec<(&'static str, String)> {
    let places = Places::of(&Phone::parse(phone, Region::US).unwrap(), told);
    let doubts = places.doubts.iter();
    doubts.map(|doubt| (doubt.field, doubt.message())).collect()
}

#[test]
fn what_is_not_understood_or_has_no_law_is_said_with_what_follows() {
    let canada = "CA (Canada): no record says what is allowed there, so nothing is called";
    let anywhere = "is no place that is known here, so it may be anywhere in the US: the strictest US rules hold until it is \
                    corrected";
    let all_wrong = Told {
        zone: Some(chrono_tz::America::Sao_Paulo),
        state: Some(" Florda "),
        postal_code: Some("K1A 0B1"),
    };
    assert_eq!(
        doubts("+12125550142", all_wrong),
        [
            ("state", format!("`Florda` {anywhere}")),
            ("postal_code", format!("`K1A 0B1` is in {canada}")),
            (
                "timezone",
                format!(
                    "`America/Sao_Paulo` is in {}",
                    canada.replace("CA (Canada)", "BR (Brazil)")
                )
            ),
        ]
    );
    // Regions of another country are not read, and say nothing wrong; whoever has a record there may be called.
    let indian = Told {
        zone: Some(chrono_tz::America::New_York),
        state: Some("MH"),
        postal_code: Some("400001"),
    };
    assert_eq!(doubts("+919876543210", indian), []);
    let phone_in_a_wrong_column = Told {
        state: Some("(305) 555-0142"),
        postal_code: Some("n/a"),
        ..Told::default()
    };
    assert_eq!(
        doubts("+12125550142", phone_in_a_wrong_column),
        [("state", format!("`(…` {anywhere}"))]
    );
}
