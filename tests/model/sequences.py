#!/usr/bin/python3
"""Random sequences of credit events, each ruled on by the reference model, from one seed.

    sequences.py --seed 7 --steps 1000000                 runs the model and prints what was reached
    sequences.py --seed 7 --steps 100000 --out FILE       writes every step too, as lines of JSON ("-" is the terminal)

The lines come in worlds, each with an empty state:

    {"world": 0, "seed": 7, "policy": {...}, "members": {"1": "LENDER", ...}}
    {"block_time_ms": ..., "event_id": 1, "type": "ACCOUNT_OPEN", ..., "expect": {"result": "OK", "detail": null, "state": "OPEN"}}
    {"final": {...}, "block_time_ms": ...}                the whole state after the world's last step

A field that is absent is zero, or not given. event_id, and every field that names an event, is a number: the player maps it to
the digest of the header that it built for that number on an earlier line, 0 to zero bytes, and a number from 10^9 on to a digest
that no event has. One event_id on two lines is one event sent twice; two event_ids are two events even when all else is equal
(their body commitments differ). `state` is the account's afterwards.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import Any, Callable, Optional, Sequence, TextIO, TypeVar

from credit_model import (ACCOUNT_TYPES, ALLOWED_STATES, BUREAU, CHARGED_OFF, CLOSED, DAY_MS, EARLY_RESULTS, FROZEN, INSTALMENT,
                          ITEM_TYPES, LENDER, LIFE_TYPES, MONTHS_MAX, NONE, OPEN, OPERATOR, REGULATOR, RESULTS, REVOLVING, SETTLED,
                          STATES, TRANSFERRED, VOID, Account, Event, Policy, Subject, Verdict, World, is_live)

T = TypeVar("T")

PHANTOM = 1_000_000_000
# As in tests/unit/rules_world.h.
MEMBERS = {1: LENDER, 2: BUREAU, 3: REGULATOR, 4: OPERATOR, 5: LENDER, 6: LENDER}
STRANGER = 9  # a member the network does not have
REGULATOR_ID, OPERATOR_ID, BUREAU_ID = 3, 4, 2
FURNISHING = (1, 5, 6, 2)
ASKING = (1, 5, 6, 2, 3)
SUBJECTS = (1, 2, 3)
CURRENCIES = (156, 901)
HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000
INT64_MAX = 2**63 - 1
UINT32_MAX = 2**32 - 1

# What a world may have so many of that a file reaches its bound.
CROWDS = ("ACCOUNT_OPEN", "RESERVE", "CONSENT_GRANT", "DISPUTE_OPEN", "STATUS")

# What a furnisher would plausibly send of an account in each state.
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    NONE: ("ACCOUNT_OPEN",),
    OPEN: ("DISBURSE", "PERIOD_REPORT", "PERIOD_REPORT", "PAYMENT", "LIMIT_CHANGE", "STATUS", "STATUS", "CHARGE_OFF", "CHARGE_OFF",
           "TRANSFER", "TRANSFER", "CLOSE", "CORRECT", "RETRACT", "RETRACT"),
    FROZEN: ("PERIOD_REPORT", "PAYMENT", "DISBURSE", "LIMIT_CHANGE", "STATUS", "CHARGE_OFF", "TRANSFER", "CLOSE", "CORRECT",
             "RETRACT"),
    CHARGED_OFF: ("RECOVERY", "RECOVERY", "PAYMENT", "PERIOD_REPORT", "TRANSFER", "CLOSE", "CORRECT", "RETRACT"),
    CLOSED: ("CORRECT", "RETRACT"),
    SETTLED: ("CORRECT", "RETRACT"),
    TRANSFERRED: ("CORRECT", "RETRACT"),
    VOID: ("CORRECT", "RETRACT"),
}
ITEM_WEIGHTS = ("RESERVE",) * 5 + ("RESERVE_CANCEL",) * 2 + ("CONSENT_GRANT",) * 3 + ("CONSENT_REVOKE",) * 2 + ("INQUIRY",) * 7 + \
    ("DISPUTE_OPEN",) * 3 + ("DISPUTE_ANSWER",) * 2 + ("DISPUTE_CLOSE",) * 2 + ("STATEMENT",) * 2

# The situations each item type must meet, as `situation_of_item` names them.
TARGETS = ("unknown", "item") + STATES[1:]
DISPUTES = ("unknown", "open", "closed")
ITEM_SITUATIONS: dict[str, tuple[str, ...]] = {
    "RESERVE": ("no account", "active account", "only ended accounts"),
    "RESERVE_CANCEL": ("unknown", "gone", "expired", "live"),
    "CONSENT_GRANT": ("-",),
    "CONSENT_REVOKE": ("unknown", "revoked", "used up", "in force"),
    "INQUIRY": ("legal basis", "unknown", "revoked", "used up", "another grantee", "another purpose", "early", "late", "in force"),
    "DISPUTE_OPEN": TARGETS,
    "STATEMENT": ("no target",) + TARGETS,
    "DISPUTE_ANSWER": DISPUTES,
    "DISPUTE_CLOSE": DISPUTES,
}


def situation_of_target(event: Event, subject: Subject) -> str:
    """The state of the account that a disputed event belongs to."""
    if event.target not in subject.authors:
        return "unknown" if event.target else "no target"
    for account in subject.accounts:
        if event.target in account.versions:
            return account.state
    return "item"


def situation_of_consent(event: Event, subject: Subject, now_ms: int) -> str:
    """The first thing that is wrong with a consent."""
    consent = subject.consents.get(event.consent)
    if consent is None:
        return "unknown"
    if consent.revoked:
        return "revoked"
    if consent.uses_left == 0:
        return "used up"
    if event.type == "CONSENT_REVOKE":
        return "in force"
    if consent.event.grantee != event.member_id:
        return "another grantee"
    if not consent.event.purposes >> (event.purpose - 1) & 1:
        return "another purpose"
    day = now_ms // DAY_MS
    return "early" if day < consent.event.valid_from else "late" if day > consent.event.valid_until else "in force"


def situation_of_item(event: Event, world: World, now_ms: int) -> str:
    """What an event without an account meets."""
    subject = world.subjects[event.subject]
    if event.type in ("DISPUTE_OPEN", "STATEMENT"):
        return situation_of_target(event, subject)
    if event.type in ("DISPUTE_ANSWER", "DISPUTE_CLOSE"):
        dispute = subject.disputes.get(event.dispute)
        return "unknown" if not dispute else "closed" if dispute.closed else "open"
    if event.type == "RESERVE":
        return "no account" if not subject.accounts else \
            "active account" if subject.active_accounts() else "only ended accounts"
    if event.type == "RESERVE_CANCEL":
        reservation = subject.reservations.get(event.reservation)
        if reservation is None:
            return "gone" if event.reservation in subject.authors else "unknown"
        return "live" if is_live(reservation, now_ms) else "expired"
    if event.type == "CONSENT_GRANT":
        return "-"
    return "legal basis" if event.type == "INQUIRY" and not event.consent else situation_of_consent(event, subject, now_ms)


def situation(event: Event, world: World, now_ms: int) -> str:
    """What an event meets: the state of its account, or of the thing it is about."""
    if event.type in ALLOWED_STATES:
        account = world.accounts.get((event.member_id, event.account_ref))
        return account.state if account else NONE
    return situation_of_item(event, world, now_ms)


class Coverage:
    """What a run reached."""

    def __init__(self) -> None:
        self.steps = 0
        self.met: Counter[tuple[str, str, str]] = Counter()
        self.results: Counter[str] = Counter()
        self.caps: Counter[str] = Counter()

    def note(self, event: Event, met: str, verdict: Verdict) -> None:
        """Counts one step."""
        result = verdict[0]
        self.steps += 1
        self.results[result] += 1
        if result not in EARLY_RESULTS:
            self.met[event.type, met, result] += 1
        if result == "REFUSED_CAP" and verdict[1]:
            self.caps[verdict[1]["reason"]] += 1

    def pairs(self) -> dict[tuple[str, str], int]:
        """How often each type's own rule met each situation, with the pairs that never happened."""
        wanted = [(kind, state) for kind in ACCOUNT_TYPES for state in STATES] + \
            [(kind, met) for kind in ITEM_TYPES for met in ITEM_SITUATIONS[kind]]
        pairs = dict.fromkeys(wanted, 0)
        for (kind, met, _), count in self.met.items():
            pairs[kind, met] = pairs.get((kind, met), 0) + count
        return pairs

    def report(self, out: TextIO, full: bool) -> None:
        """Prints the counts; with `full` each cell as well."""
        pairs = self.pairs()
        missing = sorted(pair for pair, count in pairs.items() if count == 0)
        rarest = min(pairs, key=lambda pair: pairs[pair])
        print(f"pairs: {len(pairs) - len(missing)} of {len(pairs)}, rarest {rarest} {pairs[rarest]}, missing {missing}", file=out)
        print("results: " + ", ".join(f"{name} {self.results[name]}" for name in RESULTS), file=out)
        print("caps: " + ", ".join(f"{name} {count}" for name, count in sorted(self.caps.items())), file=out)
        if full:
            for (kind, met, result), count in sorted(self.met.items()):
                print(f"  {kind:15} {met:20} {result:23} {count}", file=out)


class Generator:
    """Makes events that are mostly plausible in the state they meet, and spoils some of them in one place."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed).random
        self._spoilers: tuple[Callable[[Event], None], ...] = (
            self._spoil_seq, self._spoil_seq, self._spoil_prev, self._spoil_subject, self._spoil_member, self._spoil_date)
        self._makers: dict[str, Callable[[Event], None]] = {
            "RESERVE": self._make_reserve, "RESERVE_CANCEL": self._make_reserve_cancel, "CONSENT_GRANT": self._make_grant,
            "CONSENT_REVOKE": self._make_revoke, "INQUIRY": self._make_inquiry, "DISPUTE_OPEN": self._make_on_target,
            "STATEMENT": self._make_on_target, "DISPUTE_ANSWER": self._make_on_dispute, "DISPUTE_CLOSE": self._make_on_dispute}
        self.begin()

    def begin(self) -> int:
        """An empty world under another policy, and how many steps to make in it: 50 to 500, or more where a file is to fill."""
        self.world = World(self._policy(), MEMBERS)
        self.now_ms = START_MS + self.below(30 * DAY_MS)
        self.refs = 1 + self.below(6)
        self.crowd = self.pick(CROWDS) if self.chance() < 0.05 else ""
        self.count = 0
        self.sent: list[Event] = []
        self.made: dict[tuple[str, int], list[Event]] = {(kind, subject): [] for kind in ACCOUNT_TYPES + ITEM_TYPES
                                                         for subject in SUBJECTS}
        return 50 + self.below(450) + (300 if self.crowd else 0)

    def below(self, bound: int) -> int:
        """A number from 0 up to, not including, bound."""
        return int(self.chance() * bound)

    def pick(self, choices: Sequence[T]) -> T:
        """One of them, each as likely."""
        return choices[int(self.chance() * len(choices))]

    def _policy(self) -> Policy:
        cap: Callable[[int], int] = lambda most: 1 + self.below(most) if self.chance() < 0.4 else 0
        return Policy(
            live_reservations_max=cap(3), lenders_max=cap(3), accounts_max=cap(5),
            amount_caps={156: 100 * (1 + self.below(20))} if self.chance() < 0.4 else {},
            cooling_off_days=self.below(4) if self.chance() < 0.3 else 0,
            reservation_life_ms_max=DAY_MS if self.chance() < 0.8 else HOUR_MS,
            authorization_from_ms=START_MS + self.below(40 * DAY_MS) if self.chance() < 0.4 else None,
            purposes=0b111111 if self.chance() < 0.8 else 1 + self.below(63),
            legal_bases={role: self.below(8) for role in (LENDER, BUREAU, REGULATOR)},
            answer_ttl_ms=self.pick((60_000, HOUR_MS, DAY_MS)))

    # ---- a step

    def next(self) -> Event:
        """The next event to send, at `now_ms`."""
        self._pass_time()
        if self.sent and self.chance() < 0.06:
            return self.pick(self.sent)
        self.count += 1
        age = self.below(40) if self.chance() < 0.7 else 0
        event = Event(event_id=self.count, type="", member_id=0, subject=0, event_date=self.now_ms // DAY_MS - age)
        if self.crowd and self.chance() < 0.9:
            self._make_crowding(event)
        elif self.chance() < 0.6:
            self._make_account_event(event)
            if self.chance() < 0.15:
                self.pick(self._spoilers)(event)
        else:
            self._make_item_event(event)
        return event

    def keep(self, event: Event) -> None:
        """Remembers an event that was sent, so that later ones can name it."""
        if not self.sent or self.sent[-1].event_id < event.event_id:
            self.sent.append(event)
            self.made[event.type, event.subject].append(event)

    def _pass_time(self) -> None:
        luck = self.chance()
        if self.crowd and luck > 0.01:
            return
        if luck < 0.02:
            self.now_ms = max(self.now_ms, self.pick(self._moments()))
        elif luck > 0.5:
            span = 20_000 if luck < 0.85 else HOUR_MS if luck < 0.95 else 12 * HOUR_MS if luck < 0.985 else 3 * DAY_MS
            self.now_ms += self.below(span)

    def _moments(self) -> list[int]:
        """The first millisecond, or the last, of days, windows and reservations."""
        policy, midnight = self.world.policy, (self.now_ms // DAY_MS + 1) * DAY_MS
        expiries = [event.expires_ms for event in self.made["RESERVE", self.pick(SUBJECTS)][-3:]]
        return [midnight - 1, midnight, policy.authorization_from_ms or midnight] + expiries

    def _furnisher(self) -> int:
        return self.pick((REGULATOR_ID, OPERATOR_ID)) if self.chance() < 0.02 else self.pick(FURNISHING)

    # ---- filling one subject's file to a bound

    def _make_turn(self, event: Event) -> None:
        """Freezes and opens one account, a dozen times, and then takes as many changes of state back."""
        event.account_ref = 1
        account = self.world.accounts.get((event.member_id, 1))
        if account is None:
            event.type = "ACCOUNT_OPEN"
            self._make_open(event)
            event.account_type = REVOLVING
            return
        changes = [one for one in account.entries if one.event.type in LIFE_TYPES and not one.retracted]
        event.subject, event.account_seq, event.account_prev = account.opening.subject, len(account.chain), account.chain[-1]
        event.reason = 1
        if self.count // 12 % 2 and changes:
            event.type, event.target = "RETRACT", changes[-1].versions[-1]
        else:
            event.type, event.new_state = "STATUS", 2 if account.state == OPEN else 1

    def _make_crowding(self, event: Event) -> None:
        event.type, event.subject, event.member_id = self.crowd, SUBJECTS[0], FURNISHING[0]
        if self.crowd == "STATUS":
            self._make_turn(event)
            return
        if self.crowd == "ACCOUNT_OPEN":
            event.account_ref = PHANTOM + event.event_id
            event.member_id = self.pick(FURNISHING)
            self._make_open(event)
            return
        event.item_id = self.count
        self._makers[event.type](event)
        event.subject = SUBJECTS[0]

    # ---- account events

    def _make_account_event(self, event: Event) -> None:
        event.member_id = self._furnisher()
        event.account_ref = 1 + self.below(self.refs)
        account = self.world.accounts.get((event.member_id, event.account_ref))
        state = account.state if account else NONE
        event.type = self.pick(PLAUSIBLE[state] if self.chance() < 0.7 else ACCOUNT_TYPES)
        if account:
            event.subject = account.opening.subject
            event.account_seq = len(account.chain)
            event.account_prev = account.chain[-1]
        else:
            event.subject = self.pick(SUBJECTS)
        self._make_account_fields(event, account)

    def _make_account_fields(self, event: Event, account: Optional[Account]) -> None:
        if event.type == "ACCOUNT_OPEN":
            self._make_open(event)
        elif event.type == "PERIOD_REPORT":
            event.period = self._period()
        elif event.type == "STATUS":
            event.new_state = 1 + (self.chance() < (0.8 if account and account.state == OPEN else 0.5))
            event.reason = 1 + self.below(7)
        elif event.type == "TRANSFER":
            event.transferee = self.pick(FURNISHING) if self.chance() < 0.95 else self.pick((REGULATOR_ID, STRANGER))
        elif event.type == "CLOSE":
            event.close_kind = 1 + self.below(4)
        elif event.type in ("CORRECT", "RETRACT"):
            event.reason = 1 + self.below(7)
            event.target = self._remedy_target(event, account)
            if self.chance() < 0.15:
                event.dispute = self._any_id("DISPUTE_OPEN", event.subject)

    def _period(self) -> int:
        """One of four months, or one about as far from them as an account's reports may reach."""
        month = 2024 * 12 + self.below(4)
        if self.chance() < 0.03:
            month += self.pick((-1, 1)) * (MONTHS_MAX - 3 + self.below(5))
        return month // 12 * 100 + month % 12 + 1

    def _remedy_target(self, event: Event, account: Optional[Account]) -> int:
        luck = self.chance()
        if account is None or luck < 0.04:
            return self.pick(self.sent).event_id if self.sent and luck < 0.02 else PHANTOM + event.event_id
        if luck < 0.35 and account.life:
            return account.life[-1][0].versions[-1]
        if luck < 0.5:
            return self.pick(account.chain)
        return (account.entries[0] if luck < 0.55 else self.pick(account.entries)).versions[-1]

    def _make_open(self, event: Event) -> None:
        event.account_type = self.pick((INSTALMENT, REVOLVING))
        event.product = self.below(3)
        event.currency = self.pick(CURRENCIES)
        if self.chance() < 0.5:
            event.amount_minor = self._amount()
        subject = self.world.subjects[event.subject]
        moved = [number for number, account in subject.transfers.items()
                 if account.life[-1][0].event.transferee == event.member_id or self.chance() < 0.1]
        if moved and self.chance() < 0.8:
            event.transfer_of = self.pick(moved)
            if self.chance() < 0.85:
                event.currency = subject.transfers[event.transfer_of].opening.currency
        elif self.chance() < 0.05:
            event.transfer_of = self._any_id("TRANSFER", event.subject)
        if not event.transfer_of or self.chance() < 0.05:
            self._authorize(event, subject)

    def _authorize(self, event: Event, subject: Subject) -> None:
        own = [one for one in subject.reservations.values() if one.member_id == event.member_id and is_live(one, self.now_ms)]
        if not own or self.chance() < 0.2:
            if self.chance() < 0.3:
                event.authorization = self._any_id("RESERVE", event.subject)
            return
        reserved = self.pick(own)
        event.authorization = reserved.event_id
        if self.chance() < 0.9:
            event.account_type, event.currency = reserved.account_type, reserved.currency
        if reserved.amount_minor is not None and self.chance() < 0.9:
            event.amount_minor = min(reserved.amount_minor + self.pick((-1, 0, 0, 1)), INT64_MAX)
            event.amount_minor = max(event.amount_minor, 0)

    def _amount(self) -> int:
        return self.pick((0, 1, INT64_MAX)) if self.chance() < 0.05 else 50 * self.below(20)

    def _any_id(self, kind: str, subject: int) -> int:
        """The id of an event of that type, most often about that subject; or of none."""
        made = self.made[kind, subject if self.chance() < 0.95 else self.pick(SUBJECTS)]
        return self.pick(made).event_id if made and self.chance() < 0.97 else PHANTOM + self.count

    # ---- spoiling an account event in one place

    def _spoil_seq(self, event: Event) -> None:
        event.account_seq = self.below(event.account_seq + 3)

    def _spoil_prev(self, event: Event) -> None:
        event.account_prev = self.pick((0, PHANTOM + self.count, self.pick(self.sent).event_id if self.sent else 0))

    def _spoil_subject(self, event: Event) -> None:
        event.subject = self.pick(SUBJECTS)

    def _spoil_member(self, event: Event) -> None:
        event.member_id = STRANGER if self.chance() < 0.1 else self.pick(FURNISHING)

    def _spoil_date(self, event: Event) -> None:
        event.event_date = self.now_ms // DAY_MS + self.below(4)

    # ---- items

    def _make_item_event(self, event: Event) -> None:
        event.type = self.pick(ITEM_WEIGHTS)
        event.member_id = self._furnisher()
        event.subject = self.pick(SUBJECTS)
        event.item_id = self.count
        self._makers[event.type](event)
        if self.chance() < 0.08:
            self._spoil_item(event)

    def _spoil_item(self, event: Event) -> None:
        luck = self.chance()
        if luck < 0.5 and self.sent:
            other = self.pick(self.sent)
            event.member_id, event.item_id = other.member_id, other.item_id or event.item_id
        elif luck < 0.8:
            self._spoil_date(event)
        else:
            self._spoil_subject(event)

    def _make_reserve(self, event: Event) -> None:
        event.product = self.below(3)
        event.account_type = self.pick((INSTALMENT, REVOLVING))
        event.currency = self.pick(CURRENCIES)
        spans = (60_000, HOUR_MS, DAY_MS - 1, DAY_MS) if self.chance() < 0.94 else (-1, 0, DAY_MS + 1, 9 * DAY_MS)
        event.expires_ms = self.now_ms + self.pick(spans)
        if self.chance() < 0.7:
            event.amount_minor = self._amount()

    def _make_reserve_cancel(self, event: Event) -> None:
        live = list(self.world.subjects[event.subject].reservations.values())
        if live and self.chance() < 0.7:
            reserved = self.pick(live)
            event.reservation = reserved.event_id
            event.member_id = reserved.member_id if self.chance() < 0.8 else event.member_id
        else:
            event.reservation = self._any_id("RESERVE", event.subject)

    def _make_grant(self, event: Event) -> None:
        event.grantee = self.pick(ASKING) if self.chance() < 0.95 else self.pick((OPERATOR_ID, STRANGER))
        luck = self.chance()
        event.member_id = event.grantee if luck < 0.7 else BUREAU_ID if luck < 0.9 else event.member_id
        event.purposes = 1 + self.below(63)
        event.valid_from = self.now_ms // DAY_MS - 3 + self.below(5)
        event.valid_until = event.valid_from + self.below(8)
        event.max_uses = UINT32_MAX if self.chance() < 0.1 else 1 + self.below(3)

    def _make_revoke(self, event: Event) -> None:
        event.consent = self._any_id("CONSENT_GRANT", event.subject)
        consent = self.world.subjects[event.subject].consents.get(event.consent)
        event.member_id = consent.event.grantee if consent and self.chance() < 0.6 else self.pick(ASKING)
        if consent and consent.last_use_ms is not None and self.chance() < 0.3:
            self.now_ms = max(self.now_ms, consent.last_use_ms + self.world.policy.answer_ttl_ms - self.below(2))

    def _make_inquiry(self, event: Event) -> None:
        event.purpose = 1 + self.below(6)
        if self.chance() < 0.08:
            event.legal_basis = 1 + self.below(3)
            return
        event.consent = self._any_id("CONSENT_GRANT", event.subject)
        consent = self.world.subjects[event.subject].consents.get(event.consent)
        if consent is None:
            return
        if self.chance() < 0.9:
            event.member_id = consent.event.grantee
        if self.chance() < 0.85:
            event.purpose = self.pick([bit + 1 for bit in range(6) if consent.event.purposes >> bit & 1])

    def _make_on_target(self, event: Event) -> None:
        if event.type == "DISPUTE_OPEN":
            event.category = 1 + self.below(7)
        if event.type == "STATEMENT" and self.chance() < 0.2 or not self.sent:
            event.target = PHANTOM if event.type == "DISPUTE_OPEN" else 0
            return
        accounts = self.world.subjects[event.subject].accounts
        if accounts and self.chance() < 0.5:
            event.target = self.pick(self.pick(accounts).chain)
        else:
            target = self.pick(self.sent)
            event.target = target.event_id if self.chance() < 0.95 else PHANTOM + self.count
            event.subject = target.subject if self.chance() < 0.9 else event.subject
        subject = self.world.subjects[event.subject]
        answered = [one.event.grantee for one in subject.consents.values() if one.last_use_ms is not None]
        if self.chance() < 0.4:
            event.member_id = self.pick(answered + [subject.authors.get(event.target, event.member_id)])

    def _make_on_dispute(self, event: Event) -> None:
        event.dispute = self._any_id("DISPUTE_OPEN", event.subject)
        dispute = self.world.subjects[event.subject].disputes.get(event.dispute)
        if dispute is not None and self.chance() < 0.8:
            event.member_id = dispute.author if event.type == "DISPUTE_ANSWER" else self.pick((dispute.opener, BUREAU_ID))
        if event.type == "DISPUTE_CLOSE":
            event.outcome = 1 + self.below(4)


class Writer:
    """Writes steps as lines of JSON."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._encode = json.JSONEncoder(separators=(",", ":")).encode

    def world(self, seed: int, number: int, world: World, case: Optional[str] = None) -> None:
        """The first line of a world."""
        named = {"case": case} if case else {}
        self._line({"world": number, **named, "seed": seed, "policy": asdict(world.policy), "members": world.members})

    def step(self, now_ms: int, event: Event, verdict: Verdict, world: World) -> None:
        """One event, with what the model says of it."""
        expect: dict[str, Any] = {"result": verdict[0], "detail": verdict[1]}
        if event.type in ALLOWED_STATES:
            account = world.accounts.get((event.member_id, event.account_ref))
            expect["state"] = account.state if account else NONE
        line = {"block_time_ms": now_ms, **event.__dict__, "expect": expect}
        self._line(line)

    def final(self, world: World, now_ms: int) -> None:
        """The last line of a world."""
        self._line({"final": world.summary(now_ms), "block_time_ms": now_ms})

    def _line(self, line: dict[str, Any]) -> None:
        self._out.write(self._encode(line) + "\n")


def run(seed: int, steps: int, writer: Optional[Writer]) -> Coverage:
    """Makes `steps` steps, and notes what they reached."""
    generator, coverage = Generator(seed), Coverage()
    number = 0
    while coverage.steps < steps:
        length = min(generator.begin(), steps - coverage.steps)
        world = generator.world
        if writer:
            writer.world(seed, number, world)
        number += 1
        for _ in range(length):
            event, now_ms = generator.next(), generator.now_ms
            met = situation(event, world, now_ms)
            verdict = world.apply(event, now_ms)
            generator.keep(event)
            coverage.note(event, met, verdict)
            if writer:
                writer.step(now_ms, event, verdict, world)
        if writer:
            writer.final(world, generator.now_ms)
    return coverage


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--out", metavar="FILE")
    parser.add_argument("--cells", action="store_true", help="print how often each cell was met, with each result")
    options = parser.parse_args()
    began = time.monotonic()
    if options.out:
        with sys.stdout if options.out == "-" else open(options.out, "w", encoding="ascii") as out:
            coverage = run(options.seed, options.steps, Writer(out))
    else:
        coverage = run(options.seed, options.steps, None)
    seconds = time.monotonic() - began
    rate = coverage.steps / seconds
    print(f"seed {options.seed}: {coverage.steps} steps in {seconds:.1f} s, {rate:.0f} a second", file=sys.stderr)
    coverage.report(sys.stderr, options.cells)
    return 0


if __name__ == "__main__":
    sys.exit(main())
