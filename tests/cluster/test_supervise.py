#!/usr/bin/python3
"""Regulators read everybody's events under inquiries about blocks, which are on the ledger before, for all to see."""

import os
import shutil
import subprocess
import sys
import threading

import grpc

import network
import rpc
from governed import GovernedTest
from network import DONE, REFUSED, USAGE, tally, wait_until
from rpc import DEADLINE_S, credit, detail_of, tallystick

sys.path.insert(0, str(network.ROOT / "tests" / "vectors"))
import verify  # noqa: E402

# The integrators' verifier in Node, of an answer in a file.
NODE_VERIFIES = """
import { readFileSync } from 'node:fs'
import { verify } from '%s'
const [file, chain, inquiry, ...keys] = process.argv.slice(-7).map((each, i) => i === 0 ? each : Buffer.from(each, 'hex'))
verify({ chain, inquiry, keys }, readFileSync(file))
"""

REGULATOR = 5  # the member whose node observer-1 is


def about(first, last):
    return bytes(16) + first.to_bytes(8, "big") + last.to_bytes(8, "big")


class SuperviseTest(GovernedTest):
    def setUp(self):
        super().setUp()
        self.lender = rpc.Member(self.members, "validator-1")
        self.regulator = rpc.Member(self.members, "observer-1")
        self.regulator.id = REGULATOR
        self.clients = {name: rpc.Client(self.members, name) for name in ("validator-1", "validator-2", "observer-1")}
        for client in self.clients.values():
            self.addCleanup(client.close)

    def furnished(self):
        """An event of the lender's: its id, its subject, and the height of its block."""
        subject = os.urandom(32)
        reply = self.clients["validator-1"].submit(self.lender.batch([self.lender.opening(subject)]))
        self.assertEqual(reply.results[0].result_name, "OK")
        self.seen(REGULATOR, reply.height)
        return reply.results[0].event_id, subject, reply.height

    @staticmethod
    def inquiry(member, first, last, subject=None, legal_basis=credit.LEGAL_SUPERVISION):
        return member.inquiry(subject or about(first, last), None, credit.PURPOSE_ACCOUNT_REVIEW, legal_basis, scheme=2)

    def supervise(self, first, last):
        shown = self.members.run("observer-1", "supervise", first, last, "--purpose", "ACCOUNT_REVIEW", check=DONE).json
        return bytes.fromhex(shown["inquiry"]), shown["height"]

    def block(self, height, inquiry=b"", name="observer-1"):
        return self.clients[name].ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height, inquiry=inquiry),
                                                  timeout=DEADLINE_S)

    def event(self, event_id, inquiry=b"", name="observer-1"):
        return self.clients[name].ledger.GetEvent(rpc.rpc.GetEventRequest(event_id=event_id, inquiry=inquiry),
                                                  timeout=DEADLINE_S)

    def refused(self, call, status, reason):
        with self.assertRaises(grpc.RpcError) as failed:
            call()
        self.assertEqual((failed.exception.code(), detail_of(failed.exception).reason), (status, reason))
        return failed.exception

    def test_a_regulator_reads_what_all_wrote_once_that_is_on_the_ledger(self):
        event_id, subject, height = self.furnished()
        for told in (self.block(height).events[0], self.event(event_id).event):
            self.assertEqual((told.event_id, told.header, told.HasField("plain")), (event_id, b"", False))
        shown = self.members.run("observer-1", "block", height, check=DONE).json["events"]
        self.assertEqual(shown, [{"index": 0, "event_id": event_id.hex()}])
        inquiry, recorded = self.supervise(height, height + 1)
        for told in (self.block(height, inquiry).events[0], self.event(event_id, inquiry).event):
            self.assertEqual((told.event_id, credit.EventHeader.FromString(told.header).subject_id), (event_id, subject))
            self.assertEqual(credit.AccountOpenBody.FromString(told.plain.body).limit_minor, 5000000)
            self.assertEqual(self.lender.event_id(credit.CreditEvent(header=told.header)), event_id)
        # The command line, which holds header and body against the id.
        [event] = self.members.run("observer-1", "block", height, "--inquiry", inquiry.hex(), check=DONE).json["events"]
        self.assertEqual((event["type"], event["result"], event["subject"], event["body"]),
                         ("ACCOUNT_OPEN", "OK", subject.hex(), {"limit_minor": 5000000}))
        # Others read neither by it nor without it, and see in its block who reads what, and why.
        self.seen(1, recorded)
        self.seen(2, recorded)
        self.refused(lambda: self.block(height, inquiry, "validator-2"), grpc.StatusCode.FAILED_PRECONDITION, "NO_INQUIRY")
        self.assertEqual(self.block(height, name="validator-2").events[0].header, b"")
        for name in ("validator-1", "validator-2"):
            [seen] = self.members.run(name, "block", recorded, check=DONE).json["events"]
            self.assertEqual({key: seen[key] for key in ("event_id", "type", "member", "blocks", "legal_basis", "purpose", "result")},
                             {"event_id": inquiry.hex(), "type": "INQUIRY", "member": REGULATOR, "result": "OK",
                              "blocks": {"first": height, "last": height + 1}, "legal_basis": "SUPERVISION",
                              "purpose": "ACCOUNT_REVIEW"})
            text = self.members.run(name, "block", recorded, as_json=False, check=DONE).out
            self.assertIn(f"INQUIRY of member 5 about blocks {height} to {height + 1}, ACCOUNT_REVIEW", text)
            self.assertEqual(credit.EventHeader.FromString(self.event(inquiry, name=name).event.header).subject_scheme, 2)

    def test_who_asked_about_the_same_blocks_is_told_with_a_proof(self):
        _, _, height = self.furnished()
        asked = [self.supervise(height, height)[0] for _ in range(2)]
        reply = self.clients["observer-1"].credit.Inquire(rpc.rpc.InquireRequest(inquiry=asked[1]), timeout=DEADLINE_S)
        proof = rpc.ledger.HistoryProof.FromString(reply.proof)
        self.assertEqual([self.regulator.event_id(event) for event in proof.events], asked)
        file, keys = self.members.folder / "answer", tallystick.validators(self.members.genesis)
        file.write_bytes(reply.proof)
        tally("verify", file, "--genesis", self.members.genesis, "--inquiry", asked[1].hex(), check=DONE)
        trust = verify.Trust(chain=self.chain_id(), validators=verify.Validators(epoch=1, keys=keys), known=None, min_height=0,
                             min_time=0, inquiry=None)
        self.assertEqual(verify.verify(trust, reply.proof, {"inquiry": asked[1].hex()}), "OK")
        if shutil.which("node"):
            script = NODE_VERIFIES % (network.ROOT / "node" / "rpc" / "examples" / "node" / "verify.mjs")
            subprocess.run(["node", "--input-type=module", "-e", script, file, self.chain_id().hex(), asked[1].hex(),
                            *[key.hex() for key in keys]], check=True)

    def test_an_inquiry_opens_its_blocks_and_no_others_to_whom_it_is_of(self):
        _, _, before = self.furnished()
        event_id, _, height = self.furnished()
        inquiry, _ = self.supervise(height, height)
        self.refused(lambda: self.block(before, inquiry), grpc.StatusCode.OUT_OF_RANGE, "OUTSIDE_INQUIRY")
        for unknown in (os.urandom(32), event_id):
            self.refused(lambda unknown=unknown: self.block(height, unknown), grpc.StatusCode.FAILED_PRECONDITION, "NO_INQUIRY")
            self.refused(lambda unknown=unknown: self.event(event_id, unknown), grpc.StatusCode.FAILED_PRECONDITION, "NO_INQUIRY")
        self.refused(lambda: self.block(height, b"short"), grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
        # A lender's is refused by every validator, though its policy knows the ground; and it opens nothing.
        event = self.inquiry(self.lender, 1, height)
        reply = self.clients["validator-1"].submit(self.lender.batch([event]))
        self.assertEqual(reply.results[0].result_name, "NOT_ALLOWED")
        self.refused(lambda: self.block(height, reply.results[0].event_id, "validator-1"),
                     grpc.StatusCode.PERMISSION_DENIED, "NOT_SUPERVISOR")
        outcome = self.members.run("validator-1", "supervise", 1, height, "--purpose", "ACCOUNT_REVIEW")
        self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (REFUSED, "NOT_ALLOWED"))
        # Nothing else is about blocks, and no range is empty, or of all blocks there will be.
        for event in (self.inquiry(self.regulator, 1, height, legal_basis=credit.LEGAL_COURT_ORDER),
                      self.inquiry(self.regulator, 2, 1), self.inquiry(self.regulator, 0, 1),
                      self.inquiry(self.regulator, 1, 1000001), self.inquiry(self.regulator, 1, 2, subject=os.urandom(32))):
            with self.assertRaises(grpc.RpcError) as failed:
                self.clients["observer-1"].submit(self.regulator.batch([event]))
            self.assertEqual(failed.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        for wrong in (("5", "4"), ("0", "1"), ("1",), ("1", "1000001")):
            self.assertEqual(self.members.run("observer-1", "supervise", *wrong, "--purpose", "ACCOUNT_REVIEW").code, USAGE)

    def test_a_stream_of_whole_blocks_ends_with_the_last_one_of_its_inquiry(self):
        _, _, first = self.furnished()
        inquiry, recorded = self.supervise(first, first + 4)
        blocks = []

        def follow():
            for news in self.clients["observer-1"].ledger.Follow(
                    rpc.rpc.FollowRequest(from_height=first, inquiry=inquiry), timeout=DEADLINE_S):
                blocks.append(news.block)

        thread = threading.Thread(target=follow)
        thread.start()
        wait_until("what is there", lambda: len(blocks) >= recorded - first + 1)
        while self.furnished()[2] < first + 5:
            pass
        thread.join(DEADLINE_S)
        self.assertEqual([block.header.height for block in blocks], list(range(first, first + 5)))
        self.assertTrue(all(event.header and event.HasField("plain") for block in blocks for event in block.events))
        lines = self.members.run("observer-1", "watch", "--from", first, "--inquiry", inquiry.hex(), check=DONE).out.splitlines()
        self.assertIn('"limit_minor"', lines[0])
        self.assertIn(f'"next_height":{first + 5}', lines[-1].replace(" ", ""))
        self.refused(lambda: list(self.clients["observer-1"].ledger.Follow(
            rpc.rpc.FollowRequest(from_height=first + 5, inquiry=inquiry), timeout=DEADLINE_S)),
            grpc.StatusCode.OUT_OF_RANGE, "OUTSIDE_INQUIRY")

    def test_a_suspended_regulator_reads_nothing(self):
        event_id, _, height = self.furnished()
        inquiry, _ = self.supervise(height, height + 1000)
        stream = self.clients["observer-1"].ledger.Follow(
            rpc.rpc.FollowRequest(from_height=height, inquiry=inquiry), timeout=DEADLINE_S)
        self.assertTrue(next(stream).block.events[0].HasField("plain"))
        closed = self.passed(1, "suspend", REGULATOR)
        self.seen(REGULATOR, closed["height"])
        self.furnished()
        denied = grpc.StatusCode.PERMISSION_DENIED
        self.refused(lambda: self.block(height, inquiry), denied, "NOT_SUPERVISOR")
        self.refused(lambda: self.event(event_id, inquiry), denied, "NOT_SUPERVISOR")
        ended = self.refused(lambda: list(stream), denied, "NOT_SUPERVISOR")
        self.assertGreater(detail_of(ended).resume_height, height)
        outcome = self.members.run("observer-1", "supervise", 1, 2, "--purpose", "ACCOUNT_REVIEW")
        self.assertEqual(outcome.code, REFUSED)

    def test_a_client_without_the_role_inquire_uses_none(self):
        _, _, height = self.furnished()
        inquiry, _ = self.supervise(height, height)
        self.members.run("observer-1", "client", "add", "reader", "--roles", "read", "--out", self.members.folder, check=DONE)
        certificate, key = [(self.members.folder / f"reader.{kind}").read_bytes() for kind in ("crt", "key")]
        with rpc.Client(self.members, "observer-1", certificate, key) as reader:
            request = rpc.rpc.GetBlockRequest(height=height, inquiry=inquiry)
            self.refused(lambda: reader.ledger.GetBlock(request, timeout=DEADLINE_S), grpc.StatusCode.PERMISSION_DENIED, "ROLE")


if __name__ == "__main__":
    network.main()
