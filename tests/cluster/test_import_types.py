#!/usr/bin/python3
"""Events of every type, in files of lines, into a real network: once each, in their order, with what is refused told by line."""

import datetime
import json
import os
import signal
import time

import network
from network import DONE, REFUSED, tally_end, tally_start

FIRST, SECOND = "validator-1", "validator-2"  # members 1 and 2, lenders
DAY = datetime.timedelta(days=1)
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
STATEMENTS = 4000


def hexadecimal(size):
    return os.urandom(size).hex()


class ImportTypesTest(network.NetworkTest):
    network_options = {"observers": 0}

    def setUp(self):
        super().setUp()
        self.subject = hexadecimal(32)
        self.types = set()

    def line(self, type_name, date=TODAY, **fields):
        self.types.add(type_name)
        return {"type": type_name, "subject": self.subject, "event_date": date.isoformat(), **fields}

    def file(self, lines):
        path = self.net.folder / f"{hexadecimal(8)}.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    def imported(self, name, lines):
        """All of them are applied, and the second time known."""
        path = self.file(lines)
        first = self.net.run(name, "import", path).json
        self.assertEqual((first["accepted"], first["duplicate"], first["rejected"]), (len(lines), 0, 0), first["rejections"])
        counts = {}
        for line in lines:
            counts[line["type"]] = counts.get(line["type"], 0) + 1
        self.assertEqual(first["types"], {kind: {"accepted": count, "duplicate": 0, "rejected": 0}
                                          for kind, count in counts.items()})
        self.assertEqual(first["results"], {"OK": len(lines)})
        before = self.net.agreement()
        again = self.net.run(name, "import", path, check=DONE).json
        self.assertEqual((again["accepted"], again["duplicate"]), (0, len(lines)))
        self.assertEqual(again["results"], {"DUPLICATE": len(lines)})
        self.assertEqual(self.net.agreement(), before)  # not one more block

    def events(self, name):
        return self.net.run(name, "history", self.subject, check=DONE).json["events"]

    def event_id(self, name, type_name, **fields):
        found, = [event["event_id"] for event in self.events(name)
                  if event["type"] == type_name and all(event.get(key) == value for key, value in fields.items())]
        return found

    def consent(self, **fields):
        return self.line("CONSENT_GRANT", grantee=1, purposes=["CREDIT_DECISION"], valid_from=(TODAY - DAY).isoformat(),
                         valid_until=(TODAY + 30 * DAY).isoformat(), max_uses=3, form_digest=hexadecimal(32), **fields)

    def inquiry(self, consent):
        return self.line("INQUIRY", purpose="CREDIT_DECISION", consent=consent, operator_digest=hexadecimal(32),
                         nonce=hexadecimal(16))

    def reserve(self, **fields):
        return self.line("RESERVE", account_type="REVOLVING", currency="EUR", amount_minor=100000,
                         expires_ms=int(time.time() * 1000) + 3600_000, **fields)

    def test_events_of_every_type_are_imported_once(self):
        loan, card, sold = (hexadecimal(16) for _ in range(3))
        january = datetime.date(2024, 1, 31)
        report = {"balance_minor": 5000, "paid_minor": 0, "days_past_due": 31}
        self.imported(FIRST, [
            self.line("ACCOUNT_OPEN", january, account=loan, account_type="INSTALMENT", currency="EUR"),
            self.line("DISBURSE", january, account=loan, body={"amount_minor": 90000}),
            self.line("PERIOD_REPORT", january, account=loan, period="2024-01", body=report),
            self.line("PAYMENT", january, account=loan, body={"amount_minor": 10}),
            self.line("CHARGE_OFF", january, account=loan, body={"amount_minor": 80000}),
            self.line("RECOVERY", january, account=loan, body={"amount_minor": 70000}),
            self.line("CLOSE", january, account=loan, kind="SETTLED_LESS"),
            self.reserve(label="room"),
            self.line("ACCOUNT_OPEN", account=card, account_type="REVOLVING", currency="EUR", authorization="@room",
                      body={"limit_minor": 100000}),
            self.line("LIMIT_CHANGE", account=card, body={"old_limit_minor": 100000, "new_limit_minor": 90000}),
            self.line("STATUS", account=card, new_state="FROZEN", reason="FRAUD"),
            self.line("STATUS", account=card, new_state="OPEN", reason="OTHER"),
            self.line("PERIOD_REPORT", january, account=card, period="2024-01", body={"reported_code": "1"}),
            self.line("PAYMENT", account=card, body={"amount_minor": 20}),
            self.line("PAYMENT", account=card, body={"amount_minor": 20}),
            self.line("ACCOUNT_OPEN", january, account=sold, account_type="REVOLVING", currency="EUR"),
            self.line("TRANSFER", account=sold, transferee=2, body={"balance_minor": 7}),
            self.reserve(label="spare"),
            self.line("RESERVE_CANCEL", reservation="@spare"),
            self.consent(label="paper"),
            self.inquiry("@paper"),
            self.consent(label="other paper", item=hexadecimal(16)),
            self.line("CONSENT_REVOKE", consent="@other paper", body={"reason": "asked"}),
            self.line("STATEMENT", target="@paper", body={"text": "I signed that."}),
            self.line("STATEMENT", body={"text": "twice"}),
            self.line("STATEMENT", body={"text": "twice"}),
        ])
        card_report = self.event_id(FIRST, "PERIOD_REPORT", account=card)
        self.imported(SECOND, [self.consent(label="theirs") | {"grantee": 2}, self.inquiry("@theirs")])
        self.imported(SECOND, [
            self.line("ACCOUNT_OPEN", account=hexadecimal(16), account_type="REVOLVING", currency="EUR",
                      transfer_of=self.event_id(FIRST, "TRANSFER")),
            self.line("DISPUTE_OPEN", target=card_report, category="AMOUNT", body={"text": "never"}),
        ])
        dispute = self.event_id(SECOND, "DISPUTE_OPEN")
        self.imported(FIRST, [
            self.line("DISPUTE_ANSWER", dispute=dispute, body={"text": "so it is"}),
            self.line("CORRECT", account=card, target=card_report, reason="DISPUTE", dispute=dispute,
                      body={"type": "PERIOD_REPORT", **report, "days_past_due": 0}),
            self.line("RETRACT", account=loan, target=self.event_id(FIRST, "CLOSE"), reason="FURNISHER_ERROR"),
        ])
        self.imported(SECOND, [self.line("DISPUTE_CLOSE", dispute=dispute, outcome="CORRECTED", body={"text": "thanks"})])
        self.assertEqual(len(self.types), 21)
        told = self.events(FIRST)
        self.assertEqual({event["type"] for event in told}, self.types)
        self.assertEqual({event["result"] for event in told}, {"OK"})

    def test_what_is_refused_is_told_by_line_and_the_rest_is_applied(self):
        lines = [
            self.consent(label="paper"),                                     # 1
            self.line("CONSENT_REVOKE", consent="@paper"),
            self.inquiry("@paper"),                                          # 3: it is over
            self.line("RESERVE_CANCEL", reservation="@nothing"),             # 4: no such label
            self.line("RESERVE_CANCEL", reservation=hexadecimal(32)),        # 5: no such reservation
            self.line("STATEMENT", body={"text": "kept"}),
            self.consent(label="paper"),                                     # 7: the label is taken
            self.line("STATUS", account=hexadecimal(16), new_state="OPEN", reason="OTHER"),  # 8: of no account
            self.reserve(item="00" * 16),
            self.reserve(item="00" * 16),                                    # 10: another event, one item
        ]
        lines[-1]["amount_minor"] += 1
        counts = self.net.run(FIRST, "import", self.file(lines), check=REFUSED).json
        told = {entry["line"]: (entry["type"], entry["reason"]) for entry in counts["rejections"]}
        self.assertEqual(told, {3: ("INQUIRY", "NO_CONSENT"), 4: ("RESERVE_CANCEL", "BAD_LINE"),
                                5: ("RESERVE_CANCEL", "NO_TARGET"), 7: ("CONSENT_GRANT", "BAD_LINE"),
                                8: ("STATUS", "WRONG_STATE"), 10: ("RESERVE", "ITEM_TAKEN")})
        self.assertTrue(all(entry["message"] for entry in counts["rejections"]))
        self.assertEqual((counts["accepted"], counts["rejected"]), (4, 6))
        self.assertEqual(counts["results"], {"OK": 4, "NO_CONSENT": 1, "BAD_LINE": 2, "NO_TARGET": 1, "WRONG_STATE": 1,
                                             "ITEM_TAKEN": 1})
        outcome = self.net.run(FIRST, "import", self.file(lines), as_json=False, check=REFUSED)
        self.assertIn("line 3: ITEM_TAKEN: The same event was refused before", outcome.err)
        self.assertIn("STATEMENT        0 accepted, 1 duplicate, 0 rejected", outcome.out)

    def test_an_import_that_is_cut_off_goes_on(self):
        lines = [self.line("STATEMENT", body={"text": str(number)}) for number in range(STATEMENTS)]
        for number, line in enumerate(lines):
            line["subject"] = f"{number % 100:02d}{self.subject[2:]}"
        path = self.file(lines)
        start = self.net.status(SECOND)["events"]
        process = tally_start("import", path, home=self.net.home(SECOND))
        until = time.monotonic() + 30
        while self.net.status(SECOND)["events"] < start + 100 and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        tally_end(process)
        self.net.agreement()
        between = self.net.status(SECOND)["events"] - start
        counts = self.net.run(SECOND, "import", path, check=DONE).json
        self.assertEqual(counts["accepted"] + counts["duplicate"], STATEMENTS)
        self.assertGreater(counts["duplicate"], 0)
        again = self.net.run(SECOND, "import", path, check=DONE).json
        self.assertEqual((again["accepted"], again["duplicate"]), (0, STATEMENTS))
        for number in (0, 17, 99):
            self.subject = lines[number]["subject"]
            self.assertEqual([int(event["body"]["text"]) for event in self.events(SECOND)],
                             list(range(number, STATEMENTS, 100)))
        print(f"\n{between} before the cut, {counts['accepted']} after it", end=" ")


if __name__ == "__main__":
    network.main()
