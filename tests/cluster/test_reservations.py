#!/usr/bin/python3
"""Members race for the last reservation that a policy allows, through their own nodes, while validators are killed: one
of them gets it, and every node says the same."""

import concurrent.futures
import json
import os
import random
import tempfile

import grpc

import network
import rpc
from network import DONE, REFUSED, USAGE
from rpc import DEADLINE_S, credit

OK, REFUSED_CAP, NO_AUTHORIZATION, MISMATCH = 0, 14, 12, 13
RESERVATIONS = b"\x01"  # which cap: live reservations
RACES = 1000 if network.FULL else 20
KILL_EVERY = 7 if network.FULL else 5


class ReservationTest(network.NetworkTest):
    """A network of its own for each policy."""

    def up(self, policy):
        net = self.network(open_reads=False, policy=policy)
        self.members = {name: rpc.Member(net, name) for name in net.validators}
        self.clients = {name: rpc.Client(net, name) for name in net.names}
        for client in self.clients.values():
            self.addCleanup(client.close)
        return net

    def submit(self, name, event, wait_for=rpc.rpc.FINAL):
        batch = self.members[name].batch([event])
        return self.clients[name].submit(batch, wait_for, timeout=2 * DEADLINE_S)

    def race(self, names, subject, pool, meanwhile=None):
        """{name: (event id, result)} of reservations that set out together."""
        events = {name: self.members[name].reservation(subject, amount=100000) for name in names}
        batches = {name: self.members[name].batch([event]) for name, event in events.items()}
        running = {name: pool.submit(self.clients[name].submit, batch, rpc.rpc.FINAL, 2 * DEADLINE_S)
                   for name, batch in batches.items()}
        if meanwhile:
            meanwhile()
        outcome = {}
        for name, call in running.items():
            reply = call.result()
            outcome[name] = (self.members[name].event_id(events[name]), reply.results[0])
            for other in events:  # nobody is named to another
                if other != name:
                    self.assertNotIn(self.members[other].event_id(events[other]), reply.SerializeToString())
        return outcome

    def one_winner(self, outcome):
        won = [name for name, (_, result) in outcome.items() if result.result == OK]
        self.assertEqual(len(won), 1, {name: result.result_name for name, (_, result) in outcome.items()})
        for name, (_, result) in outcome.items():
            if name != won[0]:
                self.assertEqual((result.result, result.detail), (REFUSED_CAP, RESERVATIONS))
        return won[0]

    def same_everywhere(self, net, outcomes):
        """Every node proves the same result of every event, at the same place."""
        net.agreement()
        for outcome in outcomes:
            for event_id, result in outcome.values():
                told = {(receipt.height, receipt.index, receipt.result, receipt.detail) for receipt in (
                    client.ledger.GetReceipt(rpc.rpc.GetReceiptRequest(event_id=event_id), timeout=DEADLINE_S).receipt
                    for client in self.clients.values())}
                self.assertEqual(told, {(result.height, result.index, result.result, result.detail)})

    def test_exactly_one_of_those_who_race_gets_the_last_reservation(self):
        net = self.up("cn")
        chance = random.Random(5)
        outcomes, down, winners = [], None, set()
        with concurrent.futures.ThreadPoolExecutor(len(net.validators)) as pool:
            for number in range(RACES):
                if down and number % KILL_EVERY == 2:
                    net.start(down)
                    net.take_part([down])
                    down = None
                up = [name for name in net.validators if name != down]
                victim = chance.choice(up) if number % KILL_EVERY == KILL_EVERY - 1 and not down else None
                able = [name for name in up if name != victim]
                names = chance.sample(able, chance.randint(2, len(able)))
                outcomes.append(self.race(names, os.urandom(32), pool, (lambda: net.kill(victim)) if victim else None))
                winners.add(self.one_winner(outcomes[-1]))
                down = victim or down
        if down:
            net.start(down)
            net.take_part([down])
        self.assertGreater(len(winners), 1, "where one always wins there is no race")
        self.same_everywhere(net, outcomes)

    def test_the_third_of_three_goes_to_one(self):
        net = self.up("us")
        outcomes = []
        with concurrent.futures.ThreadPoolExecutor(len(net.validators)) as pool:
            for _ in range(RACES // 4):
                subject = os.urandom(32)
                for name in net.validators[:2]:
                    reply = self.submit(name, self.members[name].reservation(subject))
                    self.assertEqual(reply.results[0].result, OK)
                outcomes.append(self.race(net.validators, subject, pool))
                self.one_winner(outcomes[-1])
        self.same_everywhere(net, outcomes)

    def opening(self, member, subject, authorization):
        return member.event(credit.ACCOUNT_OPEN, subject, os.urandom(16), body=credit.AccountOpenBody(limit_minor=100000),
                            account_open=credit.AccountOpenPublic(account_type=credit.REVOLVING, currency=156,
                                                                  authorization=authorization, amount_minor=100000))

    def test_a_reservation_is_the_winners_to_use_once(self):
        net = self.up("cn")
        subject = os.urandom(32)
        with concurrent.futures.ThreadPoolExecutor(len(net.validators)) as pool:
            outcome = self.race(net.validators[:2], subject, pool)
        won = self.one_winner(outcome)
        lost = next(name for name in outcome if name != won)
        authorization = outcome[won][0]
        stolen = self.submit(lost, self.opening(self.members[lost], subject, authorization)).results[0]
        self.assertIn(stolen.result, (NO_AUTHORIZATION, MISMATCH))
        refused = self.submit(lost, self.opening(self.members[lost], subject, outcome[lost][0])).results[0]
        self.assertEqual(refused.result, NO_AUTHORIZATION)
        used = self.submit(won, self.opening(self.members[won], subject, authorization)).results[0]
        self.assertEqual(used.result, OK)
        again = self.submit(won, self.opening(self.members[won], subject, authorization)).results[0]
        self.assertEqual(again.result, NO_AUTHORIZATION)

    def test_one_call_reserves_and_tells_what_came_of_it(self):
        net = self.up("cn")
        subject, (name, other) = os.urandom(32), net.validators[:2]
        event = self.members[name].reservation(subject, amount=100000)

        def reserve(name, *events):
            return self.clients[name].credit.Reserve(
                rpc.rpc.ReserveRequest(batch=self.members[name].batch(list(events))), timeout=2 * DEADLINE_S)

        for _ in range(2):  # one that is known is no second one
            granted = reserve(name, event)
            self.assertEqual(granted.authorization, self.members[name].event_id(event))
            self.assertEqual((granted.receipt.event_id, granted.receipt.result), (granted.authorization, OK))
            self.assertFalse(granted.HasField("refusal"))
        told = reserve(other, self.members[other].reservation(subject, amount=100000))
        self.assertEqual((told.refusal.result_name, told.refusal.cap), ("REFUSED_CAP", "RESERVATIONS"))
        self.assertEqual((told.receipt.result, told.receipt.detail, told.authorization), (REFUSED_CAP, RESERVATIONS, b""))
        self.assertNotIn(granted.authorization, told.SerializeToString())
        receipt = net.run(other, "receipt", told.receipt.event_id.hex(), check=DONE).json
        self.assertEqual((receipt["result"], receipt["height"]), ("REFUSED_CAP", told.receipt.height))
        uncapped = reserve(name, self.members[name].reservation(os.urandom(32)))
        self.assertEqual(uncapped.refusal.cap, "AMOUNT")
        self.assertIn("amount is missing", uncapped.refusal.message)
        for events in ([event, event], [self.members[name].opening()]):
            with self.assertRaises(grpc.RpcError) as failed:
                reserve(name, *events)
            self.assertEqual(rpc.detail_of(failed.exception).reason, "NOT_A_RESERVATION")

    def test_founders_may_demand_authorizations(self):
        """A policy of their own, from a file, under which no opening goes without one from the first block on."""
        policy = network.tally("policy", "us", check=DONE).json["policy"]
        policy.update(name="strict", version=3)
        policy["reservations"]["authorization_from_ms"] = 0
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="ascii") as file:
            json.dump(policy, file)
            file.flush()
            net = self.up(file.name)
        self.assertEqual(json.loads(net.genesis.read_text())["policy"], policy)
        subject, name = os.urandom(32), net.validators[0]
        bare = self.submit(name, self.opening(self.members[name], subject, b"")).results[0]
        self.assertEqual(bare.result, NO_AUTHORIZATION)
        reserve = self.members[name].reservation(subject, amount=100000)
        self.assertEqual(self.submit(name, reserve).results[0].result, OK)
        opening = self.opening(self.members[name], subject, self.members[name].event_id(reserve))
        self.assertEqual(self.submit(name, opening).results[0].result, OK)

    def test_a_loan_officer_reserves_and_gives_back(self):
        net = self.up("cn")
        subject = os.urandom(32).hex()
        ask = ("reserve", subject, "--product", 7, "--currency", "CNY", "--amount", 500000)
        granted = net.run("validator-1", *ask, check=DONE).json
        self.assertLessEqual({"authorization", "expires_ms"}, set(granted))
        refused = net.run("validator-2", *ask, check=REFUSED)
        self.assertEqual((refused.json["refused"], refused.json["reason"]), ("REFUSED_CAP", "RESERVATIONS"))
        self.assertNotIn(granted["authorization"], refused.out + refused.err)
        self.assertEqual(net.run("validator-2", "reserve", "cancel", granted["authorization"]).code, REFUSED)
        net.run("validator-1", "reserve", "cancel", granted["authorization"], check=DONE)
        net.run("validator-2", *ask, check=DONE)
        capped = net.run("validator-1", "reserve", os.urandom(32).hex(), "--product", 7, "--currency", "CNY", check=REFUSED)
        self.assertEqual(capped.json["reason"], "AMOUNT")
        for wrong in ([], [subject], [subject, "--product", "x", "--currency", "CNY"], ["cancel"], ["cancel", "x"],
                      [subject, "--product", 1, "--currency", "XYZ"], [subject, "--product", 1, "--currency", "CNY",
                                                                       "--hours", 25]):
            self.assertEqual(net.run("validator-1", "reserve", *wrong).code, USAGE, wrong)


if __name__ == "__main__":
    network.main()
