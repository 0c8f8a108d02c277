#!/usr/bin/python3
"""Metro 2 files into a real network: a small one of our own, and the real one, read here a second time, column by column, and
held against what the ledger proves. The real file is looked for in TALLY_SHARED_DATA, or else in ../shared/data beside the
project."""

import calendar
import collections
import datetime
import json
import os
import pathlib
import signal
import time
import zipfile

import network
from network import DONE, REFUSED, ROOT, tally, tally_end, tally_start

SAMPLE = ROOT / "tests" / "metro2" / "loans.txt"
NAME = "validator-2"
OTHER = "validator-3"
MONTHLY = "validator-4"
DATA = pathlib.Path(os.environ.get("TALLY_SHARED_DATA") or ROOT.parent / "shared" / "data")
REAL = DATA / "m2_2k_lines_deidentified.TXT.zip"
SUBJECTS = None if network.FULL else 60  # of the real file, whose history is asked for

# What is read here, from the format's own description: name -> first and last column, counted from 1.
COLUMNS = {
    "account": (43, 72), "portfolio": (73, 73), "type": (74, 75), "opened": (76, 83), "limit": (84, 92), "original": (93, 101),
    "terms": (102, 104), "frequency": (105, 105), "scheduled": (106, 114), "paid": (115, 123), "status": (124, 125),
    "rating": (126, 126), "profile": (127, 150), "comment": (151, 152), "balance": (155, 163), "past_due": (164, 172),
    "charged_off": (173, 181), "information": (182, 189), "delinquency": (190, 197), "closed": (198, 205), "ssn": (298, 306)}
DATES = ("opened", "information", "delinquency", "closed")
AMOUNTS = ("limit", "original", "scheduled", "paid", "balance", "past_due", "charged_off")


def date_of(text):
    return None if text == "00000000" else datetime.date(int(text[4:]), int(text[:2]), int(text[2:4]))


def record_of(line):
    """The record's columns, or a ValueError."""
    if not line[:4].isdigit():
        raise ValueError("no record")
    record = {name: line[first - 1:last] for name, (first, last) in COLUMNS.items()}
    for name in AMOUNTS:
        if not record[name].isdigit():
            raise ValueError(name)
        record[name] = int(record[name]) * 100
    for name in DATES:
        record[name] = date_of(record[name])
    if set(record["profile"]) - set("0123456BDEGHJKL"):
        raise ValueError("profile")
    return record


def records_of(text):
    """Line number -> record, and the numbers of bad lines, of what stands between header and trailer."""
    lines = text.splitlines()
    records, bad = {}, []
    assert lines[0][4:10] == "HEADER" and lines[-1][4:11] == "TRAILER"
    for number, line in enumerate(lines[1:-1], 2):
        try:
            records[number] = record_of(line)
        except ValueError:
            bad.append(number)
    return records, bad


def months_before(date, count):
    """The `count` months before a date's, the newest first, as yyyy-mm."""
    index = date.year * 12 + date.month - 1
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(index - 1, index - 1 - count, -1)]


def end_of(month):
    year, number = int(month[:4]), int(month[5:])
    return f"{month}-{calendar.monthrange(year, number)[1]:02d}"


def code_of(record):
    return record["status"] + ("" if record["rating"] == " " else "/" + record["rating"])


def report_of(record):
    """The body of the record's own month."""
    body = {"balance_minor": record["balance"], "paid_minor": record["paid"], "reported_code": code_of(record)}
    if record["scheduled"]:
        body["scheduled_minor"] = record["scheduled"]
    if record["past_due"]:
        body["past_due_minor"] = record["past_due"]
    if record["limit"] and record["portfolio"] not in "IM":
        body["limit_minor"] = record["limit"]
    if record["delinquency"]:
        body["first_delinquency_date"] = record["delinquency"].isoformat()
    return body


class ImportMetro2Test(network.NetworkTest):
    network_options = {"observers": 0}

    def events_match(self, record, events):
        """The proven events of one account against the record's columns."""
        by_type = collections.defaultdict(list)
        for event in events:
            by_type[event["type"]].append(event)
        instalment = record["portfolio"] in "IM"
        opening, = by_type["ACCOUNT_OPEN"]
        self.assertEqual(opening["event_date"], record["opened"].isoformat())
        self.assertEqual(opening["account_type"], "INSTALMENT" if instalment else "REVOLVING")
        self.assertEqual(opening["currency"], "USD")
        self.assertEqual(opening["product"].to_bytes(3, "big").decode(), record["portfolio"] + record["type"])
        self.assertEqual(opening["body"].get("principal_minor"), record["original"] if instalment else None)
        self.assertEqual([event["body"]["amount_minor"] for event in by_type["DISBURSE"]],
                         [record["original"]] if instalment else [])
        reports = {event["period"]: event for event in by_type["PERIOD_REPORT"]}
        self.assertEqual(len(reports), len(by_type["PERIOD_REPORT"]))
        months = months_before(record["information"], 24)
        # The grid is the profile, and no amount or day was made up for it.
        self.assertEqual("".join(reports[month]["body"]["reported_code"] for month in months), record["profile"])
        for month in months:
            self.assertEqual(list(reports[month]["body"]), ["reported_code"])
            self.assertEqual(reports[month]["event_date"], end_of(month))
        now = record["information"].isoformat()
        refused = record["past_due"] > max(record["balance"], 0)
        self.assertEqual(set(reports) - set(months), set() if refused else {now[:7]})
        if not refused:
            self.assertEqual(reports[now[:7]]["body"], report_of(record))
            self.assertEqual(reports[now[:7]]["event_date"], now)
        self.assertEqual(["days_past_due" in event["body"] for event in by_type["PERIOD_REPORT"]], [False] * len(reports))
        lost = record["status"] in ("97", "64")
        self.assertEqual([event["body"]["amount_minor"] for event in by_type["CHARGE_OFF"]],
                         [record["charged_off"]] if lost else [])
        if lost:
            known = [month for month, code in zip(months, record["profile"]) if code == "L"]
            self.assertEqual(by_type["CHARGE_OFF"][0]["event_date"], end_of(known[-1]) if known else now)
        closed = record["status"] in ("13", "61", "62", "63", "64", "65") and record["closed"] and record["balance"] == 0
        self.assertEqual([event["event_date"] for event in by_type["CLOSE"]],
                         [record["closed"].isoformat()] if closed else [])
        return len(events)

    def accounts(self, path, subject):
        """The account and the subject of each record, in the file's order, as --print tells them."""
        out = tally("import", path, "--metro2", "--subject", subject, "--print", home=self.net.home(NAME)).out
        lines = [json.loads(line) for line in out.splitlines() if line.startswith('{"type":"ACCOUNT_OPEN"')]
        return [(line["subject"], line["account"]) for line in lines]

    def history(self, subject, account):
        told = self.net.run(NAME, "history", subject, check=DONE).json["events"]
        return [event for event in told if event["account"] == account and event["result"] == "OK"]

    def test_our_own_file_is_imported_once_and_tells_what_it_is(self):
        records, _ = records_of(SAMPLE.read_text())
        faults = {8: "columns 164-172 (amount past due)", 9: "columns 76-83 (date opened)",
                  10: "columns 298-306 (social security number)"}
        events = 0
        for accepted in (True, False):
            counts = self.net.run(NAME, "import", SAMPLE, "--metro2", check=REFUSED).json
            told = {entry["line"]: entry["message"] for entry in counts["rejections"]}
            self.assertEqual(sorted(told), sorted(faults))
            for line, words in faults.items():
                self.assertIn(words, told[line])
            self.assertEqual(counts["metro2"], {"activity_date": "2025-06-30", "records": 9, "clean": 6, "bad": 3,
                                                "odd_lengths": 0, "segments_not_read": {"J1": 1}, "trailer": True,
                                                "differences": []})
            events = counts["accepted"] if accepted else events
            self.assertEqual((counts["accepted"], counts["duplicate"]), (events, 0) if accepted else (0, events))
        found = 0
        names = self.accounts(SAMPLE, "ssn")
        good = [record for number, record in records.items() if number not in faults]
        self.assertEqual(len(names), len(good))
        for record, (subject, account) in zip(good, names):
            document = f"US_SSN:{record['ssn']}"
            self.assertEqual(tally("subject-id", home=self.net.home(NAME), stdin=document + "\n", check=DONE).json["subject"],
                             subject)
            found += self.events_match(record, self.history(subject, account))
        self.assertEqual(found, events)

    def test_a_file_without_its_trailer_is_imported_and_told(self):
        path = self.net.folder / "cut.txt"
        path.write_text("\n".join(SAMPLE.read_text().splitlines()[:3]) + "\n")
        outcome = self.net.run(OTHER, "import", path, "--metro2", check=REFUSED)
        self.assertEqual((outcome.json["rejected"], outcome.json["metro2"]["trailer"]), (0, False))
        outcome = self.net.run(OTHER, "import", path, "--metro2", as_json=False, check=REFUSED)
        self.assertIn("no trailer", outcome.err)

    def test_the_next_months_file_adds_its_own_month(self):
        lines = SAMPLE.read_text().splitlines()
        may, june = self.net.folder / "may.txt", self.net.folder / "june.txt"
        june.write_text("\n".join([lines[0], lines[1], lines[2]]) + "\n")

        def month_before(line):
            first = line[:181] + "05312025" + line[189:]
            return first[:126] + first[127:150] + "B" + first[150:]  # its profile begins a month earlier

        may.write_text("\n".join([lines[0], month_before(lines[1]), month_before(lines[2])]) + "\n")
        counts = self.net.run(MONTHLY, "import", may, "--metro2", check=REFUSED).json  # neither has a trailer
        self.assertEqual((counts["accepted"], counts["rejected"]), (27 + 28, 0))
        counts = self.net.run(MONTHLY, "import", june, "--metro2", "--months", "0", check=REFUSED).json
        self.assertEqual((counts["accepted"], counts["duplicate"], counts["rejected"]), (2, 4, 0))
        # With its profile, it tells May again, and in other words.
        counts = self.net.run(MONTHLY, "import", june, "--metro2", check=REFUSED).json
        self.assertEqual(counts["results"]["PERIOD_TAKEN"], 2)
        self.assertEqual(counts["accepted"], 0)

    def test_what_is_no_metro2_file_is_refused_before_anything_is_sent(self):
        refused = self.net.run(OTHER, "import", ROOT / "tests" / "csv" / "cards.csv", "--metro2", check=REFUSED)
        self.assertEqual(refused.json["error"]["reason"], "FILE")
        self.assertIn("line 1 is no header", refused.json["error"]["message"])

    def test_the_real_file_is_what_the_ledger_proves(self):
        if not REAL.is_file():
            self.skipTest(f"{REAL} is not here")
        path = self.net.folder / "real.txt"
        with zipfile.ZipFile(REAL) as archive:
            path.write_bytes(archive.read(archive.namelist()[0]))
        records, bad = records_of(path.read_text())
        self.assertEqual((len(records) + len(bad), len(records), bad), (1998, 1996, [2, 518]))
        # Cut off somewhere in the middle, and run again.
        process = tally_start("import", path, "--metro2", "--subject", "account", home=self.net.home(NAME))
        until = time.monotonic() + 30
        while (self.net.status(NAME) or {"events": 0})["events"] < 5000 and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        tally_end(process)
        before = self.net.status(NAME)["events"]
        first = self.net.run(NAME, "import", path, "--metro2", "--subject", "account", check=REFUSED).json
        again = self.net.run(NAME, "import", path, "--metro2", "--subject", "account", check=REFUSED).json
        # Two clean records contradict themselves: the rules of bodies refuse one event of each.
        refused = {number: "PAST_DUE_OVER_BALANCE" for number, record in records.items()
                   if record["past_due"] > record["balance"]}
        refused.update({number: "BALANCE_AT_CLOSE" for number, record in records.items()
                        if record["status"] in ("13", "61", "62", "63", "64", "65") and record["closed"] and record["balance"]})
        self.assertEqual(len(refused), 2)
        self.assertEqual((again["accepted"], again["duplicate"]), (0, first["accepted"] + first["duplicate"]))
        for counts in (first, again):
            told = {entry["line"]: entry for entry in counts["rejections"]}
            self.assertEqual(sorted(told), sorted([2, 518, *refused]))
            self.assertIn("columns 1-4 (record descriptor word)", told[2]["message"])
            self.assertIn("columns 164-172 (amount past due)", told[518]["message"])
            self.assertEqual({line: told[line]["reason"] for line in refused}, refused)
            summary = counts["metro2"]
            self.assertEqual((summary["records"], summary["clean"], summary["bad"], summary["activity_date"]),
                             (1998, 1996, 2, "2019-01-31"))
        self.trailer_is_told(path, records, first["metro2"]["differences"])
        names = self.accounts(path, "account")
        self.assertEqual(len(set(names)), 1996)
        step = 1 if SUBJECTS is None else len(records) // SUBJECTS
        chosen = set(range(0, len(records), step)) | {list(records).index(number) for number in refused}
        found, wanted = 0, 0
        for index, ((number, record), (subject, account)) in enumerate(zip(records.items(), names)):
            lost = record["status"] in ("97", "64")
            closed = record["status"] in ("13", "61", "62", "63", "64", "65") and record["closed"]
            wanted += 27 + bool(lost) + bool(closed) - (number in refused)
            if index in chosen:
                found += self.events_match(record, self.history(subject, account))
        self.assertEqual(first["accepted"] + first["duplicate"], wanted)
        print(f"\n{before} events before the cut, {wanted} in all; {len(chosen)} accounts of {found} events, all equal", end=" ")

    def trailer_is_told(self, path, records, differences):
        """The trailer is that of a larger file: what it says of each total, and what this file has."""
        lines = path.read_text().splitlines()
        columns = {"base records": 12, "status 11": 84, "status 97": 255, "J1 segments": 39}
        told = {entry["total"]: entry for entry in differences}
        read = {"base records": 1998, "J1 segments": sum(line[426:428] == "J1" for line in (lines[number - 1] for number in records))}
        read.update({f"status {code}": sum(record["status"] == code for record in records.values()) for code in ("11", "97")})
        for total, first in columns.items():
            self.assertEqual(told[total], {"total": total, "trailer": int(lines[-1][first - 1:first + 8]), "read": read[total]})


if __name__ == "__main__":
    network.main()
