#!/usr/bin/python3
"""What a policy's data comes to, from its JSON alone: the shipped profiles, and tests/vectors/policies.jsonl.

    policies.py              holds every line of the vectors against this reading of the profiles
    policies.py --digests    prints the digest of each profile

A line asks one thing of one profile, or of a policy that the line has whole: its "digest" under a state root; until when adverse data is "shown" that "began" on a day and
"ended" on one (null: it lasts); when the answer to a dispute that was "opened" on a day is "due", with and without its extension,
and what is the duty where it could not be confirmed; whether a "purpose" or a role's legal "basis" is "allowed".
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import struct
import sys
from typing import Any

from credit_model import Policy

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "vectors", "policies.jsonl")
PURPOSES = ("CREDIT_DECISION", "ACCOUNT_REVIEW", "GUARANTEE", "COLLECTION", "EMPLOYMENT", "SUBJECT_REQUEST")
BASES = ("COURT_ORDER", "SUPERVISION", "STATUTE")
ROLES = ("lender", "bureau", "regulator", "operator")
CURRENCIES = {"CNY": 156, "USD": 840, "TWD": 901}
TAG_POLICY = 0x15
FOREVER = 2**64 - 1


def read(name: str) -> dict[str, Any]:
    with open(os.path.join(HERE, "..", "..", "tools", "policies", f"{name}.json"), encoding="ascii") as file:
        return json.load(file)


def as_set(names: list[str], of: tuple[str, ...]) -> int:
    return sum(1 << of.index(name) for name in names)


def rules(name: str) -> Policy:
    """What the rules read of a profile, as the model has it."""
    policy = read(name)
    lending, access = policy["reservations"], policy["access"]
    return Policy(
        live_reservations_max=lending["live_max"], lenders_max=lending["lenders_max"], accounts_max=lending["accounts_max"],
        cooling_off_days=lending["cooling_off_days"],
        amount_caps={CURRENCIES[cap["currency"]]: cap["amount_minor"] for cap in lending["amount_caps"]},
        reservation_life_ms_max=lending["life_ms_max"], authorization_from_ms=lending["authorization_from_ms"],
        purposes=as_set(access["purposes"], PURPOSES),
        legal_bases={role.upper(): as_set(access["legal_bases"][role], BASES) for role in ROLES[:3]},
        answer_ttl_ms=access["answer_ttl_ms"])


def digest(policy: dict[str, Any]) -> str:
    """The fields in the order that proto/codec/policy.h gives them."""
    lending, access = policy["reservations"], policy["access"]
    name = policy["name"].encode("ascii")
    caps = sorted((CURRENCIES[cap["currency"]], cap["amount_minor"]) for cap in lending["amount_caps"])
    until = lending["authorization_from_ms"]
    out = bytes([TAG_POLICY]) + struct.pack(">I", len(name)) + name
    out += struct.pack(">6I", policy["version"], lending["live_max"], lending["lenders_max"], lending["accounts_max"],
                       lending["cooling_off_days"], len(caps))
    out += b"".join(struct.pack(">Iq", *cap) for cap in caps)
    out += struct.pack(">QQI", lending["life_ms_max"], FOREVER if until is None else until, as_set(access["purposes"], PURPOSES))
    out += struct.pack(">5I", 0, *(as_set(access["legal_bases"][role], BASES) for role in ROLES))
    out += struct.pack(">Q", access["answer_ttl_ms"])
    out += struct.pack(">5I", 1 + ("END", "FIRST_DELINQUENCY").index(policy["retention"]["from"]), policy["retention"]["years"],
                       1 + ("KEEP", "DELETE").index(policy["disputes"]["unverifiable"]), policy["disputes"]["days"],
                       policy["disputes"]["extension_days"])
    return hashlib.sha256(out).hexdigest()


def years_after(day: str, years: int) -> str:
    start = datetime.date.fromisoformat(day)
    if start.year + years > datetime.MAXYEAR:
        return datetime.date.max.isoformat()
    try:
        return start.replace(year=start.year + years).isoformat()
    except ValueError:  # a 29 February
        return start.replace(year=start.year + years, day=28).isoformat()


def days_after(day: str, days: int) -> str:
    start = datetime.date.fromisoformat(day)
    left = (datetime.date.max - start).days
    return (start + datetime.timedelta(days=min(days, left))).isoformat()


def answer(line: dict[str, Any]) -> dict[str, Any]:
    """The line as it should be."""
    policy = line.get("whole") or read(line["policy"])
    if "digest" in line:
        return {**line, "digest": digest(policy)}
    if "began" in line:
        start = line["ended"] if policy["retention"]["from"] == "END" else line["began"]
        return {**line, "shown": None if start is None else years_after(start, policy["retention"]["years"])}
    if "opened" in line:
        disputes = policy["disputes"]
        return {**line, "due": days_after(line["opened"], disputes["days"]),
                "due_extended": days_after(line["opened"], disputes["days"] + disputes["extension_days"]),
                "unverifiable": disputes["unverifiable"]}
    if "purpose" in line:
        return {**line, "allowed": line["purpose"] in policy["access"]["purposes"]}
    return {**line, "allowed": line["basis"] in policy["access"]["legal_bases"][line["role"]]}


def main() -> int:
    if sys.argv[1:] == ["--digests"]:
        for name in ("cn", "us", "dev"):
            print(json.dumps({"policy": name, "digest": digest(read(name))}))
        return 0
    with open(VECTORS, encoding="ascii") as file:
        lines = [json.loads(line) for line in file]
    wrong = [line for line in lines if answer(line) != line]
    for line in wrong:
        print(f"{json.dumps(line)} should be {json.dumps(answer(line))}")
    print(f"{len(lines)} lines, {len(wrong)} wrong")
    return 1 if wrong or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
