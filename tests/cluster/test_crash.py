#!/usr/bin/python3
"""Nodes that are killed, stopped, or find their files torn, missing or in use: nothing that was answered as final is lost,
and every node comes back to the others' state."""

import os
import shutil
import signal
import struct
import subprocess
import time

import grpc

import network
import rpc
from network import DONE, FULL, REFUSED, UNREACHABLE, wait_until
from writer import Writer, receipts_check

SUBJECTS = 6000 if FULL else 1000
ROUNDS = 10 if FULL else 2
PAUSE_MAX_S = 2
SEGMENT_HEADER_SIZE, RECORD_HEADER_SIZE, RECORD_ALIGNMENT = 160, 32, 32  # storage/segment.h


def records_end(path):
    """(offset of the last record, end of it) of a segment."""
    with open(path, "rb") as file:
        data = file.read()
    last = end = SEGMENT_HEADER_SIZE
    while end + RECORD_HEADER_SIZE <= len(data):
        size = struct.unpack_from(">I", data, end)[0]
        if size == 0:
            break
        last = end
        end += RECORD_HEADER_SIZE + (size + RECORD_ALIGNMENT - 1) // RECORD_ALIGNMENT * RECORD_ALIGNMENT
    return last, end


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


class CrashTest(network.NetworkTest):
    """On one network, one after the other."""

    network_options = {}

    def newest_segment(self, name, log):
        return max((self.net.home(name) / "data" / log).glob("[0-9a-f]" * 16))

    def submit_some(self, name="validator-1"):
        """A new event, final; returns the block's height."""
        with rpc.Client(self.net, name) as client:
            member = rpc.Member(self.net, name)
            reply = client.submit(member.batch([member.opening()]))
            self.assertEqual(reply.results[0].result_name, "OK")
            return reply.height

    def headers(self, first, last, name="validator-1"):
        with rpc.Client(self.net, name) as client:
            blocks = []
            call = client.ledger.Follow(rpc.rpc.FollowRequest(from_height=first), timeout=rpc.DEADLINE_S)
            for reply in call:
                blocks.append(reply.block)
                if reply.block.header.height >= last:
                    call.cancel()
                    return blocks

    def test_1_one_killed_validator_stops_nobody_and_catches_up(self):
        victim = "validator-4"
        files = network.synth(self.net.folder, seed=11, subjects=SUBJECTS, members=3)
        total = sum(map(network.line_count, files.values()))
        first = self.net.status("validator-1")["finalized_height"] + 1
        imports = {name: network.tally_start("import", file, home=self.net.home(name)) for name, file in files.items()}
        with rpc.Client(self.net, "validator-1") as client:
            wait_until("the import to be under way", lambda: client.status().events > total // 6, every_s=0.01)
            killed_ms = time.time() * 1000
            self.net.kill(victim)
            at_kill = client.status().events
        for name, process in imports.items():
            outcome = network.tally_end(process)
            self.assertEqual(outcome.code, DONE, outcome)
            self.assertEqual(outcome.json["accepted"], network.line_count(files[name]))
        self.assertLess(at_kill, total, "the kill came while the import ran")
        height, _ = self.net.agreement()
        blocks = [block.header for block in self.headers(first, height) if block.header.payload_events > 0]
        gap_ms, views = max((later.time_ms - earlier.time_ms, later.view - earlier.view)
                            for earlier, later in zip(blocks, blocks[1:]) if later.time_ms > killed_ms - 1000)
        print(f"\n{at_kill} of {total} events at the kill; the largest gap between blocks after it: "
              f"{gap_ms / 1000:.2f} s and {views} views", end=" ")
        if FULL:
            self.assertLessEqual(gap_ms, PAUSE_MAX_S * 1000)
        self.net.start(victim)
        self.net.agreement(height)
        # With another one gone, three are left, and nothing is final without the restarted one's votes.
        self.net.kill("validator-3")
        self.submit_some("validator-1")
        self.net.start("validator-3")
        self.net.agreement(height + 1)

    def test_2_all_killed_at_once_keep_what_was_final(self):
        for number in range(ROUNDS):
            files = network.synth(self.net.folder, seed=100 + number, subjects=SUBJECTS // 2)
            writers = [Writer(self.net, name) for name in self.net.validators]
            imports = {name: network.tally_start("import", file, home=self.net.home(name))
                       for name, file in files.items()}
            for writer in writers:
                writer.start()
            wait_until("events to be final", lambda: all(len(writer.final) > 60 + 20 * number for writer in writers),
                       every_s=0.01)
            self.net.kill(*self.net.names)
            for writer in writers:
                writer.end()
                self.assertEqual(writer.wrong, [])
            cut_off = [network.tally_end(process) for process in imports.values()]
            for outcome in cut_off:
                self.assertIn(outcome.code, (DONE, UNREACHABLE), outcome)
            self.net.start_all()
            final = [event for writer in writers for event in writer.final]
            self.submit_some()
            height, _ = self.net.agreement()
            for name in ("validator-2", "observer-1"):
                receipts_check(self, self.net, name, final)
            for name, outcome in self.net.import_all(files).items():
                counts = outcome.json
                self.assertEqual(outcome.code, DONE, outcome)
                self.assertEqual((counts["accepted"] + counts["duplicate"], counts["rejected"]),
                                 (network.line_count(files[name]), 0))
            whole = self.net.events_counted()
            for name, outcome in self.net.import_all(files).items():
                self.assertEqual(outcome.json["duplicate"], network.line_count(files[name]))
            self.assertEqual(self.net.events_counted(), whole)
            print(f"\nround {number + 1}: {len(final)} events were answered as final, height {height}, "
                  f"{sum(outcome.code == UNREACHABLE for outcome in cut_off)} of 4 imports cut off", end=" ")
            self.net.agreement(height)

    def test_3_a_stop_under_load_is_quick_and_clean(self):
        name = "validator-2"
        self.net.stop(name)
        with open(self.net.home(name) / "node.log", "ab") as log:
            daemon = subprocess.Popen([network.TALLYD, "--home", self.net.home(name)], stdout=log, stderr=log)
        try:
            wait_until("the node to answer", lambda: self.net.status(name))
            writers = [Writer(self.net, writer) for writer in ("validator-1", name)]
            for writer in writers:
                writer.start()
            wait_until("writes", lambda: all(writer.final for writer in writers))
            started = time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(5), 0)
            print(f"\nstopped in {time.monotonic() - started:.2f} s", end=" ")
            for writer in writers:
                writer.end()
            self.assertEqual(writers[0].wrong, [])
        finally:
            daemon.kill()
            daemon.wait()
        self.net.start(name)
        self.net.agreement()

    def tear(self, name, log, how):
        path = self.newest_segment(name, log)
        last, end = records_end(path)
        self.assertGreater(end, SEGMENT_HEADER_SIZE)
        with open(path, "r+b") as file:
            if how == "garbage":  # a record's beginning, and no more
                file.seek(end)
                file.write(os.urandom(200))
            elif how == "half":  # the last record never came to the disk whole
                file.seek((last + end) // 2)
                file.write(bytes(end - (last + end) // 2))
            else:
                file.truncate(last + RECORD_HEADER_SIZE // 2 + 3)

    def test_4_torn_tails_are_cut_and_made_good(self):
        # Bodies are on disk before the block that needs them: a crash cannot tear them alone, only leave more of them.
        ways = {"ledger": ("garbage", "half", "truncated"), "votes": ("garbage", "half", "truncated"),
                "bodies": ("garbage",)}
        for name, log in (("validator-2", "ledger"), ("validator-3", "votes"), ("observer-1", "ledger"),
                          ("validator-4", "bodies")):
            for how in ways[log]:
                with self.subTest(name=name, log=log, how=how):
                    self.submit_some()
                    self.net.agreement()
                    self.net.stop(name)
                    self.tear(name, log, how)
                    self.submit_some()
                    self.net.start(name)
                    self.net.agreement()
                    self.submit_some()

    def test_5_a_lost_or_damaged_state_is_rebuilt(self):
        name = "validator-3"
        height, root = self.net.agreement()
        events = self.net.events_counted(name)
        for how in ("deleted", "damaged"):
            with self.subTest(how=how):
                self.net.stop(name)
                state = self.net.home(name) / "data" / "state"
                if how == "deleted":
                    shutil.rmtree(state)
                else:
                    for path in [*state.glob("*.log"), *state.glob("*.ldb")]:
                        with open(path, "r+b") as file:
                            file.seek(path.stat().st_size // 2)
                            file.write(os.urandom(64))
                self.net.start(name)
                wait_until("the state", lambda: (self.net.status(name) or {}).get("applied_height", 0) >= height)
                again = self.net.agreement(height)
                if again[0] == height:
                    self.assertEqual(again[1], root)
                self.assertEqual(self.net.events_counted(name), events)

    def test_5_damage_that_a_later_read_meets_is_computed_again(self):
        name, text = "validator-3", "the state was damaged; it was rebuilt from the ledger"
        member = rpc.Member(self.net, "validator-1")
        account = os.urandom(16)
        with rpc.Client(self.net, "validator-1") as client:
            self.assertEqual(client.submit(member.batch([member.opening(account=account)])).results[0].result_name, "OK")
            self.net.agreement()
            self.net.stop(name)
            program = network.compiled(self, "state_spoil", "-lleveldb")
            state = self.net.home(name) / "data" / "state"
            subprocess.run([program, state, "4100000001" + account.hex(), "cut"], check=True)
            self.net.start(name)
            self.net.expected.append(text)
            reply = client.submit(member.batch([member.opening(account=account)]))
            self.assertEqual(reply.results[0].result_name, "WRONG_SUBJECT")
        wait_until("the node to meet it", lambda: self.net.log_lines(name, text), 20)
        self.net.agreement(reply.height)
        self.assertTrue(self.net.running(name))

    def test_5_damage_that_only_queries_meet_is_computed_again(self):
        name, text = "validator-3", "the state was brought level with the ledger again"
        member = rpc.Member(self.net, "validator-1")
        batch = member.batch([member.opening()])
        event = member.event_id(batch.events[0])
        with rpc.Client(self.net, "validator-1") as client:
            height = client.submit(batch).height
        self.net.agreement()
        self.net.stop(name)
        program = network.compiled(self, "state_spoil", "-lleveldb")
        results = f"52{height:016x}00000000"
        subprocess.run([program, self.net.home(name) / "data" / "state", results, "cut"], check=True)
        self.net.start(name)
        self.net.expected.append("a read failed")
        with rpc.Client(self.net, name) as client:
            request = rpc.rpc.GetReceiptRequest(event_id=event)
            with self.assertRaises(grpc.RpcError) as refused:
                client.ledger.GetReceipt(request, timeout=rpc.DEADLINE_S)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.INTERNAL)
            wait_until("the node to compute it again", lambda: self.net.log_lines(name, text), 20)
            self.net.agreement()
            wait_until("a receipt under a certified checkpoint", lambda: self.receipt_event(client, request) == event, 20)

    def receipt_event(self, client, request):
        """The event that the node has a receipt of, or None until a checkpoint covers it."""
        try:
            return client.ledger.GetReceipt(request, timeout=rpc.DEADLINE_S).receipt.event_id
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
            return None

    def test_5_a_state_that_is_lost_with_a_block_waits_for_the_block(self):
        name = "validator-3"
        height = self.submit_some()
        self.net.agreement(height)
        self.net.stop(name)
        flip(self.newest_segment(name, "ledger"), SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + 8)
        shutil.rmtree(self.net.home(name) / "data" / "state")
        size = self.net.log_size(name)
        self.net.start(name)
        for text in ("the state needs a block that the ledger lost", "a damaged block of the ledger was mended",
                     "the state was brought level with the ledger again"):
            wait_until(text, lambda text=text: self.net.log_lines(name, text, since=size))
        self.net.agreement(self.submit_some())
        # It votes: without one more, nothing is final but with its votes.
        self.net.kill("validator-4")
        self.submit_some()
        self.net.start("validator-4")
        self.net.agreement()

    def test_6_a_home_in_use_is_refused(self):
        name = "validator-1"
        second = subprocess.run([network.TALLYD, "--home", self.net.home(name)], capture_output=True, text=True,
                                timeout=30)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn("in use by another process", second.stderr)
        self.submit_some(name)

    def test_7_a_damaged_ledger_is_named_and_mended_from_peers(self):
        name = "observer-1"
        for _ in range(6):
            self.submit_some()
        self.net.agreement()
        self.assertEqual(network.tally("fsck", home=self.net.home(name)).json["error"]["reason"], "RUNNING")
        self.net.stop(name)
        self.assertTrue(network.tally("fsck", home=self.net.home(name), check=DONE).json["clean"])
        # In the first block, with all others behind it; in a body in the middle; in a segment's header.
        places = (("ledger", SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE + 8), ("bodies", None), ("ledger", 20))
        for log, at in places:
            path = self.newest_segment(name, log)
            if at is None:
                at = records_end(path)[1] // 2
            flip(path, at)
        found = network.tally("fsck", home=self.net.home(name), check=REFUSED).json
        self.assertFalse(found["clean"])
        self.assertEqual({problem["file"].split("/")[0] for problem in found["problems"]}, {"ledger", "bodies"})
        size = self.net.log_size(name)
        self.net.start(name)
        text = "a damaged block of the ledger was mended"
        wait_until("the mending", lambda: len(self.net.log_lines(name, text, since=size)) >= 2)
        self.net.agreement()
        self.net.stop(name)
        mended = network.tally("fsck", home=self.net.home(name), check=DONE).json
        self.assertTrue(mended["clean"])
        # What cannot be mended is never passed over: a ledger that is gone, and its bodies are not.
        path = self.newest_segment(name, "ledger")
        sound = path.read_bytes()
        path.unlink()
        ran = subprocess.run([network.TALLYD, "--home", self.net.home(name)], capture_output=True, text=True,
                             timeout=30)
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn("damaged", ran.stderr)
        path.write_bytes(sound)
        self.net.start(name)
        self.net.agreement()

    def test_8_without_its_vote_record_a_validator_follows_and_does_not_vote(self):
        name = "validator-4"
        text = "this validator follows and does not vote"
        self.net.expected.append(text)
        self.net.stop(name)
        shutil.rmtree(self.net.home(name) / "data" / "votes")
        size = self.net.log_size(name)
        self.net.start(name)
        self.assertEqual(len(self.net.log_lines(name, text, since=size)), 1)
        first = self.submit_some()
        for _ in range(5):
            last = self.submit_some()
        self.net.agreement(last)
        # The other three are always needed, and so are always the same ones.
        signers = {block.finalization.signers for block in self.headers(first, last) if block.finalization.signers}
        self.assertEqual(len(signers), 1, signers)
        # Without one more, nothing is final.
        self.net.kill("validator-3")
        with rpc.Client(self.net, "validator-1") as client:
            member = rpc.Member(self.net, "validator-1")
            with self.assertRaises(grpc.RpcError) as refused:
                client.submit(member.batch([member.opening()]), timeout=3)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.net.start("validator-3")
        self.submit_some()
        self.net.agreement()


if __name__ == "__main__":
    network.main()
