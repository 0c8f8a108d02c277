#!/usr/bin/env python3
"""A second verifier of proofs, written from proto/proof/FORMAT.md alone, in plain Python: slow, and independent.

verify.py FILE: checks every vector of FILE (see tests/unit/test_verify_vectors.c) and exits 1 if a verdict differs.
verify.py --flips PROGRAM SEED COUNT: the same for what that test prints with the same options: vectors of a few
flipped bits, with the verdicts of the first verifier.
"""
import collections
import datetime
import functools
import hashlib
import subprocess
import sys

P = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
INQUIRY = 3
ITEM_TYPES = {1: 21, 2: 22, 3: 23, 10: 30, 11: 31, 32: 52, 33: 53, 34: 54, 35: 55}  # event type -> its public field
ACCOUNT_TYPES = {12: 32, 13: None, 14: 34, 15: None, 16: None, 17: 37, 18: None, 19: None, 20: 40, 21: 41, 30: 50, 31: 51}
TYPES = ITEM_TYPES | ACCOUNT_TYPES
EPOCH = datetime.date(1970, 1, 1)


class Refused(Exception):
    """The proof does not hold; the argument is the reason."""


def need(condition, reason):
    if not condition:
        raise Refused(reason)


# secp256k1

def point_add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def point_times(k, a):
    out = None
    while k:
        if k & 1:
            out = point_add(out, a)
        a = point_add(a, a)
        k >>= 1
    return out


def point_of(key):
    """None where the key is no point's."""
    x = int.from_bytes(key[1:], "big")
    y = pow(x**3 + 7, (P + 1) // 4, P)
    if key[0] not in (2, 3) or x >= P or (y * y - x**3 - 7) % P != 0:
        return None
    return x, (y if y % 2 == key[0] - 2 else P - y)


@functools.lru_cache(maxsize=4096)
def signature_holds(key, digest, signature):
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < ORDER and 0 < s <= ORDER // 2):
        return False
    w = pow(s, -1, ORDER)
    u, v = int.from_bytes(digest, "big") * w % ORDER, r * w % ORDER
    point = point_add(point_times(u, BASE), point_times(v, point_of(key)))
    return point is not None and point[0] % ORDER == r


# canonical protobuf

def take_varint(data, at):
    value = shift = 0
    while True:
        need(at < len(data) and shift < 70, "FORM")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            need((byte != 0 or shift == 7) and value < 2**64, "FORM")
            return value, at


def parse(data, schema):
    """`schema`: field number -> kind: "u32", "u64", "U64" (0 too), "f64", "s32", "b", "B" (none too), a list of one schema,
    or a schema. A tuple (kind, oneof's name) is a oneof's member. Returns field number -> value."""
    out, at, last, oneofs = {}, 0, 0, set()
    while at < len(data):
        key, at = take_varint(data, at)
        number, wire = key >> 3, key & 7
        kind = schema.get(number)
        need(kind is not None, "FORM")
        repeated = isinstance(kind, list)
        need(number > last or (number == last and repeated), "FORM")
        last = number
        if kind in ("u32", "u64", "U64", "s32"):
            need(wire == 0, "FORM")
            value, at = take_varint(data, at)
            need((value != 0 or kind == "U64") and (kind in ("u64", "U64") or value < 2**32), "FORM")
            out[number] = (value >> 1) ^ -(value & 1) if kind == "s32" else value
            continue
        if kind == "f64":
            need(wire == 1 and at + 8 <= len(data), "FORM")
            out[number] = int.from_bytes(data[at:at + 8], "little")
            need(out[number] != 0, "FORM")
            at += 8
            continue
        need(wire == 2, "FORM")
        size, at = take_varint(data, at)
        need(at + size <= len(data), "FORM")
        value, at = data[at:at + size], at + size
        if isinstance(kind, tuple):
            need(kind[1] not in oneofs, "FORM")
            oneofs.add(kind[1])
            kind = kind[0]
        if kind == "b":
            need(value, "FORM")
            out[number] = value
        elif kind == "B":
            out[number] = value
        elif repeated:
            out.setdefault(number, []).append(parse(value, kind[0]))
        else:
            out[number] = parse(value, kind)
    return out


LEAF = {1: "u64", 2: "u64", 3: "b", 4: "b"}
PLAIN = {1: "b", 2: "b"}
CHECKPOINT = {1: "b", 2: "u64", 3: "u64", 4: "b", 5: "u64", 6: "b", 7: "b", 8: "b", 9: "b", 10: "b"}
CERTIFIED = {1: CHECKPOINT, 2: "f64", 3: "b"}
EVENT = {1: "u64", 3: "u64", 4: "u32", 5: "b", 6: (PLAIN, "body")}
REMEDY = {1: "b", 2: "u32", 3: "b"}
PUBLIC = {21: {1: "u32", 2: "u32", 3: "s32", 4: "s32", 5: "u32", 6: "b", 7: "b", 8: "b"}, 22: {1: "b"},
          23: {1: "u32", 2: "b", 3: "u32", 4: "b", 5: "b", 6: "b"},
          30: {1: "u32", 2: "u32", 3: "u32", 4: "u64", 5: "U64"}, 31: {1: "b"},
          32: {1: "u32", 2: "u32", 3: "u32", 4: "b", 5: "U64", 6: "b"}, 34: {1: "u32"}, 37: {1: "u32", 2: "u32"},
          40: {1: "u32"}, 41: {1: "u32"}, 50: REMEDY, 51: REMEDY, 52: {1: "b", 2: "u32"}, 53: {1: "b"},
          54: {1: "b", 2: "u32"}, 55: {1: "b"}}
HEADER = {1: "u32", 2: "u32", 3: "u32", 4: "u32", 5: "b", 6: "u32", 7: "s32", 8: "b",
          9: ({1: "b", 2: "u32", 3: "b"}, "key"), 10: ("B", "key"),
          **{number: (fields, "public") for number, fields in PUBLIC.items()}}
HISTORY = {1: "u32", 2: "b", 3: CERTIFIED, 4: {1: "b", 2: "b", 3: "b", 4: "b"}, 5: "b",
           6: (LEAF, "place"), 7: ({1: "b", 2: LEAF}, "place"), 8: ({}, "place"), 9: [EVENT], 10: "b", 11: "u64", 12: "b"}
RECEIPT = {1: "u32", 2: "u64", 3: "u32", 4: "b", 5: "u32", 6: "b", 8: "b", 9: "b", 10: "u64", 11: "b", 12: "b", 13: "b",
           14: CERTIFIED, 15: "b"}
CONSISTENCY = {1: "u32", 3: CERTIFIED, 4: CERTIFIED, 5: "b", 6: "b"}
SEALS = {1: [{1: CERTIFIED, 2: "b"}]}


def digest_at(message, number):
    value = message.get(number, b"")
    need(len(value) == 32, "FORM")
    return value


def digests_at(message, number, most):
    value = message.get(number, b"")
    need(len(value) % 32 == 0 and len(value) <= 32 * most, "FORM")
    return [value[i:i + 32] for i in range(0, len(value), 32)]


# hashes

def h(tag, *fields):
    return hashlib.sha256(bytes([tag]) + b"".join(fields)).digest()


def u(value, width):
    return value.to_bytes(width, "big")


def leaf_hash(position, leaf):
    value = h(0x10, u(leaf.get(1, 0), 8), u(leaf.get(2, 0), 8), leaf[3], leaf[4])
    return h(0x11, position, value)


def checkpoint_hash(point):
    return h(0x0A, point[1], u(point.get(2, 0), 8), b"\x05", u(point.get(3, 0), 8), point[4], u(point.get(5, 0), 8),
             point[6], point[7], point[8], point[9], point[10])


def bit(position, i):
    return position[i // 8] >> (7 - i % 8) & 1


# what is trusted and asked for

Trust = collections.namedtuple("Trust", "chain validators known min_height min_time inquiry")
Validators = collections.namedtuple("Validators", "epoch keys")
Known = collections.namedtuple("Known", "point validators")
Base = collections.namedtuple("Base", "position count acc last height")  # last: height and time of the newest event


# a checkpoint

def form_certified(message, number):
    certified = message.get(number, {}) if number else message
    for digest in (1, 4, 6, 7, 8, 9, 10):
        digest_at(certified.get(1, {}), digest)
    need(certified.get(2, 0) != 0, "FORM")
    need(len(certified.get(3, b"")) == 64 * bin(certified[2]).count("1"), "FORM")
    return certified


def set_hash(validators):
    return h(0x0B, u(validators.epoch, 8), u(len(validators.keys), 4), *validators.keys)


def is_later(before, point):
    return point.get(3, 0) > before.get(3, 0) and point.get(5, 0) > before.get(5, 0)


def check_certificate(trust, validators, certified, seal=None):
    """`seal`: the checkpoint of the seal before."""
    point, n = certified[1], len(validators.keys)
    need(point[1] == trust.chain, "CHAIN")
    need(point[9] == set_hash(validators) and point.get(2, 0) == validators.epoch, "SIGNATURE")
    signers = [i for i in range(64) if certified[2] >> i & 1]
    faults = (n - 1) // 3
    need(len(signers) == (n + faults + 2) // 2 and max(signers) < n, "SIGNATURE")
    for k, signer in enumerate(signers):
        signature = certified[3][64 * k:64 * k + 64]
        need(signature_holds(validators.keys[signer], checkpoint_hash(point), signature), "SIGNATURE")
    need(seal is None or is_later(seal, point), "CHAIN")
    if trust.known is None:
        return
    known = trust.known.point
    height, known_height, epoch, known_epoch = point.get(3, 0), known.get(3, 0), point.get(2, 0), known.get(2, 0)
    need(height != known_height or checkpoint_hash(point) == checkpoint_hash(known), "CHAIN")
    need(not (epoch < known_epoch and height > known_height), "CHAIN")
    need(not (epoch > known_epoch and height < known_height), "CHAIN")


# from epoch to epoch

def seals_of(proof, number):
    seals = parse(proof.get(number, b""), SEALS).get(1, [])
    need(len(seals) <= 1024, "FORM")
    for seal in seals:
        form_certified(seal, 1)
        keys = seal.get(2, b"")
        need(len(keys) % 33 == 0 and 4 <= len(keys) // 33 <= 64, "FORM")
        seal["keys"] = tuple(keys[i:i + 33] for i in range(0, len(keys), 33))
        need(all(a < b for a, b in zip(seal["keys"], seal["keys"][1:])), "FORM")
    return seals


def walk(trust, seals, first):
    """From the first validators on, through all seals: yields those in force and the seal's checkpoint before them. Of what
    is sent back, a checkpoint of theirs, the next seal must be a later one, or the same."""
    epoch = seals[0][1][1].get(2, 0) if seals else first.get(2, 0)
    known = trust.known
    validators = known.validators if known is not None and known.validators.epoch == epoch else trust.validators
    before = None
    for seal in seals:
        older = yield validators, before
        point = seal[1][1]
        check_certificate(trust, validators, seal[1], before)
        others = [older] if older is not None else []
        if known is not None and known.point.get(2, 0) == point.get(2, 0):
            others.append(known.point)
        for other in others:
            need(checkpoint_hash(other) == checkpoint_hash(point) or is_later(other, point), "CHAIN")
        validators, before = Validators(validators.epoch + 1, seal["keys"]), point
        need(set_hash(validators) == point[10], "SIGNATURE")
        need(all(point_of(key) is not None for key in validators.keys), "SIGNATURE")
        need(known is None or known.validators.epoch != validators.epoch or known.point[9] == point[10], "CHAIN")
    yield validators, before


def check_with_seals(trust, seals, certified):
    for validators, before in walk(trust, seals, certified[1]):
        pass
    check_certificate(trust, validators, certified, before)
    return validators


def check_age(trust, point, least=0):
    height = point.get(3, 0)
    need(height >= trust.min_height and point.get(5, 0) >= trust.min_time, "STALE")
    need(trust.known is None or height >= trust.known.point.get(3, 0), "STALE")
    need(height >= least, "STALE")


def verify_checkpoint(trust, data):
    certified = form_certified(parse(data, CERTIFIED), None)
    validators = check_with_seals(trust, [], certified)
    check_age(trust, certified[1])
    return Known(certified[1], validators)


# a history

def form_history(proof):
    need(proof.get(1) == 1, "FORM")
    for message, numbers in ((proof, (2, 10)), (proof.get(4, {}), (1, 2, 3, 4))):
        for number in numbers:
            digest_at(message, number)
    places = [n for n in (6, 7, 8) if n in proof]
    need(len(places) == 1, "FORM")
    leaf = proof[6] if places == [6] else proof[7].get(2, {}) if places == [7] else None
    if leaf is not None:
        digest_at(leaf, 3), digest_at(leaf, 4)
    if places == [7]:
        digest_at(proof[7], 1)
    digests_at(proof, 5, 256)
    form_certified(proof, 3)
    for event in proof.get(9, []):
        need(len(event.get(5, b"")) <= 1024 and event.get(4, 0) < 2**16, "FORM")
        if 6 in event:
            need(len(event[6].get(1, b"")) == 32 and len(event[6].get(2, b"")) <= 4096, "FORM")


def check_place(chain, proof, base):
    position = h(0x0C, chain, proof[2])
    need(proof[10] == position, "ROOT")
    need(base is None or base.position == position, "ROOT")
    siblings = digests_at(proof, 5, 256)
    node = bytes(32)
    if 6 in proof:
        node = leaf_hash(position, proof[6])
    if 7 in proof:
        other = proof[7][1]
        need(other != position, "ROOT")
        need(all(bit(other, i) == bit(position, i) for i in range(len(siblings))), "ROOT")
        node = leaf_hash(other, proof[7][2])
    for i in reversed(range(len(siblings))):
        node = h(0x12, siblings[i], node) if bit(position, i) else h(0x12, node, siblings[i])
    state = proof[4]
    need(h(0x13, node, state[1], state[2], state[3], state[4]) == proof[3][1][6], "ROOT")


def is_date(days):
    return (datetime.date(1900, 1, 1) - EPOCH).days <= days <= (datetime.date(9999, 12, 31) - EPOCH).days


def check_public(number, fields):
    def among(field, most):
        need(1 <= fields.get(field, 0) <= most, "FORM")

    def sized(field, size, optional=False):
        need(len(fields.get(field, b"")) == size or (optional and field not in fields), "FORM")

    if number == 21:
        need(1 in fields and 5 in fields, "FORM")
        among(2, 63), sized(6, 32), sized(7, 33, True), sized(8, 64, True)
        need(is_date(fields.get(3, 0)) and is_date(fields.get(4, 0)) and fields.get(3, 0) <= fields.get(4, 0), "FORM")
        need((7 in fields) == (8 in fields), "FORM")
    if number in (22, 31, 53):
        sized(1, 32)
    if number == 23:
        among(1, 6), sized(2, 32, True), sized(4, 32), sized(5, 16), sized(6, 33, True)
        need((2 in fields) != (3 in fields) and fields.get(3, 1) <= 3, "FORM")
    if number in (30, 32):
        among(2 if number == 30 else 1, 2), among(3, 999)
        need(fields.get(5, 0) < 2**63, "FORM")
    if number == 30:
        need(1 <= fields.get(4, 0) < ((datetime.date(9999, 12, 31) - EPOCH).days + 1) * 86400000, "FORM")
    if number == 32:
        sized(4, 32, True), sized(6, 32, True)
    if number == 34:
        need(190001 <= fields.get(1, 0) <= 999912 and 1 <= fields[1] % 100 <= 12, "FORM")
    if number == 37:
        among(1, 2), among(2, 7)
    if number == 40:
        need(1 in fields, "FORM")
    if number == 41:
        among(1, 4)
    if number in (50, 51):
        sized(1, 32), among(2, 7), sized(3, 32, True)
    if number in (52, 54):
        sized(1, 32), among(2, 7 if number == 52 else 4)
    if number == 55:
        sized(1, 32, True)


def is_about_blocks(fields):
    """A regulator's inquiry, on the legal basis SUPERVISION: 16 zeros, the first height and the last."""
    first, last = int.from_bytes(fields[5][16:24], "big"), int.from_bytes(fields[5][24:], "big")
    return (fields[2] == INQUIRY and fields[23].get(3) == 2 and fields[5][:16] == bytes(16) and
            0 < first <= last < first + 1000000)


def check_header(header, subject):
    fields = parse(header, HEADER)
    need(fields.get(1) == 1 and fields.get(2) in TYPES and fields.get(3) and fields.get(4) in (1, 2), "FORM")
    need(is_date(fields.get(7, 0)), "FORM")
    digest_at(fields, 5), digest_at(fields, 8)
    if fields[2] in ITEM_TYPES:
        need(len(fields.get(10, b"")) == 16, "FORM")
    else:
        need(9 in fields and len(fields[9].get(1, b"")) == 16 and len(fields[9].get(3, b"")) == 32, "FORM")
    need([n for n in PUBLIC if n in fields] == [n for n in [TYPES[fields[2]]] if n], "FORM")
    for number in PUBLIC:
        if number in fields:
            check_public(number, fields[number])
    need(fields[4] == 1 or is_about_blocks(fields), "FORM")
    need(fields[5] == subject, "FOLD")
    return fields[8]


def check_events(chain, proof, base):
    """Steps 5 to 8. Returns where a later history may go on."""
    events, leaf, point = proof.get(9, []), proof.get(6), proof[3][1]
    if leaf is not None:
        need(leaf.get(1, 0) != 0, "COUNT")
    count, since = leaf.get(1, 0) if leaf is not None else 0, proof.get(11, 0)
    need(since == (base.count if base is not None else 0) and since <= count, "COUNT")
    need(len(events) == count - since, "COUNT")
    acc, last = (base.acc, base.last) if base is not None else (h(0x0D, chain, proof[2]), (0, 0))
    if leaf is None:
        return acc, last
    need(base is None or not events or events[0].get(1, 0) > base.height, "FOLD")
    for i, event in enumerate(events, since):
        height, time = event.get(1, 0), event.get(3, 0)
        need(height <= point.get(3, 0), "FOLD")
        if i > 0:
            need((height, time) == last or (height > last[0] and time > last[1]), "FOLD")
        last = height, time
        acc = h(0x0E, acc, u(i, 8), u(height, 8), u(time, 8), u(event.get(4, 0), 2), h(0x04, chain, event.get(5, b"")))
    need(acc == leaf[3] and last[0] == leaf.get(2, 0), "FOLD")
    for event in events:
        commitment = check_header(event.get(5, b""), proof[2])
        if 6 in event:
            need(h(0x03, event[6][1], event[6].get(2, b"")) == commitment, "BODY")
    return acc, last


def check_inquiry(trust, proof):
    for event in proof.get(9, []):
        if h(0x04, trust.chain, event[5]) == trust.inquiry and event.get(4, 0) == 0:
            if parse(event[5], HEADER)[2] == INQUIRY:
                return
    raise Refused("STALE")


def verify_history(trust, data, base):
    proof = parse(data, HISTORY)
    form_history(proof)
    check_with_seals(trust, seals_of(proof, 12), proof[3])
    check_place(trust.chain, proof, base)
    acc, last = check_events(trust.chain, proof, base)
    check_age(trust, proof[3][1], base.height if base is not None else 0)
    if trust.inquiry is not None:
        check_inquiry(trust, proof)
    return Base(proof[10], len(proof.get(9, [])), acc, last, proof[3][1].get(3, 0))


# a receipt

def halve_path(index, last, leaf, path, root):
    """RFC 9162, 2.1.3.2: whether the path leads from the leaf at `index` to the root of last + 1 leaves."""
    node = hashlib.sha256(b"\0" + leaf).digest()
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not index & 1 and index != 0:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def last_leaf(index, length):
    for s in range(length + 1):
        if s + bin(index >> s).count("1") == length:
            return index if s == 0 else index | 1 << (s - 1)
    raise Refused("ROOT")


def verify_receipt(trust, data):
    receipt = parse(data, RECEIPT)
    need(receipt.get(1) == 1 and receipt.get(5, 0) < 2**16 and len(receipt.get(6, b"")) <= 64, "FORM")
    for number in (4, 9, 11, 12):
        digest_at(receipt, number)
    result_path, history_path = digests_at(receipt, 8, 64), digests_at(receipt, 13, 64)
    point = form_certified(receipt, 14)[1]
    check_with_seals(trust, seals_of(receipt, 15), receipt[14])
    height, index, detail = receipt.get(2, 0), receipt.get(3, 0), receipt.get(6, b"")
    need(1 <= height <= point.get(3, 0), "ROOT")
    leaf = h(0x1A, receipt[9], u(receipt.get(10, 0), 8), receipt[11], receipt[12])
    need(halve_path(height - 1, point[3] - 1, leaf, history_path, point[8]), "ROOT")
    leaf = h(0x19, u(height, 8), u(index, 4), receipt[4], u(receipt.get(5, 0), 2), u(len(detail), 4), detail)
    need(halve_path(index, last_leaf(index, len(result_path)), leaf, result_path, receipt[12]), "ROOT")
    check_age(trust, point)


# consistency

def is_beginning(a, b, path, older, newer):
    if a < 1 or a > b:
        return False
    if a == b:
        return not path
    x, y = a - 1, b - 1
    while x & 1:
        x, y = x >> 1, y >> 1
    if x == 0:
        old = new = older
    elif path:
        old = new = path[0]
        path = path[1:]
    else:
        return False
    for c in path:
        if y == 0:
            return False
        if x & 1 or x == y:
            old, new = hashlib.sha256(b"\1" + c + old).digest(), hashlib.sha256(b"\1" + c + new).digest()
            while not x & 1 and x != 0:
                x, y = x >> 1, y >> 1
        else:
            new = hashlib.sha256(b"\1" + new + c).digest()
        x, y = x >> 1, y >> 1
    return y == 0 and old == older and new == newer


def verify_consistency(trust, data):
    proof = parse(data, CONSISTENCY)
    need(proof.get(1) == 1, "FORM")
    older, newer = form_certified(proof, 3)[1], form_certified(proof, 4)[1]
    path, seals = digests_at(proof, 5, 65), seals_of(proof, 6)
    is_checked, steps = False, walk(trust, seals, older)
    validators, before = next(steps)
    for left in reversed(range(len(seals) + 1)):
        own = None
        if not is_checked and (validators.epoch == older.get(2, 0) or left == 0):
            check_certificate(trust, validators, proof[3], before)
            own, is_checked = older, True
        if left > 0:
            validators, before = steps.send(own)
    check_certificate(trust, validators, proof[4], before)
    if older.get(3, 0) == newer.get(3, 0):
        need(checkpoint_hash(older) == checkpoint_hash(newer), "ROOT")
    else:
        need(newer.get(5, 0) > older.get(5, 0), "ROOT")
    need(is_beginning(older.get(3, 0), newer.get(3, 0), path, older[8], newer[8]), "ROOT")
    check_age(trust, newer)
    return Known(newer, validators)


# any file

def verify(trust, data, options):
    """The reason, or OK. What was verified before is verified first, however old it is."""
    try:
        if "known" in options:
            known = bytes.fromhex(options["known"])
            verify_known = verify_consistency if known[2:3] == b"\x1a" and known[:1] != b"\x0a" else verify_checkpoint
            trust = trust._replace(known=verify_known(trust, known))
        asked = trust._replace(min_height=int(options.get("min_height", 0)), min_time=int(options.get("min_time_ms", 0)),
                               inquiry=bytes.fromhex(options["inquiry"]) if "inquiry" in options else None)
        if data[:1] == b"\x0a":
            verify_checkpoint(asked, data)
        elif data[2:3] == b"\x12":
            base = None
            if "since" in options:
                base = verify_history(trust._replace(known=None), bytes.fromhex(options["since"]), None)
            verify_history(asked, data, base)
        elif data[2:3] == b"\x1a":
            verify_consistency(asked, data)
        else:
            verify_receipt(asked, data)
        return "OK"
    except Refused as refused:
        return str(refused)


def main():
    if sys.argv[1] == "--flips":
        text = subprocess.run([sys.argv[2], "--flips", *sys.argv[3:]], capture_output=True, check=True, text=True).stdout
    else:
        with open(sys.argv[1], encoding="ascii") as file:
            text = file.read()
    lines = [line.split() for line in text.splitlines()]
    validators = Validators(int(lines[0][2]), tuple(map(bytes.fromhex, lines[0][3:])))
    trust = Trust(bytes.fromhex(lines[0][1]), validators, None, 0, 0, None)
    wrong, reasons = 0, collections.Counter()
    for name, reason, data, *options in lines[1:]:
        verdict = verify(trust, bytes.fromhex(data), dict(option.split("=") for option in options))
        reasons[verdict] += 1
        if verdict != reason or (verdict == "OK" and sys.argv[1] == "--flips"):
            print(f"{name}: {verdict}, not {reason}: {data}")
            wrong += 1
    print(f"{len(lines) - 1} vectors, {wrong} wrong;", ", ".join(f"{reasons[reason]} {reason}" for reason in sorted(reasons)))
    return 1 if wrong or len(lines) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
