#!/usr/bin/python3
"""The integrators' page, followed to the letter: an application in Node."""

import network
import npm
from guide import Guide


class GuideNodeTest(network.NetworkTest):
    network_options = {"open_reads": False}

    def test_an_application_in_node_gets_a_verified_answer(self):
        guide = Guide(self.net, "validator-1", self.net.folder / "application", **npm.ENVIRONMENT)
        guide.follow("A certificate")
        out = guide.follow("Node").splitlines()
        self.assertEqual([line.split()[1:] for line in out[-5:-1]],
                         [["1", "12", "0"], ["1", "15", "0"], ["1", "1", "0"], ["1", "3", "0"]])
        self.assertEqual(out[-1], "3 BODY_COMMITMENT body 0")
        network.tally("verify", guide.folder / "answer", "--genesis", guide.folder / "genesis.json", check=network.DONE)


if __name__ == "__main__":
    npm.packages()
    network.main()
