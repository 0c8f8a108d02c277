#!/usr/bin/python3
"""Random sequences of governance transactions, ruled on by the model and by the rules that a node runs:
governance_sequences.py PLAY_GOVERNANCE [SEED STEPS]

One seed and 20,000 steps, or 300,000 where TALLY_TEST_FULL is 1. PLAY_GOVERNANCE is the program of play_governance.c: it compares
each ruling with its detail, and the register's root after each transaction and each block. Every ruling that can be reached must be.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from typing import Any, Optional, TextIO

from governance import (BALLOT, CODES, KINDS, LIFETIME_MS, MINUTE_MS, NODE, PARAMETERS, PROPOSAL_LIFETIME_MS, READY_LAG, SIGNING,
                        Node, Proposal, Register, Verdict)

CHAIN_ID = hashlib.sha256(b"\x1echain").digest()  # sample_digest("chain")
START_MS = 1_700_000_000_000
WORLD_STEPS = 250


class Writer:
    """The lines of play_governance.c."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def line(self, **content: Any) -> None:
        self.out.write(json.dumps(content) + "\n")

    def world(self, register: Register, name: str) -> None:
        self.line(world=name, genesis=register.genesis, root=register.root().hex())

    def begin(self, register: Register) -> None:
        self.line(begin=[register.height, register.now_ms])

    def step(self, register: Register, transaction: dict[str, Any], verdict: Verdict) -> None:
        self.line(transaction=transaction, code=CODES[verdict[0]], detail=verdict[1].hex(), root=register.root().hex())

    def end(self, register: Register, sealed: bool) -> None:
        self.line(end=sealed, root=register.root().hex())


def genesis(members: int, validators: int, observers: int, ballot_keys: int = 1) -> dict[str, Any]:
    """A network of sample keys: a node's number is below 100, a member's signing keys lie from 100 on, its ballot keys from 200."""
    return {
        "network": "net", "base_timeout_ms": 400, "heartbeat_ms": 10_000,
        "members": [{"id": 1 + i, "name": f"Member {1 + i}", "role": 1 + i % 4, "signing": [100 + i],
                     "ballot": [200 + 10 * i + k for k in range(ballot_keys)]} for i in range(members)],
        "validators": [{"name": f"v{i}", "member": 1 + i % members, "key": i} for i in range(validators)],
        "observers": [{"name": f"o{i}", "member": 1 + i % members, "key": 50 + i} for i in range(observers)],
    }


class Player:
    """One world: makes transactions that are mostly sensible."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.chance = chance
        self.register = Register(genesis(chance.randint(1, 6), chance.randint(4, 7), chance.randint(0, 2), chance.choice((1, 1, 2, 7))),
                                 CHAIN_ID)
        self.fresh = 1000
        self.name = f"{number}"
        self.height, self.now_ms = 0, START_MS

    # -- What there is to choose from --

    def one(self, choices: Any) -> Any:
        listed = list(choices)
        return self.chance.choice(listed) if listed else None

    def often(self, part: float) -> bool:
        return self.chance.random() < part

    def new_key(self) -> int:
        """Rarely one that stands already."""
        if self.often(0.04):
            return self.one(self.register.keys)
        self.fresh += 1
        return self.fresh

    def member(self) -> int:
        return 99 if self.often(0.02) else self.one(self.register.members)

    def voter(self) -> int:
        return self.one(self.register.voters()) if self.often(0.93) else self.one(self.register.members)

    def live(self, member: int, kind: int) -> Optional[int]:
        keys = self.register.keys if self.often(0.03) else [key.number for key in self.register.live_keys(member, kind)]
        return self.one(keys)

    # -- Transactions --

    def envelope(self, kind: str, member: int, **content: Any) -> dict[str, Any]:
        register = self.register
        sequence = register.members[member].sequence + 1 if member in register.members else 1
        key = self.live(member, BALLOT)
        transaction = {"kind": kind, "member": member, "key": key if key is not None else 200, "sequence": sequence,
                       "expires_ms": register.now_ms + self.chance.randint(1, LIFETIME_MS), **content}
        if self.often(0.01):
            transaction["sequence"] += 1
        if self.often(0.01):
            transaction["expires_ms"] = self.one((register.now_ms, register.now_ms + LIFETIME_MS + 1, 1))
        if self.often(0.005):
            transaction["member"] = 98
        return transaction

    def new_node(self) -> dict[str, Any]:
        self.fresh += 1
        name = self.one(self.register.names()) if self.often(0.04) else f"n{self.fresh}"
        return {"name": name, "address": f"host-{self.fresh}:7000", "key": self.new_key(), "validator": self.often(0.7)}

    def join(self) -> dict[str, Any]:
        self.fresh += 1
        members = self.register.members.values()
        name = self.one(members).name if self.often(0.04) else f"Bänk {self.fresh}"
        nodes = [self.new_node() for _ in range(self.chance.choice((1, 1, 1, 2, 4)))]
        return {"kind": "ADMIT_MEMBER", "network": "other" if self.often(0.02) else "net", "name": name,
                "type": "commercial bank", "licence": self.one(("", "L-7")), "role": self.chance.randint(1, 4),
                "signing": [self.new_key() for _ in range(self.chance.randint(0, 2))],
                "ballot": [self.new_key() for _ in range(self.chance.choice((1, 1, 2)))],
                "nodes": nodes}

    def key_action(self, kind: str) -> Optional[dict[str, Any]]:
        member = self.member()
        key_kind = self.one((SIGNING, BALLOT) if kind == "ADD_KEY" else (NODE, SIGNING, BALLOT))
        action = {"kind": kind, "member": member, "key_kind": key_kind}
        if kind != "REVOKE_KEY":
            action["key"] = self.new_key()
        if kind != "ADD_KEY":
            old = self.live(member, key_kind)
            if old is None or old == action.get("key"):
                return None
            action["old_key"] = old
        return action

    def choices(self) -> Optional[dict[str, Any]]:
        nodes = [node for node in self.register.nodes.values() if not node.until or self.often(0.1)]
        chosen = self.chance.sample(nodes, min(len(nodes), self.chance.choice((1, 1, 2, 3))))
        listed = sorted([node.id, not node.wanted if self.often(0.97) else node.wanted] for node in chosen)
        if self.often(0.02):
            listed.append([1000, True])
        return {"kind": "SET_VALIDATORS", "nodes": listed} if listed else None

    def action(self) -> Optional[dict[str, Any]]:
        register, kind = self.register, self.one(KINDS + ("SET_VALIDATORS", "ADD_KEY"))
        if kind == "ADMIT_MEMBER":
            return self.join() if len(register.members) < 24 else None
        if kind in ("ADD_KEY", "ROTATE_KEY", "REVOKE_KEY"):
            return self.key_action(kind)
        if kind == "ADD_NODE":
            return {"kind": kind, "member": self.member(), "node": self.new_node()}
        if kind == "SET_VALIDATORS":
            return self.choices()
        if kind == "SET_POLICY":
            return {"kind": kind, "version": register.policy_version + self.chance.choice((1, 1, 1, 2)),
                    "years": self.chance.randint(1, 9)}
        if kind == "SET_PARAMETER":
            name = self.one(PARAMETERS)
            value = register.parameters[name] if self.often(0.1) else self.chance.randint(1, 30_000)
            return {"kind": kind, "parameter": name, "value": value}
        if kind == "SET_FLAG":
            return {"kind": kind, "flag": self.chance.randint(1, 20), "height": max(1, register.height + self.chance.randint(-2, 30))}
        return {"kind": kind, "member": self.member()}

    def propose(self) -> Optional[dict[str, Any]]:
        action = self.action()
        if action is None:
            return None
        new = action.get("signing", []) + action.get("ballot", []) + [node["key"] for node in action.get("nodes", [])
                                                                      if isinstance(node, dict)]
        names = [node["name"] for node in action.get("nodes", []) if isinstance(node, dict)]
        if len(set(new)) < len(new) or len(set(names)) < len(names):
            return None  # such a one has no form
        closes = self.register.now_ms + self.chance.choice((MINUTE_MS, 60 * MINUTE_MS, 3000 * MINUTE_MS))
        if self.often(0.02):
            closes = self.one((self.register.now_ms, self.register.now_ms + PROPOSAL_LIFETIME_MS + 1))
        return self.envelope("PROPOSE", self.voter(), action=action, closes_ms=closes)

    def proposal(self) -> bytes:
        """Mostly an open one."""
        known: list[Proposal] = self.register.open if self.register.open and self.often(0.95) else \
            [one[0] for one in self.register.closed]
        return self.one(known).id if known and self.often(0.99) else bytes(32)

    def ballot(self) -> dict[str, Any]:
        proposal = self.proposal()
        voted = [one.ballots for one in self.register.open if one.id == proposal]
        waiting = self.register.voters() - set(voted[0]) if voted else set()
        member = self.one(waiting) if waiting and self.often(0.9) else self.voter()
        return self.envelope("BALLOT", member, proposal=proposal.hex(), yes=self.often(0.8))

    def withdraw(self) -> dict[str, Any]:
        proposal = self.proposal()
        owner = [one.member for one in self.register.open if one.id == proposal]
        return self.envelope("WITHDRAW", owner[0] if owner and self.often(0.6) else self.voter(), proposal=proposal.hex())

    def revoke(self) -> Optional[dict[str, Any]]:
        member, kind = self.one(self.register.members), self.one((NODE, SIGNING, BALLOT))
        key = self.live(member, kind)
        return None if key is None else self.envelope("REVOKE_OWN_KEY", member, revoked_kind=kind, revoked=key)

    def ready(self) -> Optional[dict[str, Any]]:
        register = self.register
        waiting = [node for node in register.nodes.values() if node.wanted and not register.counts(node)]
        node: Optional[Node] = self.one(waiting) if waiting and self.often(0.9) else self.one(register.nodes.values())
        if node is None:
            return None
        height = max(1, register.height - self.chance.choice((1, 1, 2, 5)))
        if self.often(0.1):
            height = max(1, register.height + self.one((0, 1, -READY_LAG, -READY_LAG - 1)))
        shown = {"height": height, "epoch": register.epoch + self.chance.choice((0,) * 20 + (1,)),
                 "chain": self.often(0.97), "certified": self.often(0.95)}
        transaction = self.envelope("READY", node.member, checkpoint=shown)
        return {**transaction, "sequence": 0, "key": node.key if self.often(0.97) else self.one(register.keys)}

    def transaction(self) -> dict[str, Any]:
        while True:
            kind = self.chance.choices((self.propose, self.ballot, self.withdraw, self.revoke, self.ready), (34, 48, 3, 5, 10))[0]
            made = kind()
            if made is not None:
                return made


class Coverage:
    """What a run reached."""

    def __init__(self) -> None:
        self.rulings: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[tuple[str, int]] = Counter()
        self.seals = 0

    def problems(self) -> list[str]:
        missing = set(CODES) - {ruling for _, ruling in self.rulings}
        unpassed = set(KINDS) - {kind for kind, outcome in self.outcomes if outcome == 1}
        return [f"never reached: {', '.join(sorted(what))}" for what in (missing, unpassed) if what]


def run(seed: int, steps: int, writer: Writer) -> Coverage:
    chance, coverage, taken, number = random.Random(seed), Coverage(), 0, 0
    while taken < steps:
        number += 1
        player = Player(chance, number)
        register = player.register
        writer.world(register, player.name)
        for _ in range(WORLD_STEPS // 4):
            closed = {one[0].number for one in register.closed}
            register.begin(register.height + chance.choice((1, 1, 1, 2, 40)),
                           max(register.now_ms, START_MS) + chance.choice((1, 1000, 5000, 2 * MINUTE_MS)))
            writer.begin(register)
            for _ in range(chance.randint(0, 8)):
                transaction = player.transaction()
                verdict = register.apply(transaction)
                writer.step(register, transaction, verdict)
                coverage.rulings[transaction["kind"], verdict[0]] += 1
                taken += 1
            for proposal, outcome, _, _ in register.closed:
                if proposal.number not in closed:
                    coverage.outcomes[proposal.action["kind"], outcome] += 1
            sealed = register.next is not None and chance.random() < 0.5
            coverage.seals += sealed
            register.end(sealed)
            writer.end(register, sealed)
    return coverage


def main() -> int:
    program = sys.argv[1]
    full = os.environ.get("TALLY_TEST_FULL") == "1"
    seed, steps = (int(word) for word in sys.argv[2:4]) if len(sys.argv) > 2 else (1, 300_000 if full else 20_000)
    began = time.monotonic()
    with subprocess.Popen([program], stdin=subprocess.PIPE) as player:
        assert player.stdin is not None
        try:
            with io.TextIOWrapper(player.stdin, encoding="ascii", write_through=False) as out:
                coverage = run(seed, steps, Writer(out))
        except BrokenPipeError:  # it has found a difference, and said so
            return player.wait() or 1
        status = player.wait()
    print(f"{sum(coverage.rulings.values())} steps, {coverage.seals} seals in {time.monotonic() - began:.1f} s")
    for (kind, ruling), count in sorted(coverage.rulings.items()):
        print(f"  {kind:15} {ruling:20} {count}")
    for (kind, outcome), count in sorted(coverage.outcomes.items()):
        print(f"  {kind:15} {('open', 'passed', 'void', 'rejected', 'expired', 'withdrawn')[outcome]:20} {count}")
    problems = coverage.problems() if steps >= 20_000 else []
    for problem in problems:
        print(problem)
    return status or (1 if problems else 0)


if __name__ == "__main__":
    sys.exit(main())
