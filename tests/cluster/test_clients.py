#!/usr/bin/python3
"""The applications that may call a node: listed, limited, cut off, while the node runs and serves the others."""

import hashlib
import os
import re
import signal
import ssl
import subprocess
import threading
import time

import grpc

import network
import rpc
from rpc import DEADLINE_S, detail_of

NODE = "validator-1"
RELOADS = 200 if network.FULL else 50
UNAVAILABLE, UNAUTHENTICATED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED
EXHAUSTED, DENIED = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.PERMISSION_DENIED


class Application:
    """A certificate of an application's own."""

    def __init__(self, net, name):
        self.name = name
        key, certificate = net.folder / f"{name}.key", net.folder / f"{name}.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", f"/CN={name}", "-days", "30", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        self.key, self.certificate = key.read_bytes(), certificate.read_bytes()
        shown = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
                               check=True, capture_output=True, text=True).stdout
        self.fingerprint = shown.split("=")[1].strip().replace(":", "").lower()

    def line(self, roles="read", more=""):
        return f'  - {{name: {self.name}, fingerprint: "{self.fingerprint}", roles: [{roles}]{more}}}\n'

    def client(self, net, name=NODE):
        return rpc.Client(net, name, self.certificate, self.key)


class Listing:
    """A node's node.yaml, with other clients for a while."""

    def __init__(self, net, name=NODE):
        self.net, self.name, self.path = net, name, net.home(name) / "node.yaml"
        self.text = self.path.read_text()

    def reload(self, wanted="node.yaml was read again"):
        since = self.net.log_size(self.name)
        os.kill(self.net.pid(self.name), signal.SIGHUP)
        return network.wait_until(wanted, lambda: self.net.log_lines(self.name, wanted, since), every_s=0.01)

    def take(self, *lines):
        self.path.write_text(self.text + "".join(lines))
        return self.reload()

    def restore(self):
        self.path.write_text(self.text)
        self.reload()


def failed(call):
    """The error a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call was answered")


class Followed(threading.Thread):
    """The blocks of a stream, as they come."""

    def __init__(self, client, from_height=1):
        super().__init__(daemon=True)
        self.heights, self.error = [], None
        self.call = client.ledger.Follow(rpc.rpc.FollowRequest(from_height=from_height))
        self.start()

    def run(self):
        try:
            for reply in self.call:
                self.heights.append(reply.block.header.height)
        except grpc.RpcError as error:
            self.error = error


class ClientsTest(network.NetworkTest):
    network_options = {}

    def setUp(self):
        super().setUp()
        self.listing = Listing(self.net)
        self.addCleanup(self.listing.restore)
        self.since = self.net.log_size(NODE)
        self.member = rpc.Member(self.net, NODE)

    def logged(self, text, *parts):
        def found():
            return [line for line in self.net.log_lines(NODE, text, self.since) if all(part in line for part in parts)]
        return network.wait_until(f"{text} {parts}", found, 10)

    def follow(self, client):
        followed = Followed(client)
        network.wait_until("the first block", lambda: followed.heights, 10)
        self.addCleanup(followed.call.cancel)
        return followed

    # Reload

    def test_calls_that_are_open_do_not_notice_reloads(self):
        stopped = [self.net.pid(name) for name in ("validator-2", "validator-3")]
        with rpc.Client(self.net, NODE) as client:
            client.submit(self.member.batch([self.member.opening()]))
            followed = self.follow(client)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                waiting = client.ledger.SubmitBatch.future(
                    rpc.rpc.SubmitBatchRequest(batch=self.member.batch([self.member.opening()])), timeout=DEADLINE_S)
                for _ in range(RELOADS):
                    self.listing.reload()
                    self.assertFalse(waiting.done())
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            height = waiting.result().height
            network.wait_until("its block", lambda: height in followed.heights)
            self.assertEqual(followed.heights, list(range(1, len(followed.heights) + 1)))
            self.assertIsNone(followed.error)

    def test_a_client_that_is_added_works_at_once_and_one_that_is_removed_is_cut(self):
        one, two = Application(self.net, "one"), Application(self.net, "two")
        with one.client(self.net) as client:
            self.assertEqual(failed(client.status).code(), UNAUTHENTICATED)
        self.listing.take(one.line(), two.line())
        with one.client(self.net) as client, two.client(self.net) as other, rpc.Client(self.net, NODE) as local:
            self.assertEqual(client.status().name, NODE)
            local.submit(self.member.batch([self.member.opening()]))
            followed, beside = self.follow(client), self.follow(other)
            self.listing.take(two.line())
            followed.join(10)
            self.assertEqual(followed.error.code(), UNAVAILABLE)
            self.logged("client cut off", "caller=one", "address=127.0.0.1:")
            self.assertEqual(failed(client.status).code(), UNAUTHENTICATED)
            reply = local.submit(self.member.batch([self.member.opening()]))
            network.wait_until("the next block", lambda: reply.height in beside.heights)

    def test_a_client_under_another_name_or_certificate_is_another(self):
        one, renamed = Application(self.net, "one"), Application(self.net, "renamed")
        self.listing.take(one.line())
        with one.client(self.net) as client:
            client.status()
            followed = self.follow(client)
            self.listing.take(one.line().replace("name: one", "name: other"))
            followed.join(10)
            self.assertEqual(followed.error.code(), UNAVAILABLE)
            self.assertEqual(client.status().name, NODE)
            followed = self.follow(client)
            self.listing.take(renamed.line().replace("name: renamed", "name: other"))
            followed.join(10)
            self.assertEqual(followed.error.code(), UNAVAILABLE)

    def test_roles_change_for_the_calls_that_follow(self):
        one = Application(self.net, "one")
        self.listing.take(one.line("read"))
        with one.client(self.net) as client:
            batch = self.member.batch([self.member.opening()])
            self.assertEqual(failed(lambda: client.submit(batch)).code(), DENIED)
            followed = self.follow(client)
            self.listing.take(one.line("submit"))
            height = client.submit(batch).height
            self.assertEqual(failed(client.status).code(), DENIED)
            network.wait_until("the block", lambda: height in followed.heights)

    def test_a_file_that_is_refused_changes_nothing(self):
        one = Application(self.net, "one")
        self.listing.take(one.line())
        last = len((self.listing.text + one.line()).splitlines())
        for text, parts in (
                (self.listing.text + one.line(roles="reed"), [f"line {last}", "reed", "submit, inquire, read, admin"]),
                (self.listing.text + one.line(more=", rate: 0"), [f"line {last}", "rate is 0", "1 to 1000000"]),
                (self.listing.text + "extra: 1\n", [f"line {last}", "extra"]),
                (self.listing.text[:-40], ["line"]), ("", ["is empty"]), ("# nothing\n", ["is empty"])):
            self.listing.path.write_text(text)
            line, = self.listing.reload("node.yaml is refused")
            for part in parts:
                self.assertIn(part, line)
            self.listing.path.write_text(self.listing.text)  # where the client looks for the address
            with one.client(self.net) as client:
                self.assertEqual(client.status().name, NODE)

    def test_what_takes_a_restart_is_told(self):
        text = self.listing.text
        text = re.sub(r"(?m)^rpc_address: .*$", "rpc_address: 127.0.0.1:1", text)
        self.listing.path.write_text(text.replace("validator-2", "validator-9") + "subject_cache_mib: 64\n")
        self.listing.reload()
        for key in ("rpc_address", "peers", "subject_cache_mib"):
            self.assertEqual(len(self.logged("needs a restart", f"key={key}")), 1)
        with rpc.Client(self.net, NODE) as client, self.assertRaises(grpc.RpcError):
            client.status()  # at the new address
        self.listing.restore()
        with rpc.Client(self.net, NODE) as client:
            self.assertEqual(client.status().name, NODE)

    def test_the_log_level_changes(self):
        self.listing.path.write_text(self.listing.text + "log_level: debug\n")
        self.listing.reload()
        with rpc.Client(self.net, NODE) as client:
            client.status()
        self.logged("client gone")
        self.listing.restore()

    def test_a_renewed_certificate_is_shown_to_those_that_connect(self):
        home = self.net.home(NODE)
        old = {name: (home / name).read_bytes() for name in ("rpc.crt", "rpc.key")}
        made = Application(self.net, "renewed")
        subprocess.run(["openssl", "req", "-x509", "-key", self.net.folder / "renewed.key", "-subj", "/CN=renewed",
                        "-days", "30", "-addext", "subjectAltName=IP:127.0.0.1", "-out", home / "rpc.new"],
                       check=True, capture_output=True)
        with rpc.Client(self.net, NODE) as before:
            followed = self.follow(before)
            try:
                os.replace(home / "rpc.new", home / "rpc.crt")
                self.listing.reload("rpc.crt and rpc.key are refused")  # the key is not the certificate's
                self.assertEqual(before.status().name, NODE)
                (home / "rpc.key").write_bytes(made.key)
                since = self.net.log_size(NODE)
                self.listing.reload()
                with rpc.Client(self.net, NODE) as after:
                    self.assertEqual(after.status().name, NODE)
                self.assertEqual(self.net.log_lines(NODE, "are refused", since), [])
            finally:
                for name, content in old.items():
                    (home / name).write_bytes(content)
                self.listing.reload()
            self.assertEqual(before.status().name, NODE)
            self.assertIsNone(followed.error)

    # The command line

    def command(self, *arguments, check=network.DONE):
        return self.net.run(NODE, "client", *arguments, check=check)

    def test_a_client_is_added_listed_and_removed_while_the_node_runs(self):
        home, text = self.net.home(NODE), self.listing.text
        made = self.command("add", "loans", "--roles", "read,submit", "--rate", 250).json
        self.assertEqual((made["name"], made["roles"], made["rate"], made["concurrency"], made["reloaded"]),
                         ("loans", ["submit", "read"], 250, 100, True))
        self.assertEqual((made["certificate"], made["key"]),
                         (str(home / "clients" / "loans.crt"), str(home / "clients" / "loans.key")))
        self.assertEqual(os.stat(made["key"]).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(home / "clients").st_mode & 0o777, 0o700)
        certificate, key = ((home / "clients" / f"loans.{end}").read_bytes() for end in ("crt", "key"))
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode())).hexdigest()
        self.assertEqual(made["fingerprint"], digest)
        self.assertEqual(self.listing.path.read_text(),
                         text + f'  - {{name: "loans", fingerprint: "{digest}", roles: [submit, read], rate: 250}}\n')
        self.assertEqual([(client["name"], client["rate"]) for client in self.command("list").json["clients"]],
                         [("local", 1000000), ("loans", 250)])
        shown = self.net.run(NODE, "client", "list", as_json=False, check=network.DONE).out
        for part in ("loans", digest, "submit read", "250 calls a second, 100 open at once"):
            self.assertIn(part, shown)
        with rpc.Client(self.net, NODE, certificate, key) as client:
            network.wait_until("the client is known", lambda: self.answers(client), 10)
            client.submit(self.member.batch([self.member.opening()]))
            followed = self.follow(client)
            self.assertEqual(self.command("remove", "loans").json, {"name": "loans", "reloaded": True})
            followed.join(10)
            self.assertEqual(followed.error.code(), UNAVAILABLE)
            self.assertEqual(failed(client.status).code(), UNAUTHENTICATED)
        self.assertEqual(self.listing.path.read_text(), text)
        self.assertIn("--certificate", self.command("add", "loans", "--roles", "read", check=network.REFUSED).err)
        again = self.command("add", "loans", "--roles", "read", "--certificate", made["certificate"]).json
        self.assertEqual((again["fingerprint"], again["key"]), (digest, None))
        self.command("remove", "loans")

    def test_a_certificate_goes_where_it_is_asked_for(self):
        folder = self.net.folder / "given out"
        made = self.command("add", "elsewhere", "--roles", "read", "--out", folder).json
        self.assertTrue((folder / "elsewhere.key").exists())
        self.assertEqual(made["certificate"], str(folder / "elsewhere.crt"))
        self.command("remove", "elsewhere")

    def test_what_cannot_be_added_is_told_and_leaves_nothing(self):
        home, text = self.net.home(NODE), self.listing.text
        local = home / "client.crt"
        for arguments, code, reason, part in (
                (("add", "local", "--roles", "read"), network.REFUSED, "EXISTS", 'client \\"local\\" already'),
                (("add", "again", "--roles", "read", "--certificate", local), network.REFUSED, "EXISTS", "as"),
                (("add", "x", "--roles", "read,write"), network.USAGE, "ROLE", "submit, inquire, read, admin"),
                (("add", "x", "--roles", ""), network.USAGE, "ROLE", "submit, inquire, read, admin"),
                (("add", "x"), network.USAGE, "USAGE", "--roles"),
                (("add", "../x", "--roles", "read"), network.USAGE, "USAGE", "is no name"),
                (("add", "x" * 65, "--roles", "read"), network.USAGE, "USAGE", "is no name"),
                (("add", "x", "--roles", "read", "--rate", "0"), network.USAGE, "USAGE", "1 to 1000000"),
                (("add", "x", "--roles", "read", "--concurrency", "10001"), network.USAGE, "USAGE", "1 to 10000"),
                (("add", "x", "--roles", "read", "--certificate", home / "node.yaml"), network.REFUSED,
                 "CERTIFICATE", "holds no certificate"),
                (("remove", "nobody"), network.REFUSED, "NOT_FOUND", "nobody"),
                (("remove",), network.USAGE, "USAGE", "wanted"),
                ((), network.USAGE, "USAGE", "wanted")):
            outcome = self.command(*arguments, check=code)
            self.assertEqual(outcome.json["error"]["reason"], reason, outcome)
            self.assertIn(part, outcome.out)
            self.assertEqual(self.listing.path.read_text(), text)
            self.assertFalse((home / "clients" / "x.crt").exists())
            self.assertFalse((home / "clients" / "local.crt").exists())
        self.assertEqual(network.tally("client", "list", home=self.net.folder / "none").code, network.REFUSED)
        self.assertEqual(network.tally("client", "list").code, network.USAGE)
        self.listing.path.write_text("")
        self.assertIn("is empty", self.command("list", check=network.REFUSED).out)
        self.listing.path.write_text(text + "extra: 1\n")
        self.assertIn("extra", self.command("add", "x", "--roles", "read", check=network.REFUSED).out)
        self.assertFalse((home / "clients" / "x.crt").exists())

    def test_a_node_that_does_not_run_reads_it_when_it_starts(self):
        net, name = self.net, "validator-3"
        net.stop(name)
        made = net.run(name, "client", "add", "later", "--roles", "read", check=network.DONE).json
        self.assertFalse(made["reloaded"])
        net.start(name)
        certificate, key = ((net.home(name) / "clients" / f"later.{end}").read_bytes() for end in ("crt", "key"))
        with rpc.Client(net, name, certificate, key) as client:
            self.assertEqual(client.status().name, name)

    def test_clients_added_at_once_are_all_listed(self):
        running = [network.tally_start("client", "add", f"app-{i}", "--roles", "read", home=self.net.home(NODE))
                   for i in range(8)]
        for process in running:
            self.assertEqual(network.tally_end(process).code, network.DONE)
        names = {client["name"] for client in self.command("list").json["clients"]}
        self.assertEqual(names, {"local", *(f"app-{i}" for i in range(8))})

    # Refusals

    def told(self, error):
        """All that a failed call tells its caller."""
        return (error.code(), error.details(), error.debug_error_string().split("{")[0],
                tuple((key, value) for key, value in error.initial_metadata() or ()),
                tuple((key, value) for key, value in error.trailing_metadata() or ()))

    def test_a_stranger_learns_nothing_and_is_named_in_the_log(self):
        """With a certificate that is not listed and with none, whatever is called."""
        one = Application(self.net, "one")
        batch = self.member.batch([self.member.opening()])
        told = set()
        for client, certificate in ((lambda: one.client(self.net), one.fingerprint[:16]),
                                    (lambda: rpc.Client(self.net, NODE, bare=True), "-")):
            for path, request in (("Node/GetStatus", b""), ("Ledger/SubmitBatch", batch.SerializeToString()),
                                  ("Ledger/Follow", b""), ("Credit/Inquire", b"\xff\xff"), ("No/SuchCall", b""),
                                  ("Node/GetStatus", b"x" * 100000)):
                with client() as stranger:
                    call = stranger.channel.unary_unary(f"/tallystick.v1.{path}")
                    told.add(self.told(failed(lambda call=call, request=request: call(request, timeout=DEADLINE_S))))
                self.logged("call refused", "address=127.0.0.1:", "caller=-", f"certificate={certificate}",
                            f"call=/tallystick.v1.{path}", "no certificate that is listed here")
        self.assertEqual(len(told), 1, told)
        (code, details, _, _, trailers), = told
        self.assertEqual((code, details), (UNAUTHENTICATED, "the client shows no certificate that is listed here"))
        detail = rpc.rpc.ErrorDetail.FromString(dict(trailers)["tallystick-error-bin"])
        self.assertEqual(detail, rpc.rpc.ErrorDetail(reason="CERTIFICATE"))

    def test_a_wrong_role_is_told_the_same_whatever_is_asked(self):
        one, two = Application(self.net, "one"), Application(self.net, "two")
        self.listing.take(one.line("inquire"), two.line("submit"))
        known, told = self.member.event_id(self.member.opening()), set()
        with rpc.Client(self.net, NODE) as local:
            event = self.member.opening()
            local.submit(self.member.batch([event]))
        with one.client(self.net) as inquirer, two.client(self.net) as submitter:
            for client, name in ((inquirer, "one"), (submitter, "two")):
                for event_id in (self.member.event_id(event), known, b""):
                    told.add(self.told(failed(lambda client=client, event_id=event_id: client.ledger.GetReceipt(
                        rpc.rpc.GetReceiptRequest(event_id=event_id), timeout=DEADLINE_S))))
                told.add(self.told(failed(client.status)))
                for call in ("Ledger/GetReceipt", "Node/GetStatus"):
                    self.logged("call refused", f"caller={name}", f"call=/tallystick.v1.{call}", "lacks the role")
            told.add(self.told(failed(lambda: inquirer.submit(self.member.batch([event])))))
        self.assertEqual(len(told), 1, told)
        (code, details, _, _, trailers), = told
        self.assertEqual((code, details), (DENIED, "the caller lacks the role this call needs"))
        self.assertEqual(rpc.rpc.ErrorDetail.FromString(dict(trailers)["tallystick-error-bin"]),
                         rpc.rpc.ErrorDetail(reason="ROLE"))

    def test_a_client_over_its_rate_does_not_hide_a_stranger(self):
        name = "validator-4"  # one whose log says few lines else
        one, stranger, listing = Application(self.net, "one"), Application(self.net, "stranger"), Listing(self.net, name)
        self.addCleanup(listing.restore)
        listing.take(one.line(more=", rate: 1"))
        with one.client(self.net, name) as client:
            for _ in range(60):
                self.answers(client)
        with stranger.client(self.net, name) as client:
            failed(client.status)
        network.wait_until("its line", lambda: self.net.log_lines(name, f"certificate={stranger.fingerprint[:16]}"), 10)
        self.assertIn(len(self.net.log_lines(name, "more calls than its rate")), range(1, 25))

    # Limits

    def test_a_client_over_its_rate_is_told_when_to_come_back(self):
        one = Application(self.net, "one")
        self.listing.take(one.line(more=", rate: 20"))
        with one.client(self.net) as client, rpc.Client(self.net, NODE) as other:
            errors = []
            for _ in range(60):
                try:
                    client.status()
                except grpc.RpcError as error:
                    errors.append(error)
            self.assertGreater(len(errors), 0)
            for error in errors:
                detail = detail_of(error)
                self.assertEqual((error.code(), detail.reason), (EXHAUSTED, "RATE"))
                self.assertTrue(1 <= detail.retry_after_ms <= 50, detail.retry_after_ms)
            self.assertEqual(other.status().name, NODE)
            time.sleep(detail_of(errors[-1]).retry_after_ms / 1000 + 0.06)
            client.status()
            self.logged("call refused", "caller=one", "call=/tallystick.v1.Node/GetStatus", "more calls than its rate")

    def test_a_client_has_so_many_calls_open_and_no_more(self):
        one = Application(self.net, "one")
        self.listing.take(one.line(more=", concurrency: 3"))
        with one.client(self.net) as client, one.client(self.net) as second, rpc.Client(self.net, NODE) as local:
            local.submit(self.member.batch([self.member.opening()]))
            streams = [self.follow(client), self.follow(second), self.follow(client)]
            for each in (client, second):
                error = failed(each.status)
                self.assertEqual((error.code(), detail_of(error).reason), (EXHAUSTED, "CONCURRENCY"))
                self.assertGreater(detail_of(error).retry_after_ms, 0)
            self.listing.take(one.line(more=", concurrency: 4"))
            self.assertEqual(client.status().name, NODE)
            self.listing.take(one.line(more=", concurrency: 3"))
            self.assertEqual(detail_of(failed(client.status)).reason, "CONCURRENCY")
            streams[0].call.cancel()
            network.wait_until("a free place", lambda: self.answers(client), 10)
            self.logged("call refused", "caller=one", "as many calls of this client are open as may be")

    def answers(self, client):
        try:
            return client.status().name == NODE
        except grpc.RpcError:
            return False


if __name__ == "__main__":
    network.main()
