#!/usr/bin/python3
"""What curl gets from a node, over HTTP/1.1 and HTTP/2: pages, calls in JSON and protobuf, streams, events, and each refusal."""

import base64
import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

import grpc
from google.protobuf import json_format

import network
import rpc
from network import wait_until

NODE = "validator-1"
LIMIT_S = 30
CONNECTIONS_MAX = 256  # RPC_CONNECTIONS_MAX
STRANGERS = 5000 if network.FULL else 800
SERVICE = "/tallystick.v1."
VERSIONS = {"1.1": "--http1.1", "2": "--http2"}


class Answer:
    """One response: its HTTP version and status, headers in lower case, body."""

    def __init__(self, ran):
        head, _, self.body = ran.stdout.partition(b"\r\n\r\n")
        while head.split(b" ")[1:2] == [b"100"]:
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.version, self.status = lines[0].split(" ")[0], int(lines[0].split(" ")[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def detail(self):
        """The machine-readable half of an error."""
        (detail,) = self.json["details"]
        assert detail["type"] == "tallystick.v1.ErrorDetail"
        value = rpc.rpc.ErrorDetail.FromString(base64.b64decode(detail["value"] + "=="))
        assert json_format.MessageToDict(value) == detail["debug"], detail
        return value

    def envelopes(self):
        """A stream's messages, and what its end says."""
        messages, at = [], 0
        while True:
            flags, size = struct.unpack_from(">BI", self.body, at)
            message = self.body[at + 5:at + 5 + size]
            at += 5 + size
            if flags == 2:
                assert at == len(self.body), "something behind the end"
                return messages, json.loads(message)
            assert flags == 0, flags
            messages.append(message)


def envelope(message):
    return struct.pack(">BI", 0, len(message)) + message


class HttpTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host, cls.port = cls.shared.addresses(NODE)[1]
        cls.home = cls.shared.home(NODE)
        cls.member = rpc.Member(cls.shared, NODE)
        with rpc.Client(cls.shared, NODE) as client:
            client.submit(cls.member.batch([cls.member.opening()]))
            cls.height = client.submit(cls.member.batch([cls.member.opening()]), rpc.rpc.CHECKPOINTED).height

    def command(self, path, *options, version="1.1", certificate=True):
        own = ["--cert", self.home / "client.crt", "--key", self.home / "client.key"] if certificate else []
        return ["curl", "--silent", "--show-error", "--include", "--no-buffer", "--cacert", self.home / "rpc.crt", *own,
                VERSIONS[version], *options, f"https://{self.host}:{self.port}{path}"]

    def curl(self, path, *options, version="1.1", certificate=True, body=None, check=True):
        ran = subprocess.run(self.command(path, *options, version=version, certificate=certificate), input=body,
                             capture_output=True, timeout=LIMIT_S, check=False)
        if check:
            self.assertEqual(ran.returncode, 0, ran.stderr)
        answer = Answer(ran)
        self.assertEqual(answer.version, f"HTTP/{version}")
        return answer

    def post(self, call, body, *options, kind="application/json", **more):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        return self.curl(SERVICE + call if "/" in call and not call.startswith("/") else call, "--data-binary", "@-",
                         "-H", f"Content-Type: {kind}", *options, body=body, **more)

    def is_error(self, answer, status, code, reason=None):
        self.assertEqual((answer.status, answer.json.get("code")), (status, code), answer.body)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertTrue(answer.json["message"])
        if reason is not None:
            self.assertEqual(answer.detail.reason, reason)

    # Pages

    def test_pages_are_there_without_a_certificate(self):
        for version in VERSIONS:
            for certificate in (True, False):
                get = lambda path: self.curl(path, version=version, certificate=certificate)
                self.assertEqual((get("/healthz").status, get("/healthz").body), (200, b"ok\n"))
                self.assertEqual((get("/readyz").status, get("/readyz").body), (200, b"serving\n"))
                head = self.curl("/readyz", "--head", version=version, certificate=certificate)
                self.assertEqual((head.status, head.body, head.headers["content-length"]), (200, b"", "8"))
                self.assertEqual(get("/version").json["chainId"], self.member.chain_id.hex())
                self.assertEqual(get("/version").headers["content-type"], "application/json")

    def test_a_node_that_is_not_ready_says_why(self):
        net = self.network(start=False)
        net.start(NODE)
        host, port = net.addresses(NODE)[1]
        ran = subprocess.run(["curl", "-siS", "--cacert", net.home(NODE) / "rpc.crt", f"https://{host}:{port}/readyz"],
                             capture_output=True, timeout=LIMIT_S, check=True)
        answer = Answer(ran)
        self.assertEqual(answer.status, 503)
        self.assertGreater(len(answer.body.split()), 2, answer.body)

    def test_metrics_are_for_the_role_admin(self):
        self.assertEqual(self.curl("/metrics", certificate=False).status, 401)
        fingerprinted = self.curl("/metrics")
        roles = (self.home / "node.yaml").read_text()
        if "admin" not in roles:
            self.assertEqual(fingerprinted.status, 403)
            return
        self.assertEqual(fingerprinted.status, 200)
        self.assertEqual(fingerprinted.headers["content-type"], "text/plain; version=0.0.4")
        self.assertIn(b"\ntallystick_rpc_calls_total{", fingerprinted.body)

    def test_nothing_else_is_told_to_a_stranger(self):
        for version in VERSIONS:
            for path in ("/", "/events", "/metrics", "/nothing", SERVICE + "Node/GetStatus"):
                answer = self.curl(path, version=version, certificate=False)
                self.assertEqual((answer.status, answer.body), (401, b""), path)
            for call in ("Node/GetStatus", "Node/Nothing"):
                answer = self.post(call, {}, version=version, certificate=False)
                self.is_error(answer, 401, "unauthenticated", "CERTIFICATE")
                self.assertEqual(answer.json["message"], "the client shows no certificate that is listed here")

    # Calls

    def test_calls_answer_the_same_in_json_and_protobuf(self):
        with rpc.Client(self.net, NODE) as client:
            want = client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=self.height), timeout=LIMIT_S)
        for version in VERSIONS:
            answer = self.post("Ledger/GetBlock", {"height": str(self.height)}, version=version)
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/json"))
            self.assertEqual(json_format.Parse(answer.body, rpc.rpc.GetBlockReply()), want)
            self.assertEqual(answer.json, json_format.MessageToDict(want))
            asked = rpc.rpc.GetBlockRequest(height=self.height).SerializeToString()
            answer = self.post("Ledger/GetBlock", asked, kind="application/proto", version=version)
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/proto"))
            self.assertEqual(rpc.rpc.GetBlockReply.FromString(answer.body), want)
            status = self.post("Node/GetStatus", {}, "-H", "Connect-Protocol-Version: 1", version=version).json
            self.assertEqual(base64.b64decode(status["chainId"]), self.member.chain_id)

    def test_a_batch_is_submitted_in_json(self):
        for version in VERSIONS:
            events = [self.member.opening() for _ in range(200)]
            request = rpc.rpc.SubmitBatchRequest(batch=self.member.batch(events), wait_for=rpc.rpc.FINAL)
            answer = self.post("Ledger/SubmitBatch", json_format.MessageToJson(request), version=version)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual({result["resultName"] for result in answer.json["results"]}, {"OK"})
            self.assertEqual(len(answer.json["results"]), 200)

    def test_a_bad_batch_is_refused_with_its_event(self):
        broken = self.member.opening()
        broken.plain.body = b"\x08\x01"
        request = rpc.rpc.SubmitBatchRequest(batch=self.member.batch([self.member.opening(), broken]))
        for version in VERSIONS:
            answer = self.post("Ledger/SubmitBatch", json_format.MessageToJson(request), version=version)
            self.is_error(answer, 400, "invalid_argument", "BODY_COMMITMENT")
            self.assertEqual((answer.detail.has_event_index, answer.detail.event_index), (True, 1))
            self.assertEqual(answer.detail.field, "body")

    def test_each_refusal_has_its_status_and_code(self):
        for version in VERSIONS:
            call = lambda *arguments, **more: self.post(*arguments, version=version, **more)
            self.is_error(call("Ledger/GetBlock", {"height": 1 << 60}), 404, "not_found", "NOT_FOUND")
            self.is_error(call("Ledger/GetBlock", "{"), 400, "invalid_argument", "MALFORMED")
            self.is_error(call("Ledger/GetBlock", {"weight": 1}), 400, "invalid_argument", "MALFORMED")
            self.assertIn("weight", call("Ledger/GetBlock", {"weight": 1}).json["message"])
            self.is_error(call("Ledger/GetBlock", b"\xff", kind="application/proto"), 400, "invalid_argument", "MALFORMED")
            self.is_error(call("Ledger/GetBlock", " " * 20000), 429, "resource_exhausted", "REQUEST_TOO_LARGE")
            self.is_error(call("Ledger/Forge", {}), 501, "unimplemented", "UNKNOWN_METHOD")
            self.is_error(call("Ledger/GetBlock", {}, "-H", "Content-Encoding: gzip"), 501, "unimplemented", "COMPRESSED")
            self.is_error(call("Ledger/GetBlock", {}, "-H", "Connect-Protocol-Version: 2"), 400, "invalid_argument")
            self.is_error(call("Ledger/GetBlock", {}, "-H", "Connect-Timeout-Ms: soon"), 400, "invalid_argument",
                          "TIMEOUT_FORM")
            self.assertEqual(call("Ledger/GetBlock", {}, kind="text/plain").status, 415)
            self.assertEqual(call("Ledger/Follow", {}).status, 415)
            self.assertEqual(call("Ledger/GetBlock", {}, kind="application/connect+json").status, 415)
            self.assertEqual(self.curl(SERVICE + "Ledger/GetBlock", version=version).status, 405)
            self.assertEqual(self.curl("/nothing", version=version).status, 404)

    def test_more_than_any_request_may_have_is_refused(self):
        for version in VERSIONS:
            answer = self.post("Ledger/SubmitBatch", b" " * (5 << 20), version=version)
            self.is_error(answer, 429, "resource_exhausted", "REQUEST_TOO_LARGE")
            answer = self.post("Ledger/GetBlock", {}, "-H", "X-Filler: " + "f" * 20000, version=version)
            if version == "2":
                self.is_error(answer, 429, "resource_exhausted", "HEADERS_TOO_LARGE")
            else:
                self.assertEqual(answer.status, 431)

    def test_a_deadline_holds(self):
        body = envelope(b'{"fromHeight": "1000000"}')
        for version in VERSIONS:
            started = time.monotonic()
            answer = self.post("Ledger/Follow", body, "-H", "Connect-Timeout-Ms: 300", kind="application/connect+json",
                               version=version)
            self.assertEqual(answer.envelopes()[1]["error"]["code"], "deadline_exceeded")
            self.assertLess(time.monotonic() - started, 5)

    # Streams

    def test_a_stream_tells_the_same_as_gets(self):
        for version in VERSIONS:
            body = envelope(json.dumps({"fromHeight": "1", "events": True}).encode())
            answer = self.post("Ledger/Follow", body, "-H", "Connect-Timeout-Ms: 2000", kind="application/connect+json",
                               version=version)
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/connect+json"))
            messages, end = answer.envelopes()
            self.assertEqual(end["error"]["code"], "deadline_exceeded")
            blocks = [json.loads(message)["block"] for message in messages]
            self.assertEqual([int(block["header"]["height"]) for block in blocks], list(range(1, len(blocks) + 1)))
            self.assertGreaterEqual(len(blocks), self.height)
            self.assertEqual(blocks[self.height - 1], self.post("Ledger/GetBlock", {"height": self.height}).json)

    def test_a_stream_that_fails_at_once_says_so_in_its_end(self):
        for version in VERSIONS:
            answer = self.post("Ledger/Follow", envelope(b"[]"), kind="application/connect+json", version=version)
            self.assertEqual(answer.status, 200)
            messages, end = answer.envelopes()
            self.assertEqual((messages, end["error"]["code"]), ([], "invalid_argument"))

    def events(self, path, count, *options, version="1.1"):
        """The first so many events of /events, each a dictionary of its fields."""
        process = subprocess.Popen(self.command(path, *options, version=version), stdout=subprocess.PIPE)
        try:
            head, found, event = b"", [], {}
            while not head.endswith(b"\r\n\r\n"):
                head += process.stdout.readline()
            self.assertIn(b"content-type: text/event-stream\r\n", head.lower())
            while len(found) < count:
                line = process.stdout.readline().decode()
                self.assertTrue(line, f"the stream ended after {found}")
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    event[name] = value
                elif event:
                    found.append(event)
                    event = {}
            return found
        finally:
            process.kill()
            process.communicate()

    def test_events_are_followed_and_gone_on_with(self):
        block = self.post("Ledger/GetBlock", {"height": self.height}).json
        for version in VERSIONS:
            found = self.events("/events?from=1&events=all", self.height, version=version)
            self.assertEqual([event["id"] for event in found], [str(height) for height in range(1, self.height + 1)])
            self.assertEqual({event["event"] for event in found}, {"block"})
            self.assertEqual(json.loads(found[-1]["data"])["block"], block)
            (later,) = self.events("/events?from=1", 1, "-H", f"Last-Event-ID: {self.height - 1}", version=version)
            self.assertEqual(later["id"], str(self.height))
            names = {event["event"] for event in self.events("/events?from=1&checkpoints=1", self.height + 1, version=version)}
            self.assertEqual(names, {"block", "checkpoint"})

    def test_events_come_as_they_happen(self):
        process = subprocess.Popen(self.command("/events", version="2"), stdout=subprocess.PIPE)
        submitted = threading.Timer(0.5, self.submit_one)  # curl shows the answer's head with the first event
        submitted.start()
        try:
            while process.stdout.readline() != b"\r\n":
                pass
            height = self.submit_one()
            lines = iter(process.stdout.readline, b"")
            self.assertIn(f"id: {height}\n".encode(), lines)
        finally:
            process.kill()
            process.communicate()
            submitted.join()

    def submit_one(self):
        with rpc.Client(self.net, NODE) as client:
            return client.submit(self.member.batch([self.member.opening()])).height

    def test_events_that_cannot_be_are_refused(self):
        for path in ("/events?from=0", "/events?from=x", "/events?from", "/events?since=1", "/events?events=some"):
            self.is_error(self.curl(path), 400, "invalid_argument", "MALFORMED")
        self.is_error(self.curl("/events", "-H", "Last-Event-ID: x"), 400, "invalid_argument", "MALFORMED")
        self.assertEqual(self.post("/events", {}).status, 405)

    # Connections

    def test_one_connection_serves_many_requests(self):
        url = f"https://{self.host}:{self.port}/healthz"
        for version, option in VERSIONS.items():
            ran = subprocess.run(["curl", "-sS", "--cacert", self.home / "rpc.crt", option, "-w", "%{num_connects}\n",
                                  *[url] * 5], capture_output=True, text=True, timeout=LIMIT_S, check=True)
            self.assertEqual(ran.stdout.split(), ["ok", "1", *["ok", "0"] * 4], version)

    def raw(self, text):
        """What a connection that offers no protocol is answered, as far as its end."""
        context = ssl.create_default_context(cafile=self.home / "rpc.crt")
        with socket.create_connection((self.host, self.port), timeout=LIMIT_S) as plain:
            with context.wrap_socket(plain, server_hostname=self.host) as link:
                self.assertIsNone(link.selected_alpn_protocol())
                link.sendall(text)
                answer = b""
                while True:
                    part = link.recv(65536)
                    if not part:
                        return answer
                    answer += part

    def test_what_could_be_read_in_two_ways_ends_the_connection(self):
        smuggled = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
        for request in (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
                        b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"):
            answer = self.raw(request + smuggled)
            self.assertEqual(answer, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    def test_a_probe_of_http_1_0_is_answered(self):
        answer = self.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertTrue(answer.endswith(b"connection: close\r\n\r\nok\n"), answer)

    def test_strangers_that_stay_keep_nobody_out(self):
        """Some say nothing, some are in the middle of a handshake's first bytes, some of a request."""
        context = ssl.create_default_context(cafile=self.home / "rpc.crt")
        with contextlib.ExitStack() as stack, rpc.Client(self.net, NODE) as client:
            client.status()
            for number in range(STRANGERS):
                link = stack.enter_context(socket.create_connection((self.host, self.port), timeout=LIMIT_S))
                if number % 10 == 1:
                    link.sendall(b"\x16\x03\x01\x02")
                elif number % 10 == 2:
                    # It may have had to make room in the middle of its handshake.
                    with contextlib.suppress(OSError):
                        link = stack.enter_context(context.wrap_socket(link, server_hostname=self.host))
                        link.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
                if number % 100 == 0:
                    self.assertEqual(self.curl("/healthz", certificate=False).status, 200)
                    self.assertEqual(self.post("Node/GetStatus", {}).status, 200)
                    client.status()
            held = len(os.listdir(f"/proc/{self.net.pid(NODE)}/fd"))
            self.assertLess(held, CONNECTIONS_MAX + 100, "files and connections of a node")

    def test_a_reader_that_leaves_frees_its_stream(self):
        for _ in range(130):  # more than SERVICES_STREAMS_MAX, one after the other
            self.events("/events?from=1", 1)
        wait_until("the last of them is gone", lambda: self.events("/events?from=1", 1))


if __name__ == "__main__":
    network.main()
