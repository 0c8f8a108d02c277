#!/usr/bin/python3
"""Sessions of real clients, mutated, over TLS: whatever comes, the node answers the others, and nothing in it breaks. The full
number is for the build with sanitizers: TALLY_TEST_FULL=1 TALLY_SANITIZED=1 TALLY_BIN=build-asan/bin.

test_mutated.py FOLDER HOST:PORT FIRST COUNT is one sender, of the sessions from number FIRST on: a number is a session."""

import pathlib
import random
import select
import socket
import ssl
import struct
import subprocess
import sys
import time

from google.protobuf import json_format

import network
import rpc
from grpc.health.v1 import health_pb2 as health
from grpc.reflection.v1 import reflection_pb2 as reflection
from network import FULL
from rpc import credit
from test_bounds import PING, SETTINGS, call, frame

NODE = "validator-1"
WINDOW_UPDATE = 8  # RFC 9113, 6.9
SESSIONS = 100_000 if FULL else 600
SENDERS = 2
ANSWER_S = 0.02  # that an answer is waited for
MEMORY_MORE_MAX_KIB = 128 * 1024  # RPC_MEMORY_MAX
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS)


# ---- Sessions ----

def calls(folder):
    """(path, request) of each kind; the batches are signed, and were taken before."""
    batch = credit.Batch.FromString((folder / "batch").read_bytes())
    return [
        ("tallystick.v1.Ledger/SubmitBatch", rpc.rpc.SubmitBatchRequest(batch=batch, wait_for=rpc.rpc.CHECKPOINTED)),
        ("tallystick.v1.Ledger/GetBlock", rpc.rpc.GetBlockRequest(height=1)),
        ("tallystick.v1.Ledger/GetCheckpoint", rpc.rpc.GetCheckpointRequest()),
        ("tallystick.v1.Ledger/Follow", rpc.rpc.FollowRequest(from_height=1, events=True, checkpoints=True)),
        ("tallystick.v1.Credit/Inquire", rpc.rpc.InquireRequest(inquiry=bytes(32))),
        ("tallystick.v1.Credit/OwnAccounts", rpc.rpc.OwnAccountsRequest(refs=[bytes(16)], events=True)),
        ("tallystick.v1.Credit/OwnEvents", rpc.rpc.OwnEventsRequest(subject_id=bytes(32))),
        ("tallystick.v1.Node/GetStatus", rpc.rpc.GetStatusRequest()),
        ("grpc.health.v1.Health/Watch", health.HealthCheckRequest()),
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", reflection.ServerReflectionRequest(list_services="*")),
    ]


def sessions(folder):
    """(protocol, pieces) of what real clients send."""
    made = []
    for path, request in calls(folder):
        encoded = request.SerializeToString()
        made.append(("h2", [PREFACE, call(1, "/" + path, encoded), frame(PING, 0, 0, bytes(8)),
                            frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 65535)), call(3, "/" + path, encoded)]))
        body = json_format.MessageToJson(request).encode()
        head = f"POST /{path} HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        made.append(("http/1.1", [head.encode(), body, head.encode(), body]))
    for path in ("/healthz", "/metrics", "/events?from=1&events=all&checkpoints=1"):
        made.append(("http/1.1", [f"GET {path} HTTP/1.1\r\nHost: node\r\n".encode(), b"Accept: */*\r\n\r\n"] * 2))
    chunked = b"POST /tallystick.v1.Ledger/GetBlock HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\n"
    made.append(("http/1.1", [chunked, b"Transfer-Encoding: chunked\r\n\r\n", b"10\r\n{\"height\": \"1\"} \r\n", b"0\r\n\r\n"]))
    return made


def mutated(chance, all_sessions):
    """(protocol, pieces) of one of them, changed in a few places."""
    protocol, pieces = chance.choice(all_sessions)
    pieces = list(pieces)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if not pieces:
            break
        at = chance.randrange(len(pieces))
        piece, kind = bytearray(pieces[at]), chance.randrange(9)
        place, size = chance.randrange(len(piece) + 1), chance.choice((1, 1, 2, 4, 16, 100))
        if kind == 0 and piece:
            piece[place % len(piece)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            piece[place:place + size] = chance.randbytes(size)
        elif kind == 2:
            del piece[place:place + size]
        elif kind == 3:
            piece[place:place] = chance.randbytes(size)
        elif kind == 4:
            piece[place:place] = piece[place:place + 200] * chance.choice((1, 5, 50))
        elif kind == 5:
            del piece[place:]
        elif kind == 6:
            piece[place:place + 1] = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\r\n", b"-", b"9" * 20))
        elif kind == 7:
            other = chance.choice(chance.choice(all_sessions)[1])
            piece[place:] = other[chance.randrange(len(other)):]
        else:
            pieces.insert(at, pieces[chance.randrange(len(pieces))])
            continue
        pieces[at] = bytes(piece)
    return protocol, pieces


# ---- A sender ----

def context_of(folder, protocol):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context


def session_send(link, pieces, chance):
    """Sends it, in pieces as they come, and reads what is answered, or not."""
    reads = chance.random() < 0.8
    for piece in pieces:
        link.sendall(piece)
        if chance.random() < 0.1:
            time.sleep(0.001)
    if reads and select.select([link], [], [], ANSWER_S)[0]:
        link.recv(1 << 16)
    if chance.random() < 0.3:  # it is reset
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send_all(folder, address, first, count):
    folder, (host, _, port) = pathlib.Path(folder), address.rpartition(":")
    contexts = {protocol: context_of(folder, protocol) for protocol in ("h2", "http/1.1")}
    made = sessions(folder)
    for number in range(int(first), int(first) + int(count)):
        chance = random.Random(number)
        protocol, pieces = mutated(chance, made)
        with contexts[protocol].wrap_socket(socket.create_connection((host, int(port)), timeout=60)) as link:
            try:
                session_send(link, pieces, chance)
            except OSError:  # it is cut off in the middle
                pass


# ---- The test ----

class MutatedTest(network.NetworkTest):
    network_options = {"observers": 0}

    def test_no_session_breaks_anything(self):
        net, folder = self.net, self.net.folder / "sender"
        folder.mkdir()
        net.run(NODE, "client", "add", "client", "--roles", "submit,inquire,read,admin", "--rate", 1000000, "--concurrency",
                10000, "--out", folder, check=network.DONE)
        member = rpc.Member(net, NODE)
        batch = member.batch([member.opening() for _ in range(3)], lifetime_s=290)
        (folder / "batch").write_bytes(batch.SerializeToString())
        host, port = net.addresses(NODE)[1]
        with rpc.Client(net, NODE) as client:
            client.submit(batch, rpc.rpc.CHECKPOINTED)
            memory, began = network.resident_kib(net.pid(NODE)), time.monotonic()
            senders = [subprocess.Popen([sys.executable, __file__, folder, f"{host}:{port}", str(i * SESSIONS // SENDERS),
                                         str(SESSIONS // SENDERS)]) for i in range(SENDERS)]
            for sender in senders:
                self.addCleanup(sender.kill)
            while any(sender.poll() is None for sender in senders):
                self.assertEqual(client.submit(member.batch([member.opening()])).results[0].result, 0)
                time.sleep(0.2)
            self.assertEqual({sender.wait() for sender in senders}, {0})
            rate = SESSIONS / (time.monotonic() - began)
            more = network.resident_kib(net.pid(NODE)) - memory
            print(f"\n{SESSIONS} sessions, {rate:.0f} a second; {more // 1024} MiB more", end=" ", flush=True)
            if not network.SANITIZED:  # which keep what is freed
                self.assertLess(more, MEMORY_MORE_MAX_KIB)
        net.agreement()


if __name__ == "__main__":
    if len(sys.argv) == 5:
        send_all(*sys.argv[1:])
    else:
        network.main()
