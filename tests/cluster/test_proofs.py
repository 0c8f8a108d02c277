#!/usr/bin/python3
"""Answers with proof, saved and verified offline: receipts of refused events too, and checkpoints since older ones."""

import network
import rpc
from network import DONE, REFUSED, USAGE, tally
from rpc import credit


class ProofsTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member = rpc.Member(cls.shared, "validator-1")
        cls.client = rpc.Client(cls.shared, "validator-1")
        cls.addClassCleanup(cls.client.close)

    def submit(self, *events):
        return self.client.submit(self.member.batch(list(events)), rpc.rpc.CHECKPOINTED).results

    def verify(self, file, *options, genesis=None):
        return tally("verify", file, "--genesis", genesis or self.net.genesis, *options)

    def fails(self, outcome, reason, code=REFUSED):
        self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (code, reason), outcome)

    def no_byte_can_change(self, file, step):
        """Of some, spread over the whole file; the unit tests flip every bit."""
        bytes_ = file.read_bytes()
        changed = self.net.folder / "changed"
        for at in range(0, len(bytes_), step):
            changed.write_bytes(bytes_[:at] + bytes([bytes_[at] ^ 0x10]) + bytes_[at + 1:])
            self.assertEqual(self.verify(changed).code, REFUSED, at)

    # Receipts

    def test_a_refused_event_has_a_receipt_as_an_applied_one_has(self):
        opening = self.member.opening()
        subject, account = opening_place(opening)
        payment = self.member.event(credit.PAYMENT, subject, account, 1, self.member.event_id(opening),
                                    body=credit.PaymentBody(amount_minor=700))
        other = self.member.event(credit.PAYMENT, subject, account, 1, self.member.event_id(opening),
                                  body=credit.PaymentBody(amount_minor=701))
        early = self.member.event(credit.PAYMENT, subject, account, 5, bytes(32),
                                  body=credit.PaymentBody(amount_minor=702))
        results = self.submit(opening, payment, other, early)
        self.assertEqual([result.result_name for result in results], ["OK", "OK", "CONFLICT", "GAP"])
        details = {"OK": "", "CONFLICT": self.member.event_id(payment).hex(),
                   "GAP": (2).to_bytes(4, "big").hex() + self.member.event_id(payment).hex()}
        for result in results:
            file = self.net.folder / f"receipt-{result.index}"
            by_id = self.net.run("observer-1", "receipt", result.event_id.hex(), "--out", file, check=DONE).json
            by_place = self.net.run("validator-3", "receipt", result.height, result.index, check=DONE).json
            self.assertEqual((by_id["event_id"], by_id["height"], by_id["index"], by_id["result"], by_id["detail"]),
                             (result.event_id.hex(), result.height, result.index, result.result_name,
                              details[result.result_name]))
            self.assertEqual(by_id | {"as_of_height": 0, "as_of_time_ms": 0},
                             by_place | {"as_of_height": 0, "as_of_time_ms": 0})
            self.assertEqual(self.verify(file).json, by_id)
            self.assertIn(result.result_name, tally("verify", file, "--genesis", self.net.genesis, as_json=False).out)
            self.fails(self.verify(file, "--min-height", by_id["as_of_height"] + 1), "STALE")
        self.no_byte_can_change(file, 37)

    def test_a_receipt_of_nothing_is_refused(self):
        self.submit(self.member.opening())
        for place in (["ab" * 32], [1, 1 << 20], [1 << 40, 0]):
            self.fails(self.net.run("validator-2", "receipt", *place), "NOT_FOUND")
        for wrong in ([], ["xyz"], ["0", "0"], ["1", "-1"], ["1", "2", "3"]):
            self.fails(self.net.run("validator-2", "receipt", *wrong), "USAGE", USAGE)

    # Histories

    def test_a_history_goes_on_from_one_that_was_verified_before(self):
        opening = self.member.opening()
        subject, account = opening_place(opening)
        none, old, new, tail, same = (self.net.folder / name for name in ("none", "old", "new", "tail", "same"))
        self.submit(self.member.opening())
        self.net.run("validator-1", "history", subject.hex(), "--out", none, check=DONE)
        self.submit(opening)
        first = self.net.run("validator-1", "history", subject.hex(), "--since", none, "--out", old, check=DONE).json
        self.assertEqual((first["since"], len(first["events"])), (0, 1))
        payments = self.payments(opening, 4)
        self.submit(*payments[:2]), self.submit(*payments[2:])
        shown = self.net.run("validator-2", "history", subject.hex(), "--since", old, "--out", tail, check=DONE).json
        self.assertEqual((shown["since"], [event["account_seq"] for event in shown["events"]]), (1, [1, 2, 3, 4]))
        whole = self.net.run("validator-3", "history", subject.hex(), "--out", new, check=DONE).json
        self.assertEqual((whole["since"], len(whole["events"])), (0, 5))
        again = self.net.run("observer-1", "history", subject.hex(), "--since", new, "--out", same, check=DONE).json
        self.assertEqual((again["since"], again["events"]), (5, []))

        verdict = self.verify(tail, "--since", old).json
        self.assertEqual((verdict["since"], verdict["events"], verdict["complete"]), (1, 4, True))
        self.assertIn("4 after the 1 before", tally("verify", tail, "--since", old, "--genesis", self.net.genesis,
                                                    as_json=False, check=DONE).out)
        self.assertEqual(self.verify(same, "--since", new).json["since"], 5)
        self.fails(self.verify(tail), "COUNT")
        self.fails(self.verify(tail, "--since", new), "COUNT")
        self.fails(self.verify(tail, "--since", none), "COUNT")
        self.fails(self.verify(new, "--since", old), "COUNT")
        self.fails(self.verify(tail, "--since", tail), "COUNT")
        changed = self.net.folder / "changed"
        for reason, spoiled in (("BODY", flip(old, -1)), ("FORM", old.read_bytes()[:-1]), ("SIGNATURE", flip(old, 100))):
            changed.write_bytes(spoiled)
            self.fails(self.verify(tail, "--since", changed), reason)
            self.fails(self.net.run("validator-1", "history", subject.hex(), "--since", changed), reason)

    def test_what_a_history_goes_on_from_is_of_its_subject(self):
        files = []
        for name in ("one", "two"):
            opening = self.member.opening()
            self.submit(opening)
            files.append(self.net.folder / name)
            subject = opening_place(opening)[0].hex()
            self.net.run("validator-1", "history", subject, "--out", files[-1], check=DONE)
        self.fails(self.net.run("validator-1", "history", subject, "--since", files[0]), "SUBJECT")
        tail = self.net.folder / "tail"
        self.net.run("validator-1", "history", subject, "--since", files[1], "--out", tail, check=DONE)
        self.fails(self.verify(tail, "--since", files[0]), "ROOT")

    def test_a_whole_history_tells_what_there_was_at_an_older_height(self):
        opening = self.member.opening()
        subject, _ = opening_place(opening)
        file, known = self.net.folder / "answer", self.net.folder / "known"
        heights = [self.submit(event)[0].height for event in [opening, *self.payments(opening, 3)]]
        newest = self.net.run("validator-1", "history", subject.hex(), "--out", file, check=DONE).json["as_of_height"]
        for height in range(heights[0] - 1, newest + 1):
            verdict = self.verify(file, "--as-of", height).json
            self.assertEqual((verdict["asked_height"], verdict["events_then"], verdict["events"]),
                             (height, sum(each <= height for each in heights), 4))
        self.fails(self.verify(file, "--as-of", newest + 1), "STALE")
        self.fails(self.verify(file, "--as-of", 0), "USAGE", USAGE)

        # Against a checkpoint that was verified before: no rollback behind it.
        self.net.run("validator-2", "checkpoint", newest, "--out", known, check=DONE)
        self.assertEqual(self.verify(file, "--trust", known).code, DONE)
        self.submit(self.member.opening())
        later = self.net.folder / "later"
        self.net.run("validator-2", "checkpoint", "--since", known, "--out", later, check=DONE)
        self.fails(self.verify(file, "--trust", later), "STALE")
        self.fails(self.verify(known, "--trust", later), "STALE")
        self.assertEqual(self.verify(later, "--trust", known).code, DONE)
        self.fails(self.verify(file, "--trust", file), "FORM")
        self.fails(self.verify(known, "--as-of", 1), "FORM")

    def payments(self, opening, count):
        """Payments on the account that `opening` opens, in order."""
        subject, account = opening_place(opening)
        events = [opening]
        for seq in range(1, count + 1):
            events.append(self.member.event(credit.PAYMENT, subject, account, seq, self.member.event_id(events[-1]),
                                            body=credit.PaymentBody(amount_minor=100 + seq)))
        return events[1:]

    # Checkpoints

    def test_a_checkpoint_proves_that_it_goes_on_from_an_older_one(self):
        older, newer, newest = (self.net.folder / name for name in ("older", "newer", "newest"))
        self.submit(self.member.opening())
        first = self.net.run("validator-1", "checkpoint", "--out", older, check=DONE).json
        for _ in range(3):
            self.submit(self.member.opening())
        second = self.net.run("validator-2", "checkpoint", "--since", older, "--out", newer, check=DONE).json
        self.assertEqual(second["since_height"], first["height"])
        self.assertGreater(second["height"], first["height"])
        self.submit(self.member.opening())
        third = self.net.run("observer-1", "checkpoint", "--since", newer, "--out", newest, check=DONE).json
        self.assertEqual(third["since_height"], second["height"])
        same = self.net.run("validator-1", "checkpoint", first["height"], "--since", older, check=DONE).json
        self.assertEqual((same["since_height"], same["height"]), (first["height"], first["height"]))
        for file, shown in ((older, first), (newer, second), (newest, third)):
            self.assertEqual(self.verify(file).json, shown)
            self.fails(self.verify(file, "--min-height", shown["height"] + 1), "STALE")
            self.no_byte_can_change(file, 41)
        self.fails(self.net.run("validator-1", "checkpoint", first["height"], "--since", newer), "SINCE_AHEAD")
        self.fails(self.net.run("validator-1", "checkpoint", "--since", "/no/such/file"), "FILE")
        self.fails(self.net.run("validator-1", "checkpoint", "--since", self.net.genesis), "FORM")

    def test_another_networks_checkpoint_is_of_another_chain(self):
        file = self.net.folder / "checkpoint"
        self.submit(self.member.opening())
        self.net.run("validator-1", "checkpoint", "--out", file, check=DONE)
        with network.Network(observers=0, start=False) as other:
            self.fails(self.verify(file, genesis=other.genesis), "CHAIN")
            home = other.home("validator-1")
            self.fails(tally("checkpoint", "--since", file, home=home), "CHAIN")


def flip(file, at):
    """The file's bytes, one of them changed; -1 is in the last event's body or salt, with a position after it."""
    bytes_ = bytearray(file.read_bytes())
    bytes_[at if at >= 0 else len(bytes_) - 35] ^= 1
    return bytes(bytes_)


def opening_place(opening):
    header = credit.EventHeader.FromString(opening.header)
    return header.subject_id, header.account.ref


if __name__ == "__main__":
    network.main()
