#!/usr/bin/python3
"""What a member's clients see of others' events: place and id, in blocks, streams and by id, whatever the event."""

import os

import grpc

import network
import rpc
from network import DONE, REFUSED, USAGE
from rpc import DEADLINE_S, credit, detail_of


class PrivacyTest(network.NetworkTest):
    network_options = {"open_reads": False, "policy": "cn"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = cls.shared.validators
        cls.writer, cls.reader, cls.stranger = (rpc.Member(cls.shared, name) for name in names[:3])
        cls.clients = [rpc.Client(cls.shared, name) for name in (*names[:3], "observer-1")]
        for client in cls.clients:
            cls.addClassCleanup(client.close)
        cls.writes, cls.reads, cls.strange, cls.regulates = cls.clients
        cls.subject, account = os.urandom(32), os.urandom(16)
        member = cls.writer
        opening = member.opening(cls.subject, account)
        payment = member.event(credit.PAYMENT, cls.subject, account, 1, member.event_id(opening),
                               body=credit.PaymentBody(amount_minor=700, payer="a payer's name"))
        wrong = member.event(credit.PAYMENT, cls.subject, account, 9, bytes(32), body=credit.PaymentBody(amount_minor=1))
        statement = member.item(credit.STATEMENT, cls.subject, body=credit.TextBody(text="a statement's text"),
                                statement=credit.StatementPublic())
        cls.grant = member.grant(cls.subject)
        cls.events = [opening, payment, wrong, statement, cls.grant, member.reservation(cls.subject, amount=5),
                      member.reservation(cls.subject, amount=5), member.inquiry(cls.subject, os.urandom(32)),
                      member.inquiry(cls.subject, member.event_id(cls.grant))]
        cls.results = cls.writes.submit(member.batch(cls.events), rpc.rpc.CHECKPOINTED).results
        cls.shared.agreement(cls.results[0].height)

    def secrets(self):
        """What no other member's client may be told in any form."""
        found = [self.subject, self.subject.hex().encode(), b"a payer's name", b"a statement's text"]
        for event in self.events:
            header = credit.EventHeader.FromString(event.header)
            found += [event.header, event.plain.salt, header.body_commitment]
            found += [header.item_id] if header.item_id else [header.account.ref]
        return found

    def test_the_results_are_of_many_kinds(self):
        self.assertEqual([result.result_name for result in self.results],
                         ["OK", "OK", "GAP", "OK", "OK", "OK", "REFUSED_CAP", "NO_CONSENT", "OK"])

    def test_blocks_and_streams_tell_of_others_place_and_id(self):
        height = self.results[0].height
        for client in self.clients:
            block = client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height), timeout=DEADLINE_S)
            call = client.ledger.Follow(rpc.rpc.FollowRequest(from_height=height, events=True), timeout=DEADLINE_S)
            followed = next(iter(call)).block
            call.cancel()
            self.assertEqual(block, followed)
            self.assertEqual([event.event_id for event in block.events],
                             [self.writer.event_id(event) for event in self.events])
            if client is self.writes:
                self.assertEqual([event.header for event in block.events], [event.header for event in self.events])
                self.assertEqual([event.result for event in block.events], [result.result for result in self.results])
                continue
            for index, event in enumerate(block.events):
                self.assertEqual({field.name for field, _ in event.ListFields()} - {"index"}, {"event_id"})
                self.assertEqual(event.index, index)
            for secret in self.secrets():
                self.assertNotIn(secret, block.SerializeToString())

    def test_an_event_is_told_by_id_to_whom_it_is(self):
        for event, result in zip(self.events, self.results):
            request = rpc.rpc.GetEventRequest(event_id=result.event_id)
            whole = self.writes.ledger.GetEvent(request, timeout=DEADLINE_S)
            self.assertEqual((whole.height, whole.event.index, whole.event.result, whole.event.header, whole.event.plain),
                             (result.height, result.index, result.result, event.header, event.plain))
            for client in (self.reads, self.strange, self.regulates):
                told = client.ledger.GetEvent(request, timeout=DEADLINE_S)
                self.assertEqual(told, rpc.rpc.GetEventReply(height=result.height, event=rpc.rpc.BlockEvent(
                    index=result.index, event_id=result.event_id)))
        with self.assertRaises(grpc.RpcError) as unknown:
            self.strange.ledger.GetEvent(rpc.rpc.GetEventRequest(event_id=bytes(32)), timeout=DEADLINE_S)
        self.assertEqual(detail_of(unknown.exception).reason, "NOT_FOUND")

    def test_a_receipt_holds_result_and_id_alone(self):
        for result in self.results:
            for client in self.clients:
                receipt = client.ledger.GetReceipt(rpc.rpc.GetReceiptRequest(event_id=result.event_id),
                                                   timeout=DEADLINE_S).receipt
                self.assertEqual((receipt.result, receipt.detail), (result.result, result.detail))
                for secret in self.secrets():
                    self.assertNotIn(secret, receipt.SerializeToString())

    def test_own_events_are_ones_own_alone(self):
        asked = {client: client.credit.OwnEvents(rpc.rpc.OwnEventsRequest(subject_id=self.subject), timeout=DEADLINE_S)
                 for client in self.clients}
        live = [0, 1, 4, 5]  # the account's, the consent that stands, the reservation
        self.assertEqual([event.header for event in asked[self.writes].events],
                         [self.events[index].header for index in live])
        for event in asked[self.writes].events:
            self.assertEqual(event.receipt.event_id, self.writer.event_id(event))
        for client in (self.reads, self.strange, self.regulates):
            self.assertEqual(asked[client].SerializeToString(), b"")
            every = list(client.credit.OwnAccounts(rpc.rpc.OwnAccountsRequest(events=True), timeout=DEADLINE_S))
            self.assertNotIn(self.subject, [account.subject_id for account in every])

    def test_own_events_come_in_parts(self):
        subject, account = os.urandom(32), os.urandom(16)
        events = [self.reader.opening(subject, account)]
        for seq in range(1, 600):
            events.append(self.reader.event(credit.PAYMENT, subject, account, seq, self.reader.event_id(events[-1]),
                                            body=credit.PaymentBody(amount_minor=seq)))
        self.reads.submit(self.reader.batch(events), rpc.rpc.CHECKPOINTED)
        first = self.reads.credit.OwnEvents(rpc.rpc.OwnEventsRequest(subject_id=subject), timeout=DEADLINE_S)
        self.assertTrue(first.more and 0 < len(first.events) < 600)
        shown = self.shared.run("validator-2", "history", subject.hex(), check=DONE).json["events"]
        self.assertEqual([event["account_seq"] for event in shown], list(range(600)))

    def disputing(self, member, target):
        return member.item(credit.DISPUTE_OPEN, self.subject, body=credit.TextBody(text="not the amount"),
                           dispute_open=credit.DisputeOpenPublic(target=target, category=credit.CATEGORY_AMOUNT))

    def test_aiming_at_an_id_that_was_seen_does_not_tell_whose_file_it_is_in(self):
        events = [self.disputing(self.stranger, target)
                  for target in (self.writer.event_id(self.events[0]), os.urandom(32))]
        results = self.strange.submit(self.stranger.batch(events), rpc.rpc.CHECKPOINTED).results
        self.assertEqual([(result.result_name, result.detail) for result in results], [("NO_TARGET", b"")] * 2)

    def test_whom_an_event_names_or_disputes_may_read_it(self):
        """A dispute of what the writer furnished, by another that was answered: the writer has to answer it."""
        grant = self.reader.grant(self.subject)
        inquiry = self.reader.inquiry(self.subject, self.reader.event_id(grant))
        dispute = self.disputing(self.reader, self.writer.event_id(self.events[1]))
        result = self.reads.submit(self.reader.batch([grant, inquiry, dispute]), rpc.rpc.CHECKPOINTED).results[2]
        self.assertEqual(result.result_name, "OK")
        for client, whole in ((self.writes, True), (self.reads, True), (self.strange, False)):
            network.wait_until("the block", lambda client=client: client.status().applied_height >= result.height)
            told = client.ledger.GetEvent(rpc.rpc.GetEventRequest(event_id=result.event_id), timeout=DEADLINE_S)
            self.assertEqual(told.event.header, dispute.header if whole else b"")
        shown = self.shared.run("validator-1", "history", self.subject.hex(), check=DONE).json["events"]
        self.assertIn("DISPUTE_OPEN", [event["type"] for event in shown])
        self.assertEqual(self.shared.run("validator-3", "history", self.subject.hex(), check=DONE).json["events"], [])

    def test_a_dispute_is_opened_answered_and_closed_by_those_who_may(self):
        subject, account = os.urandom(32), os.urandom(16)
        opening = self.writer.opening(subject, account)
        target = self.writer.event_id(opening).hex()
        self.writes.submit(self.writer.batch([opening]), rpc.rpc.CHECKPOINTED)
        run = self.shared.run
        ask = ("dispute", "open", target, "--category", "NOT_MINE", "--text", "never seen")
        self.assertEqual(run("validator-2", *ask).json["error"]["reason"], "NOT_OWN")  # it may not read whose it is
        blind = run("validator-2", *ask, "--subject", subject.hex())
        self.assertEqual((blind.code, blind.json["error"]["reason"]), (REFUSED, "NO_TARGET"))  # it was never answered
        consent = run("validator-2", "consent", "grant", subject.hex(), "--purposes", "CREDIT_DECISION", "--days", "9",
                      check=DONE).json["consent_id"]
        run("validator-2", "history", subject.hex(), "--purpose", "CREDIT_DECISION", "--consent", consent, check=DONE)
        dispute = run("validator-2", *ask, "--subject", subject.hex(), check=DONE).json["dispute_id"]
        self.assertEqual(run("validator-3", "dispute", "answer", dispute, "--subject", subject.hex()).code, REFUSED)
        run("validator-1", "dispute", "answer", dispute, "--text", "signed in person", check=DONE)
        self.assertEqual(run("validator-1", "dispute", "close", dispute, "--outcome", "REJECTED").code, REFUSED)
        run("validator-2", "dispute", "close", dispute, "--outcome", "WITHDRAWN", check=DONE)
        run("validator-2", "dispute", "statement", subject.hex(), "--text", "it was mine", "--target", target, check=DONE)
        file = run("validator-2", "history", subject.hex(), "--purpose", "SUBJECT_REQUEST", "--legal-basis", "STATUTE",
                   check=DONE).json
        self.assertEqual([(event["type"], event["member"]) for event in file["events"]],
                         [("ACCOUNT_OPEN", 1), ("CONSENT_GRANT", 2), ("INQUIRY", 2), ("DISPUTE_OPEN", 2),
                          ("DISPUTE_ANSWER", 1), ("DISPUTE_CLOSE", 2), ("STATEMENT", 2), ("INQUIRY", 2)])
        self.assertEqual(file["events"][4]["body"], {"text": "signed in person"})
        for wrong in (["open", target], ["close", dispute], ["open", target, "--category", "X"], ["fly", target],
                      ["statement", subject.hex()], ["answer", dispute, "--outcome", "REJECTED"], ["open", "x"]):
            self.assertEqual(run("validator-2", "dispute", *wrong, "--subject", subject.hex()).code, USAGE, wrong)

    def test_the_command_line_tells_no_more(self):
        height = self.results[0].height
        block = self.shared.run("validator-2", "block", height, check=DONE)
        self.assertEqual([set(event) for event in block.json["events"]], [{"index", "event_id"}] * len(self.events))
        for secret in self.secrets():
            self.assertNotIn(secret.hex(), block.out)
        self.assertEqual(self.shared.run("validator-3", "history", self.subject.hex(), "--purpose", "CREDIT_DECISION",
                                         "--consent", self.writer.event_id(self.grant).hex()).code, REFUSED)

    def test_no_log_names_a_subject(self):
        for name in self.shared.names:
            self.assertNotIn(self.subject.hex(), self.shared.log(name))


if __name__ == "__main__":
    network.main()
