#!/usr/bin/python3
"""The model of membership against the text of its rules: for each rule one transaction that passes and one that does not."""

from __future__ import annotations

import unittest
from typing import Any, Callable

from governance import (BALLOT, EXPIRED, LIFETIME_MS, NODE, OPEN, PASSED, PROPOSAL_LIFETIME_MS, READY_LAG, REJECTED, REMOVED,
                        SIGNING, SUSPENDED, VOID, WITHDRAWN, Register, Verdict, transaction_id, u8, u64)
from governance_sequences import CHAIN_ID, START_MS, genesis

DAY_MS = 24 * 3600 * 1000


class Book(unittest.TestCase):
    """A network of four members with a validator each and an observer, and short ways to say things in it."""

    # Are told of each world, block and transaction.
    on_world: Callable[[Book], None] = staticmethod(lambda book: None)
    on_begin: Callable[[Book], None] = staticmethod(lambda book: None)
    on_sent: Callable[[Book, dict[str, Any], Verdict], None] = staticmethod(lambda book, transaction, verdict: None)
    on_end: Callable[[Book, bool], None] = staticmethod(lambda book, sealed: None)

    def setUp(self) -> None:
        self.found(4, 4, 1)

    def found(self, members: int, validators: int, observers: int, ballot_keys: int = 1) -> None:
        self.register = Register(genesis(members, validators, observers, ballot_keys), CHAIN_ID)
        self.fresh = 1000
        self.on_world(self)
        self.height, self.now = 0, START_MS
        self.begin()

    def begin(self, later_ms: int = 1000) -> None:
        self.height += 1
        self.now += later_ms
        self.register.begin(self.height, self.now)
        self.on_begin(self)

    def end(self, sealed: bool = False) -> None:
        self.register.end(sealed)
        self.on_end(self, sealed)

    def block(self, sealed: bool = False, later_ms: int = 1000) -> None:
        """Ends the block, begins the next."""
        self.end(sealed)
        self.begin(later_ms)

    def tearDown(self) -> None:
        self.end()

    def new_key(self) -> int:
        self.fresh += 1
        return self.fresh

    def sent(self, kind: str, member: int, wanted: str = "OK", detail: Any = None, /, **content: Any) -> dict[str, Any]:
        """Applies a transaction by the member's first live ballot key, unless told otherwise, and checks the ruling."""
        transaction = {"kind": kind, "member": member, "expires_ms": self.now + 1000, **content}
        if "key" not in transaction:
            live = self.register.live_keys(member, BALLOT)
            transaction["key"] = live[0].number if live else 200
        if "sequence" not in transaction:
            known = self.register.members.get(member)
            transaction["sequence"] = known.sequence + 1 if known else 1
        verdict = self.register.apply(transaction)
        self.on_sent(self, transaction, verdict)
        self.assertEqual(verdict[0], wanted, f"{transaction} {verdict}")
        if detail is not None:
            self.assertEqual(verdict[1], detail)
        return transaction

    def propose(self, member: int, kind: str, wanted: str = "OK", closes_ms: int = 0, /, **action: Any) -> str:
        """Gives the proposal's id, as a BALLOT names it."""
        transaction = self.sent("PROPOSE", member, wanted, action={"kind": kind, **action}, closes_ms=closes_ms or self.now + DAY_MS)
        return transaction_id(CHAIN_ID, transaction).hex()

    def ballot(self, member: int, proposal: str, yes: bool = True, wanted: str = "OK", outcome: Any = None) -> None:
        self.sent("BALLOT", member, wanted, None if outcome is None else u8(outcome), proposal=proposal, yes=yes)

    def passed(self, kind: str, outcome: int = PASSED, /, **action: Any) -> str:
        """Proposed by the first voter, and voted by the others until it is decided."""
        first, *others = sorted(self.register.voters())
        proposal = self.propose(first, kind, **action)
        for member in others:
            if any(one.id.hex() == proposal for one in self.register.open):
                self.ballot(member, proposal)
        self.assertOutcome(proposal, outcome)
        return proposal

    def assertOutcome(self, proposal: str, outcome: int, why: str = "OK") -> None:
        found = [(one[1], one[2]) for one in self.register.closed if one[0].id.hex() == proposal]
        self.assertEqual(found, [(outcome, why)])

    def node(self, name: str, validator: bool = True, **fields: Any) -> dict[str, Any]:
        return {"name": name, "address": "a.example:7000", "key": self.new_key(), "validator": validator, **fields}

    def join(self, name: str = "Newcomer", **fields: Any) -> dict[str, Any]:
        return {"network": "net", "name": name, "type": "bank", "licence": "L-1", "role": 1, "signing": [self.new_key()],
                "ballot": [self.new_key()], "nodes": [self.node(name.lower().replace(" ", "-"))], **fields}

    def admitted(self, **fields: Any) -> int:
        self.passed("ADMIT_MEMBER", **self.join(**fields))
        return max(self.register.members)

    def ready(self, node: int, wanted: str = "OK", /, **fields: Any) -> None:
        one = self.register.nodes[node]
        shown = {"height": self.height - 1, "epoch": self.register.epoch, "chain": True, "certified": True}
        key = fields.pop("key", one.key)
        expires = fields.pop("expires_ms", self.now + 1000)
        member = fields.pop("member", one.member)
        self.sent("READY", member, wanted, key=key, sequence=0, expires_ms=expires, checkpoint={**shown, **fields})

    def new_validator(self, name: str = "five") -> int:
        """A node that counts from now on."""
        self.passed("ADD_NODE", member=1, node=self.node(name))
        self.block()
        node = max(self.register.nodes)
        self.ready(node)
        return node


class Deciding(Book):
    def test_more_than_two_thirds_of_the_voters_decide(self) -> None:
        proposal = self.propose(1, "SUSPEND_MEMBER", member=4)
        self.ballot(2, proposal, outcome=OPEN)
        self.ballot(3, proposal, outcome=PASSED)
        self.assertEqual(self.register.members[4].status, SUSPENDED)

    def test_exactly_two_thirds_do_not_decide(self) -> None:
        self.found(3, 4, 0)
        proposal = self.propose(1, "SUSPEND_MEMBER", member=3)
        self.ballot(2, proposal, outcome=OPEN)
        self.ballot(3, proposal, outcome=PASSED)

    def test_a_proposal_is_rejected_once_it_cannot_pass(self) -> None:
        proposal = self.propose(1, "SUSPEND_MEMBER", member=4)
        self.ballot(4, proposal, False, outcome=OPEN)
        self.ballot(2, proposal, False, outcome=REJECTED)
        self.ballot(3, proposal, True, "CLOSED", REJECTED)

    def test_a_third_that_says_no_rejects(self) -> None:
        self.found(3, 4, 0)
        proposal = self.propose(1, "SUSPEND_MEMBER", member=3)
        self.ballot(2, proposal, False, outcome=REJECTED)

    def test_who_is_alone_decides_alone(self) -> None:
        self.found(1, 4, 0)
        proposal = self.propose(1, "SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.assertOutcome(proposal, PASSED)

    def test_a_vote_is_final(self) -> None:
        proposal = self.propose(1, "SUSPEND_MEMBER", member=4)
        self.ballot(1, proposal, False, "BALLOTED")
        self.ballot(2, proposal, False)
        self.ballot(2, proposal, True, "BALLOTED")

    def test_several_keys_are_one_vote(self) -> None:
        self.found(4, 4, 0, ballot_keys=3)
        proposal = self.propose(1, "SUSPEND_MEMBER", member=4)
        self.sent("BALLOT", 1, "BALLOTED", proposal=proposal, yes=True, key=201)
        self.sent("BALLOT", 2, proposal=proposal, yes=True, key=212)
        self.sent("BALLOT", 2, "BALLOTED", proposal=proposal, yes=True, key=211)

    def test_a_vote_on_what_nobody_proposed(self) -> None:
        self.ballot(1, "00" * 32, True, "NO_PROPOSAL")

    def test_a_vote_on_an_expired_proposal(self) -> None:
        proposal = self.propose(1, "SUSPEND_MEMBER", "OK", self.now + 5000, member=4)
        self.block(later_ms=4999)
        self.ballot(2, proposal)
        self.block(later_ms=1)
        self.ballot(3, proposal, True, "CLOSED", EXPIRED)

    def test_a_withdrawn_proposal(self) -> None:
        proposal = self.propose(1, "SUSPEND_MEMBER", member=4)
        self.sent("WITHDRAW", 2, "NOT_PROPOSER", proposal=proposal)
        self.sent("WITHDRAW", 1, proposal=proposal)
        self.ballot(2, proposal, True, "CLOSED", WITHDRAWN)
        self.sent("WITHDRAW", 1, "CLOSED", proposal=proposal)
        self.sent("WITHDRAW", 1, "NO_PROPOSAL", proposal="11" * 32)

    def test_a_suspended_member_says_nothing_and_is_not_counted(self) -> None:
        proposal = self.propose(4, "SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.passed("SUSPEND_MEMBER", member=4)
        self.ballot(4, proposal, True, "SUSPENDED")
        self.propose(4, "SUSPEND_MEMBER", "SUSPENDED", member=1)
        self.sent("WITHDRAW", 4, "SUSPENDED", proposal=proposal)
        for member in (1, 2):
            self.ballot(member, proposal, outcome=OPEN)  # two of three
        self.ballot(3, proposal, outcome=PASSED)

    def test_a_vote_counts_again_when_its_member_is_restored(self) -> None:
        self.found(5, 5, 0)
        proposal = self.propose(5, "SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.passed("SUSPEND_MEMBER", member=5)
        self.ballot(1, proposal, outcome=OPEN)
        self.ballot(2, proposal, outcome=OPEN)  # two of four
        self.ballot(3, proposal, False, outcome=OPEN)
        self.passed("RESTORE_MEMBER", member=5)
        self.ballot(4, proposal, outcome=PASSED)  # one, two, four, five of five

    def test_who_leaves_may_decide_what_is_open(self) -> None:
        waiting = self.propose(1, "SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.ballot(2, waiting, outcome=OPEN)
        self.passed("SUSPEND_MEMBER", member=4)
        self.assertTrue(any(one.id.hex() == waiting for one in self.register.open))
        removal = self.propose(1, "SUSPEND_MEMBER", member=3)
        self.ballot(2, removal, outcome=OPEN)
        self.ballot(3, removal, outcome=PASSED)
        self.assertOutcome(waiting, PASSED)

    def test_who_leaves_may_reject_what_is_open(self) -> None:
        self.found(5, 5, 0)
        waiting = self.propose(5, "SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.ballot(1, waiting, False, outcome=OPEN)
        self.passed("SUSPEND_MEMBER", member=5)
        self.ballot(2, waiting, False, outcome=REJECTED)

    def test_who_joins_later_may_vote(self) -> None:
        proposal = self.propose(1, "SET_PARAMETER", parameter="heartbeat_ms", value=0)
        member = self.admitted()
        self.ballot(member, proposal, True, "UNKNOWN_KEY")  # its keys hold from the next height on
        self.block()
        self.ballot(member, proposal)

    def test_of_two_that_contradict_each_other_the_later_is_void(self) -> None:
        self.found(4, 5, 0)
        first = self.propose(1, "REMOVE_MEMBER", member=4)
        second = self.propose(2, "SUSPEND_MEMBER", member=4)
        for member in (2, 3):
            self.ballot(member, first)
        self.ballot(1, second)
        self.ballot(3, second, outcome=VOID)
        self.assertOutcome(first, PASSED)
        self.assertOutcome(second, VOID, "NO_MEMBER")

    def test_two_policies_of_one_version(self) -> None:
        first = self.propose(1, "SET_POLICY", version=2, years=5)
        second = self.propose(2, "SET_POLICY", version=2, years=7)
        for member in (3, 4):
            self.ballot(member, second)
            self.ballot(member, first)
        self.assertOutcome(second, PASSED)
        self.assertOutcome(first, VOID, "STALE_POLICY")

    def test_a_member_has_four_open_proposals(self) -> None:
        for value in range(4):
            self.propose(1, "SET_PARAMETER", parameter="base_timeout_ms", value=1 + value)
        self.propose(1, "SET_PARAMETER", "PROPOSALS_FULL", parameter="base_timeout_ms", value=9)
        self.propose(2, "SET_PARAMETER", parameter="base_timeout_ms", value=9)

    def proposes(self, member: int, verdict: str = "OK") -> None:
        """Something that it did not propose before."""
        self.fresh += 1
        self.propose(member, "SET_PARAMETER", verdict, parameter="base_timeout_ms", value=self.fresh)

    def test_of_sixteen_places_one_is_kept_for_each_voter(self) -> None:
        self.found(6, 6, 0)
        for member in (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4):
            self.proposes(member)
        self.proposes(4, "PROPOSALS_FULL")
        for member in (5, 6):
            self.proposes(member)
        self.proposes(5, "PROPOSALS_FULL")

    def test_a_place_that_is_kept_goes_with_who_votes_no_more(self) -> None:
        self.found(16, 4, 0)
        self.proposes(1)
        self.proposes(1, "PROPOSALS_FULL")
        suspension = self.propose(2, "SUSPEND_MEMBER", member=16)
        for member in range(3, 13):
            self.ballot(member, suspension)
        self.assertOutcome(suspension, PASSED)
        self.proposes(1)
        self.proposes(2)
        self.proposes(2, "PROPOSALS_FULL")

    def test_of_more_voters_than_places_each_has_one(self) -> None:
        self.found(18, 4, 0)
        for member in range(1, 17):
            self.proposes(member)
            self.proposes(member, "PROPOSALS_FULL")
        self.proposes(17, "PROPOSALS_FULL")

    def test_a_closing_time_lies_ahead_and_near(self) -> None:
        self.propose(1, "SUSPEND_MEMBER", "CLOSING_TIME", self.now, member=4)
        self.propose(1, "SUSPEND_MEMBER", "CLOSING_TIME", self.now + PROPOSAL_LIFETIME_MS + 1, member=4)
        self.propose(1, "SUSPEND_MEMBER", "OK", self.now + PROPOSAL_LIFETIME_MS, member=4)

    def test_the_last_64_closed_proposals_are_remembered(self) -> None:
        self.found(1, 4, 0)
        first = self.propose(1, "SET_PARAMETER", parameter="base_timeout_ms", value=1)
        for value in range(63):
            self.propose(1, "SET_PARAMETER", parameter="base_timeout_ms", value=2 + value)
        self.ballot(1, first, True, "CLOSED", PASSED)
        self.propose(1, "SET_PARAMETER", parameter="base_timeout_ms", value=99)
        self.ballot(1, first, True, "NO_PROPOSAL")


class Envelopes(Book):
    ACTION = {"action": {"kind": "SUSPEND_MEMBER", "member": 4}}

    def propose_with(self, wanted: str, **content: Any) -> None:
        member = content.pop("member", 1)
        self.sent("PROPOSE", member, wanted, closes_ms=self.now + DAY_MS, **self.ACTION, **content)

    def test_a_member_that_is_none(self) -> None:
        self.propose_with("UNKNOWN_MEMBER", member=9)

    def test_a_removed_member(self) -> None:
        self.found(5, 5, 0)
        self.passed("REMOVE_MEMBER", member=5)
        self.propose_with("UNKNOWN_MEMBER", member=5, key=240)
        self.sent("REVOKE_OWN_KEY", 5, "UNKNOWN_MEMBER", key=240, revoked_kind=SIGNING, revoked=104)

    def test_a_key_of_other_work_or_of_another_member(self) -> None:
        self.propose_with("UNKNOWN_KEY", key=100)
        self.propose_with("UNKNOWN_KEY", key=0)
        self.propose_with("UNKNOWN_KEY", key=210)
        self.propose_with("UNKNOWN_KEY", key=5000)

    def test_a_transaction_has_its_time(self) -> None:
        self.propose_with("OUT_OF_TIME", expires_ms=self.now)
        self.propose_with("OUT_OF_TIME", expires_ms=self.now + LIFETIME_MS + 1)
        self.propose_with("OK", expires_ms=self.now + LIFETIME_MS)

    def test_nothing_is_played_back(self) -> None:
        self.propose_with("OK", sequence=1)
        self.propose_with("OUT_OF_SEQUENCE", sequence=1)
        self.sent("BALLOT", 1, "OUT_OF_SEQUENCE", u64(2), proposal="00" * 32, yes=True, sequence=3)

    def test_a_refusal_uses_its_sequence_up(self) -> None:
        self.propose(1, "SUSPEND_MEMBER", "NO_MEMBER", member=77)
        self.propose_with("OUT_OF_SEQUENCE", sequence=1)
        self.propose_with("OK", sequence=2)

    def test_a_new_key_signs_from_the_next_height_on(self) -> None:
        key = self.new_key()
        self.passed("ADD_KEY", member=4, key_kind=BALLOT, key=key)
        self.sent("BALLOT", 4, "UNKNOWN_KEY", proposal="00" * 32, yes=True, key=key)
        self.block()
        self.sent("BALLOT", 4, "NO_PROPOSAL", proposal="00" * 32, yes=True, key=key)

    def test_a_revoked_key_signs_nothing_more(self) -> None:
        self.found(4, 4, 0, ballot_keys=2)
        self.sent("REVOKE_OWN_KEY", 1, key=200, revoked_kind=BALLOT, revoked=200)
        self.propose_with("UNKNOWN_KEY", key=200)
        self.propose_with("OK", key=201)


class Members(Book):
    def test_a_join_file_admits(self) -> None:
        member = self.admitted()
        self.assertEqual((member, self.register.members[member].since), (5, self.height + 1))
        self.assertEqual(len(self.register.live_keys(member, NODE)), 1)

    def test_a_join_file_for_another_network(self) -> None:
        self.propose(1, "ADMIT_MEMBER", "OTHER_NETWORK", **self.join(network="other"))

    def test_a_join_file_is_not_played_back(self) -> None:
        join = self.join()
        self.passed("ADMIT_MEMBER", **join)
        self.propose(1, "ADMIT_MEMBER", "NAME_TAKEN", **join)
        self.block()
        self.passed("REMOVE_MEMBER", member=5)
        self.block()
        self.propose(1, "ADMIT_MEMBER", "NAME_TAKEN" if "newcomer" in self.register.names() else "KEY_TAKEN", **join)
        self.propose(1, "ADMIT_MEMBER", "KEY_TAKEN", **{**join, "nodes": [self.node("other")]})
        self.passed("ADMIT_MEMBER", **self.join(nodes=[self.node("other")]))

    def test_names_are_taken(self) -> None:
        self.propose(1, "ADMIT_MEMBER", "NAME_TAKEN", **self.join("Member 2"))
        self.propose(1, "ADMIT_MEMBER", "NAME_TAKEN", **self.join(nodes=[self.node("a"), self.node("o0")]))

    def test_a_key_has_one_work(self) -> None:
        for key in (0, 50, 101, 210):
            self.propose(1, "ADMIT_MEMBER", "KEY_TAKEN", **self.join(signing=[key]))
            self.propose(1, "ADMIT_MEMBER", "KEY_TAKEN", **self.join(nodes=[self.node("n", key=key)]))

    def test_who_is_suspended_is_restored(self) -> None:
        self.propose(1, "RESTORE_MEMBER", "WRONG_STATUS", member=4)
        self.passed("SUSPEND_MEMBER", member=4)
        self.propose(1, "SUSPEND_MEMBER", "WRONG_STATUS", member=4)
        self.passed("RESTORE_MEMBER", member=4)
        self.ballot(4, "00" * 32, True, "NO_PROPOSAL")

    def test_a_suspended_members_nodes_go_on(self) -> None:
        self.passed("SUSPEND_MEMBER", member=4)
        self.end()
        self.assertIsNone(self.register.next)
        self.begin()

    def test_removal_is_for_good(self) -> None:
        self.new_validator()
        self.passed("REMOVE_MEMBER", member=4)
        self.assertEqual(self.register.members[4].status, REMOVED)
        self.assertEqual([key for kind in (NODE, SIGNING, BALLOT) for key in self.register.live_keys(4, kind)], [])
        self.propose(1, "RESTORE_MEMBER", "NO_MEMBER", member=4)
        self.propose(1, "ADD_KEY", "NO_MEMBER", member=4, key_kind=BALLOT, key=self.new_key())
        self.propose(1, "REMOVE_MEMBER", "NO_MEMBER", member=4)
        self.block()
        self.block(sealed=True)
        self.assertEqual({self.register.keys[key].member for key in self.register.terms.keys}, {1, 2, 3})
        self.assertEqual(len(self.register.nodes), 5)

    def test_fewer_than_four_validators_are_not_left(self) -> None:
        self.propose(1, "REMOVE_MEMBER", "TOO_FEW_VALIDATORS", member=4)
        self.passed("ADD_NODE", member=1, node=self.node("five"))
        self.propose(1, "REMOVE_MEMBER", "TOO_FEW_VALIDATORS", member=4)  # the fifth has not shown that it is synced

    def test_the_last_voter_stays(self) -> None:
        self.found(2, 5, 0)
        self.passed("SUSPEND_MEMBER", member=2)
        self.propose(1, "SUSPEND_MEMBER", "LAST_VOTER", member=1)
        self.propose(1, "REMOVE_MEMBER", "LAST_VOTER", member=1)
        self.propose(1, "REVOKE_KEY", "LAST_VOTER", member=1, key_kind=BALLOT, old_key=200)
        self.propose(1, "REVOKE_KEY", member=2, key_kind=BALLOT, old_key=210)

    def test_the_last_voter_has_a_key_to_spare(self) -> None:
        self.found(1, 4, 0, ballot_keys=2)
        self.passed("REVOKE_KEY", member=1, key_kind=BALLOT, old_key=201)
        self.propose(1, "REVOKE_KEY", "LAST_VOTER", member=1, key_kind=BALLOT, old_key=200)

    def test_of_two_who_remove_each_other_one_stays(self) -> None:
        self.found(2, 6, 0)
        first = self.propose(1, "SUSPEND_MEMBER", member=2)
        second = self.propose(2, "SUSPEND_MEMBER", member=1)
        self.ballot(2, first, outcome=PASSED)
        self.assertIn(1, self.register.voters())
        self.ballot(1, second, outcome=VOID)
        self.assertOutcome(second, VOID, "LAST_VOTER")


class Keys(Book):
    def test_a_key_is_added(self) -> None:
        self.passed("ADD_KEY", member=2, key_kind=SIGNING, key=self.new_key())
        self.propose(1, "ADD_KEY", "KEY_TAKEN", member=2, key_kind=SIGNING, key=self.fresh)
        self.propose(1, "ADD_KEY", "KEY_TAKEN", member=2, key_kind=BALLOT, key=3)
        self.propose(1, "ADD_KEY", "NO_MEMBER", member=9, key_kind=BALLOT, key=self.new_key())

    def test_a_member_has_eight_keys_of_a_kind(self) -> None:
        self.found(1, 4, 0, ballot_keys=8)
        self.propose(1, "ADD_KEY", "REGISTER_FULL", member=1, key_kind=BALLOT, key=self.new_key())
        self.passed("ADD_KEY", member=1, key_kind=SIGNING, key=self.new_key())
        self.sent("REVOKE_OWN_KEY", 1, key=200, revoked_kind=BALLOT, revoked=207)
        self.passed("ADD_KEY", member=1, key_kind=BALLOT, key=self.new_key())

    def test_keys_rotate(self) -> None:
        for kind, old in ((SIGNING, 101), (BALLOT, 210), (NODE, 1)):
            self.passed("ROTATE_KEY", member=2, key_kind=kind, old_key=old, key=self.new_key())
            self.propose(1, "ROTATE_KEY", "NO_KEY", member=2, key_kind=kind, old_key=old, key=self.new_key())
            self.assertEqual((self.register.keys[old].until, self.register.keys[self.fresh - 1].since), (self.height + 1,) * 2)
            self.block()
        self.propose(1, "ROTATE_KEY", "KEY_TAKEN", member=3, key_kind=SIGNING, old_key=102, key=101)
        self.propose(1, "ROTATE_KEY", "NO_KEY", member=3, key_kind=SIGNING, old_key=103, key=self.new_key())
        self.propose(1, "ROTATE_KEY", "NO_KEY", member=3, key_kind=BALLOT, old_key=102, key=self.new_key())
        self.block()
        self.block(sealed=True)
        self.assertEqual(len(self.register.terms.keys), 4)
        self.assertNotIn(1, self.register.terms.keys)

    def test_a_rotated_validator_stays_one_while_it_waits_for_the_epoch(self) -> None:
        self.passed("ROTATE_KEY", member=2, key_kind=NODE, old_key=1, key=self.new_key())
        self.block()
        self.passed("ROTATE_KEY", member=2, key_kind=NODE, old_key=self.fresh, key=self.new_key())
        self.block(sealed=True)
        self.assertIn(self.fresh - 1, self.register.terms.keys)
        self.block(sealed=True)
        self.assertIn(self.fresh, self.register.terms.keys)
        self.ready(2, "NOT_WANTED")

    def test_the_others_revoke_a_stolen_last_ballot_key(self) -> None:
        self.passed("REVOKE_KEY", member=4, key_kind=BALLOT, old_key=230)
        self.ballot(4, "00" * 32, True, "UNKNOWN_KEY")
        self.assertEqual(self.register.voters(), {1, 2, 3})
        self.passed("ADD_KEY", member=4, key_kind=BALLOT, key=self.new_key())
        self.block()
        self.ballot(4, "00" * 32, True, "NO_PROPOSAL")

    def test_a_key_that_is_not_in_force_is_not_revoked(self) -> None:
        self.passed("REVOKE_KEY", member=4, key_kind=SIGNING, old_key=103)
        self.propose(1, "REVOKE_KEY", "NO_KEY", member=4, key_kind=SIGNING, old_key=103)
        self.propose(1, "REVOKE_KEY", "NO_KEY", member=4, key_kind=SIGNING, old_key=102)
        self.propose(1, "REVOKE_KEY", "NO_KEY", member=4, key_kind=BALLOT, old_key=3)
        self.propose(1, "REVOKE_KEY", "TOO_FEW_VALIDATORS", member=4, key_kind=NODE, old_key=3)
        self.passed("REVOKE_KEY", member=1, key_kind=NODE, old_key=50)  # the observer goes

    def test_a_member_revokes_its_own_key_at_once(self) -> None:
        self.found(4, 5, 0, ballot_keys=2)
        self.sent("REVOKE_OWN_KEY", 2, revoked_kind=SIGNING, revoked=101)
        self.sent("REVOKE_OWN_KEY", 2, "NO_KEY", revoked_kind=SIGNING, revoked=101)
        self.sent("REVOKE_OWN_KEY", 2, "NO_KEY", revoked_kind=SIGNING, revoked=102)
        self.sent("REVOKE_OWN_KEY", 2, revoked_kind=BALLOT, revoked=210)
        self.sent("REVOKE_OWN_KEY", 2, "LAST_KEY", revoked_kind=BALLOT, revoked=211)
        self.sent("REVOKE_OWN_KEY", 2, revoked_kind=NODE, revoked=1)
        self.sent("REVOKE_OWN_KEY", 3, "TOO_FEW_VALIDATORS", revoked_kind=NODE, revoked=2)

    def test_a_suspended_member_still_revokes_its_own_key(self) -> None:
        self.passed("SUSPEND_MEMBER", member=4)
        self.sent("REVOKE_OWN_KEY", 4, revoked_kind=SIGNING, revoked=103)


class Validators(Book):
    def test_four_become_five(self) -> None:
        node = self.new_validator()
        self.end()
        self.assertEqual((len(self.register.next.keys), self.register.settled), (5, self.height))
        self.begin()
        self.block(sealed=True)
        self.assertEqual((self.register.epoch, self.register.epoch_from), (2, self.height))
        self.assertIn(self.register.nodes[node].key, self.register.terms.keys)
        self.assertIsNone(self.register.next)

    def test_a_new_validator_waits_until_it_is_synced(self) -> None:
        self.passed("ADD_NODE", member=1, node=self.node("five"))
        self.block()
        self.assertIsNone(self.register.next)
        for wrong in ({"height": self.height}, {"height": 0}, {"epoch": 2}, {"epoch": 0}, {"chain": False}, {"certified": False}):
            self.ready(6, "CHECKPOINT", **wrong)
        self.ready(6)
        self.ready(6, "NOT_WANTED")

    def test_what_it_shows_is_recent(self) -> None:
        self.passed("ADD_NODE", member=1, node=self.node("five"))
        self.block()
        self.end()
        self.height += READY_LAG
        self.begin()
        self.ready(6, "CHECKPOINT", height=self.height - READY_LAG - 1)
        self.ready(6, height=self.height - READY_LAG)

    def test_who_may_say_that_it_is_ready(self) -> None:
        self.passed("ADD_NODE", member=1, node=self.node("five"))
        self.ready(6, "UNKNOWN_KEY", height=1)  # its key holds from the next height on
        self.block()
        self.ready(6, "UNKNOWN_KEY", key=200)
        self.ready(6, "UNKNOWN_KEY", member=2)
        self.ready(6, "UNKNOWN_MEMBER", member=9)
        self.ready(6, "OUT_OF_TIME", expires_ms=self.now)
        self.ready(5, "NOT_WANTED")  # the observer
        self.ready(1, "NOT_WANTED")  # votes already

    def test_an_observer_is_promoted(self) -> None:
        self.passed("SET_VALIDATORS", nodes=[[5, True]])
        self.block()
        self.ready(5)
        self.block()
        self.block(sealed=True)
        self.assertEqual(len(self.register.terms.keys), 5)
        self.propose(1, "SET_VALIDATORS", "NO_CHANGE", nodes=[[5, True]])

    def test_a_validator_is_demoted(self) -> None:
        self.propose(1, "SET_VALIDATORS", "TOO_FEW_VALIDATORS", nodes=[[4, False]])
        self.propose(1, "SET_VALIDATORS", "TOO_FEW_VALIDATORS", nodes=[[4, False], [5, True]])
        node = self.new_validator()
        self.passed("SET_VALIDATORS", nodes=[[4, False]])
        self.propose(1, "SET_VALIDATORS", "TOO_FEW_VALIDATORS", nodes=[[node, False]])
        self.propose(1, "SET_VALIDATORS", "NO_NODE", nodes=[[77, True]])

    def test_one_for_another(self) -> None:
        node = self.new_validator()
        self.passed("SET_VALIDATORS", nodes=[[4, False]])
        self.propose(1, "SET_VALIDATORS", "TOO_FEW_VALIDATORS", nodes=[[5, True], [node, False]])
        self.passed("SET_VALIDATORS", nodes=[[4, True], [node, False]])  # the fourth votes still

    def test_a_vote_for_validators_is_whole_or_not_at_all(self) -> None:
        self.propose(1, "SET_VALIDATORS", "NO_CHANGE", nodes=[[1, True], [5, True]])
        self.assertFalse(self.register.nodes[5].wanted)

    def test_the_next_set_is_settled_once(self) -> None:
        self.new_validator("five")
        self.block()
        settled = self.register.next
        self.new_validator("six")
        self.block()
        self.assertIs(self.register.next, settled)
        self.block(sealed=True)
        self.assertEqual((len(self.register.terms.keys), len(self.register.next.keys)), (5, 6))
        self.block(sealed=True)
        self.assertEqual((len(self.register.terms.keys), self.register.epoch), (6, 3))

    def test_who_voted_until_the_seal_is_synced(self) -> None:
        node = self.new_validator()
        self.passed("SET_VALIDATORS", nodes=[[4, False]])
        self.block()  # settled without the fourth
        self.passed("SET_VALIDATORS", nodes=[[4, True]])
        self.passed("SET_VALIDATORS", nodes=[[node, False]])
        self.block(sealed=True)
        self.assertEqual(self.register.counting(), {1, 2, 3, 4})
        self.block(sealed=True)
        self.assertEqual(self.register.terms.keys, {0, 1, 2, 3})

    def test_a_node_that_ended_stays_as_long_as_its_key_votes(self) -> None:
        node = self.new_validator()
        self.block()  # settled with it
        self.passed("REVOKE_KEY", member=1, key_kind=NODE, old_key=self.register.nodes[node].key)
        self.block(sealed=True)
        self.assertIn(node, self.register.nodes)
        self.propose(1, "SET_VALIDATORS", "NO_NODE", nodes=[[node, True]])
        self.propose(1, "ADD_NODE", "NAME_TAKEN", member=1, node=self.node("five"))
        self.block(sealed=True)
        self.assertNotIn(node, self.register.nodes)
        self.propose(1, "ADD_NODE", member=1, node=self.node("five"))

    def test_a_node_is_added(self) -> None:
        self.propose(1, "ADD_NODE", "NO_MEMBER", member=9, node=self.node("x"))
        self.propose(1, "ADD_NODE", "NAME_TAKEN", member=1, node=self.node("v0"))
        self.propose(1, "ADD_NODE", "KEY_TAKEN", member=1, node=self.node("x", key=0))
        self.passed("ADD_NODE", member=1, node=self.node("x", validator=False))


class Terms(Book):
    def test_the_policy_changes_by_one_version(self) -> None:
        self.propose(1, "SET_POLICY", "STALE_POLICY", version=1, years=5)
        self.propose(1, "SET_POLICY", "STALE_POLICY", version=3, years=5)
        self.passed("SET_POLICY", version=2, years=7)
        self.assertEqual(self.register.policy_from, self.height + 1)

    def test_parameters_hold_from_the_next_epoch_on(self) -> None:
        self.propose(1, "SET_PARAMETER", "NO_CHANGE", parameter="base_timeout_ms", value=400)
        self.passed("SET_PARAMETER", parameter="base_timeout_ms", value=30_000)
        self.passed("SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.block()
        self.assertEqual(self.register.terms.base_timeout_ms, 400)
        self.block(sealed=True)
        self.assertEqual((self.register.terms.base_timeout_ms, self.register.terms.heartbeat_ms), (30_000, 0))

    def test_a_change_that_is_taken_back_wants_no_epoch(self) -> None:
        self.passed("SET_PARAMETER", parameter="heartbeat_ms", value=0)
        self.passed("SET_PARAMETER", parameter="heartbeat_ms", value=10_000)
        self.end()
        self.assertIsNone(self.register.next)
        self.begin()

    def test_a_flag_is_switched_on_at_a_height_to_come(self) -> None:
        self.propose(1, "SET_FLAG", "HEIGHT_PASSED", flag=2, height=self.height)
        late = self.propose(1, "SET_FLAG", flag=1, height=self.height + 1)
        self.passed("SET_FLAG", flag=2, height=self.height + 1)
        self.propose(1, "SET_FLAG", "NO_CHANGE", flag=2, height=self.height + 9)
        self.block()
        self.ballot(2, late)
        self.ballot(3, late, outcome=VOID)
        self.assertOutcome(late, VOID, "HEIGHT_PASSED")

    def test_there_are_32_flags(self) -> None:
        self.found(1, 4, 0)
        for flag in range(32, 0, -1):
            self.passed("SET_FLAG", flag=flag, height=100)
        self.propose(1, "SET_FLAG", "REGISTER_FULL", flag=33, height=100)


CASES = (Deciding, Envelopes, Members, Keys, Validators, Terms)

if __name__ == "__main__":
    unittest.main()
