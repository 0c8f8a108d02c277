#!/usr/bin/python3
"""A stopped node's bodies lose their file, their tail or their header: it starts all the same, and peers give back what is
gone. What every node has lost is marked as withheld, and nobody is blamed for it."""

import os
import re
import shutil

import network
import rpc
from network import DONE, REFUSED, wait_until
from test_crash import SEGMENT_HEADER_SIZE, records_end

NAME = "observer-1"
LOST = 60  # blocks: one after the other, each peer in turn, they are mended at the pace of the answers


def submit_some(net):
    with rpc.Client(net, "validator-1") as client:
        member = rpc.Member(net, "validator-1")
        return client.submit(member.batch([member.opening() for _ in range(5)])).height


class LossesTest(network.NetworkTest):
    network_options = {}

    def fsck(self, check=None):
        return network.tally("fsck", home=self.net.home(NAME), check=check).json

    def lose(self, how):
        path = max((self.net.home(NAME) / "data" / "bodies").glob("[0-9a-f]" * 16))
        if how == "file":
            path.unlink()
        elif how == "tail":
            os.truncate(path, records_end(path)[0])
        else:
            with open(path, "r+b") as file:
                file.write(os.urandom(SEGMENT_HEADER_SIZE))

    def is_whole(self, bodies):
        """Whether fsck finds every body there again, at a stop in between."""
        self.net.stop(NAME)
        found = self.fsck()
        self.net.start(NAME)
        return found["clean"] and found["bodies"] == bodies and found["withheld"] == 0

    def test_what_bodies_lose_is_mended_from_peers(self):
        for how in ("tail", "header", "file"):
            with self.subTest(how=how):
                height = submit_some(self.net)
                self.net.agreement(height)
                self.net.stop(NAME)
                bodies = self.fsck(DONE)["bodies"]
                self.lose(how)
                self.assertFalse(self.fsck(REFUSED)["clean"])
                size = self.net.log_size(NAME)
                self.net.start(NAME)
                if how != "header":  # the bodies are there still
                    text = "a damaged block of the ledger was mended"
                    wait_until(text, lambda: self.net.log_lines(NAME, text, since=size))
                self.net.agreement(height)
                wait_until("all of it", lambda: self.is_whole(bodies), 60)


class WithheldTest(network.NetworkTest):
    network_options = {}

    def withheld_to(self, name, since):
        lines = self.net.log_lines(name, "withheld where none had them", since=since)
        return max((int(re.search(r"whole_to=(\d+)", line)[1]) for line in lines), default=0)

    def test_what_no_node_has_any_more_is_withheld(self):
        for _ in range(LOST):
            height = submit_some(self.net)
        self.net.agreement(height)
        names = self.net.names
        for name in names:
            self.net.stop(name)
        for name in names:
            for path in (self.net.home(name) / "data" / "bodies").glob("[0-9a-f]" * 16):
                path.unlink()
        sizes = {name: self.net.log_size(name) for name in names}
        for name in names:
            self.net.start(name)
        for name in names:
            text = "withheld where none had them"
            wait_until(text, lambda: self.withheld_to(name, sizes[name]) >= height, 20)
            self.assertFalse(self.net.log_lines(name, "a range that does not hold", since=sizes[name]))
        self.net.agreement(submit_some(self.net))
        self.net.stop(NAME)
        found = network.tally("fsck", home=self.net.home(NAME), check=DONE).json
        self.assertEqual((found["clean"], found["withheld"], found["bodies"]), (True, 5 * LOST, 5))
        self.one_without_data_comes_by_them()

    def one_without_data_comes_by_them(self):
        shutil.rmtree(self.net.home(NAME) / "data")
        (self.net.home(NAME) / "data").mkdir(mode=0o700)
        size = self.net.log_size(NAME)
        self.net.start(NAME)
        self.net.agreement(submit_some(self.net))
        self.assertTrue(self.net.log_lines(NAME, "blocks are taken without bodies that no peer has", since=size))
        self.net.stop(NAME)
        found = network.tally("fsck", home=self.net.home(NAME), check=DONE).json
        self.assertEqual((found["clean"], found["withheld"], found["bodies"]), (True, 5 * LOST, 10))


if __name__ == "__main__":
    network.main()
