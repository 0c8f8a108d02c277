#!/usr/bin/python3
"""The validator set changes while the network runs: a parameter, then a validator that comes and one that goes, by ballot,
under load, with a node killed at the seal. All come to one state, and histories verify from genesis across the epochs."""

import json
import shutil

import forge
import network
import rpc
from daemons import Daemons
from metrics import page_of
from network import DONE
from writer import Writer, receipts_check


class EpochTest(network.NetworkTest):
    def everybody_in(self, epoch, limit_s=60):
        def epochs():
            statuses = [self.net.status(name) for name in self.net.names]
            return [status["epoch"] if status else None for status in statuses]

        network.wait_until(f"every node to be in epoch {epoch}", lambda: set(epochs()) == {epoch}, limit_s=limit_s)

    def decide(self, *arguments, voters=("validator-2", "validator-3", "validator-4")):
        """Proposes, and others vote until it has passed."""
        proposed = network.tally("gov", *arguments, home=self.net.home("validator-1"), check=DONE).json
        for name in voters:
            home = self.net.home(name)
            # It may be behind, and know of no such proposal yet.
            last = network.wait_until(f"{name} to vote", lambda: self.vote(home, proposed["proposal"]))
        self.assertEqual(last["outcome"], "passed")

    @staticmethod
    def vote(home, proposal):
        outcome = network.tally("gov", "vote", proposal, "yes", home=home)
        return outcome.json if outcome.code == DONE else None

    def blocks_of_all_epochs(self):
        """Each block is checked by its epoch's validators, and tells what members decided in it."""
        home, net = self.net.home("observer-1"), self.net
        height = net.status("observer-1")["checkpoint"]["height"]
        outcome = network.tally("watch", "--from", 1, "--until", height, home=home, check=DONE)
        news = [json.loads(line) for line in outcome.out.splitlines()]
        blocks = [each["block"] for each in news if "block" in each]
        self.assertEqual([block["height"] for block in blocks], list(range(1, height + 1)))
        self.assertEqual({block["epoch"] for block in blocks}, {1, 2, 3, 4, 5})
        decided = [each for block in blocks for each in block["transactions"]]
        self.assertEqual([each["kind"] for each in decided if each["kind"] == "PROPOSE"], ["PROPOSE"] * 4)
        self.assertTrue(any((each["kind"], each["ruling"]) == ("READY", "OK") for each in decided), decided)
        last = next(block for block in reversed(blocks) if block["epoch"] == 5)
        status = net.status("observer-1")
        began = min(block["height"] for block in blocks if block["epoch"] == 5)
        self.assertEqual((status["epoch_from"], status["next_epoch"]), (began, None))
        shown = network.tally("block", last["height"], home=home, check=DONE).json
        self.assertEqual((shown["block"], shown["epoch"]), (last["block"], 5))
        proposed = next(block for block in blocks if block["transactions"])
        text = network.tally("block", proposed["height"], home=home, as_json=False, check=DONE).out
        self.assertIn("OK             PROPOSE of member 1", text)

    def roles(self):
        return {name: self.net.status(name)["role"] for name in self.net.names}

    def missed(self, name="validator-1"):
        """How many votes of each validator that node did not see in time."""
        page = page_of(self.net, name)
        return {labels[0]: value for (family, labels), value in page.samples.items()
                if family == "tallystick_votes_missing_total"}

    def test_the_validators_change_under_load(self):
        net = Daemons()
        self.networks.append(net)
        self.addCleanup(net.close)
        for name in net.names:
            net.init(name)
        net.start_all()
        writers = [Writer(net, name, batch_events=5, again=True, pause_s=0.1) for name in net.validators[:2]]
        for writer in writers:
            writer.start()
        self.everybody_in(1)

        self.decide("set", "heartbeat_ms", 5000)
        self.everybody_in(2)

        # The observer shows that it is synced, and votes from the next epoch on. One node is killed about the seal.
        self.decide("validators", "--add", "observer-1")
        network.wait_until("an epoch to begin", lambda: (net.status("validator-1") or {}).get("epoch") == 3, every_s=0.01)
        net.kill("validator-3")
        net.start("validator-3")
        self.everybody_in(3)
        self.assertEqual(set(self.roles().values()), {"validator"})

        # What is counted of a validator stays with its name, whatever its seat.
        net.kill("validator-3")
        missed = network.wait_until("votes to be missed", lambda: (now := self.missed())["validator-3"] >= 5 and now, limit_s=60)
        self.assertEqual(set(missed), set(net.names))
        net.start("validator-3")
        self.decide("validators", "--remove", "validator-4")
        self.everybody_in(4)
        now = self.missed()
        self.assertEqual(set(now), set(net.names))
        for name, count in missed.items():
            self.assertGreaterEqual(now[name], count, name)
        self.assertEqual(self.roles()["validator-4"], "observer")
        self.assertTrue(net.status("observer-1")["may_vote"])

        # The first validators alone are no quorum any more without the one that came.
        net.kill("validator-4")
        member = rpc.Member(net, "validator-1")
        client = rpc.Client(net, "validator-1")
        client.submit(member.batch([member.opening()]))
        client.close()

        # Whoever was away for an end of an epoch comes to it.
        net.kill("validator-3")
        net.start("validator-4")
        self.decide("set", "heartbeat_ms", 6000, voters=("validator-2", "validator-4", "observer-1"))
        network.wait_until("an epoch to begin", lambda: (net.status("validator-1") or {}).get("epoch") == 5)
        net.start("validator-3")
        self.everybody_in(5)

        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        height = max(writer.height for writer in writers)
        net.agreement(height)
        for name in net.names:
            receipts_check(self, net, name, writers[0].final[-20:])
            net.stop(name)
            net.start(name)
        self.everybody_in(5)
        net.agreement(height)

        self.blocks_of_all_epochs()

        # Whoever lost its vote record votes again in the epoch after.
        net.expected.append("this validator follows and does not vote")
        net.stop("validator-2")
        shutil.rmtree(net.home("validator-2") / "data" / "votes")
        net.start("validator-2")
        network.wait_until("it to say that it does not vote",
                           lambda: (net.status("validator-2") or {}).get("may_vote") is False)
        network.wait_until("a record for the next epoch",
                           lambda: "vote record from the next epoch" in net.log("validator-2"))
        self.decide("set", "heartbeat_ms", 7000)
        self.everybody_in(6)
        self.assertTrue(net.status("validator-2")["may_vote"])
        net.agreement(height)

    def rotate(self, name, voters):
        """Gives the node a next key, by ballot."""
        home = self.net.home(name)
        proposed = network.tally("gov", "rotate-key", "node", home=home, check=DONE).json
        for voter in voters:
            last = network.wait_until(f"{voter} to vote", lambda: self.vote(self.net.home(voter), proposed["proposal"]))
        self.assertEqual(last["outcome"], "passed")

    def key(self, name):
        return network.tally("key", "show", self.net.home(name) / "node.key", check=DONE).json["public_key"]

    def rotated(self, name, old):
        """It goes on under its new key alone, and never lost its vote."""
        network.wait_until("the next key to take the old one's place",
                           lambda: not (self.net.home(name) / "node.key.next").exists())
        self.assertNotEqual(self.key(name), old)
        status = network.wait_until(f"{name} to answer", lambda: self.net.status(name))
        self.assertEqual((status["role"], status["may_vote"]), ("validator", True))
        self.assertNotIn("follows and does not vote", self.net.log(name))

    def conflict(self, epoch):
        """Two checkpoints of the epoch, of one block and with two states, that the same validators signed."""
        def certified():
            outcome = network.tally("checkpoint", "--out", real, home=self.net.home("validator-1"), check=DONE)
            return outcome.json["epoch"] == epoch

        real, forged = (self.net.folder / f"{name}-{epoch}" for name in ("real", "forged"))
        network.wait_until(f"a checkpoint of epoch {epoch}", certified)
        forged.write_bytes(forge.checkpoint(real.read_bytes(), forge.node_keys(self.net, self.net.validators), "state_root"))
        return real, forged

    def named(self, conflict, epoch):
        """Who signed both is found by the keys of that epoch, though some of them have been rotated since."""
        genesis, saved, evidence = self.net.genesis, self.net.folder / "newest", self.net.folder / "evidence"
        found = network.tally("blame", *conflict, "--genesis", genesis, "--out", evidence, check=DONE).json
        self.assertEqual((found["conflict"], len(found["culprits"])), ("divergence", 3))
        network.tally("checkpoint", "--out", saved, home=self.net.home("validator-1"), check=DONE)
        alone = network.tally("blame", "--check", evidence, "--genesis", genesis)
        self.assertEqual(alone.json["error"]["reason"], "EPOCH")
        again = network.tally("blame", "--check", evidence, "--genesis", genesis, "--seals", saved, check=DONE).json
        self.assertEqual([each["key"] for each in again["culprits"]], [each["key"] for each in found["culprits"]])
        self.assertEqual({each["signed"][0]["epoch"] for each in again["culprits"]}, {epoch})

    def test_a_nodes_key_rotates_while_it_runs(self):
        net = Daemons()
        self.networks.append(net)
        self.addCleanup(net.close)
        for name in net.names:
            net.init(name)
        net.start_all()
        writer = Writer(net, "validator-1", batch_events=5, again=True, pause_s=0.1)
        writer.start()
        self.everybody_in(1)

        # Nothing is restarted. The epoch ends by itself: its validators have other keys.
        old = self.key("validator-4")
        self.rotate("validator-4", ["validator-1", "validator-2", "validator-3"])
        self.everybody_in(2)
        self.rotated("validator-4", old)

        conflict = self.conflict(2)

        # Its vote under the new key is needed.
        net.kill("validator-3")
        client, member = rpc.Client(net, "validator-1"), rpc.Member(net, "validator-1")
        client.submit(member.batch([member.opening()]))
        client.close()
        net.start("validator-3")
        self.everybody_in(2)

        # Killed at once when it has passed: it may not know that, and its peers know its new key alone.
        old = self.key("validator-3")
        self.rotate("validator-3", ["validator-1", "validator-2", "validator-4"])
        net.kill("validator-3")
        net.start("validator-3")
        self.everybody_in(3)
        self.rotated("validator-3", old)

        for name in ("validator-3", "validator-4"):
            net.stop(name)
            net.start(name)
        self.everybody_in(3)
        self.named(conflict, 2)
        self.named(self.conflict(3), 3)
        writer.end()
        self.assertEqual(writer.wrong, [])
        net.agreement(writer.height)
        for name in ("validator-3", "validator-4"):
            self.assertNotIn("follows and does not vote", net.log(name))


if __name__ == "__main__":
    network.main()
