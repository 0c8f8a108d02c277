#!/usr/bin/python3
"""A node's page of metrics: in the form that Prometheus takes, over TLS with a client certificate; what it counts agrees with what
happened; and the dashboard, the alerts and the list of metrics name what there is, and nothing else."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import grpc

import network
import rpc
from metrics import Page, fetch, grown
from network import ROOT, wait_until
from rpc import credit

FOLDER = ROOT / "node" / "metrics"


def expressions(board):
    """Every query of the dashboard, with its variables set."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".*")


def names_in(text):
    return set(re.findall(r"\b(?:tallystick|process)_[a-z_]+", text))


class MetricsTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member, cls.client = rpc.Member(cls.shared, "validator-1"), rpc.Client(cls.shared, "validator-1")
        cls.addClassCleanup(cls.client.close)

    def page(self, name="validator-1"):
        status, kind, text = fetch(self.net, name)
        self.assertEqual((status, kind.replace(" ", "")), (200, "text/plain;version=0.0.4"))
        return Page(text)

    def submit(self, count=1):
        return self.client.submit(self.member.batch([self.member.opening() for _ in range(count)]))

    def settled(self):
        """A page after everything that is final is applied, and no call is under way but its own."""
        def still():
            page = self.page()
            return page if page["finalized_height"] == page["applied_height"] and page["rpc_open_calls"] == 1 else None
        return wait_until("a node at rest", still)

    # The page

    def test_promtool_has_no_complaint(self):
        self.submit()
        for name in ("validator-1", "observer-1"):
            ran = subprocess.run(["promtool", "check", "metrics"], input=self.page(name).text, capture_output=True, text=True)
            self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, "", ""))

    def test_histograms_are_cumulative_and_counters_are_no_gauges(self):
        page = self.page()
        for name, (kind, help_) in page.families.items():
            self.assertTrue(help_.endswith("."), help_)
            self.assertEqual(kind == "counter", name.endswith("_total"), name)
            if kind != "histogram":
                continue
            series = {}
            for (sample, labels), value in page.samples.items():
                if sample == f"{name}_bucket":
                    series.setdefault(labels[:-1], []).append((float(labels[-1]), value))
            for labels, buckets in series.items():
                self.assertEqual(buckets, sorted(buckets))
                self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets))
                self.assertEqual(buckets[-1], (float("inf"), page.samples[f"{name}_count", labels]))

    def test_the_list_of_metrics_is_what_a_node_tells(self):
        self.submit()
        page = self.page()
        listed = {}
        for line in (FOLDER / "README.md").read_text().splitlines():
            row = re.fullmatch(r"\| `([a-z_]+)` \| (\w+) \| (.*) \| (.*) \|", line)
            if row:
                listed[row[1]] = (row[2], row[3], row[4])
        told = {name: (kind, ", ".join(f"`{label}`" for label in page.labels.get(name, ())), help_)
                for name, (kind, help_) in page.families.items()}
        right = "\n".join(f"| `{name}` | {' | '.join(row)} |" for name, row in told.items() if listed.get(name) != row)
        self.assertEqual(right, "", "these rows of node/metrics/README.md are missing or wrong")
        self.assertEqual(set(listed) - set(told), set())

    def test_it_is_for_who_runs_the_node_alone(self):
        home = self.net.home("validator-2")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=reader", "-days", "30", "-keyout", home / "reader.key", "-out", home / "reader.crt"],
                       check=True, capture_output=True)
        shown = subprocess.run(["openssl", "x509", "-in", home / "reader.crt", "-noout", "-fingerprint", "-sha256"],
                               check=True, capture_output=True, text=True).stdout
        fingerprint = shown.strip().split("=")[1].replace(":", "").lower()
        (home / "node.yaml").write_text((home / "node.yaml").read_text() +
                                        f"  - {{name: reader, fingerprint: {fingerprint}, roles: [submit, inquire, read]}}\n")
        os.kill(self.net.pid("validator-2"), signal.SIGHUP)
        wait_until("the reader to be known", lambda: fetch(self.net, "validator-2", "reader")[0] == 403)
        for client in ("reader", None):
            status, _, text = fetch(self.net, "validator-2", client)
            self.assertIn(status, (401, 403))
            self.assertNotIn("tallystick_", text)
        self.assertEqual(fetch(self.net, "validator-2")[0], 200)

    # What it counts

    def refused(self, batch):
        with self.assertRaises(grpc.RpcError):
            self.client.submit(batch)

    def test_what_clients_did_is_counted(self):
        member, other = self.member, rpc.Member(self.net, "validator-2")
        before = self.settled()
        for _ in range(5):
            self.submit(3)
        subject, account = os.urandom(32), os.urandom(16)
        opening = member.opening(subject, account)
        stray = member.event(credit.PAYMENT, subject, account, 5, os.urandom(32), body=credit.PaymentBody(amount_minor=1))
        reply = self.client.submit(member.batch([opening, stray, member.opening(subject, account)]))
        self.assertEqual([result.result_name for result in reply.results], ["OK", "GAP", "CONFLICT"])
        for _ in range(2):
            self.refused(member.batch([member.opening()], sign=False))
        self.refused(member.batch([member.opening()], lifetime_s=-5))
        self.refused(other.batch([other.opening()]))
        after = self.settled()

        def grew(*key):
            return grown(before, after, *key)
        self.assertEqual({outcome: grew("submissions_total", outcome) for outcome in ("done", "refused", "busy", "failed")},
                         {"done": 6, "refused": 4, "busy": 0, "failed": 0})
        refusals = {key[1]: grown(before, after, "admission_refusals_total", *key) for name, key in after.samples
                    if name == "tallystick_admission_refusals_total" and key[0] == "client"}
        self.assertEqual({reason: count for reason, count in refusals.items() if count},
                         {"SIGNATURE": 2, "EXPIRED": 1, "NOT_OWN_MEMBER": 1})
        self.assertEqual([grew("events_applied_total", result) for result in ("OK", "GAP", "CONFLICT")], [16, 1, 1])
        self.assertEqual((grew("batches_finalized_total"), grew("events_finalized_total")), (6, 18))
        self.assertEqual(grew("ledger_events"), 18)
        self.assertEqual(grew("commit_seconds_count"), 6)
        submit = "/tallystick.v1.Ledger/SubmitBatch"
        self.assertEqual((grew("rpc_calls_total", submit, "OK"), grew("rpc_calls_total", submit, "INVALID_ARGUMENT"),
                          grew("rpc_calls_total", submit, "PERMISSION_DENIED"), grew("rpc_call_seconds_count", submit)), (6, 3, 1, 10))
        self.assertEqual((grew("rpc_errors_total", "OTHER"), grew("rpc_errors_total", "BUSY")), (4, 0))
        blocks = grew("blocks_finalized_total")
        self.assertEqual(blocks, grew("finalized_height"))
        self.assertEqual((grew("execution_seconds_count"), grew("apply_wait_seconds_count")), (blocks, blocks))
        self.assertGreaterEqual(grew("sync_seconds_count", "ledger"), 1)
        self.assertGreaterEqual(grew("sync_seconds_count", "votes"), 1)
        self.assertEqual(after["healthy"], 1)

    def test_a_validator_that_fails_shows_in_views_votes_and_peers(self):
        self.submit()
        self.net.agreement()
        before = self.settled()
        self.net.kill("validator-4")
        for _ in range(10):
            self.submit()
        after = self.settled()

        def grew(*key):
            return grown(before, after, *key)
        entered = {by: grew("views_entered_total", by) for by in ("notarization", "nullification", "finalization")}
        self.assertEqual(sum(entered.values()), grew("view"))
        # It leads every fourth view: of ten blocks in a row some views were its, and each was given up.
        self.assertGreaterEqual(entered["nullification"], 2)
        given_up = {cause: grew("views_given_up_total", cause) for cause in ("timer", "silent_leader", "equivocation", "rejected")}
        self.assertEqual((given_up["equivocation"], given_up["rejected"]), (0, 0))
        self.assertGreaterEqual(given_up["timer"] + given_up["silent_leader"], entered["nullification"] - 1)
        blocks = grew("blocks_finalized_total")
        self.assertGreaterEqual(blocks, 10)
        # All but the newest, which nobody is behind of yet; and of those before the kill one more may be told of now.
        self.assertTrue(blocks - 2 <= grew("votes_missing_total", "validator-4") <= blocks, grew("votes_missing_total", "validator-4"))
        self.assertEqual((after["peer_up", "validator-4"], after["peer_up", "validator-2"]), (0, 1))
        self.assertEqual((after["validators"], after["validators_reachable"], after["quorum"]), (4, 3, 3))
        self.assertEqual(sum(grew("peer_link_ends_total", "validator-4", end) for end in ("lost", "silent")), 1)
        self.net.start("validator-4")
        back = wait_until("its return", lambda: (page := self.page())["peer_up", "validator-4"] and page)
        self.assertEqual(grown(before, back, "peer_links_total", "validator-4"), 1)

    def test_every_reason_of_admission_has_its_label(self):
        said = set()
        for source in ("admission.c", "body_rules.c", "intake.c", "submissions.c"):
            said |= set(re.findall(r'"([A-Z][A-Z_]{3,})"', (ROOT / "node" / source).read_text()))
        # A transaction is refused by the ruling's name.
        said |= set(re.findall(r"(?:return|:) RULING_([A-Z_]{3,})", (ROOT / "node" / "admission.c").read_text()))
        self.assertGreater(len(said), 20)
        counted = {key[1] for name, key in self.page().samples if name == "tallystick_admission_refusals_total"}
        self.assertEqual(said - counted, set())
        self.assertEqual(counted - said, {"OTHER"})

    def test_every_reason_of_a_call_that_fails_has_its_label(self):
        said = set()
        for source in (ROOT / "node" / "rpc").glob("*.c"):
            text = source.read_text()
            said |= set(re.findall(r'(?:refuse\w*|fail\w*)\([^;]*?GRPC_[A-Z_]+,\s*"([A-Z][A-Z_]{3,})"', text))
            said |= set(re.findall(r'(?:\.reason = |backfilling\[\] = |_refusal \w+ = \{\s*GRPC_[A-Z_]+,\s*)"([A-Z][A-Z_]{3,})"', text))
        self.assertGreater(len(said), 25)
        counted = {key[0] for name, key in self.page().samples if name == "tallystick_rpc_errors_total"}
        self.assertEqual(said - counted, set())
        self.assertEqual(counted - said, {"OTHER", "REPLY_TOO_LARGE"})

    # Prometheus, the dashboard, the alerts

    def test_prometheus_scrapes_all_nodes_and_answers_the_dashboard(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        jobs = []
        for name in self.net.names:
            home, (host, rpc_port) = self.net.home(name), self.net.addresses(name)[1]
            jobs.append({"job_name": f"tallystick-{name}", "scheme": "https", "static_configs": [{"targets": [f"{host}:{rpc_port}"]}],
                         "tls_config": {"ca_file": f"{home}/rpc.crt", "cert_file": f"{home}/client.crt", "key_file": f"{home}/client.key"}})
        folder = self.net.folder / "prometheus"
        folder.mkdir()
        (folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": jobs,
            "rule_files": [str(FOLDER / "alerts.yml")]}))
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                        f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)

        def ask(expression):
            parameters = urllib.parse.urlencode({"query": expression})
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{parameters}", timeout=10) as reply:
                    return json.load(reply)["data"]["result"]
            except urllib.error.HTTPError as error:
                if error.code == 503:
                    return None  # it begins
                raise AssertionError(f"{expression}: {error.read().decode()}") from None
            except OSError:
                return None  # it has not begun to listen
        wait_until("five nodes that are scraped", lambda: len(ask("up == 1") or ()) == len(self.net.names))
        wait_until("events by the second", lambda: self.submit(2) and any(
            float(result["value"][1]) > 0 for result in ask("rate(tallystick_events_finalized_total[20s])")), every_s=0.2)
        height = self.settled()["finalized_height"]
        wait_until("the height at every node", lambda: {result["value"][1] for result in ask("tallystick_finalized_height")} ==
                   {str(int(height))})
        board = json.loads((FOLDER / "dashboard.json").read_text())
        empty = {title for title, expression in expressions(board) if ask(expression) == []}
        # These have nothing to tell where all is well.
        self.assertLessEqual(empty, {"Evidence and divergence", "Events by result", "Refused by admission", "Calls that failed", "Errors by reason",
                                     "Links that ended", "Snapshot age", "Cache of subjects", "To come"})
        self.assertEqual(ask('ALERTS{alertstate="firing",alertname!="TallystickDiskLow"}'), [])

    def test_the_dashboard_and_the_alerts_name_only_what_there_is(self):
        page = self.page()
        known = {name for name, _ in page.samples} | set(page.families)
        board = (FOLDER / "dashboard.json").read_text()
        shown = names_in(board)
        self.assertEqual(shown - known, set())
        self.assertEqual(names_in((FOLDER / "alerts.yml").read_text()) - known, set())
        # What there is, is shown: but for what a query or a label is made of, and what says the same otherwise.
        left_out = {name for name in page.families if not any(name in each for each in shown)}
        self.assertEqual(left_out, {
            "tallystick_node_info", "tallystick_standing", "tallystick_serving",
            "tallystick_view_timeouts", "tallystick_proposals_total", "tallystick_votes_cast_total",
            "tallystick_checkpoints_signed_total", "tallystick_ledger_events", "tallystick_snapshots_made_total",
            "process_virtual_memory_bytes"} | ({"tallystick_validators", "tallystick_view", "tallystick_peer_links_total"} - shown) & left_out)

    def test_the_alerts_hold(self):
        for command in (("check", "rules", FOLDER / "alerts.yml"), ("test", "rules", ROOT / "tests" / "cluster" / "metrics_alerts.yml")):
            ran = subprocess.run(["promtool", *command], capture_output=True, text=True)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)


if __name__ == "__main__":
    network.main()
