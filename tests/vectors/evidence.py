#!/usr/bin/env python3
"""A second judge of evidence, written from proto/proof/FORMAT.md alone.

evidence.py TRUST FILE: TRUST is a file of one line, "trust CHAIN_ID EPOCH KEY..", the keys in order; judges every line of FILE,
prints each verdict, and exits 1 unless all of them convict.
"""
import json
import re
import sys

from verify import CHECKPOINT, Refused, digest_at, h, need, parse, signature_holds, u

HEADER = {1: "b", 2: "u64", 3: "u64", 4: "u64", 5: "u64", 6: "b", 7: "b", 8: "u32", 9: "u32", 10: "u64", 11: "u32", 12: "u32",
          13: "b", 14: "b"}
CERTIFICATE = {1: "u32", 2: "u64", 3: "u64", 4: "b", 5: "f64", 6: "b"}
JUSTIFICATION = {1: HEADER, 2: CERTIFICATE, 3: [CERTIFICATE], 4: [HEADER]}
STATEMENT = {1: "u32", 2: "b", 3: "b"}
SIGNED = {1: CHECKPOINT, 2: "b"}
EVIDENCE = {1: "u32", 2: "b", 3: "u64", 4: "u32",
            5: ({1: "u64", 2: STATEMENT, 3: STATEMENT}, "form"),
            6: ({1: STATEMENT, 2: HEADER, 3: "b"}, "form"),
            7: ({1: SIGNED, 2: SIGNED}, "form")}
NAMES = {1: "notarize", 2: "finalize", 3: "nullify", 4: "propose"}
NO_BLOCK = bytes(32)


# forms

def header_form(header):
    need(header is not None, "FORM")
    for number in (1, 6, 7, 13, 14):
        digest_at(header, number)
    need(header.get(11, 0) <= 1 and header.get(12, 0) <= 1, "FORM")


def block_form(kind, message, number):
    need((number not in message) if kind == 3 else len(message.get(number, b"")) == 32, "FORM")


def statement_form(statement):
    need(statement is not None and 1 <= statement.get(1, 0) <= 4, "FORM")
    block_form(statement[1], statement, 2)
    need(len(statement.get(3, b"")) == 64, "FORM")


def checkpoint_form(signed):
    need(signed is not None and 1 in signed and len(signed.get(2, b"")) == 64, "FORM")
    for number in (1, 4, 6, 7, 8, 9, 10):
        digest_at(signed[1], number)


def evidence_form(evidence):
    need(evidence.get(1) == 1 and evidence.get(4, 0) < 64, "FORM")
    digest_at(evidence, 2)
    need(any(number in evidence for number in (5, 6, 7)), "FORM")
    if 5 in evidence:
        statement_form(evidence[5].get(2)), statement_form(evidence[5].get(3))
        need(statement_key(evidence[5][2]) < statement_key(evidence[5][3]), "FORM")
    elif 6 in evidence:
        statement_form(evidence[6].get(1)), header_form(evidence[6].get(2))
    else:
        checkpoint_form(evidence[7].get(1)), checkpoint_form(evidence[7].get(2))
        need(checkpoint_hash(evidence[7][1][1]) < checkpoint_hash(evidence[7][2][1]), "FORM")


def statement_key(statement):
    return statement[1], statement.get(2, NO_BLOCK)


# hashes

def checkpoint_hash(point):
    return h(0x0A, point[1], u(point.get(2, 0), 8), b"\x05", u(point.get(3, 0), 8), point[4], u(point.get(5, 0), 8), point[6],
             point[7], point[8], point[9], point[10])


def block_hash(header):
    wide = [u(header.get(number, 0), 8) for number in (2, 3, 4, 5)]
    return h(0x06, header[1], *wide, header[6], header[7], u(header.get(8, 0), 4), u(header.get(9, 0), 4),
             u(header.get(10, 0), 8), u(header.get(11, 0), 1), u(header.get(12, 0), 1), header[13], header[14])


def statement_hash(chain, epoch, kind, view, block):
    return h(0x08 if kind == 4 else 0x09, chain, u(epoch, 8), u(kind, 1), u(view, 8), block)


# a justification

def certificate_valid(trust, certificate, kinds, view, block):
    chain, epoch, keys = trust
    kind, signers = certificate[1], [i for i in range(64) if certificate[5] >> i & 1]
    if kind not in kinds or certificate.get(2, 0) != epoch or certificate.get(3, 0) != view:
        return False
    quorum = (len(keys) + (len(keys) - 1) // 3 + 2) // 2
    if certificate.get(4, NO_BLOCK) != block or len(signers) != quorum or max(signers) >= len(keys):
        return False
    digest = statement_hash(chain, epoch, kind, view, block)
    return all(signature_holds(keys[signer], digest, certificate[6][64 * k:64 * k + 64]) for k, signer in enumerate(signers))


def certificate_form(certificate):
    need(1 <= certificate.get(1, 0) <= 3 and certificate.get(5, 0) != 0, "FORM")
    block_form(certificate[1], certificate, 4)
    need(len(certificate.get(6, b"")) == 64 * bin(certificate[5]).count("1"), "FORM")


def justification_of(data):
    need(len(data) <= 4 << 20, "FORM")
    justification = parse(data, JUSTIFICATION)
    skips, path = justification.get(3, []), justification.get(4, [])
    need((1 in justification) == (2 in justification) and (1 in justification or not path), "FORM")
    need(len(skips) <= 1024 and len(path) <= 1280, "FORM")
    if 1 in justification:
        header_form(justification[1]), certificate_form(justification[2])
    for certificate in skips:
        certificate_form(certificate)
    for header in path:
        header_form(header)
    return justification


def justification_valid(trust, header, data):
    chain, epoch, _ = trust
    try:
        justification = justification_of(data)
    except Refused:
        return False
    view, height, parent_view = header.get(3, 0), header.get(4, 0), header.get(5, 0)
    if view == 0 or height == 0 or parent_view >= view:
        return False
    parent = justification.get(1)
    if parent_view == 0:
        if epoch == 1 and (parent is not None or height != 1 or header[6] != chain):
            return False
    elif (parent is None or parent[1] != chain or parent.get(2, 0) != epoch or block_hash(parent) != header[6] or
          parent.get(3, 0) != parent_view or parent.get(4, 0) + 1 != height or parent.get(10, 0) >= header.get(10, 0) or
          not certificate_valid(trust, justification[2], (1, 2), parent_view, header[6])):
        return False
    skips = justification.get(3, [])
    return len(skips) == view - parent_view - 1 and all(
        certificate_valid(trust, skip, (3,), parent_view + 1 + i, NO_BLOCK) for i, skip in enumerate(skips))


# verdicts

def judge_statements(trust, signer, pair):
    chain, epoch, keys = trust
    first, second = pair[2], pair[3]
    kinds, same = (first[1], second[1]), first.get(2, NO_BLOCK) == second.get(2, NO_BLOCK)
    need(kinds == (2, 3) or (not same and kinds in ((1, 1), (2, 2), (4, 4), (1, 2))), "HONEST")
    for said in (first, second):
        digest = statement_hash(chain, epoch, said[1], pair.get(1, 0), said.get(2, NO_BLOCK))
        need(signature_holds(keys[signer], digest, said[3]), "SIGNATURE")


def judge_unjustified(trust, signer, unjustified):
    chain, epoch, keys = trust
    vote, header, data = unjustified[1], unjustified[2], unjustified.get(3, b"")
    need(vote[1] in (1, 2) and header[1] == chain and header.get(2, 0) == epoch, "HONEST")
    need(block_hash(header) == vote[2] and h(0x07, data) == header[14], "HONEST")
    need(not justification_valid(trust, header, data), "HONEST")
    digest = statement_hash(chain, epoch, vote[1], header.get(3, 0), vote[2])
    need(signature_holds(keys[signer], digest, vote[3]), "SIGNATURE")


def judge_checkpoints(trust, signer, pair):
    chain, epoch, keys = trust
    points = [pair[1][1], pair[2][1]]
    need(all(point[1] == chain and point.get(2, 0) == epoch for point in points), "HONEST")
    need(points[0].get(3, 0) == points[1].get(3, 0), "HONEST")
    for signed in (pair[1], pair[2]):
        need(signature_holds(keys[signer], checkpoint_hash(signed[1]), signed[2]), "SIGNATURE")
    return points[0][4] == points[1][4]


def judge(trust, data):
    """(key, whether it is only a divergence); Refused where the evidence convicts nobody."""
    chain, epoch, keys = trust
    evidence = parse(data, EVIDENCE)
    evidence_form(evidence)
    need(evidence[2] == chain, "CHAIN")
    signer, divergence = evidence.get(4, 0), False
    need(evidence.get(3, 0) == epoch and signer < len(keys), "EPOCH")
    if 5 in evidence:
        judge_statements(trust, signer, evidence[5])
    elif 6 in evidence:
        judge_unjustified(trust, signer, evidence[6])
    else:
        divergence = judge_checkpoints(trust, signer, evidence[7])
    return keys[signer], divergence


def line_of(trust, data):
    """The one line that holds this evidence."""
    evidence = parse(data, EVIDENCE)
    if 5 in evidence:
        place, number = "view", evidence[5].get(1, 0)
        signed = [NAMES[evidence[5][2][1]], NAMES[evidence[5][3][1]]]
    elif 6 in evidence:
        place, number, signed = "view", evidence[6][2].get(3, 0), [NAMES[evidence[6][1][1]]]
    else:
        place, number, signed = "height", evidence[7][1][1].get(3, 0), ["checkpoint", "checkpoint"]
    line = {"validator": trust[2][evidence.get(4, 0)].hex(), "epoch": evidence.get(3, 0), place: number, "signed": signed,
            "evidence": data.hex()}
    return json.dumps(line, separators=(",", ":"))


def judge_line(trust, line):
    """As judge; `line` is text without its newline."""
    found = re.search(r'"evidence":"((?:[0-9a-f]{2})*)"\}$', line)
    need(found is not None, "FORM")
    data = bytes.fromhex(found[1])
    verdict = judge(trust, data)
    need(line == line_of(trust, data), "FORM")
    return verdict


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        words = file.read().split()
    trust = bytes.fromhex(words[1]), int(words[2]), [bytes.fromhex(key) for key in words[3:]]
    refused = count = 0
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            count += 1
            try:
                key, divergence = judge_line(trust, line.rstrip("\n"))
                print(key.hex(), "divergence" if divergence else "guilty")
            except Refused as why:
                print(f"line {count} proves nothing: {why}")
                refused += 1
    return 1 if refused or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
