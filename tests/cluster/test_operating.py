#!/usr/bin/env python3
"""The page about running a network's membership, followed to the letter: every command that it shows is run, in its order,
and the others vote where it says that they do."""

import json
import os
import re
import shutil
import subprocess

import network
from governed import GovernedTest
from network import DONE, REFUSED, wait_until
from test_founding import free_ports

PAGE = network.ROOT / "node" / "governance" / "OPERATING.md"
COMMAND_LIMIT_S = 60


def commands_of(page):
    """The commands of its blocks, without what is said beside them."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", page)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [line for line in (re.sub(r"\s+# .*|^#.*", "", line).strip() for line in lines) if line]


class OperatingTest(GovernedTest):
    validators, observers = 5, 1

    def setUp(self):
        super().setUp()
        self.commands = commands_of(PAGE.read_text())
        self.folder = self.members.folder / "desk"
        self.folder.mkdir()
        shutil.copy(self.members.genesis, self.folder / "genesis.json")
        shutil.copy(self.members.home(self.names[0]) / "subject.key", self.folder)

    def typed(self, command, home, code=DONE, **given):
        """Runs a command of the page, by a member or at a home; returns what it printed."""
        if isinstance(home, int):
            home = self.members.home(self.names[home - 1])
        given = {"H": home, "PATH": f"{network.BIN}:{os.environ['PATH']}", **given}
        ran = subprocess.run(["bash", "-euc", command], cwd=self.folder, capture_output=True, text=True,
                             env={key: str(value) for key, value in given.items()}, timeout=COMMAND_LIMIT_S)
        self.assertEqual(ran.returncode, code, f"{command}\n{ran.stdout}{ran.stderr}")
        return ran.stdout + ran.stderr

    def step(self, words, home, **given):
        """The same of the page's next command, which holds these words."""
        command = self.commands.pop(0)
        self.assertIn(words, command)
        return self.typed(command, home, **given)

    def newest(self):
        return self.shown()["open"][-1]["number"]

    def voted(self, *voters):
        """The others vote on the newest proposal until it has passed."""
        number = self.newest()
        for voter in voters:
            answer = self.vote(number, voter)
            if answer["outcome"] != "open":
                break
        self.assertEqual(answer["outcome"], "passed", answer)
        for member in range(1, len(self.names) + 1):
            self.seen(member, answer["height"])

    def decided(self, words, by, *voters, **given):
        out = self.step(words, by, **given)
        self.voted(*voters)
        return out

    def validators_are(self, *names):
        wait_until(f"the validators are {names}", lambda: {
            node["name"] for node in self.members.status(self.names[0])["validators"]} == set(names), 60)

    def submitted(self, member):
        outcome = self.members.run(self.names[member - 1], "consent", "grant", os.urandom(32).hex(),
                                   "--purposes", "CREDIT_DECISION", "--days", 3)
        self.assertEqual(outcome.code, DONE, outcome)

    def newcomer(self, home):
        daemon = subprocess.Popen([network.TALLYD, "--home", home], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)

    def joins(self, home):
        peer, calls = (f"127.0.0.1:{port}" for port in free_ports(2))
        self.step("init --genesis genesis.json", home, ADDRESS=peer, RPC=calls)
        shutil.copy(home / "join.json", self.folder)
        make, start = self.commands.pop(0), self.commands.pop(0)  # "when the proposal has passed"
        self.step("gov admit join.json", 1)
        number, vote = self.newest(), self.commands.pop(0)
        for voter in (2, 3, 4, 5):
            self.seen(voter, self.shown()["height"])
            out = self.typed(vote, voter, NUMBER=number)
        self.assertIn("passed", out)
        self.typed(make, home)
        self.assertEqual(start, 'tallyd --home "$H"')
        self.newcomer(home)
        self.validators_are(*self.names[:5], "bank-e")

    def test_the_page_s_commands_do_what_it_says(self):
        self.step("gov show", 1)
        self.gov(1, "set", "heartbeat_ms", 4000)
        self.seen(2, self.shown()["height"])
        self.step("gov vote", 2, NUMBER=1)
        self.step("gov withdraw", 1, NUMBER=1)

        self.joins(self.members.folder / "bank-e")
        for words, voters in (("gov suspend", (2, 3, 4, 5, 6)), ("gov restore", (2, 3, 4, 5, 6)), ("gov remove", (2, 3, 4, 5, 6))):
            self.decided(words, 1, *voters)
        self.validators_are(*self.names[:5])

        self.decided("rotate-key signing", 2, 1, 3, 4, 5, 6)
        self.submitted(2)
        self.decided("rotate-key node", 2, 1, 3, 4, 5, 6)
        wait_until("the new key's place", lambda: not (self.members.home(self.names[1]) / "node.key.next").exists())

        self.assertIn(self.key_of("signing", 3), self.step("show --keys", 3))
        stolen = self.key_of("signing", 3)
        self.decided("add-key signing", 3, 1, 2, 4, 5, 6)
        self.step("revoke-own-key", 3, STOLEN=stolen)
        (self.folder / "new.key").rename(self.members.home(self.names[2]) / "signing.key")
        self.submitted(3)

        self.decided("revoke-key ballot", 1, 2, 3, 4, 6, STOLEN=self.key_of("ballot", 5))
        self.step("keygen", 5)
        self.step("prove-key ballot", 5, MEMBER=5)
        self.decided("add-key --proof", 1, 2, 3, 4, 6)

        self.step("tally policy cn", 1)
        path = self.folder / "ours.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "name": "ours", "version": 2}))
        self.decided("gov policy", 1, 2, 3, 4, 6)
        self.decided("gov set", 1, 2, 3, 4, 6)
        self.decided("gov validators", 1, 2, 3, 4, 6, NEW="observer-1", OLD="validator-2")
        self.validators_are("observer-1", *(name for name in self.names[:5] if name != "validator-2"))

        self.assertIn("this version knows no protocol flag 1", self.step("gov flag", 1, code=REFUSED))
        self.assertEqual(self.commands, [])


if __name__ == "__main__":
    network.main()
