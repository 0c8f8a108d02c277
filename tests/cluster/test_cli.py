#!/usr/bin/python3
"""The command line as scripts rely on it: exit codes, help, JSON, and what the commands of a development network do."""

import json
import os
import stat
import subprocess

import network
from network import DONE, REFUSED, UNREACHABLE, USAGE, tally

COMMANDS = ["devnet", "import", "consent", "reserve", "dispute", "history", "receipt", "verify", "status", "checkpoint", "blame", "block", "subject-id", "synth", "keygen", "key", "init", "genesis"]


class CliTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = network.synth(cls.shared.folder, seed=3, subjects=20)
        for outcome in cls.shared.import_all(cls.files).values():
            assert outcome.code == DONE, outcome
        cls.shared.agreement()

    def fails(self, code, reason, *arguments, **options):
        """The command ends with the code and one error object, and one line on stderr."""
        outcome = tally(*arguments, **options)
        self.assertEqual(outcome.code, code, outcome)
        error = outcome.json["error"]
        if reason is not None:
            self.assertEqual(error["reason"], reason, outcome)
        self.assertTrue(error["message"])
        self.assertEqual(len(outcome.err.splitlines()), 1, outcome)
        plain = tally(*arguments, **options, as_json=False)
        self.assertEqual((plain.code, plain.out), (code, ""), plain)
        return error

    # Help and usage

    def test_every_command_has_its_help(self):
        listed = tally("help", as_json=False, check=DONE).out
        for command in COMMANDS:
            self.assertRegex(listed, rf"(?m)^  {command} ")
            text = tally("help", command, as_json=False, check=DONE).out
            self.assertIn("usage: tally", text)
            self.assertIn(command, text)
            self.assertEqual(tally(command, "--help", as_json=False, check=DONE).out, text)

    def test_wrong_usage_ends_with_2(self):
        home = self.net.home("validator-1")
        for arguments in ([], ["nothing"], ["import"], ["import", "a", "b"], ["history"], ["history", "xyz"],
                          ["verify", "file"], ["block"], ["block", "-1"], ["block", "ten"], ["checkpoint", "x"],
                          ["status", "x"], ["keygen"], ["synth"], ["synth", "--seed", "1"], ["devnet"],
                          ["devnet", "up"], ["devnet", "fly", "--dir", "d"], ["subject-id", "x"],
                          ["devnet", "up", "--dir", "d", "--validators", "3"], ["status", "--unknown"],
                          ["help", "nothing"], ["verify", "f", "--genesis"]):
            with self.subTest(arguments=arguments):
                self.fails(USAGE, "USAGE", *arguments, home=home)
        self.fails(USAGE, "USAGE", "status")
        self.assertFalse(os.path.exists("d"))

    def test_the_home_may_come_from_the_environment(self):
        home = self.net.home("observer-1")
        ran = subprocess.run([network.TALLY, "--json", "status"], env={**os.environ, "TALLY_HOME": str(home)},
                             capture_output=True, text=True, timeout=30)
        self.assertEqual(json.loads(ran.stdout)["name"], "observer-1")

    def test_a_home_that_is_none_is_refused(self):
        self.fails(REFUSED, "HOME", "status", home=self.net.folder / "nowhere")

    # What nodes answer

    def test_status_holds_what_scripts_rely_on(self):
        status = self.net.status("validator-2")
        self.assertLessEqual({"chain_id", "name", "role", "epoch", "view", "finalized_height", "applied_height",
                              "checkpoint", "events", "subjects", "peers"}, set(status))
        self.assertLessEqual({"height", "state_root", "time_ms"}, set(status["checkpoint"]))
        self.assertEqual((status["name"], status["role"], len(status["peers"])), ("validator-2", "validator", 4))
        self.assertEqual(status["events"], sum(map(network.line_count, self.files.values())))
        self.assertIn("validator-2", self.net.run("validator-2", "status", as_json=False, check=DONE).out)

    def test_a_block_and_a_checkpoint_are_checked_and_shown(self):
        height, _ = self.net.agreement()
        counted = 0
        for number in range(1, height + 1):
            block = self.net.run("validator-1", "block", number, check=DONE).json
            checkpoint = self.net.run("observer-1", "checkpoint", number, check=DONE).json
            self.assertEqual((block["height"], checkpoint["height"]), (number, number))
            self.assertEqual((block["block"], block["time_ms"]), (checkpoint["block"], checkpoint["time_ms"]))
            self.assertEqual(len(block["events"]), block["payload_events"])
            self.assertGreaterEqual(len(checkpoint["signers"]), 3)
            counted += block["payload_events"]
        self.assertEqual(counted, sum(map(network.line_count, self.files.values())))
        newest = self.net.run("validator-3", "checkpoint", check=DONE).json
        self.assertGreaterEqual(newest["height"], height)
        for what in ("block", "checkpoint"):
            self.fails(REFUSED, "NOT_FOUND", what, 1 << 40, home=self.net.home("validator-1"))

    def test_a_history_for_people_tells_its_events(self):
        subject = network.records(self.files["validator-1"])[0]["subject"]
        text = self.net.run("validator-1", "history", subject, as_json=False, check=DONE).out
        shown = self.net.run("validator-1", "history", subject, check=DONE).json
        self.assertGreaterEqual(len(text.splitlines()), len(shown["events"]))
        self.assertLessEqual({"type", "member", "account", "event_date", "height", "body"}, set(shown["events"][0]))

    def test_a_stopped_node_is_unreachable(self):
        name = "validator-4"
        self.net.stop(name)
        home = self.net.home(name)
        for arguments in (["status"], ["block", 1], ["checkpoint"], ["history", "00" * 32],
                          ["import", self.files[name]]):
            with self.subTest(arguments=arguments):
                self.fails(UNREACHABLE, "UNREACHABLE", *arguments, home=home)
        self.net.start(name)

    def test_a_node_with_another_certificate_is_not_trusted(self):
        """Its place taken by somebody else, whose certificate is not the one in the home."""
        copy = self.net.folder / "copy"
        copy.mkdir()
        for file in self.net.home("validator-1").iterdir():
            if file.is_file():
                (copy / file.name).write_bytes(file.read_bytes())
        (copy / "rpc.crt").write_bytes((self.net.home("validator-2") / "rpc.crt").read_bytes())
        self.fails(UNREACHABLE, None, "status", home=copy)

    def test_an_observer_does_not_furnish(self):
        outcome = self.net.run("observer-1", "import", self.files["validator-1"])
        self.assertEqual(outcome.code, REFUSED, outcome)
        self.assertEqual(set(outcome.json["results"]), {"NOT_ALLOWED"})

    def test_import_reads_standard_input(self):
        text = self.files["validator-1"].read_text()
        counts = self.net.run("validator-1", "import", "-", stdin=text, check=DONE).json
        self.assertEqual(counts["duplicate"], network.line_count(self.files["validator-1"]))
        self.fails(REFUSED, "FILE", "import", "/no/such/file", home=self.net.home("validator-1"))

    # Verify

    def test_verify_names_a_missing_or_foreign_file(self):
        self.fails(REFUSED, "FILE", "verify", "/no/such/file", "--genesis", self.net.genesis)
        self.fails(REFUSED, "FORM", "verify", self.net.genesis, "--genesis", self.net.genesis)
        self.fails(REFUSED, "GENESIS", "verify", self.net.genesis, "--genesis", self.files["validator-1"])

    # Keys and pseudonyms

    def test_keygen_writes_a_secret_for_its_owner_alone_and_never_over_another(self):
        path = self.net.folder / "key"
        made = tally("keygen", "--out", path, check=DONE).json
        self.assertRegex(made["public_key"], r"^0[23][0-9a-f]{64}$")
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        secret = path.read_text()
        self.assertRegex(secret, r"^[0-9a-f]{64}\n?$")
        self.fails(REFUSED, "EXISTS", "keygen", "--out", path)
        self.assertEqual(path.read_text(), secret)
        self.fails(REFUSED, "FILE", "keygen", "--out", self.net.folder / "no" / "key")

    def test_secrets_in_homes_are_their_owners_alone(self):
        for name in self.net.names:
            for file in self.net.home(name).glob("*.key"):
                self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    def test_a_document_gives_the_same_subject_at_every_member(self):
        def subject(name, document):
            return self.net.run(name, "subject-id", stdin=document + "\n", check=DONE).json["subject"]

        one = subject("validator-1", "CN_ID:11010519491231002X")
        self.assertRegex(one, r"^[0-9a-f]{64}$")
        self.assertEqual(one, subject("validator-2", "CN_ID:11010519491231002x"))
        self.assertEqual(one, subject("observer-1", "CN_ID:110105 1949 1231-002X"))
        self.assertNotEqual(one, subject("validator-1", "PASSPORT_CN:11010519491231002X"))
        self.assertNotEqual(one, subject("validator-1", "CN_ID:110105194912310021"))
        outcome = self.net.run("validator-1", "subject-id", stdin="nonsense 12345\n", check=REFUSED)
        self.assertNotIn("12345", outcome.out + outcome.err)

    def test_synth_repeats_itself(self):
        arguments = ["synth", "--seed", 5, "--subjects", 10, "--members", 2, "--member", 1]
        self.assertEqual(tally(*arguments, check=DONE).out, tally(*arguments, check=DONE).out)
        arguments[2] = 6
        for line in tally(*arguments, check=DONE).out.splitlines():
            self.assertLessEqual({"type", "subject", "account", "event_date"}, set(json.loads(line)))

    # The development network

    def test_devnet_status_holds_what_scripts_rely_on(self):
        shown = tally("devnet", "status", "--dir", self.net.dir, check=DONE).json
        self.assertEqual([node["name"] for node in shown["nodes"]], self.net.names)
        for node in shown["nodes"]:
            self.assertLessEqual({"name", "role", "pid", "running", "rpc", "finalized_height", "state_root"}, set(node))
            self.assertTrue(node["running"])
            self.assertRegex(node["rpc"], r"^127\.0\.0\.1:\d+$")
            self.assertRegex(node["state_root"], r"^[0-9a-f]{64}$")

    def test_devnet_stops_and_starts_by_name(self):
        name = "validator-3"
        stopped = {node["name"]: node for node in self.net.stop(name)["nodes"]}
        self.assertEqual((stopped[name]["running"], stopped[name]["pid"], stopped[name]["state_root"]),
                         (False, None, None))
        self.assertTrue(all(node["running"] for other, node in stopped.items() if other != name))
        self.net.stop(name)  # again: nothing to do
        started = {node["name"]: node for node in self.net.start(name)["nodes"]}
        self.assertTrue(started[name]["running"])
        pid = started[name]["pid"]
        self.assertEqual({node["name"]: node for node in self.net.start(name)["nodes"]}[name]["pid"], pid)
        self.net.agreement()
        self.fails(USAGE, None, "devnet", "stop", "validator-9", "--dir", self.net.dir)

    def test_devnet_logs_tells_a_node_s_log(self):
        text = tally("devnet", "logs", "validator-1", "--dir", self.net.dir, as_json=False, check=DONE).out
        self.assertIn('"node is running"', text)
        for line in tally("devnet", "logs", "validator-1", "--dir", self.net.dir, check=DONE).out.splitlines():
            self.assertIn("line", json.loads(line))

    def test_devnet_down_and_up_again_keeps_everything(self):
        net = self.network(validators=4, observers=2)
        files = network.synth(net.folder, seed=4, subjects=10, members=4)
        net.import_all(files)
        height, root = net.agreement()
        net.down_names.update(net.names)
        down = tally("devnet", "down", "--dir", net.dir, check=DONE).json
        self.assertFalse(any(node["running"] for node in down["nodes"]))
        self.assertEqual([name for name in net.names if net.running(name)], [])
        for name in net.names:
            self.assertRegex(net.log(name).splitlines()[-1], "(?i)stop")
        net.start_all()
        again = net.agreement(height)
        if again[0] == height:
            self.assertEqual(again[1], root)
        self.assertEqual(net.events_counted("observer-2"), sum(map(network.line_count, files.values())))
        self.fails(USAGE, None, "devnet", "up", "--dir", net.dir, "--validators", 5)

    def test_devnet_takes_no_folder_that_holds_something_else(self):
        folder = self.net.folder / "taken"
        folder.mkdir()
        (folder / "file").write_text("mine")
        self.fails(REFUSED, "NOT_EMPTY", "devnet", "up", "--dir", folder)
        self.assertEqual([path.name for path in folder.iterdir()], ["file"])
        self.fails(REFUSED, None, "devnet", "status", "--dir", folder)

    def test_the_daemon_tells_what_it_lacks(self):
        for arguments, code in (([], 2), (["--home"], 2), (["--unknown"], 2), (["--home", "/no/such/home"], 1),
                                (["--help"], 0), (["--version"], 0)):
            ran = subprocess.run([network.TALLYD, *arguments], capture_output=True, text=True, timeout=30)
            self.assertEqual(ran.returncode, code, (arguments, ran.stderr))
        home = self.net.folder / "exposed"
        home.mkdir()
        for file in self.net.home("validator-1").iterdir():
            if file.is_file():
                (home / file.name).write_bytes(file.read_bytes())
                (home / file.name).chmod(0o644)
        ran = subprocess.run([network.TALLYD, "--home", home], capture_output=True, text=True, timeout=30)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("chmod 600", ran.stderr)
        for path in home.iterdir():
            path.chmod(0o600)
        yaml = (home / "node.yaml").read_text()
        for line, word in (("subject_cache_mib: 262145", "at most 262144"), ("subject_cache_mib: much", "much"),
                           ("subject_cash_mib: 1", "subject_cash_mib")):
            (home / "node.yaml").write_text(yaml + line + "\n")
            ran = subprocess.run([network.TALLYD, "--home", home], capture_output=True, text=True, timeout=30)
            self.assertEqual(ran.returncode, 1)
            self.assertIn("node.yaml", ran.stderr)
            self.assertIn(word, ran.stderr)


if __name__ == "__main__":
    network.main()
