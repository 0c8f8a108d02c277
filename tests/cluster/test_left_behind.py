#!/usr/bin/python3
"""A validator is away while ballots replace every validator, itself among them, and the others of its epoch leave for good. When
it comes back, only who was an observer in its epoch has the blocks, and it comes to the epoch that they are in."""

import network
from daemons import Daemons
from network import DONE, tally, wait_until
from writer import Writer, receipts_check

FIRST = [f"validator-{i}" for i in range(1, 5)]
NEXT = [f"observer-{i}" for i in range(1, 5)]
AWAY = "validator-4"


class LeftBehind(network.NetworkTest):
    def decide(self, *action):
        """Proposes, and votes until it has passed."""
        first, *others = FIRST[:3] + NEXT
        proposed = tally("gov", *action, home=self.net.home(first), check=DONE).json
        for name in others:
            if wait_until(f"{name} to vote", lambda: self.vote(name, proposed["proposal"])) == "passed":
                return
        self.fail(f"it did not pass: {action}")

    def vote(self, name, proposal):
        """What became of the proposal, or None where the node does not know of it yet."""
        voted = tally("gov", "vote", proposal, "yes", home=self.net.home(name))
        return voted.json["outcome"] if voted.code == DONE else None

    def status(self, name):
        return self.net.status(name) or {}

    def stand(self, names, role):
        """Waits until all of them have that role; the epochs between come one by one, as each is ready."""
        wait_until(f"{names} to be {role}s", lambda: all(self.status(name).get("role") == role for name in names), limit_s=60)

    def test_every_validator_is_replaced_while_one_is_away(self):
        net = Daemons(validators=4, observers=4)
        self.networks.append(net)
        self.addCleanup(net.close)
        for name in net.names:
            net.init(name)
        net.start_all()
        net.kill(AWAY)

        writer = Writer(net, FIRST[0], batch_events=5, pause_s=0.1)
        writer.start()
        self.decide("validators", "--add", ",".join(NEXT))
        self.stand(NEXT, "validator")
        self.decide("validators", "--remove", ",".join(FIRST))
        self.stand(FIRST[:3], "observer")
        self.stand(NEXT, "validator")
        epoch = self.status(NEXT[0])["epoch"]
        writer.end()
        self.assertEqual(writer.wrong, [])
        for name in FIRST[:3]:
            net.stop(name)

        net.start(AWAY)
        wait_until("it to come to their epoch", lambda: self.status(AWAY).get("epoch") == epoch, limit_s=60)
        wait_until("it to have every block", lambda: self.status(AWAY)["checkpoint"]["height"] >= writer.height, limit_s=60)
        self.assertEqual(self.status(AWAY)["role"], "observer")
        receipts_check(self, net, AWAY, writer.final[-20:])


if __name__ == "__main__":
    network.main()
