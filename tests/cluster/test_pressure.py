#!/usr/bin/python3
"""A node that cannot take more says so, and when to come back; what it took is never lost."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

import grpc

import network
import rpc
from network import DONE, compiled, wait_until
from rpc import detail_of
from test_clients import Listing
from writer import receipts_check

NODE = "validator-1"
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
BATCH_EVENTS = 400
BATCHES_MAX = 600  # far more than a mempool holds of such
RETRY_MS_MAX = 5000
UNAPPLIED_MAX = 32  # PRESSURE_UNAPPLIED_MAX
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # __WALL: waits for a thread of another process


def ptrace(request, tid):
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.restype, call.argtypes = ctypes.c_long, [ctypes.c_long] * 4
    if call(request, tid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {tid}")


@contextlib.contextmanager
def thread_stands_still(pid, name):
    """One thread of a process gets no time at all, as a debugger would have it. It had better be idle: it may hold a
    lock."""
    folders = [folder for folder in pathlib.Path(f"/proc/{pid}/task").iterdir() if (folder / "comm").read_text().strip() == name]
    tid, = [int(folder.name) for folder in folders]
    try:
        ptrace(PTRACE_SEIZE, tid)
    except PermissionError:
        raise unittest.SkipTest("other processes may not be traced here") from None
    try:
        ptrace(PTRACE_INTERRUPT, tid)
        os.waitpid(tid, WALL)
        yield
    finally:
        ptrace(PTRACE_DETACH, tid)


class PressureTest(network.NetworkTest):
    def setUp(self):
        super().setUp()
        self.network(observers=0)
        self.member = rpc.Member(self.net, NODE)

    @contextlib.contextmanager
    def no_quorum(self):
        """Two of four validators stand still."""
        pids = [self.net.pid(name) for name in ("validator-2", "validator-3")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def fill(self, client):
        """Submits until the mempool is full; returns an event of each batch that was taken, and the refused batch with
        what was said."""
        taken = []
        for _ in range(BATCHES_MAX):
            events = [self.member.opening() for _ in range(BATCH_EVENTS)]
            batch = self.member.batch(events, lifetime_s=500)
            try:
                reply = client.submit(batch, rpc.rpc.ACCEPTED)
                self.assertEqual(len(reply.batch_digest), 32)
            except grpc.RpcError as error:
                return taken, batch, error
            taken.append(self.member.event_id(events[-1]))
        raise AssertionError("the mempool takes everything")

    def test_a_full_mempool_is_told_and_loses_nothing(self):
        with rpc.Client(self.net, NODE) as client:
            client.submit(self.member.batch([self.member.opening()]))
            with self.no_quorum():
                taken, refused, error = self.fill(client)
                print(f"{len(taken)} batches fill it", end=" ", flush=True)
                self.assertEqual((error.code(), detail_of(error).reason), (EXHAUSTED, "MEMPOOL_FULL"))
                time.sleep(8)  # the pace of before is forgotten
                with self.assertRaises(grpc.RpcError) as again:
                    client.submit(refused, rpc.rpc.ACCEPTED)
                self.assertEqual(detail_of(again.exception).reason, "MEMPOOL_FULL")
                self.assertGreaterEqual(detail_of(again.exception).retry_after_ms, RETRY_MS_MAX / 2)
                self.assertEqual(self.net.status(NODE)["mempool_batches"], len(taken))
                path = network.synth(self.net.folder, seed=3, subjects=5, members=1)["validator-1"]
                importing = network.tally_start("import", path, home=self.net.home(NODE))
                time.sleep(1)
                self.assertIsNone(importing.poll(), "an import waits")
            outcome = network.tally_end(importing)
            self.assertEqual(outcome.code, DONE, outcome)
            self.assertEqual(outcome.json["accepted"], network.line_count(path))
            self.assertEqual(client.submit(refused).results[0].result_name, "OK")
            wait_until("an empty mempool", lambda: self.net.status(NODE)["mempool_batches"] == 0, 60)
        receipts_check(self, self.net, NODE, taken)

    def test_a_state_that_lags_slows_admission_and_loses_nothing(self):
        other, accepted = rpc.Member(self.net, "validator-2"), []
        with rpc.Client(self.net, NODE) as client, rpc.Client(self.net, "validator-2") as others:
            client.submit(self.member.batch([self.member.opening()]), rpc.rpc.CHECKPOINTED)
            self.net.agreement()
            path = network.synth(self.net.folder, seed=5, subjects=5, members=1)["validator-1"]
            with thread_stands_still(self.net.pid(NODE), "state"):
                before = client.status().applied_height

                def submit_here():
                    event = self.member.opening()
                    client.submit(self.member.batch([event], lifetime_s=500), rpc.rpc.ACCEPTED)
                    accepted.append(self.member.event_id(event))

                # The others go on, and so does its own part in consensus: what it takes is ordered, and answered later.
                error, height = None, before
                while error is None:
                    self.assertLess(height - before, 3 * UNAPPLIED_MAX)
                    try:
                        submit_here()
                    except grpc.RpcError as failed:
                        error = failed
                    height = others.submit(other.batch([other.opening()])).height
                self.assertEqual((error.code(), detail_of(error).reason), (EXHAUSTED, "STATE_BEHIND"))
                self.assertIn("again", error.details())
                self.assertGreater(height - before, UNAPPLIED_MAX)
                self.assertGreaterEqual(len(accepted), UNAPPLIED_MAX // 2)
                time.sleep(8)  # the pace of before is forgotten
                with self.assertRaises(grpc.RpcError) as again:
                    submit_here()
                self.assertEqual(detail_of(again.exception).reason, "STATE_BEHIND")
                self.assertEqual(detail_of(again.exception).retry_after_ms, RETRY_MS_MAX)
                self.assertEqual(client.status().applied_height, before)
                importing = network.tally_start("import", path, home=self.net.home(NODE))
                time.sleep(1)
                self.assertIsNone(importing.poll(), "an import waits")
            wait_until("the state to be level", lambda: client.status().applied_height >= height)
            submit_here()
            outcome = network.tally_end(importing)
            self.assertEqual(outcome.code, DONE, outcome)
            self.assertEqual(outcome.json["accepted"], network.line_count(path))
            self.assertEqual(client.submit(self.member.batch([self.member.opening()])).results[0].result_name, "OK")
        self.net.agreement(height)
        print(f"{len(accepted)} batches were taken", end=" ", flush=True)
        receipts_check(self, self.net, NODE, accepted)

    def test_checkpoints_that_lag_slow_admission(self):
        account = os.urandom(16)
        self.net.expected += ["another state than this node computed", "validators signed different states of one height"]
        with rpc.Client(self.net, NODE) as client:
            client.submit(self.member.batch([self.member.opening(account=account)]), rpc.rpc.CHECKPOINTED)
        self.net.agreement()
        program = compiled(self, "state_spoil", "-lleveldb")
        for name in ("validator-3", "validator-4"):
            self.net.stop(name)
            subprocess.run([program, self.net.home(name) / "data" / "state", "4100000001" + account.hex()], check=True)
            self.net.start(name)
        with rpc.Client(self.net, NODE) as client:
            reply = client.submit(self.member.batch([self.member.opening(account=account)]))
            self.assertNotEqual(reply.results[0].result_name, "OK")
            split, final, error = reply.height, [], None
            while error is None and len(final) < 100:
                event = self.member.opening()
                try:
                    client.submit(self.member.batch([event]))
                    final.append(self.member.event_id(event))
                except grpc.RpcError as failed:
                    error = failed
            self.assertEqual((error.code(), detail_of(error).reason), (EXHAUSTED, "CERTIFICATION_BEHIND"))
            self.assertGreater(detail_of(error).retry_after_ms, 0)
            status = self.net.status(NODE)
            self.assertLess(status["checkpoint"]["height"], split)
            self.assertLess(status["applied_height"] - status["checkpoint"]["height"], 64)
            self.net.stop("validator-3")
            (self.net.home("validator-3") / "data" / "state").rename(self.net.folder / "spoiled")
            self.net.start("validator-3")

            def taken():
                try:
                    return client.submit(self.member.batch([self.member.opening()])).height
                except grpc.RpcError as failed:
                    self.assertEqual(detail_of(failed).reason, "CERTIFICATION_BEHIND")
                    return 0
            wait_until("checkpoints to go on", taken, 60, 0.2)
        self.assertGreater(len(final), 20)
        receipts_check(self, self.net, NODE, final)

    def test_an_import_keeps_to_its_rate(self):
        listing = Listing(self.net)
        path = network.synth(self.net.folder, seed=4, subjects=5, members=1)["validator-1"]
        try:
            listing.path.write_text(re.sub(r"rate: \d+", "rate: 2", listing.text))
            listing.reload()
            outcome = self.net.run(NODE, "import", path)
            self.assertEqual(outcome.code, DONE, outcome)
            self.assertEqual(outcome.json["accepted"], network.line_count(path))
            self.assertGreater(len(self.net.log_lines(NODE, "more calls than its rate")), 0)
        finally:
            listing.restore()


if __name__ == "__main__":
    network.main()
