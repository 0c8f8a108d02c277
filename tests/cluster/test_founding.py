#!/usr/bin/python3
"""A network founded as institutions found one: each makes a home of its own, one makes the genesis of their join files,
each checks it and starts. And what comes of a home whose data was put back from an old copy."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import textwrap
import unittest

import network
from network import DONE, REFUSED, TALLYD, USAGE, tally, wait_until

FOUNDERS = 4
CREATED = "2026-01-31"
PAGE = network.ROOT / "node" / "FOUNDING.md"
FOLLOWS = "this validator follows and does not vote"


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Founders:
    """Four homes, each a founder's."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        ports = free_ports(2 * FOUNDERS)
        self.homes = [self.folder / f"bank-{i + 1}" for i in range(FOUNDERS)]
        self.addresses = [(f"127.0.0.1:{ports[2 * i]}", f"127.0.0.1:{ports[2 * i + 1]}") for i in range(FOUNDERS)]
        self.processes = {}

    def init(self, i, home=None, words=(), **changes):
        peer, rpc = self.addresses[i]
        options = {"network": "credit", "name": f"Bank {i + 1}", "role": "lender", "kind": "bank", "licence": f"No. {i + 1}",
                   "node": f"bank-{i + 1}", "address": peer, "listen": peer, "rpc": rpc, **changes}
        words = [*words, *(word for option, value in options.items() if value is not None for word in (f"--{option}", value))]
        return tally("init", *words, home=home or self.homes[i])

    def joins(self):
        return [home / "join.json" for home in self.homes]

    def found(self, out, joins=None, created=CREATED):
        return tally("genesis", *(joins or self.joins()), "--out", out, "--created", created)

    def start(self, i, *words):
        with open(self.homes[i] / "log", "ab") as log:
            self.processes[i] = subprocess.Popen([TALLYD, "--home", self.homes[i], *words], stdout=log, stderr=log)

    def stop(self, *which):
        for i in which or list(self.processes):
            self.processes[i].terminate()
        for i in which or list(self.processes):
            assert self.processes.pop(i).wait(30) == 0, self.log(i)[-1000:]

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def log(self, i):
        return (self.homes[i] / "log").read_text()

    def status(self, i):
        outcome = tally("status", home=self.homes[i])
        return outcome.json if outcome.code == DONE else None

    def whole(self, height=0):
        """All stand at one height, certified."""
        def agreed():
            statuses = [self.status(i) for i in self.processes]
            if not all(statuses) or any(status["standing"] == "JOINING" for status in statuses):
                return False
            heights = {(status["applied_height"], status["checkpoint"]["height"] if status["checkpoint"] else 0)
                       for status in statuses}
            return len(heights) == 1 and min(heights)[0] >= height and len(set(heights.pop())) == 1
        wait_until("one certified height", agreed, 60)


class Snapshot:
    """What a snapshot of a volume keeps of files: put back they are the very same ones, and hold what they held then. A
    copy a node knows for one."""

    def __init__(self, home, *parts):
        self.home, self.parts = home, parts
        self.aside = home.parent / f"{home.name}.snapshot"
        self.aside.mkdir()
        self.held = []
        for number, path in enumerate(self.files()):
            os.link(path, self.aside / str(number))
            self.held.append((path, path.read_bytes()))

    def files(self):
        return [path for part in self.parts for path in [self.home / part, *(self.home / part).rglob("*")] if path.is_file()]

    def put_back(self):
        for path in self.files():
            path.unlink()
        for number, (path, held) in enumerate(self.held):
            os.link(self.aside / str(number), path)
            with open(path, "r+b") as file:
                file.truncate()
                file.write(held)


class FoundingTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.founders = Founders(self.folder)
        self.addCleanup(self.founders.close)

    def made(self):
        for i in range(FOUNDERS):
            outcome = self.founders.init(i)
            self.assertEqual(outcome.code, DONE, outcome)

    def founded(self):
        """All four are running; returns the genesis."""
        self.made()
        genesis = self.folder / "genesis.json"
        self.assertEqual(self.founders.found(genesis).code, DONE)
        chain_ids = set()
        for i, home in enumerate(self.founders.homes):
            checked = tally("genesis", "--check", genesis, home=home)
            self.assertEqual(checked.code, DONE, checked)
            chain_ids.add(checked.json["chain_id"])
            subprocess.run([TALLYD, "--home", home, "--init"], check=True)
            self.founders.start(i)
        self.assertEqual(len(chain_ids), 1)
        self.founders.whole()
        return genesis

    def test_the_page_s_commands_do_what_it_says(self):
        blocks = [textwrap.dedent(block) for block in re.findall(r"(?ms)^ *```\n(.*?)^ *```$", PAGE.read_text())]
        init, genesis, check, start, keygen, seal = blocks
        joins, secret = self.folder / "joins", self.folder / "secret"
        joins.mkdir()
        secret.write_text("correct horse battery")
        secret.chmod(0o600)

        def run(block, i=0):
            peer, rpc = self.founders.addresses[i]
            given = {"H": self.founders.homes[i], "MEMBER": f"Bank {i + 1}", "LICENCE": f"No. {i}", "NODE": f"bank-{i + 1}",
                     "ADDRESS": peer, "RPC": rpc, "SECRET": secret, "PATH": f"{network.BIN}:{os.environ['PATH']}"}
            ran = subprocess.run(["bash", "-euc", f"start() {{ :; }}\n{block}"], cwd=self.folder, capture_output=True, text=True,
                                 env={key: str(value) for key, value in given.items()}, timeout=60)
            self.assertEqual(ran.returncode, 0, f"{block}\n{ran.stdout}{ran.stderr}")
            return ran.stdout
        for i in range(FOUNDERS):
            run(init, i)
            shutil.copy(self.founders.homes[i] / "join.json", joins / f"bank-{i + 1}.json")
        run(genesis)
        for i in range(FOUNDERS):
            self.assertIn("Bank 4: lender, bank, No. 3", run(check, i))
            run(start, i)
            self.founders.start(i)
        self.founders.whole()
        self.imported(1, 1)
        self.founders.whole(1)
        run(keygen)
        self.assertRegex(run(seal), r"node.key is sealed\n0[23][0-9a-f]{64}\n")

    def imported(self, i, seed):
        path = self.folder / f"events-{seed}-{i}.ndjson"
        path.write_text(tally("synth", "--seed", seed, "--subjects", 20, "--members", FOUNDERS, "--member", i + 1, check=DONE).out)
        outcome = tally("import", path, home=self.founders.homes[i])
        self.assertEqual(outcome.code, DONE, outcome)
        return path

    def refused(self, outcome, code, reason, *texts):
        self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (code, reason), outcome)
        for text in texts:
            self.assertIn(text, outcome.err)

    def test_four_founders_make_a_network_and_use_it(self):
        genesis = self.founded()
        self.imported(0, 1)
        self.founders.whole(1)
        path = self.imported(2, 2)
        self.founders.whole(2)
        subject = network.records(path)[0]["subject"]
        home = self.founders.homes[2]
        events = tally("history", subject, home=home, check=DONE).json["events"]
        self.assertEqual({event["member"] for event in events}, {3})
        saved = self.folder / "receipt"
        tally("receipt", events[0]["event_id"], "--out", saved, home=home, check=DONE)
        tally("verify", saved, "--genesis", genesis, check=DONE)
        told = {node["name"] for node in self.founders.status(1)["validators"]}
        self.assertEqual(told, {f"bank-{i + 1}" for i in range(FOUNDERS)})
        self.founders.stop()
        for i in range(FOUNDERS):
            self.assertNotIn(" broken ", self.founders.log(i))

    def test_keys_may_be_sealed(self):
        secret, other = self.folder / "secret", self.folder / "other"
        for path, text in ((secret, "correct horse battery\n"), (other, "another\n")):
            path.write_text(text)
            path.chmod(0o600)
        home, given = self.founders.homes[3], ("--passphrase-file", secret)
        for i in range(FOUNDERS):
            self.assertEqual(self.founders.init(i, words=given if i == 3 else ()).code, DONE)
        genesis = self.folder / "genesis.json"
        self.assertEqual(self.founders.found(genesis).code, DONE)
        for i in range(FOUNDERS):  # takes no passphrase: a sealed key has its name in clear
            self.assertEqual(tally("genesis", "--check", genesis, home=self.founders.homes[i]).code, DONE)
        for name in ("node", "signing", "ballot", "salt"):
            self.assertTrue((home / f"{name}.key").read_text().startswith("tallystick-key 1\n"))
        named = json.loads((home / "join.json").read_text())["nodes"][0]["key"]
        self.assertEqual(tally("key", "show", home / "node.key", check=DONE).json["public_key"], named)

        def tallyd(*words, **environment):
            return subprocess.run([TALLYD, "--home", home, "--init", *words], capture_output=True, text=True,
                                  env={**os.environ, **environment}, timeout=30)
        self.assertIn("is sealed; name the file", tallyd().stderr)
        self.assertIn("the passphrase does not open it", tallyd("--passphrase-file", other).stderr)
        self.assertIn("cannot open", tallyd("--passphrase-file", self.folder / "none").stderr)
        self.assertFalse((home / "data").exists())
        self.assertEqual(tallyd(TALLY_PASSPHRASE_FILE=str(secret)).returncode, 0)
        for i in range(FOUNDERS - 1):
            subprocess.run([TALLYD, "--home", self.founders.homes[i], "--init"], check=True)
            self.founders.start(i)
        self.founders.start(3, "--passphrase-file", secret)
        self.founders.whole()
        path = self.folder / "events"
        path.write_text(tally("synth", "--seed", 1, "--subjects", 5, "--members", 4, "--member", 4, check=DONE).out)
        self.refused(tally("import", path, home=home), REFUSED, "PASSPHRASE", "no terminal")
        self.assertEqual(tally("import", path, *given, home=home).code, DONE)
        self.founders.whole(1)
        # Another passphrase, and none.
        key = home / "signing.key"
        self.refused(tally("key", "passphrase", key, "--passphrase-file", other, "--remove"), REFUSED, "PASSPHRASE")
        tally("key", "passphrase", key, *given, "--new-passphrase-file", other, check=DONE)
        self.refused(tally("import", path, *given, home=home), REFUSED, "PASSPHRASE", "does not open it")
        for name in ("signing", "salt"):
            tally("key", "passphrase", home / f"{name}.key", "--remove", "--passphrase-file",
                  other if name == "signing" else secret, check=DONE)
            self.assertEqual(len((home / f"{name}.key").read_text()), 65)
        self.assertEqual(tally("import", path, home=home).code, DONE)
        made = self.folder / "made.key"
        public = tally("keygen", "--out", made, *given, check=DONE).json["public_key"]
        self.assertEqual(tally("key", "show", made, check=DONE).json["public_key"], public)
        made.write_text(made.read_text().replace("scrypt 17", "scrypt 20"))
        self.refused(tally("key", "passphrase", made, *given, "--remove"), REFUSED, "KEY", "out of bounds")

    def test_a_home_is_whole_and_is_never_written_over(self):
        self.made()
        home = self.founders.homes[0]
        for path in home.iterdir():
            self.assertEqual(path.stat().st_mode & 0o077 == 0, path.suffix == ".key", path)
        before = {path.name: path.read_bytes() for path in home.iterdir()}
        self.refused(self.founders.init(0), REFUSED, "EXISTS", "is not touched")
        self.assertEqual({path.name: path.read_bytes() for path in home.iterdir()}, before)
        fresh = self.folder / "fresh"
        for changes in ({"role": "king"}, {"network": "two words"}, {"address": "nowhere"}, {"address": None}, {"kind": ""},
                        {"listen": "127.0.0.1:0"}, {"name": "x" * 65}, {"node": "-x"}, {"node": "7"}, {"name": "12"}):
            with self.subTest(changes=changes):
                self.refused(self.founders.init(0, home=fresh, **changes), USAGE, "USAGE")
        (self.folder / "short").write_text("12\n")
        self.refused(self.founders.init(0, home=fresh, **{"subject-key": self.folder / "short"}), REFUSED, "KEY")
        self.assertEqual({path.name for path in self.folder.iterdir()}, {home.name for home in self.founders.homes} | {"short"})
        fresh.mkdir()  # an empty one will do
        self.assertEqual(self.founders.init(0, home=fresh).code, DONE)

    def test_the_same_files_make_the_same_genesis(self):
        self.made()
        outs = [self.folder / name for name in ("a", "b", "c", "d")]
        self.assertEqual(self.founders.found(outs[0]).json["chain_id"], self.founders.found(outs[1]).json["chain_id"])
        self.assertEqual(outs[0].read_bytes(), outs[1].read_bytes())
        told = self.founders.found(outs[2], joins=self.founders.joins()[::-1]).json
        self.assertEqual([member["name"] for member in told["members"]], [f"Bank {4 - i}" for i in range(4)])
        self.assertNotEqual(outs[0].read_bytes(), outs[2].read_bytes())
        self.founders.found(outs[3], created="2026-02-01")
        self.assertNotEqual(outs[0].read_bytes(), outs[3].read_bytes())
        self.refused(self.founders.found(outs[0]), REFUSED, "FILE", "exists already")

    def test_join_files_that_do_not_hold_are_refused(self):
        self.made()
        out, odd = self.folder / "genesis.json", self.folder / "odd.json"
        joins, sound = self.founders.joins(), json.loads(self.founders.joins()[0].read_text())

        def altered(**changes):
            odd.write_text(json.dumps({**sound, **changes}))
            return self.founders.found(out, joins=[odd, *joins[1:]])
        for changes in ({"name": "Bank 7"}, {"role": "regulator"}, {"licence": "No. 8"}, {"network": "other"},
                        {"nodes": [{**sound["nodes"][0], "address": "10.0.0.1:1"}]},
                        {"proofs": sound["proofs"][::-1]}, {"proofs": sound["proofs"][:2]}):
            with self.subTest(changes=changes):
                self.refused(altered(**changes), REFUSED, "JOIN_FILE", "odd.json", "a proof fails")
        self.refused(altered(more=1), REFUSED, "JOIN_FILE", "more")
        self.refused(self.founders.found(out, joins=[joins[0], *joins]), REFUSED, "GENESIS")  # one stands twice
        self.refused(self.founders.found(out, joins=joins[:3]), REFUSED, "TOO_FEW", "4 validators")
        other = self.folder / "other"
        self.assertEqual(self.founders.init(0, home=other, network="elsewhere").code, DONE)
        self.refused(self.founders.found(out, joins=[*joins, other / "join.json"]), REFUSED, "NETWORK", "elsewhere")
        shutil.rmtree(other)
        self.assertEqual(self.founders.init(0, home=other, name="Bank 2", node="bank-9").code, DONE)
        self.refused(self.founders.found(out, joins=[*joins, other / "join.json"]), REFUSED, "GENESIS", "Bank 2")
        self.assertFalse(out.exists())

    def test_a_join_file_for_a_chain_founds_no_other(self):
        self.made()
        out, later = self.folder / "genesis.json", self.folder / "later"
        self.assertEqual(self.founders.found(out).code, DONE)
        self.assertEqual(self.founders.init(0, home=later, name="Bank 5", node="bank-5", network=None, genesis=out).code, DONE)
        self.assertEqual((later / "genesis.json").read_bytes(), out.read_bytes())
        joins = [*self.founders.joins(), later / "join.json"]
        self.refused(self.founders.found(self.folder / "again", joins=joins), REFUSED, "JOIN_FILE", "another chain")

    def test_a_founder_sees_that_it_is_not_in_as_it_meant(self):
        self.made()
        out, home = self.folder / "genesis.json", self.founders.homes[0]
        self.assertEqual(self.founders.found(out).code, DONE)
        sound = json.loads(out.read_text())
        self.assertEqual(tally("genesis", "--check", out).code, DONE)  # who is in, for anybody

        def checked(change):
            genesis = json.loads(json.dumps(sound))
            change(genesis)
            path = self.folder / "changed.json"
            path.write_text(json.dumps(genesis))
            return tally("genesis", "--check", path, home=home)
        spare = json.loads((self.founders.homes[1] / "join.json").read_text())
        for change in (lambda genesis: genesis["members"][0].update(role="bureau"),
                       lambda genesis: genesis["members"][0].update(name="Bank 0"),
                       lambda genesis: genesis["members"][0].update(keys=[]),
                       lambda genesis: genesis["members"][1].update(ballot_keys=[]) or
                       genesis["members"][0].update(ballot_keys=spare["ballot_keys"]),
                       lambda genesis: genesis["validators"][0].update(address="10.0.0.1:1"),
                       lambda genesis: genesis["validators"][0].update(member=2),
                       lambda genesis: genesis["validators"][1].update(member=1),
                       lambda genesis: genesis.update(network="other")):
            self.refused(checked(change), REFUSED, "DIFFERS")
        self.assertFalse((home / "genesis.json").exists())
        self.assertEqual(tally("genesis", "--check", out, home=home).code, DONE)
        self.assertEqual(tally("genesis", "--check", out, home=home).code, DONE)
        self.refused(checked(lambda genesis: genesis.update(created_ms=1)), REFUSED, "EXISTS")
        shutil.copy(self.founders.homes[1] / "node.key", home / "node.key")
        self.refused(tally("genesis", "--check", out, home=home), REFUSED, "DIFFERS", "node.key")

    def put_back(self, *parts):
        """Stops the fourth node, and puts parts of its home back as they were before it cast its newest votes. Meanwhile
        the third was down, so that every certificate has a signature of the fourth."""
        self.founded()
        home = self.founders.homes[3]
        self.imported(3, 1)
        self.founders.whole(1)
        self.founders.stop(3)
        snapshot = Snapshot(home, *parts)
        self.founders.start(3)
        self.founders.whole(1)
        self.founders.stop(2)
        for seed in range(2, 6):
            self.imported(3, seed)
        self.founders.whole(5)
        self.founders.stop(3)
        snapshot.put_back()
        self.founders.start(3)
        return home

    def follows(self, reason):
        wait_until("its silence", lambda: FOLLOWS in self.founders.log(3), 30)
        status = wait_until("its answer", lambda: self.founders.status(3), 30)
        self.assertFalse(status["may_vote"])
        self.assertIn(reason, status["mute_reason"])
        if 2 not in self.founders.processes:
            self.founders.start(2)
        self.imported(1, 6)  # the others go on, and it follows
        self.founders.whole(6)

    def test_old_data_beside_a_newer_guard_does_not_vote(self):
        home = self.put_back("data")
        self.follows("its guard knows that it voted in view")
        self.founders.stop(3)
        (home / "guard").unlink()
        self.founders.start(3)
        self.follows("its guard is missing")

    def test_a_validator_of_which_peers_know_more_falls_silent(self):
        """The whole home is put back, guard and all: the others tell."""
        self.put_back("data", "guard")
        self.follows("a peer has its signature of view")


if __name__ == "__main__":
    network.main()
