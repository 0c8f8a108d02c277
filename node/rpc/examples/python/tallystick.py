"""A member's application, beside its node: events, signed batches, calls, and what to trust when an answer is verified.

Needs Debian's python3-grpcio, python3-protobuf and python3-ecdsa, and beside itself what protoc makes of proto/schema."""

import hashlib
import json
import os
import struct
import time

import credit_pb2 as credit
import ecdsa
import grpc
import rpc_pb2 as rpc
import rpc_pb2_grpc as services

TAG_BODY, TAG_EVENT, TAG_BATCH = 0x03, 0x04, 0x05


def tagged(tag, *parts):
    return hashlib.sha256(bytes([tag]) + b"".join(parts)).digest()


def merkle_root(leaves):
    """RFC 9162, 2.1.1, over digests."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()


def today():
    """In days since 1970, UTC."""
    return int(time.time() // 86400)


class Node:
    """A channel to the member's node. `server` is the node's rpc.crt, which is pinned; the others are the application's."""

    def __init__(self, address, server, certificate, key):
        contents = []
        for path in (server, key, certificate):
            with open(path, "rb") as file:
                contents.append(file.read())
        self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(*contents),
                                           options=[("grpc.max_receive_message_length", 32 << 20)])
        self.ledger = services.LedgerStub(self.channel)
        self.credit = services.CreditStub(self.channel)
        self.node = services.NodeStub(self.channel)


class Member:
    """Makes events in the member's name and signs batches of them, with the key whose public half genesis lists."""

    def __init__(self, member_id, secret, chain_id):
        self.id, self.chain_id = member_id, chain_id
        self.signer = ecdsa.SigningKey.from_string(secret, curve=ecdsa.SECP256k1)
        self.public = self.signer.get_verifying_key().to_string("compressed")

    def event_id(self, event):
        return tagged(TAG_EVENT, self.chain_id, event.header)

    def event(self, kind, subject_id, body=None, **fields):
        """Of today and about a borrower, unless `fields` has an event_date and a subject_scheme; they hold the account or the
        item_id, and the type's public fields."""
        salt, encoded = os.urandom(32), body.SerializeToString() if body is not None else b""
        fields = {"event_date": today(), "subject_scheme": 1, **fields}
        header = credit.EventHeader(version=1, type=kind, member_id=self.id, subject_id=subject_id,
                                    body_commitment=tagged(TAG_BODY, salt, encoded), **fields)
        return credit.CreditEvent(header=header.SerializeToString(), plain=credit.PlainBody(salt=salt, body=encoded))

    def batch(self, *events, lifetime_s=60):
        return self.signed(credit.Batch(chain_id=self.chain_id, member_id=self.id, signing_key=self.public,
                                        expires_at_ms=int((time.time() + lifetime_s) * 1000), events=events))

    def signed(self, batch):
        digest = tagged(TAG_BATCH, batch.chain_id, struct.pack(">I", batch.member_id), batch.signing_key,
                        struct.pack(">QI", batch.expires_at_ms, len(batch.events)),
                        merkle_root([self.event_id(event) for event in batch.events]))
        # RFC 6979, 64 bytes, and s in the lower half: another s is refused.
        batch.signature = self.signer.sign_digest_deterministic(
            digest, hashfunc=hashlib.sha256, sigencode=ecdsa.util.sigencode_string_canonize)
        return batch


def validators(path):
    """The validators' keys that a genesis.json founds its network on, in order."""
    with open(path, encoding="utf-8") as file:
        return tuple(sorted(bytes.fromhex(each["key"]) for each in json.load(file)["validators"]))


def error_of(failed):
    """The machine-readable half of a grpc.RpcError: reason, field, event_index, retry_after_ms."""
    found = dict(failed.trailing_metadata() or ()).get("tallystick-error-bin", b"")
    return rpc.ErrorDetail.FromString(found)
