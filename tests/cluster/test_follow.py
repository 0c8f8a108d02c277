#!/usr/bin/python3
"""Follow, by a stock gRPC client: what is told, that each height comes once whatever happens, many followers, and slow ones."""

import base64
import json
import os
import signal
import subprocess
import threading
import time

import grpc

import network
import rpc
from network import FULL
from rpc import DEADLINE_S, credit, detail_of

EVENTS = 100_000  # of one stream
FOLLOWERS = 200
STREAMS_MAX = 240  # SERVICES_CLIENT_STREAMS_MAX
SLOW_S = 10  # STREAM_SLOW_MS
# A client that takes no more than it is asked to.
NARROW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65535))

request = rpc.rpc.FollowRequest


def follow(client, timeout=DEADLINE_S, **options):
    return client.ledger.Follow(request(**options), timeout=timeout)


class Follower(threading.Thread):
    """Follows until a height was told, beginning again where it was when it is cut. `heights` are those it was told, and
    `cuts` the reasons."""

    def __init__(self, client, until, from_height=1, **options):
        super().__init__(daemon=True)
        self.client, self.until, self.next, self.options = client, until, from_height, options
        self.heights, self.events, self.cuts, self.wrong = [], 0, [], None

    def run(self):
        try:
            while not self.heights or self.heights[-1] < self.until():
                self.follow_once()
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = error

    def follow_once(self):
        call = follow(self.client, timeout=300, from_height=self.next, **self.options)
        try:
            for reply in call:
                self.heights.append(reply.block.header.height)
                self.events += len(reply.block.events)
                self.next = self.heights[-1] + 1
                if self.heights[-1] >= self.until():
                    call.cancel()
                    return
        except grpc.RpcError as error:
            detail = detail_of(error)
            self.cuts.append(detail.reason)
            if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED or detail.resume_height != self.next:
                raise


class FollowTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = network.synth(cls.shared.folder, seed=21, subjects=20)
        for outcome in cls.shared.import_all(cls.files).values():
            assert outcome.code == network.DONE, outcome
        cls.shared.agreement()

    def client(self, name="validator-1", net=None):
        client = rpc.Client(net or self.net, name)
        self.addCleanup(client.close)
        return client

    def head(self, client):
        return client.status().applied_height

    def take(self, client, count, **options):
        """The first replies of a stream."""
        call, found = follow(client, **options), []
        for reply in call:
            found.append(reply)
            if len(found) == count:
                call.cancel()
                return found
        self.fail("the stream ended by itself")

    # What is told

    def test_blocks_come_as_get_block_has_them(self):
        for name in ("validator-1", "observer-1"):
            client = self.client(name)
            head = self.head(client)
            blocks = [client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height), timeout=DEADLINE_S)
                      for height in range(1, head + 1)]
            self.assertEqual([reply.block for reply in self.take(client, head, from_height=1, events=True)], blocks)
            self.assertGreater(sum(len(block.events) for block in blocks), 500)
            # The same with a part of the events: whole ones of one's own member, at their places in the block.
            own = [[event for event in block.events if event.header] for block in blocks]
            told = self.take(client, head, from_height=1, own_events=True)
            self.assertEqual([list(reply.block.events) for reply in told], own)
            self.assertEqual(bool(sum(map(len, own))), name == "validator-1")
            bare = self.take(client, head, from_height=1)
            self.assertEqual([(reply.block.header, reply.block.block, len(reply.block.events)) for reply in bare],
                             [(block.header, block.block, 0) for block in blocks])

    def test_a_checkpoint_comes_behind_the_block_of_its_height(self):
        client = self.client()
        head = self.net.agreement()[0]
        heights, checkpoints = [], []
        call = follow(client, from_height=1, checkpoints=True)
        for reply in call:
            if reply.WhichOneof("news") == "block":
                heights.append(reply.block.header.height)
                continue
            height = reply.checkpoint.checkpoint.height
            self.assertIn(height, heights)
            checkpoints.append(height)
            self.assertEqual(reply.checkpoint, client.ledger.GetCheckpoint(
                rpc.rpc.GetCheckpointRequest(height=height), timeout=DEADLINE_S).checkpoint)
            if height >= head:
                break
        call.cancel()
        self.assertEqual(heights, list(range(1, len(heights) + 1)))
        self.assertEqual(checkpoints, sorted(set(checkpoints)))
        self.assertGreater(len(checkpoints), 1)

    def test_a_height_that_is_not_there_yet_is_waited_for(self):
        client, member = self.client(), rpc.Member(self.net, "validator-1")
        wanted = self.head(client) + 3
        call = follow(client, from_height=wanted, checkpoints=True)
        while client.submit(member.batch([member.opening()])).height < wanted:
            pass
        told = [next(call), next(call)]
        while told[-1].WhichOneof("news") != "checkpoint":
            told.append(next(call))
        call.cancel()
        self.assertEqual(told[0].block.header.height, wanted)
        self.assertGreaterEqual(told[-1].checkpoint.checkpoint.height, wanted)

    def test_a_follower_goes_on_where_it_was(self):
        client = self.client()
        head = self.head(client)
        seen = []
        while len(seen) < head:
            call = follow(client, from_height=len(seen) + 1, events=True)
            seen += [next(call).block.block for _ in range(min(7, head - len(seen)))]
            call.cancel()
        blocks = [client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=height), timeout=DEADLINE_S).block
                  for height in range(1, head + 1)]
        self.assertEqual(seen, blocks)

    # The command line

    def watch(self, *arguments, name="validator-1"):
        return network.tally_start("watch", *arguments, home=self.net.home(name))

    def shown(self, outcome):
        """The blocks, the checkpoints, and the last line of what it printed."""
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        return ([line["block"] for line in lines if "block" in line],
                [line["checkpoint"] for line in lines if "checkpoint" in line], lines[-1])

    def test_watch_shows_what_block_and_checkpoint_show(self):
        head = self.net.agreement()[0]
        outcome = network.tally_end(self.watch("--from", 2, "--until", head))
        self.assertEqual((outcome.code, outcome.err), (network.DONE, ""))
        blocks, checkpoints, last = self.shown(outcome)
        self.assertEqual(blocks, [self.net.run("validator-1", "block", height).json for height in range(2, head + 1)])
        self.assertEqual(last, {"next_height": head + 1})
        self.assertGreater(len(checkpoints), 0)
        for checkpoint in checkpoints:
            self.assertEqual(checkpoint, self.net.run("validator-1", "checkpoint", checkpoint["height"]).json)
        own = self.shown(network.tally_end(self.watch("--from", 2, "--until", head, "--own")))[0]
        self.assertEqual([block["events"] for block in own],
                         [[event for event in block["events"] if "type" in event] for block in blocks])
        text = self.net.run("validator-1", "watch", "--from", 2, "--until", head, as_json=False, check=network.DONE)
        self.assertEqual(text.out.count("  block "), head - 1)
        self.assertIn(f"tally watch --from {head + 1}", text.err)

    def test_watch_ends_when_told_and_says_where_to_go_on(self):
        client, member = self.client(), rpc.Member(self.net, "validator-1")
        watching = self.watch()
        time.sleep(1)
        height = client.submit(member.batch([member.opening()])).height
        lines = [watching.stdout.readline()]
        watching.send_signal(signal.SIGINT)
        lines += watching.stdout.read().splitlines()
        self.assertEqual((watching.wait(), json.loads(lines[0])["block"]["height"]), (network.DONE, height))
        self.assertGreater(json.loads(lines[-1])["next_height"], height)
        watching.communicate()

    def test_watch_finds_a_lost_node_again_and_misses_nothing(self):
        member, others = rpc.Member(self.net, "validator-2"), self.client("validator-2")
        begin = self.net.agreement()[0] + 1
        until = begin + 6
        watching = self.watch("--from", begin, "--until", until)

        def submit_some():
            for _ in range(3):
                others.submit(member.batch([member.opening()]))

        submit_some()
        first = watching.stdout.readline()
        self.net.kill("validator-1")
        submit_some()
        self.net.start("validator-1")
        submit_some()
        out = first + watching.stdout.read()  # what of it is buffered, tally_end would not see
        outcome = network.Outcome(watching.args, watching.wait(), out, watching.stderr.read())
        watching.communicate()
        self.assertEqual(outcome.code, network.DONE, outcome)
        self.assertEqual([block["height"] for block in self.shown(outcome)[0]], list(range(begin, until + 1)))
        self.assertEqual(outcome.err.count("it is asked again"), 1, outcome.err)
        self.assertEqual(network.tally_end(self.watch("--from", "x")).code, network.USAGE)

    # Many, and slow ones

    def load(self, net, events, seed):
        """A portfolio of at least so many events, and how many it has."""
        subjects = count = 0
        while count < events:
            subjects = max(100, subjects * 2)
            path = network.synth(net.folder, seed, subjects, members=1)["validator-1"]
            count = network.line_count(path)
        return path, count

    def test_a_hundred_thousand_events_come_down_one_stream(self):
        net = self.network(observers=0)
        path, count = self.load(net, EVENTS if FULL else EVENTS // 5, 31)
        net.run("validator-1", "import", path, check=network.DONE, limit_s=600)
        client = self.client(net=net)
        head = self.head(client)
        for options in ({"events": True}, {"own_events": True}):
            follower = Follower(client, lambda: head, **options)
            began = time.monotonic()
            follower.run()
            self.assertIsNone(follower.wrong)
            self.assertEqual((follower.heights, follower.events, follower.cuts), (list(range(1, head + 1)), count, []))
            print(f"{count} events in {time.monotonic() - began:.1f} s", flush=True)

    def test_no_more_streams_of_a_client_are_open_than_the_bound(self):
        clients = [self.client() for _ in range(STREAMS_MAX // 80 + 1)]
        calls = [follow(clients[number % len(clients)], from_height=1) for number in range(STREAMS_MAX)]
        for call in calls:
            next(call)
        with self.assertRaises(grpc.RpcError) as refused:
            next(follow(clients[0], from_height=1))
        detail = detail_of(refused.exception)
        self.assertEqual((refused.exception.code(), detail.reason), (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS"))
        self.assertGreater(detail.retry_after_ms, 0)
        calls[7].cancel()
        network.wait_until("room for one more", lambda: self.begins(clients[7 % len(clients)]))
        for call in calls:
            call.cancel()
        network.wait_until("all streams have ended", lambda: all(self.begins(client) for client in clients))

    def begins(self, client):
        call = follow(client, from_height=1)
        try:
            return next(call).block.header.height == 1
        except grpc.RpcError:
            return False
        finally:
            call.cancel()

    def sleepy_follow(self, net):
        """Takes one block and then nothing until it is cut, then all that comes: the heights, and the error at the end."""
        net.channel_options = NARROW
        call = follow(self.client(net=net), timeout=120, from_height=1, events=True)
        net.channel_options = ()
        heights = [next(call).block.header.height]
        time.sleep(SLOW_S + 3)
        with self.assertRaises(grpc.RpcError) as cut:
            for reply in call:
                heights.append(reply.block.header.height)
        return heights, cut.exception

    def test_many_follow_beside_an_import_and_a_slow_one_is_cut(self):
        net = self.network(observers=0)
        path, count = self.load(net, 20_000, 41)
        importing = network.tally_start("import", path, home=net.home("validator-1"))
        heads = []

        def until():
            return heads[0] if heads else 2**63

        followers = []
        for name in net.validators:
            client = self.client(name, net)
            followers += [Follower(client, until, events=number == 0) for number in range(FOLLOWERS // len(net.validators))]
        for follower in followers:
            follower.start()
        network.wait_until("events to be slow about", lambda: net.events_counted() > 5000, 60)
        heights, cut = self.sleepy_follow(net)
        outcome = network.tally_end(importing, 300)
        self.assertEqual(outcome.code, network.DONE, outcome)
        print(f"{count} events beside {FOLLOWERS} followers: {outcome.json['seconds']} s", flush=True)
        heads.append(net.agreement()[0])
        client = self.client("validator-1", net)
        member = rpc.Member(net, "validator-1")
        client.submit(member.batch([member.opening()]))  # whoever is told of it has been told of all before
        for follower in followers:
            follower.join(60)
            self.assertFalse(follower.is_alive())
            self.assertIsNone(follower.wrong)
            self.assertEqual((follower.heights[:heads[0]], follower.cuts), (list(range(1, heads[0] + 1)), []))
        # The slow one got what had been sent, then why, and where to go on.
        detail = detail_of(cut)
        self.assertEqual((cut.code(), detail.reason), (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_SLOW"))
        self.assertIn(str(detail.resume_height), cut.details())
        self.assertEqual(heights, list(range(1, detail.resume_height)))
        self.assertLess(detail.resume_height, heads[0])
        rest = Follower(client, until, from_height=detail.resume_height, events=True)
        rest.run()
        self.assertIsNone(rest.wrong)
        self.assertEqual(heights + rest.heights[:heads[0] - len(heights)], list(range(1, heads[0] + 1)))


class FollowReadersTest(network.NetworkTest):
    """Whose events a stream tells whole: those of the member itself, and all of those blocks that an inquiry of a regulator's
    opens. All else is place and id."""

    network_options = {"open_reads": False, "policy": "cn"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net = cls.shared
        cls.bank, cls.other = (rpc.Member(net, name) for name in ("validator-1", "validator-2"))
        cls.readers = {name: cls.reader(name) for name in ("validator-1", "validator-2", "observer-1")}
        cls.full = {name: rpc.Client(net, name) for name in cls.readers}
        for client in (*cls.readers.values(), *cls.full.values()):
            cls.addClassCleanup(client.close)
        cls.subject, account = os.urandom(32), os.urandom(16)
        bank = cls.bank
        opening = bank.opening(cls.subject, account)
        payment = bank.event(credit.PAYMENT, cls.subject, account, 1, bank.event_id(opening),
                             body=credit.PaymentBody(amount_minor=700, payer="a payer's name"))
        gap = bank.event(credit.PAYMENT, cls.subject, account, 9, bytes(32), body=credit.PaymentBody(amount_minor=1))
        statement = bank.item(credit.STATEMENT, cls.subject, body=credit.TextBody(text="a statement's text"),
                              statement=credit.StatementPublic())
        # In several blocks, and others' between them; the other member may read the bank's file by its inquiry.
        cls.banks = [[opening, payment], [gap], [statement]]
        grant = cls.other.grant(cls.subject)
        cls.asked = cls.other.inquiry(cls.subject, cls.other.event_id(grant))
        cls.others = [[cls.other.opening()], [grant, cls.asked], [cls.other.opening()]]
        for mine, its in zip(cls.banks, cls.others):
            cls.full["validator-1"].submit(bank.batch(mine))
            last = cls.full["validator-2"].submit(cls.other.batch(its), rpc.rpc.CHECKPOINTED)
        cls.head = net.agreement(last.height)[0]

    @classmethod
    def reader(cls, name):
        """A client of a node that has the role read, and no other."""
        folder = cls.shared.folder / f"reader-{name}"
        folder.mkdir()
        cls.shared.run(name, "client", "add", "reader", "--roles", "read", "--out", folder, check=network.DONE)
        return rpc.Client(cls.shared, name, *[(folder / f"reader.{kind}").read_bytes() for kind in ("crt", "key")])

    @staticmethod
    def events_of(batches):
        return [event for batch in batches for event in batch]

    @staticmethod
    def blocks(client, first, last, **options):
        """The replies of a stream, up to the block of the last height."""
        call, found = follow(client, from_height=first, **options), []
        for reply in call:
            found.append(reply)
            if reply.block.header.height == last:
                call.cancel()
                return found
        raise AssertionError("the stream ended by itself")

    @staticmethod
    def told(replies):
        return [event for reply in replies for event in reply.block.events]

    def secrets(self, events):
        """What no client of another member may be told in any form."""
        found = [self.subject, b"a payer's name", b"a statement's text"]
        for event in events:
            header = credit.EventHeader.FromString(event.header)
            found += [event.header, event.plain.salt, header.body_commitment, header.item_id or header.account.ref]
        return found

    def is_bare(self, told, index):
        self.assertEqual({field.name for field, _ in told.ListFields()} - {"index"}, {"event_id"})
        self.assertEqual(told.index, index)

    def is_whole(self, told, events):
        self.assertEqual([(event.header, event.plain) for event in told], [(event.header, event.plain) for event in events])

    def refused(self, client, reason, **options):
        with self.assertRaises(grpc.RpcError) as failed:
            list(follow(client, **options))
        self.assertEqual(detail_of(failed.exception).reason, reason)
        return failed.exception

    def test_a_reader_is_told_its_members_events_whole_and_of_others_place_and_id(self):
        for name, member, own in (("validator-1", self.bank, self.banks), ("validator-2", self.other, self.others)):
            mine = self.events_of(own)
            told = self.told(self.blocks(self.readers[name], 1, self.head, own_events=True))
            self.is_whole(told, mine)
            self.assertEqual([event.event_id for event in told], [member.event_id(event) for event in mine])
            self.assertEqual([event.result != 0 for event in told], [event in self.banks[1] for event in mine])  # the gap
            everything = self.blocks(self.readers[name], 1, self.head, events=True)
            self.is_whole([event for event in self.told(everything) if event.header], mine)
            self.assertEqual(len(self.told(everything)), len(self.events_of(self.banks + self.others)))
            for reply in everything:
                for index, event in enumerate(reply.block.events):
                    if not event.header:
                        self.is_bare(event, index)

    def test_what_may_not_be_read_is_in_no_stream(self):
        """Not even for whom an inquiry about the subject was answered: that opens the file to Inquire alone."""
        answer = self.full["validator-2"].credit.Inquire(
            rpc.rpc.InquireRequest(inquiry=self.other.event_id(self.asked)), timeout=DEADLINE_S)
        self.assertIn(b"a payer's name", answer.proof)
        events = self.events_of(self.banks)
        for name in ("validator-2", "observer-1"):
            own = {self.other.event_id(event) for event in self.events_of(self.others)} if name == "validator-2" else set()
            for options in ({}, {"events": True}, {"own_events": True}, {"events": True, "checkpoints": True}):
                replies = self.blocks(self.readers[name], 1, self.head, **options)
                for reply in replies:  # the subject is the reader's own too, where that asked about it
                    for event in [event for event in reply.block.events if event.event_id in own]:
                        reply.block.events.remove(event)
                    for secret in self.secrets(events):
                        self.assertNotIn(secret, reply.SerializeToString())
            for data in self.sent(name, "/events?from=1&events=all"):
                for event in data["block"].get("events", []):
                    if base64.b64decode(event["eventId"]) not in own:
                        self.assertEqual(set(event) - {"index"}, {"eventId"})
        with self.assertRaises(grpc.RpcError) as denied:  # nor may a reader ask
            self.readers["validator-2"].credit.Inquire(
                rpc.rpc.InquireRequest(inquiry=self.other.event_id(self.asked)), timeout=DEADLINE_S)
        self.assertEqual(detail_of(denied.exception).reason, "ROLE")

    def sent(self, name, path):
        """The data of what a reader is sent as server-sent events, up to the block of the head."""
        host, port = self.net.addresses(name)[1]
        folder = self.net.folder / f"reader-{name}"
        process = subprocess.Popen(
            ["curl", "--silent", "--no-buffer", "--max-time", "30", "--cacert", self.net.home(name) / "rpc.crt", "--cert",
             folder / "reader.crt", "--key", folder / "reader.key", f"https://{host}:{port}{path}"], stdout=subprocess.PIPE)
        found = []
        try:
            for line in process.stdout:
                if not line.startswith(b"data: "):
                    continue
                found.append(json.loads(line[6:]))
                if found[-1]["block"]["header"]["height"] == str(self.head):
                    return found
        finally:
            process.kill()
            process.communicate()
        raise AssertionError("the events ended by themselves")

    def test_a_regulator_goes_on_with_whole_blocks_once_its_inquiry_is_recorded(self):
        watch, reader = self.full["observer-1"], self.readers["observer-1"]
        half = self.head // 2
        before = self.blocks(watch, 1, half, events=True)
        self.assertTrue(all(not event.header for event in self.told(before)))
        self.refused(watch, "NO_INQUIRY", from_height=half + 1, inquiry=os.urandom(32))
        shown = self.net.run("observer-1", "supervise", half + 1, self.head, "--purpose", "ACCOUNT_REVIEW",
                             check=network.DONE).json
        inquiry = bytes.fromhex(shown["inquiry"])
        # It goes on where it was; the stream ends with the last block that was asked about.
        after = list(follow(watch, from_height=half + 1, inquiry=inquiry))
        self.assertEqual([reply.block.header.height for reply in before + after], list(range(1, self.head + 1)))
        written = {self.bank.event_id(event): event for event in self.events_of(self.banks + self.others)}
        told = self.told(after)
        self.is_whole(told, [written[event.event_id] for event in told])
        self.assertIn("a statement's text", [credit.TextBody.FromString(event.plain.body).text for event in told
                                             if credit.EventHeader.FromString(event.header).type == credit.STATEMENT])
        middle = after[len(after) // 2].block.header.height
        resumed = list(follow(watch, from_height=middle, inquiry=inquiry))
        self.assertEqual(resumed, after[middle - half - 1:])
        # What was told whole is told to nobody else so: not without the inquiry, not before it, not to others with it.
        for client in (watch, reader):
            bare = self.blocks(client, half + 1, self.head, events=True)
            self.assertTrue(all(not event.header for event in self.told(bare)))
            self.assertEqual([[event.event_id for event in reply.block.events] for reply in bare],
                             [[event.event_id for event in reply.block.events] for reply in after])
        self.refused(watch, "OUTSIDE_INQUIRY", from_height=half, inquiry=inquiry)
        self.refused(reader, "ROLE", from_height=half + 1, inquiry=inquiry)
        network.wait_until("the inquiry", lambda: self.full["validator-2"].status().applied_height >= shown["height"])
        for id_of_one in (inquiry, self.other.event_id(self.asked)):
            self.refused(self.full["validator-2"], "NO_INQUIRY", from_height=half + 1, inquiry=id_of_one)

    def test_an_event_that_names_one_is_followed_by_id_and_read_by_it(self):
        bank, other = self.bank, self.other
        dispute = other.item(credit.DISPUTE_OPEN, self.subject, body=credit.TextBody(text="not the amount"),
                             dispute_open=credit.DisputeOpenPublic(target=bank.event_id(self.banks[0][1]),
                                                                   category=credit.CATEGORY_AMOUNT))
        result = self.full["validator-2"].submit(other.batch([dispute]), rpc.rpc.CHECKPOINTED)
        self.assertEqual(result.results[0].result_name, "OK")
        for name, whole in (("validator-1", True), ("observer-1", False)):
            [reply] = self.blocks(self.readers[name], result.height, result.height, events=True)
            [event] = [event for event in reply.block.events if event.event_id == other.event_id(dispute)]
            self.is_bare(event, result.results[0].index)
            told = self.full[name].ledger.GetEvent(rpc.rpc.GetEventRequest(event_id=event.event_id), timeout=DEADLINE_S)
            self.assertEqual(told.event.header, dispute.header if whole else b"")


if __name__ == "__main__":
    network.main()
