"""Node's packages, as node/rpc/examples/node/package-lock.json pins them: fetched once into the build, without running a script of
theirs. Where Node, npm or the packages cannot be had, a test says why and ends as skipped."""

import os
import shutil
import subprocess
import sys

from network import BIN, ROOT

SKIPPED = 77  # to ctest, SKIP_RETURN_CODE
EXAMPLE = ROOT / "node" / "rpc" / "examples" / "node"
FOLDER = BIN.parent / "clients"
# A later `npm ci` of the same packages needs no network.
ENVIRONMENT = {"npm_config_cache": str(FOLDER / "cache"), "npm_config_prefer_offline": "true",
               "npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
FETCH_LIMIT_S = 180


def skip(why):
    print(f"left out: {why}", file=sys.stderr)
    raise SystemExit(SKIPPED)


def _fetch():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(EXAMPLE / name, FOLDER)
    try:
        ran = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=FOLDER, env={**os.environ, **ENVIRONMENT},
                             capture_output=True, text=True, timeout=FETCH_LIMIT_S)
    except subprocess.TimeoutExpired:
        skip(f"npm fetched nothing in {FETCH_LIMIT_S} s")
    if ran.returncode != 0:
        # A package that is not what the lock says is no matter of a network that is not there.
        if "EINTEGRITY" in ran.stderr or "EUSAGE" in ran.stderr:
            raise SystemExit(ran.stderr)
        skip(f"npm could not fetch the packages: {ran.stderr[-500:]}")


def packages():
    """A folder whose node_modules holds the pinned packages, and the schema's descriptors in schema.bin."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            skip(f"there is no {program}")
    fetched, wanted = FOLDER / "fetched", (EXAMPLE / "package-lock.json").read_bytes()
    if not fetched.exists() or fetched.read_bytes() != wanted:
        _fetch()
        fetched.write_bytes(wanted)
    subprocess.run(["protoc", f"--proto_path={ROOT / 'proto' / 'schema'}", "--include_imports",
                    f"--descriptor_set_out={FOLDER / 'schema.bin'}", "rpc.proto",
                    "grpc/health/v1/health.proto"], check=True)
    for script in [*EXAMPLE.glob("*.mjs"), *(ROOT / "tests" / "clients").glob("*.mjs")]:
        shutil.copy(script, FOLDER)  # an import looks for its package where the script is
    return FOLDER
