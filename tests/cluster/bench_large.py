#!/usr/bin/python3
"""A network with a large history: how long a node takes to start again, how fast one joins, and what memory that and
serving take. Prints figures, and judges none.

usage: bench_large.py DIR [EVENTS [SUBJECTS]]     10,000,000 of 1,000,000 unless given

DIR must be missing; it is left behind, and the network runs on, for bench_join.py. Room for five times the ledger and
state is wanted there: some 25 GB. The blocks are made by `tally bench storage --net`, with the validators' own keys."""

import pathlib
import shutil
import sys
import time

import bench_join
import network
from network import DONE, tally

LOAD_SUBJECTS = 12000  # of three members' portfolios
KILL_AFTER_S = 10


def make(folder, events, subjects):
    tally("devnet", "up", "--dir", folder / "net", "--validators", 4, "--observers", 1, "--open-reads", "--no-start", check=DONE)
    report = tally("bench", "storage", "--net", folder / "net", "--dir", folder, "--keep", "--events", events,
                   "--subjects", subjects, check=DONE, limit_s=3600).json
    made = next(folder.glob("tally-bench-*"))
    net = bench_join.Existing(folder / "net")
    net.validators = [name for name in net.names if name.startswith("validator")]
    net.begin_with(made / "data")
    shutil.rmtree(made)
    return net, {"made_events_per_s": round(report["events_per_second"]), "blocks": report["blocks"]}


def started(net, name):
    """How long until the node runs, and the times of its opening that it tells."""
    since, began = net.log_size(name), time.monotonic()
    net.start(name)
    took = time.monotonic() - began
    phases = [line.split("\"")[1] + line.rsplit("ms=")[1].join((" ", " ms"))
              for line in net.log_lines(name, " ms=", since) if "snapshot" not in line]
    return f"{took:.1f} ({', '.join(phases)})"


def under_load(net):
    """Memory of those that serve while three members import, and how the fourth starts after it was killed meanwhile."""
    files = network.synth(net.folder, 1, LOAD_SUBJECTS, members=3)
    running = [network.tally_start("import", file, home=net.home(name)) for name, file in files.items()]
    memory, began, killed = bench_join.Memory(net, files), time.monotonic(), None
    while any(process.poll() is None for process in running):
        memory.look()
        time.sleep(0.2)
        if killed is None and time.monotonic() - began > KILL_AFTER_S:
            net.kill("validator-4")
            killed = started(net, "validator-4")
    took = time.monotonic() - began
    if any(network.tally_end(process).code != DONE for process in running):
        raise SystemExit("an import was refused")
    events = sum(network.line_count(file) for file in files.values())
    return {"import_events_per_s": round(events / took), **memory.figures(), "start_killed_s": killed}


def main():
    if not 2 <= len(sys.argv) <= 4:
        raise SystemExit(__doc__)
    folder = pathlib.Path(sys.argv[1]).resolve()
    events, subjects = [int(text) for text in sys.argv[2:] + ["10000000", "1000000"][len(sys.argv) - 2:]]
    folder.mkdir()
    net, figures = make(folder, events, subjects)
    bench_join.show({"events": events, "subjects": subjects, **figures})
    for name in net.validators:
        bench_join.show({f"start_{name}_s": started(net, name)})
    bench_join.join(net, "observer-1")
    bench_join.show(under_load(net))
    bench_join.join(net, "observer-1", blocks=True)


if __name__ == "__main__":
    main()
