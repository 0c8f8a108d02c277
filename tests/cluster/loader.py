"""A member that imports one synthetic portfolio after the other, as its operator would."""

import itertools
import threading

import network
from network import DONE, UNREACHABLE

SUBJECTS = 60
PAUSE_S = 0.2  # between imports: a load that leaves the machine some air, so that pauses are the network's


class Loader(threading.Thread):
    """Imports through one validator until it is told to end; an import that was cut off is run again until it is done.
    `files` are those that were answered as final in whole, with how many events each holds."""

    seeds = itertools.count(1000)  # no two portfolios are the same

    def __init__(self, net, name, subjects=SUBJECTS):
        super().__init__(daemon=True)
        self.net, self.name, self.subjects = net, name, subjects
        self.files, self.wrong, self.cut_off = {}, [], 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set() and not self.wrong:
            path = network.synth(self.net.folder, next(self.seeds), self.subjects, members=1, name=self.name)["validator-1"]
            while not self.wrong:
                outcome = self.net.run(self.name, "import", path)
                if outcome.code == DONE:
                    self.files[path] = network.line_count(path)
                    self.over.wait(PAUSE_S)
                    break
                if outcome.code != UNREACHABLE:
                    self.wrong.append(str(outcome))
                self.cut_off += 1
                self.over.wait(0.2)

    @property
    def events(self):
        return sum(self.files.values())

    def end(self, limit_s=network.COMMAND_LIMIT_S):
        self.over.set()
        self.join(limit_s)
        if self.is_alive():
            self.wrong.append("its last import did not end")


class Load:
    """Loaders through the named validators while a `with` lasts. At its end all their imports are done."""

    def __init__(self, test, net, names, **options):
        self.test, self.loaders = test, [Loader(net, name, **options) for name in names]

    def __enter__(self):
        for loader in self.loaders:
            loader.start()
        return self

    def __exit__(self, kind, *ignored):
        for loader in self.loaders:
            loader.over.set()
        for loader in self.loaders:
            loader.end()
        if kind is None:
            for loader in self.loaders:
                self.test.assertEqual(loader.wrong, [], loader.name)

    @property
    def files(self):
        return {path: count for loader in self.loaders for path, count in loader.files.items()}

    @property
    def events(self):
        return sum(self.files.values())
