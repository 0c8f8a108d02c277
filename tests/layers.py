#!/usr/bin/env python3
"""Holds the direction of dependencies: who may include whom, which module owns which library, and what consensus may call.

usage: layers.py SOURCE_DIR BUILD_DIR
"""
import os
import re
import subprocess
import sys

PROTO = ["proto/base/", "proto/crypto/", "proto/codec/", "proto/proof/"]

# The first prefix that matches a file says what of the project it may include.
MAY_INCLUDE = [
    ("proto/base/", ["proto/base/"]),
    ("proto/crypto/", ["proto/base/", "proto/crypto/"]),
    ("proto/codec/", ["proto/base/", "proto/crypto/", "proto/codec/"]),
    ("proto/proof/", PROTO),
    ("consensus/", ["consensus/", "proto/base/"]),
    ("storage/", ["storage/", *PROTO]),
    ("node/credit/", ["node/credit/", "proto/base/", "proto/crypto/", "proto/codec/"]),
    ("node/governance/", ["node/governance/", "proto/base/", "proto/crypto/", "proto/codec/"]),
    ("node/client/", ["node/client/", *PROTO]),
    ("node/jobs/", ["node/jobs/", "proto/base/"]),
    ("node/keys/", ["node/keys/", "storage/disk.h", *PROTO]),
    ("node/net/", ["node/net/", "node/keys/node_signer.h", *PROTO]),
    ("node/metrics/node_metrics", ["node/", "consensus/", "storage/", *PROTO]),
    ("node/metrics/", ["node/metrics/", *PROTO]),
    ("node/commit/", ["node/commit/", "node/clock.h", "node/credit/", "node/governance/rules.h", "node/metrics/meters.h", "node/net/log.h", "node/jobs/", "storage/", *PROTO]),
    ("node/rpc/services", ["node/", "consensus/", "storage/", *PROTO]),
    ("node/rpc/", ["node/rpc/", "node/net/", "node/jobs/", "node/metrics/", "node/client/grpc.h", *PROTO]),
    ("node/", ["node/", "consensus/", "storage/", *PROTO]),
    # One node's commit path, as the daemon drives it.
    ("tools/bench_path", ["tools/bench_", "node/commit/", "node/jobs/", "node/admission.h", "node/certifier.h", "node/mempool.h", *PROTO]),
    # A ledger replayed as the daemon replays it.
    ("tools/audit_replay", ["tools/audit_", "node/commit/execution.h", "node/commit/replay.h", "storage/", *PROTO]),
    ("tools/policies/", ["tools/policies/", *PROTO]),
    # node.yaml, read and changed as the daemon reads it.
    ("tools/client", ["tools/", "node/keys/key_text.h", "node/config.h", "node/config_edit.h", "node/net/certificate.h", "storage/disk.h", *PROTO]),
    ("tools/", ["tools/", "node/keys/key_text.h", "node/client/", "node/credit/", "node/net/certificate.h", "storage/", *PROTO]),
]

# A library's headers, and the only places that include them.
OWNERS = [
    (r"secp256k1", ["proto/crypto/"]),
    (r"openssl/(sha|rand)\.h", ["proto/crypto/"]),
    (r"openssl/(ssl|x509|x509v3|err|bio|pem|ec|evp|obj_mac|asn1|bn)\.h", ["node/net/", "node/client/", "node/keys/"]),
    (r"leveldb/", ["storage/store.c"]),
    (r"uv\.h", ["node/", "tools/bench_path"]),
    (r"llhttp\.h", ["node/rpc/http1.c"]),
    (r"nghttp2/", ["node/rpc/", "node/client/"]),
    (r"protobuf-c/", ["proto/codec/", "node/rpc/services_internal.h", "node/rpc/message_json"]),
    (r"jansson\.h", ["proto/codec/", "node/rpc/message_json_read.c", "tools/"]),
    (r"csv\.h", ["tools/csv_reader.c"]),
    (r"cyaml/", ["node/config_yaml.c", "tools/home.c"]),
    (r"yaml\.h", ["node/config_tree.h"]),
]

# protobuf-c is called in proto/codec alone; others fill generated structs, whose initialisers are generated too.
CODEC_CALLS = re.compile(r"\bprotobuf_c_\w+\s*\(|\btallystick__v1__\w+__(un)?pack\s*\(|\btallystick__v1__\w+__free_unpacked\s*\(")

CONSENSUS_MAY_CALL = {"memcpy", "memset", "memcmp", "memmove", "bcmp", "calloc", "free", "tally_check_failed", "digest_is_zero",
                      "__stack_chk_fail", "__popcountdi2", "__memcpy_chk", "__memset_chk", "__memmove_chk", "_GLOBAL_OFFSET_TABLE_"}
CONSENSUS_ALLOCATES_IN = "core.c.o"  # opening and closing; see tests/unit/test_consensus_memory.c


def sources(root):
    for top in ("proto", "consensus", "storage", "node", "tools"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def check_includes(root):
    problems, checked = [], 0
    for path in sorted(sources(root)):
        allowed = next(rule for prefix, rule in MAY_INCLUDE if path.startswith(prefix))
        with open(os.path.join(root, path), encoding="utf-8") as source:
            text = source.read()
        for number, line in enumerate(text.split("\n"), 1):
            found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if not found:
                continue
            checked += 1
            kind, header = found.groups()
            ours = kind == '"' and "/" in header
            if ours and not any(header.startswith(prefix) for prefix in allowed):
                problems.append(f"{path}:{number}: may not include {header}")
            for pattern, owners in OWNERS:
                if re.match(pattern, header) and not path.startswith(tuple(owners)):
                    problems.append(f"{path}:{number}: {header} belongs to {', '.join(owners)}")
        if not path.startswith("proto/codec/") and CODEC_CALLS.search(text):
            problems.append(f"{path}: calls protobuf-c, which proto/codec owns")
    if checked < 100:
        problems.append(f"only {checked} includes were found: this check looks in the wrong place")
    return problems


def check_consensus(build):
    library = os.path.join(build, "libtally_consensus.a")
    listing = subprocess.run(["nm", library], check=True, capture_output=True, text=True).stdout
    defined = set(re.findall(r"^[0-9a-f]+ [A-Z] (\w+)$", listing, re.M))
    undefined = set(re.findall(r"^ +U (\w+)$", listing, re.M)) - defined
    if not defined:
        return [f"{library} defines nothing"]
    # A sanitizer's own calls are not the core's.
    undefined = {name for name in undefined if not re.match(r"__(asan|ubsan|tsan|lsan|msan|sanitizer|sancov)_", name)}
    problems = [f"consensus calls {name}" for name in sorted(undefined - CONSENSUS_MAY_CALL)]
    allocate = set(re.findall(r"^[^:]+:([^:]+): +U (?:calloc|free)$",
                              subprocess.run(["nm", "-A", library], check=True, capture_output=True, text=True).stdout, re.M))
    if allocate != {CONSENSUS_ALLOCATES_IN}:
        problems.append(f"consensus allocates in {sorted(allocate)}, where {CONSENSUS_ALLOCATES_IN} alone may")
    return problems


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    problems = check_includes(sys.argv[1]) + check_consensus(sys.argv[2])
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
