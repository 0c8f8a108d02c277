#!/usr/bin/python3
"""Who made a fork: tally blame on ledgers and answers that conflict, its evidence held against a second judge, and against a
library that knows nothing of Tallystick. The conflicts are made by make_fork, with the keys of the validators that signed both
sides; a network that really ran must come out innocent."""

import hashlib
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import ecdsa

import network
from network import DONE, REFUSED, USAGE, tally

sys.path.insert(0, str(network.ROOT / "tests" / "vectors"))
import evidence  # noqa: E402
from verify import Refused  # noqa: E402

MAKE_FORK = network.BIN.parent / "tests" / "make_fork"
SHAPES = ["finalized", "notarized", "skipped", "unjustified"]


def content(folder):
    """Every file below, by name and hash."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


class BlameTest(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-blame."))
        self.addCleanup(shutil.rmtree, self.folder)

    def fork(self, shape="skipped", validators=4, epoch=1):
        """A folder as make_fork leaves it."""
        folder = self.folder / f"{shape}-{validators}-{epoch}"
        folder.mkdir()
        subprocess.run([MAKE_FORK, folder, shape, str(validators), str(epoch)], check=True, timeout=60)
        words = (folder / "trust").read_text().split()
        self.trust = bytes.fromhex(words[1]), int(words[2]), [bytes.fromhex(key) for key in words[3:]]
        n = len(self.trust[2])
        quorum = (n + (n - 1) // 3 + 2) // 2
        self.low, self.high = set(range(quorum)), set(range(n - quorum, n))
        return folder

    def blame(self, folder, first, second, *more, check=DONE):
        return tally("blame", folder / first, folder / second, "--genesis", folder / "genesis.json", *more, check=check)

    def fails(self, reason, *arguments, code=REFUSED):
        outcome = tally("blame", *arguments)
        self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (code, reason), outcome)
        plain = tally("blame", *arguments, as_json=False)
        self.assertEqual((plain.code, len(plain.err.splitlines())), (code, 1), plain)
        return outcome.json["error"]["message"]

    def refuses(self, reason, folder, first, second):
        return self.fails(reason, folder / first, folder / second, "--genesis", folder / "genesis.json")

    def signed_bytes_hold(self, culprit):
        """What is printed convinces whoever has SHA-256 and ECDSA, and nothing else of ours."""
        key = ecdsa.VerifyingKey.from_string(bytes.fromhex(culprit["key"]), curve=ecdsa.SECP256k1)
        for message in culprit["signed"]:
            digest = hashlib.sha256(bytes.fromhex(message["bytes"])).digest()
            self.assertEqual(digest.hex(), message["digest"])
            self.assertTrue(key.verify_digest(bytes.fromhex(message["signature"]), digest))

    def culprits_are(self, folder, found, expected, guilty=True):
        nodes = {node["key"]: node["name"] for node in json.loads((folder / "genesis.json").read_text())["validators"]}
        self.assertEqual({culprit["signer"] for culprit in found["culprits"]}, expected)
        for culprit in found["culprits"]:
            key, divergence = evidence.judge(self.trust, bytes.fromhex(culprit["evidence"]))
            self.assertEqual((key.hex(), divergence), (culprit["key"], not guilty))
            self.assertEqual((culprit["guilty"], culprit["validator"]), (guilty, nodes.get(culprit["key"], "unknown")))
            self.assertEqual(culprit["member_name"], f"Bank {culprit['member']}" if culprit["key"] in nodes else "")
            self.signed_bytes_hold(culprit)

    # Ledgers

    def test_two_ledgers_convict_who_signed_both(self):
        for validators in (4, 7):
            for shape in SHAPES:
                with self.subTest(shape=shape, validators=validators):
                    folder = self.fork(shape, validators)
                    before = content(folder)
                    found = self.blame(folder, "one", "two").json
                    self.assertEqual((found["conflict"], found["height"]), ("fork", 3))
                    expected = self.high if shape == "unjustified" else self.low & self.high
                    self.culprits_are(folder, found, expected)
                    self.assertGreater(len(expected), (validators - 1) // 3)
                    again = self.blame(folder, "two", "one/data").json
                    self.culprits_are(folder, again, expected)
                    self.assertEqual(content(folder), before, "the evidence was changed")

    def test_a_ledger_is_read_as_a_crash_left_it(self):
        folder = self.fork()
        whole = self.blame(folder, "one", "two").json
        with open(folder / "one/data/ledger/0000000000000001", "ab") as file:
            file.write(b"torn")
        (folder / "one/data/ledger/0000000000000002.new").write_bytes(b"half made")
        before = content(folder)
        self.assertEqual(self.blame(folder, "one", "two").json, whole)
        self.assertEqual(content(folder), before, "the evidence was changed")

    def test_the_text_names_key_and_bytes(self):
        folder = self.fork()
        text = tally("blame", folder / "one", folder / "two", "--genesis", folder / "genesis.json", as_json=False,
                     check=DONE).out
        found = self.blame(folder, "one", "two").json
        self.assertIn("fork at height 3", text)
        for culprit in found["culprits"]:
            self.assertIn(f"{culprit['validator']}, of member {culprit['member']} ({culprit['member_name']}): guilty", text)
            for word in (culprit["key"], culprit["reason"], *(message["bytes"] for message in culprit["signed"])):
                self.assertIn(word, text)

    def test_what_agrees_or_cannot_be_read_is_said(self):
        folder = self.fork()
        said = self.refuses("AGREE", folder, "one", "one")
        self.assertIn("all 3 blocks", said)
        self.assertIn("torn", said)  # the block that nothing finalized
        (folder / "empty").mkdir()
        self.refuses("LEDGER", folder, "empty", "one")
        self.refuses("FILE", folder, "one", "nowhere")
        self.refuses("FORM", folder, "trust", "one")
        other = self.fork("finalized", 7)
        self.fails("CHAIN", folder / "one", folder / "two", "--genesis", other / "genesis.json")
        self.fails("GENESIS", folder / "one", folder / "two", "--genesis", folder / "trust")
        data = folder / "two/data/ledger/0000000000000001"
        damaged = bytearray(data.read_bytes())
        damaged[200] ^= 1
        data.write_bytes(damaged)
        self.assertIn("torn", self.refuses("LEDGER", folder, "one", "two"))

    def test_wrong_usage_ends_with_2(self):
        for arguments in ([], ["a", "b"], ["a", "--genesis", "g"], ["a", "b", "c", "--genesis", "g"],
                          ["a", "--check", "f", "--genesis", "g"], ["--check", "f"],
                          ["--check", "f", "--genesis", "g", "--out", "o"]):
            with self.subTest(arguments=arguments):
                self.fails("USAGE", *arguments, code=USAGE)

    # Saved answers

    def test_two_answers_of_a_height_convict_or_diverge(self):
        folder = self.fork(validators=7)
        common = self.low & self.high
        for first in ("one.checkpoint", "one.history", "one.receipt"):
            for second in ("two.checkpoint", "two.history", "two.receipt"):
                found = self.blame(folder, first, second).json
                self.assertEqual((found["conflict"], found["height"]), ("fork", 3))
                self.culprits_are(folder, found, common)
        found = self.blame(folder, "one.history", "result.checkpoint").json
        self.assertEqual(found["conflict"], "divergence")
        self.culprits_are(folder, found, common, guilty=False)
        self.refuses("AGREE", folder, "one.history", "one.checkpoint")
        self.assertIn("tally checkpoint HEIGHT", self.refuses("HEIGHT", folder, "one.checkpoint", "later.checkpoint"))

    def test_a_ledger_beside_an_answer_convicts_nobody(self):
        folder = self.fork()
        self.refuses("AGREE", folder, "one", "one.checkpoint")
        self.refuses("AGREE", folder, "one.history", "one")
        self.refuses("KIND", folder, "two", "one.checkpoint")
        self.refuses("HEIGHT", folder, "one", "later.checkpoint")

    def test_an_answer_that_no_quorum_signed_proves_nothing(self):
        folder = self.fork()
        data = bytearray((folder / "two.checkpoint").read_bytes())
        data[-1] ^= 1
        (folder / "forged").write_bytes(data)
        self.refuses("EVIDENCE", folder, "one.checkpoint", "forged")
        self.refuses("EVIDENCE", folder, "one", "forged")

    # Later epochs

    def test_what_is_of_a_later_epoch_is_judged_by_its_own_validators(self):
        for shape in SHAPES:
            folder = self.fork(shape, epoch=2)
            seals = "--seals", folder / "later.checkpoint"
            self.assertIn("--seals", self.refuses("EPOCH", folder, "one", "two"))
            found = self.blame(folder, "one", "two", *seals, "--out", folder / "evidence").json
            expected = self.high if shape == "unjustified" else self.low & self.high
            self.culprits_are(folder, found, expected)
            check = "--check", folder / "evidence", "--genesis", folder / "genesis.json"
            self.fails("EPOCH", *check)
            self.assertEqual(len(tally("blame", *check, *seals, check=DONE).json["culprits"]), len(expected))
            # One who came after the genesis is known by its key alone.
            text = tally("blame", *check, *seals, as_json=False, check=DONE).out
            self.assertEqual("a validator whose key came after the genesis: guilty" in text,
                             any(culprit["validator"] == "unknown" for culprit in found["culprits"]))

    def test_answers_of_a_later_epoch_bring_what_leads_to_its_validators(self):
        folder = self.fork(validators=7, epoch=2)
        for first, second in (("one.checkpoint", "two.history"), ("one.receipt", "two.checkpoint")):
            self.culprits_are(folder, self.blame(folder, first, second).json, self.low & self.high)
        self.refuses("KIND", folder, "two", "one.checkpoint")
        self.refuses("AGREE", folder, "one", "one.checkpoint")

    def test_evidence_of_several_epochs_is_checked_line_by_line(self):
        first, second = self.fork("skipped"), self.fork("finalized", epoch=2)
        self.assertEqual((first / "genesis.json").read_text(), (second / "genesis.json").read_text())
        seals = "--seals", second / "one.receipt"
        lines = [self.saved(folder, "one", "two", *seals).read_text() for folder in (first, second, first)]
        (first / "all").write_text("".join(lines))
        found = tally("blame", "--check", first / "all", "--genesis", first / "genesis.json", *seals, check=DONE).json
        self.assertEqual([culprit["signed"][0]["epoch"] for culprit in found["culprits"]], [1, 1, 2, 2, 1, 1])
        # What is altered on the way from one epoch to the next leads nowhere.
        forged = bytearray((second / "one.checkpoint").read_bytes())
        forged[-40] ^= 1
        (second / "forged").write_bytes(forged)
        self.fails("EPOCH", "--check", first / "all", "--genesis", first / "genesis.json", "--seals", second / "forged")

    # Saved evidence

    def saved(self, folder, first, second, *more):
        path = folder / "evidence"
        self.blame(folder, first, second, "--out", path, *more)
        return path

    def test_saved_evidence_is_checked_by_anybody(self):
        for shape in SHAPES:
            folder = self.fork(shape)
            path = self.saved(folder, "one", "two")
            checked = tally("blame", "--check", path, "--genesis", folder / "genesis.json", check=DONE).json
            lines = path.read_text().splitlines()
            self.assertEqual([culprit["key"] for culprit in checked["culprits"]],
                             [evidence.judge_line(self.trust, line)[0].hex() for line in lines])
            self.assertEqual(len(lines), len(self.high if shape == "unjustified" else self.low & self.high))
        self.assertIn("--check", self.fails("USAGE", path, folder / "one", "--genesis", folder / "genesis.json",
                                            code=USAGE))

    def test_both_judges_refuse_what_was_tampered_with(self):
        chance = random.Random(11)
        for shape, first, second in (("unjustified", "one", "two"), ("skipped", "one", "two"),
                                     ("finalized", "one.checkpoint", "result.checkpoint")):
            folder = self.fork(shape)
            good = self.saved(folder, first, second).read_text().splitlines()[0]
            changed = folder / "changed"
            for _ in range(40):
                at = chance.randrange(len(good))
                line = good[:at] + chance.choice([c for c in "0123456789abcdef" if c != good[at]]) + good[at + 1:]
                changed.write_text(line + "\n")
                outcome = tally("blame", "--check", changed, "--genesis", folder / "genesis.json")
                self.assertEqual(outcome.code, REFUSED, outcome)
                self.assertRaises(Refused, evidence.judge_line, self.trust, line)
        changed.write_text("")
        self.fails("FORM", "--check", changed, "--genesis", folder / "genesis.json")
        self.fails("FILE", "--check", folder / "nowhere", "--genesis", folder / "genesis.json")

    def test_evidence_of_another_network_is_refused(self):
        first, second = self.fork("skipped", 4), self.fork("skipped", 7)
        path = self.saved(first, "one", "two")
        self.fails("CHAIN", "--check", path, "--genesis", second / "genesis.json")


class InnocentTest(network.NetworkTest):

    def test_a_network_that_ran_convicts_nobody(self):
        net = self.network()
        net.kill("validator-4")
        for outcome in net.import_all(network.synth(net.folder, seed=5, subjects=5, members=3)).values():
            self.assertEqual(outcome.code, DONE, outcome)
        net.start("validator-4")
        net.agreement()
        genesis = net.genesis
        height = net.agreement()[0]
        saved = [net.folder / f"checkpoint-{i}" for i in (1, 4)]
        for i, path in zip((1, 4), saved):
            net.run(f"validator-{i}", "checkpoint", height, "--out", path, check=DONE)
        for name in net.names:
            net.stop(name)
        homes = [net.home(name) for name in ("validator-1", "validator-4", "observer-1")]
        before = [content(home) for home in homes]
        for first, second in ((homes[0], homes[1]), (homes[1], homes[2]), (homes[0], saved[1]), tuple(saved)):
            outcome = tally("blame", first, second, "--genesis", genesis)
            self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (REFUSED, "AGREE"), outcome)
        self.assertEqual([content(home) for home in homes], before)


if __name__ == "__main__":
    network.main()
