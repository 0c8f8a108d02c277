"""A network whose daemons are this process's own children, for tests that end them often, or ask how they ended. Their
logs are apart from their homes, so that they outlive these."""

import pathlib
import shutil
import subprocess
import tempfile

import network
from network import wait_until


class Daemons(network.Network):
    # A client that comes back to a node that was away does so at once. "min" bounds the time a connection may take, too.
    channel_options = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 5000),
                       ("grpc.max_reconnect_backoff_ms", 200))

    def __init__(self, **options):
        self.logs = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-logs."))
        self.processes = {}
        super().__init__(start=False, **options)

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        super().close()
        if not network.KEEP:
            shutil.rmtree(self.logs, ignore_errors=True)

    def init(self, name):
        subprocess.run([network.TALLYD, "--home", self.home(name), "--init"], check=True)

    def pid(self, name):
        process = self.processes.get(name)
        return process.pid if process and process.poll() is None else None

    def log(self, name):
        path = self.logs / name
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, name):
        """Returns at once: before it answers."""
        with open(self.logs / name, "ab") as log:
            self.processes[name] = subprocess.Popen([network.TALLYD, "--home", self.home(name)], stdout=log, stderr=log)
        (self.home(name) / "node.pid").write_text(f"{self.processes[name].pid}\n")  # for tally devnet status
        self.down_names.discard(name)

    def start_all(self):
        for name in self.names:
            self.start(name)
        for name in self.names:
            self.answers(name)

    def answers(self, name, limit_s=30):
        """Waits until the node, started, answers; fails where it ends instead."""

        def answering():
            code = self.processes[name].poll()
            if code is not None:
                raise AssertionError(f"{name} ended with {code}: {self.log(name)[-1000:]}")
            return self.status(name)

        return wait_until(f"{name} to answer", answering, limit_s)

    def kill(self, *names):
        self.down_names.update(names)
        for name in names:
            self.processes[name].kill()
        for name in names:
            self.processes[name].wait()

    def stop(self, name):
        self.down_names.add(name)
        self.processes[name].terminate()
        if self.processes[name].wait(30) != 0:
            raise AssertionError(f"{name} did not stop cleanly: {self.log(name)[-1000:]}")

    def ended(self, name, limit_s=60):
        """The exit code of a node that ends by itself."""
        self.down_names.add(name)
        return self.processes[name].wait(limit_s)
