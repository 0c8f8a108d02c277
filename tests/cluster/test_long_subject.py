#!/usr/bin/python3
"""One subject has more events than a part of a snapshot takes: a new node joins by its runs all the same, past peers whose
runs do not check, and then judges old events as everybody does."""

import shutil
import threading
import time

import network
import rpc
from network import DONE, FULL, wait_until
from rpc import credit

EVENTS = 220_000 if FULL else 40_000  # 2^15 of a subject fit a part
BATCHES = 2800
FOLLOWED = 1000  # blocks that a new node asks for one after the other, rather than for a snapshot
FILLING = 100  # events of other subjects, a batch
NEW = "observer-1"
SUBJECT = bytes(range(32))


class Furnisher(threading.Thread):
    """Opens an account on the subject, and reports payments on it."""

    def __init__(self, net, name):
        super().__init__(daemon=True)
        self.net, self.name = net, name
        self.member = rpc.Member(net, name)
        self.account = bytes([self.member.id]) * 16
        self.opening = self.member.opening(SUBJECT, self.account)
        self.first, self.wrong = None, []

    def batches(self):
        """Of the account's events, one after the other."""
        events, seq, last = [self.opening], 1, self.member.event_id(self.opening)
        for number in range(1, BATCHES // 4 + 1):
            while seq < EVENTS // 4 * number // (BATCHES // 4):
                events.append(self.member.event(credit.PAYMENT, SUBJECT, self.account, seq, last,
                                                body=credit.PaymentBody(amount_minor=seq)))
                last = self.member.event_id(events[-1])
                seq += 1
            yield events
            events = []

    def run(self):
        with rpc.Client(self.net, self.name) as client:
            for events in self.batches():
                self.first = self.first or events
                reply = client.submit(self.member.batch(events))
                self.wrong.extend(result for result in reply.results if result.result != 0)


def runs(net, name):
    """The parts of events in a node's newest finished snapshot, in order."""
    folder = net.home(name) / "data" / "snapshots"
    heads = sorted(folder.glob("*-head")) if folder.exists() else []
    return sorted(folder.glob(heads[-1].name.replace("-head", "-events-*"))) if heads else []


class LongSubjectTest(network.NetworkTest):
    @classmethod
    def setUpClass(cls):
        """A network whose observer has never run. All validators have validator-1's newest snapshot, and all but the last
        have runs in it that are wrong."""
        cls.shared = network.Network(start=False)
        cls.addClassCleanup(cls.shared.close)
        net = cls.shared
        for name in net.validators:
            net.start(name)
        net.take_part()
        cls.furnishers = [Furnisher(net, name) for name in net.validators]
        for furnisher in cls.furnishers:
            furnisher.start()
        for furnisher in cls.furnishers:
            furnisher.join(3600)
            assert not furnisher.wrong, furnisher.wrong[0]
        cls.run_count = (EVENTS - 1) // 32768 + 1
        cls.more_until(lambda: len(runs(net, "validator-1")) >= cls.run_count)
        for name in net.validators:
            net.stop(name)
        newest = net.home("validator-1") / "data" / "snapshots"
        for name in net.validators[1:]:
            folder = net.home(name) / "data" / "snapshots"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(newest, folder)
        for name in net.validators:
            net.start(name)
        cls.height = net.agreement(names=net.validators)[0]

    @classmethod
    def more_until(cls, done):
        """Opens other accounts until `done`, and until a network is not followed from its first block: a snapshot is made
        when enough is new, and the long subject's last events may not be."""
        member = cls.furnishers[0].member
        with rpc.Client(cls.shared, "validator-1") as client:
            while not done() or cls.shared.status("validator-1")["applied_height"] <= FOLLOWED:
                reply = client.submit(member.batch([member.opening() for _ in range(FILLING)]))
                assert all(result.result == 0 for result in reply.results), reply

    def spoil(self, name):
        """Flips a byte of each run: in one its beginning, which is what the next has to meet, in the other an event."""
        for number, path in enumerate(runs(self.net, name)):
            content = bytearray(path.read_bytes())
            content[30 if number % 2 == 0 else len(content) // 2] ^= 1
            path.write_bytes(content)

    def test_1_a_node_joins_past_runs_that_do_not_check(self):
        time.sleep(30 if network.SANITIZED else 3)  # what is there is checked at the start, not when it is given
        for name in self.net.validators[:3]:
            self.spoil(name)
        self.net.stop("validator-4")
        self.net.start(NEW)
        wrong = "a part that it gave does not check"
        wait_until("a run that is refused", lambda: self.net.log_lines(NEW, wrong), 60)
        began = time.monotonic()
        self.net.start("validator-4")
        wait_until("the snapshot", lambda: self.net.log_lines(NEW, "the snapshot is loaded"), 300)
        print(f"\n{len(runs(self.net, 'validator-4'))} runs, loaded after {time.monotonic() - began:.1f} s ", end="",
              flush=True)
        refused = self.net.log_lines(NEW, wrong)
        self.assertFalse([line for line in refused if "peer=validator-4" in line])
        wait_until("all older blocks", lambda: self.net.log_lines(NEW, "all older blocks are here"), 600, 0.5)
        self.net.agreement(self.height)

    def test_2_old_events_are_judged_as_everywhere(self):
        """Repetitions, among them of the first events, which only the snapshot told the new node of."""
        for furnisher in self.furnishers:
            with rpc.Client(self.net, furnisher.name) as client:
                reply = client.submit(furnisher.member.batch(furnisher.first))
            self.assertEqual({result.result_name for result in reply.results}, {"DUPLICATE"})
        self.net.agreement(self.height + 1)

    def test_3_an_account_of_many_events_is_told_in_several_messages(self):
        request = rpc.rpc.OwnAccountsRequest(refs=[self.furnishers[0].account], events=True)
        with rpc.Client(self.net, "validator-1") as client:
            told = list(client.credit.OwnAccounts(request, timeout=120))
        self.assertGreater(len(told), 1)
        self.assertEqual([message.first_seq for message in told],
                         [sum(len(before.events) for before in told[:i]) for i in range(len(told))])
        events = [event.event_id for message in told for event in message.events]
        self.assertEqual((len(events), len(set(events)), events[-1]), (EVENTS // 4, EVENTS // 4, told[-1].head))

    def test_4_nothing_is_found_wrong(self):
        self.net.stop(NEW)
        self.assertEqual(self.net.run(NEW, "fsck").code, DONE)
        self.net.start(NEW)
        self.net.agreement(self.height + 1)


if __name__ == "__main__":
    network.main()
