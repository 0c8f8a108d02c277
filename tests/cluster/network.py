"""What the cluster tests share: networks of real daemons, the command line, waiting within a bound, and the logs.

Set by the environment:
  TALLY_BIN          the folder of tally and tallyd (default: build/bin)
  TALLY_TEST_FULL    1 for the full sizes
  TALLY_TEST_KEEP    1 to keep a network's folder after its tests
  TALLY_SANITIZED    1 where the binaries are built with sanitizers: their memory and speed are not the node's
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TALLY_BIN") or ROOT / "build" / "bin").resolve()
TALLY = BIN / "tally"
TALLYD = BIN / "tallyd"
FULL = os.environ.get("TALLY_TEST_FULL") == "1"
KEEP = os.environ.get("TALLY_TEST_KEEP") == "1"
SANITIZED = os.environ.get("TALLY_SANITIZED") == "1"
if SANITIZED:
    os.environ.setdefault("TSAN_OPTIONS", f"suppressions={ROOT}/tests/thread_sanitizer.supp")

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3

COMMAND_LIMIT_S = 3600 if FULL else 120
FILE_LIMIT_S = 7200 if FULL else 600
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|unusual|broken) \"([^\"]*)\"(.*)$")


class Outcome:
    """How a command ended: its exit code, and what it wrote."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"{' '.join(map(str, self.arguments))}: exit {self.code}\n{self.out[-2000:]}{self.err[-2000:]}"


def tally(*arguments, home=None, as_json=True, check=None, stdin=None, limit_s=COMMAND_LIMIT_S):
    """Runs the command line. With `check`, any other exit code is an error here."""
    command = [str(TALLY), *(["--home", str(home)] if home else []), *(["--json"] if as_json else []),
               *map(str, arguments)]
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=limit_s)
    outcome = Outcome(command, ran.returncode, ran.stdout, ran.stderr)
    if check is not None and outcome.code != check:
        raise AssertionError(f"exit {check} was expected: {outcome}")
    return outcome


def tally_start(*arguments, home=None):
    """Starts the command line with --json and returns its process; see tally_end."""
    command = [str(TALLY), *(["--home", str(home)] if home else []), "--json", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def tally_end(process, limit_s=COMMAND_LIMIT_S):
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Outcome(process.args, process.returncode, out, err)


def wait_until(what, condition, limit_s=30, every_s=0.05):
    """Returns the first true value of condition(), or fails, saying what was waited for and what was seen last."""
    until = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit_s} s: {what}; last seen: {value!r}")
        time.sleep(every_s)


def process_runs(pid):
    """Whether the process, with its files and locks, is still there. One that nobody waited for is not, once its last
    thread has ended."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def resident_kib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])


class Network:
    """A development network in a temporary folder, up within `with`, gone afterwards.

    `expected` are texts of log lines of level broken, or parts of lines the daemon writes outside its log, that a
    test provokes; every other such line fails the test (see NetworkTest). With `open_reads` histories need no
    inquiry, which most tests are not about."""

    channel_options = ()  # of stock clients of its nodes

    def __init__(self, validators=4, observers=1, start=True, within=None, open_reads=True, policy=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-test.", dir=within))
        self.dir = self.folder / "net"
        self.expected = []
        self.log_seen = {}
        self.validators = [f"validator-{i + 1}" for i in range(validators)]
        self.observers = [f"observer-{i + 1}" for i in range(observers)]
        self.names = self.validators + self.observers
        self.down_names = set() if start else set(self.names)
        try:
            tally("devnet", "up", "--dir", self.dir, "--validators", validators, "--observers", observers,
                  *(["--open-reads"] if open_reads else []), *(["--policy", policy] if policy else []),
                  *([] if start else ["--no-start"]), check=DONE)
            if start:
                self.take_part()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def close(self):
        for name in self.names:
            pid = self.pid(name)
            if pid is not None and self._is_ours(pid, name):
                os.kill(pid, signal.SIGKILL)
        if not KEEP:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"kept: {self.folder}", file=sys.stderr)

    # Places

    @property
    def genesis(self):
        return self.dir / "genesis.json"

    def home(self, name):
        return self.dir / name

    def addresses(self, name):
        """(peer, rpc), each (host, port)."""
        text = (self.home(name) / "node.yaml").read_text()
        found = []
        for key in ("peer_address", "rpc_address"):
            host, port = re.search(rf"^{key}:\s*\"?([^\s\":]+):(\d+)", text, re.MULTILINE).groups()
            found.append((host, int(port)))
        return found

    # Processes

    def pid(self, name):
        try:
            return int((self.home(name) / "node.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _is_ours(self, pid, name):
        try:
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return b"tallyd" in line[0] and str(self.home(name).resolve()).encode() in [
            os.path.realpath(word) for word in line if word]

    def running(self, name):
        pid = self.pid(name)
        return pid is not None and process_runs(pid) and self._is_ours(pid, name)

    def kill(self, *names):
        """kill -9 of all the named at once; returns once they have ended."""
        pids = [self.pid(name) for name in names]
        self.down_names.update(names)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            wait_until("the end of a killed process", lambda pid=pid: not process_runs(pid), every_s=0.002)

    def start(self, name):
        outcome = tally("devnet", "start", name, "--dir", self.dir, check=DONE)
        self.down_names.discard(name)
        return outcome.json

    def start_all(self):
        outcome = tally("devnet", "up", "--dir", self.dir, check=DONE)
        self.down_names.clear()
        return outcome.json

    def stop(self, name):
        self.down_names.add(name)
        return tally("devnet", "stop", name, "--dir", self.dir, check=DONE).json

    def begin_with(self, data):
        """Gives each validator, before it ever starts, a ledger and a state that were made elsewhere."""
        for name in self.validators:
            home = self.home(name)
            subprocess.run([str(TALLYD), "--home", home, "--init"], check=True, capture_output=True)
            (home / "first-start").unlink()
            for folder in ("ledger", "bodies", "state"):
                shutil.copytree(data / folder, home / "data" / folder)

    # What the nodes say

    def run(self, name, *arguments, **options):
        return tally(*arguments, home=self.home(name), **options)

    def status(self, name):
        """The node's own status, or None while it does not answer."""
        outcome = self.run(name, "status")
        return outcome.json if outcome.code == DONE else None

    def overview(self):
        """name -> what `devnet status` says of it."""
        return {node["name"]: node for node in tally("devnet", "status", "--dir", self.dir, check=DONE).json["nodes"]}

    def agreement(self, height=1, names=None, limit_s=60):
        """Waits until all named nodes stand at the same height, at or above the given one, with one state root and a
        checkpoint of that height; returns (height, state_root)."""
        names = names or [name for name in self.names if name not in self.down_names]

        def agreed():
            nodes = [node for node in self.overview().values() if node["name"] in names]
            stand = {(node["applied_height"], node["state_root"]) for node in nodes}
            if len(stand) != 1:
                return False
            stand = stand.pop()
            certified = all(node["checkpoint"] and node["checkpoint"]["height"] == stand[0] and
                            node["checkpoint"]["state_root"] == stand[1] for node in nodes)
            return stand if stand[0] is not None and stand[0] >= height and certified else False

        try:
            return wait_until(f"one height and state root at {', '.join(names)}", agreed, limit_s, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.overview(), indent=1)}") from None

    def take_part(self, names=None, limit_s=60):
        """Waits until all named nodes, the validators unless given, have found out how far the network is: until then they
        take no events."""
        def standing(name):
            return (self.status(name) or {"standing": "JOINING"})["standing"]

        for name in names or self.validators:
            wait_until(f"{name} takes part", lambda name=name: standing(name) != "JOINING", limit_s)

    def events_counted(self, name="validator-1"):
        return self.status(name)["events"]

    def import_all(self, files, limit_s=COMMAND_LIMIT_S):
        """Imports one file through each named node, all at once: {name: file} -> {name: Outcome}."""
        running = {name: tally_start("import", file, home=self.home(name)) for name, file in files.items()}
        return {name: tally_end(process, limit_s) for name, process in running.items()}

    # Logs

    def log(self, name):
        try:
            return (self.home(name) / "node.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_size(self, name):
        return len(self.log(name))

    def log_lines(self, name, text, since=0):
        """The log's lines after the first `since` characters that hold `text`."""
        return [line for line in self.log(name)[since:].splitlines() if text in line]

    def wrong_lines(self):
        """Lines of level broken, and lines that are no log lines at all (a sanitizer's, a failed check's), which no
        test expects. Each is told once."""
        wrong = []
        for name in self.names:
            text = self.log(name)
            for line in text[self.log_seen.get(name, 0):].splitlines():
                found = LOG_LINE.match(line)
                if found and found.group(1) != "broken":
                    continue
                if line and not any(text in line for text in self.expected):
                    wrong.append(f"{name}: {line}")
            self.log_seen[name] = len(text)
        return wrong

    def ended_by_itself(self):
        return [name for name in self.names if name not in self.down_names and not self.running(name)]


class NetworkTest(unittest.TestCase):
    """A test on networks: afterwards no log holds a line of level broken, and every node that should run does."""

    shared = None  # the network of all tests of the class, where `network_options` is set
    network_options = None

    @classmethod
    def setUpClass(cls):
        if cls.network_options is not None:
            cls.shared = Network(**cls.network_options)
            cls.addClassCleanup(cls.shared.close)

    def setUp(self):
        self.networks = [self.shared] if self.shared else []

    def network(self, **options):
        """A network for this test alone."""
        network = Network(**options)
        self.networks.append(network)
        self.addCleanup(network.close)
        return network

    @property
    def net(self):
        return self.networks[0]

    def tearDown(self):
        for network in self.networks:
            wrong, ended = network.wrong_lines(), network.ended_by_itself()
            self.assertEqual(wrong, [], "log lines that must not be")
            self.assertEqual(ended, [], "nodes that ended by themselves")


def compiled(test, name, *options):
    """A small C program or library beside these tests."""
    target = test.net.folder / name
    subprocess.run(["cc", "-O1", "-o", target, ROOT / "tests" / "cluster" / f"{name}.c", *options], check=True)
    return target


def synth(folder, seed, subjects, members=4, months=None, name=None):
    """Writes each member's synthetic portfolio; returns {validator's name: path}."""
    files = {}
    for member in range(1, members + 1):
        path = pathlib.Path(folder) / f"{name or 'synth'}-{seed}-{member}.ndjson"
        arguments = ["synth", "--seed", seed, "--subjects", subjects, "--members", members, "--member", member,
                     *(["--months", months] if months else [])]
        path.write_text(tally(*arguments, check=DONE).out)
        files[f"validator-{member}"] = path
    return files


def line_count(path):
    with open(path) as lines:
        return sum(1 for line in lines if line.strip())


def records(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines if line.strip()]


def main():
    """Runs the file's tests, and ends them before ctest would, so that no daemon is left over."""

    def too_late(*ignored):
        raise TimeoutError(f"the tests did not end within {FILE_LIMIT_S} s")

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(FILE_LIMIT_S)
    if not TALLY.exists() or not TALLYD.exists():
        raise SystemExit(f"there is no tally and tallyd in {BIN}; build them, or set TALLY_BIN")
    unittest.main(verbosity=2)
