"""A stock gRPC client of a node, with stubs generated from proto/schema, and batches signed in Python from what the
schema's comments say. Needs python3-grpcio, python3-protobuf, python3-ecdsa, protobuf-compiler and
protobuf-compiler-grpc."""

import atexit
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

# Refused connections are part of the tests; grpc would print them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import ecdsa
import grpc

from network import ROOT


def _stubs_make():
    folder = tempfile.mkdtemp(prefix="tallystick-stubs.")
    atexit.register(shutil.rmtree, folder, True)
    schema = ROOT / "proto" / "schema"
    subprocess.run(
        ["protoc", f"--proto_path={schema}", f"--python_out={folder}", f"--grpc_python_out={folder}",
         f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
         *(str(schema / f"{name}.proto") for name in ("credit", "ledger", "rpc", "grpc/health/v1/health",
                                                      "grpc/reflection/v1/reflection"))],
        check=True)
    sys.path.insert(0, folder)
    grpc.__path__.append(os.path.join(folder, "grpc"))  # the stubs of gRPC's own services are in its package


_stubs_make()
import credit_pb2 as credit  # noqa: E402
import ledger_pb2 as ledger  # noqa: E402
import rpc_pb2 as rpc  # noqa: E402
import rpc_pb2_grpc as services  # noqa: E402

TAG_BODY, TAG_EVENT, TAG_BATCH = 0x03, 0x04, 0x05
DEADLINE_S = 30


class Client:
    """A channel to one node, with that home's client certificate unless another is given."""

    def __init__(self, network, name, certificate=None, key=None, bare=False):
        home = network.home(name)
        host, port = network.addresses(name)[1]
        root = (home / "rpc.crt").read_bytes()
        if bare:
            credentials = grpc.ssl_channel_credentials(root)
        else:
            credentials = grpc.ssl_channel_credentials(
                root, key or (home / "client.key").read_bytes(), certificate or (home / "client.crt").read_bytes())
        self.channel = grpc.secure_channel(f"{host}:{port}", credentials,
                                           options=[("grpc.max_receive_message_length", 32 << 20),
                                                    ("grpc.use_local_subchannel_pool", 1), *network.channel_options])
        self.ledger = services.LedgerStub(self.channel)
        self.credit = services.CreditStub(self.channel)
        self.node = services.NodeStub(self.channel)
        self.member = services.MemberStub(self.channel)

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def status(self):
        return self.node.GetStatus(rpc.GetStatusRequest(), timeout=DEADLINE_S)

    def submit(self, batch, wait_for=rpc.FINAL, timeout=DEADLINE_S):
        return self.ledger.SubmitBatch(rpc.SubmitBatchRequest(batch=batch, wait_for=wait_for), timeout=timeout)


def detail_of(error):
    """The machine-readable half of a failed call."""
    for key, value in error.trailing_metadata() or ():
        if key == "tallystick-error-bin":
            return rpc.ErrorDetail.FromString(value)
    return rpc.ErrorDetail()


def tagged(tag, *parts):
    return hashlib.sha256(bytes([tag]) + b"".join(parts)).digest()


def merkle_root(leaves):
    """RFC 9162, 2.1.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()


def today():
    """In days since 1970, UTC."""
    return int(time.time() // 86400)


class Member:
    """Signs batches with the key of a validator's home."""

    def __init__(self, network, name):
        self.id = int(name.rsplit("-", 1)[1])
        self.secret = bytes.fromhex((network.home(name) / "signing.key").read_text().strip())
        self.signer = ecdsa.SigningKey.from_string(self.secret, curve=ecdsa.SECP256k1)
        self.public = self.signer.get_verifying_key().to_string("compressed")
        with Client(network, name) as client:
            self.chain_id = client.status().chain_id

    def event_id(self, event):
        return tagged(TAG_EVENT, self.chain_id, event.header)

    def event(self, kind, subject, account, seq=0, prev=bytes(32), date=19800, body=None, **public):
        """One event on an account; `body` is a message of credit.proto."""
        encoded = body.SerializeToString() if body is not None else b""
        salt = os.urandom(32)
        header = credit.EventHeader(
            version=1, type=kind, member_id=self.id, subject_scheme=1, subject_id=subject, event_date=date,
            body_commitment=tagged(TAG_BODY, salt, encoded),
            account=credit.AccountLink(ref=account, seq=seq, prev=prev), **public)
        return credit.CreditEvent(header=header.SerializeToString(),
                                  plain=credit.PlainBody(salt=salt, body=encoded))

    def opening(self, subject=None, account=None):
        return self.event(credit.ACCOUNT_OPEN, subject or os.urandom(32), account or os.urandom(16),
                          body=credit.AccountOpenBody(limit_minor=5000000),
                          account_open=credit.AccountOpenPublic(account_type=credit.REVOLVING, currency=156))

    def item(self, kind, subject, date=None, body=None, **public):
        """One event that is in no account's chain, under a new item id; of today unless a date is given."""
        encoded = body.SerializeToString() if body is not None else b""
        salt = os.urandom(32)
        header = credit.EventHeader(
            version=1, type=kind, member_id=self.id, subject_scheme=1, subject_id=subject,
            event_date=today() if date is None else date, body_commitment=tagged(TAG_BODY, salt, encoded),
            item_id=os.urandom(16), **public)
        return credit.CreditEvent(header=header.SerializeToString(),
                                  plain=credit.PlainBody(salt=salt, body=encoded))

    def grant(self, subject, grantee=None, purposes=(credit.PURPOSE_CREDIT_DECISION,), first=0, last=30, uses=1):
        """A consent; its first and last day are counted from today."""
        return self.item(credit.CONSENT_GRANT, subject, consent_grant=credit.ConsentGrantPublic(
            grantee=grantee or self.id, purposes=sum(1 << (purpose - 1) for purpose in purposes),
            valid_from=today() + first, valid_until=today() + last, max_uses=uses, form_digest=os.urandom(32)))

    def revocation(self, subject, consent):
        return self.item(credit.CONSENT_REVOKE, subject, consent_revoke=credit.ConsentRevokePublic(consent=consent))

    def inquiry(self, subject, consent=None, purpose=credit.PURPOSE_CREDIT_DECISION, legal_basis=None):
        return self.item(credit.INQUIRY, subject, inquiry=credit.InquiryPublic(
            purpose=purpose, consent=consent, legal_basis=legal_basis, operator_digest=os.urandom(32),
            nonce=os.urandom(16)))

    def reservation(self, subject, amount=None, currency=156, hours=8):
        return self.item(credit.RESERVE, subject, reserve=credit.ReservePublic(
            account_type=credit.REVOLVING, currency=currency, expires_ms=int((time.time() + hours * 3600) * 1000),
            amount_minor=amount))

    def batch(self, events, lifetime_s=60, member_id=None, chain_id=None, sign=True):
        batch = credit.Batch(chain_id=chain_id or self.chain_id, member_id=member_id or self.id,
                             signing_key=self.public, expires_at_ms=int((time.time() + lifetime_s) * 1000),
                             events=events)
        digest = tagged(TAG_BATCH, batch.chain_id, struct.pack(">I", batch.member_id), batch.signing_key,
                        struct.pack(">QI", batch.expires_at_ms, len(events)),
                        merkle_root([self.event_id(event) for event in events]))
        batch.signature = self.signer.sign_digest_deterministic(
            digest, hashfunc=hashlib.sha256, sigencode=ecdsa.util.sigencode_string_canonize) if sign else bytes(64)
        return batch
