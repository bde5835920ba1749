# /// script
# requires-python = ">=3.11"
# dependencies = ["phonenumbers==9.0.43", "tzdata==2026.6", "zipcodes==3.0.0"]
# ///
"""Writes prefixes.txt, zips.txt, states.txt and countries.txt beside this file: which places and time zones a number, a ZIP, a state, a
country or a time zone may mean.

    uv run generate.py

or, without uv:

    python3 -m venv .venv
    .venv/bin/pip install phonenumbers==9.0.43 tzdata==2026.6 zipcodes==3.0.0 && .venv/bin/python generate.py

A place that is not certain is a union: a call must be legal in all the zones and under all the laws of its line. Running this twice gives
the same bytes. Where it does not know, it stops; it does not guess.
"""

from collections import defaultdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import zipcodes
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.tzdata import TIMEZONE_DATA

HERE = Path(__file__).resolve().parent
PINNED = {"phonenumbers": "9.0.43", "tzdata": "2026.6", "zipcodes": "3.0.0"}

EASTERN, CENTRAL, MOUNTAIN, PACIFIC = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
PHOENIX, BOISE, DETROIT, MENOMINEE = "America/Phoenix", "America/Boise", "America/Detroit", "America/Menominee"
INDIANAPOLIS, KNOX, TELL_CITY, WINAMAC = (f"America/Indiana/{x}" for x in ("Indianapolis", "Knox", "Tell_City", "Winamac"))
SOUTH_INDIANA = tuple(f"America/Indiana/{x}" for x in ("Marengo", "Petersburg", "Tell_City", "Vevay", "Vincennes"))
LOUISVILLE, MONTICELLO = "America/Kentucky/Louisville", "America/Kentucky/Monticello"
NORTH_DAKOTA = tuple(f"America/North_Dakota/{x}" for x in ("Beulah", "Center", "New_Salem"))
ALASKA = tuple(f"America/{x}" for x in ("Adak", "Anchorage", "Juneau", "Metlakatla", "Nome", "Sitka", "Yakutat"))

# Zones of a whole state. After zone.tab of the tz database; the split states are marked. Indiana's counties at Louisville and Cincinnati
# keep the zones of those cities.
STATES = {
    "AK": ALASKA,  # split
    "AL": (CENTRAL,),
    "AR": (CENTRAL,),
    "AS": ("Pacific/Pago_Pago",),
    "AZ": (PHOENIX, MOUNTAIN),  # split: the Navajo Nation keeps daylight saving time
    "CA": (PACIFIC,),
    "CO": (MOUNTAIN,),
    "CT": (EASTERN,),
    "DC": (EASTERN,),
    "DE": (EASTERN,),
    "FL": (EASTERN, CENTRAL),  # split: the panhandle
    "GA": (EASTERN,),
    "GU": ("Pacific/Guam",),
    "HI": ("Pacific/Honolulu",),
    "IA": (CENTRAL,),
    "ID": (BOISE, PACIFIC),  # split: the north
    "IL": (CENTRAL,),
    "IN": (INDIANAPOLIS, KNOX, WINAMAC, *SOUTH_INDIANA, CENTRAL, EASTERN, LOUISVILLE),  # split
    "KS": (CENTRAL, MOUNTAIN),  # split: four western counties
    "KY": (EASTERN, LOUISVILLE, MONTICELLO, CENTRAL),  # split
    "LA": (CENTRAL,),
    "MA": (EASTERN,),
    "MD": (EASTERN,),
    "ME": (EASTERN,),
    "MI": (DETROIT, MENOMINEE),  # split: four counties of the Upper Peninsula
    "MN": (CENTRAL,),
    "MO": (CENTRAL,),
    "MP": ("Pacific/Saipan",),
    "MS": (CENTRAL,),
    "MT": (MOUNTAIN,),
    "NC": (EASTERN,),
    "ND": (CENTRAL, *NORTH_DAKOTA, MOUNTAIN),  # split: the west
    "NE": (CENTRAL, MOUNTAIN),  # split: the west
    "NH": (EASTERN,),
    "NJ": (EASTERN,),
    "NM": (MOUNTAIN,),
    "NV": (PACIFIC, MOUNTAIN),  # split: West Wendover and Jackpot
    "NY": (EASTERN,),
    "OH": (EASTERN,),
    "OK": (CENTRAL,),
    "OR": (PACIFIC, BOISE),  # split: Malheur County
    "PA": (EASTERN,),
    "PR": ("America/Puerto_Rico",),
    "RI": (EASTERN,),
    "SC": (EASTERN,),
    "SD": (CENTRAL, MOUNTAIN),  # split: the west
    "TN": (EASTERN, CENTRAL),  # split
    "TX": (CENTRAL, MOUNTAIN),  # split: El Paso and Hudspeth counties
    "UT": (MOUNTAIN,),
    "VA": (EASTERN,),
    "VI": ("America/St_Thomas",),
    "VT": (EASTERN,),
    "WA": (PACIFIC,),
    "WI": (CENTRAL,),
    "WV": (EASTERN,),
    "WY": (MOUNTAIN,),
}

# Where most people of a split state live: the zone of its area codes that are not in AREA_CODES.
MOST = {"AZ": PHOENIX, "FL": EASTERN, "ID": BOISE, "IN": INDIANAPOLIS, "KS": CENTRAL, "KY": EASTERN, "MI": DETROIT, "NE": CENTRAL,
        "NV": PACIFIC, "OR": PACIFIC, "TN": CENTRAL, "TX": CENTRAL}

# The zones of area codes in split states, over the whole area code. An overlay has the zones of the code that it overlays.
AREA_CODES = {
    "907": ALASKA,
    "928": (PHOENIX, MOUNTAIN),
    "850": (CENTRAL, EASTERN), "448": (CENTRAL, EASTERN),
    "689": (EASTERN,),  # Orlando, overlays 407; the package says Central
    "208": (BOISE, PACIFIC), "986": (BOISE, PACIFIC),
    "219": (CENTRAL, INDIANAPOLIS, KNOX, WINAMAC),
    "574": (CENTRAL, INDIANAPOLIS, KNOX, WINAMAC),
    "812": (CENTRAL, EASTERN, INDIANAPOLIS, LOUISVILLE, *SOUTH_INDIANA),
    "930": (CENTRAL, EASTERN, INDIANAPOLIS, LOUISVILLE, *SOUTH_INDIANA),
    "620": (CENTRAL, MOUNTAIN), "785": (CENTRAL, MOUNTAIN),
    "270": (CENTRAL, EASTERN, LOUISVILLE, MONTICELLO), "364": (CENTRAL, EASTERN, LOUISVILLE, MONTICELLO),
    "502": (EASTERN, LOUISVILLE),
    "606": (CENTRAL, EASTERN, MONTICELLO),
    "906": (DETROIT, MENOMINEE),
    "308": (CENTRAL, MOUNTAIN),
    "402": (CENTRAL, MOUNTAIN), "531": (CENTRAL, MOUNTAIN),  # the west of Cherry County
    "701": (CENTRAL, *NORTH_DAKOTA, MOUNTAIN),
    "775": (PACIFIC, MOUNTAIN),
    "541": (PACIFIC, BOISE), "458": (PACIFIC, BOISE),
    "605": (CENTRAL, MOUNTAIN),
    "423": (CENTRAL, EASTERN), "729": (CENTRAL, EASTERN),
    "865": (EASTERN,),
    "915": (CENTRAL, MOUNTAIN), "432": (CENTRAL, MOUNTAIN),
}

# Area codes in use that the package lacks, each an overlay: its state by the announcement of the commission that approved it.
NEW = {
    "357": "CA",  # 559, since 2025-03-26
    "436": "OH",  # 440, since 2024-03-01
    "457": "LA",  # 318, since 2025-09-25
    "465": "NY",  # 347, 718, 917 and 929, since June 2026
    "471": "MS",  # 662, since 2026-01-30
    "483": "AL",  # 334, since 2026-02-23
    "624": "NY",  # 716, since 2023-11-16
    "679": "MI",  # 313, since 2025-11-07
    "729": "TN",  # 423, since 2025-09-05
    "837": "CA",  # 530, since 2025-01-31
    "861": "IL",  # 309, since 2023-02-24
    "924": "MN",  # 507, planned for 2025
}

# Codes of the numbering plan outside the fifty states and Canada.
TERRITORIES = {"340": "VI", "670": "MP", "671": "GU", "684": "AS", "787": "PR", "939": "PR"}
COUNTRIES = {
    "242": "BS", "246": "BB", "264": "AI", "268": "AG", "284": "VG", "345": "KY", "441": "BM", "473": "GD", "649": "TC", "658": "JM",
    "664": "MS", "721": "SX", "758": "LC", "767": "DM", "784": "VC", "809": "DO", "829": "DO", "849": "DO", "868": "TT", "869": "KN",
    "876": "JM",
}
# Canadian codes that the package places elsewhere than the code they overlay (306 and 709).
CANADA = {"474": ("America/Regina",), "879": ("America/Halifax", "America/St_Johns")}

# Not a place: toll-free, personal, Canadian non-geographic, government and premium numbers.
NOWHERE = ["500", *(str(n) for n in range(521, 530)), "532", "533", "535", "538", "542", "543", "544", "545", "546", "547", "549", "550",
           "552", "553", "554", "556", "566", "569", "577", "578", "588", "589", "600", "622", "633", "644", "655", "677", "688", "700",
           "710", "800", "822", "833", "844", "855", "866", "877", "888", "900"]

ABROAD = {"91": ("IN", ("Asia/Kolkata",)), "972": ("IL", ("Asia/Jerusalem",))}

NAMES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO", "Connecticut": "CT",
    "Delaware": "DE", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA",
    "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI",
    "Minnesota": "MN", "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH",
    "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND", "Ohio": "OH",
    "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD",
    "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington State": "WA",
    "Washington D.C.": "DC", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}
PROVINCES = {
    "Alberta", "British Columbia", "British Colombia", "Manitoba", "New Brunswick", "Newfoundland and Labrador",
    "Northwest Territories/Nunavut/Yukon", "Nova Scotia/Prince Edward Island", "Ontario", "ON", "QC", "Quebec", "Saskatchewan",
}

# States of ZIPs that are not of the United States but have ZIPs: the freely associated states, under their own country codes.
ASSOCIATED = {"FM": ("Pacific/Chuuk", "Pacific/Kosrae", "Pacific/Pohnpei"), "MH": ("Pacific/Kwajalein", "Pacific/Majuro"),
              "PW": ("Pacific/Palau",)}
MILITARY = {"AA", "AE", "AP"}
# ZIP areas whose data lack a zone: Jackpot and West Wendover.
ZIP_ZONES = {"898": (MOUNTAIN,)}

# Names of zones that say when and not where: the world's time, fixed offsets, and abbreviations that several countries use.
PLACELESS = {"CET", "CST6CDT", "EET", "EST", "EST5EDT", "Factory", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "HST", "MET", "MST", "MST7MDT",
             "PST8PDT", "UCT", "UTC", "Universal", "WET", "Zulu"}
# Old names of zones whose clocks the tz database now takes from another country.
OLD_ZONES = {"Africa/Asmera": "ER", "Africa/Timbuktu": "ML", "America/Coral_Harbour": "CA", "Antarctica/South_Pole": "AQ",
             "Atlantic/Jan_Mayen": "SJ", "Iceland": "IS", "Pacific/Ponape": "FM", "Pacific/Truk": "FM", "Pacific/Yap": "FM"}
# What people write in the field of a state beside the names of countries. The first 26 are Canada's provinces and territories.
ALSO = {
    "CA": ("AB", "Alberta", "BC", "British Columbia", "MB", "Manitoba", "NB", "New Brunswick", "NL", "Newfoundland and Labrador", "NS",
           "Nova Scotia", "NT", "Northwest Territories", "NU", "Nunavut", "ON", "Ontario", "PE", "Prince Edward Island", "QC", "Quebec", "SK",
           "Saskatchewan", "YT", "Yukon", "Québec", "Newfoundland", "Labrador", "Yukon Territory", "NF", "PQ", "PEI"),
    "FM": ("FM", "Federated States of Micronesia"),
    "GB": ("UK", "United Kingdom", "Great Britain", "England", "Northern Ireland", "Scotland", "Wales"),
    "MH": ("MH",),
    "PW": ("PW",),
}


def package_zones(area_code):
    """All zones that the package gives to an area code or to any exchange in it."""
    return {zone for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith("1" + area_code) for zone in zones}


def package_state(area_code):
    """The state or province that the package gives to an area code, or to most exchanges of one that it only has in pieces."""
    whole = GEOCODE_DATA.get("1" + area_code)
    rows = [whole] if whole else [row for prefix, row in GEOCODE_DATA.items() if prefix.startswith("1" + area_code)]
    named = [row["en"].split(", ")[-1] for row in rows]
    return max(sorted(set(named)), key=named.count)


def place(area_code):
    """The jurisdiction and zones of an area code."""
    if area_code in TERRITORIES:
        return "US-" + TERRITORIES[area_code], STATES[TERRITORIES[area_code]]
    if area_code in COUNTRIES:
        return COUNTRIES[area_code], package_zones(area_code)
    if area_code in NEW:
        state = NEW[area_code]
    else:
        described = package_state(area_code)
        if described in PROVINCES:
            return "CA", CANADA.get(area_code) or package_zones(area_code)
        state = NAMES.get(described, described)
    if state not in STATES:
        raise SystemExit(f"area code {area_code}: no state is called {state}")
    if area_code in AREA_CODES:
        zones = AREA_CODES[area_code]
    elif len(STATES[state]) > 1:
        zones = (MOST[state],)
    else:
        zones = STATES[state]
        if area_code not in NEW and package_zones(area_code) != set(zones):
            raise SystemExit(f"area code {area_code}: the package says {package_zones(area_code)}, the state {zones}")
    if not set(zones) <= set(STATES[state]):
        raise SystemExit(f"area code {area_code}: {zones} are not all zones of {state}")
    return "US-" + state, zones


def prefixes():
    known = {p[1:4] for p in [*TIMEZONE_DATA, *GEOCODE_DATA] if p.startswith("1") and len(p) >= 4}
    stale = sorted(known & (set(NEW) | set(NOWHERE)))
    if stale:
        raise SystemExit(f"now in the package, take them out of the tables here: {stale}")
    for area_code in known | set(NEW):
        jurisdiction, zones = place(area_code)
        yield "1" + area_code, {jurisdiction}, zones
    for area_code in NOWHERE:
        yield "1" + area_code, {"?"}, ()
    for digits, (jurisdiction, zones) in ABROAD.items():
        yield digits, {jurisdiction}, zones


def zips():
    states, zones = defaultdict(set), defaultdict(set)
    for entry in zipcodes.list_all():
        area, state, zone = entry["zip_code"][:3], entry["state"], entry["timezone"]
        if state in MILITARY:
            states[area].add("?")
        elif state in ASSOCIATED:
            states[area].add(state)
            zones[area].update(ASSOCIATED[state])
        else:
            states[area].add("US-" + state)
            # A zone that the state does not have is a slip of the data: all zones of the state instead.
            zones[area].update((zone,) if zone in STATES[state] else STATES[state])
    for area, found in states.items():
        # Mail for the military goes where nobody knows.
        yield (area, {"?"}, ()) if "?" in found else (area, found, zones[area] | set(ZIP_ZONES.get(area, ())))


def tz_table(name):
    text = (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    return [row.split("\t") for row in text.splitlines() if row and not row.startswith("#")]


def countries():
    """Each country with its zones, the other names of these, and its own names."""
    # The territories of the United States have its federal law.
    united = {territory: "US" for territory in TERRITORIES.values()}
    of = {zone: united.get(code, code) for code, _, zone, *_ in tz_table("zone.tab")}
    zones, others = defaultdict(set), defaultdict(set)
    for zone, code in of.items():
        zones[code].add(zone)
    for (row,) in tz_table("tzdata.zi"):
        kind, *words = row.split(" ")
        if kind != "L" or words[1] in of or words[1] in PLACELESS or words[1].startswith("Etc/"):
            continue
        target, name = words
        if name in OLD_ZONES:
            others[OLD_ZONES[name]].add(name)
        elif target in of:
            others[of[target]].add(name)
        elif not target.startswith("Etc/"):
            raise SystemExit(f"zone {name}: {target} is in no country")
    for code, name in tz_table("iso3166.tab"):
        if code not in united:
            listed = (",".join(sorted(found[code])) or "-" for found in (zones, others))
            yield " ".join((code, *listed, "|".join((name, *ALSO.get(code, ())))))


def write(name, about, lines):
    head = "".join(f"# {line}".rstrip() + "\n" for line in about.strip().splitlines())
    (HERE / name).write_text(head + "".join(line + "\n" for line in sorted(lines)), encoding="utf-8", newline="\n")


def line(key, jurisdictions, zones):
    return f"{key} {','.join(sorted(jurisdictions))} {','.join(sorted(zones)) or '-'}"


def main():
    for package, pinned in PINNED.items():
        if version(package) != pinned:
            raise SystemExit(f"{package} is {version(package)}, not {pinned}")

    write("prefixes.txt", """
What a telephone number's first digits say of its place: digits after the plus, jurisdictions, time zones. `?` is no place, `-` no zone.
Numbers move with people: a line is every place and zone that the whole area code may mean, and none that is certain.
Not here: unknown.

Generated by generate.py in this folder (uv run generate.py); do not edit.
Source: PyPI phonenumbers 9.0.43, a port of Google's libphonenumber (its time zone and geocoding data), Apache License 2.0, changed:
exchanges joined to area codes, finer zones in states with several, newer area codes added. See NOTICE.
""", [line(*row) for row in prefixes()])

    write("zips.txt", """
What the first three digits of a ZIP say of its place: digits, jurisdictions, time zones. `?` is military mail, `-` no zone.
A line is every place and zone of the ZIPs that begin so. Not here: unknown.

Generated by generate.py in this folder (uv run generate.py); do not edit.
Source: PyPI zipcodes 3.0.0, MIT License, changed: joined to three digits, slips of zone mended. See NOTICE.
""", [line(*row) for row in zips()])

    write("states.txt", """
The time zones of each state, the District of Columbia and the territories. Some states have several: a call must be legal in all.

Generated by generate.py in this folder (uv run generate.py), from its own table; do not edit.
""", [f"US-{state} {','.join(sorted(zones))}" for state, zones in STATES.items()])

    write("countries.txt", """
Countries: code by ISO 3166-1, time zones, other names of these, and the country's names with what else people write for a place in it.
A name of a zone that is not here says when and not where. `-` is none. The United States are here with their territories.

Generated by generate.py in this folder (uv run generate.py); do not edit.
Source: zone.tab, iso3166.tab and the links of the tz database, which is in the public domain, by PyPI tzdata 2026.6; provinces, and other
names of countries, from a table in generate.py.
""", countries())


if __name__ == "__main__":
    main()
