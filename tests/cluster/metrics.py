"""A node's page of metrics, fetched as its operator does, and taken apart."""

import re
import ssl
import urllib.error
import urllib.request

SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
OF_HISTOGRAMS = ("_bucket", "_sum", "_count")


class Page:
    """What a node said: families {name: (kind, meaning)}, and samples {(name, label values in order): value}."""

    def __init__(self, text):
        self.text, self.families, self.labels, self.samples = text, {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, help_ = line[len("# HELP "):].split(" ", 1)
                self.families[name] = [None, help_]
            elif line.startswith("# TYPE "):
                name, kind = line[len("# TYPE "):].split(" ", 1)
                self.families[name][0] = kind
                family = name
            else:
                name, labels, value = SAMPLE.match(line).groups()
                labels = dict(LABEL.findall(labels or ""))
                suffix = name[len(family):]
                if not name.startswith(family) or suffix not in (OF_HISTOGRAMS if self.kind(family) == "histogram" else ("",)):
                    raise AssertionError(f"{line!r} stands under {family}")
                if (name, tuple(labels.values())) in self.samples:
                    raise AssertionError(f"{line!r} is there twice")
                self.samples[name, tuple(labels.values())] = float(value)
                self.labels.setdefault(family, [label for label in labels if label != "le"])

    def kind(self, family):
        return self.families[family][0]

    def __getitem__(self, key):
        name, *labels = (key,) if isinstance(key, str) else key
        return self.samples[f"tallystick_{name}", tuple(labels)]

    def get(self, *key):
        return self.samples.get((f"tallystick_{key[0]}", key[1:]), 0.0)


def grown(before, after, *key):
    return after.get(*key) - before.get(*key)


def tls(home, certificate=None):
    context = ssl.create_default_context(cafile=home / "rpc.crt")
    if certificate:
        context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
    return context


def fetch(net, name, client="client", path="/metrics"):
    """(status, content type, text) of the page, as the client with that certificate; None = with none."""
    home, (host, port) = net.home(name), net.addresses(name)[1]
    try:
        with urllib.request.urlopen(f"https://{host}:{port}{path}", timeout=20,
                                    context=tls(home, home / client if client else None)) as reply:
            return reply.status, reply.headers["content-type"], reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


def page_of(net, name):
    return Page(fetch(net, name)[2])
