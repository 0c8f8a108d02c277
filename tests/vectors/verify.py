#!/usr/bin/env python3
"""A second verifier of histories, written from proto/proof/FORMAT.md alone, in plain Python: slow, and independent.

verify.py FILE: checks every vector of FILE (see tests/unit/test_verify_vectors.c) and exits 1 if a verdict differs.
"""
import hashlib
import sys

P = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
TYPES = {12: 32, 13: None, 14: 34, 15: None, 18: None, 21: 41}  # event type -> its public field


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
    x = int.from_bytes(key[1:], "big")
    y = pow(x**3 + 7, (P + 1) // 4, P)
    assert key[0] in (2, 3) and x < P and (y * y - x**3 - 7) % P == 0
    return x, (y if y % 2 == key[0] - 2 else P - y)


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
    """`schema`: field number -> kind: "u32", "u64", "f64", "s32", "b", "B" (oneof bytes), a list of one schema, or a schema.
    A tuple (schema, oneof's name) is a oneof's submessage. Returns field number -> value."""
    out, at, last, oneofs = {}, 0, 0, set()
    while at < len(data):
        key, at = take_varint(data, at)
        number, wire = key >> 3, key & 7
        kind = schema.get(number)
        need(kind is not None, "FORM")
        repeated = isinstance(kind, list)
        need(number > last or (number == last and repeated), "FORM")
        last = number
        if kind in ("u32", "u64", "s32"):
            need(wire == 0, "FORM")
            value, at = take_varint(data, at)
            need(value != 0 and (kind == "u64" or value < 2**32), "FORM")
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
EVENT = {1: "u64", 3: "u64", 4: "u32", 5: "b", 6: (PLAIN, "body")}
HEADER = {1: "u32", 2: "u32", 3: "u32", 4: "u32", 5: "b", 6: "u32", 7: "s32", 8: "b",
          9: ({1: "b", 2: "u32", 3: "b"}, "key"), 10: ("B", "key"),
          32: ({1: "u32", 2: "u32", 3: "u32"}, "public"), 34: ({1: "u32"}, "public"), 41: ({1: "u32"}, "public")}
PROOF = {1: "u32", 2: "b", 3: {1: CHECKPOINT, 2: "f64", 3: "b"}, 4: {1: "b", 2: "b", 3: "b", 4: "b"}, 5: "b",
         6: (LEAF, "place"), 7: ({1: "b", 2: LEAF}, "place"), 8: ({}, "place"), 9: [EVENT], 10: "b"}


def digest_at(message, number):
    value = message.get(number, b"")
    need(len(value) == 32, "FORM")
    return value


# hashes

def h(tag, *fields):
    return hashlib.sha256(bytes([tag]) + b"".join(fields)).digest()


def u(value, width):
    return value.to_bytes(width, "big")


def leaf_hash(position, leaf):
    value = h(0x10, u(leaf.get(1, 0), 8), u(leaf.get(2, 0), 8), leaf[3], leaf[4])
    return h(0x11, position, value)


def bit(position, i):
    return position[i // 8] >> (7 - i % 8) & 1


# the steps

def check_form(proof):
    need(proof.get(1) == 1, "FORM")
    for message, numbers in ((proof, (2, 10)), (proof.get(4, {}), (1, 2, 3, 4)),
                             (proof.get(3, {}).get(1, {}), (1, 4, 6, 7, 8, 9, 10))):
        for number in numbers:
            digest_at(message, number)
    places = [n for n in (6, 7, 8) if n in proof]
    need(len(places) == 1, "FORM")
    leaf = proof[6] if places == [6] else proof[7].get(2, {}) if places == [7] else None
    if leaf is not None:
        digest_at(leaf, 3), digest_at(leaf, 4)
    if places == [7]:
        digest_at(proof[7], 1)
    siblings = proof.get(5, b"")
    need(len(siblings) % 32 == 0 and len(siblings) <= 256 * 32, "FORM")
    certified = proof[3]
    need(certified.get(2, 0) != 0, "FORM")
    need(len(certified.get(3, b"")) == 64 * bin(certified[2]).count("1"), "FORM")
    for event in proof.get(9, []):
        need(len(event.get(5, b"")) <= 1024 and event.get(4, 0) < 2**16, "FORM")
        if 6 in event:
            need(len(event[6].get(1, b"")) == 32 and len(event[6].get(2, b"")) <= 4096, "FORM")


def check_checkpoint(trust, certified):
    chain, epoch, keys = trust
    point = certified[1]
    need(point[1] == chain, "CHAIN")
    n = len(keys)
    need(point[9] == h(0x0B, u(epoch, 8), u(n, 4), *keys) and point.get(2, 0) == epoch, "SIGNATURE")
    signers = [i for i in range(64) if certified[2] >> i & 1]
    faults = (n - 1) // 3
    need(len(signers) == (n + faults + 2) // 2 and max(signers) < n, "SIGNATURE")
    digest = h(0x0A, chain, u(epoch, 8), b"\x05", u(point.get(3, 0), 8), point[4], u(point.get(5, 0), 8), point[6],
               point[7], point[8], point[9], point[10])
    for k, signer in enumerate(signers):
        need(signature_holds(keys[signer], digest, certified[3][64 * k:64 * k + 64]), "SIGNATURE")


def check_root(chain, proof):
    position = h(0x0C, chain, proof[2])
    need(proof[10] == position, "ROOT")
    siblings = [proof.get(5, b"")[i:i + 32] for i in range(0, len(proof.get(5, b"")), 32)]
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


def check_header(header, subject):
    fields = parse(header, HEADER)
    need(fields.get(1) == 1 and fields.get(2) in TYPES and fields.get(3) and fields.get(4) == 1, "FORM")
    need(len(fields.get(8, b"")) == 32 and len(fields.get(5, b"")) == 32, "FORM")
    need(9 in fields and len(fields[9].get(1, b"")) == 16 and len(fields[9].get(3, b"")) == 32, "FORM")
    need([n for n in (32, 34, 41) if n in fields] == [n for n in [TYPES[fields[2]]] if n], "FORM")
    need(fields[5] == subject, "FOLD")
    return fields[8]


def check_events(chain, proof):
    events, leaf = proof.get(9, []), proof.get(6)
    need(len(events) == (leaf.get(1, 0) if leaf is not None else 0), "COUNT")
    need(leaf is None or events, "COUNT")
    if leaf is None:
        return
    acc, last = h(0x0D, chain, proof[2]), None
    for i, event in enumerate(events):
        height, time = event.get(1, 0), event.get(3, 0)
        need(height <= proof[3][1].get(3, 0), "FOLD")
        if last is not None:
            need((height, time) == last or (height > last[0] and time > last[1]), "FOLD")
        last = height, time
        acc = h(0x0E, acc, u(i, 8), u(height, 8), u(time, 8), u(event.get(4, 0), 2), h(0x04, chain, event.get(5, b"")))
    need(acc == leaf[3] and last[0] == leaf.get(2, 0), "FOLD")
    for event in events:
        commitment = check_header(event.get(5, b""), proof[2])
        if 6 in event:
            need(h(0x03, event[6][1], event[6].get(2, b"")) == commitment, "BODY")


def verify(trust, data):
    """The reason, or OK."""
    try:
        proof = parse(data, PROOF)
        check_form(proof)
        check_checkpoint(trust, proof[3])
        check_root(trust[0], proof)
        check_events(trust[0], proof)
        return "OK"
    except Refused as refused:
        return str(refused)


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        lines = [line.split() for line in file]
    trust = bytes.fromhex(lines[0][1]), int(lines[0][2]), [bytes.fromhex(key) for key in lines[0][3:]]
    wrong = 0
    for name, reason, data in lines[1:]:
        verdict = verify(trust, bytes.fromhex(data))
        if verdict != reason:
            print(f"{name}: {verdict}, not {reason}")
            wrong += 1
    print(f"{len(lines) - 1} vectors, {wrong} wrong")
    return 1 if wrong or len(lines) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
