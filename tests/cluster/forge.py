"""Checkpoints that no honest validator signs, with the signatures of validators, by their keys."""

import sys

import ecdsa

import rpc
from network import ROOT

sys.path.insert(0, str(ROOT / "tests" / "vectors"))
import verify  # noqa: E402

FIRST_FIELD_IS_A_NUMBER = 0x08


def node_keys(net, names):
    """The node keys in the homes of these, as they are now."""
    return [ecdsa.SigningKey.from_string(bytes.fromhex((net.home(name) / "node.key").read_text().strip()),
                                         curve=ecdsa.SECP256k1) for name in names]


def _resign(certified, keys, field):
    value = bytearray(getattr(certified.checkpoint, field))
    value[0] ^= 1
    setattr(certified.checkpoint, field, bytes(value))
    digest = verify.checkpoint_hash(verify.parse(certified.SerializeToString(), verify.CERTIFIED)[1])
    ordered = sorted(keys, key=lambda key: key.get_verifying_key().to_string("compressed"))
    certified.signatures = b"".join(
        key.sign_digest_deterministic(digest, sigencode=ecdsa.util.sigencode_string_canonize)
        for place, key in enumerate(ordered) if certified.signers >> place & 1)


def checkpoint(saved, keys, field):
    """What `tally checkpoint --out` saved, with another value in a field: as if those who signed it had signed that too. `keys` are
    all of its epoch's validators'."""
    if saved[0] == FIRST_FIELD_IS_A_NUMBER:  # of a later epoch: a proof of itself, with what leads there
        proof = rpc.ledger.ConsistencyProof.FromString(saved)
        _resign(proof.newer, keys, field)
        proof.older.CopyFrom(proof.newer)
        return proof.SerializeToString()
    certified = rpc.ledger.CertifiedCheckpoint.FromString(saved)
    _resign(certified, keys, field)
    return certified.SerializeToString()
