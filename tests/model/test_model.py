#!/usr/bin/python3
"""The reference model against the text of the credit rules: for each rule one event that passes and one that does not."""

from __future__ import annotations

import copy
import io
import json
import unittest
from typing import Any, Callable

import policies
import sequences
from credit_model import (ACCOUNT_TYPES, ALLOWED_STATES, BUREAU, CHARGED_OFF, CLOSED, DAY_MS, FROZEN, INSTALMENT, ITEM_TYPES,
                          LENDER, LIVING, NONE, OPEN, OPERATOR, REGULATOR, RESULTS, REVOLVING, SETTLED, TRANSFERRED, VOID, Event,
                          Policy, Verdict, World)

NOW = 1_700_000_000_000
TODAY = NOW // DAY_MS
HOUR_MS = 3_600_000
INT64_MAX = 2**63 - 1
NOWHERE = 1_000_000_000  # the digest of no event
TWD, CNY = 901, 156
ALICE, BOB = 1, 2  # subjects
BANK, LENDING, CASH, AGENCY, OFFICE, HOST = 1, 5, 6, 2, 3, 4  # members, as in tests/unit/rules_world.h
ROLES = {BANK: LENDER, LENDING: LENDER, CASH: LENDER, AGENCY: BUREAU, OFFICE: REGULATOR, HOST: OPERATOR}


class Book(unittest.TestCase):
    """A world, and short ways to say things in it."""

    # Is told of each event that is sent, with what the model says of it.
    on_sent: Callable[[Book, Event, Verdict], None] = staticmethod(lambda book, event, verdict: None)

    def setUp(self) -> None:
        self.begin()

    def begin(self, **policy: Any) -> None:
        """An empty world under a policy that caps nothing but what is said here."""
        self.world = World(Policy(**{"legal_bases": {LENDER: 0b100, BUREAU: 0, REGULATOR: 0b111}, **policy}), ROLES)
        self.now = NOW
        self.count = 0

    def event(self, kind: str, member: int = BANK, subject: int = ALICE, **fields: Any) -> Event:
        """A new event, which differs from every other."""
        self.count += 1
        event = Event(event_id=self.count, type=kind, member_id=member, subject=subject, event_date=TODAY)
        if kind in ITEM_TYPES:
            event.item_id = self.count
        event.__dict__.update(fields)
        return event

    def on_account(self, kind: str, ref: int = 1, member: int = BANK, **fields: Any) -> Event:
        """A new event that is the next of its account's chain."""
        account = self.world.accounts.get((member, ref))
        chain = account.chain if account else []
        place = {"account_ref": ref, "account_seq": len(chain), "account_prev": chain[-1] if chain else 0}
        return self.event(kind, member, **{**place, **fields})

    def opening(self, ref: int = 1, member: int = BANK, **fields: Any) -> Event:
        """An opening of a revolving account in new Taiwan dollars, unless the fields say otherwise."""
        return self.on_account("ACCOUNT_OPEN", ref, member, **{"account_type": REVOLVING, "currency": TWD, **fields})

    def reserve(self, member: int = BANK, **fields: Any) -> Event:
        """A reservation for an hour."""
        usual = {"account_type": REVOLVING, "currency": TWD, "expires_ms": self.now + HOUR_MS}
        return self.event("RESERVE", member, **{**usual, **fields})

    def grant(self, member: int = BANK, **fields: Any) -> Event:
        """A consent for every purpose, from yesterday until tomorrow, twice."""
        return self.event("CONSENT_GRANT", member, **{"grantee": member, "purposes": 63, "valid_from": TODAY - 1,
                                                      "valid_until": TODAY + 1, "max_uses": 2, **fields})

    def inquiry(self, consent: int, member: int = BANK, **fields: Any) -> Event:
        """An inquiry for a credit decision under a consent."""
        return self.event("INQUIRY", member, **{"consent": consent, "purpose": 1, **fields})

    def be_answered(self, member: int) -> int:
        """The member inquires under a consent that has a use left then; gives the consent."""
        consent = self.sent(self.grant(member))
        self.sent(self.inquiry(consent, member))
        return consent

    def sent(self, event: Event, result: str = "OK", detail: Any = None) -> int:
        """Applies the event, checks what is said of it, and gives its number."""
        found = self.world.apply(event, self.now)
        self.on_sent(self, event, found)
        self.assertEqual(found[0], result, f"{event.type} {found}")
        if detail is not None:
            self.assertEqual(found[1], detail)
        return event.event_id

    def tell(self, *kinds: str, ref: int = 1) -> list[int]:
        """An account's story: applied events, each with what its type needs."""
        needed: dict[str, dict[str, Any]] = {"TRANSFER": {"transferee": LENDING}, "STATUS": {"new_state": 2},
                                             "PERIOD_REPORT": {"period": 202312}}
        return [self.sent(self.opening(ref) if kind == "ACCOUNT_OPEN" else
                          self.on_account(kind, ref, **needed.get(kind, {}))) for kind in kinds]

    def assertState(self, state: str, ref: int = 1, member: int = BANK) -> None:
        self.assertEqual(self.world.accounts[member, ref].state, state)


STORIES: dict[str, tuple[str, ...]] = {
    NONE: (), OPEN: ("ACCOUNT_OPEN",), FROZEN: ("ACCOUNT_OPEN", "STATUS"), CHARGED_OFF: ("ACCOUNT_OPEN", "CHARGE_OFF"),
    CLOSED: ("ACCOUNT_OPEN", "CLOSE"), SETTLED: ("ACCOUNT_OPEN", "CHARGE_OFF", "CLOSE"), TRANSFERRED: ("ACCOUNT_OPEN", "TRANSFER"),
}


class Chains(Book):
    def test_each_event_names_the_one_before_it(self) -> None:
        first, second = self.tell("ACCOUNT_OPEN", "PAYMENT")
        self.assertEqual(self.world.accounts[BANK, 1].chain, [first, second])

    def test_the_same_event_again_is_a_duplicate_and_changes_nothing(self) -> None:
        opening = self.opening()
        self.sent(opening)
        self.tell("PAYMENT")
        before = self.world.summary(self.now)
        self.sent(opening, "DUPLICATE")
        self.assertEqual(self.world.summary(self.now), before)

    def test_another_event_at_a_taken_seq_is_a_conflict_that_names_the_winner(self) -> None:
        _, payment = self.tell("ACCOUNT_OPEN", "PAYMENT")
        self.sent(self.on_account("PAYMENT", account_seq=1), "CONFLICT", {"id": payment})

    def test_a_gap_says_which_seq_and_head_it_expects(self) -> None:
        self.sent(self.opening(account_seq=1), "GAP", {"seq": 0, "id": 0})
        _, head = self.tell("ACCOUNT_OPEN", "PAYMENT")
        self.sent(self.on_account("PAYMENT", account_seq=3), "GAP", {"seq": 2, "id": head})
        self.sent(self.on_account("PAYMENT", account_prev=NOWHERE), "GAP", {"seq": 2, "id": head})
        self.sent(self.on_account("PAYMENT"))

    def test_a_rejected_event_consumes_no_seq(self) -> None:
        self.tell("ACCOUNT_OPEN")
        self.sent(self.on_account("RECOVERY"), "WRONG_STATE")
        self.assertEqual(len(self.world.accounts[BANK, 1].chain), 1)
        self.sent(self.on_account("PAYMENT"))

    def test_a_gap_holds_back_its_own_account_only(self) -> None:
        self.tell("ACCOUNT_OPEN")
        self.tell("ACCOUNT_OPEN", ref=2)
        late = self.on_account("PAYMENT", account_seq=2)
        self.sent(late, "GAP")
        self.sent(self.on_account("PAYMENT", ref=2))

    def test_what_was_refused_can_be_applied_later(self) -> None:
        opening = self.opening()
        payment = self.event("PAYMENT", account_ref=1, account_seq=1, account_prev=opening.event_id)
        self.sent(payment, "GAP")
        self.sent(opening)
        self.sent(payment)

    def test_accounts_of_two_members_may_have_one_ref(self) -> None:
        self.sent(self.opening())
        self.sent(self.opening(member=LENDING))
        self.assertEqual(len(self.world.accounts), 2)

    def test_an_item_is_used_once_by_its_member(self) -> None:
        first = self.sent(self.event("STATEMENT", item_id=1007))
        self.sent(self.event("STATEMENT", item_id=1007), "ITEM_TAKEN", {"id": first})
        self.sent(self.event("STATEMENT", subject=BOB, item_id=1007), "ITEM_TAKEN", {"id": first})
        self.sent(self.event("STATEMENT", LENDING, item_id=1007))

    def test_the_same_item_again_is_a_duplicate(self) -> None:
        statement = self.event("STATEMENT")
        self.sent(statement)
        self.sent(statement, "DUPLICATE")

    def test_a_refused_item_is_free_but_for_what_the_policy_or_a_consent_refused(self) -> None:
        self.sent(self.event("STATEMENT", item_id=1007, target=NOWHERE), "NO_TARGET")
        self.sent(self.event("STATEMENT", item_id=1007))
        self.sent(self.reserve(item_id=1008, event_date=TODAY + 2), "FUTURE_DATE")
        self.sent(self.reserve(item_id=1008))
        early = self.reserve(item_id=1009, expires_ms=NOW)
        self.sent(early, "REFUSED_CAP")
        self.sent(early, "ITEM_TAKEN", {"id": early.event_id})
        self.sent(self.reserve(item_id=1009), "ITEM_TAKEN", {"id": early.event_id})
        asked = self.inquiry(NOWHERE, item_id=1010)
        self.sent(asked, "NO_CONSENT")
        self.sent(asked, "ITEM_TAKEN", {"id": asked.event_id})


class Lives(Book):
    def next_of(self, kind: str, target: int, new_state: int = 2) -> Event:
        """The account's next event, with what its type has."""
        own: dict[str, dict[str, int]] = {"TRANSFER": {"transferee": LENDING}, "STATUS": {"new_state": new_state},
                                          "PERIOD_REPORT": {"period": 202401}, "CORRECT": {"target": target},
                                          "RETRACT": {"target": target}}
        return self.on_account(kind, **own.get(kind, {})) if kind != "ACCOUNT_OPEN" else self.opening()

    def test_every_type_in_every_state_is_ruled_on_by_the_diagram(self) -> None:
        for state, story in STORIES.items():
            for kind in ACCOUNT_TYPES:
                with self.subTest(state=state, kind=kind):
                    self.begin()
                    told = self.tell(*story)
                    event = self.next_of(kind, told[-1] if told else NOWHERE, 1 if state == FROZEN else 2)
                    self.sent(event, "OK" if state in ALLOWED_STATES[kind] else "WRONG_STATE")

    def test_a_void_account_takes_nothing(self) -> None:
        opening, = self.tell("ACCOUNT_OPEN")
        self.sent(self.on_account("RETRACT", target=opening))
        self.assertState(VOID)
        for kind in ACCOUNT_TYPES:
            expected = "STALE_TARGET" if kind in ("CORRECT", "RETRACT") else "WRONG_STATE"
            self.sent(self.next_of(kind, opening), expected)

    def test_each_story_ends_in_its_state(self) -> None:
        for state, story in STORIES.items():
            if story:
                self.begin()
                self.tell(*story)
                self.assertState(state)

    def test_only_revolving_accounts_freeze(self) -> None:
        self.tell("ACCOUNT_OPEN", "STATUS")
        self.assertState(FROZEN)
        self.sent(self.on_account("STATUS", new_state=2), "WRONG_STATE")
        self.sent(self.on_account("STATUS", new_state=1))
        self.assertState(OPEN)
        self.sent(self.on_account("STATUS", new_state=1), "WRONG_STATE")
        self.sent(self.opening(ref=2, account_type=INSTALMENT))
        self.sent(self.on_account("STATUS", ref=2, new_state=2), "WRONG_STATE")
        self.sent(self.on_account("STATUS", new_state=3), "WRONG_STATE")

    def test_charged_off_does_not_go_back_to_open(self) -> None:
        self.tell("ACCOUNT_OPEN", "CHARGE_OFF", "RECOVERY")
        self.sent(self.on_account("STATUS", new_state=1), "WRONG_STATE")
        self.assertState(CHARGED_OFF)

    def test_an_instalment_loan_is_disbursed_before_it_is_paid_or_reported(self) -> None:
        self.sent(self.opening(account_type=INSTALMENT))
        self.sent(self.on_account("PAYMENT"), "WRONG_STATE")
        self.sent(self.on_account("PERIOD_REPORT", period=202401), "WRONG_STATE")
        self.sent(self.on_account("DISBURSE"))
        self.sent(self.on_account("PAYMENT"))
        self.sent(self.on_account("PERIOD_REPORT", period=202401))

    def test_a_revolving_account_needs_no_disbursement(self) -> None:
        self.tell("ACCOUNT_OPEN", "PAYMENT", "PERIOD_REPORT")

    def test_a_period_is_reported_once_for_each_account(self) -> None:
        self.tell("ACCOUNT_OPEN")
        self.tell("ACCOUNT_OPEN", ref=2)
        self.sent(self.on_account("PERIOD_REPORT", period=202401))
        self.sent(self.on_account("PERIOD_REPORT", period=202401), "PERIOD_TAKEN")
        self.sent(self.on_account("PERIOD_REPORT", period=202312))
        self.sent(self.on_account("PERIOD_REPORT", ref=2, period=202401))

    def test_a_second_opening_is_refused(self) -> None:
        self.tell("ACCOUNT_OPEN")
        self.sent(self.opening(), "WRONG_STATE")

    def test_a_date_may_lie_one_day_after_the_blocks(self) -> None:
        self.sent(self.opening(event_date=TODAY + 2), "FUTURE_DATE")
        self.sent(self.opening(event_date=TODAY + 1))
        self.sent(self.event("STATEMENT", event_date=TODAY + 2), "FUTURE_DATE")
        self.sent(self.event("STATEMENT", event_date=TODAY + 1))
        self.sent(self.event("STATEMENT", event_date=-25_567))  # 1900-01-01
        self.now = (TODAY + 1) * DAY_MS - 1  # the day's last millisecond
        self.sent(self.on_account("PAYMENT", event_date=TODAY + 2), "FUTURE_DATE")
        self.now += 1
        self.sent(self.on_account("PAYMENT", event_date=TODAY + 2))

    def test_an_account_has_one_subject(self) -> None:
        self.tell("ACCOUNT_OPEN")
        self.sent(self.on_account("PAYMENT", subject=BOB), "WRONG_SUBJECT")
        self.sent(self.on_account("PAYMENT"))

    def test_only_the_holder_speaks_for_an_account(self) -> None:
        opening, = self.tell("ACCOUNT_OPEN")
        stranger = self.event("PAYMENT", LENDING, account_ref=1, account_seq=1, account_prev=opening)
        self.sent(stranger, "NOT_HOLDER")
        self.sent(self.on_account("PAYMENT"))

    def test_only_members_speak(self) -> None:
        self.sent(self.opening(member=9), "NOT_ALLOWED")
        self.sent(self.event("NOTICE"), "NOT_ALLOWED")

    def test_accounts_and_reservations_are_lenders_and_bureaus(self) -> None:
        for member, result in ((OFFICE, "NOT_ALLOWED"), (HOST, "NOT_ALLOWED"), (AGENCY, "OK")):
            self.sent(self.opening(member=member), result)
            self.sent(self.reserve(member), result)
        for member, result in ((OFFICE, "OK"), (HOST, "NOT_ALLOWED"), (AGENCY, "OK")):
            self.sent(self.event("STATEMENT", member), result)

    def test_a_transfer_is_to_one_that_lends(self) -> None:
        self.tell("ACCOUNT_OPEN")
        for transferee in (OFFICE, HOST, 9):
            self.sent(self.on_account("TRANSFER", transferee=transferee), "NOT_ALLOWED")
        self.sent(self.on_account("TRANSFER", transferee=AGENCY))

    def test_a_refusal_that_stands_earlier_wins(self) -> None:
        self.tell("ACCOUNT_OPEN")
        wrong = {"subject": BOB, "account_seq": 9, "event_date": TODAY + 9}
        event = self.on_account("RECOVERY", **wrong)
        for result, mend in (("WRONG_SUBJECT", {"subject": ALICE}), ("GAP", {"account_seq": 1}),
                             ("FUTURE_DATE", {"event_date": TODAY}), ("WRONG_STATE", {})):
            self.sent(event, result)
            event.__dict__.update(mend)


class Remedies(Book):
    def test_a_correction_aims_at_the_version_in_force(self) -> None:
        _, payment = self.tell("ACCOUNT_OPEN", "PAYMENT")
        corrected = self.sent(self.on_account("CORRECT", target=payment))
        self.sent(self.on_account("CORRECT", target=payment), "STALE_TARGET", {"id": corrected})
        self.sent(self.on_account("RETRACT", target=payment), "STALE_TARGET", {"id": corrected})
        again = self.sent(self.on_account("CORRECT", target=corrected))
        self.sent(self.on_account("RETRACT", target=again))
        self.sent(self.on_account("RETRACT", target=again), "STALE_TARGET")
        self.sent(self.on_account("RETRACT", target=corrected))
        self.sent(self.on_account("RETRACT", target=payment))

    def test_a_remedy_aims_at_its_own_account(self) -> None:
        self.tell("ACCOUNT_OPEN", "PAYMENT")
        _, other = self.tell("ACCOUNT_OPEN", "PAYMENT", ref=2)
        statement = self.sent(self.event("STATEMENT"))
        for target in (other, statement, NOWHERE, 0):
            self.sent(self.on_account("CORRECT", target=target), "NO_TARGET")
            self.sent(self.on_account("RETRACT", target=target), "NO_TARGET")
        self.sent(self.on_account("RETRACT", ref=2, target=other))

    def test_remedies_consume_a_seq_and_disputes_do_not(self) -> None:
        _, payment = self.tell("ACCOUNT_OPEN", "PAYMENT")
        self.sent(self.on_account("CORRECT", target=payment))
        self.sent(self.event("DISPUTE_OPEN", AGENCY, target=payment))
        self.assertEqual(len(self.world.accounts[BANK, 1].chain), 3)

    def test_retracting_the_last_life_change_brings_the_state_before_it_back(self) -> None:
        for story, before in (("ACCOUNT_OPEN STATUS CLOSE", FROZEN), ("ACCOUNT_OPEN CHARGE_OFF CLOSE", CHARGED_OFF),
                              ("ACCOUNT_OPEN CHARGE_OFF", OPEN), ("ACCOUNT_OPEN STATUS TRANSFER", FROZEN)):
            self.begin()
            told = self.tell(*story.split())
            self.sent(self.on_account("RETRACT", target=told[-1]))
            self.assertState(before)

    def test_an_earlier_life_change_stands_until_the_last_is_retracted(self) -> None:
        _, charge_off, close = self.tell("ACCOUNT_OPEN", "CHARGE_OFF", "CLOSE")
        self.sent(self.on_account("RETRACT", target=charge_off), "WRONG_STATE")
        self.sent(self.on_account("RETRACT", target=close))
        self.sent(self.on_account("RETRACT", target=charge_off))
        self.assertState(OPEN)

    def test_a_lone_opening_becomes_void_and_no_other(self) -> None:
        opening, payment = self.tell("ACCOUNT_OPEN", "PAYMENT")
        self.sent(self.on_account("RETRACT", target=opening), "WRONG_STATE")
        self.sent(self.on_account("RETRACT", target=payment))
        self.sent(self.on_account("RETRACT", target=opening))
        self.assertState(VOID)

    def test_a_retracted_entry_is_out_of_reach(self) -> None:
        _, payment = self.tell("ACCOUNT_OPEN", "PAYMENT")
        retract = self.sent(self.on_account("RETRACT", target=payment))
        self.sent(self.on_account("CORRECT", target=payment), "STALE_TARGET")
        self.sent(self.on_account("RETRACT", target=payment), "STALE_TARGET")
        self.sent(self.on_account("RETRACT", target=retract), "NO_TARGET")
        status = self.sent(self.on_account("STATUS", new_state=2))
        self.sent(self.on_account("RETRACT", target=status))
        self.sent(self.on_account("RETRACT", target=status), "STALE_TARGET")

    def test_a_retracted_report_frees_its_period(self) -> None:
        self.tell("ACCOUNT_OPEN")
        report = self.sent(self.on_account("PERIOD_REPORT", period=202401))
        self.sent(self.on_account("CORRECT", target=report))
        self.sent(self.on_account("PERIOD_REPORT", period=202401), "PERIOD_TAKEN")
        self.sent(self.on_account("RETRACT", target=self.world.accounts[BANK, 1].chain[-1]))
        self.sent(self.on_account("PERIOD_REPORT", period=202401), "PERIOD_TAKEN")
        self.sent(self.on_account("RETRACT", target=report))
        self.sent(self.on_account("PERIOD_REPORT", period=202401))

    def test_reports_span_so_many_months(self) -> None:
        self.tell("ACCOUNT_OPEN")
        self.sent(self.on_account("PERIOD_REPORT", period=200001))
        self.sent(self.on_account("PERIOD_REPORT", period=204209), "ACCOUNT_LIMIT")
        self.sent(self.on_account("PERIOD_REPORT", period=204208))
        self.sent(self.on_account("PERIOD_REPORT", period=199912), "ACCOUNT_LIMIT")

    def test_eight_changes_of_state_can_be_taken_back(self) -> None:
        self.tell("ACCOUNT_OPEN")
        changes = [self.sent(self.on_account("STATUS", new_state=2 - turn % 2)) for turn in range(9)]
        for change in reversed(changes[1:]):
            self.sent(self.on_account("RETRACT", target=change))
        self.sent(self.on_account("RETRACT", target=changes[0]), "WRONG_STATE")

    def test_a_retracted_disbursement_is_none(self) -> None:
        self.sent(self.opening(account_type=INSTALMENT))
        disbursed = self.sent(self.on_account("DISBURSE"))
        self.sent(self.on_account("RETRACT", target=disbursed))
        self.sent(self.on_account("PAYMENT"), "WRONG_STATE")

    def test_a_remedy_may_name_a_dispute_of_its_subject(self) -> None:
        _, payment = self.tell("ACCOUNT_OPEN", "PAYMENT")
        self.sent(self.on_account("CORRECT", target=payment, dispute=NOWHERE), "NO_TARGET")
        dispute = self.sent(self.event("DISPUTE_OPEN", AGENCY, target=payment))
        self.sent(self.on_account("CORRECT", target=payment, dispute=dispute))


class Transfers(Book):
    def moved(self) -> int:
        return self.tell("ACCOUNT_OPEN", "TRANSFER")[1]

    def test_the_transferee_takes_over_once(self) -> None:
        transfer = self.moved()
        self.sent(self.opening(member=CASH, transfer_of=transfer), "NO_TARGET")
        self.sent(self.opening(member=LENDING, transfer_of=transfer))
        self.sent(self.opening(ref=2, member=LENDING, transfer_of=transfer), "STALE_TARGET")
        self.sent(self.on_account("RETRACT", target=transfer), "WRONG_STATE")

    def test_a_linked_opening_taken_back_gives_the_transfer_back(self) -> None:
        transfer = self.moved()
        linked = self.sent(self.opening(member=LENDING, transfer_of=transfer))
        self.assertFalse(self.world.accounts[BANK, 1].is_active())
        self.sent(self.on_account("RETRACT", member=LENDING, target=linked))
        self.assertTrue(self.world.accounts[BANK, 1].is_active())
        self.sent(self.opening(ref=2, member=LENDING, transfer_of=transfer))

    def test_a_loan_taken_over_was_paid_out_before(self) -> None:
        for story, result in ((("DISBURSE", "TRANSFER"), "OK"), (("TRANSFER",), "WRONG_STATE")):
            self.begin()
            self.sent(self.opening(account_type=INSTALMENT))
            transfer = self.tell(*story)[-1]
            self.sent(self.opening(member=LENDING, transfer_of=transfer, account_type=INSTALMENT))
            self.sent(self.on_account("PAYMENT", member=LENDING), result)

    def test_the_linked_opening_has_the_same_subject_and_currency(self) -> None:
        transfer = self.moved()
        self.sent(self.opening(member=LENDING, transfer_of=transfer, subject=BOB), "NO_TARGET")
        self.sent(self.opening(member=LENDING, transfer_of=transfer, currency=CNY), "AUTHORIZATION_MISMATCH")
        self.sent(self.opening(member=LENDING, transfer_of=transfer))

    def test_the_linked_opening_needs_no_reservation(self) -> None:
        self.begin(authorization_from_ms=NOW + 1)
        transfer = self.moved()
        self.now += HOUR_MS
        reservation = self.sent(self.reserve(LENDING))
        self.sent(self.opening(member=LENDING, transfer_of=transfer, authorization=reservation), "AUTHORIZATION_MISMATCH")
        self.sent(self.opening(member=LENDING), "NO_AUTHORIZATION")
        self.sent(self.opening(member=LENDING, transfer_of=transfer))

    def test_a_retracted_transfer_cannot_be_taken_over(self) -> None:
        transfer = self.moved()
        self.sent(self.on_account("RETRACT", target=transfer))
        self.sent(self.opening(member=LENDING, transfer_of=transfer), "NO_TARGET")
        self.assertState(OPEN)

    def test_a_transferred_account_counts_as_active_until_the_linked_opening(self) -> None:
        self.begin(accounts_max=1)
        transfer = self.moved()
        self.sent(self.reserve(CASH), "REFUSED_CAP", {"reason": "ACCOUNTS"})
        linked = self.opening(member=LENDING, transfer_of=transfer)
        self.sent(linked)
        self.sent(self.on_account("CLOSE", member=LENDING))
        self.sent(self.reserve(CASH))


class Reservations(Book):
    def test_a_grant_is_the_authorization_number(self) -> None:
        reserve = self.reserve()
        self.sent(reserve)
        self.sent(self.opening(authorization=reserve.event_id))

    def test_it_expires_within_a_day(self) -> None:
        self.sent(self.reserve(expires_ms=NOW), "REFUSED_CAP", {"reason": "LIFE"})
        self.sent(self.reserve(expires_ms=NOW + DAY_MS + 1), "REFUSED_CAP", {"reason": "LIFE"})
        self.sent(self.reserve(expires_ms=NOW + DAY_MS))
        self.sent(self.reserve(expires_ms=NOW + 1))

    def test_of_two_for_the_last_slot_the_first_wins(self) -> None:
        self.begin(live_reservations_max=1)
        self.sent(self.reserve(BANK))
        self.sent(self.reserve(LENDING), "REFUSED_CAP", {"reason": "RESERVATIONS"})
        self.sent(self.reserve(LENDING, subject=BOB))

    def test_expiry_frees_a_slot_with_no_sweep(self) -> None:
        self.begin(live_reservations_max=1)
        self.sent(self.reserve(BANK))
        self.now += HOUR_MS - 1
        self.sent(self.reserve(LENDING), "REFUSED_CAP")
        self.now += 1
        self.sent(self.reserve(LENDING))

    def test_cancelling_frees_a_slot_of_ones_own(self) -> None:
        self.begin(live_reservations_max=1)
        first = self.sent(self.reserve(BANK))
        self.sent(self.event("RESERVE_CANCEL", LENDING, reservation=first), "NO_TARGET")
        self.sent(self.event("RESERVE_CANCEL", subject=BOB, reservation=first), "NO_TARGET")
        self.sent(self.event("RESERVE_CANCEL", reservation=first))
        self.sent(self.event("RESERVE_CANCEL", reservation=first), "NO_TARGET")
        self.sent(self.reserve(LENDING))

    def test_lenders_are_counted_with_the_asker(self) -> None:
        self.begin(lenders_max=1)
        self.tell("ACCOUNT_OPEN")
        self.sent(self.reserve(LENDING), "REFUSED_CAP", {"reason": "LENDERS"})
        self.sent(self.reserve(BANK))
        self.tell("CLOSE")
        self.sent(self.reserve(LENDING), "REFUSED_CAP", {"reason": "LENDERS"})  # the bank is about to lend again
        self.now += HOUR_MS
        self.sent(self.reserve(LENDING))

    def test_active_accounts_are_counted_and_those_about_to_be(self) -> None:
        self.begin(accounts_max=2)
        self.tell("ACCOUNT_OPEN")
        self.sent(self.reserve())
        self.sent(self.reserve(), "REFUSED_CAP", {"reason": "ACCOUNTS"})
        self.now += HOUR_MS
        self.sent(self.reserve())

    def test_a_file_holds_so_many_live_reservations(self) -> None:
        for _ in range(64):
            self.sent(self.reserve())
        self.sent(self.reserve(), "REFUSED_CAP", {"reason": "RESERVATIONS"})

    def test_totals_are_counted_by_currency(self) -> None:
        self.begin(amount_caps={TWD: 100})
        self.sent(self.reserve(amount_minor=60))
        self.sent(self.reserve(amount_minor=41), "REFUSED_CAP", {"reason": "AMOUNT"})
        self.sent(self.reserve(amount_minor=INT64_MAX), "REFUSED_CAP", {"reason": "AMOUNT"})
        self.sent(self.reserve(), "REFUSED_CAP", {"reason": "AMOUNT"})
        self.sent(self.reserve(amount_minor=INT64_MAX, currency=CNY))
        self.sent(self.reserve(amount_minor=40))
        self.sent(self.reserve(amount_minor=0))

    def test_authorised_accounts_count_in_the_total_until_they_end(self) -> None:
        self.begin(amount_caps={TWD: 100})
        reservation = self.sent(self.reserve(amount_minor=60))
        self.sent(self.opening(authorization=reservation, amount_minor=50))
        self.sent(self.reserve(amount_minor=51), "REFUSED_CAP")
        self.sent(self.opening(ref=2, amount_minor=INT64_MAX))  # not authorised, so not in the total
        self.sent(self.reserve(amount_minor=50))
        self.sent(self.on_account("CLOSE"))
        self.sent(self.reserve(amount_minor=50))

    def test_cooling_off_runs_from_the_last_opening(self) -> None:
        self.begin(cooling_off_days=1)
        self.tell("ACCOUNT_OPEN")
        self.now = (TODAY + 1) * DAY_MS - 1
        self.sent(self.reserve(), "REFUSED_COOLING_OFF")
        self.sent(self.reserve(subject=BOB))
        self.now += 1
        self.sent(self.reserve())

    def test_a_date_does_not_shorten_the_cooling_off_of_an_authorized_opening(self) -> None:
        self.begin(cooling_off_days=3)
        self.sent(self.opening(event_date=TODAY - 9))
        reservation = self.sent(self.reserve())
        self.sent(self.opening(ref=2, event_date=TODAY - 9, authorization=reservation))
        self.sent(self.reserve(), "REFUSED_COOLING_OFF")

    def test_a_void_opening_cools_nothing(self) -> None:
        self.begin(cooling_off_days=1)
        opening, = self.tell("ACCOUNT_OPEN")
        self.sent(self.on_account("RETRACT", target=opening))
        self.sent(self.reserve())

    def test_cooling_off_is_named_after_counts_and_before_amounts(self) -> None:
        self.begin(cooling_off_days=1, amount_caps={TWD: 10})
        self.tell("ACCOUNT_OPEN")
        self.sent(self.reserve(amount_minor=11), "REFUSED_COOLING_OFF")
        self.begin(cooling_off_days=1, accounts_max=1)
        self.tell("ACCOUNT_OPEN")
        self.sent(self.reserve(), "REFUSED_CAP", {"reason": "ACCOUNTS"})


class Authorizations(Book):
    def setUp(self) -> None:
        self.begin(authorization_from_ms=0)

    def test_an_opening_uses_its_authorization_up(self) -> None:
        reservation = self.sent(self.reserve())
        self.sent(self.opening(), "NO_AUTHORIZATION")
        self.sent(self.opening(authorization=reservation))
        self.sent(self.opening(ref=2, authorization=reservation), "NO_AUTHORIZATION")

    def test_a_closing_that_is_taken_back_counts_again(self) -> None:
        self.begin(authorization_from_ms=0, amount_caps={TWD: 100})
        full = ("REFUSED_CAP", {"reason": "AMOUNT"})
        self.sent(self.opening(authorization=self.sent(self.reserve(amount_minor=100))))
        self.sent(self.reserve(LENDING, amount_minor=1), *full)
        closing = self.sent(self.on_account("CLOSE"))
        second = self.sent(self.reserve(LENDING, amount_minor=100))
        self.sent(self.opening(member=LENDING, authorization=second))
        self.sent(self.on_account("RETRACT", target=closing))
        self.sent(self.on_account("CLOSE", member=LENDING))
        self.sent(self.reserve(CASH, amount_minor=1), *full)

    def test_only_a_live_grant_authorizes(self) -> None:
        reservation = self.sent(self.reserve())
        cancelled = self.sent(self.reserve())
        self.sent(self.event("RESERVE_CANCEL", reservation=cancelled))
        refused = self.sent(self.reserve(expires_ms=self.now), "REFUSED_CAP")
        for number in (cancelled, refused, NOWHERE):
            self.sent(self.opening(authorization=number), "NO_AUTHORIZATION")
        self.sent(self.opening(subject=BOB, authorization=reservation), "NO_AUTHORIZATION")
        self.now += HOUR_MS
        self.sent(self.opening(authorization=reservation), "NO_AUTHORIZATION")

    def test_it_matches_member_type_currency_and_amount(self) -> None:
        reservation = self.sent(self.reserve(amount_minor=100))
        good: dict[str, Any] = {"authorization": reservation, "amount_minor": 100}
        self.sent(self.opening(**{**good, "member": LENDING}), "NO_AUTHORIZATION")
        for bad in ({"account_type": INSTALMENT}, {"currency": CNY}, {"amount_minor": 101}):
            self.sent(self.opening(**{**good, **bad}), "AUTHORIZATION_MISMATCH")
        self.sent(self.opening(**good))

    def test_an_opening_without_an_amount_takes_the_reserved_one(self) -> None:
        reservation = self.sent(self.reserve(amount_minor=100))
        self.sent(self.opening(authorization=reservation))
        self.assertEqual(self.world.accounts[BANK, 1].reserved, 100)

    def test_a_reservation_without_an_amount_allows_any(self) -> None:
        reservation = self.sent(self.reserve())
        self.sent(self.opening(authorization=reservation, amount_minor=INT64_MAX))

    def test_a_backfill_window_lets_openings_in_without(self) -> None:
        self.begin(authorization_from_ms=NOW)
        for offset, result in ((-1, "OK"), (0, "NO_AUTHORIZATION")):
            self.now = NOW + offset
            self.sent(self.opening(ref=100 + offset), result)

    def test_where_none_is_demanded_none_is_needed_but_a_named_one_is_checked(self) -> None:
        self.begin()
        self.sent(self.opening(authorization=NOWHERE), "NO_AUTHORIZATION")
        self.sent(self.opening())

    def test_a_subject_has_a_bounded_number_of_accounts(self) -> None:
        self.begin()
        for ref in range(1, 65):
            self.tell("ACCOUNT_OPEN", "CLOSE", ref=ref)
        self.sent(self.opening(ref=65), "ACCOUNT_LIMIT")
        self.sent(self.opening(ref=65, subject=BOB))
        for member in (LENDING, CASH, AGENCY):
            for ref in range(1, 65):
                self.sent(self.opening(ref=ref, member=member))
            self.sent(self.opening(ref=65, member=member), "ACCOUNT_LIMIT")
        self.assertEqual(len(self.world.subjects[ALICE].accounts), 256)


class Profiles(Book):
    """The shipped policies, where they disagree."""

    def begin_under(self, name: str) -> None:
        self.world = World(policies.rules(name), ROLES)
        self.now = NOW
        self.count = 0

    def test_cn_has_one_live_reservation_and_us_three(self) -> None:
        self.begin_under("cn")
        self.sent(self.reserve())
        self.sent(self.reserve(LENDING), "REFUSED_CAP", {"reason": "RESERVATIONS"})
        self.begin_under("us")
        for member in (BANK, LENDING, CASH):
            self.sent(self.reserve(member))
        self.sent(self.reserve(), "REFUSED_CAP", {"reason": "RESERVATIONS"})

    def test_cn_caps_renminbi_and_us_nothing(self) -> None:
        self.begin_under("cn")
        self.sent(self.reserve(currency=CNY, amount_minor=100_000_001), "REFUSED_CAP", {"reason": "AMOUNT"})
        self.sent(self.reserve(currency=CNY, amount_minor=100_000_000))
        self.begin_under("us")
        self.sent(self.reserve(currency=CNY, amount_minor=INT64_MAX))

    def test_cn_cools_off_for_a_day_and_us_does_not(self) -> None:
        for name, result in (("cn", "REFUSED_COOLING_OFF"), ("us", "OK")):
            self.begin_under(name)
            self.tell("ACCOUNT_OPEN")
            self.sent(self.reserve(LENDING), result)
            self.now += DAY_MS
            self.sent(self.reserve(CASH))

    def test_employment_is_a_purpose_in_us_alone(self) -> None:
        for name, result in (("cn", "NOT_ALLOWED"), ("us", "OK")):
            self.begin_under(name)
            self.sent(self.grant(purposes=0b10000), result)
            self.sent(self.inquiry(0, OFFICE, legal_basis=2, purpose=5), result)

    def test_a_lender_may_ask_by_statute_and_a_bureau_by_court_order_too(self) -> None:
        for name in ("cn", "us"):
            self.begin_under(name)
            self.sent(self.inquiry(0, BANK, legal_basis=3))
            self.sent(self.inquiry(0, BANK, legal_basis=1), "NOT_ALLOWED")
            self.sent(self.inquiry(0, AGENCY, legal_basis=1))
            self.sent(self.inquiry(0, AGENCY, legal_basis=2), "NOT_ALLOWED")
            self.sent(self.inquiry(0, OFFICE, legal_basis=2))


class Access(Book):
    def test_the_grantee_or_a_bureau_grants(self) -> None:
        self.sent(self.grant(LENDING, grantee=BANK), "NOT_ALLOWED")
        self.sent(self.grant(OFFICE, grantee=BANK), "NOT_ALLOWED")
        self.sent(self.grant(BANK))
        self.sent(self.grant(AGENCY, grantee=BANK))
        self.sent(self.grant(OFFICE))
        for nobody in (HOST, 9):
            self.sent(self.grant(AGENCY, grantee=nobody), "NOT_ALLOWED")

    def test_a_grantee_has_so_many_consents_that_are_not_spent(self) -> None:
        consents = [self.sent(self.grant(AGENCY, grantee=BANK)) for _ in range(16)]
        self.sent(self.grant(), "ACCOUNT_LIMIT")
        self.sent(self.grant(LENDING))
        self.sent(self.event("CONSENT_REVOKE", consent=consents[3]))
        self.sent(self.grant())

    def test_the_grantee_a_bureau_or_a_regulator_revokes(self) -> None:
        for member, result in ((LENDING, "NO_CONSENT"), (BANK, "OK"), (AGENCY, "OK"), (OFFICE, "OK")):
            consent = self.sent(self.grant(BANK))
            self.sent(self.event("CONSENT_REVOKE", member, consent=consent), result)
        self.sent(self.event("CONSENT_REVOKE", consent=consent), "NO_CONSENT")
        self.sent(self.event("CONSENT_REVOKE", consent=NOWHERE), "NO_CONSENT")

    def test_a_spent_consent_is_not_there_to_be_revoked(self) -> None:
        used = self.sent(self.grant(max_uses=1))
        lapsed = self.sent(self.grant(valid_until=TODAY))
        self.sent(self.inquiry(used))
        self.now = max(NOW + HOUR_MS, (TODAY + 1) * DAY_MS)
        self.sent(self.event("CONSENT_REVOKE", consent=used), "NO_CONSENT")
        self.sent(self.event("CONSENT_REVOKE", consent=lapsed), "NO_CONSENT")

    def test_a_use_is_spent_by_each_inquiry_and_by_no_retry(self) -> None:
        consent = self.sent(self.grant(max_uses=2))
        first = self.inquiry(consent)
        self.sent(first)
        self.sent(first, "DUPLICATE")
        self.sent(self.inquiry(consent))
        self.sent(self.inquiry(consent), "NO_CONSENT")

    def test_a_refused_inquiry_spends_no_use(self) -> None:
        consent = self.sent(self.grant(max_uses=1, purposes=1))
        self.sent(self.inquiry(consent, purpose=2), "NO_CONSENT")
        self.sent(self.inquiry(consent))

    def test_whatever_is_wrong_the_asker_hears_no_consent(self) -> None:
        consent = self.sent(self.grant(purposes=0b1))
        revoked = self.sent(self.grant())
        self.sent(self.event("CONSENT_REVOKE", consent=revoked))
        for bad in (self.inquiry(NOWHERE), self.inquiry(revoked), self.inquiry(consent, LENDING), self.inquiry(consent, purpose=2),
                    self.inquiry(consent, subject=BOB)):
            self.sent(bad, "NO_CONSENT")
        self.sent(self.inquiry(consent))

    def test_both_days_of_a_consent_are_within_it(self) -> None:
        for first, last, result in ((TODAY, TODAY, "OK"), (TODAY + 1, TODAY + 9, "NO_CONSENT"),
                                    (TODAY - 9, TODAY - 1, "NO_CONSENT")):
            consent = self.sent(self.grant(valid_from=first, valid_until=last))
            self.sent(self.inquiry(consent), result)

    def test_known_and_unknown_subjects_look_alike(self) -> None:
        self.tell("ACCOUNT_OPEN", "PAYMENT", "CHARGE_OFF")
        for subject in (ALICE, BOB):
            inquiry = self.inquiry(NOWHERE, LENDING, subject=subject)
            self.assertEqual(self.world.decide(inquiry, self.now), ("NO_CONSENT", None))
            self.sent(inquiry, "NO_CONSENT")

    def test_a_legal_basis_that_the_policy_gives_a_role_stands_for_a_consent(self) -> None:
        self.sent(self.inquiry(0, OFFICE, legal_basis=2))
        self.sent(self.inquiry(0, BANK, legal_basis=2), "NOT_ALLOWED")
        self.sent(self.inquiry(0, BANK, legal_basis=3))
        self.sent(self.inquiry(0, AGENCY, legal_basis=3), "NOT_ALLOWED")

    def test_the_policy_says_which_purposes_there_are(self) -> None:
        self.begin(purposes=0b10)
        self.sent(self.inquiry(0, OFFICE, legal_basis=2, purpose=1), "NOT_ALLOWED")
        self.sent(self.inquiry(0, OFFICE, legal_basis=2, purpose=2))
        self.sent(self.grant(purposes=0b11), "NOT_ALLOWED")
        self.sent(self.grant(purposes=0b10))

    def test_an_inquiry_is_answered_again_for_a_while_and_not_after_revocation(self) -> None:
        consent = self.sent(self.grant(max_uses=1))
        inquiry = self.sent(self.inquiry(consent))
        self.assertTrue(self.world.answers_again(inquiry, ALICE, self.now + HOUR_MS - 1))
        self.assertFalse(self.world.answers_again(inquiry, ALICE, self.now + HOUR_MS))
        self.assertFalse(self.world.answers_again(NOWHERE, ALICE, self.now))
        self.sent(self.event("CONSENT_REVOKE", consent=consent))
        self.assertFalse(self.world.answers_again(inquiry, ALICE, self.now))

    def test_who_asked_is_in_the_file_also_when_refused(self) -> None:
        self.sent(self.inquiry(NOWHERE), "NO_CONSENT")
        self.assertEqual(self.world.subjects[ALICE].folded, 1)
        self.sent(self.event("STATEMENT", target=NOWHERE), "NO_TARGET")
        self.sent(self.event("CONSENT_REVOKE", consent=NOWHERE), "NO_CONSENT")
        self.sent(self.event("STATEMENT", event_date=TODAY + 2), "FUTURE_DATE")
        self.assertEqual(self.world.subjects[ALICE].folded, 1)


class Disputes(Book):
    def setUp(self) -> None:
        super().setUp()
        self.payment = self.tell("ACCOUNT_OPEN", "PAYMENT")[1]
        self.consent = self.be_answered(LENDING)
        self.be_answered(CASH)

    def disputed(self, member: int = LENDING) -> int:
        return self.sent(self.event("DISPUTE_OPEN", member, target=self.payment, category=1))

    def test_a_dispute_is_about_an_event_of_its_subject(self) -> None:
        self.sent(self.event("DISPUTE_OPEN", target=NOWHERE), "NO_TARGET")
        self.sent(self.event("DISPUTE_OPEN", subject=BOB, target=self.payment), "NO_TARGET")
        self.disputed()

    def test_who_was_not_answered_hears_of_no_target(self) -> None:
        self.begin()
        payment = self.tell("ACCOUNT_OPEN", "PAYMENT")[1]
        unused = self.sent(self.grant(CASH))
        for kind in ("DISPUTE_OPEN", "STATEMENT"):
            for member, result in ((LENDING, "NO_TARGET"), (CASH, "NO_TARGET"), (BANK, "OK"), (AGENCY, "OK"), (OFFICE, "OK")):
                self.sent(self.event(kind, member, target=payment), result)
        self.sent(self.inquiry(unused, CASH))
        self.sent(self.event("STATEMENT", CASH, target=payment))

    def test_what_one_was_answered_is_spoken_of_until_the_consent_is_revoked_or_spent(self) -> None:
        self.sent(self.event("CONSENT_REVOKE", LENDING, consent=self.consent))
        self.sent(self.event("STATEMENT", LENDING, target=self.payment), "NO_TARGET")
        self.sent(self.event("STATEMENT", CASH, target=self.payment))
        self.now += 2 * DAY_MS
        self.sent(self.event("STATEMENT", CASH, target=self.payment), "NO_TARGET")

    def test_a_dispute_is_not_there_for_who_has_no_part_in_it(self) -> None:
        self.begin()
        payment = self.tell("ACCOUNT_OPEN", "PAYMENT")[1]
        dispute = self.sent(self.event("DISPUTE_OPEN", AGENCY, target=payment))
        for known in ("NOT_ALLOWED", "STALE_TARGET"):
            for kind in ("DISPUTE_ANSWER", "DISPUTE_CLOSE"):
                self.sent(self.event(kind, LENDING, dispute=dispute), "NO_TARGET")
                self.sent(self.event(kind, OFFICE, dispute=dispute), known)
            if known == "NOT_ALLOWED":
                self.sent(self.event("DISPUTE_CLOSE", AGENCY, dispute=dispute))
        self.sent(self.event("DISPUTE_ANSWER", BANK, dispute=dispute), "STALE_TARGET")

    def test_what_was_refused_is_no_target(self) -> None:
        refused = self.sent(self.inquiry(NOWHERE), "NO_CONSENT")
        self.sent(self.event("DISPUTE_OPEN", target=refused), "NO_TARGET")

    def test_a_member_has_so_many_open_disputes(self) -> None:
        dispute = [self.disputed() for _ in range(16)][0]
        self.sent(self.event("DISPUTE_OPEN", LENDING, target=self.payment), "ACCOUNT_LIMIT")
        self.disputed(CASH)
        self.sent(self.event("DISPUTE_CLOSE", LENDING, dispute=dispute))
        self.disputed()

    def test_the_targets_author_answers_and_no_other(self) -> None:
        dispute = self.disputed()
        self.sent(self.event("DISPUTE_ANSWER", LENDING, dispute=dispute), "NOT_ALLOWED")
        self.sent(self.event("DISPUTE_ANSWER", AGENCY, dispute=dispute), "NOT_ALLOWED")
        self.sent(self.event("DISPUTE_ANSWER", BANK, dispute=dispute))
        self.sent(self.event("DISPUTE_ANSWER", BANK, dispute=dispute))
        self.sent(self.event("DISPUTE_ANSWER", BANK, dispute=self.payment), "NO_TARGET")

    def test_the_opener_or_a_bureau_closes_and_never_the_author(self) -> None:
        for member, result in ((BANK, "NOT_ALLOWED"), (CASH, "NOT_ALLOWED"), (OFFICE, "NOT_ALLOWED"), (LENDING, "OK"),
                               (AGENCY, "OK")):
            self.sent(self.event("DISPUTE_CLOSE", member, dispute=self.disputed(), outcome=1), result)
        self.sent(self.event("DISPUTE_CLOSE", dispute=self.disputed(BANK)), "NOT_ALLOWED")
        statement = self.sent(self.event("STATEMENT", AGENCY))
        own = self.sent(self.event("DISPUTE_OPEN", LENDING, target=statement))
        self.sent(self.event("DISPUTE_CLOSE", AGENCY, dispute=own), "NOT_ALLOWED")
        self.sent(self.event("DISPUTE_CLOSE", LENDING, dispute=NOWHERE), "NO_TARGET")

    def test_a_closed_dispute_is_closed(self) -> None:
        dispute = self.disputed()
        self.sent(self.event("DISPUTE_CLOSE", LENDING, dispute=dispute))
        self.sent(self.event("DISPUTE_CLOSE", LENDING, dispute=dispute), "STALE_TARGET")
        self.sent(self.event("DISPUTE_ANSWER", BANK, dispute=dispute), "STALE_TARGET")

    def test_disputes_and_statements_go_on_after_the_end(self) -> None:
        self.tell("CLOSE")
        self.sent(self.event("STATEMENT", target=self.payment))
        self.sent(self.event("DISPUTE_ANSWER", BANK, dispute=self.disputed()))

    def test_a_statement_needs_no_target_but_a_named_one_is_there(self) -> None:
        self.sent(self.event("STATEMENT"))
        self.sent(self.event("STATEMENT", target=NOWHERE), "NO_TARGET")


class Sequences(unittest.TestCase):
    """What must hold in every random sequence, whatever the rules say."""

    STEPS = 20_000

    def watch(self, generator: sequences.Generator) -> None:
        """Makes one step and holds the states before and after it against each other."""
        world = generator.world
        event, now_ms = generator.next(), generator.now_ms
        subject = world.subjects[event.subject]
        states = {key: account.state for key, account in world.accounts.items()}
        chains = {key: len(account.chain) for key, account in world.accounts.items()}
        authors = len(subject.authors)
        result, _ = world.apply(event, now_ms)
        generator.keep(event)
        self.assertIn(result, RESULTS)
        for key, account in world.accounts.items():
            mine = key == (event.member_id, event.account_ref) and event.type in ALLOWED_STATES and result == "OK"
            self.assertEqual(len(account.chain) - chains.get(key, 0), 1 if mine else 0)
            before = states.get(key, NONE)
            if before != account.state:
                self.assertTrue(mine)
                self.assertTrue(before in LIVING | {NONE} or event.type == "RETRACT", before)
        if result in ("DUPLICATE", "CONFLICT", "GAP", "ITEM_TAKEN"):
            self.assertEqual(len(subject.authors), authors)

    def check_world(self, world: World, now_ms: int) -> None:
        """What holds of any state."""
        applied = [number for account in world.accounts.values() for number in account.chain]
        self.assertEqual(len(applied), len(set(applied)))
        for subject in world.subjects.values():
            cap = world.policy.live_reservations_max
            live = [one for one in subject.reservations.values() if now_ms < one.expires_ms]
            self.assertTrue(cap == 0 or len(live) <= cap)
            for number, consent in subject.consents.items():
                uses = sum(1 for inquiry, _ in subject.inquiries.values() if inquiry.consent == number)
                self.assertEqual(uses + consent.uses_left, consent.event.max_uses)
                self.assertGreaterEqual(consent.uses_left, 0)

    def test_what_holds_in_every_sequence(self) -> None:
        generator = sequences.Generator(5)
        made = 0
        while made < self.STEPS:
            length = generator.begin()
            made += length
            for _ in range(length):
                self.watch(generator)
            self.check_world(generator.world, generator.now_ms)

    def test_deciding_changes_nothing(self) -> None:
        generator = sequences.Generator(6)
        for _ in range(400):
            event, now_ms = generator.next(), generator.now_ms
            before = json.dumps(generator.world.summary(now_ms))
            once = copy.deepcopy(generator.world.decide(event, now_ms))
            self.assertEqual(json.dumps(generator.world.summary(now_ms)), before)
            self.assertEqual(generator.world.apply(event, now_ms), once)
            generator.keep(event)

    def test_one_seed_is_one_sequence(self) -> None:
        def lines(seed: int) -> str:
            out = io.StringIO()
            sequences.run(seed, 2_000, sequences.Writer(out))
            return out.getvalue()
        self.assertEqual(lines(9), lines(9))
        self.assertNotEqual(lines(9), lines(10))

    def test_every_pair_and_result_is_reached(self) -> None:
        coverage = sequences.run(2, 100_000, None)
        self.assertEqual([pair for pair, count in coverage.pairs().items() if count == 0], [])
        self.assertEqual([result for result in RESULTS if coverage.results[result] == 0], [])


if __name__ == "__main__":
    unittest.main()
