#!/usr/bin/env python3
"""tally bench, at a tiny size: what it reports has its shape, and its counts add up. No time is judged."""

import json
import pathlib
import signal
import tempfile
import time
import unittest

import network
from network import DONE, REFUSED, USAGE, tally, tally_end, tally_start

SMALL = ["--events", 6100, "--subjects", 400, "--batch", 100, "--blocks-of", 500]


class BenchStorage(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tallystick-test.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def bench(self, *arguments, check=DONE):
        return tally("bench", "storage", "--dir", self.folder, *arguments, check=check)

    def left_behind(self):
        return list(self.folder.glob("tally-bench-*"))

    def test_the_report_adds_up(self):
        report = self.bench(*SMALL).json
        self.assertEqual(report["bench"], "storage")
        self.assertEqual(report["settings"]["batch"], 100)
        self.assertEqual((report["events"], report["blocks"], report["refused"]), (6100, 13, 0))
        self.assertEqual(report["subjects"], 400)
        self.assertGreater(report["events_per_second"], 0)
        self.assertAlmostEqual(report["events_per_second"] * report["seconds"], 6100, delta=1)
        latency = report["latency_ms"]
        self.assertTrue(0 < latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"])
        cpu = report["cpu_seconds"]
        self.assertLessEqual({"loop", "ledger", "state", "checks", "total", "system"}, set(cpu))
        threads = sum(value for name, value in cpu.items() if name not in ("total", "system"))
        self.assertAlmostEqual(threads, cpu["total"], places=6)
        self.assertGreater(report["event_bytes"], 6100 * 100)
        self.assertGreaterEqual(report["written_bytes"], report["event_bytes"])
        self.assertAlmostEqual(report["written_per_event_byte"], report["written_bytes"] / report["event_bytes"], places=6)
        self.assertEqual(set(report["disk_bytes"]), {"ledger", "bodies", "state"})
        self.assertTrue(all(size > 0 for size in report["disk_bytes"].values()))
        self.assertGreater(report["memory_peak_bytes"], 1 << 20)
        self.assertGreater(report["machine"]["cores"], 0)
        self.assertEqual(self.left_behind(), [])

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

    def test_wrong_arguments_are_told(self):
        self.bench("--batch", 300, "--blocks-of", 500, check=USAGE)
        self.bench("--batch", 1001, check=USAGE)
        self.bench("--subjects", 3, check=USAGE)
        tally("bench", check=USAGE)
        tally("bench", "disk", check=USAGE)
        too_many = self.bench("--events", 100000, "--subjects", 4, check=REFUSED)
        self.assertEqual(too_many.json["error"]["reason"], "LIMIT")
        self.assertEqual(self.left_behind(), [])


if __name__ == "__main__":
    network.main()
