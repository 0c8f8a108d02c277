#!/usr/bin/python3
"""kill -9, over and over, under load: a node at random, and now and then all at once. Every event that was answered as final
is there when the node answers again, and all end with one state root."""

import random
import time

import grpc

import network
from daemons import Daemons
from network import DONE, FULL

import rpc
from writer import Writer, receipts_check

KILLS = 1000 if FULL else 20
ALL_EVERY = 10  # all nodes at once, each so many kills
UP_S_MAX = 0.3  # after it answers again, and before the next kill
PAUSE_S = 0.25  # of each writer, between two batches


class KillTest(network.NetworkTest):
    def certified(self, name):
        """The height that the node can prove, once it answers; -1 where that was to a connection of before the kill."""
        try:
            return self.clients[name].node.GetStatus(rpc.rpc.GetStatusRequest(), timeout=rpc.DEADLINE_S,
                                                     wait_for_ready=True).checkpoint.height
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
            return -1

    def taken(self, batch):
        """The reply, or None where checkpoints still lag after the kills."""
        try:
            return self.clients["validator-1"].submit(batch)
        except grpc.RpcError as error:
            self.assertGreater(rpc.detail_of(error).retry_after_ms, 0)
            return None

    def check(self, name, height, final):
        """The node comes to that height, and has all these events, applied."""
        network.wait_until(f"{name} to stand at {height}", lambda: self.certified(name) >= height, every_s=0.02)
        receipts_check(self, self.net, name, final)

    def test_nothing_final_is_lost_however_often_nodes_are_killed(self):
        net = Daemons()
        self.networks.append(net)
        self.addCleanup(net.close)
        for name in net.names:
            net.init(name)
        net.start_all()
        self.clients = {name: rpc.Client(net, name) for name in net.names}
        chance = random.Random(2)
        writers = [Writer(net, name, batch_events=5, again=True, pause_s=PAUSE_S) for name in net.validators]
        for writer in writers:
            writer.start()
        kills, checked, began = 0, dict.fromkeys(writers, 0), time.monotonic()
        while kills < KILLS:
            time.sleep(chance.uniform(0, UP_S_MAX))
            victims = net.names if kills // ALL_EVERY != (kills + 1) // ALL_EVERY else [chance.choice(net.names)]
            # In this order: a writer tells a height before its events, so none of these lies above it.
            final = []
            for writer in writers:
                told = len(writer.final)
                final += writer.final[checked[writer]:told]
                checked[writer] = told
            height = max(writer.height for writer in writers)
            net.kill(*victims)
            kills += len(victims)
            for name in victims:
                net.start(name)
            # What was answered as final before the kill, on a node that was killed.
            self.check(victims[0], height, final)
            for name in victims:
                self.assertIsNotNone(net.pid(name), net.log(name)[-1000:])
        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        took = time.monotonic() - began
        final = [event for writer in writers for event in writer.final]
        member = rpc.Member(net, "validator-1")
        last = network.wait_until("one more batch to be taken", lambda: self.taken(member.batch([member.opening()])))
        height = last.height
        for name in ("validator-3", "observer-1"):
            self.check(name, height, final)
        net.agreement(height)
        for name in net.names:
            self.clients[name].close()
            net.stop(name)
            self.assertTrue(network.tally("fsck", home=net.home(name), check=DONE).json["clean"])
        print(f"\n{kills} kills in {took:.0f} s, {len(final)} events answered as final, all there; height {height}",
              end=" ")


if __name__ == "__main__":
    network.main()
