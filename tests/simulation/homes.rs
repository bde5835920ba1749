//! Where the people of a world live, what was told of it, and what law allows with them as the judge knows it: by the
//! book's second reading, never by the functions.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use redial_tests::second_law::{Allowed, Known};
use serde_json::{Value, json};

use crate::calendar::Calendar;

/// A place with numbers of its own.
#[derive(Debug)]
pub(crate) struct Home {
    /// What its numbers begin with; four digits follow.
    prefix: &'static str,
    /// What is told of it with a lead.
    state: Option<&'static str>,
    zip: Option<&'static str>,
    zone: Option<&'static str>,
}

impl Home {
    const fn at(prefix: &'static str) -> Self {
        Self {
            prefix,
            state: None,
            zip: None,
            zone: None,
        }
    }

    const fn state(self, state: &'static str) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    const fn zip(self, zip: &'static str) -> Self {
        Self { zip: Some(zip), ..self }
    }

    const fn zone(self, zone: &'static str) -> Self {
        Self {
            zone: Some(zone),
            ..self
        }
    }

    fn allowed(&self) -> Option<Allowed> {
        Allowed::with(&Known {
            phone: &format!("{}0100", self.prefix),
            state: self.state,
            zip: self.zip,
            zone: self.zone.and_then(|zone| zone.parse::<Tz>().ok()),
        })
    }
}

/// Who lives where.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Live {
    /// Where law allows more than any plan of daytime hours: hours and caps are the plans' own.
    InMassachusetts,
    /// In these places in turn.
    In(&'static [Home]),
}

/// Massachusetts, whose nine area codes are one place.
const MASSACHUSETTS: [Home; 1] = [Home::at("+1")];
const AREAS: [u64; 9] = [617, 413, 508, 774, 781, 857, 978, 339, 351];

/// Every second one in Massachusetts, the others wherever law is another: hours, Sundays, zones, caps, and nothing.
pub(crate) const ALL_OVER: [Home; 22] = [
    Home::at("+1617555"),
    // Florida: three calls in 24 hours.
    Home::at("+1305555"),
    Home::at("+1413555"),
    Home::at("+1213555"),
    Home::at("+1508555"),
    // Arizona and the Navajo Nation: the one has no summer time, the other has.
    Home::at("+1928555"),
    Home::at("+1774555"),
    // A number of Massachusetts, and a person in California.
    Home::at("+1339555").state("California"),
    Home::at("+1781555"),
    // Rhode Island: until six, and no Sunday.
    Home::at("+1401555"),
    Home::at("+1857555"),
    // Indiana, of which one corner has Chicago's time.
    Home::at("+1219555"),
    Home::at("+1978555"),
    // Toll-free, somewhere on New York's time: ten to six, three calls in 24 hours.
    Home::at("+1833555").zone("America/New_York"),
    Home::at("+1212555"),
    // No law is known: never.
    Home::at("+44207946"),
    Home::at("+1351555"),
    // Nevada: nobody is called again who ended a call.
    Home::at("+1702555"),
    // Florida on both sides of a zone's border.
    Home::at("+1850555"),
    Home::at("+1808555"),
    // Toll-free, and nothing told: what is legal in all fifty states.
    Home::at("+1800555"),
    // A number of New York, and a ZIP of Florida.
    Home::at("+1646555").zip("33101"),
];

/// Where law counts the calls of any 24 hours, by number or by what was told.
pub(crate) const COUNTED: [Home; 8] = [
    Home::at("+1305555"),
    Home::at("+1405555"),
    Home::at("+1301555"),
    // Oregon counts them whatever they are about.
    Home::at("+1503555"),
    Home::at("+1850555"),
    Home::at("+1339555").state("FL"),
    Home::at("+1646555").zip("33101-0142"),
    Home::at("+1833555").zone("America/Chicago"),
];

/// Where Sundays are called and clocks change, or do not, or do for some.
pub(crate) const AROUND_THE_CHANGE: [Home; 8] = [
    Home::at("+1617555"),
    Home::at("+1305555"),
    Home::at("+1850555"),
    Home::at("+1505555"),
    // New Mexico, where the Navajo Nation begins, and somebody on Arizona's time.
    Home::at("+1575555").zone("America/Phoenix"),
    Home::at("+1928555"),
    Home::at("+1602555"),
    // A number of New York, and a person in Illinois.
    Home::at("+1646555").state("Illinois"),
];

/// Somebody with a phone. The numbers belong to nobody.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) phone: String,
    home: &'static Home,
}

impl Person {
    /// What the API is told of them.
    pub(crate) fn body(&self, campaign: &str) -> Value {
        let mut body = json!({ "phone": self.phone, "campaign_id": campaign, "first_name": "Sim" });
        let told = [
            ("state", self.home.state),
            ("zip", self.home.zip),
            ("timezone", self.home.zone),
        ];
        for (name, told) in told {
            if let Some(told) = told {
                body[name] = json!(told);
            }
        }
        body
    }
}

/// A place, what law allows there, and the minutes of each campaign that it leaves.
#[derive(Debug)]
struct Place {
    home: &'static Home,
    allowed: Option<Allowed>,
    lawful: Vec<Calendar>,
}

/// The places of a world.
#[derive(Debug)]
pub(crate) struct Homes {
    live: Live,
    places: Vec<Place>,
}

impl Homes {
    /// With the calendars of the campaigns, in the order of the plans.
    pub(crate) fn new(live: Live, calendars: &[Calendar]) -> Self {
        let homes = match live {
            Live::InMassachusetts => &MASSACHUSETTS,
            Live::In(homes) => homes,
        };
        let place = |home: &'static Home| {
            let allowed = match live {
                Live::InMassachusetts => Home::at("+1617555").allowed(),
                Live::In(_) => home.allowed(),
            };
            let lawful = calendars.iter().map(|calendar| calendar.lawful(allowed.as_ref()));
            Place {
                home,
                lawful: lawful.collect(),
                allowed,
            }
        };
        Self {
            live,
            places: homes.iter().map(place).collect(),
        }
    }

    /// The n-th person.
    pub(crate) fn person(&self, n: u64) -> Person {
        let index = |n: u64, of: usize| usize::try_from(n).unwrap_or_default() % of;
        match self.live {
            Live::InMassachusetts => Person {
                phone: format!("+1{}555{:04}", AREAS[index(n / 100, AREAS.len())], 100 + n % 100),
                home: &MASSACHUSETTS[0],
            },
            Live::In(homes) => {
                let home = &homes[index(n, homes.len())];
                Person {
                    phone: format!("{}{:04}", home.prefix, 100 + n / homes.len() as u64),
                    home,
                }
            }
        }
    }

    fn place(&self, phone: &str) -> Option<&Place> {
        self.places.iter().find(|place| phone.starts_with(place.home.prefix))
    }

    /// What law allows with a phone; none where no law is known.
    pub(crate) fn allowed(&self, phone: &str) -> Option<&Allowed> {
        self.place(phone)?.allowed.as_ref()
    }

    /// When a campaign may call a phone.
    pub(crate) fn lawful(&self, campaign: usize, phone: &str) -> Option<&Calendar> {
        self.place(phone)?.lawful.get(campaign)
    }

    /// Whether anybody may be called.
    pub(crate) fn is_anybody_open(&self, at: DateTime<Utc>) -> bool {
        let mut all = self.places.iter().flat_map(|place| &place.lawful);
        all.any(|calendar| calendar.is_open(at))
    }
}
