#!/usr/bin/python3
"""Node's stock clients, unmodified and pinned: @grpc/grpc-js, and @connectrpc/connect-node as gRPC and as Connect's own protocol, in
JSON and in protobuf, over HTTP/1.1 and HTTP/2. Each makes every call, and meets every refusal: see tests/clients/services.mjs."""

import json
import shutil
import subprocess

import grpc

import network
import npm
import rpc
from network import FULL

NODE = "validator-1"
EVENTS = 100_000 if FULL else 5_000  # that a stream tells
CARRIERS = ("grpc-js", "connect-node-grpc", "connect-node-http2-json", "connect-node-http2-binary", "connect-node-http1-json",
            "connect-node-http1-binary")


class StockNodeTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net = cls.shared
        cls.folder, home = net.folder / "clients", net.home(NODE)
        cls.folder.mkdir()
        for name, *options in (("all", "--roles", "submit,inquire,read,admin", "--rate", 100000, "--concurrency", 1000),
                               ("reader", "--roles", "read"), ("slow", "--roles", "read", "--rate", 5),
                               ("stranger", "--roles", "read")):
            net.run(NODE, "client", "add", name, *options, "--out", cls.folder, check=network.DONE)
        net.run(NODE, "client", "remove", "stranger", check=network.DONE)
        for name in ("rpc.crt", "genesis.json", "signing.key"):
            shutil.copy(home / name, cls.folder)
        member = rpc.Member(net, NODE)
        with rpc.Client(net, NODE) as client:
            for _ in range(EVENTS // 1000):
                client.submit(member.batch([member.opening() for _ in range(1000)]))
        host, port = net.addresses(NODE)[1]
        (cls.folder / "facts.json").write_text(json.dumps(
            {"address": f"{host}:{port}", "chainId": member.chain_id.hex(), "events": EVENTS, "openReads": True}))

    def run_script(self, *arguments):
        ran = subprocess.run(["node", *arguments, self.folder], cwd=npm.FOLDER, capture_output=True, text=True,
                             timeout=network.COMMAND_LIMIT_S)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_grpc_js_takes_the_schema_as_it_is_and_reflection_answers(self):
        self.run_script("proto_loader.mjs", network.ROOT / "proto" / "schema")

    def test_a_node_that_stops_tells_every_client_so(self):
        told = subprocess.Popen(["node", "until_stop.mjs", self.folder], cwd=npm.FOLDER, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(told.kill)
        self.assertEqual(told.stdout.readline(), "open\n")
        self.net.stop(NODE)
        out, _ = told.communicate("gone\n", timeout=60)
        self.net.start(NODE)
        self.net.take_part([NODE])
        unavailable = grpc.StatusCode.UNAVAILABLE.value[0]
        self.assertEqual(json.loads(out), {carrier: [unavailable, "SHUTTING_DOWN", unavailable] for carrier in CARRIERS})


for each in CARRIERS:
    setattr(StockNodeTest, f"test_{each.replace('-', '_')}_makes_every_call_and_meets_every_refusal",
            lambda self, carrier=each: self.run_script("services.mjs", carrier))


if __name__ == "__main__":
    npm.packages()
    network.main()
