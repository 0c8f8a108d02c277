#!/usr/bin/python3
"""The node's JSON against protobuf's own (google.protobuf.json_format), for every message of the services' calls: random
messages written and read by both, the same in each spelling the mapping allows, and texts that are spoilt in many ways.

usage: compare.py PLAY_JSON [MESSAGES] [SEED]
"""

import base64
import copy
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "proto" / "schema"
PACKAGE = "tallystick.v1."
RANGES = {F.TYPE_INT32: (-2**31, 2**31 - 1), F.TYPE_SINT32: (-2**31, 2**31 - 1), F.TYPE_SFIXED32: (-2**31, 2**31 - 1),
          F.TYPE_UINT32: (0, 2**32 - 1), F.TYPE_FIXED32: (0, 2**32 - 1),
          F.TYPE_INT64: (-2**63, 2**63 - 1), F.TYPE_SINT64: (-2**63, 2**63 - 1), F.TYPE_SFIXED64: (-2**63, 2**63 - 1),
          F.TYPE_UINT64: (0, 2**64 - 1), F.TYPE_FIXED64: (0, 2**64 - 1)}
WIDE = {F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64, F.TYPE_UINT64, F.TYPE_FIXED64}
LETTERS = ["a", "Z", "0", " ", '"', "\\", "/", "\b", "\n", "\t", "\x01", "\x1f", "\x7f", "<", "ä", "中", "\u2028", "\ufffd", "😀"]


def load_schema():
    """Every message type by its full name, and the names of those that calls and failures carry."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([shutil.which("protoc"), f"--proto_path={SCHEMA}", "--include_imports", f"--descriptor_set_out={out.name}",
                        str(SCHEMA / "rpc.proto")], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    names = {PACKAGE + "ErrorDetail"}
    for file in files:
        for service in file.service:
            for method in service.method:
                names |= {method.input_type.lstrip("."), method.output_type.lstrip(".")}
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(name)) for name in names}


class Player:
    """The C side."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode("utf-8", "strict").rstrip("\n")
        assert answer, f"the program ended after {text[:200]}"
        return answer

    def _convert(self, direction, message_type, data):
        word, _, rest = self.line(f"{direction} {message_type} {data.hex()}").partition(" ")
        assert word in ("ok", "no")
        return (bytes.fromhex(rest), None) if word == "ok" else (None, rest)

    def to_json(self, message):
        out, why = self._convert("to", message.DESCRIPTOR.full_name, message.SerializeToString(deterministic=True))
        assert out is not None, (why, message)
        return out.decode("utf-8", "strict")

    def from_json(self, message_class, text):
        """(message or None, why)"""
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        out, why = self._convert("from", message_class.DESCRIPTOR.full_name, data)
        return (None, why) if out is None else (message_class.FromString(out), None)


def random_integer(chance, low, high):
    return chance.choice([low, high, 0, 1, chance.randint(low, high), chance.randint(max(low, -300), min(high, 300))])


def random_value(chance, field, depth):
    if field.type in RANGES:
        return random_integer(chance, *RANGES[field.type])
    if field.type == F.TYPE_BOOL:
        return chance.random() < 0.5
    if field.type == F.TYPE_ENUM:
        return chance.choice(field.enum_type.values).number
    if field.type == F.TYPE_STRING:
        return "".join(chance.choice(LETTERS) for _ in range(chance.choice([0, 1, 3, 40])))
    assert field.type == F.TYPE_BYTES, field.full_name
    return chance.randbytes(chance.choice([0, 1, 2, 3, 16, 32, 33, 200]))


def fill(chance, message, depth=0):
    """Gives the message random content: each field or none of it, one of a oneof at most."""
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if chance.random() < 0.3 or (oneof is not None and message.WhichOneof(oneof.name)):
            continue
        count = chance.choice([0, 1, 2, 5]) if field.label == F.LABEL_REPEATED else 1
        for _ in range(count):
            if field.type == F.TYPE_MESSAGE:
                part = getattr(message, field.name)
                child = part.add() if field.label == F.LABEL_REPEATED else part
                child.SetInParent()
                fill(chance, child, depth + 1)
            elif field.label == F.LABEL_REPEATED:
                getattr(message, field.name).append(random_value(chance, field, depth))
            else:
                setattr(message, field.name, random_value(chance, field, depth))
    return message


def respell(chance, message):
    """The message as JSON, each part spelt in one of the ways that the mapping allows."""

    def value_of(field, value):
        if field.type == F.TYPE_MESSAGE:
            return respell(chance, value)
        if field.type == F.TYPE_ENUM:
            return chance.choice([value, field.enum_type.values_by_number[value].name])
        if field.type in RANGES:
            spellings = [value, str(value)] if abs(value) < 2**63 else [str(value)]
            return chance.choice(spellings + ([float(value)] if abs(value) <= 2**53 else []))
        if field.type == F.TYPE_BYTES:
            encode = chance.choice([base64.b64encode, base64.urlsafe_b64encode])
            text = encode(value).decode()
            return chance.choice([text, text.rstrip("=")])
        return value

    found = {}
    for field in message.DESCRIPTOR.fields:
        name = chance.choice([field.name, field.json_name])
        value = getattr(message, field.name)
        if field.label == F.LABEL_REPEATED:
            if len(value) or chance.random() < 0.3:
                found[name] = [value_of(field, one) for one in value]
            elif chance.random() < 0.3:
                found[name] = None
        elif field.containing_oneof is not None or field.type == F.TYPE_MESSAGE:
            if message.HasField(field.name):
                found[name] = value_of(field, value)
            elif chance.random() < 0.3:
                found[name] = None
        elif value or chance.random() < 0.3:
            found[name] = value_of(field, value)
        elif chance.random() < 0.3:
            found[name] = None
    keys = list(found)
    chance.shuffle(keys)
    return {key: found[key] for key in keys}


WRONG = [None, True, False, 0, 1, -1, 1.5, 1e300, 2**31, 2**32, -2**63 - 1, "", "1", "-1", "01", "+1", " 1", "1 ", "1.0", "0x1", "1e2",
         "18446744073709551616", "FINAL", "NO_SUCH", "AA==", "AA", "A", "A===", "AB=A", "*", "A\nAA", [], {}, [None], [{}], [[]],
         {"": 1}, {"noSuchField": 1}]


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def spoil(chance, value):
    """Another value in one place, another key, or a key more."""
    value = copy.deepcopy(value)
    path = chance.choice(list(places(value)))
    holder = [value]
    at, key = holder, 0
    for step in path:
        at, key = at[key], step
    kind = chance.randrange(3)
    if kind == 0 and isinstance(at, dict):
        at[chance.choice([key.upper(), key + "_", key[:-1], "_" + key, "events", "by"])] = at.pop(key)
    elif kind == 1 and isinstance(at[key], dict):
        at[key][chance.choice(["x", "", "account", "itemId", "eventId", "position", "1"])] = chance.choice(WRONG)
    else:
        at[key] = chance.choice(WRONG)
    return holder[0]


def reference_read(message_class, text):
    try:
        return json_format.Parse(text, message_class())
    except json_format.ParseError:
        return None


def compare_messages(player, types, count, chance):
    read = refused = 0
    for _ in range(count):
        message_class = types[chance.choice(sorted(types))]
        message = fill(chance, message_class())
        reference = json_format.MessageToJson(message, indent=None)
        ours = player.to_json(message)
        assert "\n" not in ours and json.loads(ours) == json.loads(reference), (ours, reference)
        spelt = json.dumps(respell(chance, message), ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 1]))
        for text in (ours, reference, spelt):
            got, why = player.from_json(message_class, text)
            assert got == message, (why, text)
        assert reference_read(message_class, spelt) == message, spelt
        spoilt = json.dumps(spoil(chance, json.loads(spelt)))
        got, why = player.from_json(message_class, spoilt)
        if got is None:
            refused += 1
            assert why and why.isprintable(), why
        else:
            read += 1
            assert reference_read(message_class, spoilt) == got, (spoilt, got)
    return read, refused


# (type, text, what is said): each of them the reference refuses too, unless it is marked as stricter here.
REFUSED = [
    ("GetBlockRequest", "", "line 1, column 0: not JSON"),
    ("GetBlockRequest", "{} {}", "line 1, column 4: not JSON"),
    ("GetBlockRequest", '{"height":1,"height":1}', "line 1, column 20: a key given twice"),
    ("GetBlockRequest", '{"hight":1}', 'no field "hight"'),
    ("GetBlockRequest", '{"h\\u0007\\u00e9 ":1}', 'no field "h????"'),
    ("GetBlockRequest", '{"height":-1}', "height: out of range"),
    ("GetBlockRequest", '{"height":true}', "height: not a whole number"),
    ("GetBlockRequest", '{"height":1.5}', "height: not a whole number"),
    ("GetBlockRequest", '{"height":"18446744073709551616"}', "height: not a whole number"),
    ("GetBlockRequest", '{"height":""}', "height: not a whole number"),
    ("GetReceiptRequest", '{"position":{"index":4294967296}}', "position.index: out of range"),
    ("GetReceiptRequest", '{"eventId":"AA==","position":{}}', "position: beside another that rules it out"),
    ("FollowRequest", '{"events":"true"}', "events: not true or false"),
    ("OwnAccountsRequest", '{"refs":"AA=="}', "refs: not a list"),
    ("OwnAccountsRequest", '{"refs":["AA==",null]}', "refs[1]: not base64"),
    ("OwnAccountsRequest", '{"refs":["A"]}', "refs[0]: not base64"),
    ("SubmitBatchRequest", '{"waitFor":"NEVER"}', "waitFor: not a value of WaitFor"),
    ("SubmitBatchRequest", '{"batch":{"events":[{},{"plain":{"salt":5}}]}}', "batch.events[1].plain.salt: not base64"),
    ("GetStatusReply", '{"name":5}', "name: not a string"),
]
STRICTER = [
    ("GetBlockRequest", "[]", "not an object"),
    ("GetReceiptRequest", '{"position":[]}', "position: not an object"),
    ("GetBlockRequest", '{"height":18446744073709551615}', "line 1, column 30: a number too large to be exact (put it in quotes)"),
    ("GetBlockRequest", '{"height":"01"}', "height: not a whole number"),
    ("GetBlockRequest", '{"height":1e18}', "height: not a whole number"),
    ("GetEventRequest", '{"eventId":"AA==","event_id":"AA=="}', "eventId: given twice"),
    ("GetReceiptRequest", '{"eventId":"A*A="}', "eventId: not base64"),
    ("GetReceiptRequest", '{"eventId":"AB=="}', "eventId: not base64"),
    ("SubmitBatchRequest", '{"waitFor":77}', "waitFor: not a value of WaitFor"),
    ("GetStatusReply", '{"name":"a\\u0000b"}', "line 1, column 18: not JSON"),
]


def compare_refusals(player, types):
    for stricter, cases in ((False, REFUSED), (True, STRICTER)):
        for name, text, what in cases:
            message_class = types[PACKAGE + name]
            assert (reference_read(message_class, text) is not None) == stricter, text
            got, why = player.from_json(message_class, text)
            assert got is None and why == what, (text, got, why)


def compare_bounds(player, types):
    """Hostile texts end at a bound, and quickly; the largest honest batch does not."""
    block, submit = types[PACKAGE + "GetBlockRequest"], types[PACKAGE + "SubmitBatchRequest"]
    for text, what in (("[" * 1_000_000, "nested too deep"), ('{"a":' * 800_000, "nested too deep"),
                       ("[" + "{}," * 100_000 + "{}]", "too many values"), ("1" + " " * (4 << 20), "larger than 4 MiB"),
                       ('{"' + "k" * 1_000_000 + '":1}', f'no field "{"k" * 40}"')):
        got, why = player.from_json(block, text)
        assert got is None and why == what, (text[:40], why)
    batch = submit()
    for _ in range(1000):
        event = batch.batch.events.add(header=bytes(300))
        event.plain.salt, event.plain.body = bytes(32), bytes(600)
    got, why = player.from_json(submit, json_format.MessageToJson(batch))
    assert got == batch, why


def compare_policies(player, types):
    """A policy's own JSON is that of the message: a node answers by reading the one as the other."""
    paths = sorted((SCHEMA.parents[1] / "tools" / "policies").glob("*.json"))
    assert len(paths) >= 3
    for path in paths:
        text = json.dumps({"policy": json.loads(path.read_text())})
        got, why = player.from_json(types[PACKAGE + "GetPolicyReply"], text)
        assert got is not None and got == reference_read(types[PACKAGE + "GetPolicyReply"], text), (path, why)


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    player, types = Player(sys.argv[1]), load_schema()
    known = set(player.line("types").split())
    assert known == set(types), f"the C side has other messages: {known ^ set(types)}"
    compare_refusals(player, types)
    compare_bounds(player, types)
    compare_policies(player, types)
    read, refused = compare_messages(player, types, count, random.Random(seed))
    assert refused > count // 2 and read > count // 20, (read, refused)
    print(f"{count} messages of {len(types)} types, seed {seed}: the same both ways; {refused} spoilt texts refused, {read} read alike")


if __name__ == "__main__":
    main()
