#!/usr/bin/python3
"""A network that grows from four validators to seven and shrinks to four again while members import: one file from each
newcomer, ballots of the members, no restart. Nothing that was final is lost, and what a client verifies it verifies from
genesis alone, whatever epoch an answer is of."""

import network
import rpc
from daemons import Daemons
from loader import Load
from network import DONE, tally, wait_until
from test_founding import free_ports
from writer import Writer, receipts_check

NEWCOMERS = 3
PAUSE_MS_MAX = 2000  # between two blocks that were asked for, outside a change of epochs


class Growing(Daemons):
    """A development network of four validators and an observer, and institutions that come to it."""

    def __init__(self):
        super().__init__(validators=4, observers=1, open_reads=True)
        ports = free_ports(2 * NEWCOMERS)
        self.addresses_of = {f"bank-{i + 5}": (f"127.0.0.1:{ports[2 * i]}", f"127.0.0.1:{ports[2 * i + 1]}")
                             for i in range(NEWCOMERS)}
        self.voters = list(self.names)  # each the home of a member of its own

    def come(self, name):
        """What a newcomer does: a home, and its join file."""
        peer, calls = self.addresses_of[name]
        tally("init", "--name", name.title(), "--role", "lender", "--kind", "bank", "--node", name, "--address", peer,
              "--listen", peer, "--rpc", calls, "--genesis", self.genesis, home=self.home(name), check=DONE)
        return self.home(name) / "join.json"

    def decide(self, *action, by="validator-1"):
        """Proposes and votes until it has passed; returns how many commands that took the members."""
        proposed = self.run(by, "gov", *action, check=DONE).json
        for commands, voter in enumerate((name for name in self.voters if name != by), 2):
            voted = self.run(voter, "gov", "vote", proposed["proposal"], "yes", check=DONE).json
            if voted["outcome"] != "open":
                assert voted["outcome"] == "passed", voted
                return commands
        raise AssertionError(f"it did not pass: {voted}")

    def register(self, name="validator-1"):
        return self.run(name, "gov", "show", check=DONE).json

    def validators_are(self, names, by="validator-1", limit_s=60):
        def voting():
            status = self.status(by)
            return status and {node["name"] for node in status["validators"]} == set(names) and status
        return wait_until(f"the validators are {', '.join(names)}", voting, limit_s)


class Membership(network.NetworkTest):
    def setUp(self):
        self.networks = [Growing()]
        self.addCleanup(self.net.close)
        for name in self.net.names:
            self.net.init(name)
        self.net.start_all()
        self.net.take_part()

    def history_verified(self, subject, by):
        """A saved history verifies from genesis alone."""
        saved = self.net.folder / f"history-{by}-{subject[:8]}"
        self.net.run(by, "history", subject, "--out", saved, check=DONE)
        verdict = tally("verify", saved, "--genesis", self.net.genesis, check=DONE).json
        self.assertTrue(verdict["authentic"] and verdict["complete"], verdict)
        return verdict

    def headers(self, upto, by="validator-1"):
        with rpc.Client(self.net, by) as client:
            return [client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height), timeout=rpc.DEADLINE_S).header
                    for height in range(1, upto + 1)]

    def test_from_four_to_seven_and_back_under_load(self):
        net, started = self.net, [f"validator-{i}" for i in range(1, 5)]
        writer = Writer(net, "validator-2", again=True, pause_s=0.02)
        writer.start()
        with Load(self, net, ["validator-1", "validator-3"]) as load:
            wait_until("a load", lambda: load.files, 60)
            first = network.records(next(iter(load.files)))[0]["subject"]
            early = self.history_verified(first, "validator-1")

            newcomers = list(net.addresses_of)
            for name in newcomers:
                commands = net.decide("admit", net.come(name))
                self.assertEqual(commands, len(net.voters) * 2 // 3 + 1)  # more than two thirds, who proposes being one
                net.init(name)
                net.names.append(name)
                net.voters.append(name)
                net.start(name)
            net.validators_are(started + newcomers, limit_s=120)
            self.history_verified(first, newcomers[0])

            # One rotation of every kind, live.
            for kind in ("signing", "ballot", "node"):
                net.decide("rotate-key", kind, by="validator-4")
            path = network.synth(net.folder, 77, 20, members=4)["validator-4"]
            net.run("validator-4", "import", path, check=DONE)

            # A removal, and two that only vote no longer.
            gone = newcomers[0]
            net.voters.remove(gone)
            net.decide("remove", gone.title())
            net.decide("validators", "--remove", ",".join(newcomers[1:]))
            net.validators_are(started, limit_s=120)
            self.history_verified(first, "validator-1")
        writer.end()
        self.assertEqual(writer.wrong, [])
        receipts_check(self, net, "validator-1", writer.final)
        net.stop(gone)
        height, _ = net.agreement(names=[*started, "observer-1", *newcomers[1:]])
        late = self.history_verified(first, "observer-1")
        self.assertGreaterEqual(late["events"], early["events"])
        headers = self.headers(height)
        epochs = sorted({header.epoch for header in headers})
        self.assertEqual(epochs, list(range(1, epochs[-1] + 1)))
        self.assertGreaterEqual(len(epochs), 3)
        pauses = {True: 0, False: 0}  # by whether an epoch ended between the two blocks
        for before, after in zip(headers, headers[1:]):
            changes = before.epoch != after.epoch
            pauses[changes] = max(pauses[changes], after.time_ms - before.time_ms)
        print(f"{height} blocks of {epochs[-1]} epochs; longest pause {pauses[False]} ms, {pauses[True]} ms where an epoch ended",
              flush=True)
        self.assertLess(pauses[False], PAUSE_MS_MAX)


if __name__ == "__main__":
    network.main()
