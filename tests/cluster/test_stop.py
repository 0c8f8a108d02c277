#!/usr/bin/python3
"""A node that is asked to stop: refuses what is new, lets end what is open, and leaves nothing to do again."""

import os
import re
import signal
import socket
import ssl
import time

import grpc

import network
import rpc
from rpc import DEADLINE_S, detail_of
from test_bounds import Raw, SETTINGS, call, frame
from test_clients import Followed, failed
from writer import Writer, receipts_check

NODE = "validator-1"
STOP_LIMIT_S = 20 if network.SANITIZED else 5
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
FOLLOWERS, HALF_OPEN, WRITERS = 20, 30, 4


def tls_connect(net, name, hello=b""):
    """A connection that is known and open, and of which nothing more is heard."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    home = net.home(name)
    context.load_cert_chain(home / "client.crt", home / "client.key")
    connection = context.wrap_socket(socket.create_connection(net.addresses(name)[1]))
    connection.sendall(hello)
    return connection


# An HTTP/2 preface and empty settings; then the headers of a call whose body never comes.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


class StopTest(network.NetworkTest):
    def setUp(self):
        super().setUp()
        self.network(observers=0)
        self.member = rpc.Member(self.net, NODE)

    def asked_to_stop(self):
        """Asks the node to stop; returns a function that waits for its end, and returns how long it took."""
        self.net.down_names.add(NODE)
        pid, began = self.net.pid(NODE), time.monotonic()
        os.kill(pid, signal.SIGTERM)

        def ended():
            network.wait_until("its end", lambda: not network.process_runs(pid), 4 * STOP_LIMIT_S, 0.005)
            return time.monotonic() - began
        return ended

    def starts_with_nothing_to_do(self, height):
        """The node starts, and what it had applied is all there."""
        since = self.net.log_size(NODE)
        self.net.start(NODE)
        opened, = self.net.log_lines(NODE, "the state is open", since)
        self.assertGreaterEqual(int(re.search(r"height=(\d+)", opened)[1]), height)
        for text in ("replay", "torn", "damaged", "lost"):
            self.assertEqual(self.net.log_lines(NODE, text, since), [])

    def starts_whole(self, height):
        """The node starts, and what it had applied is there at once: of blocks in the middle of which it was asked to stop, the last may
        have had no quorum's checkpoint, and is then replayed."""
        since = self.net.log_size(NODE)
        self.net.start(NODE)
        opened, = self.net.log_lines(NODE, "the state is open", since)
        replayed = self.net.log_lines(NODE, "replayed the ledger", since)
        last = re.search(r" to=(\d+)", replayed[0]) if replayed else re.search(r"height=(\d+)", opened)
        self.assertGreaterEqual(int(last[1]), height)
        for text in ("torn", "damaged", "lost"):
            self.assertEqual(self.net.log_lines(NODE, text, since), [])

    def certified(self):
        """Waits until a quorum's checkpoint stands over all that the node has applied."""
        def is_level():
            status = self.net.status(NODE)
            self.last_height = status["applied_height"]
            return status["checkpoint"] is not None and status["checkpoint"]["height"] == self.last_height
        network.wait_until("a checkpoint over all", is_level)

    def applied(self):
        return self.net.status(NODE)["applied_height"]

    def test_under_load_it_stops_in_time_and_what_was_answered_is_there(self):
        writers = [Writer(self.net, NODE, again=False) for _ in range(WRITERS)]
        half_open = [tls_connect(self.net, NODE, PREFACE if i % 2 else b"") for i in range(HALF_OPEN)]
        clients = [rpc.Client(self.net, NODE) for _ in range(FOLLOWERS)]
        for connection in (*half_open, *clients):
            self.addCleanup(connection.close)
        for writer in writers:
            writer.start()
        network.wait_until("some blocks", lambda: all(writer.height > 0 for writer in writers))
        followers = [Followed(client) for client in clients]
        network.wait_until("followers", lambda: all(follower.heights for follower in followers))
        height = self.applied()
        took_s = self.asked_to_stop()()
        print(f"stopped in {took_s:.2f} s", flush=True)
        self.assertLess(took_s, STOP_LIMIT_S)
        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        for follower in followers:
            follower.join(10)
            self.assertEqual(follower.error.code(), UNAVAILABLE)
            detail = detail_of(follower.error)
            self.assertEqual((detail.reason, detail.resume_height), ("SHUTTING_DOWN", follower.heights[-1] + 1))
            self.assertIn(f"height {follower.heights[-1] + 1}", follower.error.details())
            self.assertEqual(follower.heights, list(range(1, len(follower.heights) + 1)))
        self.assertEqual(len(self.net.log_lines(NODE, "node has stopped")), 1)
        self.starts_whole(height)
        self.net.take_part()
        for writer in writers:
            receipts_check(self, self.net, NODE, writer.final)
        self.certified()
        self.asked_to_stop()()
        self.starts_with_nothing_to_do(self.last_height)

    def test_calls_that_are_open_end_and_new_ones_are_refused(self):
        stopped = [self.net.pid(name) for name in ("validator-2", "validator-3")]
        with rpc.Client(self.net, NODE) as client, rpc.Client(self.net, NODE) as second:
            client.status()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                waiting = client.ledger.SubmitBatch.future(
                    rpc.rpc.SubmitBatchRequest(batch=self.member.batch([self.member.opening()])), timeout=DEADLINE_S)
                network.wait_until("the batch", lambda: self.net.status(NODE)["mempool_batches"] == 1)
                ended = self.asked_to_stop()
                network.wait_until("draining", lambda: self.net.log_lines(NODE, "calls drain"), every_s=0.01)
                for each in (client, second):
                    error = failed(each.status)
                    self.assertEqual((error.code(), detail_of(error).reason), (UNAVAILABLE, "SHUTTING_DOWN"))
                    self.assertEqual(detail_of(error).retry_after_ms, 2000)
                self.assertFalse(waiting.done())
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            reply = waiting.result()
            self.assertEqual(reply.results[0].result_name, "OK")
            self.assertLess(ended(), STOP_LIMIT_S)
        self.assertEqual(len(self.net.log_lines(NODE, '"calls are drained" left_open=0')), 1)

    def test_what_does_not_end_is_ended(self):
        stopped = [self.net.pid(name) for name in ("validator-2", "validator-3")]
        with rpc.Client(self.net, NODE) as client:
            client.status()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                batch = self.member.batch([self.member.opening()])
                waiting = client.ledger.SubmitBatch.future(rpc.rpc.SubmitBatchRequest(batch=batch), timeout=DEADLINE_S)
                network.wait_until("the batch", lambda: self.net.status(NODE)["mempool_batches"] == 1)
                took_s = self.asked_to_stop()()
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            self.assertTrue(1.4 < took_s < STOP_LIMIT_S, took_s)
            error = failed(waiting.result)
            self.assertEqual((error.code(), detail_of(error).reason), (UNAVAILABLE, "SHUTTING_DOWN"))
        self.assertEqual(len(self.net.log_lines(NODE, "left_open=1")), 1)
        self.net.start(NODE)

    def test_a_client_that_takes_nothing_holds_a_stop_up_for_a_second(self):
        with rpc.Client(self.net, NODE) as client:
            height = client.submit(self.member.batch([self.member.opening() for _ in range(1000)])).height
        with Raw(self.net) as reader:
            # All the windows it likes, and no byte read.
            reader.send(frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff") + frame(8, 0, 0, b"\x7f\0\0\0"))
            request = rpc.rpc.GetBlockRequest(height=height).SerializeToString()
            reader.send(b"".join(call(2 * i + 1, "/tallystick.v1.Ledger/GetBlock", request) for i in range(50)))
            time.sleep(1)
            took_s = self.asked_to_stop()()
        print(f"stopped in {took_s:.2f} s", end=" ", flush=True)
        self.assertTrue(2.4 < took_s < STOP_LIMIT_S, took_s)
        self.net.start(NODE)

    def test_asked_twice_it_does_not_wait(self):
        stopped = [self.net.pid(name) for name in ("validator-2", "validator-3")]
        with rpc.Client(self.net, NODE) as client:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                waiting = client.ledger.SubmitBatch.future(
                    rpc.rpc.SubmitBatchRequest(batch=self.member.batch([self.member.opening()])), timeout=DEADLINE_S)
                network.wait_until("the batch", lambda: self.net.status(NODE)["mempool_batches"] == 1)
                ended = self.asked_to_stop()
                network.wait_until("draining", lambda: self.net.log_lines(NODE, "calls drain"), every_s=0.01)
                os.kill(self.net.pid(NODE), signal.SIGTERM)
                self.assertLess(ended(), 1.2 * (STOP_LIMIT_S / 5))
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            self.assertEqual(failed(waiting.result).code(), UNAVAILABLE)
        self.net.start(NODE)


if __name__ == "__main__":
    network.main()
