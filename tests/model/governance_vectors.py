#!/usr/bin/python3
"""The rules of membership as vectors: each with transactions that pass and some that do not, in tests/vectors/governance_rules.jsonl.

    governance_vectors.py PLAY_GOVERNANCE   holds the file against test_governance.py, whose cases it is, and plays it by a node's rules
    governance_vectors.py --write           writes the file anew, after a change of the cases

The lines are those of governance_sequences.py. A world's first line names its case. What a case expects was written by hand; the
roots are the model's.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import unittest
from typing import Any

import test_governance
from governance import Verdict
from governance_sequences import Writer

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "governance_rules.jsonl")


def name_of(book: test_governance.Book) -> str:
    return book.id().split(".", 1)[1].replace(".test_", ": ").replace("_", " ")


def record() -> tuple[str, int]:
    """Runs all cases, which hold the model against what they expect, and writes down what was asked and said."""
    out = io.StringIO()
    writer = Writer(out)
    steps = 0

    def sent(book: test_governance.Book, transaction: dict[str, Any], verdict: Verdict) -> None:
        nonlocal steps
        steps += 1
        writer.step(book.register, transaction, verdict)

    book = test_governance.Book
    book.on_world = staticmethod(lambda one: writer.world(one.register, name_of(one)))
    book.on_begin = staticmethod(lambda one: writer.begin(one.register))
    book.on_sent = staticmethod(sent)
    book.on_end = staticmethod(lambda one, sealed: writer.end(one.register, sealed))
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in test_governance.CASES)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    for _, trace in result.failures + result.errors:
        print(trace)
    if not result.wasSuccessful():
        sys.exit(1)
    return out.getvalue(), steps


def main() -> int:
    text, steps = record()
    if sys.argv[1:] == ["--write"]:
        with open(PATH, "w", encoding="ascii") as file:
            file.write(text)
        print(f"{steps} steps")
        return 0
    with open(PATH, encoding="ascii") as file:
        if file.read() != text:
            print("tests/vectors/governance_rules.jsonl is not what the cases of test_governance.py are: governance_vectors.py --write")
            return 1
    return subprocess.run([sys.argv[1]], input=text.encode("ascii"), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
