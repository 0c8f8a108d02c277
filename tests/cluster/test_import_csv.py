#!/usr/bin/python3
"""CSV through a mapping into a real network: the shipped example, every mistake with its line and column, a large pipe in
bounded memory, and a real file against the events that another program makes of it. The real file is looked for in
TALLY_SHARED_DATA, or else in ../shared/data beside the project."""

import csv
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import network
from network import DONE, REFUSED, ROOT, SANITIZED, TALLY, tally

EXAMPLES = ROOT / "tests" / "csv"
NAME = "validator-2"
DATA = pathlib.Path(os.environ.get("TALLY_SHARED_DATA") or ROOT.parent / "shared" / "data")
UCI_ROWS = None if network.FULL else 3000
PIPE_ROWS = 400_000 if network.FULL else 100_000
PIPE_KIB_MAX = 64 * 1024


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


class ImportCsvTest(network.NetworkTest):
    network_options = {"observers": 0}

    def printed(self, path, mapping, **options):
        return tally("import", path, "--map", mapping, "--print", home=self.net.home(NAME), **options)

    def test_the_shipped_example_is_imported_once(self):
        path, mapping = EXAMPLES / "cards.csv", EXAMPLES / "cards.map.json"
        events = lines_of(self.printed(path, mapping, check=DONE).out)
        self.assertEqual([event["type"] for event in events],
                         ["ACCOUNT_OPEN", "PERIOD_REPORT", "PERIOD_REPORT", "ACCOUNT_OPEN", "PERIOD_REPORT", "CLOSE"])
        document = "CN_ID:11010119900307001X"
        subject = tally("subject-id", home=self.net.home(NAME), stdin=document + "\n", check=DONE).json["subject"]
        self.assertEqual(events[2], {"type": "PERIOD_REPORT", "subject": subject, "account": events[0]["account"],
                                     "event_date": "2025-02-28", "period": "2025-02",
                                     "body": {"balance_minor": -1230, "paid_minor": 126280, "days_past_due": 17,
                                              "reported_code": "B1"}})
        for accepted, duplicate in ((6, 0), (0, 6)):
            counts = self.net.run(NAME, "import", path, "--map", mapping, check=DONE).json
            self.assertEqual((counts["read"], counts["accepted"], counts["duplicate"], counts["rejected"]),
                             (6, accepted, duplicate, 0))
        own = self.net.run(NAME, "history", subject, check=DONE).json["events"]
        self.assertEqual([event["body"] for event in own], [event["body"] for event in events[:3]])

    def test_mistakes_are_told_with_line_and_column_and_the_rest_goes_on(self):
        mapping = self.net.folder / "mistakes.map.json"
        mapping.write_text(json.dumps({"events": [
            {"type": "ACCOUNT_OPEN", "fields": {
                "subject": {"column": "subject"}, "account": {"column": "account"},
                "event_date": {"column": "opened", "as": "date"}, "account_type": "REVOLVING", "currency": "EUR",
                "body.limit_minor": {"column": "limit", "as": "amount", "currency": "EUR"}}}]}))
        path = self.net.folder / "mistakes.csv"
        who = lambda: f"{os.urandom(32).hex()},{os.urandom(16).hex()}"
        path.write_text("subject,account,opened,limit\n"
                        f"{who()},2025-01-31,1000.00\n"
                        f"{who()},2025-02-30,1000.00\n"      # 3
                        f"{who()},\"2025-01-\n31\",1000.00\n"  # 4 and 5
                        f"{who()},2025-01-31,1000.005\n"     # 6
                        f"{os.urandom(32).hex()},short,2025-01-31,1\n"  # 7
                        f"{who()},2025-01-31\n"              # 8
                        f"{who()},2025-01-31,1\"0\n"         # 9
                        f"{who()},2025-01-31,10\n")
        counts = self.net.run(NAME, "import", path, "--map", mapping, check=REFUSED).json
        self.assertEqual((counts["read"], counts["accepted"], counts["rejected"]), (8, 2, 6), counts)
        told = {entry["line"]: entry["message"] for entry in counts["rejections"]}
        self.assertEqual(sorted(told), [3, 4, 6, 7, 8, 9])
        for line, words in ((3, "column 3 (opened)"), (4, "column 3 (opened)"), (6, "column 4 (limit)"),
                            (7, "(column 2, account)"), (8, "3 columns, and not 4"), (9, "column 4: a quote")):
            self.assertIn(words, told[line])

    def test_a_mapping_that_does_not_fit_is_refused_before_anything_is_sent(self):
        path, mapping = self.net.folder / "other.csv", self.net.folder / "bad.map.json"
        path.write_text("a,b\n1,2\n")
        refused = self.net.run(NAME, "import", path, "--map", EXAMPLES / "cards.map.json", check=REFUSED)
        self.assertEqual(refused.json["error"]["reason"], "FILE")
        self.assertIn("no column 'kind'", refused.json["error"]["message"])
        mapping.write_text('{"events": [{"type": "CLOSE", "fields": {"kind": {"column": "a", "as": "integer"}}}]}')
        refused = self.net.run(NAME, "import", path, "--map", mapping, check=REFUSED)
        self.assertEqual(refused.json["error"]["reason"], "MAP")
        self.assertIn("event 1 of the mapping, field kind", refused.json["error"]["message"])

    def test_a_pipe_of_any_size_takes_the_same_memory(self):
        mapping = self.net.folder / "pipe.map.json"
        mapping.write_text(json.dumps({"columns": ["n", "text"], "events": [
            {"type": "PAYMENT", "fields": {"ref": {"column": "text"}, "body.amount_minor": {"column": "n", "as": "number"}}}]}))
        command = [str(TALLY), "import", "-", "--map", str(mapping), "--print"]
        script = f"for n in range({PIPE_ROWS}): print(f'{{n}},\"' + 'x' * 400 + '\"')"
        source = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        process = subprocess.Popen(command, stdin=source.stdout, stdout=subprocess.PIPE)
        source.stdout.close()
        count = peak = 0
        with process.stdout:
            for _ in process.stdout:
                count += 1
                if count % 1000 == 0 and count < PIPE_ROWS:  # it has more to say, and so it runs
                    peak = max(peak, network.resident_kib(process.pid))
        self.assertEqual((process.wait(60), source.wait(60), count), (0, 0, PIPE_ROWS))
        print(f"\n{count} rows, {peak // 1024} MiB", end=" ")
        if not SANITIZED:
            self.assertLess(peak, PIPE_KIB_MAX)

    def test_a_real_file_becomes_the_events_that_another_program_makes_of_it(self):
        """The file knows no persons and no account numbers; the other program makes them up of its row numbers, so two
        columns with them are added to it first. All else is the mapping's."""
        source, program = DATA / "uci_credit_card.csv", DATA / "uci_to_events.py"
        if not source.is_file() or not program.is_file():
            self.skipTest(f"{source} is not here")
        limit = [] if UCI_ROWS is None else ["--rows", str(UCI_ROWS)]
        wanted = subprocess.run([sys.executable, program, source, *limit], check=True, capture_output=True, text=True).stdout
        path = self.net.folder / "uci.csv"

        def digest(text, size):
            return hashlib.sha256(text.encode()).hexdigest()[:2 * size]

        with open(source, newline="") as rows, open(path, "w", newline="") as out:
            reader, writer = csv.reader(rows), csv.writer(out)
            writer.writerow(next(reader) + ["SUBJECT", "ACCOUNT"])
            for index, row in enumerate(reader):
                if UCI_ROWS is not None and index >= UCI_ROWS:
                    break
                writer.writerow(row + [digest(f"uci-subject:{int(row[0]) % 24001}", 32), digest(f"uci-account:{row[0]}", 16)])
        made = self.printed(path, EXAMPLES / "uci_credit_card.map.json", check=DONE).out
        made, wanted = lines_of(made), lines_of(wanted)
        self.assertGreater(len(wanted), 7 * (UCI_ROWS or 30000))
        for index, (one, other) in enumerate(zip(made, wanted)):
            self.assertEqual(one, other, index)
        self.assertEqual(len(made), len(wanted))
        print(f"\n{len(made)} events, all equal", end=" ")


if __name__ == "__main__":
    network.main()
