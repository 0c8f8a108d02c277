#!/usr/bin/env python3
"""Takes the rules of consensus/ out one at a time, and demands that each absence is caught the way its patch says.

usage: run.py [--all-killers] [--copies N] [--keep DIR] [MUTANT..]

A mutant is a patch in this folder. Above its diff it says, one a line:

  rule:       the rule, quoted from consensus/RULES.md or consensus.h; " .. " is a gap
  takes out:  what is gone
  killed by:  trace NAME | unit PROGRAM | sim ARGUMENTS | scope ARGUMENTS
  shows:      what the killer then says

and the last two again for each further killer. Each killer passes on the tree as it is, and fails on the mutant, with those words.
Golden traces and unit tests come first: they are quick, and say what went wrong. Where tally-scope finds it as well, nobody had to
think of the one schedule that does the harm; the search recorded is the smallest that finds it. A simulator's seeds change with the
simulator. --all-killers tells besides which of all the traces, the recorded killers, a hundred simulated runs, and tally-scope's
small plan fail, to see how much hangs on one. So many copies of the tree are worked on at once, 2 unless given; --keep leaves
them there.

To add one: make the change, `git diff -U1`, take it back, and put the lines above the diff. A condition whose absence nothing can
notice is not for a test to excuse: it is redundant, and goes.
"""
import argparse
import concurrent.futures
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FIELDS, KILLER_FIELDS = ["rule", "takes out"], ["killed by", "shows"]
KILLER_SECONDS_MAX = 600  # of whatever processor time others leave
SEARCHES = {"sim --runs 100 --from 1 --nodes 4", "scope --small"}


class Wrong(Exception):
    """What makes a run void: a patch without its head, a killer that fails on the tree as it is."""


def squeezed(text):
    """What counts when a rule is quoted: no case, no spaces, no marks of emphasis."""
    return re.sub(r"[^a-z0-9+<>=(),^/.;:-]", "", text.lower())


def rules_read():
    """The pages that mutants quote."""
    text = ""
    for name in ["RULES.md", "consensus.h"]:
        with open(os.path.join(ROOT, "consensus", name), encoding="utf-8") as file:
            text += squeezed(re.sub(r"\n\s*\*? ?", " ", file.read()))
    return text


class Mutant:
    def __init__(self, path, rules):
        self.name = os.path.basename(path)[: -len(".patch")]
        with open(path, encoding="utf-8") as file:
            text = file.read()
        head, mark, diff = text.partition("\n--- a/")
        fields = re.findall(r"^([a-z ]+): +(.*)$", head, re.M)
        names, values = [name for name, _ in fields], [value for _, value in fields]
        if not mark or names != FIELDS + KILLER_FIELDS * max(1, len(names) // 2 - 1):
            raise Wrong(f"{self.name}: its head does not say: {', '.join(FIELDS + KILLER_FIELDS)}, and the last two again")
        self.rule, self.killers = values[0], dict(zip(values[2::2], values[3::2]))
        for words in re.findall(r'"([^"]+)"', self.rule) or [self.rule]:
            for piece in words.split(" .. "):
                if squeezed(piece).rstrip(".") not in rules:
                    raise Wrong(f"{self.name}: no rule says: {piece}")
        self.edits = [edit for part in ("--- a/" + diff).split("\n--- a/") for edit in self.edits_of(part)]

    def edits_of(self, part):
        """(file, old, new) for each hunk; its line numbers are not looked at, so it follows the code as that moves."""
        lines = part.removeprefix("--- a/").splitlines()
        file = lines[0]
        for hunk in "\n".join(lines[2:]).split("\n@@")[0:]:
            body = hunk.splitlines()[1:]
            old = "".join(line[1:] + "\n" for line in body if line[:1] in (" ", "-"))
            new = "".join(line[1:] + "\n" for line in body if line[:1] in (" ", "+"))
            yield file, old, new


class Tree:
    """A copy of the sources with a build of its own."""

    def __init__(self, folder):
        self.folder = folder
        listed = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0"):
            if not os.path.isfile(os.path.join(ROOT, name)):
                continue
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(folder, name))
        self.environment = dict(os.environ, CCACHE_BASEDIR=folder, CCACHE_NOHASHDIR="1")
        configured = self.run(["cmake", "-G", "Ninja", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=None",
                               "-DCMAKE_C_FLAGS=-O1 -w"])
        if configured.returncode:
            raise Wrong("cmake: " + configured.stdout[-2000:])

    def run(self, command):
        try:
            return subprocess.run(command, cwd=self.folder, env=self.environment, text=True, timeout=KILLER_SECONDS_MAX,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(command, -1, f"no end within {KILLER_SECONDS_MAX} s: {late.cmd}")

    def build(self, killers):
        targets = sorted({command_of(killer)[1] for killer in killers})
        return self.run(["ninja", "-C", "build", "-j", "2", *targets])

    def passes(self, killer):
        """(whether it passes, what it says)"""
        done = self.run(command_of(killer)[0])
        return done.returncode == 0, done.stdout

    def edit(self, edits):
        """Makes all the edits, or none; returns the files as they were."""
        before, after = {}, {}
        for file, old, new in edits:
            path = os.path.join(self.folder, file)
            if path not in before:
                with open(path, encoding="utf-8") as source:
                    before[path] = after[path] = source.read()
            count = after[path].count(old)
            if count != 1:
                raise Wrong(f"a hunk for {file} fits {count} places; it must fit one:\n{old}")
            after[path] = after[path].replace(old, new)
        self.restore(after)
        return before

    @staticmethod
    def restore(files):
        for path, text in files.items():
            with open(path, "w", encoding="utf-8") as source:
                source.write(text)


def command_of(killer):
    """(its command in a tree, the target to build for it)"""
    kind, _, rest = killer.partition(" ")
    words = rest.split()
    if kind == "trace" and len(words) == 1:
        return ["build/tests/play_trace", f"tests/trace/{rest}.txt"], "play_trace"
    if kind == "unit" and len(words) == 1:
        return ["build/tests/" + rest], rest
    if kind == "sim":
        return ["build/bin/tally-sim", *words], "tally-sim"
    if kind == "scope":
        return ["build/tests/tally-scope", *words], "tally-scope"
    raise Wrong(f"not a killer: {killer}")


def shown(says, output):
    """Whether the killer said so, spaces apart."""
    return " ".join(says.split()) in " ".join(output.split())


def survives(tree, killer, shows):
    """What is amiss with a killer on the mutant, or None."""
    passed, output = tree.passes(killer)
    if passed:
        return f"SURVIVES {killer}"
    return None if shown(shows, output) else f"{killer} fails in another way than recorded; it says:\n{output[-1500:]}"


def judge(tree, mutant, killers):
    """(what is amiss, if anything, who else killed it, seconds)"""
    start = time.monotonic()
    try:
        before = tree.edit(mutant.edits)
    except Wrong as wrong:
        return f"DOES NOT APPLY: {wrong}", [], 0
    try:
        built = tree.build([*mutant.killers, *killers])
        if built.returncode:
            return f"DOES NOT COMPILE:\n{built.stdout[-3000:]}", [], 0
        amiss = [trouble for killer, shows in mutant.killers.items() if (trouble := survives(tree, killer, shows))]
        others = [killer for killer in killers if killer not in mutant.killers and not tree.passes(killer)[0]]
    finally:
        tree.restore(before)
    return "\n".join(amiss), others, time.monotonic() - start


def mutants_read(names):
    files = sorted(name for name in os.listdir(HERE) if name.endswith(".patch"))
    unknown = [name for name in names if name.removesuffix(".patch") + ".patch" not in files]
    if unknown:
        raise Wrong(f"no such mutant: {' '.join(unknown)}")
    wanted = {name.removesuffix(".patch") + ".patch" for name in names}
    rules = rules_read()
    return [Mutant(os.path.join(HERE, name), rules) for name in files if not wanted or name in wanted]


def recorded(mutants):
    return {killer for mutant in mutants for killer in mutant.killers}


def all_killers(mutants):
    traces = sorted(name for name in os.listdir(os.path.join(ROOT, "tests/trace")) if name.endswith(".txt"))
    killers = {"trace " + name[: -len(".txt")] for name in traces if name != "CMakeLists.txt"}
    return sorted(killers | recorded(mutants) | SEARCHES)


def run(mutants, killers, copies, folder):
    start = time.monotonic()
    trees = queue.Queue()
    own = sorted(recorded(mutants))
    for i in range(copies):
        tree = Tree(os.path.join(folder, f"tree{i}"))
        built = tree.build([*own, *killers])
        if built.returncode:
            raise Wrong("the tree as it is does not build:\n" + built.stdout[-3000:])
        trees.put(tree)

    def on_a_tree(task, *arguments):
        tree = trees.get()
        try:
            return task(tree, *arguments)
        finally:
            trees.put(tree)

    amiss_count = 0
    with concurrent.futures.ThreadPoolExecutor(copies) as pool:
        for killer, (passed, output) in zip(own, pool.map(lambda k: on_a_tree(Tree.passes, k), own)):
            if not passed:
                raise Wrong(f"{killer} fails on the tree as it is:\n{output[-3000:]}")
        print(f"{len(own)} killers pass on the tree as it is ({time.monotonic() - start:.0f} s)", flush=True)
        width = max(len(mutant.name) for mutant in mutants)
        answers = pool.map(lambda m: on_a_tree(judge, m, killers), mutants)
        for mutant, (amiss, others, seconds) in zip(mutants, answers):
            by = " and ".join(mutant.killers) + (f", {len(others)} more: {', '.join(others)}" if killers else "")
            print(f"{mutant.name:{width}} | {mutant.rule[:60]:60} | {by} | {seconds:.1f}", flush=True)
            if amiss:
                amiss_count += 1
                print(f"  {mutant.name}: {amiss}", flush=True)
    count = len(mutants)
    print(f"{count} mutants, {count - amiss_count} killed, {amiss_count} survive ({time.monotonic() - start:.0f} s)")
    return 1 if amiss_count else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all-killers", action="store_true")
    parser.add_argument("--copies", type=int, default=2, metavar="N")
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("mutants", nargs="*", metavar="MUTANT")
    options = parser.parse_args()
    try:
        mutants = mutants_read(options.mutants)
        killers = all_killers(mutants) if options.all_killers else []
        if options.keep:
            return run(mutants, killers, options.copies, os.path.abspath(options.keep))
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            return run(mutants, killers, options.copies, folder)
    except Wrong as wrong:
        print(f"mutants: {wrong}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
