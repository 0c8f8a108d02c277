#!/usr/bin/python3
"""Every bound of the RPC, reached. Those below are reached on a real node, from outside; REACHED_BY says where the others
are."""

import concurrent.futures
import http.client
import re
import socket
import ssl
import struct
import threading
import time

import grpc

import network
import rpc
from network import ROOT
from rpc import DEADLINE_S, detail_of
from test_clients import failed

NODE = "validator-1"
EXHAUSTED, INVALID = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT
KIB, MIB = 1 << 10, 1 << 20
LATE_S = 20 if network.SANITIZED else 3.5  # how late a bound in time may be noticed

# constant -> the test that reaches it, in this file or in another
REACHED_BY = {
    "node/rpc/limits.h": {
        "RPC_METHODS_MAX": "unit/test_client.c a_server_that_cannot_open_says_why",
        "RPC_PAGES_MAX": "unit/test_client.c a_server_that_cannot_open_says_why",
        "RPC_CONNECTIONS_MAX": "test_connections",
        "RPC_MEMORY_MAX": "test_replies_that_nobody_reads",
        "RPC_TURN_SIZE_MAX": "unit/test_rpc_session.c a_turn_begins_no_more_than_its_share",
        "RPC_TURN_CALL_SIZE": "unit/test_rpc_session.c a_turn_begins_no_more_than_its_share",
        "RPC_TURN_TEXT_FACTOR": "unit/test_connect.c text_takes_more_of_a_turn",
        "RPC_TURN_TEXT_SIZE_MAX": "unit/test_rpc_conversion.c a_text_at_the_bound_is_converted_at_once",
        "RPC_STREAMS_MAX": "test_calls_at_once_on_a_connection",
        "RPC_IDLE_TIMEOUT_MS": "unit/test_client.c an_idle_connection_is_closed_and_the_client_told",
        "RPC_STRANGER_TIMEOUT_MS": "test_what_takes_too_long",
        "RPC_RESETS_MAX": "test_rapid_resets",
        "RPC_CONTROL_FRAMES_MAX": "test_a_flood_of_pings",
        "RPC_HEADERS_SIZE_MAX": "test_headers",
        "RPC_REQUEST_SIZE_MAX": "test_requests",
        "RPC_REPLY_SIZE_MAX": "unit/test_rpc_session.c a_reply_above_its_bound_is_refused",
        "RPC_TEXT_SIZE_MAX": "unit/test_connect.c a_reply_that_is_too_large_as_json_is_refused",
        "RPC_PAGE_SIZE_MAX": "unit/test_connect.c a_page_is_for_whom_it_is",
        "RPC_STREAM_BACKLOG_MAX": "unit/test_rpc_session.c a_stream_has_a_backlog_and_tells_when_it_drained",
        "RPC_REQUEST_TIMEOUT_MS": "test_what_takes_too_long",
        "RPC_STALL_TIMEOUT_MS": "test_what_takes_too_long",
        "RPC_KEEPALIVE_MS": "unit/test_connect.c events_begin_at_once_and_are_kept_alive",
        "RPC_CLOSE_TIMEOUT_MS": "cluster/test_stop.py test_a_client_that_takes_nothing_holds_a_stop_up_for_a_second",
        "RPC_SHUTDOWN_RETRY_MS": "cluster/test_stop.py test_calls_that_are_open_end_and_new_ones_are_refused",
        "RPC_TEXT_EXPANSION": "unit/test_connect.c a_request_above_its_bound_is_refused",
    },
    "node/rpc/clients.h": {
        "CLIENTS_MAX": "unit/test_config.c more_clients_than_a_node_takes_are_refused",
        "CLIENT_NAME_SIZE_MAX": "cluster/test_clients.py test_what_cannot_be_added_is_told_and_leaves_nothing",
        "CLIENT_RATE_MAX": "unit/test_config.c what_is_wrong_is_told_with_its_line_and_what_is_allowed",
        "CLIENT_RATE_DEFAULT": "unit/test_config.c a_client_has_limits_by_itself",
        "CLIENT_CONCURRENCY_MAX": "unit/test_config.c what_is_wrong_is_told_with_its_line_and_what_is_allowed",
        "CLIENT_CONCURRENCY_DEFAULT": "unit/test_config.c a_client_has_limits_by_itself",
        "CLIENT_CONCURRENCY_RETRY_MS": "unit/test_clients.c calls_open_at_once_are_bounded",
    },
}

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS = 1, 4
CALM, REFUSED, CANCEL = 11, 7, 8  # RFC 9113, 7


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value):
    """A string of HPACK, as it is (RFC 7541, 5.2)."""
    size, out = len(value), b""
    if size < 127:
        return bytes([size]) + value
    size, out = size - 127, bytes([127])
    while size >= 128:
        out += bytes([size % 128 | 128])
        size //= 128
    return out + bytes([size]) + value


def headers(stream, path, last=False, filler=b""):
    fields = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", path.encode()), (b":authority", b"node"),
              (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    block = b"".join(b"\0" + text(name) + text(value) for name, value in fields + ([(b"x", filler)] if filler else []))
    out = frame(HEADERS, (END_STREAM if last else 0) | (0 if len(block) > 16000 else END_HEADERS), stream, block[:16000])
    return out + (frame(9, END_HEADERS, stream, block[16000:]) if len(block) > 16000 else b"")


def call(stream, path, request):
    body = b"\0" + struct.pack(">I", len(request)) + request
    return headers(stream, path) + frame(DATA, END_STREAM, stream, body)


class Raw:
    """An HTTP/2 client that does what it should not. It knows frames, and nothing of what is in them."""

    def __init__(self, net, stranger=False, protocol="h2", folder=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        folder = folder or net.home(NODE)
        if not stranger:
            context.load_cert_chain(folder / "client.crt", folder / "client.key")
        self.socket = context.wrap_socket(socket.create_connection(net.addresses(NODE)[1], timeout=60))
        self.bytes = b""
        if protocol == "h2":
            self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS))

    def send(self, data):
        self.socket.sendall(data)

    def next(self, *kinds, limit_s=60):
        """The next frame of these kinds, as (kind, flags, stream, payload); None at the end, or after so long."""
        until = time.monotonic() + limit_s
        while True:
            while len(self.bytes) >= 9 and len(self.bytes) >= 9 + int.from_bytes(self.bytes[:3], "big"):
                size = int.from_bytes(self.bytes[:3], "big")
                kind, flags, stream = self.bytes[3], self.bytes[4], struct.unpack(">I", self.bytes[5:9])[0]
                payload, self.bytes = self.bytes[9:9 + size], self.bytes[9 + size:]
                if not kinds or kind in kinds:
                    return kind, flags, stream, payload
            left_s = until - time.monotonic()
            if left_s <= 0:
                return None
            self.socket.settimeout(left_s)
            try:
                received = self.socket.recv(65536)
            except (TimeoutError, socket.timeout):
                return None
            except OSError:
                return None
            if not received:
                return None
            self.bytes += received

    def goaway(self, limit_s=60):
        """The code of the connection's end; None where it says none."""
        found = self.next(GOAWAY, limit_s=limit_s)
        return found and struct.unpack(">I", found[3][4:8])[0]

    def answers(self, count):
        """How many of so many calls were refused: answered by a header alone."""
        refused, seen = 0, set()
        while len(seen) < count:
            found = self.next(HEADERS, RESET)
            if found is None:
                raise AssertionError(f"{len(seen)} of {count} answers")
            kind, flags, stream, _ = found
            if stream in seen:
                continue
            seen.add(stream)
            refused += kind == RESET or bool(flags & END_STREAM)
        return refused

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


class ListTest(network.unittest.TestCase):
    def test_every_bound_names_the_test_that_reaches_it(self):
        here = (ROOT / "tests" / "cluster" / "test_bounds.py").read_text()
        for header, reached in REACHED_BY.items():
            defined = set(re.findall(r"(?m)^#define (\w+) ", (ROOT / header).read_text()))
            self.assertEqual(defined, set(reached), header)
            for constant, place in reached.items():
                where, _, test = place.rpartition(" ")
                source = (ROOT / "tests" / where).read_text() if where else here
                self.assertTrue(re.search(rf"\b(void|def) {test}\(", source), f"{constant}: {place}")


class BoundsTest(network.NetworkTest):
    network_options = {"observers": 0}

    def setUp(self):
        super().setUp()
        self.member = rpc.Member(self.net, NODE)

    def raw(self, **options):
        client = Raw(self.net, **options)
        self.addCleanup(client.close)
        return client

    def still_serves(self):
        with rpc.Client(self.net, NODE) as client:
            self.assertEqual(client.status().name, NODE)
            self.assertEqual(client.submit(self.member.batch([self.member.opening()])).results[0].result_name, "OK")

    def test_connections(self):
        held = []
        try:
            while len(held) < 300:
                one = Raw(self.net)
                if one.next(SETTINGS, limit_s=10) is None:
                    break
                held.append(one)
        except OSError:
            pass  # refused in the middle of its handshake
        self.assertEqual(len(held), 256)
        self.assertGreater(len(self.net.log_lines(NODE, "too many connections")), 0)
        for one in held:
            one.close()
        network.wait_until("a free place", lambda: self.net.status(NODE), 10)
        self.still_serves()

    def test_calls_at_once_on_a_connection(self):
        with self.raw() as client:
            client.send(b"".join(headers(2 * i + 1, "/tallystick.v1.Node/GetStatus") for i in range(100)))
            self.assertIsNone(client.next(RESET, HEADERS, GOAWAY, limit_s=1))
            client.send(headers(201, "/tallystick.v1.Node/GetStatus"))
            kind, _, stream, payload = client.next(RESET, GOAWAY)
            self.assertEqual((kind, stream, struct.unpack(">I", payload)[0]), (RESET, 201, REFUSED))
        self.still_serves()

    def test_rapid_resets(self):
        def resets(first, count):
            return b"".join(headers(2 * i + 1, "/tallystick.v1.Node/GetStatus") + frame(
                RESET, 0, 2 * i + 1, struct.pack(">I", CANCEL)) for i in range(first, first + count))
        with self.raw() as client:
            client.send(resets(0, 200))
            self.assertIsNone(client.goaway(limit_s=1))
            client.send(resets(200, 1))
            self.assertEqual(client.goaway(), CALM)
        self.still_serves()

    def test_a_flood_of_pings(self):
        with self.raw() as client:
            client.next(SETTINGS)
            client.send(frame(PING, 0, 0, b"12345678") * 990)
            for _ in range(990):
                self.assertEqual(client.next(PING, GOAWAY)[0], PING)
            client.send(frame(PING, 0, 0, b"12345678") * 20)
            self.assertEqual(client.goaway(), CALM)
        self.still_serves()

    def test_headers(self):
        path, since = "/tallystick.v1.Node/GetStatus", self.net.log_size(NODE)
        with self.raw() as client:
            client.send(headers(1, path, filler=b"x" * (16 * KIB - 512)))
            self.assertIsNone(client.next(HEADERS, RESET, GOAWAY, limit_s=1))
            client.send(headers(3, path, filler=b"x" * (16 * KIB)))
            self.assertEqual(client.next(HEADERS)[2], 3)
        network.wait_until("its line", lambda: self.net.log_lines(NODE, "the call's headers are too large", since), 10)
        self.still_serves()

    def test_requests(self):
        largest = MIB + 64 * KIB  # of SubmitBatch
        with rpc.Client(self.net, NODE) as client:
            submit = client.channel.unary_unary("/tallystick.v1.Ledger/SubmitBatch")
            for size, status, reason in ((largest, INVALID, "MALFORMED"), (largest + 1, EXHAUSTED, "REQUEST_TOO_LARGE")):
                error = failed(lambda size=size: submit(b"\xff" * size, timeout=DEADLINE_S))
                self.assertEqual((error.code(), detail_of(error).reason), (status, reason))
        for size, word in ((4 * MIB, "MALFORMED"), (4 * MIB + 1, "REQUEST_TOO_LARGE")):
            self.assertIn(word, self.post(b"[" + b" " * (size - 1)))
        self.still_serves()

    def post(self, body):
        """What is answered to SubmitBatch in JSON."""
        context = ssl._create_unverified_context()
        home = self.net.home(NODE)
        context.load_cert_chain(home / "client.crt", home / "client.key")
        connection = http.client.HTTPSConnection(*self.net.addresses(NODE)[1], context=context, timeout=DEADLINE_S)
        try:
            connection.request("POST", "/tallystick.v1.Ledger/SubmitBatch", body, {"content-type": "application/json"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def test_streams(self):
        """As many as one client may have, and as many as the services hold, over all connections."""
        text = (ROOT / "node/rpc/services_internal.h").read_text()
        limit, own = (int(re.search(rf"{name} (\d+)u", text)[1]) for name in
                      ("SERVICES_STREAMS_MAX", "SERVICES_CLIENT_STREAMS_MAX"))
        other = self.net.folder / "other"
        other.mkdir()
        self.net.run(NODE, "client", "add", "client", "--roles", "read", "--concurrency", 1000, "--out", other, check=network.DONE)
        others = {"certificate": (other / "client.crt").read_bytes(), "key": (other / "client.key").read_bytes()}
        clients = self.follow_all(own)
        self.no_more_streams("of this client")
        self.no_more_streams(None, **others)
        clients += self.follow_all(limit - own, folder=other)
        self.no_more_streams("this node serves", **others)
        for client in clients:
            client.close()
        self.still_serves()

    def follow_all(self, count, **options):
        """Connections with so many streams in all."""
        request, clients = rpc.rpc.FollowRequest(from_height=1 << 40).SerializeToString(), []
        for first in range(0, count, 100):
            clients.append(self.raw(**options))
            clients[-1].send(b"".join(call(2 * i + 1, "/tallystick.v1.Ledger/Follow", request)
                                      for i in range(min(100, count - first))))
            self.assertIsNone(clients[-1].next(HEADERS, RESET, GOAWAY, limit_s=0.5))
        return clients

    def no_more_streams(self, why, **options):
        with rpc.Client(self.net, NODE, **options) as client:
            call = client.ledger.Follow(rpc.rpc.FollowRequest(from_height=1), timeout=DEADLINE_S)
            if why is None:
                next(call)
                call.cancel()
                return
            error = failed(lambda: next(call))
            self.assertEqual((error.code(), detail_of(error).reason), (EXHAUSTED, "TOO_MANY_STREAMS"))
            self.assertIn(why, error.details())
            self.assertGreater(detail_of(error).retry_after_ms, 0)

    def big_block(self):
        """The height of a block of a thousand own events: some 300 KiB."""
        with rpc.Client(self.net, NODE) as client:
            return client.submit(self.member.batch([self.member.opening() for _ in range(1000)])).height

    def test_reads_at_once(self):
        request = rpc.rpc.GetBlockRequest(height=self.big_block())
        reasons = []
        clients = [rpc.Client(self.net, NODE) for _ in range(8)]

        def ask(client):
            calls = [client.ledger.GetBlock.future(request, timeout=60) for _ in range(100)]
            for each in calls:
                error = each.exception()
                reasons.append(detail_of(error).reason if error else "OK")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, clients))
        for client in clients:
            client.close()
        print({reason: reasons.count(reason) for reason in set(reasons)}, end=" ", flush=True)
        self.assertLessEqual(set(reasons), {"OK", "BUSY"})
        self.assertGreater(reasons.count("OK"), 100)
        self.still_serves()

    def test_replies_that_nobody_reads(self):
        height, pid = self.big_block(), self.net.pid(NODE)
        before = network.resident_kib(pid)
        request, refused = rpc.rpc.GetBlockRequest(height=height).SerializeToString(), 0
        for _ in range(8):
            client = self.raw()
            client.send(b"".join(call(2 * i + 1, "/tallystick.v1.Ledger/GetBlock", request) for i in range(100)))
            refused += client.answers(100)
        grown = (network.resident_kib(pid) - before) / 1024
        print(f"{refused} of 800 refused, {grown:.0f} MiB", end=" ", flush=True)
        self.assertGreater(refused, 0)
        if not network.SANITIZED:
            self.assertLess(grown, 200)
        self.doCleanups()
        network.wait_until("memory to be given back", lambda: self.net.status(NODE), 10)
        self.still_serves()

    def test_what_takes_too_long(self):
        """A stranger that says nothing, a request that does not arrive, a reader that takes nothing: all at once."""
        height = self.big_block()
        since, took = self.net.log_size(NODE), {}

        def stranger():
            with Raw(self.net, stranger=True) as client:
                began = time.monotonic()
                client.goaway()
                took["stranger"] = time.monotonic() - began

        def sender():
            with Raw(self.net) as client:
                began = time.monotonic()
                client.send(headers(1, "/tallystick.v1.Node/GetStatus"))
                client.next(HEADERS)
                took["sender"] = time.monotonic() - began

        def reader():
            with Raw(self.net) as client:
                began = time.monotonic()
                client.send(call(1, "/tallystick.v1.Ledger/GetBlock",
                                 rpc.rpc.GetBlockRequest(height=height).SerializeToString()))
                code = struct.unpack(">I", client.next(RESET)[3])[0]
                self.assertEqual(code, CANCEL)
                took["reader"] = time.monotonic() - began

        threads = [threading.Thread(target=each) for each in (stranger, sender, reader)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for name, least in (("stranger", 5), ("sender", 15), ("reader", 20)):
            self.assertIn(name, took)
            self.assertTrue(least - 0.1 <= took[name] <= least + LATE_S, (name, took[name]))
        for line in ("the request did not arrive in time", "the reader takes nothing"):
            self.assertEqual(len(self.net.log_lines(NODE, line, since)), 1, line)
        self.still_serves()


if __name__ == "__main__":
    network.main()
