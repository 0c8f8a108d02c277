#!/usr/bin/python3
"""A portfolio through four members' nodes at once, and a borrower's history proven complete from it."""

import json
import os
import random

import network
from network import DONE, FULL, REFUSED, tally

SUBJECTS = 5000 if FULL else 250
FLIPS = 4000 if FULL else 120  # every single bit is flipped in tests/unit/test_verify_history.c
REASONS = {"CHAIN", "SIGNATURE", "ROOT", "COUNT", "FOLD", "BODY", "FORM", "STALE"}


def flips(proof):
    bits = random.Random(2026).sample(range(8 * len(proof)), min(FLIPS, 8 * len(proof)))
    print(f"\n{len(bits)} of {8 * len(proof)} bits are flipped", end=" ")
    return sorted(bits)


class PortfolioTest(network.NetworkTest):
    """The tests stand on one network and build on each other, in the order of their names."""

    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = network.synth(cls.shared.folder, seed=7, subjects=SUBJECTS)

    def shared_subject(self):
        """A subject with accounts at two members."""
        seen = {}
        for name, path in self.files.items():
            for subject in {record["subject"] for record in network.records(path)}:
                seen.setdefault(subject, []).append(name)
        return min(subject for subject, names in seen.items() if len(names) > 1)

    def test_1_four_members_import_at_once_and_all_nodes_agree(self):
        outcomes = self.net.import_all(self.files)
        total = 0
        for name, outcome in outcomes.items():
            self.assertEqual(outcome.code, DONE, outcome)
            lines = network.line_count(self.files[name])
            counts = outcome.json
            self.assertEqual((counts["read"], counts["accepted"], counts["duplicate"], counts["rejected"]),
                             (lines, lines, 0, 0), name)
            total += lines
        height, root = self.net.agreement()
        print(f"\n{total} events, height {height}, state root {root[:16]}", end=" ")
        for name in self.net.names:
            self.assertEqual(self.net.events_counted(name), total, name)

    def test_2_the_same_files_again_add_nothing(self):
        before = self.net.events_counted()
        for name, outcome in self.net.import_all(self.files).items():
            self.assertEqual(outcome.code, DONE, outcome)
            lines = network.line_count(self.files[name])
            counts = outcome.json
            self.assertEqual((counts["accepted"], counts["duplicate"], counts["rejected"]), (0, lines, 0), name)
        self.assertEqual(self.net.events_counted(), before)

    def test_3_a_file_that_went_on_adds_only_what_is_new(self):
        path, longer = self.files["validator-1"], self.net.folder / "longer.ndjson"
        opened = [record for record in network.records(path) if record["type"] == "ACCOUNT_OPEN"]
        closed = {record["account"] for record in network.records(path) if record["type"] in ("CLOSE", "CHARGE_OFF")}
        more = [{"type": "PAYMENT", "subject": record["subject"], "account": record["account"],
                 "event_date": "2026-01-15", "body": {"amount_minor": 100}}
                for record in opened if record["account"] not in closed][:40]
        self.assertGreater(len(more), 5)
        with open(longer, "w") as out:
            out.write(path.read_text())
            out.writelines(json.dumps(record) + "\n" for record in more)
        before = self.net.events_counted()
        counts = self.net.run("validator-1", "import", longer, check=DONE).json
        self.assertEqual((counts["accepted"], counts["duplicate"], counts["rejected"]),
                         (len(more), network.line_count(path), 0))
        self.assertEqual(self.net.events_counted(), before + len(more))

    def test_4_a_bad_line_is_named_and_the_rest_goes_on(self):
        subject, account = os.urandom(32).hex(), os.urandom(16).hex()
        on_account = {"subject": subject, "account": account}
        lines = [
            {"type": "ACCOUNT_OPEN", **on_account, "event_date": "2025-01-02", "account_type": "REVOLVING",
             "currency": "CNY", "body": {}},
            None,
            {"type": "PAYMENT", **on_account, "event_date": "2025-02-02", "body": {"amount_minor": 5}},
            {"type": "PAYMENT", "subject": subject, "account": os.urandom(16).hex(), "event_date": "2025-02-02",
             "body": {"amount_minor": 5}},  # on an account that was never opened
            {"type": "PAYMENT", **on_account, "event_date": "2025-03-02", "body": {"amount_minor": 6}},
        ]
        path = self.net.folder / "bad.ndjson"
        path.write_text("".join((json.dumps(line) if line else "{not json") + "\n" for line in lines))
        counts = self.net.run("validator-2", "import", path, check=REFUSED).json
        self.assertEqual((counts["read"], counts["accepted"], counts["rejected"]), (5, 3, 2), counts)
        self.assertEqual(sorted(entry["line"] for entry in counts["rejections"]), [2, 4])
        self.assertIn("BAD_LINE", {entry["reason"] for entry in counts["rejections"]})

    def saved_history(self, subject):
        path = self.net.folder / "answer"
        shown = self.net.run("observer-1", "history", subject, "--out", path, check=DONE).json
        return path, shown

    def test_5_a_history_shows_both_members_accounts_and_verifies(self):
        subject = self.shared_subject()
        self.net.agreement()
        path, shown = self.saved_history(subject)
        sent = [record for file in self.files.values() for record in network.records(file)
                if record["subject"] == subject]
        self.assertGreaterEqual(len(shown["events"]), len(sent))
        self.assertEqual({record["account"] for record in sent}, {event["account"] for event in shown["events"]})
        self.assertEqual(len({event["member"] for event in shown["events"]}), 2)
        for record in sent:
            self.assertTrue(any(event["account"] == record["account"] and event["type"] == record["type"] and
                                event["event_date"] == record["event_date"] and event["body"] == record.get("body", {})
                                for event in shown["events"]), record)
        verdict = tally("verify", path, "--genesis", self.net.genesis, check=DONE).json
        self.assertEqual((verdict["authentic"], verdict["complete"], verdict["absent"], verdict["subject"]),
                         (True, True, False, subject))
        self.assertEqual((verdict["as_of_height"], verdict["as_of_time_ms"], verdict["events"]),
                         (shown["as_of_height"], shown["as_of_time_ms"], len(shown["events"])))
        block = self.net.run("validator-3", "block", verdict["as_of_height"], check=DONE).json
        self.assertEqual(block["time_ms"], verdict["as_of_time_ms"])

    def test_6_a_subject_without_a_file_is_proven_absent(self):
        for _ in range(5):
            subject = os.urandom(32).hex()
            path, shown = self.saved_history(subject)
            self.assertEqual((shown["absent"], shown["events"]), (True, []))
            verdict = tally("verify", path, "--genesis", self.net.genesis, check=DONE).json
            self.assertEqual((verdict["authentic"], verdict["complete"], verdict["absent"], verdict["events"]),
                             (True, True, True, 0))

    def refusal(self, proof, *options, genesis=None):
        """The reason for which the bytes are refused."""
        path = self.net.folder / "tampered"
        path.write_bytes(proof)
        outcome = tally("verify", path, "--genesis", genesis or self.net.genesis, *options)
        self.assertEqual(outcome.code, REFUSED, outcome)
        reason = outcome.json["error"]["reason"]
        self.assertIn(reason, REASONS)
        return reason

    def test_7_no_flipped_bit_verifies(self):
        proof = self.saved_history(self.shared_subject())[0].read_bytes()
        absent = self.saved_history("00" * 32)[0].read_bytes()
        for sound in (proof, absent):
            for bit in flips(sound):
                changed = bytearray(sound)
                changed[bit // 8] ^= 1 << bit % 8
                self.refusal(bytes(changed))

    def test_8_each_tampering_is_refused_for_its_reason(self):
        import rpc
        sound = self.saved_history(self.shared_subject())[0].read_bytes()

        def changed(change):
            proof = rpc.ledger.HistoryProof.FromString(sound)
            self.assertEqual(proof.SerializeToString(), sound, "a proof is canonical protobuf")
            change(proof)
            return proof.SerializeToString()

        def swap(proof):
            first, second = proof.events[1], proof.events[2]
            kept = rpc.ledger.ProvenEvent.FromString(first.SerializeToString())
            first.CopyFrom(second)
            second.CopyFrom(kept)

        def drop(proof):
            del proof.events[len(proof.events) // 2]

        def drop_and_recount(proof):
            drop(proof)
            proof.present.count -= 1

        def change_body(proof):
            event = next(event for event in proof.events if len(event.plain.body) > 2)
            event.plain.body = event.plain.body[:-1] + bytes([event.plain.body[-1] ^ 1])

        def change_header(proof):
            header = rpc.credit.EventHeader.FromString(proof.events[0].header)
            header.event_date += 1
            proof.events[0].header = header.SerializeToString()

        def change_height(proof):
            proof.events[0].height += 1

        def add(proof):
            proof.events.add().CopyFrom(proof.events[-1])

        def strip_signer(proof):
            bits = proof.checkpoint.signers
            proof.checkpoint.signers = bits & (bits - 1)
            proof.checkpoint.signatures = proof.checkpoint.signatures[64:]

        def change_root(proof):
            proof.checkpoint.checkpoint.state_root = bytes(32)

        def cut_path(proof):
            proof.siblings = proof.siblings[:-32]

        self.assertEqual(self.refusal(changed(drop)), "COUNT")
        self.assertEqual(self.refusal(changed(add)), "COUNT")
        self.assertEqual(self.refusal(changed(swap)), "FOLD")
        self.assertEqual(self.refusal(changed(change_header)), "FOLD")
        self.assertEqual(self.refusal(changed(change_height)), "FOLD")
        self.assertEqual(self.refusal(changed(change_body)), "BODY")
        self.assertEqual(self.refusal(changed(strip_signer)), "SIGNATURE")
        self.assertEqual(self.refusal(changed(change_root)), "SIGNATURE")
        self.assertEqual(self.refusal(changed(cut_path)), "ROOT")
        self.assertIn(self.refusal(changed(drop_and_recount)), {"FOLD", "ROOT"})
        self.assertEqual(self.refusal(sound + b"\0"), "FORM")
        self.assertEqual(self.refusal(b""), "FORM")
        for size in range(0, len(sound), 1 if FULL else len(sound) // 20):
            self.refusal(sound[:size])
        other = self.network(validators=4, observers=0, start=False)
        self.assertEqual(self.refusal(sound, genesis=other.genesis), "CHAIN")

    def test_9_an_answer_older_than_asked_for_is_stale(self):
        path, shown = self.saved_history(self.shared_subject())
        height = shown["as_of_height"]
        tally("verify", path, "--genesis", self.net.genesis, "--min-height", height, "--max-age", 3600, check=DONE)
        self.assertEqual(self.refusal(path.read_bytes(), "--min-height", height + 1), "STALE")
        network.wait_until("the answer to be a second old", lambda: self.refused_by_age(path), limit_s=5, every_s=0.3)

    def refused_by_age(self, path):
        outcome = tally("verify", path, "--genesis", self.net.genesis, "--max-age", 1)
        return outcome.code == REFUSED and outcome.json["error"]["reason"] == "STALE"


if __name__ == "__main__":
    network.main()
