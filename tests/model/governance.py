"""The rules of membership as a reference model: small, slow and plain, to be compared with those that a node runs.

It was written from node/governance/README.md: what is decided, when it holds, and the bytes of it. Keys are named by number;
`public_key` makes the sample key of a number, as tests/vectors/samples.h does. Signatures do not exist here, save that a checkpoint is
certified or is not.

    register = Register(genesis)
    register.begin(height, time_ms)
    ruling, detail = register.apply(transaction)
    register.end(sealed)
    register.bytes()
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Optional

ACTIVE, SUSPENDED, REMOVED = 1, 2, 3
NODE, SIGNING, BALLOT = 1, 2, 3
KINDS = ("ADMIT_MEMBER", "SUSPEND_MEMBER", "RESTORE_MEMBER", "REMOVE_MEMBER", "ADD_KEY", "ROTATE_KEY", "REVOKE_KEY", "ADD_NODE",
         "SET_VALIDATORS", "SET_POLICY", "SET_PARAMETER", "SET_FLAG")
OPEN, PASSED, VOID, REJECTED, EXPIRED, WITHDRAWN = range(6)
RULINGS = ("UNKNOWN_MEMBER", "UNKNOWN_KEY", "OUT_OF_TIME", "OUT_OF_SEQUENCE", "SUSPENDED", "NO_PROPOSAL", "CLOSED", "BALLOTED",
           "NOT_PROPOSER", "CLOSING_TIME", "PROPOSALS_FULL", "OTHER_NETWORK", "NO_MEMBER", "WRONG_STATUS", "KEY_TAKEN", "NO_KEY",
           "LAST_KEY", "LAST_VOTER", "TOO_FEW_VALIDATORS", "REGISTER_FULL", "NAME_TAKEN", "NO_NODE", "NO_CHANGE", "STALE_POLICY",
           "HEIGHT_PASSED", "NOT_WANTED", "CHECKPOINT")
CODES = {"OK": 0, **{name: 64 + place for place, name in enumerate(RULINGS)}}
PARAMETERS = ("base_timeout_ms", "heartbeat_ms")

MINUTE_MS = 60_000
LIFETIME_MS = 10 * MINUTE_MS
PROPOSAL_LIFETIME_MS = 90 * 24 * 60 * MINUTE_MS
READY_LAG = 256
VALIDATORS_MIN, VALIDATORS_MAX, NODES_MAX = 4, 64, 128
MEMBERS_MAX, KEYS_MAX, KEYS_OF_MEMBER_MAX, FLAGS_MAX = 256, 1024, 8, 32
OPEN_MAX, OPEN_OF_MEMBER_MAX, CLOSED_MAX = 16, 4, 64

# ---- Bytes ----

P = 2**256 - 2**32 - 977
BASE = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def add_points(a: Optional[tuple[int, int]], b: tuple[int, int]) -> tuple[int, int]:
    """On secp256k1; never of a point and its negative here."""
    if a is None:
        return b
    slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def sample_digest(seed: bytes, number: int) -> bytes:
    return hashlib.sha256(b"\x1e" + seed + number.to_bytes(4, "big")).digest()


@functools.lru_cache(maxsize=None)
def public_key(number: int) -> bytes:
    """The sample key of a number, compressed."""
    secret = int.from_bytes(sample_digest(b"key", number), "big")
    point, power = None, BASE
    while secret:
        if secret & 1:
            point = add_points(point, power)
        power = add_points(power, power)
        secret >>= 1
    assert point is not None
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def text(value: str) -> bytes:
    return u8(len(value.encode())) + value.encode()


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += u8(value & 0x7F | 0x80)
        value >>= 7
    return out + u8(value)


def policy_text(version: int, years: int) -> str:
    """A policy as it is printed, of which two things differ here."""
    policy = {"name": "test", "version": version,
              "reservations": {"live_max": 0, "lenders_max": 0, "accounts_max": 0, "cooling_off_days": 0, "amount_caps": [],
                               "life_ms_max": 1000, "authorization_from_ms": None},
              "access": {"purposes": ["CREDIT_DECISION"], "legal_bases": {"lender": [], "bureau": [], "regulator": [], "operator": []},
                         "answer_ttl_ms": 60000},
              "retention": {"from": "END", "years": years},
              "disputes": {"days": 20, "extension_days": 0, "unverifiable": "KEEP"}}
    return json.dumps(policy, indent=2) + "\n"


def number_field(place: int, value: int) -> bytes:
    """Nothing where it has its default."""
    return varint(place << 3) + varint(value) if value else b""


def bytes_field(place: int, value: bytes, always: bool = False) -> bytes:
    return varint(place << 3 | 2) + varint(len(value)) + value if value or always else b""


def message(*parts: bytes) -> bytes:
    return b"".join(parts)


def node_message(node: dict[str, Any]) -> bytes:
    return message(bytes_field(1, node["name"].encode()), bytes_field(2, node["address"].encode()),
                   bytes_field(3, public_key(node["key"])), number_field(4, node["validator"]))


def keys_of(numbers: list[int]) -> bytes:
    return b"".join(public_key(number) for number in numbers)


def inner_action(action: dict[str, Any]) -> bytes:
    kind = action["kind"]
    if kind == "ADMIT_MEMBER":
        return message(bytes_field(1, action["network"].encode()), bytes_field(2, action["name"].encode()),
                       bytes_field(3, action["type"].encode()), bytes_field(4, action["licence"].encode()),
                       number_field(5, action["role"]), bytes_field(6, keys_of(action["signing"])),
                       bytes_field(7, keys_of(action["ballot"])),
                       *(bytes_field(8, node_message(node), True) for node in action["nodes"]))
    if kind in ("SUSPEND_MEMBER", "RESTORE_MEMBER", "REMOVE_MEMBER"):
        return number_field(1, action["member"])
    if kind in ("ADD_KEY", "ROTATE_KEY", "REVOKE_KEY"):
        return message(number_field(1, action["member"]), number_field(2, action["key_kind"]),
                       bytes_field(3, public_key(action["key"]) if "key" in action else b""),
                       bytes_field(4, public_key(action["old_key"]) if "old_key" in action else b""))
    if kind == "ADD_NODE":
        return message(number_field(1, action["member"]), bytes_field(2, node_message(action["node"]), True))
    if kind == "SET_VALIDATORS":
        return b"".join(bytes_field(1, message(number_field(1, node), number_field(2, wanted)), True)
                        for node, wanted in action["nodes"])
    if kind == "SET_POLICY":
        return bytes_field(1, policy_text(action["version"], action["years"]).encode())
    if kind == "SET_PARAMETER":
        return message(number_field(1, 1 + PARAMETERS.index(action["parameter"])), number_field(2, action["value"]))
    return message(number_field(1, action["flag"]), number_field(2, action["height"]))


def action_bytes(action: dict[str, Any]) -> bytes:
    return bytes_field(1 + KINDS.index(action["kind"]), inner_action(action), True)


def transaction_id(chain_id: bytes, transaction: dict[str, Any]) -> bytes:
    """Of a PROPOSE: nobody names the others."""
    propose = message(bytes_field(1, action_bytes(transaction["action"])), number_field(2, transaction["closes_ms"]))
    body = bytes_field(1, propose, True)
    return hashlib.sha256(b"\x29" + chain_id + u32(transaction["member"]) + public_key(transaction["key"]) +
                          u64(transaction["expires_ms"]) + u64(transaction["sequence"]) + u32(len(body)) + body).digest()


# ---- The register ----


@dataclass
class Member:
    id: int
    name: str
    kind: str
    licence: str
    role: int
    since: int = 0
    status: int = ACTIVE
    status_since: int = 0
    sequence: int = 0


@dataclass
class Key:
    member: int
    kind: int
    node: int
    number: int
    since: int = 0
    until: int = 0


@dataclass
class Node:
    id: int
    member: int
    name: str
    address: str
    key: int
    wanted: bool
    since: int = 0
    ready: int = 0
    until: int = 0


@dataclass
class Proposal:
    number: int
    id: bytes
    member: int
    height: int
    closes_ms: int
    action: dict[str, Any]
    ballots: dict[int, bool]


@dataclass
class Terms:
    """What holds for an epoch: the validators' keys by number, and two parameters."""
    keys: frozenset[int]
    base_timeout_ms: int
    heartbeat_ms: int

    def bytes(self) -> bytes:
        return u16(len(self.keys)) + b"".join(sorted(map(public_key, self.keys))) + u32(self.base_timeout_ms) + u32(self.heartbeat_ms)


Verdict = tuple[str, bytes]


class Refused(Exception):
    """The argument is the ruling."""


def refuse_where(condition: bool, ruling: str) -> None:
    if condition:
        raise Refused(ruling)


@dataclass
class Register:
    """A network's register after genesis, and what becomes of it."""
    genesis: dict[str, Any]
    chain_id: bytes = b""
    members: dict[int, Member] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)  # by number, in the order in which they came
    nodes: dict[int, Node] = field(default_factory=dict)
    last_node: int = 0
    epoch: int = 1
    epoch_from: int = 1
    settled: int = 0
    next: Optional[Terms] = None
    flags: dict[int, int] = field(default_factory=dict)
    last_proposal: int = 0
    open: list[Proposal] = field(default_factory=list)
    closed: list[tuple[Proposal, int, str, int]] = field(default_factory=list)  # with outcome, why, height
    height: int = 0
    now_ms: int = 0

    def __post_init__(self) -> None:
        genesis = self.genesis
        self.policy, self.policy_version, self.policy_from = policy_text(1, 5), 1, 0
        self.parameters = {name: genesis[name] for name in PARAMETERS}
        for member in genesis["members"]:
            self.members[member["id"]] = Member(member["id"], member["name"], "", "", member["role"])
            for kind, name in ((SIGNING, "signing"), (BALLOT, "ballot")):
                for number in member[name]:
                    self.keys[number] = Key(member["id"], kind, 0, number)
        for wanted, name in ((True, "validators"), (False, "observers")):
            for node in genesis[name]:
                self.last_node += 1
                self.nodes[self.last_node] = Node(self.last_node, node["member"], node["name"], "", node["key"], wanted)
                self.keys[node["key"]] = Key(node["member"], NODE, self.last_node, node["key"])
        self.terms = Terms(frozenset(node["key"] for node in genesis["validators"]), **self.parameters)

    # -- What is asked of it --

    def live_keys(self, member: int, kind: int) -> list[Key]:
        return [key for key in self.keys.values() if key.member == member and key.kind == kind and not key.until]

    def is_voter(self, member: int) -> bool:
        return self.members[member].status == ACTIVE and bool(self.live_keys(member, BALLOT))

    def voters(self) -> set[int]:
        return {member for member in self.members if self.is_voter(member)}

    def counts(self, node: Node) -> bool:
        return node.wanted and not node.until and (node.ready > 0 or node.key in self.terms.keys)

    def counting(self) -> set[int]:
        return {node.id for node in self.nodes.values() if self.counts(node)}

    def wanted(self) -> int:
        return sum(node.wanted for node in self.nodes.values())

    def wanted_terms(self) -> Terms:
        return Terms(frozenset(self.nodes[node].key for node in self.counting()), **self.parameters)

    def names(self) -> set[str]:
        return {node.name for node in self.nodes.values()}

    # -- A block --

    def begin(self, height: int, now_ms: int) -> None:
        self.height, self.now_ms = height, now_ms
        for proposal in [one for one in self.open if one.closes_ms <= now_ms]:
            self.close(proposal, EXPIRED)

    def end(self, sealed: bool) -> None:
        if sealed:
            self.seal()
        if self.next is None and self.wanted_terms() != self.terms:
            self.next, self.settled = self.wanted_terms(), self.height

    def seal(self) -> None:
        assert self.next is not None
        for node in self.nodes.values():
            if self.counts(node) and not node.ready:
                node.ready = self.height
        staying = {self.keys[number].node for number in self.next.keys}
        self.nodes = {node.id: node for node in self.nodes.values() if not node.until or node.id in staying}
        self.terms, self.next, self.settled = self.next, None, 0
        self.epoch += 1
        self.epoch_from = self.height + 1

    def close(self, proposal: Proposal, outcome: int, why: str = "OK") -> None:
        self.open.remove(proposal)
        self.closed = (self.closed + [(proposal, outcome, why, self.height)])[-CLOSED_MAX:]

    def settle(self) -> None:
        """Counts, until nothing is decided any more."""
        while True:
            voters = self.voters()
            for proposal in self.open:
                yes = sum(choice for member, choice in proposal.ballots.items() if member in voters)
                no = sum(not choice for member, choice in proposal.ballots.items() if member in voters)
                if 3 * yes > 2 * len(voters):
                    self.carry_out(proposal)
                    break
                if 3 * (len(voters) - no) <= 2 * len(voters):
                    self.close(proposal, REJECTED)
                    break
            else:
                return

    def carry_out(self, proposal: Proposal) -> None:
        try:
            self.check(proposal.action)
        except Refused as refused:
            self.close(proposal, VOID, refused.args[0])
            return
        getattr(self, "do_" + proposal.action["kind"].lower())(proposal.action)
        self.close(proposal, PASSED)

    # -- Transactions --

    def apply(self, transaction: dict[str, Any]) -> Verdict:
        try:
            self.check_envelope(transaction)
            return getattr(self, transaction["kind"].lower())(transaction)
        except Refused as refused:
            return refused.args[0], refused.args[1] if len(refused.args) > 1 else b""

    def check_envelope(self, transaction: dict[str, Any]) -> None:
        member = self.members.get(transaction["member"])
        if member is None or member.status == REMOVED:
            raise Refused("UNKNOWN_MEMBER")
        is_ready = transaction["kind"] == "READY"
        key = self.keys.get(transaction["key"])
        if key is None or key.member != member.id or key.kind != (NODE if is_ready else BALLOT):
            raise Refused("UNKNOWN_KEY")
        refuse_where(key.until > 0 or key.since > self.height, "UNKNOWN_KEY")
        refuse_where(not self.now_ms < transaction["expires_ms"] <= self.now_ms + LIFETIME_MS, "OUT_OF_TIME")
        if is_ready:
            return
        if transaction["sequence"] != member.sequence + 1:
            raise Refused("OUT_OF_SEQUENCE", u64(member.sequence + 1))
        member.sequence += 1
        refuse_where(member.status == SUSPENDED and transaction["kind"] != "REVOKE_OWN_KEY", "SUSPENDED")

    def outcome(self, identity: bytes) -> Verdict:
        for proposal, outcome, _, _ in self.closed:
            if proposal.id == identity:
                return "OK", u8(outcome)
        return "OK", u8(OPEN)

    def propose(self, transaction: dict[str, Any]) -> Verdict:
        refuse_where(not self.now_ms < transaction["closes_ms"] <= self.now_ms + PROPOSAL_LIFETIME_MS, "CLOSING_TIME")
        proposers = [proposal.member for proposal in self.open]
        own, free = proposers.count(transaction["member"]), OPEN_MAX - len(proposers)
        kept = len(self.voters() - set(proposers)) if own else 0
        refuse_where(own >= OPEN_OF_MEMBER_MAX or free <= kept, "PROPOSALS_FULL")
        self.check(transaction["action"])
        self.last_proposal += 1
        identity = transaction_id(self.chain_id, transaction)
        self.open.append(Proposal(self.last_proposal, identity, transaction["member"], self.height, transaction["closes_ms"],
                                  transaction["action"], {transaction["member"]: True}))
        self.settle()
        return self.outcome(identity)

    def find(self, identity: bytes) -> Proposal:
        for proposal in self.open:
            if proposal.id == identity:
                return proposal
        for proposal, outcome, _, _ in self.closed:
            if proposal.id == identity:
                raise Refused("CLOSED", u8(outcome))
        raise Refused("NO_PROPOSAL")

    def ballot(self, transaction: dict[str, Any]) -> Verdict:
        proposal = self.find(bytes.fromhex(transaction["proposal"]))
        refuse_where(transaction["member"] in proposal.ballots, "BALLOTED")
        proposal.ballots[transaction["member"]] = transaction["yes"]
        self.settle()
        return self.outcome(proposal.id)

    def withdraw(self, transaction: dict[str, Any]) -> Verdict:
        proposal = self.find(bytes.fromhex(transaction["proposal"]))
        refuse_where(proposal.member != transaction["member"], "NOT_PROPOSER")
        self.close(proposal, WITHDRAWN)
        return "OK", b""

    def revoke_own_key(self, transaction: dict[str, Any]) -> Verdict:
        key = self.live_key(transaction["member"], transaction["revoked_kind"], transaction["revoked"])
        refuse_where(key.kind == BALLOT and len(self.live_keys(key.member, BALLOT)) == 1, "LAST_KEY")
        self.check_leaving({key.node})
        self.end_key(key)
        return "OK", b""

    def ready(self, transaction: dict[str, Any]) -> Verdict:
        node = self.nodes[self.keys[transaction["key"]].node]
        refuse_where(not node.wanted or self.counts(node), "NOT_WANTED")
        shown = transaction["checkpoint"]
        fresh = 0 < shown["height"] < self.height <= shown["height"] + READY_LAG
        refuse_where(not fresh or shown["epoch"] != self.epoch or not shown["chain"] or not shown["certified"], "CHECKPOINT")
        node.ready = shown["height"]
        return "OK", b""

    # -- Whether an action is possible --

    def check(self, action: dict[str, Any]) -> None:
        if "member" in action:
            member = self.members.get(action["member"])
            refuse_where(member is None or member.status == REMOVED, "NO_MEMBER")
        getattr(self, "check_" + action["kind"].lower())(action)

    def live_key(self, member: int, kind: int, number: int) -> Key:
        key = self.keys.get(number)
        if key is None or key.until or (key.member, key.kind) != (member, kind):
            raise Refused("NO_KEY")
        return key

    def check_leaving(self, nodes: set[int]) -> None:
        """Nodes that go must leave four that count, if they count themselves."""
        counting = self.counting()
        refuse_where(bool(counting & nodes) and len(counting - nodes) < VALIDATORS_MIN, "TOO_FEW_VALIDATORS")

    def check_room(self, keys: int, nodes: int) -> None:
        refuse_where(len(self.keys) + keys > KEYS_MAX or len(self.nodes) + nodes > NODES_MAX, "REGISTER_FULL")

    def check_voter_goes(self, member: int) -> None:
        refuse_where(self.voters() == {member}, "LAST_VOTER")

    def check_admit_member(self, action: dict[str, Any]) -> None:
        refuse_where(action["network"] != self.genesis["network"], "OTHER_NETWORK")
        refuse_where(any(one.name == action["name"] and one.status != REMOVED for one in self.members.values()), "NAME_TAKEN")
        refuse_where(any(node["name"] in self.names() for node in action["nodes"]), "NAME_TAKEN")
        numbers = action["signing"] + action["ballot"] + [node["key"] for node in action["nodes"]]
        refuse_where(any(number in self.keys for number in numbers), "KEY_TAKEN")
        wanted = self.wanted() + sum(node["validator"] for node in action["nodes"])
        refuse_where(len(self.members) == MEMBERS_MAX or wanted > VALIDATORS_MAX, "REGISTER_FULL")
        self.check_room(len(numbers), len(action["nodes"]))

    def check_suspend_member(self, action: dict[str, Any]) -> None:
        refuse_where(self.members[action["member"]].status != ACTIVE, "WRONG_STATUS")
        self.check_voter_goes(action["member"])

    def check_restore_member(self, action: dict[str, Any]) -> None:
        refuse_where(self.members[action["member"]].status != SUSPENDED, "WRONG_STATUS")

    def check_remove_member(self, action: dict[str, Any]) -> None:
        self.check_voter_goes(action["member"])
        self.check_leaving({node.id for node in self.nodes.values() if node.member == action["member"]})

    def check_add_key(self, action: dict[str, Any]) -> None:
        refuse_where(action["key"] in self.keys, "KEY_TAKEN")
        self.check_room(1, 0)
        refuse_where(len(self.live_keys(action["member"], action["key_kind"])) >= KEYS_OF_MEMBER_MAX, "REGISTER_FULL")

    def check_rotate_key(self, action: dict[str, Any]) -> None:
        self.live_key(action["member"], action["key_kind"], action["old_key"])
        refuse_where(action["key"] in self.keys, "KEY_TAKEN")
        self.check_room(1, 0)

    def check_revoke_key(self, action: dict[str, Any]) -> None:
        key = self.live_key(action["member"], action["key_kind"], action["old_key"])
        if key.kind == BALLOT and len(self.live_keys(key.member, BALLOT)) == 1:
            self.check_voter_goes(key.member)
        self.check_leaving({key.node})

    def check_add_node(self, action: dict[str, Any]) -> None:
        node = action["node"]
        refuse_where(node["name"] in self.names(), "NAME_TAKEN")
        refuse_where(node["key"] in self.keys, "KEY_TAKEN")
        refuse_where(node["validator"] and self.wanted() >= VALIDATORS_MAX, "REGISTER_FULL")
        self.check_room(1, 1)

    def check_set_validators(self, action: dict[str, Any]) -> None:
        counting, wanted = self.counting(), self.wanted()
        for number, is_wanted in action["nodes"]:
            node = self.nodes.get(number)
            if node is None or node.until:
                raise Refused("NO_NODE")
            refuse_where(node.wanted == is_wanted, "NO_CHANGE")
            wanted += 1 if is_wanted else -1
            if is_wanted and node.key in self.terms.keys:
                counting.add(number)
            if not is_wanted:
                counting.discard(number)
        refuse_where(wanted > VALIDATORS_MAX, "REGISTER_FULL")
        takes_away = not all(is_wanted for _, is_wanted in action["nodes"])
        refuse_where(takes_away and len(counting) < VALIDATORS_MIN, "TOO_FEW_VALIDATORS")

    def check_set_policy(self, action: dict[str, Any]) -> None:
        refuse_where(action["version"] != self.policy_version + 1, "STALE_POLICY")

    def check_set_parameter(self, action: dict[str, Any]) -> None:
        refuse_where(self.parameters[action["parameter"]] == action["value"], "NO_CHANGE")

    def check_set_flag(self, action: dict[str, Any]) -> None:
        refuse_where(action["flag"] in self.flags, "NO_CHANGE")
        refuse_where(action["height"] <= self.height, "HEIGHT_PASSED")
        refuse_where(len(self.flags) >= FLAGS_MAX, "REGISTER_FULL")

    # -- What an action does --

    def add_key(self, member: int, kind: int, node: int, number: int) -> None:
        self.keys[number] = Key(member, kind, node, number, self.height + 1)

    def end_key(self, key: Key) -> None:
        key.until = self.height + 1
        if key.kind == NODE:
            node = self.nodes[key.node]
            node.until, node.wanted, node.ready = self.height + 1, False, 0

    def add_node(self, member: int, node: dict[str, Any]) -> None:
        self.last_node += 1
        self.nodes[self.last_node] = Node(self.last_node, member, node["name"], node["address"], node["key"], node["validator"],
                                          self.height + 1)
        self.add_key(member, NODE, self.last_node, node["key"])

    def do_admit_member(self, action: dict[str, Any]) -> None:
        member = max(self.members) + 1
        self.members[member] = Member(member, action["name"], action["type"], action["licence"], action["role"],
                                      self.height + 1, status_since=self.height + 1)
        for kind, name in ((SIGNING, "signing"), (BALLOT, "ballot")):
            for number in action[name]:
                self.add_key(member, kind, 0, number)
        for node in action["nodes"]:
            self.add_node(member, node)

    def set_status(self, member: int, status: int) -> None:
        self.members[member].status, self.members[member].status_since = status, self.height + 1

    def do_suspend_member(self, action: dict[str, Any]) -> None:
        self.set_status(action["member"], SUSPENDED)

    def do_restore_member(self, action: dict[str, Any]) -> None:
        self.set_status(action["member"], ACTIVE)

    def do_remove_member(self, action: dict[str, Any]) -> None:
        self.set_status(action["member"], REMOVED)
        for key in self.keys.values():
            if key.member == action["member"] and not key.until:
                self.end_key(key)

    def do_add_key(self, action: dict[str, Any]) -> None:
        self.add_key(action["member"], action["key_kind"], 0, action["key"])

    def do_rotate_key(self, action: dict[str, Any]) -> None:
        old = self.keys[action["old_key"]]
        old.until = self.height + 1
        self.add_key(action["member"], old.kind, old.node, action["key"])
        if old.kind == NODE:
            node = self.nodes[old.node]
            if not node.ready and node.key in self.terms.keys:
                node.ready = self.height
            node.key = action["key"]

    def do_revoke_key(self, action: dict[str, Any]) -> None:
        self.end_key(self.keys[action["old_key"]])

    def do_add_node(self, action: dict[str, Any]) -> None:
        self.add_node(action["member"], action["node"])

    def do_set_validators(self, action: dict[str, Any]) -> None:
        for number, wanted in action["nodes"]:
            self.nodes[number].wanted, self.nodes[number].ready = wanted, 0

    def do_set_policy(self, action: dict[str, Any]) -> None:
        self.policy = policy_text(action["version"], action["years"])
        self.policy_version, self.policy_from = action["version"], self.height + 1

    def do_set_parameter(self, action: dict[str, Any]) -> None:
        self.parameters[action["parameter"]] = action["value"]

    def do_set_flag(self, action: dict[str, Any]) -> None:
        self.flags[action["flag"]] = action["height"]

    # -- Its bytes --

    def bytes(self) -> bytes:
        def listed(parts: list[bytes]) -> bytes:
            return u16(len(parts)) + b"".join(parts)

        members = [u32(one.id) + text(one.name) + text(one.kind) + text(one.licence) + u8(one.role) + u8(one.status) +
                   u64(one.since) + u64(one.status_since) + u64(one.sequence) for one in self.members.values()]
        keys = [u32(one.member) + u8(one.kind) + u32(one.node) + public_key(one.number) + u64(one.since) + u64(one.until)
                for one in self.keys.values()]
        nodes = [u32(one.id) + u32(one.member) + text(one.name) + text(one.address) + public_key(one.key) + u8(one.wanted) +
                 u64(one.ready) + u64(one.since) + u64(one.until) for one in self.nodes.values()]
        flags = [u32(flag) + u64(since) for flag, since in sorted(self.flags.items())]
        opened = [u64(one.number) + one.id + u32(one.member) + u8(1 + KINDS.index(one.action["kind"])) + u64(one.height) +
                  u64(one.closes_ms) + listed([u32(member) + u8(yes) for member, yes in one.ballots.items()]) +
                  u16(len(action_bytes(one.action))) + action_bytes(one.action) for one in self.open]
        closed = [u64(one.number) + one.id + u32(one.member) + u8(1 + KINDS.index(one.action["kind"])) + u8(outcome) +
                  u16(CODES[why]) + u64(height) for one, outcome, why, height in self.closed]
        following = self.next.bytes() if self.next else bytes(10)
        policy = self.policy.encode()
        return b"".join((
            u8(1), text(self.genesis["network"]), listed(members), listed(keys), u32(self.last_node), listed(nodes),
            u64(self.epoch), u64(self.epoch_from), self.terms.bytes(), u64(self.settled), following,
            u32(self.parameters["base_timeout_ms"]), u32(self.parameters["heartbeat_ms"]),
            u32(self.policy_version), u64(self.policy_from), u16(len(policy)), policy,
            listed(flags), u64(self.last_proposal), listed(opened), listed(closed)))

    def root(self) -> bytes:
        return hashlib.sha256(b"\x2b" + self.bytes()).digest()
