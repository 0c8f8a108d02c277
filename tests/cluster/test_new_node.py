#!/usr/bin/python3
"""An institution that comes later: its node waits until members have admitted it, is let in without a restart of anybody,
finds its way to the network's state, and votes once an epoch begins with it."""

import json
import re
import socket
import subprocess
import unittest

from network import DONE, TALLYD, NetworkTest, tally, wait_until


def free_address():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


class Newcomer:
    """A home that `tally init` made with a network's genesis, and its node."""

    def __init__(self, net, node, *options):
        self.home = net.folder / node
        self.process = None
        address = free_address()
        made = tally("init", "--network", json.loads(net.genesis.read_text())["network"], "--name", f"Bank of {node}",
                     "--role", "lender", "--kind", "bank", "--node", node, "--address", address, "--listen", address,
                     "--rpc", free_address(), "--genesis", net.genesis, *options, home=self.home, check=DONE)
        self.key = made.json["node_key"]
        subprocess.run([str(TALLYD), "--home", self.home, "--init"], check=True, capture_output=True)

    def start(self):
        with open(self.home / "node.log", "ab") as log:
            self.process = subprocess.Popen([TALLYD, "--home", self.home], stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        return (self.home / "node.log").read_text()

    def status(self):
        outcome = tally("status", home=self.home)
        return outcome.json if outcome.code == DONE else None


class NewNodeTest(NetworkTest):
    def setUp(self):
        super().setUp()
        self.network(observers=0)

    def newcomer(self, node, *options):
        made = Newcomer(self.net, node, *options)
        self.addCleanup(made.close)
        return made

    def decide(self, *action):
        """Proposes through validator-1, and has as many vote as it takes."""
        told = self.net.run("validator-1", "gov", *action, check=DONE).json
        for name in self.net.validators[1:]:
            if told["outcome"] != "open":
                break
            told = self.net.run(name, "gov", "vote", told["proposal"], "yes", check=DONE).json
        self.assertEqual(told["outcome"], "passed", told)

    def test_a_node_waits_is_admitted_and_votes_in_the_next_epoch(self):
        fifth = self.newcomer("fifth")
        fifth.start()
        wait_until("it says that it waits", lambda: "it waits until it is admitted" in fifth.log(), 20)
        wait_until("its key is refused by name", lambda: re.search(
            rf"peer refused.*claimed_key={fifth.key[:16]}.*not in the membership", self.net.log("validator-1")), 20)
        self.decide("admit", fifth.home / "join.json")

        def votes():
            status = fifth.status()
            return status and status["role"] == "validator" and status["epoch"] == 2 and status
        status = wait_until("it is a validator of the second epoch", votes, 60)
        self.assertEqual({peer["name"] for peer in status["peers"]}, set(self.net.validators))
        for name in self.net.validators:
            told = {peer["name"]: peer for peer in self.net.status(name)["peers"]}
            self.assertEqual((told["fifth"]["role"], told["fifth"]["connected"]), ("validator", True), name)
        for name in self.net.validators:
            self.assertEqual(len([line for line in self.net.log_lines(name, "node is running")]), 1, name)
        self.assertEqual(fifth.stop(), 0)
        self.assertNotIn(" broken ", fifth.log())

    def test_a_node_that_is_removed_is_let_go(self):
        fifth = self.newcomer("fifth", "--observer")
        self.decide("admit", fifth.home / "join.json")
        fifth.start()

        def linked():
            status = fifth.status()
            return status and status["standing"] != "JOINING" and all(peer["connected"] for peer in status["peers"])
        wait_until("it is linked with all", linked, 30)
        self.decide("remove", "Bank of fifth")
        for name in self.net.validators:
            wait_until(f"{name} lets it go", lambda name=name: self.net.log_lines(name, "\"peer let go\" peer=fifth"), 20)
            self.assertNotIn("fifth", {peer["name"] for peer in self.net.status(name)["peers"]})
        self.net.agreement(1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
