#!/usr/bin/python3
"""Every procedure of node/OPERATIONS.md, carried out: what is run are the commands that stand there."""

import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import textwrap
import time
import unittest

import grpc

import network
import rpc
from metrics import page_of
from network import BIN, DONE, REFUSED, ROOT, SANITIZED, compiled, tally, wait_until
from writer import Writer

PAGE = ROOT / "node" / "OPERATIONS.md"
SUBJECTS = 60
# What the page's own preamble stands for here: the nodes are a development network's, or one process in a folder of its own.
PRELUDE = """
set -euo pipefail
start() {
  if [ "$H" = "$NET/$NAME" ]; then tally devnet start "$NAME" --dir "$NET" >/dev/null; return; fi
  setsid tallyd --home "$H" >/dev/null 2>>"$H/node.log" &
  echo $! >"$H/node.pid"
  until tally --home "$H" status >/dev/null 2>&1; do sleep 0.05; done
}
reload() { kill -HUP "$(cat "$H/node.pid")"; }
stop() { tally devnet stop "$NAME" --dir "$NET" >/dev/null; }
log() { cat "$H/node.log"; }
step_clock() { echo 0 >"$CLOCK"; }
"""
FOLLOWS = "this validator follows and does not vote"


def procedures():
    """heading -> (its test's name or None, its blocks of commands, which are those of no other language)."""
    found = {}
    for section in re.split(r"(?m)^## ", PAGE.read_text())[1:]:
        heading, text = section.split("\n", 1)
        test = re.search(r"Tried by `(test_\w+)`", text)
        blocks = [block for kind, block in re.findall(r"(?ms)^ *```(\w*)\n(.*?)^ *```$", text) if not kind]
        found[heading] = (test and test[1], blocks)
    return found


def forge(manifest, name, content):
    """The line of one file is made to fit what the file holds now."""
    lines = manifest.read_text().splitlines(keepends=True)[:-1]
    for i, line in enumerate(lines):
        if line.rstrip("\n").endswith("  " + name):
            lines[i] = f"{hashlib.sha256(content).hexdigest()}  {len(content)}  {name}\n"
    text = "".join(lines)
    manifest.write_text(f"{text}end {hashlib.sha256(text.encode()).hexdigest()}\n")


class PageTest(unittest.TestCase):
    def test_every_procedure_names_its_test_and_every_test_its_procedure(self):
        named = [test for test, _ in procedures().values()]
        tests = [name for name in dir(OperationsTest) if name.startswith("test_")]
        self.assertEqual(sorted(named), sorted(tests))


class OperationsTest(network.NetworkTest):
    def setUp(self):
        super().setUp()
        self.blocks = next(blocks for test, blocks in procedures().values() if test == self._testMethodName)
        self.done = set()

    def all_was_run(self):
        """Last in each test: no block of the procedure was left out."""
        self.assertEqual(self.done, set(range(len(self.blocks))))

    def run_block(self, number, name, ends_jobs=False, **given):
        """Runs the procedure's block (the first is 0) as the named node's operator; returns what it printed."""
        self.done.add(number)
        words = {"PATH": f"{BIN}:{os.environ['PATH']}", "NET": self.net.dir, "NAME": name, "H": self.net.home(name), **given}
        script = PRELUDE + ("trap 'kill $(jobs -p)' EXIT\n" if ends_jobs else "") + self.blocks[number]
        ran = subprocess.run(["bash", "-c", script], env={key: str(value) for key, value in words.items()},
                             cwd=self.net.folder, capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, f"{self.blocks[number]}\n{ran.stdout}{ran.stderr}")
        self.net.down_names.discard(name)
        return ran.stdout

    def loaded(self, **options):
        """A network that holds a portfolio: {member's validator: its file}."""
        net = self.network(observers=0, **options)
        files = network.synth(net.folder, seed=5, subjects=SUBJECTS)
        for outcome in net.import_all(files).values():
            self.assertEqual(outcome.code, DONE, outcome)
        net.agreement()
        return files

    def submit_some(self, name="validator-1", timeout=rpc.DEADLINE_S):
        with rpc.Client(self.net, name) as client:
            member = rpc.Member(self.net, name)
            return client.submit(member.batch([member.opening()]), timeout=timeout).height

    def nothing_becomes_final(self, name="validator-1"):
        with self.assertRaises(grpc.RpcError) as refused:
            self.submit_some(name, timeout=3)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def lose_disk(self, name):
        self.net.kill(name)
        shutil.rmtree(self.net.home(name) / "data")

    # The procedures

    def test_a_lost_disk(self):
        self.loaded()
        name = "validator-3"
        self.lose_disk(name)
        self.net.expected.append(FOLLOWS)
        refused = subprocess.run([network.TALLYD, "--home", self.net.home(name)], capture_output=True, text=True, timeout=30)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("only if it never ran before", refused.stderr)
        self.submit_some()
        size = self.net.log_size(name)
        self.run_block(0, name)
        self.assertEqual(len(self.net.log_lines(name, FOLLOWS, since=size)), 1)
        height, _ = self.net.agreement()
        self.assertIn(f"height {height}", self.run_block(1, name))
        self.submit_some(name)
        self.net.kill("validator-4")
        self.nothing_becomes_final()
        self.net.start("validator-4")
        self.submit_some()
        self.net.agreement()
        wait_until("a vote record for the next epoch", lambda: self.net.log_lines(name, "vote record from the next epoch", since=size))
        self.run_block(2, name)
        self.have_passed(1, "validator-1", "validator-2")
        wait_until("it to vote", lambda: (self.net.status(name) or {}).get("may_vote"))
        self.assertEqual(len(self.net.log_lines(name, "votes=yes", since=size)), 1)
        self.net.kill("validator-4")
        self.submit_some()
        self.net.start("validator-4")
        self.net.agreement()
        self.all_was_run()

    def have_passed(self, proposal, *names):
        """Their members vote yes, each once its node knows of the proposal."""
        for name in names:
            wait_until(f"{name} to vote", lambda name=name: self.net.run(name, "gov", "vote", proposal, "yes").code == DONE)

    def test_more_lost_disks_than_the_epoch_survives(self):
        files = self.loaded()
        total = sum(map(network.line_count, files.values()))
        subject = network.records(files["validator-1"])[0]["subject"]
        whole, lost = self.net.validators[:2], self.net.validators[2:]
        for name in lost:
            self.lose_disk(name)
        self.nothing_becomes_final()
        heights = {self.run_block(0, name).split("applied")[0].split("finalized")[1] for name in whole}
        self.assertEqual(len(heights), 1)
        for name in whole:
            self.run_block(1, name)
            self.run_block(2, name)
        for name in lost:  # only what was kept apart
            home, kept = self.net.home(name), self.net.folder / f"kept-{name}"
            home.rename(kept)
            home.mkdir(mode=0o700)
            for path in [kept / "node.yaml", *kept.glob("*.key"), *kept.glob("*.crt")]:
                shutil.copy2(path, home)
        founder, archive = whole[0], self.net.folder / "net" / f"{whole[0]}-archive"
        self.run_block(3, founder)
        for name in self.net.validators[1:]:
            shutil.copy(self.net.home(founder) / "genesis.json", self.net.home(name))
        shutil.copy(self.net.home(founder) / "genesis.json", self.net.genesis)
        self.assertEqual(len({self.run_block(4, name).split()[0] for name in self.net.validators}), 1)
        self.net.log_seen.clear()
        for name in self.net.validators:
            self.run_block(5, name)
        for name, path in files.items():
            self.run_block(6, name, FILE=path)
        self.net.agreement()
        self.assertEqual({self.net.events_counted(name) for name in self.net.validators}, {total})
        self.run_block(7, founder, ends_jobs=True, SUBJECT=subject, ARCHIVE_PEER_PORT=self.free_port(),
                       ARCHIVE_RPC_PORT=self.free_port())
        self.assertIn(FOLLOWS, (archive / "node.log").read_text())
        answer = self.net.folder / "answer"
        old = tally("verify", answer, "--genesis", archive / "genesis.json", check=DONE).json
        self.assertEqual((old["complete"], old["subject"]), (True, subject))
        new = tally("verify", answer, "--genesis", self.net.genesis, check=REFUSED).json
        self.assertEqual(new["error"]["reason"], "CHAIN")
        self.all_was_run()

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def spoil(self, names, path):
        """Takes an account of member 1 out of the stopped nodes' states, and then opens that account for somebody else: refused
        by whoever knows it. Returns the height of that."""
        opened = next(record for record in network.records(path) if record["type"] == "ACCOUNT_OPEN")
        program = compiled(self, "state_spoil", "-lleveldb")
        for name in names:
            self.net.stop(name)
            subprocess.run([program, self.net.home(name) / "data" / "state", "4100000001" + opened["account"]], check=True)
            self.net.start(name)
        with rpc.Client(self.net, "validator-1") as client:
            member = rpc.Member(self.net, "validator-1")
            reply = client.submit(member.batch([member.opening(account=bytes.fromhex(opened["account"]))]))
            self.assertEqual(reply.results[0].result_name, "WRONG_SUBJECT")
            return reply.height

    def test_one_state_differs(self):
        files = self.loaded()
        name, text = "validator-3", "a quorum signed another state than this node computed"
        self.net.expected.append(text)
        self.spoil([name], files["validator-1"])
        wait_until("the node to see it", lambda: self.net.log_lines(name, text), 20)
        self.assertEqual([page_of(self.net, each)["divergences_total"] for each in (name, "validator-1")], [1, 0])
        height, root = self.net.agreement()
        seen = self.run_block(0, name)
        self.assertIn(text, seen)
        self.assertIn(root, seen)
        self.assertNotIn("and computed again", self.net.log(name))
        seen = self.run_block(1, name)
        self.assertRegex(seen, r'(?m)^tallyd \d')
        self.assertRegex(seen, rf'replayed the ledger" from=1 to={height} ms=[0-9]+$')
        self.net.agreement(height)
        self.all_was_run()

    def test_the_states_are_split(self):
        files = self.loaded()
        spoiled = ["validator-3", "validator-4"]
        text = "validators signed different states of one height, and no quorum agrees: an operator must act"
        self.net.expected += ["another state than this node computed", text]
        split = self.spoil(spoiled, files["validator-1"])
        for name in self.net.validators:
            told = wait_until("the alarm", lambda name=name: self.net.log_lines(name, text), 30)
            self.assertEqual(len(told), 1)
            groups = {frozenset(group.split()) for group in told[0].split('alike="')[1].rstrip('"').split("|")}
            self.assertEqual(groups, {frozenset(self.net.validators[:2]), frozenset(spoiled)})
            self.assertLess(self.net.status(name)["checkpoint"]["height"], split, name)
            self.assertIn("CERTIFICATION: validators signed different states", self.run_block(0, name).splitlines()[0])
            page = page_of(self.net, name)
            self.assertEqual((page["state_split"], page["healthy"], page["standing", "CERTIFICATION"]), (1, 0, 1))
        self.assertEqual(len({self.run_block(1, name) for name in self.net.validators}), 1)
        self.run_block(2, spoiled[0])
        height, _ = self.net.agreement(split + 1)
        print(f"\nsplit at height {split}, certified again at {height}", end=" ")
        self.all_was_run()

    def test_a_wrong_clock(self):
        if SANITIZED:
            self.skipTest("a sanitizer does not go with a preloaded library")
        self.network(observers=0)
        shim = compiled(self, "clock_shim", "-shared", "-fPIC")
        writer = Writer(self.net, "validator-1")
        writer.start()
        for name, offset_s, sign in (("validator-2", 60, ""), ("validator-3", -60, "-")):
            clock = self.net.folder / f"clock-{name}"
            clock.write_text(str(offset_s))
            self.net.stop(name)
            subprocess.run([network.TALLY, "devnet", "start", name, "--dir", self.net.dir], check=True, capture_output=True,
                           env={**os.environ, "LD_PRELOAD": str(shim), "TALLY_TEST_CLOCK": str(clock)})
            self.net.down_names.discard(name)
            own = f"this node's clock is off: more leaders differ from it than may be wrong\" this_node_ahead_ms={sign}"
            wait_until("the node to doubt its clock", lambda name=name, own=own: self.net.log_lines(name, own), 40)
            if offset_s > 0:
                others = self.net.log_lines("validator-1", f"a leader's clock is ahead of this node's, or this node's is behind\" "
                                                           f"leader={name}")
                self.assertEqual(len(others), 1, others)
            count = len(writer.final)
            wait_until("the others to go on", lambda count=count: len(writer.final) > count)
            self.assertIn("clock is off", self.run_block(0, name))
            self.run_block(1, name, CLOCK=clock)
            first = self.net.status("validator-1")["finalized_height"]
            leader = self.leader_number(name)
            wait_until("a block that it leads", lambda first=first, leader=leader: any(
                block.code == DONE and (block.json["view"] - 1) % 4 == leader
                for block in (self.net.run("validator-1", "block", first + i) for i in range(1, 9))), 20)
            self.assertIn(name, self.run_block(2, name))
        writer.end()
        self.assertEqual(writer.wrong, [])
        self.net.agreement()
        self.all_was_run()

    def leader_number(self, name):
        nodes = json.loads(self.net.genesis.read_text())["validators"]
        return [node["name"] for node in sorted(nodes, key=lambda node: bytes.fromhex(node["key"]))].index(name)

    def test_the_network_stands_still(self):
        self.loaded()
        self.net.kill("validator-3", "validator-4")
        self.nothing_becomes_final()
        for name in ("validator-1", "validator-2"):
            seen = self.run_block(0, name)
            self.assertIn("NO_QUORUM", seen.splitlines()[0])
            for gone in ("validator-3", "validator-4"):
                self.assertRegex(seen, rf"{gone}.*not connected")
        started = time.monotonic()
        self.run_block(1, "validator-4")
        self.submit_some()
        print(f"\nfinal again {time.monotonic() - started:.1f} s after the start of the third", end=" ")
        self.run_block(1, "validator-3")
        self.net.agreement()
        self.all_was_run()

    def mounted(self, *arguments):
        ran = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
        if ran.returncode != 0:
            self.skipTest(f"mounting a file system is not allowed here: {ran.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(arguments[-1])], capture_output=True)

    def test_a_full_disk(self):
        name = "validator-3"
        net = self.network(observers=0, start=False)
        data = net.home(name) / "data"
        data.mkdir(mode=0o700)
        self.mounted("-t", "tmpfs", "-o", "size=6m", "tmpfs", data)
        net.expected.append('broken "the node stops"')
        net.start_all()
        net.down_names.add(name)
        writers = [Writer(net, writer, 500) for writer in ("validator-1", "validator-2")]
        for writer in writers:
            writer.start()
        wait_until("the node's end", lambda: not net.running(name), 120)
        for writer in writers:
            count = len(writer.final)
            wait_until("the others to go on", lambda writer=writer, count=count: len(writer.final) > count)
            writer.end()
            self.assertEqual(writer.wrong, [])
        seen = self.run_block(0, name)
        self.assertIn("the node stops", seen)
        self.assertIn(str(data), seen)
        subprocess.run(["mount", "-o", "remount,size=1g", data], check=True)
        self.assertIn(name, self.run_block(1, name))
        net.agreement()
        self.all_was_run()

    def test_lost_files(self):
        self.loaded()
        name = "validator-2"
        data = self.net.home(name) / "data"
        height, _ = self.net.agreement()
        self.net.stop(name)
        max((data / "bodies").glob("[0-9a-f]" * 16)).unlink()
        seen = self.run_block(0, name)
        self.assertIn("bodies: it has no segments", seen)
        text = "a damaged block of the ledger was mended"
        wait_until(text, lambda: self.net.log_lines(name, text))
        self.net.agreement(height)
        self.net.stop(name)
        shutil.rmtree(data / "ledger")
        refused = subprocess.run([network.TALLYD, "--home", self.net.home(name)], capture_output=True, text=True, timeout=30)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("first segments are gone", refused.stderr)
        self.run_block(1, name)
        self.net.agreement(self.submit_some())
        self.net.kill("validator-4")  # it votes: without that, nothing would be final
        self.submit_some()
        self.net.start("validator-4")
        self.net.agreement()
        self.all_was_run()

    def test_a_restored_folder(self):
        self.loaded()
        name = "validator-2"
        data, backup = self.net.home(name) / "data", self.net.folder / "backup"
        subprocess.run(["cp", "-a", data, backup], check=True)
        self.submit_some()
        self.net.stop(name)
        shutil.rmtree(data)
        subprocess.run(["cp", "-a", backup, data], check=True)
        refused = subprocess.run([network.TALLYD, "--home", self.net.home(name)], capture_output=True, text=True, timeout=30)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("data/votes is a copy", refused.stderr)
        self.net.expected.append(FOLLOWS)
        self.assertIn(name, self.run_block(0, name))
        self.submit_some()
        self.net.agreement()
        self.all_was_run()

    def test_a_backup_and_a_restore(self):
        files = self.loaded()
        name = "validator-3"
        backup, home = self.net.folder / "backup", self.net.home(name)
        before, _ = self.net.agreement()
        wait_until("a snapshot", lambda: list((home / "data" / "snapshots").glob("*-head")))
        writer = Writer(self.net, "validator-1")  # blocks go on being written meanwhile
        writer.start()
        said = self.run_block(0, name, BACKUP=backup)
        writer.end()
        self.assertFalse(writer.wrong)
        self.assertGreaterEqual(int(re.search(r"final up to height (\d+)", said)[1]), before)
        self.assertRegex(said, r"with the snapshot of height \d+")
        names = {str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file()}
        self.assertFalse([found for found in names if "votes" in found or "state" in found or "key" in found], names)
        self.assertEqual(tally("backup", "--out", backup, home=home, check=REFUSED).json["error"]["reason"], "FOLDER")
        self.assertEqual(tally("restore", "--from", backup, home=home, check=REFUSED).json["error"]["reason"], "DATA")
        self.lose_disk(name)
        self.net.expected.append(FOLLOWS)
        # A byte of any file, and the node is left without data.
        for path in sorted(backup.rglob("*")):
            if not path.is_file() or path.stat().st_size == 0:
                continue
            whole = path.read_bytes()
            path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
            self.assertEqual(tally("restore", "--from", backup, home=home, check=REFUSED).json["error"]["reason"], "BACKUP", path)
            path.write_bytes(whole)
            self.assertFalse((home / "data").exists())
        # The same, and a MANIFEST that fits: what is signed names the file.
        manifest = backup / "MANIFEST"
        said = manifest.read_text()
        for path in sorted(backup.rglob("*")):
            name_there = str(path.relative_to(backup))
            if not path.is_file() or path == manifest:
                continue
            whole = path.read_bytes()
            at = random.randrange(len(whole))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << random.randrange(8)]) + whole[at + 1:])
            forge(manifest, name_there, path.read_bytes())
            error = tally("restore", "--from", backup, home=home, check=REFUSED).json["error"]
            self.assertEqual(error["reason"], "BACKUP", (name_there, at))
            self.assertIn(f"{backup}/{name_there}", error["message"], at)
            path.write_bytes(whole)
            manifest.write_text(said)
            self.assertFalse((home / "data").exists())
        size = self.net.log_size(name)
        self.run_block(1, name, BACKUP=backup)
        self.assertEqual(len(self.net.log_lines(name, FOLLOWS, since=size)), 1)
        self.assertEqual(len(self.net.log_lines(name, "replayed the ledger", since=size)), 1)
        self.submit_some(name)
        self.net.agreement()
        subject = network.records(files["validator-1"])[0]["subject"]
        history = self.net.run(name, "history", subject, check=DONE).json
        self.assertEqual(history["events"], self.net.run("validator-1", "history", subject, check=DONE).json["events"])
        # It votes no more in this epoch, and is prepared for the next one.
        wait_until("a vote record for the next epoch", lambda: self.net.log_lines(name, "vote record from the next epoch", since=size))
        self.net.stop(name)
        tally("fsck", home=home, check=DONE)
        self.net.start(name)
        self.all_was_run()

    def test_an_audit(self):
        name = "observer-1"
        net = self.network()
        for outcome in net.import_all(network.synth(net.folder, seed=5, subjects=SUBJECTS)).values():
            self.assertEqual(outcome.code, DONE, outcome)
        height, _ = net.agreement()
        self.run_block(0, name, OTHER_H=net.home("validator-1"))
        net.down_names.add(name)
        said = self.run_block(1, name)
        net.down_names.add(name)
        self.assertTrue(said.startswith("EQUAL: "), said)
        self.assertIn(f"replayed up to height {height}; ", said)
        self.run_block(2, name)
        self.submit_some()
        net.agreement(height + 1)
        self.all_was_run()

    def test_a_move_to_another_machine(self):
        name = "validator-2"
        net = self.network(observers=0, start=False)
        data, volume, new_volume = net.home(name) / "data", net.folder / "volume", net.folder / "new-volume"
        with open(volume, "wb") as image:
            image.truncate(256 << 20)
        try:
            subprocess.run(["mkfs.ext4", "-q", volume], check=True)
        except FileNotFoundError:
            self.skipTest("there is no mkfs.ext4")
        data.mkdir(mode=0o700)
        self.mounted("-o", "loop", volume, data)
        net.start_all()
        files = network.synth(net.folder, seed=5, subjects=SUBJECTS)
        for outcome in net.import_all(files).values():
            self.assertEqual(outcome.code, DONE, outcome)
        new_home = net.folder / "new-machine"
        self.addCleanup(subprocess.run, ["umount", "-l", new_home / "data"], capture_output=True)
        self.run_block(0, name)
        self.run_block(1, name, VOLUME=volume, NEW_VOLUME=new_volume)
        self.submit_some()
        self.assertIn("votes=yes", self.run_block(2, name, NEW_VOLUME=new_volume, NEW_H=new_home))
        net.down_names.add(name)
        pid = int((new_home / "node.pid").read_text())
        try:
            height = self.submit_some()
            wait_until("the moved one to follow", lambda: tally("status", home=new_home, check=DONE).json["applied_height"] >= height)
            # It is needed, so it votes.
            net.kill("validator-4")
            self.submit_some()
            net.start("validator-4")
        finally:
            os.kill(pid, 15)
            wait_until("its end", lambda: not network.process_runs(pid))
        self.all_was_run()

    def test_an_application(self):
        self.network(observers=0)
        name = "validator-2"
        home = self.net.home(name)
        self.assertIn("200 calls a second, 50 open at once", self.run_block(0, name))
        certificate, key = ((home / "clients" / f"loans.{end}").read_bytes() for end in ("crt", "key"))
        with rpc.Client(self.net, name, certificate, key) as client:
            wait_until("it is let in", lambda: self.is_let_in(client), 10)
            self.assertIn("was read again", self.run_block(1, name))
            self.assertIn("300 calls a second", self.net.run(name, "client", "list", as_json=False, check=DONE).out)
            for _ in range(400):
                self.is_let_in(client)
            with rpc.Client(self.net, name, bare=True) as stranger:
                self.assertFalse(self.is_let_in(stranger))
            seen = self.run_block(2, name)
            self.assertIn("caller=- certificate=- call=/tallystick.v1.Node/GetStatus", seen)
            self.assertIn("caller=loans", self.run_block(3, name))
            self.assertFalse(self.is_let_in(client))
        self.all_was_run()

    def is_let_in(self, client):
        try:
            return client.status() is not None
        except grpc.RpcError:
            return False

    def test_a_watched_node(self):
        self.loaded()
        name, scraper = "validator-2", self.net.folder / "scraper"
        host, port = self.net.addresses(name)[1]
        given = {"SCRAPER": scraper, "SOURCE": ROOT, "ADDRESS": f"{host}:{port}"}
        scraper.mkdir()
        self.run_block(0, name, **given)
        jobs = re.search(r"(?ms)^ *```yaml\n(.*?)^ *```$", PAGE.read_text())[1]
        (scraper / "prometheus.yml").write_text(textwrap.dedent(jobs).replace("127.0.0.1:7001", f"{host}:{port}"))
        self.assertIn("SUCCESS", self.run_block(1, name, **given))
        self.all_was_run()


if __name__ == "__main__":
    network.main()
