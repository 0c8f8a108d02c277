#!/usr/bin/python3
"""A stock gRPC client against a running node: every call once, and the errors a foreign client meets.

    tests/cluster/grpc_smoke.py HOME [HOME...]

HOME is a node's home (node.yaml, rpc.crt, client.crt, client.key). Stubs are generated from proto/schema into a temporary
folder with protoc and grpc_python_plugin. Reads only; exit 0 when all holds. Needs python3-grpcio, python3-protobuf,
protobuf-compiler and protobuf-compiler-grpc.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# The stranger's failed handshake is wanted; grpc would print it.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 10
DETAIL_TRAILER = "tallystick-error-bin"


def stubs_make(folder):
    """Generates the Python stubs and returns the modules (messages, services)."""
    schema = ROOT / "proto" / "schema"
    subprocess.run(
        ["protoc", f"--proto_path={schema}", f"--python_out={folder}", f"--grpc_python_out={folder}",
         f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
         *(str(schema / f"{name}.proto") for name in ("credit", "governance", "ledger", "rpc"))],
        check=True)
    sys.path.insert(0, str(folder))
    import rpc_pb2
    import rpc_pb2_grpc
    return rpc_pb2, rpc_pb2_grpc


def address_of(home):
    text = (home / "node.yaml").read_text()
    found = re.search(r"^rpc_address:\s*\"?([^\"\s]+)\"?", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"{home}/node.yaml names no rpc_address")
    return found.group(1)


def channel_open(home, with_certificate=True):
    root = (home / "rpc.crt").read_bytes()
    if with_certificate:
        credentials = grpc.ssl_channel_credentials(
            root, (home / "client.key").read_bytes(), (home / "client.crt").read_bytes())
    else:
        credentials = grpc.ssl_channel_credentials(root)
    return grpc.secure_channel(
        address_of(home), credentials, options=[("grpc.max_receive_message_length", 32 << 20)])


class Smoke:
    def __init__(self, messages, services, home):
        self.messages, self.home = messages, home
        self.channel = channel_open(home)
        self.ledger = services.LedgerStub(self.channel)
        self.credit = services.CreditStub(self.channel)
        self.node = services.NodeStub(self.channel)

    def refused(self, call, request, status, reason=None):
        """The call must fail with this status, and with this reason in the detail."""
        try:
            answer = call(request, timeout=DEADLINE_S)
            if not hasattr(answer, "DESCRIPTOR"):
                list(answer)
        except grpc.RpcError as error:
            detail = self.messages.ErrorDetail()
            for key, value in error.trailing_metadata() or ():
                if key == DETAIL_TRAILER:
                    detail.ParseFromString(value)
            assert error.code() == status, (error.code(), error.details())
            assert error.details(), "an error without words"
            if reason is not None:
                assert detail.reason == reason, detail
            return detail
        raise AssertionError(f"not refused: {request}")

    def status(self):
        status = self.node.GetStatus(self.messages.GetStatusRequest(), timeout=DEADLINE_S)
        assert len(status.chain_id) == 32 and status.name and status.role in ("validator", "observer")
        assert status.applied_height <= status.finalized_height
        return status

    def blocks(self, status):
        first = self.ledger.GetBlock(self.messages.GetBlockRequest(height=1), timeout=DEADLINE_S)
        assert first.header.height == 1 and first.header.chain_id == status.chain_id and len(first.block) == 32
        assert len(first.events) == first.header.payload_events
        self.refused(self.ledger.GetBlock, self.messages.GetBlockRequest(height=1 << 60),
                     grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        return first

    def follows(self, first):
        """Follows from the first block on, as far as the node is, and hangs up."""
        call = self.ledger.Follow(self.messages.FollowRequest(from_height=1, events=True), timeout=DEADLINE_S)
        heights = []
        target = min(20, self.status().applied_height)
        for reply in call:
            heights.append(reply.block.header.height)
            if heights[-1] == 1:
                assert reply.block.block == first.block
            if len(heights) >= target:
                call.cancel()
                break
        assert heights == list(range(1, target + 1)), heights

    def checkpoint(self, status):
        newest = self.ledger.GetCheckpoint(self.messages.GetCheckpointRequest(), timeout=DEADLINE_S).checkpoint
        assert newest.checkpoint.chain_id == status.chain_id and newest.signers != 0
        same = self.ledger.GetCheckpoint(
            self.messages.GetCheckpointRequest(height=newest.checkpoint.height), timeout=DEADLINE_S).checkpoint
        assert same.checkpoint == newest.checkpoint
        return newest

    def history(self):
        """Of a subject nobody knows: a proof that there is no file."""
        reply = self.credit.GetHistory(
            self.messages.GetHistoryRequest(subject_id=bytes(range(32))), timeout=DEADLINE_S)
        assert len(reply.proof) > 100
        self.refused(self.credit.GetHistory, self.messages.GetHistoryRequest(subject_id=b"short"),
                     grpc.StatusCode.INVALID_ARGUMENT)

    def inquiries(self):
        """None that this member made; batches that are no inquiry, and no reservation; no events of its own of a subject nobody knows."""
        invalid, messages = grpc.StatusCode.INVALID_ARGUMENT, self.messages
        self.refused(self.credit.Inquire, messages.InquireRequest(inquiry=bytes(32)), grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        self.refused(self.credit.Inquire, messages.InquireRequest(), invalid, "MALFORMED")
        request = messages.InquireRequest()
        request.batch.member_id = 1
        self.refused(self.credit.Inquire, request, invalid, "NOT_AN_INQUIRY")
        self.refused(self.credit.Reserve, messages.ReserveRequest(), invalid, "MALFORMED")
        request = messages.ReserveRequest()
        request.batch.member_id = 1
        self.refused(self.credit.Reserve, request, invalid, "NOT_A_RESERVATION")
        assert not self.credit.OwnEvents(messages.OwnEventsRequest(subject_id=bytes(range(32))), timeout=DEADLINE_S).events

    def event(self, first):
        """The first block's first event by its id; a subject and a body only where the caller may read them."""
        wanted = first.events[0]
        found = self.ledger.GetEvent(self.messages.GetEventRequest(event_id=wanted.event_id), timeout=DEADLINE_S)
        assert found.height >= 1 and found.event.event_id == wanted.event_id, found

    def accounts(self):
        list(self.credit.OwnAccounts(self.messages.OwnAccountsRequest(refs=[bytes(16)]), timeout=DEADLINE_S))

    def refusals(self):
        invalid, messages = grpc.StatusCode.INVALID_ARGUMENT, self.messages
        self.refused(self.ledger.SubmitBatch, messages.SubmitBatchRequest(), invalid, "MALFORMED")
        batch = messages.SubmitBatchRequest()
        batch.batch.chain_id = bytes(32)
        batch.batch.member_id = 1
        try:
            self.ledger.SubmitBatch(batch, timeout=DEADLINE_S)
            raise AssertionError("a batch of another chain, without a signature, was taken")
        except grpc.RpcError as error:
            assert error.code() in (invalid, grpc.StatusCode.PERMISSION_DENIED), error
        self.refused(self.ledger.GetReceipt, messages.GetReceiptRequest(event_id=bytes(32)),
                     grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        raw = self.channel.unary_unary("/tallystick.v1.Ledger/GetBlock")
        self.refused(raw, b"\xff\xff\xff", invalid, "MALFORMED")
        unknown = self.channel.unary_unary("/tallystick.v1.Node/Nothing")
        self.refused(unknown, b"", grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_METHOD")
        self.refused(raw, bytes(64 << 10), grpc.StatusCode.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")

    def stranger(self):
        """Without a client certificate no call gets through."""
        with channel_open(self.home, with_certificate=False) as channel:
            try:
                channel.unary_unary("/tallystick.v1.Node/GetStatus")(b"", timeout=DEADLINE_S)
                raise AssertionError("served without a client certificate")
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error

    def run(self):
        status = self.status()
        first = self.blocks(status)
        self.follows(first)
        newest = self.checkpoint(status)
        self.history()
        self.inquiries()
        self.event(first)
        self.accounts()
        self.refusals()
        self.stranger()
        self.channel.close()
        print(f"{status.name}: every call holds; finalized {status.finalized_height}, "
              f"checkpoint {newest.checkpoint.height}")


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        messages, services = stubs_make(folder)
        for home in arguments:
            Smoke(messages, services, pathlib.Path(home)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
