"""The blocks of node/rpc/INTEGRATING.md, run as they stand there, one after the other, in one folder."""

import json
import os
import pathlib
import re
import subprocess
import sys

from network import BIN, ROOT

PAGE = ROOT / "node" / "rpc" / "INTEGRATING.md"
RUN = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable, "-W", "error"], "js": ["node"]}
BLOCK_LIMIT_S = 120


class Guide:
    """What somebody has who follows the page: a node's home, this repository, and an empty folder."""

    def __init__(self, net, name, folder, **environment):
        host, port = net.addresses(name)[1]
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.environment = dict(os.environ, HOME_DIR=str(net.home(name)), NODE=f"{host}:{port}", SOURCE=str(ROOT),
                                PATH=f"{BIN}:{os.environ['PATH']}", **environment)
        self.sections = {}
        for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
            self.sections[part.splitlines()[0]] = re.findall(r"^```(\w+)\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)

    def follow(self, section):
        """Runs a section's blocks. A block of JSON is what the last line before it must have been. Returns what all wrote."""
        out = ""
        for kind, text in self.sections[section]:
            if kind == "json":
                last = json.loads(re.findall(r"\{\"code\".*\}", out)[-1])
                assert last == json.loads(text), f"the page shows {text}, and the node answered {last}"
                continue
            script = self.folder / f"block.{'mjs' if kind == 'js' else kind}"
            script.write_text(text)
            ran = subprocess.run([*RUN[kind], script.name], cwd=self.folder, env=self.environment, capture_output=True,
                                 text=True, timeout=BLOCK_LIMIT_S)
            assert ran.returncode == 0, f"a block of {section} ended with {ran.returncode}:\n{text}\n{ran.stdout}{ran.stderr}"
            out += ran.stdout
        return out
