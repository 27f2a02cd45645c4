"""What is inside the encryption: keyring, SKIP, ZSTD and PAD, index, records and the tree."""

import hashlib
import struct
import unicodedata
from typing import NamedTuple

import zstandard

import age_file
from spelling import KIB, Refused, channel, digest, has_control, is_name, key_name
from spelling import listed, mapping, matches, parse_json, repository, require, shape, text, time
from spelling import whole, word

SKIP = struct.Struct("<4sI8sBBHIQ32s")
ROLES = {"base": (1, 1), "delta": (2, 1), "index": (5, 3)}
WINDOW = 2**23
SPEAKERS = ("tool", "digest", "assistant", "human", "operator")
KINDS = (
    *("rule", "preference", "decision", "correction", "procedure"),
    *("fix", "fact", "state", "handoff"),
)
# Marks of width or direction, which do not make a text visible.
MARKS = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF}
SESSION = matches(r"[A-Za-z0-9._-]{1,128}")
WHITE_SPACE = "\u0020\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    chr(c) for c in range(0x2000, 0x200B)
)

RECORD_CODE = "K232"
INDEX_CODE = "K232"
KEYRING_CODE = "K201"


class Fragment(NamedTuple):
    rev: int
    line: bytes
    live: bool


def file_name(value, name, code):
    text(value, name, code)
    require(is_name(value, "/\\", 255), code, f"{name} is not a file name")


def scope(value, name, code):
    text(value, name, code)
    project = value.removeprefix("project:")
    named = project != value and is_name(project, "/\\:" + WHITE_SPACE, 64)
    require(value == "user" or named, code, f"{name} is not a scope")


def visible(value, name, code):
    text(value, name, code)
    seen = any(not c.isspace() and ord(c) not in MARKS for c in value)
    fits = len(value.encode()) <= 16 * KIB and not has_control(value, allowed="\n\t")
    require(seen and fits, code, f"{name} is empty, too long or has control characters")


def secret(value, name, code):
    text(value, name, code)
    require(age_file.identity(value), code, f"{name} is not an age identity")


def recipient(value, name, code):
    text(value, name, code)
    decoded = age_file.bech32(value)
    plugin = decoded and decoded[0].startswith("age1")
    native = decoded and decoded[0] == "age" and len(decoded[1]) == 32
    lower = value == value.lower()
    require(lower and (plugin or native), code, f"{name} is not an age recipient")


def source_rank(source):
    values = [*source.values()]
    values[5] = SPEAKERS.index(source["speaker"])
    return values


SOURCE = {
    "session": SESSION,
    "file": file_name,
    "record": SESSION,
    "line": whole(1),
    "digest": digest,
    "speaker": word(*SPEAKERS),
    "rule": matches(r"[a-z0-9-]{1,64}"),
}
PUT = {
    "op": word("put"),
    "id": digest,
    "rev": whole(1, 2**32 - 1),
    "kind": word(*KINDS),
    "scope": scope,
    "trust": word(*SPEAKERS),
    "confidence": whole(0, 100),
    "text": visible,
    "context?": visible,
    "created": time,
    "valid_to?": time,
    "supersedes?": listed(digest, 1, 128),
    "tags?": listed(matches(r"[a-z0-9._-]{1,64}"), 1, 32),
    "sources": listed(shape(SOURCE), 1, 64, source_rank),
}
DEL = {
    "op": word("del"),
    "id": digest,
    "rev": whole(1, 2**32 - 1),
    "at": time,
    "reason": word("rejected", "removed", "rolled-back", "revoked"),
}
INDEX = {
    "repo": repository,
    "channel": channel,
    "publisher": key_name,
    "objects": mapping(digest, digest),
    "tree_sha256": digest,
    "fragments": whole(),
    "secret_scan": shape({"tool": text, "version": text, "findings": whole()}),
}
KEYRING = {
    "repo": repository,
    "readers": listed(shape({"name": text, "recipient": recipient}), order=None),
    "epochs": listed(
        shape({"n": whole(1), "identity": secret, "from_seq": whole(1)}),
        order=lambda epoch: epoch["n"],
    ),
}


def open_keyring(data, identities, manifest, seq):
    """Returns the key of the manifest's epoch (step 8)."""
    plain = age_file.decrypt(data, identities, 66, only_one=False)
    keyring = parse_json(plain, shape(KEYRING), "keyring", KEYRING_CODE)
    require(keyring["repo"] == manifest["repo"], "K213", "the keyring is of another repository")
    starts = [epoch["from_seq"] for epoch in keyring["epochs"]]
    require(starts == sorted(starts), "K201", "from_seq of the epochs falls")
    for epoch in keyring["epochs"]:
        if epoch["n"] == manifest["epoch"] and epoch["from_seq"] <= seq:
            return age_file.identity(epoch["identity"])
    return require(False, "K201", "the keyring lacks the epoch of the manifest")


def open_object(data, key, entry, raw_digest=None):
    """Returns the number of records and the raw bytes of one object (steps 9.1 to 9.4)."""
    plain = age_file.decrypt(data, [key], 3, only_one=True)
    require(len(plain) >= SKIP.size, "K232", "SKIP is cut")
    magic, length, tag, role, codec, zero, count, size, stated = SKIP.unpack_from(plain)
    require((magic, length) == (b"\x5b\x2a\x4d\x18", 56), "K232", "SKIP is not a skippable frame")
    require(tag[:4] == b"GSEG", "K232", "SKIP has no tag")
    require(tag[4:5] == b"1", "K105", "the object has an unknown version of the format")
    require((tag[5:], zero) == (bytes(3), 0), "K232", "SKIP has bytes other than zero")
    require((role, codec) == ROLES[entry["role"]], "K232", "SKIP has another role or codec")
    require(size == entry["raw_size"], "K232", "SKIP has another raw size than the manifest")
    require(count <= 1_000_000, "K104", "the object has too many records")
    require(entry["role"] != "index" or count == 1, "K232", "an index is one record")
    named = raw_digest is None or stated.hex() == raw_digest
    require(named, "K232", "SKIP has another digest than the index")
    end = frame_end(plain, SKIP.size, size)
    check_padding(plain, end)
    raw = unpack(plain[SKIP.size : end], size)
    same = hashlib.sha256(raw).digest() == stated
    require(same, "K232", "the raw bytes have another digest than SKIP")
    return count, raw


def frame_end(plain, start, size):
    """Checks the header of the zstd frame and walks its blocks, without decompressing."""
    require(plain[start : start + 4] == b"\x28\xb5\x2f\xfd", "K231", "no zstd frame")
    require(len(plain) > start + 4, "K231", "the zstd frame is cut")
    descriptor = plain[start + 4]
    require(descriptor & 0b00011011 == 0, "K231", "reserved bits or a dictionary in zstd")
    require(descriptor & 0b00000100, "K231", "the zstd frame has no checksum")
    single, width = bool(descriptor & 0b00100000), descriptor >> 6
    require(single or width, "K231", "the zstd frame does not state its content size")
    at = start + 5 + (not single)
    require(at + 2**width <= len(plain), "K231", "the zstd frame is cut")
    content = int.from_bytes(plain[at : at + 2**width], "little") + (256 if width == 1 else 0)
    require(content == size, "K231", "the zstd frame promises another size")
    window = size if single else window_size(plain[start + 5])
    require(window <= WINDOW, "K104", "the zstd frame has too large a window")
    at, last = at + 2**width, False
    while not last:
        require(at + 3 <= len(plain), "K231", "the zstd frame is cut")
        header = int.from_bytes(plain[at : at + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        require(kind != 3 and length <= 128 * KIB, "K231", "the zstd frame has a damaged block")
        at += 3 + (1 if kind == 1 else length)
    require(at + 4 <= len(plain), "K231", "the zstd frame is cut")
    return at + 4


def window_size(byte):
    base = 2 ** (10 + (byte >> 3))
    return base + base // 8 * (byte & 7)


def unpack(frame, size):
    """Decompresses one checked frame, into no more than the size that it promises."""
    try:
        # Not `decompress`, which takes an empty frame without looking at its checksum.
        raw = zstandard.ZstdDecompressor().stream_reader(frame).read(size + 1)
    except zstandard.ZstdError as error:
        raise Refused("K231", "the zstd frame is damaged") from error
    require(len(raw) == size, "K231", "the zstd frame has another size")
    return raw


def check_padding(plain, end):
    require(plain[end : end + 4] == b"\x5c\x2a\x4d\x18", "K232", "PAD is missing")
    zeros = plain[end + 8 :]
    stated = int.from_bytes(plain[end + 4 : end + 8], "little")
    right = stated == len(zeros) and len(plain) >= end + 8 and len(plain) == padme(end + 8)
    require(right, "K232", "PAD has another length than Padmé asks for")
    require(not any(zeros), "K232", "PAD has bytes other than zero")


def padme(length):
    exponent = length.bit_length() - 1
    mask = 2 ** max(0, exponent - exponent.bit_length()) - 1
    return length + mask & ~mask


def open_index(data, key, manifest):
    """Opens the index and binds it to the manifest; returns its value."""
    raw = open_object(data, key, manifest["objects"][-1])[1]
    index = parse_json(raw, shape(INDEX), "index", INDEX_CODE)
    for name in ("repo", "channel", "publisher"):
        require(index[name] == manifest[name], "K213", f"the index has another {name}")
    require(index["secret_scan"]["findings"] == 0, "K232", "the index reports findings")
    listed_digests = {entry["sha256"] for entry in manifest["objects"][:-1]}
    require(set(index["objects"]) == listed_digests, "K232", "the index lists other objects")
    return index


def apply_object(state, count, raw, previous):
    """Applies the records of one base or delta; `previous` is the last id of the base before."""
    lines = raw.split(b"\n")
    require(lines.pop() == b"", "K232", "the last record does not end in LF")
    require(len(lines) == count, "K232", "SKIP states another number of records")
    for line in lines:
        record = parse_record(line)
        require(previous < record["id"], "K232", "the records do not ascend")
        previous = record["id"]
        before = state.get(previous)
        rises = before is None or before.rev < record["rev"]
        require(rises, "K232", f"the revision of {previous} does not rise")
        state[previous] = Fragment(record["rev"], line, record["op"] == "put")
    return previous


def parse_record(line):
    require(len(line) <= 64 * KIB, "K104", "a record is larger than 64 KiB")
    record = parse_json(line, record_rule, "record", RECORD_CODE)
    if record["op"] == "put":
        fields = (record["kind"], record["scope"], normalize(record["text"]))
        same = fragment_id(*fields) == record["id"]
        require(same, "K232", "the id of a fragment is not that of its statement")
    return record


def record_rule(value, name, code):
    deletes = type(value) is dict and value.get("op") == "del"
    shape(DEL if deletes else PUT)(value, name, code)


def fragment_id(*fields):
    hasher = hashlib.sha256()
    for field in ("garner.fragment.v1", *fields):
        data = field.encode()
        hasher.update(struct.pack("<Q", len(data)) + data)
    return hasher.hexdigest()


def normalize(statement):
    folded = "".join(c.lower() for c in unicodedata.normalize("NFKC", statement))
    return " ".join(folded.split())


def tree_digest(state):
    hasher = hashlib.sha256()
    for key in sorted(key for key in state if state[key].live):
        line_digest = hashlib.sha256(state[key].line).hexdigest()
        hasher.update(f"{key} {state[key].rev} {line_digest}\n".encode())
    return hasher.hexdigest()
