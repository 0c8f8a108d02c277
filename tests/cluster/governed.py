"""A network whose members decide by ballot: what its tests propose, vote, sign by themselves, and look at."""

import os
import struct
import time

import ecdsa
import network
import rpc
from network import DONE, REFUSED, NetworkTest, wait_until
from tallystick import tagged

TAG_TRANSACTION, TAG_PROOF = 0x29, 0x2A
ROLES = {"lender": 1, "bureau": 2, "regulator": 3, "operator": 4}
DEADLINE_S = 30


class Key:
    """A secp256k1 key, and what it signs."""

    def __init__(self, secret=None):
        self.signer = ecdsa.SigningKey.from_string(secret or os.urandom(32), curve=ecdsa.SECP256k1)
        self.public = self.signer.get_verifying_key().to_string("compressed")

    def sign(self, digest):
        return self.signer.sign_digest_deterministic(digest, sigencode=ecdsa.util.sigencode_string_canonize)


def proof(key, chain_id, action):
    return key.sign(tagged(TAG_PROOF, chain_id, struct.pack(">I", len(action)), action))


def admission(joining):
    """The action that a join file holds, without its proofs."""
    keys = {kind: b"".join(map(bytes.fromhex, joining[kind])) for kind in ("signing_keys", "ballot_keys")}
    nodes = [rpc.governance.NewNode(**{**node, "key": bytes.fromhex(node["key"])}) for node in joining["nodes"]]
    return rpc.governance.GovernanceAction(admit_member=rpc.governance.Join(
        **{name: joining[name] for name in ("network", "name", "kind", "licence")}, role=ROLES[joining["role"]],
        nodes=nodes, **keys)).SerializeToString()


def join_file(chain_id, network_name, name, node, proven_for=None, keys=None):
    """A join file as a newcomer writes it, with its proofs, and the keys it has: signing, ballot, node."""
    signing, ballot, node_key = keys = keys or [Key() for _ in range(3)]
    joining = {"network": network_name, "name": name, "kind": "bank", "licence": "L-9", "role": "lender",
               "signing_keys": [signing.public.hex()], "ballot_keys": [ballot.public.hex()],
               "nodes": [{"name": node, "address": "127.0.0.1:9", "key": node_key.public.hex(), "validator": True}]}
    proofs = [proof(key, proven_for or chain_id, admission(joining)).hex() for key in keys]
    return {**joining, "proofs": proofs}, keys


def secret(home, name):
    """The key of a file of a home."""
    return Key(bytes.fromhex((home / name).read_text()))


class GovernedTest(NetworkTest):
    validators, observers = 4, 1

    def setUp(self):
        super().setUp()
        self.members = self.network(validators=self.validators, observers=self.observers)
        self.names = self.members.names  # of member 1 and so on, each at its own home

    def gov(self, member, *arguments, code=DONE):
        outcome = self.members.run(self.names[member - 1], "gov", *arguments)
        self.assertEqual(outcome.code, code, outcome)
        return outcome.json

    def told(self, reason, member, *arguments):
        """What is refused, by this reason."""
        error = self.gov(member, *arguments, code=REFUSED)["error"]
        self.assertEqual(error["reason"], reason, error)
        self.assertGreater(len(error["message"]), 10)
        return error

    def shown(self, member=1):
        return self.gov(member, "show")

    def seen(self, member, height):
        """Waits until the member's node has applied so much."""
        wait_until("the height", lambda: self.members.status(self.names[member - 1])["applied_height"] >= height)

    def vote(self, number, *members):
        """Yes of each in turn; what the last one was told."""
        for member in members:
            wait_until("the proposal", lambda member=member: any(
                each["number"] == number for each in self.shown(member)["open"]))
            answer = self.gov(member, "vote", number, "yes")
        return answer

    def passed(self, member, *arguments, voters=(2, 3, 4)):
        """Proposes and votes until it has passed."""
        answer = self.gov(member, *arguments)
        for voter in voters:
            if answer["outcome"] == "open":
                answer = self.vote(answer["proposal"], voter)
        self.assertEqual(answer["outcome"], "passed", answer)
        for each in range(1, len(self.names) + 1):
            self.seen(each, answer["height"])
        return answer

    def chain_id(self):
        return bytes.fromhex(self.members.status(self.names[0])["chain_id"])

    def key_of(self, kind, member):
        return next(key["key"] for key in self.shown()["keys"]
                    if (key["kind"], key["member"], key["until"]) == (kind, member, None))

    def transaction(self, key, member, sequence, body, lifetime_s=60, **fields):
        expires_at_ms = int((time.time() + lifetime_s) * 1000)
        digest = tagged(TAG_TRANSACTION, self.chain_id(), struct.pack(">I", member), key.public,
                        struct.pack(">QQI", expires_at_ms, sequence, len(body)), body)
        return rpc.governance.GovernanceTransaction(
            chain_id=self.chain_id(), member_id=member, key=key.public, expires_at_ms=expires_at_ms, sequence=sequence, body=body,
            signature=key.sign(digest), **fields).SerializeToString()

    @staticmethod
    def proposal(closes_s=3600, **fields):
        """The body of a proposal."""
        return rpc.governance.GovernanceBody(propose=rpc.governance.Propose(
            **fields, closes_ms=int((time.time() + closes_s) * 1000))).SerializeToString()
