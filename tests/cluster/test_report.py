#!/usr/bin/python3
"""Credit reports over real nodes: of a real portfolio against its CSV, read here anew and by nothing that imports it; of a
file with corrections and disputes; and as pages of HTML.

The data are looked for in TALLY_SHARED_DATA, or else in ../shared/data beside the project."""

import csv
import hashlib
import html.parser
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import network
import test_import_metro2 as metro2_file
from network import DONE, FULL, REFUSED, ROOT, USAGE, tally

DATA = pathlib.Path(os.environ.get("TALLY_SHARED_DATA") or ROOT.parent / "shared" / "data")
CARDS = DATA / "uci_credit_card.csv"
MEMBERS = 4
SUBJECTS = 24_001  # a subject holds the accounts of all numbers that are equal by this
ROWS = None if FULL else 1500
PAIRS = [1, 7, 123, 640, 5999]  # in the file, each holds two accounts
SINGLES = [24_000 - 17_999, 6_500, 7_777, 12_345, 24_000]
MONTHS = ["2005-04", "2005-05", "2005-06", "2005-07", "2005-08", "2005-09"]


# ---- What the CSV says, by its own README: PAY_0 is September, PAY_2 August, .. PAY_6 April ----

def sha(text, size):
    return hashlib.sha256(text.encode()).hexdigest()[:2 * size]


def month_of(row, index):
    """One month as the report must say it; index from 0, April."""
    column = 6 - index
    status = int(row["PAY_0" if column == 1 else f"PAY_{column}"])
    days = 0 if status <= 0 else min(270, 30 * status - 29)
    balance = round(float(row[f"BILL_AMT{column}"]) * 100)
    paid = round(float(row[f"PAY_AMT{column}"]) * 100)
    limit = round(float(row["LIMIT_BAL"]) * 100)
    return {"period": MONTHS[index], "balance_minor": balance, "paid_minor": paid, "limit_minor": limit,
            "days_past_due": days}


def pboc(days):
    return "N" if days == 0 else str(min(7, -(-days // 30)))


def metro2(days, balance):
    return "E" if days == 0 and balance == 0 else str(min(6, days // 30))


def account_of(row, codes):
    """An account as the report must say it."""
    number = int(row["ID"])
    months = [month_of(row, index) for index in range(6)]
    levels = [0] + [0 if month["days_past_due"] == 0 else int(pboc(month["days_past_due"])) for month in months]
    for index, month in enumerate(months):
        flags = []
        if index > 0 and levels[index + 1] > levels[index] + 1:
            flags.append("DELINQUENCY_JUMP")
        if month["balance_minor"] > month["limit_minor"]:
            flags.append("OVER_LIMIT")
        if month["balance_minor"] < 0:
            flags.append("BELOW_ZERO")
        month["flags"] = flags
        month["code"] = (pboc(month["days_past_due"]) if codes == "pboc"
                         else metro2(month["days_past_due"], month["balance_minor"]))
    return {"account": sha(f"uci-account:{number}", 16), "member": number % MEMBERS + 1,
            "limit_minor": round(float(row["LIMIT_BAL"]) * 100), "months": months}


def window(before, unknown):
    """Codes of October 2003 to March 2005, in which the account was opened on the last day."""
    return [before] * 17 + [unknown]


class Page(html.parser.HTMLParser):
    """Holds that tags nest, that nothing is asked for from elsewhere, and that nothing runs."""

    VOID = {"meta"}
    ALLOWED = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th",
               "td", "s", "strong"}
    ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class"}

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.struck, self.problems = [], [], [], []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"never closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        if tag not in self.ALLOWED:
            self.problems.append(f"tag {tag}")
        self.problems += [f"attribute {name}" for name, _ in attrs if name not in self.ATTRIBUTES]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes another")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            if "url(" in data or "@import" in data:
                self.problems.append("the style asks for more")
            return
        self.texts.append(data)
        if "s" in self.open:
            self.struck.append(data)


class RealReportTest(network.NetworkTest):
    def setUp(self):
        super().setUp()
        if not CARDS.exists():
            self.skipTest(f"the real data are absent: no {CARDS}")

    def rows_make(self, net):
        """The rows that are imported, {number: row}, and the CSV file of them."""
        wanted = {number + extra for number in PAIRS for extra in (0, SUBJECTS)} | set(SINGLES)
        with open(CARDS, newline="") as source:
            reader = csv.DictReader(source)
            rows = {int(row["ID"]): row for row in reader
                    if ROWS is None or int(row["ID"]) <= ROWS or int(row["ID"]) in wanted}
        part = net.folder / "part.csv"
        with open(part, "w", newline="") as out:
            writer = csv.DictWriter(out, reader.fieldnames)
            writer.writeheader()
            writer.writerows(rows.values())
        return rows, part

    def files_make(self, net, part):
        files = {}
        for member, name in enumerate(net.validators):
            files[name] = net.folder / f"cards-{member}.ndjson"
            with open(files[name], "w") as out:
                subprocess.run([sys.executable, DATA / "uci_to_events.py", "--members", str(MEMBERS), "--member",
                                str(member), part], stdout=out, check=True)
        return files

    def holds(self, net, rows, number, codes):
        accounts = [account_of(rows[same], codes) for same in (number, number + SUBJECTS) if same in rows]
        report = net.run("observer-1", "report", sha(f"uci-subject:{number % SUBJECTS}", 32), "--codes", codes,
                         check=DONE).json
        self.assertEqual(len(accounts), 2 if number in PAIRS else 1)
        self.assertEqual(report["verdict"] | {"events": 0},
                         {"authentic": True, "complete": True, "absent": False, "no_file": False, "events": 0,
                          "withheld": 0})
        found = {account["account"]: account for account in report["accounts"]}
        self.assertEqual(set(found), {account["account"] for account in accounts})
        before = window("/", "*") if codes == "pboc" else window("B", "D")
        for wanted in accounts:
            self.account_holds(found[wanted["account"]], wanted, before)
        self.summary_holds(report["summary"], accounts)
        return sum(len(account["months"]) for account in accounts)

    def account_holds(self, account, wanted, before):
        self.assertEqual(
            (account["member"], account["account_type"], account["currency"], account["state"], account["active"],
             account["opened"], account["limit_minor"]),
            (wanted["member"], "REVOLVING", "TWD", "OPEN", True, "2005-03-31", wanted["limit_minor"]))
        months = account["months"]
        self.assertEqual([month["code"] for month in months], before + [month["code"] for month in wanted["months"]])
        self.assertEqual([month["reported"] for month in months], [False] * 18 + [True] * 6)
        for month, wanted_month in zip(months[18:], wanted["months"]):
            self.assertEqual({key: month.get(key) for key in wanted_month}, wanted_month)
            self.assertEqual((month["as_reported"], month["corrected"], month["readable"]), (False, False, True))
        self.assertEqual({key: account["latest"][key] for key in ("period", "balance_minor", "days_past_due")},
                         {key: wanted["months"][5][key] for key in ("period", "balance_minor", "days_past_due")})
        paid = [(month["period"] + "-15", month["paid_minor"]) for month in wanted["months"] if month["paid_minor"] > 0]
        payment = account["last_payment"]
        self.assertEqual((payment["event_date"], payment["amount_minor"]) if payment else None, paid[-1] if paid else None)

    def summary_holds(self, summary, accounts):
        last = [account["months"][5] for account in accounts]
        worst = max(month["days_past_due"] for account in accounts for month in account["months"])
        flagged = sum(1 for account in accounts for month in account["months"] if month["flags"])
        self.assertEqual(
            (summary["accounts"], summary["active"], summary["by_state"], summary["flagged"],
             summary["worst"]["days_past_due"] if summary["worst"] else 0),
            (len(accounts), len(accounts), {"OPEN": len(accounts)}, flagged, worst))
        self.assertEqual(summary["totals"], [
            {"currency": "TWD", "accounts": len(accounts), "unknown": 0, "past_due_minor": None,
             "balance_minor": sum(month["balance_minor"] for month in last),
             "limit_minor": sum(account["limit_minor"] for account in accounts)}])

    def test_reports_of_ten_subjects_say_what_the_csv_says(self):
        net = self.network()
        rows, part = self.rows_make(net)
        for name, outcome in net.import_all(self.files_make(net, part)).items():
            self.assertEqual((outcome.code, outcome.json["rejected"]), (DONE, 0), name)
        net.agreement()
        months = sum(self.holds(net, rows, number, codes) for number in PAIRS + SINGLES for codes in ("pboc", "metro2"))
        self.assertEqual(months, 2 * 6 * (2 * len(PAIRS) + len(SINGLES)))
        print(f"\n{len(rows)} accounts imported, {months} months of {len(PAIRS + SINGLES)} subjects compared")


class Metro2ReportTest(network.NetworkTest):
    """The grids of an imported Metro 2 file are the file's own profiles, which the test reads by its own columns."""

    def grids_hold(self, path, subject, good, count):
        net = self.network(observers=0)
        net.run("validator-2", "import", path, "--metro2", "--subject", subject, check=REFUSED)
        out = tally("import", path, "--metro2", "--subject", subject, "--print", home=net.home("validator-2")).out
        names = [(line["subject"], line["account"]) for line in map(json.loads, (
            line for line in out.splitlines() if line.startswith('{"type":"ACCOUNT_OPEN"')))]
        self.assertEqual(len(names), len(good))
        step = max(1, len(good) // count)
        for record, (person, ref) in list(zip(good, names))[::step]:
            report = net.run("validator-2", "report", person, "--codes", "metro2", "--months", 60, check=DONE).json
            account, = (account for account in report["accounts"] if account["account"] == ref)
            months = {month["period"]: month for month in account["months"]}
            profile = metro2_file.months_before(record["information"], 24)
            self.assertEqual("".join(months[month]["code"] for month in profile), record["profile"])
            self.assertTrue(all(months[month]["as_reported"] for month in profile))
            for month in profile:
                self.assertNotIn("days_past_due", months[month])
                self.assertNotIn("balance_minor", months[month])
        return len(good[::step])

    def test_our_own_file(self):
        records, _ = metro2_file.records_of(metro2_file.SAMPLE.read_text())
        good = [record for number, record in records.items() if number not in (8, 9)]
        self.grids_hold(metro2_file.SAMPLE, "account", good, len(good))

    def test_the_real_file(self):
        if not metro2_file.REAL.is_file():
            self.skipTest(f"{metro2_file.REAL} is not here")
        with zipfile.ZipFile(metro2_file.REAL) as archive:
            text = archive.read(archive.namelist()[0])
        with tempfile.NamedTemporaryFile() as file:
            file.write(text)
            file.flush()
            records, _ = metro2_file.records_of(text.decode())
            compared = self.grids_hold(file.name, "account", list(records.values()), len(records) if FULL else 40)
        print(f"\n{compared} grids are the profiles in the file")


class InquiredReportTest(network.NetworkTest):
    """Where reads are not open: a report wants an inquiry, and says which one it answers."""

    network_options = {"open_reads": False}

    def test_a_report_is_asked_for_by_an_inquiry(self):
        subject = "1d" * 32
        file, proof = self.net.folder / "lines.ndjson", self.net.folder / "proof"
        file.write_text(json.dumps({
            "type": "ACCOUNT_OPEN", "subject": subject, "account": "ac" * 16, "event_date": "2025-01-10",
            "account_type": "REVOLVING", "currency": "CNY", "body": {"limit_minor": 5_000_000}}) + "\n")
        self.net.run("validator-1", "import", file, check=DONE)
        without = self.net.run("validator-2", "report", subject)
        self.assertEqual((without.code, without.json["error"]["reason"]), (USAGE, "USAGE"))
        asked = ["--purpose", "CREDIT_DECISION", "--legal-basis", "STATUTE"]
        report = self.net.run("validator-2", "report", subject, *asked, check=DONE).json
        self.assertEqual(len(report["accounts"]), 1)
        inquiry, = report["inquiries"]
        self.assertEqual((inquiry["event_id"], inquiry["member"], inquiry["hard"]), (report["inquiry"], 2, True))
        again = self.net.run("validator-2", "report", subject, "--inquiry", report["inquiry"], check=DONE).json
        self.assertEqual((again["inquiry"], len(again["inquiries"])), (report["inquiry"], 1))
        self.net.run("validator-2", "history", subject, "--inquiry", report["inquiry"], "--out", proof, check=DONE)
        offline = ["report", "--file", proof, "--genesis", self.net.genesis]
        self.assertEqual(tally(*offline, "--inquiry", report["inquiry"], check=DONE).json["inquiry"], report["inquiry"])
        other = tally(*offline, "--inquiry", "00" * 32)
        self.assertEqual((other.code, other.json["error"]["reason"]), (REFUSED, "STALE"))
        self.assertEqual(tally(*offline, *asked).code, USAGE)

    def test_nothing_but_the_inquiry_is_no_file(self):
        told = self.net.run("validator-3", "report", "ee" * 32, "--purpose", "CREDIT_DECISION", "--legal-basis", "STATUTE",
                            check=DONE).json
        self.assertEqual((told["verdict"]["no_file"], told["verdict"]["events"], told["accounts"]), (True, 1, []))

    def test_a_refused_inquiry_gives_no_report(self):
        outcome = self.net.run("validator-3", "report", "ed" * 32, "--purpose", "CREDIT_DECISION", "--consent", "00" * 32)
        self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (REFUSED, "NO_CONSENT"))


class ReportTest(network.NetworkTest):
    network_options = {}

    SUBJECT, ACCOUNT = "5b" * 32, "ac" * 16

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = False

    def submit(self, member, *lines):
        """Imports lines as a member; all are accepted."""
        file = self.net.folder / "lines.ndjson"
        file.write_text("".join(json.dumps({"subject": self.SUBJECT, "event_date": "2025-06-30"} | line) + "\n"
                                for line in lines))
        outcome = self.net.run(f"validator-{member}", "import", file, check=DONE)
        self.assertEqual(outcome.json["accepted"], len(lines), outcome)

    def report_line(self, period, balance, days, **more):
        return {"type": "PERIOD_REPORT", "account": self.ACCOUNT, "event_date": period + "-28", "period": period,
                "body": {"balance_minor": balance, "paid_minor": 0, "days_past_due": days} | more}

    def ids(self, **wanted):
        """Ids of the subject's events that have these fields."""
        events = self.net.run("validator-1", "history", self.SUBJECT, check=DONE).json["events"]
        return [event["event_id"] for event in events if all(event.get(key) == value for key, value in wanted.items())]

    def setUp(self):
        super().setUp()
        if ReportTest.made:
            return
        ReportTest.made = True
        account = {"account": self.ACCOUNT}
        self.submit(1, {"type": "ACCOUNT_OPEN", "account_type": "REVOLVING", "currency": "CNY", "event_date": "2025-01-10",
                        "body": {"limit_minor": 5_000_000}} | account,
                    self.report_line("2025-02", 120_000, 0), self.report_line("2025-03", 240_000, 95),
                    self.report_line("2025-04", 250_000, 0))
        third = self.ids(period="2025-03")[0]
        fourth = self.ids(period="2025-04")[0]
        self.submit(2, {"type": "CONSENT_GRANT", "grantee": 2, "purposes": ["CREDIT_DECISION"], "valid_from": "2020-01-01",
                        "valid_until": "2099-01-01", "max_uses": 3, "form_digest": "f0" * 32, "body": {}})
        self.submit(2, {"type": "INQUIRY", "purpose": "CREDIT_DECISION", "consent": self.ids(type="CONSENT_GRANT")[0],
                        "operator_digest": "0e" * 32, "nonce": "77" * 16})
        self.submit(2, {"type": "DISPUTE_OPEN", "target": third, "category": "AMOUNT",
                        "body": {"text": "<script>alert(1)</script> \x1b[31mI paid."}})
        dispute = self.ids(type="DISPUTE_OPEN")[0]
        self.submit(1, {"type": "DISPUTE_ANSWER", "dispute": dispute, "body": {"text": "We see that."}})
        self.submit(1, {"type": "CORRECT", "target": third, "reason": "DISPUTE", "dispute": dispute,
                        "body": {"type": "PERIOD_REPORT", "balance_minor": 40_000, "paid_minor": 200_000,
                                 "days_past_due": 0}} | account)
        self.submit(1, {"type": "RETRACT", "target": fourth, "reason": "FURNISHER_ERROR"} | account)
        self.submit(2, {"type": "DISPUTE_CLOSE", "dispute": dispute, "outcome": "CORRECTED", "body": {"text": "Good."}},
                    {"type": "STATEMENT", "target": third, "body": {"text": "I was away."}})
        self.net.agreement()

    def report(self, *options, **more):
        return self.net.run("observer-1", "report", self.SUBJECT, *options, check=DONE, **more)

    def test_what_was_put_right_is_shown_as_it_is_in_force(self):
        report = self.report("--months", 4).json
        account, = report["accounts"]
        self.assertEqual([(month["period"], month["code"]) for month in account["months"]],
                         [("2024-12", "/"), ("2025-01", "*"), ("2025-02", "N"), ("2025-03", "N")])
        third = account["months"][3]
        self.assertEqual((third["balance_minor"], third["paid_minor"], third["corrected"]), (40_000, 200_000, True))
        standings = {event["type"] + event.get("period", ""): event["standing"] for event in account["events"]}
        self.assertEqual(standings, {
            "ACCOUNT_OPEN": "IN_FORCE", "PERIOD_REPORT2025-02": "IN_FORCE", "PERIOD_REPORT2025-03": "CORRECTED",
            "PERIOD_REPORT2025-04": "RETRACTED", "CORRECT": "IN_FORCE", "RETRACT": "IN_FORCE"})
        self.assertEqual(report["summary"]["worst"], None)
        self.assertEqual(report["summary"]["totals"][0]["balance_minor"], 40_000)

    def test_disputes_inquiries_and_statements_are_told(self):
        report = self.report().json
        dispute, = report["disputes"]
        self.assertEqual((dispute["state"], dispute["category"], dispute["member"]), ("CLOSED", "AMOUNT", 2))
        self.assertEqual([(answer["late"], answer["body"]["text"]) for answer in dispute["answers"]],
                         [(False, "We see that.")])
        self.assertEqual((dispute["closing"]["outcome"], dispute["due"] > "2025-07"), ("CORRECTED", True))
        inquiry, = report["inquiries"]
        self.assertEqual((inquiry["member"], inquiry["hard"], inquiry["result"]), (2, True, "OK"))
        self.assertEqual([statement["body"]["text"] for statement in report["statements"]], ["I was away."])
        self.assertEqual((report["summary"]["inquiries_hard"], report["summary"]["disputes_open"]), (1, 0))

    def test_a_terminal_gets_no_escape_and_no_line_too_wide(self):
        text = self.report(as_json=False).out
        self.assertNotIn("\x1b", text)
        self.assertIn("\\x1B[31mI", text)
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 80)
        self.assertIn("~2025-03: balance 2400.00, paid 0.00, 95", text)

    def test_html_is_whole_and_needs_nothing_beside_itself(self):
        file = self.net.folder / "report.html"
        self.assertEqual(self.report("--html", file, as_json=False).out, "")
        text = file.read_text()
        page = Page(text)
        self.assertEqual(page.problems, [])
        self.assertIn("<script>alert(1)</script> \\x1B[31mI paid.", "".join(page.texts))
        self.assertTrue(any(said.startswith("2025-03: balance 2400.00") for said in page.struck), page.struck)
        self.assertFalse(any(said.startswith("2025-03: balance 400.00") for said in page.struck), page.struck)
        for word in ("http://", "https://", "src=", "href=", "<script", "<link", "<img"):
            self.assertNotIn(word, text)

    def test_a_saved_file_gives_the_same_report_without_a_node(self):
        proof = self.net.folder / "proof"
        self.net.run("observer-1", "history", self.SUBJECT, "--out", proof, check=DONE)
        offline = tally("report", "--file", proof, "--genesis", self.net.genesis, check=DONE).json
        online = self.report().json
        places = {"as_of_height": 0, "as_of_time_ms": 0}
        self.assertEqual(offline | places, online | places)
        height = str(offline["as_of_height"] + 1)
        late = tally("report", "--file", proof, "--genesis", self.net.genesis, "--min-height", height)
        self.assertEqual((late.code, late.json["error"]["reason"]), (REFUSED, "STALE"))
        changed = bytearray(proof.read_bytes())
        changed[len(changed) // 2] ^= 1
        proof.write_bytes(changed)
        self.assertEqual(tally("report", "--file", proof, "--genesis", self.net.genesis).code, REFUSED)

    def test_a_subject_without_a_file_has_a_report_that_says_so(self):
        outcome = self.net.run("observer-1", "report", "00" * 32, check=DONE)
        self.assertEqual((outcome.json["verdict"]["absent"], outcome.json["accounts"]), (True, []))
        self.assertIn("there is no file", self.net.run("observer-1", "report", "00" * 32, as_json=False).out)

    def test_mistakes_are_named(self):
        for wrong in ([], ["xyz"], [self.SUBJECT, "--codes", "x"], [self.SUBJECT, "--months", 0],
                      [self.SUBJECT, "--months", 121], [self.SUBJECT, "--file", "x"], ["--file", "x"],
                      [self.SUBJECT, "--genesis", "x"]):
            outcome = self.net.run("observer-1", "report", *wrong)
            self.assertEqual((outcome.code, outcome.json["error"]["reason"]), (USAGE, "USAGE"), outcome)


if __name__ == "__main__":
    network.main()
