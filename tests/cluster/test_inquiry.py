#!/usr/bin/python3
"""No log, no data: files of others are read under inquiries that are on the ledger, and refusals tell nothing."""

import concurrent.futures
import hmac
import json
import os

import grpc

import network
import rpc
from network import DONE, REFUSED, USAGE, tally
from rpc import DEADLINE_S, credit, detail_of, ledger

NO_CONSENT = 16
MANY = 1000


def shape(message, without=()):
    """Which fields a message has, and how long each is, but for those whose length is the ledger's."""
    sizes = {}
    for field, value in message.ListFields():
        if field.name in without:
            continue
        if field.type == field.TYPE_MESSAGE:
            sizes[field.name] = shape(value, without)
        else:
            sizes[field.name] = len(value) if isinstance(value, bytes) else type(value).__name__
    return sizes


class InquiryTest(network.NetworkTest):
    network_options = {"open_reads": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = [rpc.Member(cls.shared, name) for name in cls.shared.validators]
        cls.clients = [rpc.Client(cls.shared, name) for name in cls.shared.names]
        for client in cls.clients:
            cls.addClassCleanup(client.close)
        cls.bank, cls.other = cls.members[:2]
        cls.bank_client, cls.other_client = cls.clients[:2]

    def submit(self, client, member, *events):
        reply = client.submit(member.batch(list(events)), rpc.rpc.CHECKPOINTED)
        self.assertEqual([result.result_name for result in reply.results], ["OK"] * len(events))
        return [result.event_id for result in reply.results]

    def granted(self, subject, **terms):
        """The id of a consent of the bank's."""
        return self.submit(self.bank_client, self.bank, self.bank.grant(subject, **terms))[0]

    def furnished(self, count):
        """A subject of whom the other member furnished so many events."""
        subject, account = os.urandom(32), os.urandom(16)
        events = [self.other.opening(subject, account)][:count]
        for seq in range(1, count):
            events.append(self.other.event(credit.PAYMENT, subject, account, seq, self.other.event_id(events[-1]),
                                           body=credit.PaymentBody(amount_minor=seq)))
        if events:
            self.submit(self.other_client, self.other, *events)
        return subject

    def inquire(self, event, client=None, member=None, since=0):
        batch = (member or self.bank).batch([event])
        return (client or self.bank_client).credit.Inquire(
            rpc.rpc.InquireRequest(batch=batch, since_count=since), timeout=DEADLINE_S)

    def again(self, inquiry, client=None):
        return (client or self.bank_client).credit.Inquire(
            rpc.rpc.InquireRequest(inquiry=inquiry), timeout=DEADLINE_S)

    def failed(self, call, status, reason):
        with self.assertRaises(grpc.RpcError) as failed:
            call()
        self.assertEqual((failed.exception.code(), detail_of(failed.exception).reason), (status, reason))

    def fails(self, outcome, reason, code=REFUSED):
        self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (code, reason), outcome)

    def answered(self, reply, events):
        """The reply's proof, which the command line verifies, holds so many events and the inquiry."""
        self.assertEqual(reply.receipt.result, 0)
        proof = ledger.HistoryProof.FromString(reply.proof)
        ids = [self.bank.event_id(event) for event in proof.events]
        self.assertEqual((len(ids), ids.count(reply.receipt.event_id)), (events, 1))
        self.assertGreaterEqual(proof.checkpoint.checkpoint.height, reply.receipt.height)
        self.assertTrue(all(event.HasField("plain") for event in proof.events))
        file = self.net.folder / "answer"
        file.write_bytes(reply.proof)
        shown = tally("verify", file, "--genesis", self.net.genesis, "--inquiry", reply.receipt.event_id.hex(),
                      check=DONE).json
        self.assertEqual((shown["authentic"], shown["complete"], shown["events"], shown["withheld"]),
                         (True, True, events, 0))
        return proof

    def refused(self, event, code=NO_CONSENT):
        reply = self.inquire(event)
        self.assertEqual((reply.receipt.result, reply.receipt.detail, reply.proof), (code, b"", b""))
        self.assertEqual(reply.receipt.event_id, self.bank.event_id(event))
        for client in self.clients:  # the same everywhere, and provable
            network.wait_until("the receipt", lambda client=client: client.status().applied_height >=
                               reply.receipt.height)
        told = [self.net.run(name, "receipt", reply.receipt.event_id.hex(), check=DONE).json
                for name in self.net.names]
        self.assertEqual({(each["result"], each["height"], each["index"]) for each in told},
                         {("NO_CONSENT", reply.receipt.height, reply.receipt.index)})
        self.failed(lambda: self.again(reply.receipt.event_id, self.other_client), grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        again = self.again(reply.receipt.event_id)
        self.assertEqual((again.receipt.result, again.proof), (code, b""))
        return reply

    # Answers

    def test_a_file_is_answered_whole_with_the_inquiry_in_it(self):
        subject = self.furnished(5)
        consent = self.granted(subject)
        proof = self.answered(self.inquire(self.bank.inquiry(subject, consent)), 7)
        kinds = [credit.EventHeader.FromString(event.header).type for event in proof.events]
        self.assertEqual(kinds, [credit.ACCOUNT_OPEN, *[credit.PAYMENT] * 4, credit.CONSENT_GRANT, credit.INQUIRY])

    def test_no_file_is_a_fold_of_access_events_alone(self):
        subject = self.furnished(0)
        proof = self.answered(self.inquire(self.bank.inquiry(subject, self.granted(subject))), 2)
        self.assertEqual([credit.EventHeader.FromString(event.header).type for event in proof.events],
                         [credit.CONSENT_GRANT, credit.INQUIRY])

    def test_an_inquiry_is_answered_again_without_a_use(self):
        subject = self.furnished(3)
        consent = self.granted(subject, uses=1)
        event = self.bank.inquiry(subject, consent)
        batch = rpc.rpc.InquireRequest(batch=self.bank.batch([event]))
        first = self.bank_client.credit.Inquire(batch, timeout=DEADLINE_S)
        self.answered(first, 5)
        self.answered(self.again(first.receipt.event_id), 5)
        self.answered(self.bank_client.credit.Inquire(batch, timeout=DEADLINE_S), 5)  # a lost answer is asked for again
        self.answered(self.inquire(event), 5)  # and in a batch of its own
        self.refused(self.bank.inquiry(subject, consent))
        self.submit(self.bank_client, self.bank, self.bank.revocation(subject, consent))
        self.failed(lambda: self.again(first.receipt.event_id), grpc.StatusCode.FAILED_PRECONDITION, "INQUIRY_OVER")

    def test_who_asked_is_part_of_the_file(self):
        subject = self.furnished(2)
        unknown = os.urandom(32)
        self.refused(self.bank.inquiry(subject, unknown))
        reply = self.inquire(self.other.inquiry(subject, legal_basis=credit.LEGAL_STATUTE), self.other_client, self.other)
        proof = self.answered(reply, 4)
        asked = [(credit.EventHeader.FromString(event.header).member_id, event.result) for event in proof.events[2:]]
        self.assertEqual(asked, [(self.bank.id, NO_CONSENT), (self.other.id, 0)])

    def test_an_answer_goes_on_from_an_older_one(self):
        subject = self.furnished(4)
        consent = self.granted(subject, uses=5)
        old, tail = self.net.folder / "old", self.net.folder / "tail"
        old.write_bytes(self.inquire(self.bank.inquiry(subject, consent)).proof)
        reply = self.inquire(self.bank.inquiry(subject, consent), since=6)
        tail.write_bytes(reply.proof)
        shown = tally("verify", tail, "--since", old, "--genesis", self.net.genesis, "--inquiry",
                      reply.receipt.event_id.hex(), check=DONE).json
        self.assertEqual((shown["since"], shown["events"]), (6, 1))
        self.failed(lambda: self.inquire(self.bank.inquiry(subject, consent), since=99),
                    grpc.StatusCode.OUT_OF_RANGE, "SINCE_AHEAD")

    # Refusals

    def test_whatever_is_wrong_with_a_consent_is_no_consent(self):
        subject = self.furnished(3)
        decision, guarantee = credit.PURPOSE_CREDIT_DECISION, credit.PURPOSE_GUARANTEE
        used, revoked = self.granted(subject), self.granted(subject)
        self.inquire(self.bank.inquiry(subject, used))
        self.submit(self.bank_client, self.bank, self.bank.revocation(subject, revoked))
        others = self.submit(self.other_client, self.other, self.other.grant(subject))[0]
        elsewhere = self.granted(self.furnished(1))
        for consent, purpose in ((os.urandom(32), decision),                              # none
                                 (self.granted(subject, first=-9, last=-1), decision),    # expired
                                 (self.granted(subject, first=3), decision),              # not begun
                                 (used, decision), (revoked, decision),
                                 (self.granted(subject), guarantee),                      # for another purpose
                                 (others, decision),                                      # another grantee's
                                 (elsewhere, decision)):                                  # another subject's
            self.refused(self.bank.inquiry(subject, consent, purpose))

    def test_a_refusal_is_the_same_for_none_one_and_many_events(self):
        sizes, shapes = set(), []
        for count in (0, 1, MANY):
            subject = self.furnished(count)
            marks = {name: self.net.log_size(name) for name in self.net.names}
            reply = self.refused(self.bank.inquiry(subject, os.urandom(32)))
            # Paths grow with the ledger and the block; nothing else may differ, to the byte.
            shapes.append(shape(reply, without=("result_path", "history_path")))
            self.assertEqual(reply.receipt.index, 0)
            reply.receipt.ClearField("history_path")
            reply.receipt.ClearField("result_path")
            # Numbers of one height are all but as long; heights of a small network have one or two bytes.
            reply.receipt.height = reply.receipt.checkpoint.checkpoint.height = 1
            sizes.add(reply.ByteSize())
            for name in self.net.names:
                told = self.net.log(name)[marks[name]:]
                self.assertNotIn(subject.hex(), told)
                self.assertNotIn(reply.receipt.event_id.hex(), told)
        self.assertEqual(shapes, [shapes[0]] * 3)
        self.assertEqual(len(sizes), 1, sizes)

    def test_a_refused_asker_is_told_no_more_by_its_own_events(self):
        answers = []
        for count in (0, 1, MANY):
            subject = self.furnished(count)
            self.refused(self.bank.inquiry(subject, os.urandom(32)))
            answers.append(self.bank_client.credit.OwnEvents(
                rpc.rpc.OwnEventsRequest(subject_id=subject), timeout=DEADLINE_S).SerializeToString())
        self.assertEqual(answers, [b""] * 3)

    def test_files_are_closed_to_reads_without_an_inquiry(self):
        subject = self.furnished(1)
        self.failed(lambda: self.bank_client.credit.GetHistory(rpc.rpc.GetHistoryRequest(subject_id=subject),
                                                               timeout=DEADLINE_S),
                    grpc.StatusCode.PERMISSION_DENIED, "READS_CLOSED")

    def test_only_an_inquiry_of_the_members_own_asks(self):
        subject = self.furnished(1)
        invalid, denied = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED
        two = self.bank.batch([self.bank.inquiry(subject, os.urandom(32)) for _ in range(2)])
        for batch in (two, self.bank.batch([self.bank.grant(subject)]), credit.Batch()):
            self.failed(lambda batch=batch: self.bank_client.credit.Inquire(
                rpc.rpc.InquireRequest(batch=batch), timeout=DEADLINE_S), invalid, "NOT_AN_INQUIRY")
        for request in (rpc.rpc.InquireRequest(), rpc.rpc.InquireRequest(inquiry=b"short")):
            self.failed(lambda request=request: self.bank_client.credit.Inquire(request, timeout=DEADLINE_S),
                        invalid, "MALFORMED")
        event = self.other.inquiry(subject, legal_basis=credit.LEGAL_STATUTE)
        self.failed(lambda: self.inquire(event, member=self.other), denied, "NOT_OWN_MEMBER")
        for unknown in (os.urandom(32), self.submit(self.bank_client, self.bank, self.bank.grant(subject))[0]):
            self.failed(lambda unknown=unknown: self.again(unknown), grpc.StatusCode.NOT_FOUND, "NOT_FOUND")

    def test_a_client_does_what_its_roles_are_for(self):
        name, yaml = "validator-4", self.net.home("validator-4") / "node.yaml"
        text = yaml.read_text()
        self.assertIn("[submit, inquire, read, admin]", text)
        subject = self.furnished(1)
        try:
            for roles in ("submit, read, admin", "inquire, read"):
                self.net.stop(name)
                yaml.write_text(text.replace("submit, inquire, read, admin", roles))
                self.net.start(name)
                with rpc.Client(self.net, name) as client:
                    network.wait_until("it takes part", lambda client=client: client.status().standing != "JOINING")
                    if roles.startswith("submit"):
                        self.failed(lambda client=client: self.again(os.urandom(32), client),
                                    grpc.StatusCode.PERMISSION_DENIED, "ROLE")
                        self.assertGreater(client.status().subjects, 0)
                        continue
                    member = self.members[3]
                    event = member.inquiry(subject, legal_basis=credit.LEGAL_STATUTE)
                    self.answered(self.inquire(event, client, member), 2)
                    # How many subjects there are grows with a refused inquiry about one of whom nothing was known.
                    self.assertEqual(client.status().subjects, 0)
        finally:
            self.net.stop(name)
            yaml.write_text(text)
            self.net.start(name)

    # Races

    def test_of_inquiries_that_race_for_the_last_use_one_wins(self):
        rounds, askers = (100, 8) if network.FULL else (5, 4)
        with concurrent.futures.ThreadPoolExecutor(askers) as pool:
            for _ in range(rounds):
                subject = self.furnished(1)
                consent = self.granted(subject, uses=1)
                events = [self.bank.inquiry(subject, consent) for _ in range(askers)]
                replies = list(pool.map(self.inquire, events))
                won = [reply for reply in replies if reply.receipt.result == 0]
                self.assertEqual(len(won), 1)
                self.assertEqual([reply.receipt.result for reply in replies if reply is not won[0]],
                                 [NO_CONSENT] * (askers - 1))
                self.assertEqual([bool(reply.proof) for reply in replies], [reply is won[0] for reply in replies])

    # The command line

    def test_a_loan_officer_asks_and_asks_again(self):
        subject = self.furnished(6).hex()
        run = lambda *arguments, **options: self.net.run("validator-1", *arguments, **options)
        consent = run("consent", "grant", subject, "--purposes", "CREDIT_DECISION,GUARANTEE", "--days", 30, "--uses", 2,
                      "--channel", "branch", check=DONE).json["consent_id"]
        ask = ("history", subject, "--purpose", "CREDIT_DECISION", "--consent", consent)
        file = self.net.folder / "file"
        shown = run(*ask, "--operator", "li.na", "--out", file, check=DONE).json
        self.assertEqual([event["type"] for event in shown["events"]],
                         ["ACCOUNT_OPEN", *["PAYMENT"] * 5, "CONSENT_GRANT", "INQUIRY"])
        self.assertEqual((shown["subject"], shown["absent"], shown["events"][-1]["event_id"]),
                         (subject, False, shown["inquiry"]))
        verify = ("verify", file, "--genesis", self.net.genesis, "--inquiry")
        tally(*verify, shown["inquiry"], check=DONE)
        again = run("history", subject, "--inquiry", shown["inquiry"], check=DONE).json
        self.assertEqual(again["events"], shown["events"])
        second = run(*ask, "--operator", "li.na", "--since", file, check=DONE).json
        self.assertEqual((second["since"], [event["type"] for event in second["events"]]), (8, ["INQUIRY"]))
        self.fails(tally(*verify, second["inquiry"]), "STALE")  # an answer of before is none to this one
        # Who asked is the member's to show: HMAC(salt key, tag | nonce | name).
        key = bytes.fromhex((self.net.home("validator-1") / "salt.key").read_text().strip())
        for event in (shown["events"][-1], second["events"][0]):
            digest = hmac.new(key, b"\x27" + bytes.fromhex(event["nonce"]) + b"li.na", "sha256").hexdigest()
            self.assertEqual(event["operator_digest"], digest)
        self.fails(run(*ask), "NO_CONSENT")
        self.fails(self.net.run("validator-2", *ask), "NO_CONSENT")
        self.fails(self.net.run("validator-2", "history", subject, "--inquiry", shown["inquiry"]), "NOT_FOUND")
        run("consent", "revoke", consent, check=DONE)
        self.fails(run("history", subject, "--inquiry", second["inquiry"]), "INQUIRY_OVER")
        self.fails(run("consent", "revoke", consent), "NO_CONSENT")

    def test_a_file_larger_than_one_reply_comes_in_pieces(self):
        subject, count = os.urandom(32), 9000
        lines = [json.dumps({"type": "STATEMENT", "subject": subject.hex(), "item": f"{i:032x}", "event_date": "2026-01-02",
                             "body": {"text": f"{i} " + "x" * 1900}}) for i in range(count)]
        file = self.net.folder / "statements.ndjson"
        file.write_text("\n".join(lines) + "\n")
        self.net.run("validator-2", "import", file, check=DONE)
        ask = ("history", subject.hex(), "--purpose", "CREDIT_DECISION", "--consent", self.granted(subject).hex())
        answer, genesis = self.net.folder / "large", self.net.home("validator-1") / "genesis.json"
        shown = self.net.run("validator-1", *ask, "--out", answer, check=DONE).json
        self.assertEqual([event["type"] for event in shown["events"]], ["STATEMENT"] * count + ["CONSENT_GRANT", "INQUIRY"])
        self.assertGreater(answer.stat().st_size, 2 * 8 << 20)
        told = tally("verify", answer, "--genesis", genesis, check=DONE).json
        self.assertEqual((told["authentic"], told["complete"], told["events"]), (True, True, count + 2))

    def test_a_report_is_made_under_an_inquiry(self):
        subject = self.furnished(3).hex()
        self.fails(self.net.run("validator-1", "report", subject), "USAGE", USAGE)
        report = self.net.run("validator-1", "report", subject, "--purpose", "CREDIT_DECISION", "--legal-basis", "STATUTE",
                              check=DONE).json
        self.assertEqual((report["summary"]["accounts"], report["summary"]["inquiries_hard"]), (1, 1))

    def test_a_regulator_asks_by_its_legal_basis(self):
        subject = self.furnished(2).hex()
        ask = ("history", subject, "--purpose", "ACCOUNT_REVIEW", "--legal-basis")
        shown = self.net.run("observer-1", *ask, "SUPERVISION", check=DONE).json
        self.assertEqual([event["type"] for event in shown["events"]], ["ACCOUNT_OPEN", "PAYMENT", "INQUIRY"])

    def test_ones_own_accounts_want_no_inquiry(self):
        subject = self.furnished(4)
        self.submit(self.bank_client, self.bank, self.bank.opening(subject))
        shown = self.net.run("validator-2", "history", subject.hex(), check=DONE).json
        self.assertEqual((shown["own"], [event["type"] for event in shown["events"]]),
                         (True, ["ACCOUNT_OPEN", *["PAYMENT"] * 3]))
        self.assertEqual({event["member"] for event in shown["events"]}, {self.other.id})
        self.assertTrue(all(event["body"] for event in shown["events"]))
        nobody = self.net.run("validator-3", "history", subject.hex(), check=DONE).json
        unknown = self.net.run("validator-3", "history", "ab" * 32, check=DONE).json
        self.assertEqual(nobody | {"subject": ""}, unknown | {"subject": ""})
        self.assertEqual(nobody["events"], [])
        self.fails(self.net.run("validator-2", "history", subject.hex(), "--out", self.net.folder / "x"), "USAGE", USAGE)

    def test_usage_is_told(self):
        subject = "ab" * 32
        for wrong in (["--purpose", "CREDIT_DECISION"], ["--consent", "ab" * 32], ["--inquiry", "x"],
                      ["--purpose", "NONE", "--legal-basis", "STATUTE"], ["--inquiry", "ab" * 32, "--operator", "me"],
                      ["--purpose", "GUARANTEE", "--legal-basis", "STATUTE", "--consent", "ab" * 32]):
            self.fails(self.net.run("validator-1", "history", subject, *wrong), "USAGE", USAGE)
        for wrong in (["grant", subject], ["grant", subject, "--purposes", "X", "--days", 3], ["revoke"], ["other", subject],
                      ["grant", subject, "--purposes", "GUARANTEE", "--days", 0]):
            self.fails(self.net.run("validator-1", "consent", *wrong), "USAGE", USAGE)


if __name__ == "__main__":
    network.main()
