#!/usr/bin/python3
"""A new node joins by a snapshot: from several peers at once, past one that lies, one whose snapshot is old and one that
stops in the middle; it serves before older blocks are here, says what it lacks, and has everything in the end."""

import asyncio
import re
import shutil
import subprocess
import threading
import time

import grpc

import forge
import network
import rpc
from metrics import fetch, page_of
from network import DONE, wait_until
from writer import Writer

BLOCKS = 2600  # more than a network that is followed from its first block has, and old snapshots are behind it
EVENTS = 50000  # so that a second snapshot was made
NEW = "observer-1"


class CuttingProxy:
    """Forwards connections to `target`, and of what that sends only so many bytes: then nothing moves, and nothing closes."""

    def __init__(self, target, limit):
        self.target, self.limit = target, limit
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self.loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        async def end():
            self.server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _serve(self, reader, writer):
        try:
            theirs, ours = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._carry(reader, ours, None), self._carry(theirs, writer, self.limit))

    @staticmethod
    async def _carry(reader, writer, limit):
        try:
            while data := await reader.read(16384):
                if limit is not None:
                    limit -= len(data)
                    if limit < 0:
                        await asyncio.sleep(3600)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def snapshots(net, name):
    """Heights of the finished snapshots of a node."""
    folder = net.home(name) / "data" / "snapshots"
    return sorted(int(path.name.split("-")[0]) for path in folder.glob("*-head")) if folder.exists() else []


class JoinTest(network.NetworkTest):
    @classmethod
    def setUpClass(cls):
        """A network whose observer has never run, with some thousands of blocks, and snapshots in its validators."""
        cls.shared = network.Network(start=False)
        cls.addClassCleanup(cls.shared.close)
        net = cls.shared
        for name in net.validators:
            net.start(name)
        net.take_part()
        writers = [Writer(net, name, batch_events=10) for name in net.validators]
        for writer in writers:
            writer.start()
        cls.old = net.folder / "old-snapshots"
        wait_until("a first snapshot", lambda: snapshots(net, "validator-3"), 60)
        shutil.copytree(net.home("validator-3") / "data" / "snapshots", cls.old)
        wait_until("blocks and events", lambda: cls._is_long(net), 300, 0.5)
        for writer in writers:
            writer.end()
            assert not writer.wrong, writer.wrong
        cls.final = [event for writer in writers for event in writer.final]
        cls.height = net.agreement(names=net.validators)[0]
        cls._share_snapshot(net)

    @staticmethod
    def _is_long(net):
        status = net.status("validator-1")
        return status["applied_height"] >= BLOCKS and status["events"] >= EVENTS and \
            snapshots(net, "validator-1")[-1] > BLOCKS / 2

    @classmethod
    def _share_snapshot(cls, net):
        """Nodes make theirs at heights of their own; of one height all are the same. All get validator-1's."""
        for name in net.validators:
            net.stop(name)
        newest = net.home("validator-1") / "data" / "snapshots"
        cls.snapshot = snapshots(net, "validator-1")[-1]
        for name in net.validators[1:]:
            folder = net.home(name) / "data" / "snapshots"
            shutil.rmtree(folder)
            shutil.copytree(newest, folder)
        for name in net.validators:
            net.start(name)
        net.agreement(names=net.validators)

    def age(self, name):
        """Gives a running node its first snapshot back. It makes another as soon as much is new."""
        folder = self.net.home(name) / "data" / "snapshots"
        shutil.rmtree(folder)
        shutil.copytree(self.old, folder)

    def spoil(self, name):
        """Flips a byte in each part of a running node's newest snapshot, past its header. What was checked when the node
        started is not checked again when it is given: that is for those who get it."""
        if network.SANITIZED:
            time.sleep(30)  # the check at the start takes its time
        folder = self.net.home(name) / "data" / "snapshots"
        for path in folder.glob(f"{self.snapshot:020}-*"):
            if path.name.endswith("-head"):
                continue
            content = bytearray(path.read_bytes())
            content[len(content) * 2 // 3] ^= 0x10
            path.write_bytes(content)

    def cut(self, name, limit):
        """Lets the observer reach a node only through a proxy that stops after so many bytes."""
        proxy = CuttingProxy(self.net.addresses(name)[0], limit)
        self.addCleanup(proxy.close)
        home = self.net.home(NEW) / "node.yaml"
        host, port = self.net.addresses(name)[0]
        text = home.read_text()
        self.assertIn(f"{host}:{port}", text)
        home.write_text(text.replace(f"{host}:{port}", f"{host}:{proxy.port}"))
        other = self.net.home(name) / "node.yaml"
        mine = "%s:%d" % self.net.addresses(NEW)[0]
        text = other.read_text()
        self.assertIn(mine, text)
        other.write_text(text.replace(mine, "127.0.0.1:1"))  # where nobody listens: it dials no other way around
        self.net.stop(name)
        self.net.start(name)

    def join_anew(self):
        """Takes the observer's data away."""
        self.net.stop(NEW)
        shutil.rmtree(self.net.home(NEW) / "data", ignore_errors=True)
        (self.net.home(NEW) / "data").mkdir(mode=0o700)

    def passed_over(self, name, why):
        lines = self.net.log_lines(NEW, f"peer={name}")
        return [line for line in lines if why in line]

    def test_1_a_node_joins_past_a_liar_an_old_snapshot_and_one_that_stops(self):
        self.cut("validator-4", 400_000)
        self.net.agreement(names=self.net.validators)
        self.spoil("validator-2")
        self.age("validator-3")
        self.net.stop("validator-1")
        self.net.start(NEW)
        for name, why in (("validator-2", "does not check; another peer is asked"), ("validator-3", "its snapshot is old"),
                          ("validator-4", "is gone; others are asked")):
            wait_until(f"{name} is passed over", lambda name=name, why=why: self.passed_over(name, why), 30)
        self.assertEqual(self.net.status(NEW)["standing"], "JOINING")
        page = page_of(self.net, NEW)
        self.assertEqual((page["standing", "JOINING"], page["serving"], page["applied_height"]), (1, 0, 0))
        began = time.monotonic()
        self.net.start("validator-1")  # the one that is left
        said, first = set(), None

        def done():
            nonlocal first
            status = self.net.status(NEW)
            if status:
                said.add(status["standing"])
                if first is None and status["applied_height"] >= self.snapshot:
                    first = time.monotonic() - began
            return status and status["standing"] not in ("JOINING", "BACKFILLING") and \
                status["applied_height"] >= self.height
        wait_until("the observer has everything", done, 120)
        print(f"\nserving after {first:.1f} s, all after {time.monotonic() - began:.1f} s; said: {sorted(said)} ",
              end="", flush=True)
        self.assertIn("BACKFILLING", said)
        self.assertTrue(self.net.log_lines(NEW, f"\"joining by a snapshot\" height={self.snapshot}"))
        self.assertTrue(self.net.log_lines(NEW, "all older blocks are here"))
        self.net.agreement(self.height)
        page = page_of(self.net, NEW)
        self.assertEqual((page["backfill_height"], page["backfill_target_height"]), (self.snapshot, self.snapshot))

    def test_2_everything_is_there(self):
        with rpc.Client(self.net, NEW) as new, rpc.Client(self.net, "validator-1") as old:
            for event in (self.final[0], self.final[len(self.final) // 2], self.final[-1]):
                request = rpc.rpc.GetReceiptRequest(event_id=event)
                receipts = [client.ledger.GetReceipt(request, timeout=30).receipt for client in (new, old)]
                self.assertEqual(receipts[0].result, 0)
                self.assertEqual((receipts[0].height, receipts[0].index), (receipts[1].height, receipts[1].index))
            for height in (1, 2, self.snapshot - 1, self.snapshot, self.snapshot + 1):
                request = rpc.rpc.GetBlockRequest(height=height)
                blocks = [client.ledger.GetBlock(request, timeout=30) for client in (new, old)]
                self.assertEqual(blocks[0].block, blocks[1].block)
                self.assertEqual([event.event_id for event in blocks[0].events],
                                 [event.event_id for event in blocks[1].events])

    def test_3_it_goes_on_and_starts_again(self):
        writer = Writer(self.net, "validator-1")
        writer.start()
        time.sleep(2)
        writer.end()
        self.assertEqual(writer.wrong, [])
        height = self.net.agreement(self.height + 1)[0]
        self.net.stop(NEW)
        self.assertEqual(self.net.run(NEW, "fsck").code, DONE)
        self.net.start(NEW)
        self.net.agreement(height)
        self.assertEqual(len(self.net.log_lines(NEW, "\"joining by a snapshot\"")), 1)

    def old_subject(self):
        """Of the newest event before the snapshot whose header validator-1 may read."""
        with rpc.Client(self.net, "validator-1") as client:
            for height in range(self.snapshot - 1, 0, -1):
                block = client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height), timeout=30)
                for event in block.events:
                    if event.header:
                        return rpc.credit.EventHeader.FromString(event.header).subject_id
        raise AssertionError("validator-1 has no events")

    def test_4_while_older_blocks_come_the_answers_that_need_them_say_so(self):
        """Of a second join, with peers that give no older blocks: they are stopped once the snapshot is here."""
        self.join_anew()
        old = self.old_subject()
        since = self.net.log_size(NEW)
        self.net.start(NEW)
        wait_until("the snapshot", lambda: self.net.log_lines(NEW, "the snapshot is loaded", since), 60, 0.005)
        self.net.kill(*self.net.validators)
        status = wait_until("an answer", lambda: self.net.status(NEW), 30)
        self.assertGreaterEqual(status["applied_height"], self.snapshot)
        page = page_of(self.net, NEW)
        self.assertLess(page["backfill_height"], page["backfill_target_height"])
        with rpc.Client(self.net, NEW) as client:
            for call in (lambda: client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=self.snapshot - 1), timeout=30),
                         lambda: client.ledger.GetReceipt(
                             rpc.rpc.GetReceiptRequest(event_id=self.final[len(self.final) // 3]), timeout=30),
                         lambda: client.credit.GetHistory(rpc.rpc.GetHistoryRequest(subject_id=old), timeout=30),
                         lambda: next(client.ledger.Follow(rpc.rpc.FollowRequest(from_height=self.snapshot - 1), timeout=30))):
                with self.assertRaises(grpc.RpcError) as failed:
                    call()
                self.assertEqual(failed.exception.code(), grpc.StatusCode.UNAVAILABLE)
                self.assertRegex(failed.exception.details(), r"back-filling: blocks up to \d+ of \d+ are here")
                detail = rpc.detail_of(failed.exception)
                self.assertEqual(detail.reason, "BACKFILLING")
                self.assertGreater(detail.retry_after_ms, 0)
            checkpoint = client.ledger.GetCheckpoint(rpc.rpc.GetCheckpointRequest(), timeout=30).checkpoint
            self.assertGreaterEqual(checkpoint.checkpoint.height, self.snapshot)
        # That there is nothing of a subject needs no older block, and is proven at once.
        self.assertTrue(self.net.run(NEW, "history", "00" * 32, check=DONE).json["absent"])
        self.net.kill(NEW)  # in the middle of it
        self.net.start_all()
        wait_until("all older blocks", lambda: self.net.log_lines(NEW, "all older blocks are here", since), 120)
        self.net.agreement(self.height)
        self.assertEqual(len(self.net.run(NEW, "history", old.hex(), check=DONE).json["events"]), 1)

    def test_5_a_state_that_is_lost_while_older_blocks_are_missing_is_joined_again(self):
        self.join_anew()
        for text in ("\"joining by a snapshot\"", "the snapshot is loaded", "this node begins with the snapshot"):
            since = self.net.log_size(NEW)
            self.net.start(NEW)
            wait_until(text, lambda text=text, since=since: self.net.log_lines(NEW, text, since), 60, 0.002)
            self.net.kill(NEW)  # in the middle of each
        shutil.rmtree(self.net.home(NEW) / "data" / "state")
        since = self.net.log_size(NEW)
        self.net.start(NEW)
        wait_until("all older blocks", lambda: self.net.log_lines(NEW, "all older blocks are here", since), 120)
        self.assertTrue(self.net.log_lines(NEW, "this node joins again", since))
        self.net.agreement(self.height)
        # With all of them it is made anew from the ledger.
        self.net.stop(NEW)
        shutil.rmtree(self.net.home(NEW) / "data" / "state")
        since = self.net.log_size(NEW)
        self.net.start(NEW)
        self.net.agreement(self.height)
        self.assertFalse(self.net.log_lines(NEW, "this node joins again", since))

    def test_6_a_backup_of_a_node_that_joined_has_its_older_blocks(self):
        backup = self.net.folder / "backup"
        self.net.run(NEW, "backup", "--out", backup, check=DONE)
        self.net.stop(NEW)
        shutil.rmtree(self.net.home(NEW) / "data")
        self.net.run(NEW, "restore", "--from", backup, check=DONE)
        since = self.net.log_size(NEW)
        self.net.start(NEW)
        self.net.agreement(self.height)
        self.assertEqual(self.net.log_lines(NEW, "snapshot\" height", since), [])
        with rpc.Client(self.net, NEW) as client:
            client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=1), timeout=30)

    def lose_newest_older_block(self):
        newest = max((self.net.home(NEW) / "data" / "older" / "ledger").glob("0*"))
        content = newest.read_bytes()
        end = len(content.rstrip(b"\0"))
        newest.write_bytes(content[:end - 100] + b"\0" * (len(content) - end + 100))

    def test_7_older_blocks_that_are_lost_at_their_end_come_again(self):
        self.join_anew()
        for rebuilt in (False, True):
            since = self.net.log_size(NEW)
            self.net.start(NEW)
            if not rebuilt:
                wait_until("all older blocks", lambda since=since: self.net.log_lines(NEW, "all older blocks are here", since), 120)
            self.net.agreement(self.height)
            self.net.stop(NEW)
            self.lose_newest_older_block()
            since = self.net.log_size(NEW)
            self.net.start(NEW)
            wait_until("all again", lambda since=since: self.net.log_lines(NEW, "all older blocks are here", since), 60)
            with rpc.Client(self.net, NEW) as new, rpc.Client(self.net, "validator-1") as old:
                for height in (self.snapshot - 1, self.snapshot):
                    request = rpc.rpc.GetBlockRequest(height=height)
                    blocks = [client.ledger.GetBlock(request, timeout=30) for client in (new, old)]
                    self.assertEqual(blocks[0].block, blocks[1].block)
            self.net.stop(NEW)
            shutil.rmtree(self.net.home(NEW) / "data" / "state")  # it is made anew, and knows of no snapshot
        self.net.start(NEW)

    def checkpoint_from(self, height):
        """The lowest checkpoint at or above the height that is kept, saved."""
        path = self.net.folder / f"checkpoint-{height}"
        for at in range(height, height + 200):
            if self.net.run("validator-1", "checkpoint", at, "--out", path).code == DONE:
                return path
        raise AssertionError(f"no checkpoint from {height} on")

    def start_trusting(self, path):
        """Starts the observer, without data, with a checkpoint to trust; returns its process and where its log begins."""
        since = self.net.log_size(NEW)
        self.join_anew()
        with open(self.net.home(NEW) / "node.log", "ab") as log:
            process = subprocess.Popen([network.TALLYD, "--home", self.net.home(NEW), "--trust", path], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, since

    def serves(self, limit_s=120):
        def ready():
            try:
                return fetch(self.net, NEW, client=None, path="/readyz")[0] == 200
            except OSError:
                return False
        wait_until("it to serve", ready, limit_s)

    def test_8_a_checkpoint_to_trust_is_held_against_the_snapshot(self):
        net = self.net
        # Below the snapshot: it is found in it.
        early = self.checkpoint_from(self.snapshot - 500)
        process, since = self.start_trusting(early)
        self.serves()
        self.assertTrue(net.log_lines(NEW, "joining by a snapshot", since))
        process.terminate()
        self.assertEqual(process.wait(30), 0)
        # Where the snapshot's past is another one, the node goes no further.
        net.expected.append("contradicts the checkpoint that it was told to trust")
        forged = net.folder / "forged"
        forged.write_bytes(forge.checkpoint(early.read_bytes(), forge.node_keys(net, net.validators), "block"))
        process, since = self.start_trusting(forged)
        self.assertEqual(process.wait(120), 1)
        self.assertIn("contradicts the checkpoint that it was told to trust", net.log(NEW)[since:])
        # Above all snapshots: none is taken, and the node begins with the first block; or with one that was made since, above it.
        trusted = net.agreement(self.height, names=net.validators)[0]
        process, since = self.start_trusting(self.checkpoint_from(trusted))
        wait_until("it to pass the snapshot over", lambda: net.log_lines(NEW, "older than the checkpoint", since))
        self.serves()
        for line in net.log_lines(NEW, "joining by a snapshot", since):
            self.assertGreaterEqual(int(re.search(r" height=(\d+)", line)[1]), trusted)
        process.terminate()
        self.assertEqual(process.wait(30), 0)
        net.start(NEW)


if __name__ == "__main__":
    network.main()
