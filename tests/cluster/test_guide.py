#!/usr/bin/python3
"""The integrators' page, followed to the letter: a certificate, calls by curl, and an application in Python."""

import network
import rpc
from guide import PAGE, Guide

NODE = "validator-1"


class GuideTest(network.NetworkTest):
    network_options = {"open_reads": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        member = rpc.Member(cls.shared, NODE)
        with rpc.Client(cls.shared, NODE) as client:
            client.submit(member.batch([member.opening()]), rpc.rpc.CHECKPOINTED)
        cls.guide = Guide(cls.shared, NODE, cls.shared.folder / "application")
        cls.guide.follow("A certificate")

    def test_every_block_of_the_page_is_run_by_a_test(self):
        sections = self.guide.sections
        self.assertEqual(list(sections), ["A certificate", "Reading, with curl", "Python", "Node", "What to expect"])
        self.assertEqual(sections["What to expect"], [])
        self.assertEqual(PAGE.read_text().count("```") // 2, sum(len(blocks) for blocks in sections.values()))

    def test_calls_by_curl_are_answered_as_the_page_shows(self):
        out = self.guide.follow("Reading, with curl")
        self.assertIn('"name":"validator-1"', out)
        for told in ('"protocol":"tallystick.v1"', '"finalization":', '"signatures":', "id: 1\nevent: block\ndata: {"):
            self.assertIn(told, out)

    def test_an_application_in_python_gets_a_verified_answer(self):
        out = self.guide.follow("Python").splitlines()
        self.assertEqual([line.split()[1:] for line in out[:4]], [
            ["1", "ACCOUNT_OPEN", "0"], ["1", "PAYMENT", "0"], ["1", "CONSENT_GRANT", "0"], ["1", "INQUIRY", "0"]])
        self.assertEqual(out[4], "INVALID_ARGUMENT BODY_COMMITMENT body 0")
        self.assertIn("complete  yes", out)


if __name__ == "__main__":
    network.main()
