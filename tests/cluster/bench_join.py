#!/usr/bin/python3
"""How fast a node joins: takes the data of one node of a development network away, starts it again, and prints the time
until it serves, how fast older blocks come, and what memory it takes.

usage: bench_join.py DIR NAME      DIR as `tally devnet up --dir`, or as `tally bench network --keep` left it

Validators that hold a quorum must be left without NAME, and have made a snapshot. NAME, if it is a validator, follows
from then on and does not vote: its vote record is gone with the rest."""

import json
import pathlib
import shutil
import sys
import time

import network
from network import DONE, tally, wait_until

LIMIT_S = 3600


class Existing(network.Network):
    """A network that is there already, and stays."""

    def __init__(self, folder):
        self.folder = self.dir = pathlib.Path(folder).resolve()
        self.names = sorted(path.parent.name for path in self.dir.glob("*/node.yaml"))
        self.down_names, self.log_seen, self.expected = set(), {}, []


def events_below(net, name, height):
    """How many events were ordered up to a height: what the snapshot's head said when it was taken."""
    lines = net.log_lines(name, f"\"joining by a snapshot\" height={height}")
    return int(lines[-1].split(" events=")[1].split()[0])


def measure(net, name):
    since = net.log_size(name)
    began = time.monotonic()
    net.start(name)
    pid, peak, figures = net.pid(name), 0, {}
    while True:
        status = net.status(name)
        now = time.monotonic() - began
        peak = max(peak, network.resident_kib(pid))
        if net.log_lines(name, "this node begins with the first block", since):
            raise SystemExit("no peer had a snapshot that is worth it")
        if status and status["standing"] != "JOINING" and status["applied_height"] and "serves_s" not in figures:
            figures["serves_s"] = round(now, 1)
            figures["height"] = status["applied_height"]
        if "serves_s" in figures and net.log_lines(name, "all older blocks are here", since):
            break
        if now > LIMIT_S:
            raise SystemExit(f"not within {LIMIT_S} s: {json.dumps(status)}")
        time.sleep(0.2)
    figures["all_s"] = round(time.monotonic() - began, 1)
    base = int(net.log_lines(name, "\"joining by a snapshot\" height=", since)[-1].split("height=")[1].split()[0])
    figures["snapshot_height"] = base
    figures["snapshot_events"] = events_below(net, name, base)
    figures["backfill_events_per_s"] = round(figures["snapshot_events"] / (figures["all_s"] - figures["serves_s"]))
    figures["resident_peak_mib"] = peak // 1024
    status = net.status(name)
    figures["events"], figures["subjects"] = status["events"], status["subjects"]
    return figures


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    net, name = Existing(sys.argv[1]), sys.argv[2]
    tally("devnet", "up", "--dir", net.dir, check=DONE)
    others = [other for other in net.names if other != name]
    height = net.agreement(names=others)[0]
    wait_until("a snapshot", lambda: all(any((net.home(other) / "data" / "snapshots").glob("*-head")) for other in others),
               600, 1)
    net.stop(name)
    shutil.rmtree(net.home(name) / "data")
    (net.home(name) / "data").mkdir(mode=0o700)
    print(f"{name} joins {len(others)} nodes at height {height}", flush=True)
    for key, value in measure(net, name).items():
        print(f"{key:24} {value}")
    net.agreement(height)


if __name__ == "__main__":
    main()
