#!/usr/bin/python3
"""The credit rules as vectors: each rule with events that pass and events that do not, in tests/vectors/credit_rules.jsonl.

    vectors.py PLAY_EVENTS      holds the file against test_model.py, whose cases it is, and plays it by a node's rules
    vectors.py --write          writes the file anew, after a change of the cases

The lines are those of sequences.py. A world's first line names its case. What a case expects was written by hand, beside the
sentence that it is about; the state that each world ends with is the model's.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import unittest
from typing import Any

import sequences
import test_model
from credit_model import ALLOWED_STATES, ITEM_TYPES, Event, Verdict, World

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "credit_rules.jsonl")

# What a type's form demands and no rule looks at.
FORM: dict[str, dict[str, int]] = {
    "CLOSE": {"close_kind": 1},
    "STATUS": {"reason": 7},
    "CORRECT": {"reason": 7},
    "RETRACT": {"reason": 7},
    "DISPUTE_OPEN": {"category": 1},
    "DISPUTE_CLOSE": {"outcome": 2},
}
CASES = (test_model.Chains, test_model.Lives, test_model.Remedies, test_model.Transfers, test_model.Reservations,
         test_model.Authorizations, test_model.Profiles, test_model.Access, test_model.Disputes)


def has_form(event: Event) -> bool:
    """Whether there can be a header of it: what has none, no rule is asked about."""
    if event.type not in ALLOWED_STATES and event.type not in ITEM_TYPES:
        return False
    if event.type in ("CORRECT", "RETRACT", "DISPUTE_OPEN") and event.target == 0:
        return False
    return event.type != "STATUS" or event.new_state in (1, 2)


class Recorder:
    """Writes what the cases do. A world that nothing happened in is left out."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.writer = sequences.Writer(self.out)
        self.worlds = self.steps = 0
        self.world: World | None = None
        self.now = 0

    def end(self) -> None:
        if self.world is not None:
            self.writer.final(self.world, self.now)
        self.world = None

    def step(self, case: str, now: int, event: Event, verdict: Verdict, world: World) -> None:
        if not has_form(event):
            return
        if world is not self.world:
            self.end()
            self.writer.world(self.worlds, self.worlds, world, case)
            self.world = world
            self.worlds += 1
        self.now = now
        self.steps += 1
        self.writer.step(now, Event(**{**FORM.get(event.type, {}), **event.__dict__}), verdict, world)


def record() -> Recorder:
    """Runs all cases, which hold the model against what they expect, and writes down what was asked and said."""
    recorder = Recorder()

    def sent(book: test_model.Book, event: Event, verdict: Verdict) -> None:
        case = book.id().split(".", 1)[1].replace(".test_", ": ").replace("_", " ")
        recorder.step(case, book.now, event, verdict, book.world)

    test_model.Book.on_sent = staticmethod(sent)
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in CASES)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    recorder.end()
    for _, trace in result.failures + result.errors:
        print(trace)
    if not result.wasSuccessful():
        sys.exit(1)
    return recorder


def main() -> int:
    recorder = record()
    text = recorder.out.getvalue()
    if sys.argv[1:] == ["--write"]:
        with open(PATH, "w", encoding="ascii") as file:
            file.write(text)
        print(f"{recorder.steps} steps in {recorder.worlds} worlds")
        return 0
    with open(PATH, encoding="ascii") as file:
        if file.read() != text:
            print("tests/vectors/credit_rules.jsonl is not what the cases of test_model.py are: vectors.py --write")
            return 1
    return subprocess.run([sys.argv[1]], input=text.encode("ascii"), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
