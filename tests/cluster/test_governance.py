#!/usr/bin/env python3
"""Membership by ballot: what members propose, vote, withdraw and revoke, what becomes of it, and how each is told."""

import json
import os
import subprocess
import time

import network
import rpc
from governed import DEADLINE_S, GovernedTest, join_file, secret
from metrics import fetch, page_of
from network import DONE, REFUSED, tally, wait_until


class GovernanceTest(GovernedTest):
    # Proposals and votes

    def test_a_proposal_is_voted_on_and_carried_out_and_each_can_see_how(self):
        made = self.gov(1, "suspend", 5)
        self.assertEqual({key: made[key] for key in ("proposal", "outcome", "yes", "no", "yes_needed", "more_needed")},
                         {"proposal": 1, "outcome": "open", "yes": 1, "no": 0, "yes_needed": 4, "more_needed": 3})
        self.assertEqual(made["what"], "suspend member 5 (Regulator 1)")
        self.seen(2, made["height"])
        register = self.shown(2)
        [proposal] = register["open"]
        self.assertEqual((proposal["id"], proposal["member"], proposal["ballots"], proposal["proposed"]),
                         (made["id"], 1, [{"member": 1, "yes": True}], {"action": "SUSPEND_MEMBER", "member": 5}))
        self.assertAlmostEqual(proposal["closes_ms"] / 1000, time.time() + 14 * 86400, delta=60)
        text = self.members.run(self.names[1], "gov", "show", as_json=False).out
        for words in ("suspend member 5 (Regulator 1)", "3 more yes needed", "takes effect at the height after", "yes  member 1"):
            self.assertIn(words, text)
        self.assertEqual(self.gov(2, "vote", 1, "yes")["yes"], 2)
        self.assertEqual(self.gov(3, "vote", made["id"], "no")["no"], 1)
        # Two yes of five, one no: the last two have to say yes, and either's no would reject it.
        self.told("BALLOTED", 3, "vote", 1, "yes")
        self.assertEqual(self.vote(1, 4)["outcome"], "open")
        answer = self.vote(1, 5)
        self.assertEqual(answer["outcome"], "passed")
        self.seen(1, answer["height"])
        member = self.shown()["members"][4]
        self.assertEqual((member["status"], member["voter"], member["status_from"]), ("suspended", False, answer["height"] + 1))
        [closed] = self.shown()["closed"]
        self.assertEqual((closed["number"], closed["action"], closed["outcome"]), (1, "SUSPEND_MEMBER", "passed"))

    def test_late_votes_and_strangers_to_a_proposal_hear_why(self):
        made = self.gov(1, "suspend", 5)
        self.seen(2, made["height"])
        self.told("NOT_PROPOSER", 2, "withdraw", 1)
        self.assertEqual(self.gov(1, "withdraw", 1)["outcome"], "withdrawn")
        self.seen(2, self.shown()["closed"][0]["height"])
        self.told("CLOSED", 2, "vote", 1, "yes")
        self.told("CLOSED", 2, "vote", made["id"], "no")
        self.told("NO_PROPOSAL", 2, "vote", 7, "yes")
        self.told("NO_PROPOSAL", 2, "vote", "ab" * 32, "yes")
        self.told("NO_PROPOSAL", 1, "withdraw", "cd" * 32)
        rejected = self.gov(1, "suspend", 5)
        self.seen(3, rejected["height"])
        self.assertEqual(self.gov(2, "vote", 2, "no")["outcome"], "open")
        self.assertEqual(self.gov(3, "vote", 2, "no")["outcome"], "rejected")

    def test_a_proposal_expires_at_its_time(self):
        made = self.gov(1, "suspend", 5, "--closes", "2s")
        self.assertEqual(made["outcome"], "open")
        time.sleep(2.5)
        other = self.gov(2, "suspend", 5)  # a block of a later time
        self.seen(1, other["height"])
        [closed] = self.shown()["closed"]
        self.assertEqual((closed["number"], closed["outcome"]), (1, "expired"))
        self.told("CLOSED", 3, "vote", 1, "yes")
        self.assertEqual(tally("gov", "suspend", 5, "--closes", "91", home=self.members.home(self.names[0])).code, network.USAGE)

    def test_of_two_that_contradict_each_other_the_first_to_pass_is_carried_out(self):
        first, second = self.gov(1, "suspend", 5), self.gov(2, "suspend", 5)
        for proposal in (first["proposal"], second["proposal"]):
            for member in (1, 2, 3):
                if member != (1 if proposal == first["proposal"] else 2):
                    self.vote(proposal, member)
        # The vote that decides both waits, twice, until there is a quorum again to order it: in one block.
        self.seen(4, self.shown(3)["height"])
        self.members.kill(*self.names[1:3])
        key = secret(self.members.home(self.names[3]), "ballot.key")
        with rpc.Client(self.members, self.names[3]) as client:
            for sequence, proposal in enumerate((first, second), 1):
                body = rpc.governance.GovernanceBody(ballot=rpc.governance.Ballot(
                    proposal=bytes.fromhex(proposal["id"]), yes=True)).SerializeToString()
                reply = client.member.Ballot(rpc.rpc.GovernanceRequest(
                    transaction=self.transaction(key, 4, sequence, body), wait_for=rpc.rpc.ACCEPTED), timeout=DEADLINE_S)
                self.assertEqual((reply.height, reply.ruling_name), (0, ""))
        for name in self.names[1:3]:
            self.members.start(name)
        closed = wait_until("both closed", lambda: len(self.shown()["closed"]) == 2 and self.shown()["closed"])
        self.assertEqual([(each["number"], each["outcome"], each["why"]) for each in closed],
                         [(1, "passed", "OK"), (2, "void", "WRONG_STATUS")])
        self.assertEqual(closed[0]["height"], closed[1]["height"])

    def test_what_was_said_is_not_said_again_here_or_elsewhere(self):
        key = secret(self.members.home(self.names[0]), "ballot.key")
        action = rpc.governance.GovernanceAction(suspend_member=rpc.governance.MemberChoice(member_id=5)).SerializeToString()
        body = self.proposal(action=action)
        with rpc.Client(self.members, self.names[0]) as client, rpc.Client(self.members, self.names[1]) as other:
            said = self.transaction(key, 1, 1, body)
            reply = client.member.Propose(rpc.rpc.GovernanceRequest(transaction=said), timeout=DEADLINE_S)
            self.assertEqual((reply.ruling_name, reply.proposal_number, reply.proposal_outcome), ("OK", 1, "open"))
            self.seen(2, reply.height)
            for caller in (client, other):
                with self.assertRaises(rpc.grpc.RpcError) as refused:
                    caller.member.Propose(rpc.rpc.GovernanceRequest(transaction=said), timeout=DEADLINE_S)
                self.assertEqual(rpc.detail_of(refused.exception).reason, "OUT_OF_SEQUENCE")
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.member.Propose(rpc.rpc.GovernanceRequest(transaction=self.transaction(key, 1, 1, body)), timeout=DEADLINE_S)
            self.assertEqual(rpc.detail_of(refused.exception).reason, "OUT_OF_SEQUENCE")
            self.assertEqual(self.shown()["members"][0]["sequence"], 1)

    def test_a_member_votes_through_another_members_node(self):
        made = self.gov(1, "suspend", 5)
        self.seen(3, made["height"])
        answer = self.gov(3, "vote", 1, "yes", "--ballot-key", self.members.home(self.names[1]) / "ballot.key")
        self.assertEqual(answer["yes"], 2)
        self.assertEqual([each["member"] for each in self.shown(3)["open"][0]["ballots"]], [1, 2])

    def test_what_is_not_ordered_in_time_never_is_and_a_lost_answer_is_said_to_be_lost(self):
        net, (first, second, *others) = self.members, self.names[:4]
        net.kill(*others)
        waiting = network.tally_start("gov", "suspend", 5, home=net.home(first))
        time.sleep(2)
        net.kill(first)
        lost = network.tally_end(waiting)
        self.assertEqual((lost.code, lost.json["error"]["reason"]), (network.UNREACHABLE, "UNDECIDED"), lost)
        self.assertIn("look at tally gov show before it is said again", lost.json["error"]["message"])
        late = net.run(second, "gov", "suspend", 4)
        self.assertIn((late.code, late.json["error"]["reason"]), (
            (REFUSED, "BATCH_EXPIRED"), (network.UNREACHABLE, "UNDECIDED")))
        for name in (first, *others):
            net.start(name)
        self.gov(1, "suspend", 3)
        # One that is undecided may stand in a block that was proposed in its time, and is ordered now that there is a quorum.
        open_now = {each["proposed"]["member"] for each in self.shown()["open"]}
        undecided = {5} if late.code == REFUSED else {4, 5}
        self.assertTrue({3} <= open_now <= {3} | undecided, open_now)

    # Members

    def test_a_suspended_member_does_nothing_until_it_is_restored(self):
        self.passed(1, "suspend", 4, voters=(2, 3, 5))
        self.told("SUSPENDED", 4, "suspend", 5)
        with rpc.Client(self.members, self.names[3]) as client:
            member = rpc.Member(self.members, self.names[3])
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.submit(member.batch([member.opening()]))
            self.assertEqual(rpc.detail_of(refused.exception).reason, "NOT_ALLOWED")
            self.assertEqual(self.shown(4)["yes_needed"], 3)
            self.passed(1, "restore", "Member 4", voters=(2, 3))
            reply = client.submit(member.batch([member.opening()]))
            self.assertEqual(reply.results[0].result_name, "OK")
        self.gov(4, "suspend", 5)

    def test_who_cannot_be_done_without_stays(self):
        for arguments in (("remove", 4), ("validators", "--remove", "validator-2"),
                          ("revoke-key", "node", self.key_of("node", 3))):
            self.told("TOO_FEW_VALIDATORS", 1, *arguments)
        for member, voters in ((5, (2, 3, 4)), (4, (2, 3)), (3, (2, 3)), (2, (2,))):
            self.passed(1, "suspend", member, voters=voters)
        self.assertEqual(self.shown()["voters"], 1)
        self.told("LAST_VOTER", 1, "suspend", 1)
        self.told("LAST_VOTER", 1, "revoke-key", "ballot", self.key_of("ballot", 1))
        self.told("LAST_KEY", 1, "revoke-own-key", "ballot", self.key_of("ballot", 1))
        self.assertEqual(self.gov(1, "restore", 2)["outcome"], "passed")

    def test_a_join_file_admits_once_here_and_unaltered(self):
        path = self.members.folder / "join.json"
        joining, keys = join_file(self.chain_id(), "devnet", "Bank E", "bank-e")

        def written(changed):
            path.write_text(json.dumps(changed))
            return path

        for changed in ({**joining, "role": "regulator"}, {**joining, "name": "Bank F"},
                        {**joining, "nodes": [{**joining["nodes"][0], "address": "127.0.0.1:10"}]},
                        join_file(self.chain_id(), "devnet", "Bank E", "bank-e", proven_for=bytes(32))[0]):
            self.told("JOIN_FILE", 1, "admit", written(changed))
        self.told("OTHER_NETWORK", 1, "admit", written(join_file(self.chain_id(), "othernet", "Bank E", "bank-e")[0]))
        answer = self.passed(1, "admit", written(joining))
        register = self.shown()
        self.assertEqual({key: register["members"][5][key] for key in ("id", "name", "role", "kind", "licence", "status", "from")},
                         {"id": 6, "name": "Bank E", "role": "lender", "kind": "bank", "licence": "L-9", "status": "active",
                          "from": answer["height"] + 1})
        node = register["nodes"][5]
        self.assertEqual((node["name"], node["validator"], node["votes"]), ("bank-e", True, False))
        self.told("NAME_TAKEN", 2, "admit", written(joining))
        self.passed(1, "remove", "Bank E", voters=(2, 3, 4, 5))
        self.told("NAME_TAKEN", 2, "admit", written(joining))  # its node's, while this epoch goes on
        self.told("KEY_TAKEN", 2, "admit", written(join_file(self.chain_id(), "devnet", "Bank F", "bank-f", keys=keys)[0]))

    # Keys

    def submitted(self, name, code=DONE):
        """An event of the member, made and signed by the command line."""
        subject = os.urandom(32).hex()
        outcome = self.members.run(name, "consent", "grant", subject, "--purposes", "CREDIT_DECISION", "--days", 3)
        self.assertEqual(outcome.code, code, outcome)
        return outcome.json

    def test_keys_are_rotated_and_the_old_ones_refused(self):
        name = self.names[0]
        old = rpc.Member(self.members, name)
        before = self.submitted(name)
        made = self.gov(1, "rotate-key", "signing")
        self.submitted(name)  # the old key, while it is in force
        for voter in (2, 3, 4):
            answer = self.vote(made["proposal"], voter)
        self.assertEqual(answer["outcome"], "passed")
        self.seen(1, answer["height"])
        with rpc.Client(self.members, name) as client:
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.submit(old.batch([old.opening()]))
            self.assertEqual(rpc.detail_of(refused.exception).reason, "KEY_REVOKED")
        self.submitted(name)
        self.assertFalse((self.members.home(name) / "signing.key.next").exists())
        self.assertEqual(self.members.run(name, "receipt", before["consent_id"]).code, DONE)
        self.passed(1, "rotate-key", "ballot")
        self.gov(1, "suspend", 5)
        self.assertFalse((self.members.home(name) / "ballot.key.next").exists())
        [audit_key] = [key for key in self.shown()["keys"] if key["key"] == old.public.hex()]
        self.assertEqual(audit_key["until"], answer["height"] + 1)

    def test_what_was_decided_is_audited_and_found_whole(self):
        name, home = self.names[0], self.members.home(self.names[0])
        made = self.gov(1, "rotate-key", "signing")
        for voter in (2, 3, 4):
            answer = self.vote(made["proposal"], voter)
        self.seen(1, answer["height"])
        self.passed(1, "set", "heartbeat_ms", "5000")
        wait_until("the next epoch", lambda: self.members.status(name)["epoch"] == 2)
        self.submitted(name)
        ruling = self.members.run(name, "receipt", made["id"])
        self.assertEqual((ruling.code, ruling.json["result"]), (DONE, "OK"), ruling)
        self.members.stop(name)
        tally("audit", home=home, check=DONE)
        tally("fsck", home=home, check=DONE)

    def test_a_stolen_key_is_ended_at_once_by_its_member(self):
        name, key_file = self.names[1], self.members.folder / "second.key"
        thief = rpc.Member(self.members, name)
        self.passed(2, "add-key", "signing", "--key-file", key_file, voters=(1, 3, 4))
        answer = self.gov(2, "revoke-own-key", "signing", thief.public.hex())
        self.assertEqual(answer["key"], thief.public.hex())
        with rpc.Client(self.members, name) as client:
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.submit(thief.batch([thief.opening()]))
            self.assertEqual(rpc.detail_of(refused.exception).reason, "KEY_REVOKED")
        self.told("NO_KEY", 2, "revoke-own-key", "signing", thief.public.hex())
        (self.members.home(name) / "signing.key").write_text(key_file.read_text())
        self.submitted(name)

    def test_a_last_ballot_key_that_was_stolen_is_ended_by_the_others_and_another_added(self):
        self.passed(1, "revoke-key", "ballot", self.key_of("ballot", 3), voters=(2, 4, 5))
        self.assertEqual(self.shown()["yes_needed"], 3)
        self.assertEqual(self.gov(3, "suspend", 5, code=REFUSED)["error"]["reason"], "KEY")
        home = self.members.home(self.names[2])
        (home / "ballot.key").unlink()
        tally("keygen", "--out", home / "ballot.key", check=DONE)
        proven = self.members.folder / "proof.json"
        proven.write_text(json.dumps(self.gov(3, "prove-key", "ballot", home / "ballot.key", "--member", 3)))
        self.passed(1, "add-key", "--proof", proven, voters=(2, 4))
        self.gov(3, "suspend", 5)

    def test_a_policy_and_a_flag_are_decided(self):
        answer = self.passed(1, "policy", "us")
        register = self.shown()
        self.assertEqual((register["policy"]["name"], register["policy"]["version"], register["policy_from"]),
                         ("us", 2, answer["height"] + 1))
        with rpc.Client(self.members, self.names[2]) as client:
            self.assertEqual(client.member.GetPolicy(rpc.rpc.GetPolicyRequest(), timeout=DEADLINE_S).policy.name, "us")
        self.assertEqual(self.passed(1, "flag", 1, "--from", 1000000, "--unknown")["outcome"], "passed")
        self.assertEqual(self.shown()["flags"], [{"flag": 1, "from": 1000000}])
        status = self.members.status(self.names[0])
        self.assertEqual((status["flags_known"], status["flags"]),
                         (0, [{"flag": 1, "from": 1000000, "active": False, "known": False}]))
        self.assertIn("from height 1000000 on protocol flag 1 is active, which this version does not know", status["why"])
        self.assertTrue(status["healthy"])
        text = self.members.run(self.names[0], "status", as_json=False, check=DONE).out
        self.assertRegex(text, r"(?m)^  flag 1 +scheduled for height 1000000; this program does not know it: upgrade")
        version = json.loads(fetch(self.members, self.names[0], client=None, path="/version")[2])
        self.assertEqual((version["flagsKnown"], version["flags"]), (0, [{"flag": 1, "from": "1000000"}]))
        self.assertEqual(page_of(self.members, self.names[0])["unknown_flag_height"], 1000000)
        self.told("UNKNOWN_FLAG", 1, "flag", 2, "--from", 1000000)
        self.told("HEIGHT_PASSED", 1, "flag", 2, "--from", 1, "--unknown")
        self.told("NO_CHANGE", 1, "set", "base_timeout_ms", self.shown()["base_timeout_ms"])

    def test_a_node_that_does_not_know_a_flag_stops_before_the_height_where_it_is_active(self):
        net = self.members
        net.expected += ["members switched on a protocol flag", "the node stops"]
        active = self.shown()["height"] + 12
        self.passed(1, "flag", 1, "--from", active, "--unknown")
        net.down_names.update(self.names)  # from here on none has to run

        def stopped():
            net.run(self.names[0], "consent", "grant", os.urandom(32).hex(), "--purposes", "CREDIT_DECISION", "--days", 3)
            return not any(net.running(name) for name in self.names)

        wait_until("every node to stop", stopped, limit_s=60)
        for name in self.names:
            [said] = net.log_lines(name, "members switched on a protocol flag")
            self.assertIn(f"flag=1 from_height={active}", said)
            self.assertIn("node has stopped", net.log(name))
            again = subprocess.run([str(network.TALLYD), "--home", net.home(name)], capture_output=True, text=True,
                                   timeout=DEADLINE_S, check=False)
            self.assertEqual(again.returncode, 1, again.stderr)
            self.assertIn(f"members switched on protocol flag 1 from height {active} on, which this version does not know: "
                          "upgrade this node to one that does", again.stderr)
            tally("fsck", home=net.home(name), check=DONE)


if __name__ == "__main__":
    network.main()
