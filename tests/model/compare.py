#!/usr/bin/python3
"""Random sequences of credit events, ruled on by the model and by the rules that a node runs: compare.py PLAY_EVENTS [SEED STEPS]

One seed and 300,000 steps, or 5,000,000 where TALLY_TEST_FULL is 1. PLAY_EVENTS is the program of play_events.c.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time

import sequences


def main() -> int:
    program = sys.argv[1]
    full = os.environ.get("TALLY_TEST_FULL") == "1"
    seed, steps = (int(word) for word in sys.argv[2:4]) if len(sys.argv) > 2 else (1, 5_000_000 if full else 300_000)
    began = time.monotonic()
    with subprocess.Popen([program], stdin=subprocess.PIPE) as player:
        assert player.stdin is not None
        try:
            with io.TextIOWrapper(player.stdin, encoding="ascii", write_through=False) as out:
                coverage = sequences.run(seed, steps, sequences.Writer(out))
        except BrokenPipeError:  # it has found a difference, and said so
            return player.wait() or 1
        status = player.wait()
    print(f"{steps} steps in {time.monotonic() - began:.1f} s")
    coverage.report(sys.stdout, False)
    return status


if __name__ == "__main__":
    sys.exit(main())
