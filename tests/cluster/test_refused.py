#!/usr/bin/env python3
"""Whoever the register does not let act any more is refused, and the log says who and why: a removed validator that
goes on, old keys that sign, a suspended member's submissions, join files that were altered or are played back."""

import json

import network
import rpc
from governed import DEADLINE_S, GovernedTest, admission, join_file, secret
from network import wait_until
from test_strangers import PeerLink

LOG_BYTES = 8  # of a key, that the log shows


class RefusedTest(GovernedTest):
    validators, observers = 5, 0

    def logged(self, members, *texts):
        """Waits until the log of each member's node has one line of level unusual that holds all the texts."""
        for member in members:
            name = self.names[member - 1]
            line = wait_until(f"a line of {name} with {texts}", lambda name=name: next(
                (line for line in self.members.log_lines(name, texts[0]) if all(text in line for text in texts)), None), 20)
            self.assertIn(" unusual ", line)

    @staticmethod
    def key_text(key):
        return key.public[:LOG_BYTES].hex()

    def hello_refused(self, key, why):
        """The key proves itself on a link of its own, and no link comes of it."""
        for member in (1, 2):
            link = PeerLink(self.members, self.names[member - 1], self.names[member - 1])
            self.addCleanup(link.close)
            link.send(link.hello(self.chain_id(), key.signer))
            link.received_until_closed()
            self.logged([member], "peer refused", f"claimed_key={self.key_text(key)}", f'why="{why}"')

    def submission_refused(self, signer, member, reason):
        """A batch that the member's own node does not take."""
        with rpc.Client(self.members, self.names[member - 1]) as client:
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.submit(signer.batch([signer.opening()]))
            self.assertEqual(rpc.detail_of(refused.exception).reason, reason)
        self.logged([member], "a batch was refused", 'from="a client"', f"claimed_member={member}",
                    f"claimed_key={signer.public[:LOG_BYTES].hex()}", f"why={reason}")

    def proposed(self, member, sequence, action, proofs):
        """A proposal that is signed here: its answer, or the reason for which the node does not take it."""
        key = secret(self.members.home(self.names[member - 1]), "ballot.key")
        said = self.transaction(key, member, sequence, self.proposal(action=action), proofs=proofs)
        with rpc.Client(self.members, self.names[member - 1]) as client:
            try:
                return client.member.Propose(rpc.rpc.GovernanceRequest(transaction=said), timeout=DEADLINE_S).ruling_name
            except rpc.grpc.RpcError as refused:
                return rpc.detail_of(refused).reason

    def test_a_removed_validator_that_goes_on_is_refused(self):
        gone = secret(self.members.home(self.names[4]), "node.key")
        signer = rpc.Member(self.members, self.names[4])
        self.passed(1, "remove", 5)
        wait_until("the next epoch", lambda: len(self.members.status(self.names[0])["validators"]) == 4)
        self.assertTrue(self.members.running(self.names[4]))
        # It dials on with the key that it had, by itself, and so does whoever else has that key.
        self.logged([1, 2, 3, 4], "peer refused", f"claimed_key={self.key_text(gone)}",
                    'why="its node key is not in the membership"')
        self.hello_refused(gone, "its node key is not in the membership")
        # Its member's batches and votes are taken by nobody.
        self.told("KEY", 5, "vote", 1, "no")
        with rpc.Client(self.members, self.names[0]) as client:
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.submit(signer.batch([signer.opening()]))
            self.assertEqual(rpc.detail_of(refused.exception).reason, "NOT_ALLOWED")
        self.logged([1], "a batch was refused", "claimed_member=5", "why=NOT_ALLOWED")

    def test_old_keys_that_sign_are_refused(self):
        name = self.names[3]
        node, ballot = (secret(self.members.home(name), f"{kind}.key") for kind in ("node", "ballot"))
        signing = rpc.Member(self.members, name)
        for kind in ("signing", "ballot", "node"):
            self.passed(4, "rotate-key", kind, voters=(1, 2, 3))
        wait_until("the next epoch", lambda: self.members.status(self.names[0])["epoch"] == 2)
        self.submission_refused(signing, 4, "KEY_REVOKED")
        self.hello_refused(node, "its node key is not in the membership")
        body = self.proposal(action=rpc.governance.GovernanceAction(
            suspend_member=rpc.governance.MemberChoice(member_id=1)).SerializeToString())
        with rpc.Client(self.members, name) as client:
            with self.assertRaises(rpc.grpc.RpcError) as refused:
                client.member.Propose(rpc.rpc.GovernanceRequest(
                    transaction=self.transaction(ballot, 4, 9, body)), timeout=DEADLINE_S)
            self.assertEqual(rpc.detail_of(refused.exception).reason, "UNKNOWN_KEY")
        self.logged([4], "a batch was refused", "claimed_member=4", f"claimed_key={self.key_text(ballot)}", "why=UNKNOWN_KEY")

    def test_a_suspended_members_submissions_are_refused(self):
        self.passed(1, "suspend", 4, voters=(2, 3, 5))
        self.submission_refused(rpc.Member(self.members, self.names[3]), 4, "NOT_ALLOWED")
        self.told("SUSPENDED", 4, "suspend", 1)
        self.logged([4], "a batch was refused", "claimed_member=4", "why=SUSPENDED")

    def test_a_join_file_that_was_altered_or_is_played_back_is_refused(self):
        joining, keys = join_file(self.chain_id(), "devnet", "Bank E", "bank-e")
        # As whoever writes a transaction by hand would propose it: tally takes no such file.
        proofs = b"".join(map(bytes.fromhex, joining["proofs"]))
        self.assertEqual(self.proposed(1, 1, action=admission({**joining, "licence": "L-10"}), proofs=proofs), "SIGNATURE")
        self.logged([1], "a batch was refused", "claimed_member=1", "why=SIGNATURE", "field=proofs")
        path = self.members.folder / "join.json"
        path.write_text(json.dumps(joining))
        self.passed(1, "admit", path)
        self.passed(1, "remove", "Bank E", voters=(2, 3, 4, 5))
        # The same keys under other names, each proven again: still, a key stands in the register once.
        again, _ = join_file(self.chain_id(), "devnet", "Bank F", "bank-f", keys=keys)
        path.write_text(json.dumps(again))
        self.told("KEY_TAKEN", 2, "admit", path)
        self.logged([1, 2, 3, 4, 5], "a governance transaction was refused", "kind=PROPOSE", "member=2", "why=KEY_TAKEN")


if __name__ == "__main__":
    network.main()
