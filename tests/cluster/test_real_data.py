#!/usr/bin/python3
"""A real portfolio: 30,000 credit-card accounts, as four members' files (the README beside the data says whose).

The data are looked for in TALLY_SHARED_DATA, or else in ../shared/data beside the project."""

import os
import pathlib
import subprocess
import sys
import time

import network
from network import DONE, FULL, ROOT

DATA = pathlib.Path(os.environ.get("TALLY_SHARED_DATA") or ROOT.parent / "shared" / "data")
CONVERTER = DATA / "uci_to_events.py"
ROWS = None if FULL else 2000
EVENTS_IN_ALL = 353_103


class RealDataTest(network.NetworkTest):
    def setUp(self):
        super().setUp()
        if not CONVERTER.exists():
            self.skipTest(f"the real data are absent: no {CONVERTER}")

    def files_make(self, net):
        files = {}
        for member, name in enumerate(net.validators):
            files[name] = net.folder / f"real-{member}.ndjson"
            with open(files[name], "w") as out:
                subprocess.run([sys.executable, CONVERTER, "--members", "4", "--member", str(member),
                                *(["--rows", str(ROWS)] if ROWS else [])], stdout=out, check=True)
        return files

    def test_a_real_portfolio_is_accepted_whole_and_once(self):
        net = self.network()
        files = self.files_make(net)
        lines = {name: network.line_count(path) for name, path in files.items()}
        total = sum(lines.values())
        if ROWS is None:
            self.assertEqual(total, EVENTS_IN_ALL)
        started = time.monotonic()
        for name, outcome in net.import_all(files).items():
            counts = outcome.json
            self.assertEqual((outcome.code, counts["accepted"], counts["duplicate"], counts["rejected"]),
                             (DONE, lines[name], 0, 0), outcome)
        seconds = time.monotonic() - started
        height, root = net.agreement()
        print(f"\n{total} events in {seconds:.1f} s, {total / seconds:.0f} a second; height {height}, "
              f"state root {root[:16]}")
        self.assertEqual({net.events_counted(name) for name in net.names}, {total})
        ordered = sum(net.run("observer-1", "block", number, check=DONE).json["payload_events"]
                      for number in range(1, height + 1))
        self.assertEqual(ordered, total, "no batch is ordered twice")
        started = time.monotonic()
        for name, outcome in net.import_all(files).items():
            counts = outcome.json
            self.assertEqual((outcome.code, counts["accepted"], counts["duplicate"], counts["rejected"]),
                             (DONE, 0, lines[name], 0), outcome)
        print(f"again, all duplicates, in {time.monotonic() - started:.1f} s")
        net.agreement(height)
        self.assertEqual({net.events_counted(name) for name in net.names}, {total})


if __name__ == "__main__":
    network.main()
