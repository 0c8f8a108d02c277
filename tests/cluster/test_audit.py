#!/usr/bin/python3
"""tally audit on what real nodes left behind: all is equal after an import, and every kind of change is named, also where
whoever made it mended every checksum."""

import hashlib
import json
import shutil
import subprocess
import unittest

import network
from network import DONE, REFUSED, tally

AUDIT_SPOIL = network.BIN.parent / "tests" / "audit_spoil"
SUBJECTS = 3000 if network.FULL else 120
NAME = "validator-2"


def digests(folder):
    """What is in every file but the lock, which any process on the folder writes."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "LOCK"}


class AuditTest(network.NetworkTest):
    """One network imports, refuses some, and stops; each test spoils a copy of its own."""

    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net = cls.shared
        files = network.synth(net.folder, seed=5, subjects=SUBJECTS)
        for name, outcome in net.import_all(files).items():
            if outcome.code != DONE:
                raise AssertionError(f"{name}: {outcome}")
        cls.events = sum(network.line_count(file) for file in files.values())
        cls.height, cls.root = net.agreement()
        # The last block is a small one, so that the middle of each file is not its.
        few = network.synth(net.folder, seed=6, subjects=4)["validator-1"]
        net.run("validator-1", "import", few, check=DONE)
        cls.events += network.line_count(few)
        cls.height, cls.root = net.agreement(cls.height + 1)
        cls.busy = next(height for height in range(2, cls.height)
                        if net.run("observer-1", "block", height, check=DONE).json["payload_events"] > 3)
        cls.checkpoint = net.folder / "checkpoint"
        net.run("observer-1", "checkpoint", "--out", cls.checkpoint, check=DONE)
        for name in net.names:
            net.stop(name)
        cls.keys = [(net.home(name) / "node.key").read_text().strip() for name in sorted(
            net.validators, key=lambda name: cls.public_key(net, name))]

    @classmethod
    def public_key(cls, net, name):
        """In whose order the validators are numbered."""
        genesis = json.loads(net.genesis.read_text())
        return next(node["key"] for node in genesis["validators"] if node["name"] == name)

    def copy(self, name=NAME):
        home = self.net.folder / f"copy-{self.id().rsplit('.', 1)[1]}"
        shutil.copytree(self.net.home(name), home)
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        return home

    def spoil(self, home, what, *arguments):
        subprocess.run([AUDIT_SPOIL, what, home / "data", *map(str, arguments)], check=True)

    def audit(self, home, code):
        return tally("audit", home=home, check=code).json

    def different(self, home):
        """The differences, of which the first is the first in the ledger."""
        found = self.audit(home, REFUSED)
        self.assertEqual(found["verdict"], "DIFFERENT")
        self.assertEqual(found["difference_count"], len(found["differences"]))
        text = tally("audit", home=home, as_json=False, check=REFUSED).out
        verdict = next(line for line in text.splitlines() if line.startswith("DIFFERENT: "))
        self.assertIn(found["differences"][0]["what"], verdict)
        return found["differences"], found

    def test_every_node_is_equal_and_nothing_of_it_is_touched(self):
        for name in self.net.names:
            home = self.net.home(name)
            before = digests(home)
            found = self.audit(home, DONE)
            self.assertEqual(digests(home), before, name)
            self.assertEqual((found["verdict"], found["differences"], found["missing"]), ("EQUAL", [], None))
            self.assertEqual((found["height"], found["blocks"], found["replayed"], found["state_height"]),
                             (self.height,) * 4)
            self.assertEqual((found["events"], found["bodies"], found["results"], found["withheld"]),
                             (self.events, self.events, self.events, 0))
            self.assertEqual(found["certified"], self.height)
            self.assertGreater(found["checkpoints"], 0)
        self.assertEqual(list(self.net.dir.glob("*.audit-*")), [])
        self.assertTrue(tally("audit", home=home, as_json=False, check=DONE).out.startswith("EQUAL: "))

    def test_while_the_node_runs_it_refuses(self):
        self.net.start("observer-1")
        self.addCleanup(self.net.stop, "observer-1")
        self.assertEqual(tally("audit", home=self.net.home("observer-1"), check=REFUSED).json["error"]["reason"],
                         "RUNNING")

    def test_a_byte_of_a_body_is_named_with_its_event(self):
        home = self.copy()
        path = home / "data" / "bodies" / "0000000000000001"
        stored = bytearray(path.read_bytes())
        stored[len(stored.rstrip(b"\0")) // 2] ^= 1
        path.write_bytes(stored)
        (difference,), found = self.different(home)
        self.assertIn("body is damaged", difference["what"])
        self.assertTrue(1 <= difference["height"] <= self.height)
        self.assertGreaterEqual(difference["index"], 0)
        self.assertEqual(len(difference["event_id"]), 64)
        self.assertIn(difference["member"], (1, 2, 3, 4))
        # Nothing that is signed holds a body: all roots are equal still.
        self.assertEqual((found["replayed"], found["certified"], found["bodies"]),
                         (self.height, self.height, self.events - 1))

    def test_a_body_put_in_the_place_of_another_is_named(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "body", height, 0)
        (difference,), found = self.different(home)
        self.assertEqual((difference["height"], difference["batch"], difference["index"]), (height, 0, 0))
        self.assertIn("not the one that its header commits to", difference["what"])
        self.assertEqual(found["replayed"], self.height)

    def test_an_erased_body_is_withheld_and_no_difference(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "erase", height, 0)
        found = self.audit(home, DONE)
        self.assertEqual((found["verdict"], found["withheld"], found["bodies"]), ("EQUAL", 1, self.events - 1))

    def test_a_byte_of_a_block_is_named_and_what_is_behind_it_is_not_vouched_for(self):
        home = self.copy()
        path = home / "data" / "ledger" / "0000000000000001"
        stored = bytearray(path.read_bytes())
        stored[len(stored.rstrip(b"\0")) // 2] ^= 1
        path.write_bytes(stored)
        (difference,), found = self.different(home)
        height = difference["height"]
        self.assertIn("the block is damaged", difference["what"])
        self.assertTrue(1 <= height <= self.height)
        self.assertEqual((found["missing"], found["replayed"], found["blocks"]),
                         ([height, height], height - 1, self.height - 1))

    def test_a_leaders_signature_is_named(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "leader", height)
        (difference,), found = self.different(home)
        self.assertEqual((difference["height"], difference["batch"]), (height, None))
        self.assertIn("leader's signature does not hold", difference["what"])
        self.assertEqual(found["replayed"], height - 1)

    def test_a_batchs_signature_is_named_with_its_member(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "batch", height, 0)
        (difference,), _ = self.different(home)
        self.assertEqual((difference["height"], difference["batch"], difference["index"]), (height, 0, None))
        self.assertIn(difference["member"], (1, 2, 3, 4))
        self.assertIn("signature of a batch", difference["what"])

    def test_a_checkpoint_that_a_quorum_signed_with_another_root_is_named(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "checkpoint", height, *self.keys[:3], "")
        (difference,), _ = self.different(home)
        self.assertEqual(difference["height"], height)
        self.assertIn("state_root: the rules give", difference["what"])
        self.assertIn("a quorum signed", difference["what"])

    def test_a_checkpoint_without_a_quorum_is_named(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "checkpoint", height, *self.keys[:2], "", "")
        (difference,), _ = self.different(home)
        self.assertEqual(difference["height"], height)
        self.assertIn("no quorum of valid signatures", difference["what"])

    def test_another_result_in_the_nodes_state_is_named_with_its_event(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "result", height, 3)
        (difference,), _ = self.different(home)
        self.assertEqual((difference["height"], difference["index"]), (height, 3))
        self.assertIn("the rules give OK, and the node's own state has CONFLICT", difference["what"])

    def test_a_node_without_older_blocks_says_what_it_cannot_audit(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "later", height)
        found = self.audit(home, REFUSED)
        self.assertEqual((found["verdict"], found["difference_count"], found["missing"], found["replayed"]),
                         ("INCOMPLETE", 0, [1, height - 1], 0))
        self.assertEqual(found["blocks"], self.height - height + 1)

    def test_a_node_that_has_all_older_blocks_is_audited_whole(self):
        home, height = self.copy(), self.busy
        self.spoil(home, "older", height)
        found = self.audit(home, DONE)
        self.assertEqual((found["verdict"], found["replayed"], found["events"]), ("EQUAL", self.height, self.events))

    def test_without_a_state_there_is_no_checkpoint_to_hold_it_against(self):
        home = self.copy()
        shutil.rmtree(home / "data" / "state")
        found = self.audit(home, REFUSED)
        self.assertEqual((found["verdict"], found["replayed"], found["checkpoints"], found["state_height"]),
                         ("INCOMPLETE", self.height, 0, None))
        found = tally("audit", "--checkpoint", self.checkpoint, home=home, check=DONE).json
        self.assertEqual((found["verdict"], found["checkpoints"], found["certified"]), ("EQUAL", 1, self.height))

    def test_blocks_taken_off_the_end_are_missed(self):
        home = self.copy()
        path = home / "data" / "ledger" / "0000000000000001"
        stored = bytearray(path.read_bytes())
        stored[len(stored.rstrip(b"\0")) - 9] ^= 1
        path.write_bytes(stored)
        differences, found = self.different(home)
        self.assertLess(found["height"], self.height)
        self.assertEqual([difference["height"] for difference in differences], [found["height"] + 1] * 2)
        found = tally("audit", "--checkpoint", self.checkpoint, home=home, check=REFUSED).json
        self.assertEqual(found["difference_count"], 3)
        self.assertIn("the checkpoint given is of blocks", found["differences"][0]["what"])


if __name__ == "__main__":
    network.main()
