#!/usr/bin/python3
"""Nodes come to a network whose validators have changed since: a new one by a snapshot, trusting genesis alone; one that was
away while epochs passed; and one that lost its state, or a block with it."""

import shutil

import grpc

import network
import rpc
from daemons import Daemons
from forge import verify
from network import DONE, wait_until
from test_join import snapshots
from writer import Writer

NEW = "observer-1"
AWAY = "validator-6"
REMOVED = "validator-5"
EPOCHS = 4
TAG_SNAPSHOT = 0x21
DIGEST_SIZE = 32
BLOCKS = 1200  # more than a network that is followed from its first block has


class JoinEpochsTest(network.NetworkTest):
    @classmethod
    def setUpClass(cls):
        """A network in its fourth epoch, in which one is a validator no more, with a snapshot of that epoch; an observer has
        never run, and a validator was away since the first epoch."""
        cls.shared = net = Daemons(validators=6, observers=1)
        cls.addClassCleanup(net.close)
        for name in net.names:
            net.init(name)
        for name in net.validators:
            net.start(name)
        net.take_part()
        writers = [Writer(net, name, batch_events=8, again=True) for name in net.validators[:3]]
        for writer in writers:
            writer.start()
        wait_until("blocks of the first epoch", lambda: cls.height() >= 30)
        net.stop(AWAY)
        cls.there = [name for name in net.validators if name != AWAY]
        cls.decide("set", "heartbeat_ms", 5000)
        cls.epoch_is(2)
        cls.decide("validators", "--remove", REMOVED)
        cls.epoch_is(3)
        cls.decide("set", "heartbeat_ms", 6000)
        cls.epoch_is(4)
        cls.last_from = net.status("validator-1")["epoch_from"]
        wait_until("a snapshot of the last epoch", cls.is_long, 300, 0.5)
        for writer in writers:
            writer.end()
            assert not writer.wrong, writer.wrong
        cls.final = [event for writer in writers for event in writer.final]
        cls.top = net.agreement(names=cls.there)[0]

    @classmethod
    def height(cls):
        return cls.shared.status("validator-1")["applied_height"]

    @classmethod
    def is_long(cls):
        made = snapshots(cls.shared, "validator-1")
        return cls.height() >= BLOCKS and made and made[-1] > cls.last_from

    @classmethod
    def decide(cls, *action):
        net = cls.shared
        told = net.run("validator-1", "gov", *action, check=DONE).json
        for name in cls.there[1:]:
            if told["outcome"] != "open":
                break
            told = net.run(name, "gov", "vote", told["proposal"], "yes", check=DONE).json
        assert told["outcome"] == "passed", told

    @classmethod
    def epoch_is(cls, epoch):
        wait_until(f"epoch {epoch}", lambda: {(cls.shared.status(name) or {}).get("epoch")
                                              for name in cls.there} == {epoch}, 60)

    def has_all(self, name, since=0):
        wait_until("all older blocks", lambda: self.net.log_lines(name, "all older blocks are here", since), 120)

    def same_blocks(self, name):
        """Of all epochs, and with what is proven of them."""
        seen = set()
        with rpc.Client(self.net, name) as new, rpc.Client(self.net, "validator-1") as old:
            for height in (1, *range(20, self.top, max(1, self.top // 40)), self.last_from - 1, self.last_from, self.top):
                request = rpc.rpc.GetBlockRequest(height=height)
                blocks = [client.ledger.GetBlock(request, timeout=30) for client in (new, old)]
                self.assertEqual(blocks[0].block, blocks[1].block)
                seen.add(blocks[0].header.epoch)
            for event in (self.final[0], self.final[-1]):
                receipts = [self.receipt(client, event) for client in (new, old)]
                self.assertEqual([receipts[0].height, receipts[0].result], [receipts[1].height, 0])
        self.assertIn(EPOCHS, seen)
        self.assertIn(1, seen)

    @staticmethod
    def receipt(client, event):
        """Its proof needs the seals of all epochs since, which a state that was made anew asks peers for."""
        def given():
            try:
                return client.ledger.GetReceipt(rpc.rpc.GetReceiptRequest(event_id=event), timeout=30).receipt
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                return None
        return wait_until("a receipt", given)

    def is_sound(self, name):
        """Its history verifies from genesis, and all that it has on disk."""
        saved = self.net.folder / f"history-{name}"
        subject = self.subject()
        self.net.run(name, "history", subject, "--out", saved, check=DONE)
        verdict = network.tally("verify", saved, "--genesis", self.net.genesis, check=DONE).json
        self.assertTrue(verdict["authentic"] and verdict["complete"], verdict)
        self.net.stop(name)
        self.net.run(name, "fsck", check=DONE)
        self.net.run(name, "audit", check=DONE)
        self.net.start(name)
        self.net.agreement(self.top)

    def subject(self):
        """Of an event of the first epoch."""
        with rpc.Client(self.net, "validator-1") as client:
            for height in range(1, self.top):
                block = client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height), timeout=30)
                for event in block.events:
                    if event.header:
                        return rpc.credit.EventHeader.FromString(event.header).subject_id.hex()
        raise AssertionError("there is no event")

    def forge_a_seal(self, name):
        """Changes a bit of the last seal in the head of a running node's newest snapshot, and makes the head's digest anew."""
        path = max((self.net.home(name) / "data" / "snapshots").glob("*-head"))
        content = bytearray(path.read_bytes()[:-DIGEST_SIZE])
        seals = 12 + 4 + int.from_bytes(content[12:16], "big")
        end = seals + 4 + int.from_bytes(content[seals:seals + 4], "big")
        self.assertGreater(end, seals + 4)
        content[end - 1] ^= 1  # in a key of the next validators
        path.write_bytes(content + verify.h(TAG_SNAPSHOT, bytes(content)))

    def test_1_a_new_node_trusts_genesis_alone(self):
        self.forge_a_seal("validator-2")
        self.net.start(NEW)
        self.has_all(NEW)
        refused = self.net.log_lines(NEW, "what it offers does not check; nothing more of it is taken")
        self.assertEqual([line for line in refused if "peer=validator-2" not in line], [])
        self.assertNotEqual(refused, [])
        [joined] = self.net.log_lines(NEW, "\"joining by a snapshot\"")
        self.assertGreater(int(joined.split("height=")[1].split()[0]), self.last_from)
        self.net.agreement(self.top)
        self.assertEqual(self.net.status(NEW)["epoch"], EPOCHS)
        self.same_blocks(NEW)
        self.is_sound(NEW)

    def test_2_a_node_that_was_away_for_all_epochs_catches_up(self):
        self.net.start(AWAY)
        self.net.agreement(self.top)
        self.assertEqual(self.net.log_lines(AWAY, "joining by a snapshot"), [])
        self.assertEqual(self.net.status(AWAY)["epoch"], EPOCHS)
        self.same_blocks(AWAY)
        self.is_sound(AWAY)

    def test_3_who_lost_its_data_joins_again(self):
        name = REMOVED
        # Genesis has it as a validator, and that is all that it knows at first.
        self.net.expected.append("this validator follows and does not vote\" why=\"its vote record is missing")
        self.net.stop(name)
        shutil.rmtree(self.net.home(name) / "data")
        (self.net.home(name) / "data").mkdir(mode=0o700)
        since = self.net.log_size(name)
        self.net.start(name)
        self.has_all(name, since)
        self.net.agreement(self.top)
        self.same_blocks(name)

    def test_4_a_state_that_is_lost_while_older_blocks_are_missing_is_joined_again(self):
        self.net.stop(NEW)
        shutil.rmtree(self.net.home(NEW) / "data")
        (self.net.home(NEW) / "data").mkdir(mode=0o700)
        since = self.net.log_size(NEW)
        self.net.start(NEW)
        wait_until("the snapshot", lambda: self.net.log_lines(NEW, "this node begins with the snapshot", since), 60, 0.002)
        self.net.kill(NEW)
        shutil.rmtree(self.net.home(NEW) / "data" / "state")
        since = self.net.log_size(NEW)
        self.net.start(NEW)
        self.has_all(NEW, since)
        self.assertTrue(self.net.log_lines(NEW, "this node joins again", since))
        self.net.agreement(self.top)
        self.same_blocks(NEW)

    def test_5_a_state_that_is_lost_with_a_block_of_the_first_epoch_is_made_anew(self):
        self.net.stop(AWAY)
        shutil.rmtree(self.net.home(AWAY) / "data" / "state")
        first = min((self.net.home(AWAY) / "data" / "ledger").glob("0*"))
        content = bytearray(first.read_bytes())
        content[len(content.rstrip(b"\0")) * 15 // self.top] ^= 0x10
        first.write_bytes(content)
        since = self.net.log_size(AWAY)
        self.net.start(AWAY)
        wait_until("it to be mended", lambda: self.net.log_lines(AWAY, "a damaged block of the ledger was mended", since), 60)
        [waits] = self.net.log_lines(AWAY, "the state stands in an earlier epoch than the ledger", since)
        self.assertIn(f"ledger_epoch={EPOCHS}", waits)
        wait_until("it to take part", lambda: (self.net.status(AWAY) or {}).get("epoch") == EPOCHS, 60)
        self.net.agreement(self.top)
        self.assertTrue(self.net.status(AWAY)["may_vote"])
        self.same_blocks(AWAY)
        self.is_sound(AWAY)


if __name__ == "__main__":
    network.main()
