#!/usr/bin/python3
"""`tally status` says whether all is well, and of a network that stands still what it waits for and of whom."""

import os
import re
import shutil
import signal
import threading
import time

import grpc

import network
import rpc
from network import DONE, wait_until

SINCE = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class StatusTest(network.NetworkTest):
    network_options = {}

    def submit(self, name="validator-1", timeout=rpc.DEADLINE_S):
        with rpc.Client(self.net, name) as client:
            member = rpc.Member(self.net, name)
            return client.submit(member.batch([member.opening()]), timeout=timeout).height

    def stands(self, name, *standings, limit_s=30):
        """Waits until the node says that it stands so; returns its status."""
        def found():
            status = self.net.status(name)
            self.seen = status and (status["standing"], status["why"])
            return status if status and status["standing"] in standings else False
        try:
            return wait_until(f"{name} to be {standings}", found, limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.seen}") from None

    def setUp(self):
        super().setUp()
        for name in sorted(self.net.down_names):  # what a test before this one left behind when it failed
            self.net.start(name)

    def rows(self, status):
        return {row["name"]: row for row in status["validators"]}

    def is_said(self, status, *patterns):
        for pattern in patterns:
            self.assertRegex(status["why"], pattern)

    def test_1_a_network_at_rest_and_one_that_works_are_healthy(self):
        def all_voted():
            """One of four may be late in any one view."""
            self.submit()
            return all(row["spoke_ms_ago"] is not None for name in self.net.names
                       for row in self.net.status(name)["validators"])
        wait_until("a vote of everybody", all_voted)
        self.net.agreement()
        for name in self.net.names:
            status = self.stands(name, "IDLE")
            self.assertTrue(status["healthy"])
            self.assertRegex(status["why"], r"^healthy and idle: nothing waits to be ordered, and height \d+ is final$")
            self.assertEqual((status["quorum"], status["may_vote"], status["mute_reason"]),
                             (3, name in self.net.validators, None))
            self.assertEqual(sorted(row["name"] for row in status["validators"]), self.net.validators)
            self.assertIn(status["leader"], self.net.validators)
            for row in status["validators"]:
                self.assertTrue(row["reachable"])
                self.assertIsNotNone(row["spoke_ms_ago"], row)
        text = self.net.run("validator-1", "status", as_json=False, check=DONE).out
        self.assertRegex(text, r"\AIDLE: healthy and idle: ")
        self.assertRegex(text, r"(?m)^  epoch 1, view \d+; it began at height 1$")
        self.assertRegex(text, r"(?m)^  peer        observer-1 +observer +connected, height \d+, tallyd/\d+\.\d+\.\d+$")
        self.assertEqual({peer["software"] for peer in status["peers"]}, {f"tallyd/{status['version']}"})
        self.assertRegex(text, r"(?m)^  validator   validator-2 .*heard \d+\.\d s ago, voted \d+\.\d s ago in view \d+$")

    def test_2_one_stopped_validator_is_named_by_a_healthy_network(self):
        self.net.kill("validator-4")
        self.submit()
        ended = time.monotonic() + 1
        while time.monotonic() < ended:  # healthy all the while, whoever leads
            self.submit()
            status = self.net.status("validator-1")
            self.assertTrue(status["healthy"], status["why"])
        status = self.stands("validator-1", "IDLE", "MOVING")
        self.is_said(status, "^healthy", f"; validator-4 is silent {SINCE}$")
        self.assertFalse(self.rows(status)["validator-4"]["reachable"])
        self.assertTrue(self.rows(status)["validator-3"]["reachable"])
        self.net.start("validator-4")
        wait_until("its return", lambda: "silent" not in self.net.status("validator-1")["why"])
        self.net.agreement()

    def test_3_a_paused_validator_is_named_by_a_healthy_network(self):
        pid = self.net.pid("validator-2")
        wait_until("all links", lambda: "silent" not in self.net.status("validator-3")["why"])
        os.kill(pid, signal.SIGSTOP)
        try:
            status = wait_until("its silence to be noticed", lambda: next(
                (told for told in [self.net.status("validator-3")] if "silent" in told["why"]), None))
            self.assertTrue(status["healthy"], status["why"])
            self.is_said(status, f"; validator-2 is silent {SINCE}$")
            self.assertGreaterEqual(self.rows(status)["validator-2"]["heard_ms_ago"], 2000)
            self.submit("validator-3")
            self.assertTrue(self.net.status("validator-3")["healthy"])
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until("its return", lambda: "silent" not in self.net.status("validator-3")["why"])
        self.net.agreement()

    def test_4_without_a_quorum_the_missing_are_named_and_the_votes_that_are_here(self):
        self.net.kill("validator-3", "validator-4")
        status = self.stands("validator-1", "NO_QUORUM")
        self.assertFalse(status["healthy"])
        with self.assertRaises(grpc.RpcError):
            self.submit(timeout=3)
        status = wait_until("the view to be given up", lambda: next(
            (told for told in [self.stands("validator-1", "NO_QUORUM")]
             if sum(row["nullified"] for row in told["validators"]) == 2), None))
        self.is_said(status, r"^2 of 4 validators can be reached from here, and 3 are needed: validator-[12], validator-[12]; ",
                     rf"; view {status['view']} is led by {status['leader']}\b",
                     r"; 2 of 3 nullify votes are here: validator-[12], validator-[12]",
                     rf"; validator-[34] is silent {SINCE}, validator-[34] {SINCE}$")
        rows = self.rows(status)
        self.assertEqual([rows[name]["reachable"] for name in self.net.validators], [True, True, False, False])
        self.assertEqual([rows[name]["nullified"] for name in self.net.validators], [True, True, False, False])
        # An observer, which is linked to the same two, says the same once it knows of work.
        self.stands("observer-1", "NO_QUORUM")
        text = self.net.run("validator-1", "status", as_json=False, check=DONE).out
        self.assertRegex(text, r"\ANO_QUORUM: 2 of 4 validators")
        self.assertRegex(text, r"(?m)^  validator   validator-3 .*not connected, heard \d+\.\d s ago")
        for name in ("validator-3", "validator-4"):
            self.net.start(name)
        self.submit()
        self.stands("validator-1", "IDLE", "MOVING")
        self.net.agreement()

    def test_5_a_node_that_starts_late_catches_up(self):
        name = "observer-1"
        self.net.stop(name)
        files = network.synth(self.net.folder, seed=51, subjects=12000, members=1)
        for outcome in self.net.import_all(files).values():
            self.assertEqual(outcome.code, DONE, outcome)
        height, _ = self.net.agreement(names=self.net.validators)
        seen = set()
        starting = threading.Thread(target=self.net.start, args=[name])
        starting.start()

        def caught_up():
            status = self.net.status(name)
            if status:
                seen.add(status["standing"])
            return status and status["applied_height"] >= height
        wait_until("it to catch up", caught_up, every_s=0.001)
        starting.join()
        self.assertIn("CATCHING_UP", seen)
        self.assertLessEqual(seen, {"IDLE", "MOVING", "JOINING", "CATCHING_UP", "OWN_STATE"})
        print(f"\nsaid while it caught up: {sorted(seen)}", end=" ")
        self.net.agreement()

    def test_6_who_is_there_and_does_not_vote_is_named_and_says_why(self):
        name = "validator-4"
        text = "this validator follows and does not vote"
        self.net.expected.append(text)
        self.net.stop(name)
        shutil.rmtree(self.net.home(name) / "data" / "votes")
        self.net.start(name)
        self.submit()
        status = self.stands(name, "IDLE", "MOVING")
        self.assertEqual((status["may_vote"], status["mute_reason"]), (False, "its vote record is missing"))
        self.is_said(status, r"; this node follows and does not vote \(its vote record is missing\)$")
        self.net.kill("validator-3")
        with self.assertRaises(grpc.RpcError):
            self.submit(timeout=4)
        status = self.stands("validator-1", "NULLIFY_VOTES", "NOTARIZE_VOTES")
        self.is_said(status, rf"; {name} is heard, but has not voted since this node started|"
                             rf"; {name} is heard, but has not voted {SINCE}", f"; validator-3 is silent {SINCE}$")
        status = self.stands(name, "NO_QUORUM")  # it does not count itself
        self.is_said(status, "^2 of 4 validators can be reached from here, and 3 are needed: ")
        self.net.start("validator-3")
        self.submit()
        self.net.agreement()


if __name__ == "__main__":
    network.main()
