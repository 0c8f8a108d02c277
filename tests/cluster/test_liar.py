#!/usr/bin/python3
"""A validator that signs what no honest one signs: whoever sees it says so, counts it, and keeps what proves it to anybody."""

import json
import sys

import ecdsa

import network
import rpc
from metrics import page_of
from network import DONE, wait_until
from rpc import ledger
from test_strangers import FRAME_VOTE, PeerLink, frame

sys.path.insert(0, str(network.ROOT / "tests" / "vectors"))
import evidence  # noqa: E402

VICTIM, LIAR = "validator-1", "validator-4"
KINDS = "votes", "proposals", "checkpoints"
FRAME_CHECKPOINT_VOTE = 12
NOTARIZE = 1
VIEWS_ON = 3  # that view is not over yet when the votes arrive


def varint(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def content(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


class LiarTest(network.NetworkTest):
    network_options = {"observers": 0}

    def setUp(self):
        super().setUp()
        self.net.expected += ["a validator signed two messages", "a validator signed two checkpoints"]
        self.chain_id = rpc.Member(self.net, VICTIM).chain_id
        self.net.stop(LIAR)
        secret = bytes.fromhex((self.net.home(LIAR) / "node.key").read_text().strip())
        self.key = ecdsa.SigningKey.from_string(secret, curve=ecdsa.SECP256k1)
        public = self.key.get_verifying_key().to_string("compressed")
        validators = json.loads(self.net.genesis.read_text())["validators"]
        self.seat = sorted(each["key"] for each in validators).index(public.hex())
        self.link = PeerLink(self.net, VICTIM, LIAR)
        self.addCleanup(self.link.close)
        self.link.send(self.link.hello(self.chain_id, self.key))

    def signed(self, digest):
        return self.key.sign_digest_deterministic(digest, sigencode=ecdsa.util.sigencode_string_canonize)

    def vote(self, view, block):
        digest = evidence.statement_hash(self.chain_id, 1, NOTARIZE, view, block)
        self.link.send(frame(FRAME_VOTE, number(1, NOTARIZE) + number(2, 1) + number(3, view) + content(4, block) +
                             number(5, self.seat) + content(6, self.signed(digest))))

    def checkpoint(self, certified, root):
        """Of the height after a certified checkpoint, with that state."""
        names = ledger.Checkpoint.DESCRIPTOR.fields
        point = {field.number: getattr(certified, field.name) for field in names}
        point.update({3: certified.height + 1, 6: root})
        encoded = b"".join(content(field, value) if isinstance(value, bytes) else number(field, value)
                           for field, value in sorted(point.items()))
        self.link.send(frame(FRAME_CHECKPOINT_VOTE, content(1, encoded) + number(2, self.seat) +
                             content(3, self.signed(evidence.checkpoint_hash(point)))))

    def counted(self, kind):
        return page_of(self.net, VICTIM)["evidence_total", LIAR, kind]

    def test_two_votes_and_two_checkpoints_are_counted_and_proven(self):
        self.assertEqual([self.counted(kind) for kind in KINDS], [0, 0, 0])
        with rpc.Client(self.net, VICTIM) as client:
            member = rpc.Member(self.net, VICTIM)
            client.submit(member.batch([member.opening()]), rpc.rpc.CHECKPOINTED)
            reply = client.ledger.GetCheckpoint(rpc.rpc.GetCheckpointRequest(), timeout=rpc.DEADLINE_S)
        view = self.net.status(VICTIM)["view"] + VIEWS_ON
        for block in (b"\1" * 32, b"\2" * 32, b"\2" * 32):
            self.vote(view, block)
        wait_until("the votes to be counted", lambda: self.counted("votes") == 1)
        for root in (b"\1" * 32, b"\2" * 32, b"\2" * 32):
            self.checkpoint(reply.checkpoint.checkpoint, root)
        wait_until("the checkpoints to be counted", lambda: self.counted("checkpoints") == 1)
        kept = self.net.home(VICTIM) / "data" / "evidence.jsonl"
        found = network.tally("blame", "--check", kept, "--genesis", self.net.genesis, check=DONE).json["culprits"]
        self.assertEqual([(each["validator"], each["guilty"], [said["what"] for said in each["signed"]]) for each in found],
                         [(LIAR, True, ["notarize"] * 2), (LIAR, False, ["checkpoint"] * 2)])
        self.assertEqual([self.counted(kind) for kind in KINDS], [1, 0, 1])  # each pair once


if __name__ == "__main__":
    network.main()
