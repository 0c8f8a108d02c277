#!/usr/bin/python3
"""A stock browser, Debian's Chromium, with a client certificate that `tally client add` made: fetch and EventSource."""

import base64
import json
import os

import chromium
import network
import rpc
from network import FULL, ROOT
from rpc import credit

NODE = "validator-1"
EVENTS = 100_000 if FULL else 5_000  # that a stream tells
STREAM_LIMIT_S = 600 if FULL else 60


def b64(data):
    return base64.b64encode(data).decode()


def batch_json(batch):
    """As protobuf's own JSON has it."""
    return {"chainId": b64(batch.chain_id), "memberId": batch.member_id, "signingKey": b64(batch.signing_key),
            "expiresAtMs": str(batch.expires_at_ms), "signature": b64(batch.signature),
            "events": [{"header": b64(event.header), "plain": {"salt": b64(event.plain.salt), "body": b64(event.plain.body)}}
                       for event in batch.events]}


class ChromiumTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net = cls.shared
        cls.member = rpc.Member(net, NODE)
        with rpc.Client(net, NODE) as client:
            for _ in range(EVENTS // 1000):
                cls.height = client.submit(cls.member.batch([cls.member.opening() for _ in range(1000)])).height
        cls.page = cls.browser("desk", "submit,inquire,read,admin")

    @classmethod
    def browser(cls, name, roles):
        net = cls.shared
        net.run(NODE, "client", "add", name, "--roles", roles, "--rate", 10000, "--out", net.folder, check=network.DONE)
        host, port = net.addresses(NODE)[1]
        browser = chromium.Browser(net.folder / f"browser-{name}", f"https://{host}:{port}", net.home(NODE) / "rpc.crt",
                                   net.folder / f"{name}.crt", net.folder / f"{name}.key")
        cls.addClassCleanup(browser.close)
        browser.run((ROOT / "tests" / "clients" / "browser.js").read_text())
        return browser

    def call(self, method, request, page=None):
        return (page or self.page).run(f"call({json.dumps(method)}, {json.dumps(request)})")

    def refused(self, method, request, status, code, reason, page=None):
        answer = self.call(method, request, page)
        self.assertEqual((answer["status"], answer["body"]["code"]), (status, code), answer)
        detail = answer["body"]["details"][0]["debug"]
        self.assertEqual(detail["reason"], reason)
        return detail

    def test_fetch_makes_every_call(self):
        subject, account = os.urandom(32), os.urandom(16)
        event = self.member.opening(subject, account)
        event_id = b64(self.member.event_id(event))
        answers = {}
        for method, request in (
                ("Node/GetStatus", {}), ("Node/GetPeers", {}), ("Member/GetMembers", {}), ("Member/GetPolicy", {}),
                ("Member/GetRegister", {}), ("Member/GetProposals", {}),
                ("Ledger/SubmitBatch", {"batch": batch_json(self.member.batch([event])), "waitFor": "CHECKPOINTED"}),
                ("Ledger/GetReceipt", {"eventId": event_id}), ("Ledger/GetEvent", {"eventId": event_id}),
                ("Ledger/GetBlock", {"height": "1"}), ("Ledger/GetCheckpoint", {}),
                ("Credit/OwnEvents", {"subjectId": b64(subject)}), ("Credit/GetHistory", {"subjectId": b64(subject)})):
            answer = self.call(method, request)
            self.assertEqual((answer["status"], answer["type"]), (200, "application/json"), (method, answer))
            answers[method] = answer["body"]
        self.assertEqual(answers["Node/GetStatus"]["chainId"], b64(self.member.chain_id))
        self.assertEqual(answers["Ledger/SubmitBatch"]["results"][0]["resultName"], "OK")
        self.assertEqual(answers["Ledger/GetEvent"]["event"]["header"], b64(event.header))
        self.assertEqual(answers["Ledger/GetReceipt"]["receipt"]["eventId"], event_id)
        self.assertEqual(answers["Credit/OwnEvents"]["events"][0]["header"], b64(event.header))
        told = self.page.run(f"stream('Credit/OwnAccounts', {json.dumps({'refs': [b64(account)], 'events': True})}, () => false)")
        self.assertEqual(([each["ref"] for each in told["messages"]], told["end"]), ([b64(account)], {}))

    def test_fetch_inquires(self):
        subject = os.urandom(32)
        grant = self.member.grant(subject)
        inquiry = self.member.inquiry(subject, self.member.event_id(grant))
        self.call("Ledger/SubmitBatch", {"batch": batch_json(self.member.batch([grant]))})
        answer = self.call("Credit/Inquire", {"batch": batch_json(self.member.batch([inquiry]))})
        proof = rpc.ledger.HistoryProof.FromString(base64.b64decode(answer["body"]["proof"]))
        self.assertEqual([event.header for event in proof.events], [grant.header, inquiry.header])

    def test_fetch_sees_each_refusal(self):
        broken = self.member.opening()
        broken.plain.body = credit.AccountOpenBody(limit_minor=1).SerializeToString()
        batch = {"batch": batch_json(self.member.batch([self.member.opening(), broken]))}
        detail = self.refused("Ledger/SubmitBatch", batch, 400, "invalid_argument", "BODY_COMMITMENT")
        self.assertEqual(detail["eventIndex"], 1)
        self.refused("Ledger/GetBlock", {"height": "1000000"}, 404, "not_found", "NOT_FOUND")
        self.refused("Ledger/Forge", {}, 501, "unimplemented", "UNKNOWN_METHOD")
        reader = self.browser("reader", "read")
        self.refused("Ledger/SubmitBatch", batch, 403, "permission_denied", "ROLE", reader)
        self.assertEqual(self.call("Ledger/GetBlock", {"height": "1"}, reader)["status"], 200)

    def test_a_request_at_its_bound_is_read_and_one_byte_more_is_refused(self):
        # 4 KiB in protobuf, of which the id's key and size take three bytes; JSON may be four times as long.
        at, over = ({"eventId": b64(bytes(size - 3))} for size in (4096, 4097))
        self.assertEqual(self.call("Ledger/GetEvent", at)["body"]["code"], "invalid_argument")
        self.assertEqual(self.call("Ledger/GetEvent", over)["body"]["code"], "resource_exhausted")

    def test_a_long_stream_comes_whole_by_fetch(self):
        script = ("(() => { let events = 0; return stream('Ledger/Follow', { fromHeight: '1', events: true }, ({ block }) => "
                  f"(events += block.events?.length ?? 0) >= {EVENTS})" ".then(({ messages }) => "
                  "[events, messages.map(({ block }) => Number(block.header.height))]) })()")
        events, heights = self.page.run(script, STREAM_LIMIT_S)
        self.assertGreaterEqual(events, EVENTS)
        self.assertEqual(heights, list(range(1, len(heights) + 1)))

    def test_calls_that_are_cancelled_or_late_end_and_others_go_on(self):
        for _ in range(20):
            code = self.page.run("(() => { const stop = new AbortController(); const told = codeOf(stream('Ledger/Follow', "
                                 "{ fromHeight: '1' }, () => { stop.abort() }, stop.signal)); return told })()")
            self.assertEqual(code, "AbortError")
        late = "codeOf(stream('Ledger/Follow', {}, () => false, AbortSignal.timeout(300)))"
        self.assertEqual(self.page.run(late), "TimeoutError")
        self.assertEqual(self.call("Node/GetStatus", {})["status"], 200)

    def test_events_come_whole_and_go_on_where_they_were_when_the_node_comes_back(self):
        self.page.run(f"void (window.following = follow('from=1&events=all', {EVENTS + 3}))")
        network.wait_until("what is there", lambda: (self.page.run("window.told?.events") or 0) >= EVENTS, STREAM_LIMIT_S)
        self.net.stop(NODE)
        self.net.start(NODE)
        self.net.take_part([NODE])
        with rpc.Client(self.net, NODE) as client:
            client.submit(self.member.batch([self.member.opening() for _ in range(3)]))
            told = self.page.run("window.following", STREAM_LIMIT_S)
        self.assertGreaterEqual(told["opened"], 2)
        self.assertGreaterEqual(told["events"], EVENTS + 3)
        self.assertEqual(told["heights"], list(range(1, len(told["heights"]) + 1)))


if __name__ == "__main__":
    chromium.require()
    network.main()
