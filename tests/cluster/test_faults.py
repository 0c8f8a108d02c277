#!/usr/bin/python3
"""Nodes that hang, are short of a quorum or of disk, are restarted one after the other, or are crowded."""

import os
import signal
import socket
import subprocess
import time

import grpc

import network
import rpc
from network import DONE, FULL, wait_until
from writer import Writer, receipts_check

SUBJECTS = 5000 if FULL else 700
HUNG_S = 30 if FULL else 6
RESIDENT_MAX_KIB = 400 * 1024


class FaultsTest(network.NetworkTest):
    network_options = {}

    def submit_some(self, name="validator-1", timeout=rpc.DEADLINE_S):
        with rpc.Client(self.net, name) as client:
            member = rpc.Member(self.net, name)
            reply = client.submit(member.batch([member.opening()]), timeout=timeout)
            self.assertEqual(reply.results[0].result_name, "OK")
            return reply.height

    def size_check(self, name):
        size = network.resident_kib(self.net.pid(name))
        if not network.SANITIZED:
            self.assertLess(size, RESIDENT_MAX_KIB, name)
        return size

    def test_a_validator_that_hangs_is_waited_for_by_nobody(self):
        victim = "validator-2"
        pid = self.net.pid(victim)
        writers = [Writer(self.net, name, 50) for name in ("validator-1", "validator-3")]
        os.kill(pid, signal.SIGSTOP)
        try:
            for writer in writers:
                writer.start()
            time.sleep(HUNG_S)
            counts = [len(writer.final) for writer in writers]
            self.assertTrue(all(counts), counts)
            for name in ("validator-1", "validator-3", "validator-4", "observer-1"):
                self.size_check(name)
        finally:
            os.kill(pid, signal.SIGCONT)
        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        print(f"\n{sum(counts)} events final while it hung {HUNG_S} s", end=" ")
        self.net.agreement()
        receipts_check(self, self.net, victim, [event for writer in writers for event in writer.final])

    def test_without_a_quorum_nothing_is_final_and_nothing_is_lost(self):
        height, _ = self.net.agreement()
        member = rpc.Member(self.net, "validator-1")
        with rpc.Client(self.net, "validator-1") as client:
            self.net.kill("validator-3", "validator-4")
            waiting = client.ledger.SubmitBatch.future(
                rpc.rpc.SubmitBatchRequest(batch=member.batch([member.opening()]), wait_for=rpc.rpc.FINAL), timeout=60)
            time.sleep(3)
            self.assertFalse(waiting.done())
            self.assertLessEqual(client.status().finalized_height, height + 2)
            self.net.start("validator-4")
            self.assertEqual(waiting.result().results[0].result_name, "OK")
        self.net.start("validator-3")
        self.net.agreement(height + 1)

    def test_one_after_the_other_restarts_under_load(self):
        writers = [Writer(self.net, name, again=True) for name in self.net.validators]
        for writer in writers:
            writer.start()
        for name in self.net.names * (3 if FULL else 1):
            self.net.stop(name)
            counts = {writer.name: len(writer.final) for writer in writers}
            wait_until("the others to go on", lambda counts=counts, name=name: all(
                len(writer.final) > counts[writer.name] for writer in writers if writer.name != name))
            self.net.start(name)
        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        self.net.agreement()
        for name in self.net.names:
            receipts_check(self, self.net, name, [event for writer in writers for event in writer.final][-400:])

    def test_a_node_far_behind_catches_up(self):
        behind = ["observer-1", "validator-4"]
        for name in behind:
            self.net.stop(name)
        files = network.synth(self.net.folder, seed=21, subjects=SUBJECTS, members=3)
        before = self.net.events_counted()
        for outcome in self.net.import_all(files).values():
            self.assertEqual(outcome.code, DONE, outcome)
        height, _ = self.net.agreement(names=["validator-1", "validator-2", "validator-3"])
        missed = self.net.events_counted() - before
        for name in behind:
            started = time.monotonic()
            self.net.start(name)
            wait_until(f"{name} to catch up", lambda name=name: self.net.status(name)["applied_height"] >= height, 120)
            seconds = time.monotonic() - started
            print(f"\n{name}: {missed} events in {seconds:.1f} s, {missed / seconds:.0f} a second", end=" ")
        self.net.agreement(height)

    def test_connections_that_say_nothing_keep_nobody_out(self):
        held = []
        try:
            for _ in range(2):
                for address in self.net.addresses("validator-1"):
                    for _ in range(300):
                        try:
                            held.append(socket.create_connection(address, timeout=5))
                        except OSError:
                            break
            wait_until("an answer", lambda: self.net.status("validator-1"), 30)
            self.submit_some("validator-1")
        finally:
            for connection in held:
                connection.close()
        print(f"\n{len(held)} connections held open", end=" ")
        self.net.kill("validator-2")
        self.net.start("validator-2")
        self.net.agreement()

    def test_followers_that_do_not_read_cost_little(self):
        files = network.synth(self.net.folder, seed=31, subjects=SUBJECTS // 2)
        with rpc.Client(self.net, "observer-1") as client:
            calls = [client.ledger.Follow(rpc.rpc.FollowRequest(from_height=1, events=True)) for _ in range(30)]
            for outcome in self.net.import_all(files).values():
                self.assertEqual(outcome.code, DONE, outcome)
            self.net.agreement()
            size = self.size_check("observer-1")
            print(f"\n{size // 1024} MiB resident with {len(calls)} followers that do not read", end=" ")
            for call in calls:
                call.cancel()
        self.submit_some()


class FullDiskTest(network.NetworkTest):
    """A validator whose data lies on a small file system from its first start on: a copy would not be opened."""

    def test_a_full_disk_stops_one_node_and_no_other(self):
        name = "validator-3"
        self.network(start=False)
        data = self.net.home(name) / "data"
        data.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", data], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"mounting a small file system is not allowed here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", data], capture_output=True)
        self.net.start_all()
        self.net.agreement()
        self.net.stop(name)
        there = os.statvfs(data)
        size = (there.f_blocks - there.f_bfree) * there.f_frsize + (3 << 20)
        subprocess.run(["mount", "-o", f"remount,size={size}", data], check=True)
        self.net.expected.append('broken "the node stops"')
        self.net.start(name)
        self.net.down_names.add(name)
        writers = [Writer(self.net, writer, 500) for writer in ("validator-1", "validator-2", "validator-4")]
        for writer in writers:
            writer.start()
        wait_until("the node's end", lambda: not self.net.running(name), 120)
        counts = [len(writer.final) for writer in writers]
        wait_until("the others to go on", lambda: all(
            len(writer.final) > count for writer, count in zip(writers, counts)))
        for writer in writers:
            writer.end()
            self.assertEqual(writer.wrong, [])
        self.assertTrue(self.net.log_lines(name, 'broken "the node stops"'))
        subprocess.run(["mount", "-o", "remount,size=1g", data], check=True)
        self.net.start(name)
        self.net.agreement()


class SevenTest(network.NetworkTest):
    network_options = {"validators": 7, "observers": 2}

    def test_two_of_seven_may_fail(self):
        files = network.synth(self.net.folder, seed=41, subjects=150, members=7)
        running = {name: files[name] for name in self.net.validators[:5]}
        self.net.kill("validator-6", "validator-7")
        for outcome in self.net.import_all(running).values():
            self.assertEqual(outcome.code, DONE, outcome)
        height, _ = self.net.agreement()
        for name in ("validator-6", "validator-7"):
            self.net.start(name)
        self.net.agreement(height)
        for outcome in self.net.import_all(files).values():
            self.assertEqual((outcome.code, outcome.json["rejected"]), (DONE, 0), outcome)
        self.net.agreement(height)
        self.assertEqual({self.net.events_counted(name) for name in self.net.names},
                         {sum(map(network.line_count, files.values()))})


if __name__ == "__main__":
    network.main()
