#!/usr/bin/python3
"""A stock gRPC client, and batches signed in Python from what the schema says: every call, and every refusal."""

import json
import os
import queue
import subprocess
import sys
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import network
import rpc
from grpc.health.v1 import health_pb2 as health
from grpc.health.v1 import health_pb2_grpc as health_services
from grpc.reflection.v1 import reflection_pb2 as reflection
from network import ROOT
from rpc import DEADLINE_S, credit, detail_of

INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED


class GrpcTest(network.NetworkTest):
    network_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.members = [rpc.Member(cls.shared, name) for name in cls.shared.validators]
        cls.clients = [rpc.Client(cls.shared, name) for name in cls.shared.validators]
        for client in cls.clients:
            cls.addClassCleanup(client.close)

    def setUp(self):
        super().setUp()
        self.member, self.client = self.members[0], self.clients[0]

    def submit_one(self, wait_for=rpc.rpc.FINAL):
        event = self.member.opening()
        return event, self.client.submit(self.member.batch([event]), wait_for)

    def refused(self, call, status, reason=None):
        with self.assertRaises(grpc.RpcError) as refused:
            call()
        error = refused.exception
        self.assertEqual(error.code(), status, error.details())
        self.assertNotEqual(error.details(), "")
        if reason is not None:
            self.assertEqual(detail_of(error).reason, reason)
        return detail_of(error)

    # Reads

    def test_every_call_holds_at_every_node(self):
        self.submit_one(rpc.rpc.CHECKPOINTED)
        self.net.agreement()
        ran = subprocess.run([sys.executable, ROOT / "tests" / "cluster" / "grpc_smoke.py",
                              *(self.net.home(name) for name in self.net.names)],
                             capture_output=True, text=True, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertEqual(len(ran.stdout.splitlines()), len(self.net.names))

    def test_the_status_is_what_the_command_line_says(self):
        self.net.agreement()
        status, shown = self.client.status(), self.net.status("validator-1")
        self.assertEqual((status.name, status.role, status.chain_id.hex(), status.events, status.subjects),
                         (shown["name"], shown["role"], shown["chain_id"], shown["events"], shown["subjects"]))
        self.assertEqual({peer.name for peer in status.peers}, set(self.net.names) - {"validator-1"})

    def test_members_nodes_and_policy_are_what_the_genesis_says(self):
        genesis = json.loads(self.net.genesis.read_text())
        reply = self.client.member.GetMembers(rpc.rpc.GetMembersRequest(), timeout=DEADLINE_S)
        self.assertEqual([(member.id, member.name, member.role, [key.hex() for key in member.signing_keys])
                          for member in reply.members],
                         [(member["id"], member["name"], member["role"], member["keys"]) for member in genesis["members"]])
        self.assertEqual([(node.name, node.member_id, node.node_key.hex(), node.validator) for node in reply.nodes],
                         [(node["name"], node["member"], node["key"], kind == "validators")
                          for kind in ("validators", "observers") for node in genesis[kind]])
        peers = self.client.node.GetPeers(rpc.rpc.GetPeersRequest(), timeout=DEADLINE_S).peers
        self.assertEqual({(peer.name, peer.node_key.hex()) for peer in peers} | {(reply.nodes[0].name, reply.nodes[0].node_key.hex())},
                         {(node.name, node.node_key.hex()) for node in reply.nodes})
        reply = self.client.member.GetPolicy(rpc.rpc.GetPolicyRequest(), timeout=DEADLINE_S)
        self.assertEqual(json_format.Parse(json.dumps(genesis["policy"]), rpc.rpc.Policy()), reply.policy)
        told = json_format.MessageToDict(reply.policy, preserving_proto_field_name=True, including_default_value_fields=True)
        self.assertEqual(told.keys(), genesis["policy"].keys())
        written = self.net.folder / "policy.json"
        written.write_text(json.dumps(genesis["policy"]))
        self.assertEqual(network.tally("policy", written).json["digest"], reply.digest.hex())

    def test_the_register_is_told_by_its_fields_and_in_its_exact_bytes(self):
        genesis = json.loads(self.net.genesis.read_text())
        asked = rpc.rpc.GetRegisterRequest
        reply = self.client.member.GetRegister(asked(), timeout=DEADLINE_S)
        self.assertEqual([(member.id, member.name, member.role, member.status, member.voter) for member in reply.members],
                         [(member["id"], member["name"], member["role"], "active", bool(member["ballot_keys"]))
                          for member in genesis["members"]])
        self.assertEqual([node.name for node in reply.nodes if node.votes], self.net.validators)
        self.assertEqual(len(reply.terms.validators), len(self.net.validators))
        self.assertEqual((reply.epoch, reply.epoch_from, reply.HasField("next_terms"), reply.exact), (1, 1, False, b""))
        self.assertEqual((reply.terms.base_timeout_ms, reply.policy_version), (reply.base_timeout_ms, genesis["policy"]["version"]))
        exact = self.client.member.GetRegister(asked(exact=True), timeout=DEADLINE_S)
        self.assertEqual((exact.network, len(exact.members)), ("", 0))
        self.assertTrue(exact.exact.startswith(bytes([1, len(reply.network)]) + reply.network.encode()))
        proposals = self.client.member.GetProposals(rpc.rpc.GetProposalsRequest(), timeout=DEADLINE_S)
        self.assertEqual((len(proposals.open), len(proposals.closed)), (0, 0))
        self.assertEqual(proposals.voters, sum(member.voter for member in reply.members))
        self.assertEqual(proposals.yes_needed, 2 * proposals.voters // 3 + 1)

    def test_a_governance_call_takes_transactions_of_its_kind_alone(self):
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        body = rpc.governance.GovernanceBody(withdraw=rpc.governance.Withdraw(proposal=bytes(32)))
        withdraw = rpc.governance.GovernanceTransaction(
            chain_id=self.member.chain_id, member_id=1, key=self.member.public, expires_at_ms=int(time.time() * 1000) + 60000,
            sequence=1, body=body.SerializeToString(), signature=bytes(64)).SerializeToString()
        member = self.client.member
        for call in (member.Propose, member.Ballot, member.Withdraw, member.RevokeOwnKey):
            for transaction, reason in ((b"", "MALFORMED"), (b"\xff", "MALFORMED"), (withdraw + b"\x00", "MALFORMED"),
                                        *(() if call == member.Withdraw else ((withdraw, "WRONG_KIND"),))):
                detail = self.refused(lambda: call(rpc.rpc.GovernanceRequest(transaction=transaction), timeout=DEADLINE_S),
                                      invalid, reason)
                self.assertEqual(detail.field, "transaction")

    def test_a_block_shows_own_events_whole_and_others_by_id_alone(self):
        event, reply = self.submit_one()
        for client, own in ((self.clients[0], True), (self.clients[1], False)):
            network.wait_until("the block", lambda client=client: client.status().applied_height >= reply.height)
            block = client.ledger.GetBlock(rpc.rpc.GetBlockRequest(height=reply.height), timeout=DEADLINE_S)
            shown = block.events[reply.results[0].index]
            self.assertEqual(shown.event_id, self.member.event_id(event))
            self.assertEqual(shown.header, event.header if own else b"")
            self.assertEqual(shown.plain.body, event.plain.body if own else b"")
            self.assertEqual(block.header.height, reply.height)

    def test_a_receipt_is_found_by_id_and_by_position(self):
        event, reply = self.submit_one(rpc.rpc.CHECKPOINTED)
        result = reply.results[0]
        by_id = self.client.ledger.GetReceipt(
            rpc.rpc.GetReceiptRequest(event_id=result.event_id), timeout=DEADLINE_S).receipt
        by_position = self.client.ledger.GetReceipt(
            rpc.rpc.GetReceiptRequest(position=rpc.rpc.Position(height=result.height, index=result.index)),
            timeout=DEADLINE_S).receipt
        for receipt in (by_id, by_position):
            self.assertEqual((receipt.event_id, receipt.height, receipt.index, receipt.result),
                             (self.member.event_id(event), result.height, result.index, 0))
            self.assertGreaterEqual(receipt.checkpoint.checkpoint.height, result.height)
            self.assertGreaterEqual(bin(receipt.checkpoint.signers).count("1"), 3)
        self.refused(lambda: self.client.ledger.GetReceipt(
            rpc.rpc.GetReceiptRequest(position=rpc.rpc.Position(height=result.height, index=1 << 20)),
            timeout=DEADLINE_S), grpc.StatusCode.NOT_FOUND, "NOT_FOUND")

    def test_own_accounts_stream_what_the_member_furnished(self):
        subject, account = os.urandom(32), os.urandom(16)
        opening = self.member.opening(subject, account)
        payment = self.member.event(credit.PAYMENT, subject, account, 1, self.member.event_id(opening),
                                    body=credit.PaymentBody(amount_minor=700))
        reply = self.client.submit(self.member.batch([opening, payment]))
        self.assertEqual([result.result_name for result in reply.results], ["OK", "OK"])
        request = rpc.rpc.OwnAccountsRequest(refs=[account, os.urandom(16)], events=True)
        found = list(self.client.credit.OwnAccounts(request, timeout=DEADLINE_S))
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0].ref, found[0].subject_id, found[0].next_seq, found[0].head),
                         (account, subject, 2, self.member.event_id(payment)))
        self.assertEqual([event.event_id for event in found[0].events],
                         [self.member.event_id(opening), self.member.event_id(payment)])
        every = list(self.client.credit.OwnAccounts(rpc.rpc.OwnAccountsRequest(), timeout=DEADLINE_S))
        self.assertIn(account, [each.ref for each in every])
        self.assertEqual([each.ref for each in every], sorted(each.ref for each in every))
        others = list(self.clients[1].credit.OwnAccounts(request, timeout=DEADLINE_S))
        self.assertEqual(others, [], "another member's accounts")

    def test_follow_begins_at_a_height_and_goes_on_live(self):
        self.submit_one()
        call = self.client.ledger.Follow(rpc.rpc.FollowRequest(from_height=1, events=True), timeout=DEADLINE_S)
        events = [self.member.opening() for _ in range(3)]
        heights, ids, wanted, parent = [], set(), {self.member.event_id(event) for event in events}, None

        def submit_more():
            time.sleep(0.3)
            for event in events:
                self.client.submit(self.member.batch([event]))

        more = threading.Thread(target=submit_more)
        more.start()
        for reply in call:
            header = reply.block.header
            heights.append(header.height)
            if parent is not None:
                self.assertEqual(header.parent_hash, parent)
            parent = reply.block.block
            ids |= {event.event_id for event in reply.block.events}
            if wanted <= ids:
                break
        call.cancel()
        more.join()
        self.assertEqual(heights, list(range(1, len(heights) + 1)))
        self.assertLessEqual(wanted, ids)

    # SubmitBatch

    def test_each_wait_answers_what_was_asked(self):
        _, accepted = self.submit_one(rpc.rpc.ACCEPTED)
        self.assertEqual((accepted.height, len(accepted.results), len(accepted.batch_digest)), (0, 0, 32))
        event, final = self.submit_one(rpc.rpc.FINAL)
        self.assertEqual(final.results[0].event_id, self.member.event_id(event))
        self.assertEqual((final.results[0].result_name, final.results[0].height), ("OK", final.height))
        self.assertGreaterEqual(self.client.status().finalized_height, final.height)
        _, checkpointed = self.submit_one(rpc.rpc.CHECKPOINTED)
        newest = self.client.ledger.GetCheckpoint(rpc.rpc.GetCheckpointRequest(), timeout=DEADLINE_S).checkpoint
        self.assertGreaterEqual(newest.checkpoint.height, checkpointed.height)

    def test_the_same_events_again_are_duplicates(self):
        event, first = self.submit_one()
        batch = self.member.batch([event])
        for again in (batch, batch, self.member.batch([event], lifetime_s=30)):
            reply = self.client.submit(again)
            self.assertEqual(reply.results[0].result_name, "DUPLICATE")
            self.assertEqual((reply.results[0].height, reply.results[0].index),
                             (first.results[0].height, first.results[0].index))

    def test_results_come_event_by_event(self):
        subject, account = os.urandom(32), os.urandom(16)
        opening = self.member.opening(subject, account)
        stray = self.member.event(credit.PAYMENT, subject, account, 5, os.urandom(32),
                                  body=credit.PaymentBody(amount_minor=1))
        twice = self.member.opening(subject, account)
        good = self.member.opening()
        before = self.client.status().events
        reply = self.client.submit(self.member.batch([opening, stray, twice, good]))
        self.assertEqual([result.result_name for result in reply.results], ["OK", "GAP", "CONFLICT", "OK"])
        self.assertEqual(reply.results[1].detail[:4], (1).to_bytes(4, "big"), "the expected seq")
        self.assertEqual(reply.results[1].detail[4:], self.member.event_id(opening), "the head")
        self.assertEqual(reply.results[2].detail, self.member.event_id(opening), "the winner")
        self.assertEqual(self.client.status().events, before + 2)

    def test_what_admission_refuses_carries_its_reason(self):
        member, submit, before = self.member, self.client.submit, self.client.status()
        self.refused(lambda: submit(member.batch([member.opening()], sign=False)), INVALID, "SIGNATURE")
        self.refused(lambda: submit(member.batch([member.opening()], lifetime_s=-5)), INVALID, "EXPIRED")
        self.refused(lambda: submit(member.batch([member.opening()], lifetime_s=7200)), INVALID, "EXPIRY_TOO_FAR")
        self.refused(lambda: submit(member.batch([member.opening()], chain_id=os.urandom(32))), INVALID, "CHAIN")
        broken = member.opening()
        broken.plain.body = credit.AccountOpenBody(limit_minor=1).SerializeToString()
        detail = self.refused(lambda: submit(member.batch([member.opening(), broken])), INVALID, "BODY_COMMITMENT")
        self.assertEqual((detail.has_event_index, detail.event_index, detail.field), (True, 1, "body"))
        bare = member.opening()
        bare.ClearField("plain")
        self.refused(lambda: submit(member.batch([bare])), INVALID, "BODY_MISSING")
        future = member.event(credit.CONSENT_GRANT, os.urandom(32), os.urandom(16))
        self.refused(lambda: submit(member.batch([future])), INVALID)
        self.refused(lambda: submit(credit.Batch()), INVALID)
        altered = member.batch([member.opening()])
        altered.expires_at_ms += 1
        self.refused(lambda: submit(altered), INVALID, "SIGNATURE")
        self.assertEqual(self.client.status().events, before.events)

    def test_each_event_that_admission_refuses_is_named_with_its_field(self):
        member, opening = self.member, {"account_open": credit.AccountOpenPublic(account_type=credit.REVOLVING, currency=156)}
        report = {"period_report": credit.PeriodReportPublic(period=202401)}

        def event(kind, body, **public):
            return member.event(kind, os.urandom(32), os.urandom(16), body=body, **public)

        def changed(**header):
            spoilt = member.opening()
            fields = credit.EventHeader.FromString(spoilt.header)
            for name, value in header.items():
                setattr(fields, name, value)
            return credit.CreditEvent(header=fields.SerializeToString(), plain=spoilt.plain)

        def bare():
            spoilt = member.opening()
            spoilt.ClearField("plain")
            return spoilt

        for reason, field, spoilt in [
                ("AMOUNT_NEGATIVE", "limit_minor", event(credit.ACCOUNT_OPEN, credit.AccountOpenBody(limit_minor=-1), **opening)),
                ("RATE_NEGATIVE", "rate_ppm", event(credit.ACCOUNT_OPEN, credit.AccountOpenBody(rate_ppm=-1), **opening)),
                ("AMOUNT_NEGATIVE", "amount_minor", event(credit.PAYMENT, credit.PaymentBody(amount_minor=-5))),
                ("AMOUNT_NEGATIVE", "fee_minor", event(credit.PAYMENT, credit.PaymentBody(amount_minor=5, fee_minor=-5))),
                ("PAYMENT_PARTS", "amount_minor", event(credit.PAYMENT, credit.PaymentBody(amount_minor=5, fee_minor=4))),
                ("PAST_DUE_ZERO", "past_due_minor", event(credit.PERIOD_REPORT, credit.PeriodReportBody(
                    balance_minor=9, past_due_minor=0, days_past_due=30), **report)),
                ("PAST_DUE_OVER_BALANCE", "past_due_minor", event(credit.PERIOD_REPORT, credit.PeriodReportBody(
                    balance_minor=9, past_due_minor=10), **report)),
                ("BODY_FORM", "body", event(credit.PAYMENT, credit.TextBody(text="not a payment"))),
                ("BODY_MISSING", "body", bare()),
                ("BODY_COMMITMENT", "body", changed(body_commitment=os.urandom(32))),
                ("EVENT_INVALID", "header", changed(member_id=2)),
                ("VERSION", "version", changed(version=9)),
                ("FORM", "event", credit.CreditEvent(header=b"\xff", plain=member.opening().plain))]:
            for index in (0, 2):
                events = [member.opening() for _ in range(3)]
                events[index] = spoilt
                detail = self.refused(lambda: self.client.submit(member.batch(events)), INVALID, reason)
                self.assertEqual((detail.has_event_index, detail.event_index, detail.field), (True, index, field))

    def test_each_wait_ends_in_its_time_without_a_quorum_too(self):
        net = self.network(observers=0)
        member, client = rpc.Member(net, "validator-1"), rpc.Client(net, "validator-1")
        self.addCleanup(client.close)
        for name in ("validator-3", "validator-4"):
            net.stop(name)
        accepted = [member.opening() for _ in range(2)]
        reply = client.submit(member.batch(accepted), rpc.rpc.ACCEPTED)
        self.assertEqual((reply.height, len(reply.results)), (0, 0))
        waiting = [member.opening()]
        batch = member.batch(waiting, lifetime_s=300)
        for wait_for in (rpc.rpc.WAIT_UNSPECIFIED, rpc.rpc.FINAL, rpc.rpc.CHECKPOINTED):
            began = time.monotonic()
            self.refused(lambda wait_for=wait_for: client.submit(batch, wait_for, timeout=1), grpc.StatusCode.DEADLINE_EXCEEDED)
            self.assertLess(time.monotonic() - began, 5)
        short = member.batch([member.opening()], lifetime_s=3)
        self.refused(lambda: client.submit(short), grpc.StatusCode.ABORTED, "BATCH_EXPIRED")
        for name in ("validator-3", "validator-4"):
            net.start(name)
        # What was given up by its caller was not given up by the node.
        reply = client.submit(batch, rpc.rpc.CHECKPOINTED, timeout=60)
        self.assertEqual(len(reply.results), 1)
        self.assertIn(reply.results[0].result_name, ("OK", "DUPLICATE"))
        self.assertGreater(reply.results[0].height, 0)
        for event in accepted + waiting:
            network.wait_until("a receipt", lambda event=event: self.has_receipt(client, member.event_id(event)))

    def has_receipt(self, client, event_id):
        try:
            receipt = client.ledger.GetReceipt(rpc.rpc.GetReceiptRequest(event_id=event_id), timeout=DEADLINE_S).receipt
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE):
                raise
            return False
        return receipt.event_id == event_id and receipt.result == 0

    def test_a_node_serves_its_own_member_alone(self):
        other = self.members[1]
        self.refused(lambda: self.client.submit(other.batch([other.opening()])), DENIED, "NOT_OWN_MEMBER")
        # One's own events under another's name, and another's events under one's own.
        self.refused(lambda: self.client.submit(self.member.batch([other.opening()])), INVALID)
        stolen = self.member.batch([other.opening()], member_id=other.id)
        self.refused(lambda: self.client.submit(stolen), DENIED, "KEY_UNKNOWN")

    def test_a_full_batch_is_taken_and_a_larger_one_refused(self):
        events = [self.member.opening() for _ in range(1001)]
        self.refused(lambda: self.client.submit(self.member.batch(events)), INVALID, "BATCH_TOO_LARGE")
        reply = self.client.submit(self.member.batch(events[:1000]))
        self.assertEqual({result.result_name for result in reply.results}, {"OK"})

    # Health

    def test_health_is_told_of_the_server_and_of_each_service(self):
        stub = health_services.HealthStub(self.client.channel)
        for service in ("", "tallystick.v1.Ledger", "tallystick.v1.Credit", "grpc.health.v1.Health"):
            reply = stub.Check(health.HealthCheckRequest(service=service), timeout=DEADLINE_S)
            self.assertEqual(reply.status, health.HealthCheckResponse.SERVING, service)
        for service in ("tallystick.v1", "tallystick.v1.Ledger/Follow", "Ledger", "tallystick.v1.Forge"):
            self.refused(lambda service=service: stub.Check(health.HealthCheckRequest(service=service), timeout=DEADLINE_S),
                         grpc.StatusCode.NOT_FOUND, "SERVICE_UNKNOWN")
        for service, status in (("", "SERVING"), ("tallystick.v1.Ledger", "SERVING"), ("Forge", "SERVICE_UNKNOWN")):
            call = stub.Watch(health.HealthCheckRequest(service=service), timeout=1.5)
            seen = []
            self.refused(lambda: [seen.append(reply.status) for reply in call], grpc.StatusCode.DEADLINE_EXCEEDED)
            self.assertEqual(seen, [health.HealthCheckResponse.ServingStatus.Value(status)], "told once")

    def test_whoever_watches_a_node_that_stops_is_told(self):
        net = self.network(observers=0)
        client = rpc.Client(net, "validator-4")
        self.addCleanup(client.close)
        call = health_services.HealthStub(client.channel).Watch(health.HealthCheckRequest(), timeout=DEADLINE_S)
        seen = [next(call).status]
        net.stop("validator-4")
        self.refused(lambda: [seen.append(reply.status) for reply in call], grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        self.assertEqual(seen, [health.HealthCheckResponse.SERVING, health.HealthCheckResponse.NOT_SERVING])

    # Reflection

    def reflect(self, path, *requests):
        """Asks one after the other over one call, as consoles do."""
        call = self.client.channel.stream_stream(
            path, request_serializer=reflection.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection.ServerReflectionResponse.FromString)
        asked, told = queue.Queue(), []
        replies = call(iter(asked.get, None), timeout=DEADLINE_S)
        for request in requests:
            asked.put(reflection.ServerReflectionRequest(**request))
            told.append(next(replies))
        asked.put(None)
        self.assertEqual(list(replies), [])
        return told

    def test_a_console_that_knows_nothing_finds_every_call_and_makes_one(self):
        for version in ("v1", "v1alpha"):
            path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            listed = self.reflect(path, {"list_services": ""})[0]
            names = sorted(service.name for service in listed.list_services_response.service)
            self.assertEqual(names, ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                     "grpc.reflection.v1alpha.ServerReflection", "tallystick.v1.Credit", "tallystick.v1.Ledger",
                                     "tallystick.v1.Member", "tallystick.v1.Node"])
            files = {}
            for told in self.reflect(path, *({"file_containing_symbol": name} for name in names)):
                for encoded in told.file_descriptor_response.file_descriptor_proto:
                    file = descriptor_pb2.FileDescriptorProto.FromString(encoded)
                    files[file.name] = file
            for module in (credit, rpc.governance, rpc.ledger, rpc.rpc, health, reflection):
                bare = descriptor_pb2.FileDescriptorProto()
                bare.CopyFrom(files[module.DESCRIPTOR.name])
                for field in (field for message in bare.message_type for field in message.field):
                    field.ClearField("json_name")  # which the stubs do without
                self.assertEqual(bare.SerializeToString(), module.DESCRIPTOR.serialized_pb)
            pool = descriptor_pool.DescriptorPool()
            order = ["credit.proto", "ledger.proto", "governance.proto", "rpc.proto"]
            for file in sorted(files.values(), key=lambda file: order.index(file.name) if "/" not in file.name else 0):
                pool.Add(file)
            method = pool.FindServiceByName("tallystick.v1.Node").FindMethodByName("GetStatus")
            factory = message_factory.MessageFactory(pool)
            call = self.client.channel.unary_unary(
                "/tallystick.v1.Node/GetStatus", request_serializer=lambda request: request.SerializeToString(),
                response_deserializer=factory.GetPrototype(method.output_type).FromString)
            self.assertEqual(call(factory.GetPrototype(method.input_type)(), timeout=DEADLINE_S).name, "validator-1")
            unknown = self.reflect(path, {"file_containing_symbol": "tallystick.v1.Forge"}, {"file_by_filename": "peer.proto"},
                                   {"all_extension_numbers_of_type": "tallystick.v1.Batch"})
            self.assertEqual([told.error_response.error_code for told in unknown], [5, 5, 5])

    # Calls

    def test_an_unknown_call_is_unimplemented(self):
        call = self.client.channel.unary_unary("/tallystick.v1.Ledger/Forge")
        self.refused(lambda: call(b"", timeout=DEADLINE_S), grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_METHOD")

    def test_reflection_answers_as_it_is_asked(self):
        """Both ways a stream: each question is answered before the next is asked."""
        list_services = b"\x3a\x00"
        for version in ("v1", "v1alpha"):
            call = self.client.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            asked = queue.SimpleQueue()
            answers = call(iter(asked.get, None), timeout=DEADLINE_S)
            for question in (list_services, b"\x22\x14tallystick.v1.Ledger", list_services):
                asked.put(question)
                self.assertIn(b"tallystick.v1.Ledger" if question == list_services else b"SubmitBatch", next(answers))
            asked.put(None)
            self.assertEqual(list(answers), [])
            self.assertEqual(answers.code(), grpc.StatusCode.OK)
            refused = call(iter([b"\xff"]), timeout=DEADLINE_S)
            self.refused(lambda: list(refused), INVALID, "MALFORMED")

    def test_deadlines_and_cancellations_end_calls_and_nothing_else(self):
        call = self.client.ledger.Follow(rpc.rpc.FollowRequest(), timeout=0.5)
        started = time.monotonic()
        self.refused(lambda: list(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertLess(time.monotonic() - started, 11)
        calls = [self.client.ledger.Follow(rpc.rpc.FollowRequest(from_height=1), timeout=DEADLINE_S)
                 for _ in range(20)]
        for each in calls:
            next(each)
            each.cancel()
        for _ in range(20):
            event = self.member.opening()
            pending = self.client.ledger.SubmitBatch.future(
                rpc.rpc.SubmitBatchRequest(batch=self.member.batch([event])), timeout=DEADLINE_S)
            pending.cancel()
        event, reply = self.submit_one()
        self.assertEqual(reply.results[0].result_name, "OK")


if __name__ == "__main__":
    network.main()
