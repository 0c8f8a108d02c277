"""Debian's Chromium without a window, driven over its DevTools pipe, with a client certificate and the server's certificate pinned.

Which client certificate a browser shows without asking is a policy of the whole machine, so the browser runs with a mount of
its own over the folder of policies. Where there is no Chromium, or no such mount is allowed, a test says why and is skipped."""

import base64
import fcntl
import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import time

SKIPPED = 77  # to ctest, SKIP_RETURN_CODE
PROGRAMS = ("chromium", "certutil", "pk12util", "openssl", "unshare")
PASSWORD = "only for the way between two files"
MOUNT = """mount -t tmpfs tmpfs /etc/chromium && mkdir -p /etc/chromium/policies/managed &&
cp "$POLICY" /etc/chromium/policies/managed/ && exec chromium "$@" """


def require():
    why = next((f"there is no {program}" for program in PROGRAMS if shutil.which(program) is None), None)
    if why is None and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/etc/chromium"],
                                      capture_output=True, check=False).returncode != 0:
        why = "a mount of its own is not allowed here"
    if why is not None:
        print(f"left out: {why}", file=sys.stderr)
        raise SystemExit(SKIPPED)


def _run(*command):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout


class Browser:
    """One page. `certificate` and `key` are the client's, `server` the node's certificate, all files; `origin` the node's."""

    def __init__(self, folder, origin, server, certificate, key):
        self.folder = folder
        folder.mkdir()
        self._certificates(server, certificate, key)
        policy = folder / "policy.json"
        policy.write_text(json.dumps({"AutoSelectCertificateForUrls": [json.dumps({"pattern": origin, "filter": {}})]}))
        public = _run("openssl", "x509", "-in", server, "-noout", "-pubkey")
        spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True).stdout
        pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
        self._start(policy, pin)
        try:
            self.session = None
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.call("Page.enable")
            self.call("Page.navigate", url=f"{origin}/version")
            self._wait_for_document(origin)
        except BaseException:
            self.close()
            raise

    def _certificates(self, server, certificate, key):
        database = self.folder / ".pki" / "nssdb"
        database.mkdir(parents=True)
        both = self.folder / "client.p12"
        _run("openssl", "pkcs12", "-export", "-in", certificate, "-inkey", key, "-out", both, "-passout", f"pass:{PASSWORD}")
        _run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
        _run("pk12util", "-i", both, "-d", f"sql:{database}", "-W", PASSWORD)

    def _start(self, policy, pin):
        theirs_in, self.to = os.pipe()
        self.replies, theirs_out = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
                   "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
                   f"--user-data-dir={self.folder / 'profile'}", f"--ignore-certificate-errors-spki-list={pin}"]

        def pipes_take():
            # Chromium takes its commands from 3 and answers on 4, which may be others here.
            copies = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (theirs_in, theirs_out)]
            for place, copy in zip((3, 4), copies):
                os.dup2(copy, place)
                os.close(copy)

        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", MOUNT, "sh", *options], preexec_fn=pipes_take, close_fds=False,
                env={**os.environ, "HOME": str(self.folder), "POLICY": str(policy)}, stdout=subprocess.DEVNULL, stderr=log)
        os.close(theirs_in), os.close(theirs_out)
        self.buffer, self.calls = b"", 0

    def _wait_for_document(self, origin, limit_s=30):
        until = time.monotonic() + limit_s
        while True:
            at = self.run("document.readyState + ' ' + location.href")
            if at == f"complete {origin}/version":
                return
            if time.monotonic() > until:
                raise AssertionError(f"the page is {at}: {self.run('document.body.innerText')}")
            time.sleep(0.05)

    def _message(self, limit_s):
        until = time.monotonic() + limit_s
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.replies], [], [], max(0, until - time.monotonic()))
            if not ready:
                raise AssertionError(f"the browser did not answer within {limit_s} s")
            part = os.read(self.replies, 1 << 20)
            if not part:
                raise AssertionError(f"the browser ended: {(self.folder / 'log').read_text()[-2000:]}")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, limit_s=30, **parameters):
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message(limit_s)
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def run(self, script, limit_s=30):
        """What a script's value, or the promise that it is, comes to."""
        result = self.call("Runtime.evaluate", limit_s, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"].get("exception", {}).get("description", result))
        return result["result"].get("value")

    def close(self):
        os.close(self.to), os.close(self.replies)
        self.process.terminate()
        self.process.wait(10)
