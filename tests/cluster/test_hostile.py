#!/usr/bin/python3
"""Hostile clients beside an honest one, which calls on: all it asks is answered, consensus goes on, and memory stays in its
bound. How long it waited, calm and under each flood, is printed; how fast this machine is is not judged.

test_hostile.py KIND FOLDER HOST:PORT is one such client, which goes on until it is killed."""

import contextlib
import os
import pathlib
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import time

from google.protobuf import json_format

import network
import rpc
import test_bounds
from network import FULL

NODE = "validator-1"
HONEST_S = 20 if FULL else 1.5
PAUSE_S = 0.004
ATTACKERS = 2
MEMORY_MORE_MAX_KIB = 128 * 1024  # RPC_MEMORY_MAX
TEXTS, TEXT_SIZE = 8, 4 << 20  # MESSAGE_JSON_SIZE_MAX
EVENTS = 1000  # BATCH_EVENTS_MAX
IDLE = 5000 if FULL else 400
FILES_MAX = 450  # RPC_CONNECTIONS_MAX, and what a node has open besides
SLOWER_MAX_S = 5  # what no answer takes, however slow the machine


# ---- Attackers ----

def connection(folder, address, certificate=True, protocol="h2"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    if certificate:
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context.wrap_socket(socket.create_connection(address, timeout=10))


class Attack:
    def __init__(self, folder, address):
        self.folder, self.address = folder, address

    def open(self):
        link = connection(self.folder, self.address)
        link.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + test_bounds.frame(test_bounds.SETTINGS))
        return link

    def busy(self):
        """Only takes processors from the node: what a flood costs beside that is the node's doing."""
        until = time.monotonic() + 1
        while time.monotonic() < until:
            pass

    def handshakes(self):
        connection(self.folder, self.address, certificate=False).close()

    def calls(self):
        """More than the client's rate allows, as fast as they are refused."""
        with self.open() as link:
            request = rpc.rpc.GetStatusRequest().SerializeToString()
            for first in range(0, 100_000, 100):
                link.sendall(b"".join(test_bounds.call(2 * (first + i) + 1, "/tallystick.v1.Node/GetStatus", request)
                                      for i in range(100)))
                link.recv(1 << 16)

    def resets(self):
        with self.open() as link:
            for first in range(0, 1000, 100):
                link.sendall(b"".join(
                    test_bounds.headers(2 * (first + i) + 1, "/tallystick.v1.Node/GetStatus") +
                    test_bounds.frame(test_bounds.RESET, 0, 2 * (first + i) + 1, b"\0\0\0\x08") for i in range(100)))

    def pings(self):
        with self.open() as link:
            link.sendall(test_bounds.frame(test_bounds.PING, 0, 0, bytes(8)) * 5000)
            link.recv(1 << 16)

    def headers(self):
        """As many large ones as a connection takes."""
        with self.open() as link:
            for i in range(200):
                link.sendall(test_bounds.headers(2 * i + 1, "/tallystick.v1.Node/GetStatus", last=True, filler=b"x" * 15000))
            link.recv(1 << 16)

    def oversized(self):
        with self.open() as link:
            link.sendall(b"\xff\xff\xff\0\0\0\0\0\1" + bytes(1 << 20))

    def posts(self, call, body):
        """On as many connections, all ended at once; the answers are read to their end."""
        with contextlib.ExitStack() as stack:
            links = [stack.enter_context(connection(self.folder, self.address, protocol="http/1.1")) for _ in range(TEXTS)]
            for link in links:
                link.sendall(b"POST /tallystick.v1.Ledger/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                             b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (call, len(body)) + body[:-1])
            for link in links:
                link.sendall(body[-1:])
            for link in links:
                while link.recv(1 << 16):
                    pass

    def texts(self):
        """As long as JSON may be."""
        self.posts(b"SubmitBatch", b" " * TEXT_SIZE)

    def batches(self):
        """As many events as a batch may have, in JSON."""
        self.posts(b"SubmitBatch", (self.folder / "batch.json").read_bytes())

    def blocks(self):
        """Those events again, as JSON."""
        self.posts(b"GetBlock", b'{"height": "%d"}' % int((self.folder / "height").read_text()))


ATTACKS = ("busy", "handshakes", "calls", "resets", "pings", "headers", "oversized", "texts", "batches", "blocks")


def attack_forever(kind, folder, address):
    host, _, port = address.rpartition(":")
    attack = Attack(pathlib.Path(folder), (host, int(port)))
    while True:
        try:
            getattr(attack, kind)()
        except OSError:  # it is cut off: that is what it is about
            pass


# ---- The test ----

class HostileTest(network.NetworkTest):
    network_options = {"observers": 0}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net = cls.shared
        cls.folder = net.folder / "hostile"
        cls.folder.mkdir()
        net.run(NODE, "client", "add", "client", "--roles", "read,submit", "--rate", 100, "--out", cls.folder,
                check=network.DONE)
        cls.member = rpc.Member(net, NODE)
        with rpc.Client(net, NODE) as client:
            batch = cls.member.batch([cls.member.opening() for _ in range(EVENTS)])
            height = client.submit(batch, rpc.rpc.CHECKPOINTED).height
        (cls.folder / "batch.json").write_text(json_format.MessageToJson(rpc.rpc.SubmitBatchRequest(batch=batch), indent=None))
        (cls.folder / "height").write_text(str(height))

    def waits(self, client):
        """Seconds that an honest client waited for each of its calls."""
        took, until = [], time.monotonic() + HONEST_S
        while time.monotonic() < until:
            began = time.monotonic()
            client.ledger.GetCheckpoint(rpc.rpc.GetCheckpointRequest(), timeout=rpc.DEADLINE_S)
            took.append(time.monotonic() - began)
            time.sleep(PAUSE_S)
        return sorted(took)

    def told(self, name, took):
        p99 = took[min(len(took) - 1, len(took) * 99 // 100)]
        print(f"\n{name:>10}: {len(took)} calls, median {1000 * statistics.median(took):.1f} ms, p99 {1000 * p99:.1f} ms, longest "
              f"{1000 * took[-1]:.1f} ms", end=" ", flush=True)
        self.assertLess(took[-1], SLOWER_MAX_S)

    def test_floods_leave_the_others_their_node(self):
        pid, (host, port) = self.net.pid(NODE), self.net.addresses(NODE)[1]
        with rpc.Client(self.net, NODE) as client:
            self.waits(client)
            memory = network.resident_kib(pid)
            self.told("calm", self.waits(client))
            for kind in ATTACKS:
                attackers = [subprocess.Popen([sys.executable, __file__, kind, self.folder, f"{host}:{port}"])
                             for _ in range(ATTACKERS)]
                try:
                    time.sleep(0.7)
                    self.told(kind, self.waits(client))
                    self.assertEqual({process.poll() for process in attackers}, {None}, kind)
                    # And it takes part in consensus.
                    self.assertEqual(client.submit(self.member.batch([self.member.opening()])).results[0].result, 0, kind)
                finally:
                    for process in attackers:
                        process.kill()
                        process.wait()
            self.told("calm", self.waits(client))
            self.assertLess(network.resident_kib(pid), memory + MEMORY_MORE_MAX_KIB)
        self.net.agreement()

    def test_idle_connections_keep_nobody_out(self):
        """Of strangers, half of whom do not even begin a handshake."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * IDLE + 100), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        pid, address = self.net.pid(NODE), self.net.addresses(NODE)[1]
        memory, held = network.resident_kib(pid), []
        try:
            with rpc.Client(self.net, NODE) as client:
                client.status()
                began = time.monotonic()
                for i in range(IDLE):
                    link = socket.create_connection(address, timeout=30) if i % 2 else self.shaken(address)
                    if link is not None:
                        held.append(link)
                print(f"\n{len(held)} connections in {time.monotonic() - began:.1f} s", end=" ")
                self.told("idle", self.waits(client))
                with rpc.Client(self.net, NODE) as another:
                    self.assertEqual(another.submit(self.member.batch([self.member.opening()])).results[0].result, 0)
                self.assertLess(len(os.listdir(f"/proc/{pid}/fd")), FILES_MAX)
                self.assertLess(network.resident_kib(pid), memory + MEMORY_MORE_MAX_KIB)
        finally:
            for link in held:
                link.close()
        self.net.agreement()

    def shaken(self, address):
        """A connection without a certificate; None where it had to make room already."""
        try:
            return connection(self.folder, address, certificate=False)
        except OSError:
            return None


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in ATTACKS:
        attack_forever(*sys.argv[1:])
    network.main()
