#!/usr/bin/env python3
"""tally bench, at a tiny size: what it reports has its shape, and its counts add up. No time is judged."""

import json
import os
import pathlib
import signal
import tempfile
import time
import unittest

import network
from network import DONE, REFUSED, USAGE, tally, tally_end, tally_start

SMALL = ["--events", 6100, "--subjects", 400, "--batch", 100, "--blocks-of", 500]


class Bench(unittest.TestCase):
    kind = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tallystick-test.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def bench(self, *arguments, check=DONE):
        return tally("bench", self.kind, "--dir", self.folder, *arguments, check=check)

    def left_behind(self):
        return list(self.folder.glob("tally-bench-*"))

    def latency_is_in_order(self, report):
        latency = report["latency_ms"]
        self.assertTrue(0 < latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"])

    def threads_add_up(self, cpu):
        threads = sum(value for name, value in cpu.items() if name not in ("total", "system"))
        self.assertAlmostEqual(threads, cpu["total"], places=6)


class BenchStorage(Bench):
    kind = "storage"

    def test_the_report_adds_up(self):
        report = self.bench(*SMALL).json
        self.assertEqual(report["bench"], "storage")
        self.assertEqual(report["settings"]["batch"], 100)
        self.assertEqual((report["events"], report["blocks"], report["refused"]), (6100, 13, 0))
        self.assertEqual(report["subjects"], 400)
        self.assertGreater(report["events_per_second"], 0)
        self.assertAlmostEqual(report["events_per_second"] * report["seconds"], 6100, delta=1)
        self.latency_is_in_order(report)
        self.assertLessEqual({"loop", "ledger", "state", "checks", "total", "system"}, set(report["cpu_seconds"]))
        self.threads_add_up(report["cpu_seconds"])
        self.assertGreater(report["event_bytes"], 6100 * 100)
        self.assertGreaterEqual(report["written_bytes"], report["event_bytes"])
        self.assertAlmostEqual(report["written_per_event_byte"], report["written_bytes"] / report["event_bytes"], places=6)
        self.assertEqual(set(report["disk_bytes"]), {"ledger", "bodies", "state"})
        self.assertTrue(all(size > 0 for size in report["disk_bytes"].values()))
        self.assertGreater(report["memory_peak_bytes"], 1 << 20)
        self.assertGreater(report["machine"]["cores"], 0)
        self.assertEqual(self.left_behind(), [])

    def test_no_more_is_offered_than_the_rate(self):
        report = self.bench(*SMALL, "--rate", 4000).json
        self.assertEqual(report["settings"]["rate"], 4000)
        self.assertEqual((report["events"], report["refused"]), (6100, 0))
        # The last block is due when the 6000 events before it are offered.
        self.assertGreaterEqual(report["seconds"], 6000 / 4000)
        self.latency_is_in_order(report)

    def test_a_baseline_stands_beside(self):
        first, second = self.folder / "first.json", self.folder / "second.json"
        printed = self.bench(*SMALL, "--out", first).json
        self.assertEqual(json.loads(first.read_text()), printed)
        shown = tally("bench", "storage", "--dir", self.folder, *SMALL, "--baseline", first, "--out", second,
                      as_json=False, check=DONE).out
        self.assertIn("baseline", shown.splitlines()[0])
        line = next(line for line in shown.splitlines() if line.startswith("events "))
        self.assertEqual(line.split(), ["events", "6100", "6100", "x", "1.00"])
        self.assertIn("latency ms p99", shown)
        (self.folder / "bad.json").write_text("[]")
        self.assertEqual(self.bench(*SMALL, "--baseline", self.folder / "bad.json", check=REFUSED).json["error"]["reason"],
                         "FORM")

    def test_it_ends_when_told(self):
        process = tally_start("bench", "storage", "--dir", self.folder, "--events", 100000000, "--subjects", 100000)
        network.wait_until("the load is being made", self.left_behind)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        outcome = tally_end(process)
        self.assertEqual(outcome.code, REFUSED)
        self.assertEqual(outcome.json["error"]["reason"], "INTERRUPTED")
        self.assertEqual(self.left_behind(), [])

    def test_a_kept_folder_is_a_ledger(self):
        self.bench(*SMALL, "--keep")
        self.assertEqual(len(self.left_behind()), 1)
        self.assertTrue(any((self.left_behind()[0] / "data" / "ledger").iterdir()))

    def test_a_network_goes_on_from_blocks_made_for_it(self):
        with network.Network(start=False) as net:
            self.bench(*SMALL, "--net", net.dir, "--keep")
            made = self.left_behind()[0] / "data"
            net.begin_with(made)
            net.start_all()
            height = net.agreement(13)[0]
            for name in net.names:
                status = net.status(name)
                self.assertEqual((status["events"], status["subjects"]), (6100, 400), name)
            self.assertGreaterEqual(height, 13)
        self.bench(*SMALL, "--net", self.folder / "nothing", check=REFUSED)

    def test_wrong_arguments_are_told(self):
        self.bench("--batch", 300, "--blocks-of", 500, check=USAGE)
        self.bench("--batch", 1001, check=USAGE)
        self.bench("--subjects", 3, check=USAGE)
        tally("bench", check=USAGE)
        tally("bench", "disk", check=USAGE)
        self.bench("--rate", 0, check=USAGE)
        self.bench("--window", 5, check=USAGE)
        too_many = self.bench("--events", 100000, "--subjects", 4, check=REFUSED)
        self.assertEqual(too_many.json["error"]["reason"], "LIMIT")
        self.assertEqual(self.left_behind(), [])


class BenchNetwork(Bench):
    kind = "network"

    def daemons(self):
        """Those that run from this test's folder."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                line = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if b"tallyd" in line and str(self.folder).encode() in line:
                found.append(int(process.name))
        return found

    def nothing_is_left(self):
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(self.daemons(), [])

    def test_batches(self):
        report = self.bench("--events", 2050, "--batch", 100, "--subjects", 4000, "--connections", 5).json
        self.assertEqual(report["bench"], "network")
        # A whole number of batches, each connection its share.
        self.assertEqual((report["events"], report["batches"]), (2100, 21))
        self.assertGreaterEqual(report["blocks"], 1)
        self.assertAlmostEqual(report["events_per_second"] * report["seconds"], 2100, delta=1)
        self.latency_is_in_order(report)
        nodes = {f"validator-{i}" for i in range(1, 5)}
        for figure in ("written_bytes", "memory_bytes", "memory_peak_bytes"):
            self.assertEqual(set(report[figure]), nodes)
            self.assertTrue(all(value > 0 for value in report[figure].values()), figure)
        self.assertEqual(set(report["cpu_seconds"]), nodes | {"clients"})
        for name in nodes:
            self.assertLessEqual({"loop", "ledger", "state", "votes", "checks"}, set(report["cpu_seconds"][name]))
            self.threads_add_up(report["cpu_seconds"][name])
        each = sum(report["written_bytes"].values()) / 4
        self.assertAlmostEqual(report["written_per_event_byte"], each / report["event_bytes"], places=4)
        self.nothing_is_left()

    def test_single_events_at_a_rate(self):
        report = self.bench("--single", "--rate", 100, "--seconds", 2).json
        self.assertEqual(report["settings"]["batch"], 1)
        self.assertEqual(report["settings"]["events"], 200)
        self.assertEqual(report["events"], report["batches"])
        # Less where the machine could not keep up; never more.
        self.assertTrue(0 < report["events"] <= 200)
        self.latency_is_in_order(report)
        self.nothing_is_left()

    def test_histories_are_read_meanwhile(self):
        report = self.bench("--events", 6000, "--batch", 50, "--window", 1, "--subjects", 200, "--rate", 2000, "--reads", 40).json
        self.assertEqual(report["settings"]["reads"], 40)
        self.reads_add_up(report["reads"], 30)
        self.assertEqual((report["reads"]["again"], report.keys() & {"inquiries", "followers"}), (0, set()))
        self.nothing_is_left()

    def reads_add_up(self, reads, longest_max):
        self.assertTrue(0 < reads["verified"] <= reads["count"])
        self.assertTrue(0 < reads["longest_events"] <= longest_max)
        self.assertTrue(reads["longest_events"] <= reads["events"] <= reads["verified"] * reads["longest_events"])
        for figure in ("latency_ms", "verify_ms"):
            self.assertTrue(0 < reads[figure]["p50"] <= reads[figure]["p99"] <= reads[figure]["max"])

    def test_inquiries_are_made_and_asked_again_and_blocks_followed_meanwhile(self):
        report = self.bench("--events", 6000, "--batch", 50, "--window", 1, "--subjects", 200, "--rate", 2000, "--reads", 200,
                            "--inquiries", 30, "--followers", 12).json
        self.reads_add_up(report["reads"], 130)
        self.reads_add_up(report["inquiries"], 130)
        self.assertTrue(0 < report["reads"]["again"] < report["reads"]["count"])
        self.assertLess(report["inquiries"]["busy"], report["inquiries"]["count"])
        followers = report["followers"]
        self.assertEqual(followers["count"], 12)
        self.assertTrue(0 < followers["blocks_each_min"] <= report["blocks"] + 1)
        self.assertGreater(followers["bytes"], 12 * followers["blocks_each_min"] * 100)
        self.nothing_is_left()

    def test_it_ends_when_told(self):
        process = tally_start("bench", "network", "--dir", self.folder, "--rate", 100, "--single", "--seconds", 100)
        network.wait_until("the network runs", lambda: len(self.daemons()) == 4)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        outcome = tally_end(process)
        self.assertEqual(outcome.code, REFUSED)
        self.assertEqual(outcome.json["error"]["reason"], "INTERRUPTED")
        self.nothing_is_left()

    def test_a_node_that_dies_ends_it(self):
        process = tally_start("bench", "network", "--dir", self.folder, "--rate", 100, "--single", "--seconds", 100)
        network.wait_until("the network runs", lambda: len(self.daemons()) == 4)
        time.sleep(1)
        os.kill(self.daemons()[0], signal.SIGKILL)
        outcome = tally_end(process)
        self.assertNotEqual(outcome.code, DONE)
        self.assertTrue(outcome.json["error"]["message"])
        self.nothing_is_left()

    def test_wrong_arguments_are_told(self):
        self.bench("--subjects", 1000, check=USAGE)
        self.bench("--single", "--batch", 2, check=USAGE)
        self.bench("--validators", 3, check=USAGE)
        self.bench("--pipeline", 2, check=USAGE)
        self.nothing_is_left()


if __name__ == "__main__":
    network.main()
