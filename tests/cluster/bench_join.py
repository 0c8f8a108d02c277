#!/usr/bin/python3
"""How fast a node joins: takes the data of one node of a development network away, starts it again, and prints the time
until it serves, how fast older blocks come, and what memory it takes, and the others.

usage: bench_join.py DIR NAME [--blocks]
  DIR       as `tally devnet up --dir`, `tally bench network --keep` or bench_large.py left it
  --blocks  keeps the others from having snapshots: NAME applies every block from the first on

Validators that hold a quorum must be left without NAME. NAME, if it is a validator, follows from then on and does not
vote: its vote record is gone with the rest."""

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

    def start(self, name):
        """Returns once it runs: the command line gives up on one that takes long to open its state, and it goes on."""
        tally("devnet", "start", name, "--dir", self.dir)
        self.down_names.discard(name)
        wait_until(f"{name} to answer", lambda: self.status(name), LIMIT_S, 0.1)


class Memory:
    """The most that processes were seen to hold: what is theirs alone, and with the pages of files."""

    def __init__(self, net, names):
        self.pids, self.peaks = {name: net.pid(name) for name in names}, {name: [0, 0] for name in names}

    def look(self):
        for name, pid in self.pids.items():
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            for i, key in enumerate(("RssAnon", "VmRSS")):
                self.peaks[name][i] = max(self.peaks[name][i], int(text.split(f"{key}:")[1].split()[0]) // 1024)

    def figures(self):
        return {f"{name}_mib": f"{own} its own, {all_} resident" for name, (own, all_) in self.peaks.items()}


def height_of(net, name, text, since):
    return int(net.log_lines(name, text, since)[-1].split("height=")[1].split()[0])


def joined_by_snapshot(net, name, since, figures):
    """Figures, once all older blocks are here."""
    if not net.log_lines(name, "all older blocks are here", since):
        return False
    line = net.log_lines(name, "\"joining by a snapshot\" height=", since)[-1]
    events = int(line.split(" events=")[1].split()[0])
    figures["snapshot_events"] = events
    figures["backfill_events_per_s"] = round(events / (figures["all_s"] - figures["serves_s"]))
    return True


def joined_by_blocks(status, events, figures):
    """Figures, once all that was ordered at the start is applied."""
    if status["events"] < events:
        return False
    figures["applied_events_per_s"] = round(status["events"] / (figures["all_s"] - figures["serves_s"]))
    return True


def measure(net, name, blocks, events):
    """`events` were ordered before the start."""
    since, began = net.log_size(name), time.monotonic()
    net.start(name)
    memory, figures = Memory(net, net.names), {}
    while True:
        memory.look()
        status = net.status(name)
        figures["all_s"] = round(time.monotonic() - began, 1)
        if net.log_lines(name, "this node begins with the first block", since) and not blocks:
            raise SystemExit("no peer had a snapshot that is worth it")
        if status and status["standing"] != "JOINING" and status["applied_height"]:
            figures.setdefault("serves_s", figures["all_s"])
        if "serves_s" in figures and (joined_by_blocks(status, events, figures) if blocks
                                      else joined_by_snapshot(net, name, since, figures)):
            return {**figures, "events": status["events"], "subjects": status["subjects"], **memory.figures()}
        if figures["all_s"] > LIMIT_S:
            raise SystemExit(f"not within {LIMIT_S} s: {json.dumps(status)}")
        time.sleep(0.2)


def snapshots(net, name):
    return list((net.home(name) / "data" / "snapshots").glob("*-head"))


def start(net, names, blocks):
    """Where no snapshots are wanted, a file stands in their folder's place."""
    for name in names:
        folder = net.home(name) / "data" / "snapshots"
        if blocks == folder.is_file() and net.running(name):
            continue
        if net.running(name):
            net.stop(name)
        if blocks:
            shutil.rmtree(folder, ignore_errors=True)
            folder.touch()
        elif folder.is_file():
            folder.unlink()
        net.start(name)


def show(figures):
    for key, value in figures.items():
        print(f"{key:24} {value}", flush=True)


def join(net, name, blocks=False):
    others = [other for other in net.names if other != name]
    start(net, others, blocks)
    height = net.agreement(names=others)[0]
    wait_until("a snapshot", lambda: blocks or all(snapshots(net, other) for other in others), 600, 1)
    if net.running(name):
        net.stop(name)
    shutil.rmtree(net.home(name) / "data", ignore_errors=True)
    (net.home(name) / "data").mkdir(mode=0o700)
    (net.home(name) / "first-start").unlink(missing_ok=True)
    print(f"{name} joins {len(others)} nodes at height {height}{' by blocks' if blocks else ''}", flush=True)
    show(measure(net, name, blocks, net.events_counted(others[0])))
    net.agreement(height)


def main():
    blocks = "--blocks" in sys.argv
    rest = [argument for argument in sys.argv[1:] if argument != "--blocks"]
    if len(rest) != 2:
        raise SystemExit(__doc__)
    join(Existing(rest[0]), rest[1], blocks)


if __name__ == "__main__":
    main()
