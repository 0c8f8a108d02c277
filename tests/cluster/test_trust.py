#!/usr/bin/python3
"""A node that is told to trust a checkpoint beside its genesis: it answers nobody before it has come there, and goes no further
where its ledger contradicts it, whatever keys have signed."""

import shutil
import subprocess

import forge
import network
import rpc
from metrics import fetch
from network import DONE, TALLYD, tally, wait_until

NAME = "observer-1"


class TrustTest(network.NetworkTest):
    def setUp(self):
        super().setUp()
        net = self.network()
        net.take_part(net.names)
        with rpc.Client(net, "validator-1") as client:
            member = rpc.Member(net, "validator-1")
            for _ in range(5):
                client.submit(member.batch([member.opening()]))
        self.height, _ = net.agreement(5)
        self.saved = net.folder / "checkpoint"
        net.run("validator-1", "checkpoint", self.height, "--out", self.saved, check=DONE)
        net.stop(NAME)
        self.process = None
        self.addCleanup(self.end)

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def anew(self):
        """The observer has never run."""
        home = self.net.home(NAME)
        shutil.rmtree(home / "data")
        subprocess.run([str(TALLYD), "--home", home, "--init"], check=True, capture_output=True)

    def start(self, trusted):
        with open(self.net.home(NAME) / "node.log", "ab") as log:
            self.process = subprocess.Popen([TALLYD, "--home", self.net.home(NAME), "--trust", trusted], stdout=log, stderr=log)

    def refused(self, trusted):
        """It does not start, and says why."""
        ran = subprocess.run([str(TALLYD), "--home", self.net.home(NAME), "--trust", trusted], capture_output=True, text=True,
                             timeout=30, check=False)
        self.assertEqual(ran.returncode, 1, ran)
        return ran.stderr.splitlines()[-1]

    def forged(self, field):
        """The same checkpoint with another value, signed by the keys of those who signed it."""
        path = self.net.folder / f"forged-{field}"
        path.write_bytes(forge.checkpoint(self.saved.read_bytes(), forge.node_keys(self.net, self.net.validators), field))
        return path

    def ready(self):
        try:
            return fetch(self.net, NAME, client=None, path="/readyz")
        except OSError:
            return None

    def test_it_answers_nobody_before_it_has_come_there(self):
        self.anew()
        self.net.kill(*self.net.validators)
        self.start(self.saved)
        status, _, text = wait_until("it to say why it does not serve", self.ready)
        self.assertEqual(status, 503)
        self.assertRegex(text, "joins the network|told to trust")
        for name in self.net.validators:
            self.net.start(name)
        wait_until("it to serve", lambda: (self.ready() or [0])[0] == 200, limit_s=60)
        told = self.net.status(NAME)
        self.assertGreaterEqual(told["applied_height"], self.height)
        self.assertNotIn("trust", told["why"])
        self.process.terminate()
        self.assertEqual(self.process.wait(30), 0)
        # It has it, and goes on from there.
        self.start(self.saved)
        wait_until("it to serve", lambda: (self.ready() or [0])[0] == 200)

    def test_a_ledger_that_contradicts_it_is_gone_no_further(self):
        net = self.net
        for field in ("block", "state_root"):
            with self.subTest(field=field):
                forged = self.forged(field)
                # What it has already:
                self.assertIn("contradicts the checkpoint that it was told to trust", self.refused(forged))
        # And what comes:
        net.expected += ["contradicts the checkpoint that it was told to trust", "the node stops"]
        self.anew()
        self.start(self.forged("block"))
        self.assertEqual(self.process.wait(60), 1)
        [said] = [line for line in net.log_lines(NAME, "contradicts the checkpoint") if "broken" in line]
        self.assertIn(f"height={self.height}", said)
        self.assertIn("contradicts the checkpoint", self.refused(self.forged("block")))
        # Told the right one, it goes on with what it has.
        self.start(self.saved)
        wait_until("it to serve", lambda: (self.ready() or [0])[0] == 200)

    def test_what_is_no_checkpoint_of_the_network_is_refused(self):
        damaged = bytearray(self.saved.read_bytes())
        damaged[-1] ^= 1
        (self.net.folder / "damaged").write_bytes(damaged)
        self.assertIn("could be trusted: A checkpoint is not signed", self.refused(self.net.folder / "damaged"))
        self.assertIn("could be trusted", self.refused(self.net.genesis))
        self.assertIn("cannot open", self.refused(self.net.folder / "nothing"))
        tally("verify", self.saved, "--genesis", self.net.genesis, check=DONE)


if __name__ == "__main__":
    network.main()
