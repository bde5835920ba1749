"""A file of leads read as the campaign tool before this one describes it: pandas for the file, a pydantic model for each row."""

import json
import re
import resource
import sys
import time
from typing import Optional

import pandas as pd
from pydantic import BaseModel, ValidationError, field_validator

SOURCES = {"website", "referral", "advertisement", "partner"}
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
REQUIRED = ["name", "phone", "property_type", "location"]


class LeadCSVRow(BaseModel):
    name: str
    phone: str
    email: Optional[str] = None
    property_type: str
    location: str
    budget: Optional[float] = None
    source: Optional[str] = None
    tags: Optional[str] = None

    @field_validator("name", "location")
    @classmethod
    def not_empty(cls, value):
        if not value.strip():
            raise ValueError("must not be empty")
        return value.strip()

    @field_validator("phone")
    @classmethod
    def normalize_phone(cls, value):
        digits = re.sub(r"\D", "", value)
        if len(digits) == 10:
            return "+91" + digits
        if len(digits) == 12 and digits.startswith("91"):
            return "+" + digits
        raise ValueError("Invalid phone number")

    @field_validator("email")
    @classmethod
    def check_email(cls, value):
        if value and not EMAIL.match(value):
            raise ValueError("Invalid email")
        return value.lower() if value else None

    @field_validator("property_type")
    @classmethod
    def upper(cls, value):
        if not value.strip():
            raise ValueError("must not be empty")
        return value.upper()

    @field_validator("budget")
    @classmethod
    def positive(cls, value):
        if value is not None and value <= 0:
            raise ValueError("Budget must be positive")
        return value

    @field_validator("source")
    @classmethod
    def known(cls, value):
        if value and value.lower() not in SOURCES:
            raise ValueError("Invalid source")
        return value.lower() if value else None


def parse(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise ValueError(f"Missing columns: {missing}")
    valid, errors, duplicates, seen = [], [], 0, set()
    for index, row in frame.iterrows():
        try:
            cells = {name: (value if value != "" or name in REQUIRED else None) for name, value in row.to_dict().items()}
            lead = LeadCSVRow(**cells)
        except ValidationError as error:
            for fault in error.errors():
                errors.append({"row": str(index + 2), "phone": row["phone"], "error": fault["msg"]})
            continue
        if lead.phone in seen:
            duplicates += 1
            continue
        seen.add(lead.phone)
        valid.append(lead)
    return len(frame), len(valid), duplicates


begun = time.perf_counter()
rows, valid, duplicates = parse(sys.argv[1])
took = time.perf_counter() - begun
print(json.dumps({
    "rows": rows,
    "valid": valid,
    "duplicate": duplicates,
    "seconds": took,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
