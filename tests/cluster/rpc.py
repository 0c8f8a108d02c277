"""A stock gRPC client of a node, with stubs generated from proto/schema, and batches made and signed by what integrators are
given, node/rpc/examples/python. Needs python3-grpcio, python3-protobuf, python3-ecdsa, protobuf-compiler and
protobuf-compiler-grpc."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time

# Refused connections are part of the tests; grpc would print them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from network import ROOT


def _stubs_make():
    folder = tempfile.mkdtemp(prefix="tallystick-stubs.")
    atexit.register(shutil.rmtree, folder, True)
    schema = ROOT / "proto" / "schema"
    subprocess.run(
        ["protoc", f"--proto_path={schema}", f"--python_out={folder}", f"--grpc_python_out={folder}",
         f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
         *(str(schema / f"{name}.proto") for name in ("credit", "governance", "ledger", "rpc", "grpc/health/v1/health",
                                                      "grpc/reflection/v1/reflection"))],
        check=True)
    sys.path.insert(0, folder)
    grpc.__path__.append(os.path.join(folder, "grpc"))  # the stubs of gRPC's own services are in its package


_stubs_make()
import credit_pb2 as credit  # noqa: E402
import governance_pb2 as governance  # noqa: E402
import ledger_pb2 as ledger  # noqa: E402
import rpc_pb2 as rpc  # noqa: E402
import rpc_pb2_grpc as services  # noqa: E402

sys.path.insert(0, str(ROOT / "node" / "rpc" / "examples" / "python"))
import tallystick  # noqa: E402
from tallystick import error_of as detail_of  # noqa: E402, F401
from tallystick import today  # noqa: E402

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


class Member(tallystick.Member):
    """Signs batches with the key of a validator's home."""

    def __init__(self, network, name):
        with Client(network, name) as client:
            chain_id = client.status().chain_id
        secret = bytes.fromhex((network.home(name) / "signing.key").read_text())
        super().__init__(int(name.rsplit("-", 1)[1]), secret, chain_id)

    def event(self, kind, subject, account, seq=0, prev=bytes(32), date=19800, body=None, **public):
        """One event on an account; `body` is a message of credit.proto."""
        return super().event(kind, subject, body, event_date=date,
                             account=credit.AccountLink(ref=account, seq=seq, prev=prev), **public)

    def opening(self, subject=None, account=None):
        return self.event(credit.ACCOUNT_OPEN, subject or os.urandom(32), account or os.urandom(16),
                          body=credit.AccountOpenBody(limit_minor=5000000),
                          account_open=credit.AccountOpenPublic(account_type=credit.REVOLVING, currency=156))

    def item(self, kind, subject, date=None, body=None, **public):
        """One event that is in no account's chain, under a new item id; of today unless a date is given."""
        dated = {} if date is None else {"event_date": date}
        return super().event(kind, subject, body, item_id=os.urandom(16), **dated, **public)

    def grant(self, subject, grantee=None, purposes=(credit.PURPOSE_CREDIT_DECISION,), first=0, last=30, uses=1):
        """A consent; its first and last day are counted from today."""
        return self.item(credit.CONSENT_GRANT, subject, consent_grant=credit.ConsentGrantPublic(
            grantee=grantee or self.id, purposes=sum(1 << (purpose - 1) for purpose in purposes),
            valid_from=today() + first, valid_until=today() + last, max_uses=uses, form_digest=os.urandom(32)))

    def revocation(self, subject, consent):
        return self.item(credit.CONSENT_REVOKE, subject, consent_revoke=credit.ConsentRevokePublic(consent=consent))

    def inquiry(self, subject, consent=None, purpose=credit.PURPOSE_CREDIT_DECISION, legal_basis=None, scheme=1):
        return self.item(credit.INQUIRY, subject, subject_scheme=scheme, inquiry=credit.InquiryPublic(
            purpose=purpose, consent=consent, legal_basis=legal_basis, operator_digest=os.urandom(32),
            nonce=os.urandom(16)))

    def reservation(self, subject, amount=None, currency=156, hours=8):
        return self.item(credit.RESERVE, subject, reserve=credit.ReservePublic(
            account_type=credit.REVOLVING, currency=currency, expires_ms=int((time.time() + hours * 3600) * 1000),
            amount_minor=amount))

    def batch(self, events, lifetime_s=60, member_id=None, chain_id=None, sign=True):
        batch = credit.Batch(chain_id=chain_id or self.chain_id, member_id=member_id or self.id,
                             signing_key=self.public, expires_at_ms=int((time.time() + lifetime_s) * 1000),
                             events=events, signature=bytes(64))
        return self.signed(batch) if sign else batch
