#!/usr/bin/python3
"""Whoever does not belong is refused at both ports, with a log line that says who and why; the node goes on."""

import hashlib
import os
import socket
import ssl
import struct
import subprocess
import time

import ecdsa
import grpc
import OpenSSL.SSL as openssl

import network
import rpc
from network import DONE, tally, wait_until

VICTIM = "validator-1"
TAG_LINK = 0x1B
FRAME_HELLO, FRAME_VOTE = 1, 4
SIDE_CONNECTED = 0
TIMEOUT_S = 10


def varint_field(number, value):
    return bytes([number << 3, value])


def bytes_field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def frame(kind, payload):
    return struct.pack(">IB", len(payload), kind) + payload


class PeerLink:
    """A TLS 1.3 connection to a peer port, as any program could open one."""

    def __init__(self, net, name, certificate_home):
        context = openssl.Context(openssl.TLS_METHOD)
        context.set_min_proto_version(openssl.TLS1_3_VERSION)
        home = net.home(certificate_home)
        context.use_certificate_file(str(home / "client.crt"))
        context.use_privatekey_file(str(home / "client.key"))
        self.socket = socket.create_connection(net.addresses(name)[0], timeout=TIMEOUT_S)
        self.socket.settimeout(None)
        self.address = "%s:%d" % self.socket.getsockname()
        self.tls = openssl.Connection(context, self.socket)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self.exporter = self.tls.export_keying_material(b"EXPORTER-tallystick-link", 32)

    def hello(self, chain_id, signer, claimed=None, exporter=None):
        key = claimed or signer.get_verifying_key().to_string("compressed")
        digest = hashlib.sha256(
            bytes([TAG_LINK]) + chain_id + (exporter or self.exporter) + bytes([SIDE_CONNECTED]) + key).digest()
        signature = signer.sign_digest_deterministic(
            digest, hashfunc=hashlib.sha256, sigencode=ecdsa.util.sigencode_string_canonize)
        return frame(FRAME_HELLO, varint_field(1, 1) + bytes_field(2, chain_id) + bytes_field(3, key) +
                     bytes_field(4, signature) + bytes_field(5, b"stranger"))

    def send(self, data):
        self.tls.sendall(data)

    def received_until_closed(self):
        """Everything the node sends before it hangs up."""
        received = b""
        self.socket.settimeout(None)
        until = time.monotonic() + TIMEOUT_S
        self.socket.setblocking(False)
        while time.monotonic() < until:
            try:
                received += self.tls.recv(65536)
            except openssl.WantReadError:
                time.sleep(0.01)
            except (openssl.ZeroReturnError, openssl.SysCallError, openssl.Error):
                return received
        raise AssertionError("the node did not hang up")

    def close(self):
        self.socket.close()


class StrangersTest(network.NetworkTest):
    network_options = {}

    def setUp(self):
        super().setUp()
        self.since = self.net.log_size(VICTIM)

    def tearDown(self):
        """The node goes on: it answers, and what is submitted through it becomes final."""
        with rpc.Client(self.net, VICTIM) as client:
            member = rpc.Member(self.net, VICTIM)
            self.assertEqual(client.submit(member.batch([member.opening()])).results[0].result_name, "OK")
        self.net.agreement()
        super().tearDown()

    def refusal_logged(self, *texts):
        """Waits for one line that holds all the texts."""

        def found():
            lines = self.net.log(VICTIM)[self.since:].splitlines()
            return [line for line in lines if all(text in line for text in texts)]

        lines = wait_until(f"a log line with {texts}", found, TIMEOUT_S)
        self.assertIn(" unusual ", lines[0])

    # The peer port

    def hello_refused(self, why, make, certificate_home="validator-2"):
        link = PeerLink(self.net, VICTIM, certificate_home)
        self.addCleanup(link.close)
        link.send(make(link))
        received = link.received_until_closed()
        self.refusal_logged("peer refused", f"address={link.address}", why)
        # Its Hello is all that a stranger hears: size, kind, and nothing behind.
        if received:
            size, kind = struct.unpack(">IB", received[:5])
            self.assertEqual((kind, len(received)), (FRAME_HELLO, 5 + size))

    @property
    def chain_id(self):
        return rpc.Member(self.net, VICTIM).chain_id

    def node_key(self, name):
        secret = bytes.fromhex((self.net.home(name) / "node.key").read_text().strip())
        return ecdsa.SigningKey.from_string(secret, curve=ecdsa.SECP256k1)

    def test_a_strangers_key_is_refused(self):
        stranger = ecdsa.SigningKey.generate(curve=ecdsa.SECP256k1)
        self.hello_refused("its node key is not in the membership", lambda link: link.hello(self.chain_id, stranger))
        key = stranger.get_verifying_key().to_string("compressed").hex()
        self.refusal_logged("peer refused", f"claimed_key={key[:8]}")

    def test_another_chains_member_is_refused(self):
        self.hello_refused("it belongs to another chain",
                           lambda link: link.hello(os.urandom(32), self.node_key("validator-2")))

    def test_a_member_key_without_its_secret_is_refused(self):
        stranger = ecdsa.SigningKey.generate(curve=ecdsa.SECP256k1)
        claimed = self.node_key("validator-2").get_verifying_key().to_string("compressed")
        self.hello_refused("its signature does not prove its node key",
                           lambda link: link.hello(self.chain_id, stranger, claimed=claimed))

    def test_a_hello_recorded_on_another_connection_is_refused(self):
        other = PeerLink(self.net, VICTIM, "validator-2")
        self.addCleanup(other.close)
        self.hello_refused("its signature does not prove its node key",
                           lambda link: link.hello(self.chain_id, self.node_key("validator-2"),
                                                   exporter=other.exporter))

    def test_a_vote_before_a_hello_is_refused(self):
        self.hello_refused("it sent something else before its Hello", lambda link: frame(FRAME_VOTE, bytes(50)))

    def test_junk_in_a_hello_is_refused(self):
        self.hello_refused("its Hello does not parse", lambda link: frame(FRAME_HELLO, b"\x08\x01" + os.urandom(100)))

    def test_a_frame_over_its_bound_is_refused_by_its_header(self):
        self.hello_refused("bound", lambda link: struct.pack(">IB", 0xFFFFFFFF, FRAME_HELLO))

    def test_a_node_of_another_network_gets_no_link(self):
        other = self.network(start=False)
        name = "validator-2"
        other.expected.append("")  # its own troubles are not looked at here
        path = other.home(name) / "node.yaml"
        text = path.read_text()
        for peer in other.validators + other.observers:
            if peer == name:
                continue
            theirs, ours = ("%s:%d" % addresses[0] for addresses in
                            (other.addresses(peer), self.net.addresses(peer)))
            self.assertIn(theirs, text)
            text = text.replace(theirs, ours)
        path.write_text(text)
        tally("devnet", "start", name, "--dir", other.dir, check=DONE)
        other.down_names.discard(name)
        # Each side holds the other for a stranger; whoever reads the other's Hello first says so.
        wait_until("a refusal", lambda: any(
            "another chain" in line for line in
            [line for each in self.net.names for line in self.net.log_lines(each, "peer refused")] +
            other.log_lines(name, "peer refused")), 20)
        self.assertEqual([peer["name"] for peer in other.status(name)["peers"] if peer["connected"]], [])

    # Both ports

    def raw(self, port, data):
        """Sends bytes without TLS; returns our address."""
        with socket.create_connection(self.net.addresses(VICTIM)[port], timeout=TIMEOUT_S) as connection:
            connection.sendall(data)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            return "%s:%d" % connection.getsockname()

    def test_plain_text_is_refused_at_both_ports(self):
        for port, service in ((0, "peer"), (1, "rpc")):
            for data, why in ((b"GET / HTTP/1.1\r\nHost: node\r\n\r\n", "plain HTTP"),
                              (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
                              (b"\0" * 64, ""),
                              (b"\x17\x03\x03\x00\x40" + os.urandom(64), ""),
                              (os.urandom(2000), "")):
                with self.subTest(service=service, data=data[:8]):
                    address = self.raw(port, data)
                    self.refusal_logged("connection refused", f"service={service}", f"address={address}", "why=", why)

    def test_tls_1_2_is_refused_at_both_ports(self):
        for port, service in ((0, "peer"), (1, "rpc")):
            with self.subTest(service=service):
                host, number = self.net.addresses(VICTIM)[port]
                ran = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{number}", "-tls1_2"],
                                     stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S)
                self.assertNotEqual(ran.returncode, 0, ran.stdout)
                self.assertIn("Cipher is (NONE)", ran.stdout)
                self.refusal_logged("connection refused", f"service={service}", "address=127.0.0.1:",
                                    "it offers a TLS version before 1.3")

    # The RPC's port

    def call_refused(self, client):
        with self.assertRaises(grpc.RpcError) as refused:
            client.node.GetStatus(rpc.rpc.GetStatusRequest(), timeout=TIMEOUT_S)
        return refused.exception

    def test_a_client_without_a_certificate_is_refused(self):
        with rpc.Client(self.net, VICTIM, bare=True) as client:
            self.assertEqual(self.call_refused(client).code(), grpc.StatusCode.UNAUTHENTICATED)
        self.refusal_logged("call refused", "address=127.0.0.1:", "caller=-", "no certificate that is listed")

    def test_a_client_with_an_unlisted_certificate_is_refused(self):
        other = self.net.home("validator-2")
        certificate = (other / "client.crt").read_bytes()
        with rpc.Client(self.net, VICTIM, certificate, (other / "client.key").read_bytes()) as client:
            self.assertEqual(self.call_refused(client).code(), grpc.StatusCode.UNAUTHENTICATED)
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode())).hexdigest()
        self.refusal_logged("call refused", "address=127.0.0.1:", "caller=-", f"certificate={fingerprint[:16]}",
                            "no certificate that is listed")

    def test_a_reader_may_read_and_not_submit(self):
        reader = self.net.home("validator-2")
        certificate = (reader / "client.crt").read_bytes()
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode())).hexdigest()
        path = self.net.home(VICTIM) / "node.yaml"
        self.net.stop(VICTIM)
        with open(path, "a") as yaml:
            yaml.write(f'  - {{name: reader, fingerprint: "{fingerprint}", roles: [read]}}\n')
        self.net.start(VICTIM)
        member = rpc.Member(self.net, VICTIM)
        with rpc.Client(self.net, VICTIM, certificate, (reader / "client.key").read_bytes()) as client:
            self.assertEqual(client.status().name, VICTIM)
            with self.assertRaises(grpc.RpcError) as refused:
                client.submit(member.batch([member.opening()]))
            self.assertEqual(refused.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
            self.assertNotEqual(rpc.detail_of(refused.exception).reason, "")
        self.refusal_logged("call refused", "address=127.0.0.1:", "caller=reader", "SubmitBatch", "why=")


if __name__ == "__main__":
    network.main()
