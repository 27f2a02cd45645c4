"""Signed notes: form, signatures, and the texts of root, head, revocations and manifest."""

import hashlib
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from spelling import CHANNEL, DIGEST, GIB, KEY_NAME, KIB, MAX_INTEGER, MIB, REPOSITORY, TIME
from spelling import base64_bytes, channel, digest, has_control, is_time, key_bytes, key_name
from spelling import listed, mapping, matches, parse_json, repository, require, shape, text, time
from spelling import whole, word

PRIME = 2**255 - 19
# The y of the eight points of small order: 1, -1, 0, and the two of order 8.
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL_ORDER = {0, 1, PRIME - 1, ORDER_8, PRIME - ORDER_8}

OBJECT = {
    "role": word("base", "delta", "index"),
    "sha256": digest,
    "size": whole(),
    "raw_size": whole(),
    "from_seq": whole(),
    "to_seq": whole(1),
}
KEY = {
    "alg": word("ed25519"),
    "pub": key_bytes,
    "not_after": time,
    "revoked_at?": time,
    "channels": listed(channel),
    "max_fragments?": whole(),
}
ENTRY = {
    "fragment": digest,
    "class": word("yank", "purge"),
    "reason": matches(r"[a-z0-9-]{1,64}"),
    "since": time,
}
ROOT = {
    "repo": matches(rf"(?:{REPOSITORY})?"),
    "version": whole(1),
    "expires": time,
    "keys": mapping(key_name, shape(KEY)),
    "roles": mapping(
        matches(r"[a-z]{1,32}"), shape({"keys": listed(key_name), "threshold": whole(1)})
    ),
}
REVOCATIONS = {
    "repo": repository,
    "version": whole(1),
    "prev?": digest,
    "entries": listed(shape(ENTRY), order=lambda entry: entry["fragment"]),
}
MANIFEST = {
    "repo": repository,
    "channel": channel,
    "parents": listed(digest, most=1),
    "publisher": key_name,
    "created": time,
    "tool": text,
    "epoch": whole(1),
    "keyring": shape({"sha256": digest, "size": whole()}),
    "objects": listed(shape(OBJECT), order=None),
}
HEAD = re.compile(rf"""garner\.head\.v1
repo (?P<repo>{REPOSITORY})
channel (?P<channel>{CHANNEL})
seq (?P<seq>[1-9][0-9]{{0,15}})
prev (?P<prev>-|{DIGEST})
skip (?P<skip>-|{DIGEST})
manifest (?P<manifest>{DIGEST}) (?P<size>0|[1-9][0-9]{{0,15}})
root (?P<root>0|[1-9][0-9]{{0,15}})
rev (?P<rev>0|[1-9][0-9]{{0,15}}) (?P<rev_digest>-|{DIGEST})
created (?P<created>{TIME})
reason (?P<reason>publish|rollback-to (?P<target>[1-9][0-9]{{0,15}})|promote {DIGEST})
""")


class Note(NamedTuple):
    text: bytes
    signatures: list
    digest: str


class Key(NamedTuple):
    name: str
    pub: bytes
    rights: dict


def parse_note(data):
    """Splits a note into text and signatures, which are not checked here."""
    require(is_note_text(data), "K201", "a note is not UTF-8 or has control characters")
    end = data.rfind(b"\n\n")
    require(end > 0, "K201", "a note has no empty line before its signatures")
    lines = data[end + 2 :].decode().split("\n")
    require(lines.pop() == "" and 1 <= len(lines) <= 16, "K201", "a note has 1 to 16 signatures")
    signatures = []
    for line in lines:
        found = re.fullmatch(rf"— ({KEY_NAME}) (\S+)", line)
        decoded = found and base64_bytes(found[2])
        require(decoded and len(decoded) == 68, "K201", "a signature line is malformed")
        signatures.append((found[1], decoded[:4], decoded[4:]))
    body = data[: end + 1]
    return Note(body, signatures, hashlib.sha256(body).hexdigest())


def is_note_text(data):
    try:
        return not has_control(data.decode(), allowed="\n")
    except ValueError:
        return False


def signers(note, trusted):
    """Returns the trusted keys that signed; a trusted key whose line is false refuses the note."""
    known = {(key.name, key_id(key)): key for key in trusted}
    found = []
    for name, short, signature in note.signatures:
        key = known.get((name, short))
        if key:
            good = verifies(key.pub, signature, note.text)
            require(good, "K203", f"the signature of {name} does not verify")
            found.append(key)
    return found


def signed_by(note, trusted, threshold):
    """Like `signers`, and refuses fewer than `threshold` public keys."""
    found = signers(note, trusted)
    enough = len({key.pub for key in found}) >= threshold
    require(enough, "K202", "fewer trusted keys than the threshold signed a note")
    return found


def key_id(key):
    return hashlib.sha256(key.name.encode() + b"\n\x01" + key.pub).digest()[:4]


def verifies(public, signature, message):
    """Strict: no small order; OpenSSL takes no cofactor and compares R by its bytes."""
    if is_small_order(public) or is_small_order(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_small_order(point):
    # Reducing y and dropping the sign covers the encodings that are not canonical, too.
    return (int.from_bytes(point, "little") & (2**255 - 1)) % PRIME in SMALL_ORDER


def note_value(note, kind, spec, code):
    """Reads a note whose text is a line with its type and one line of JSON."""
    line = typed_lines(note, kind)[1]
    end = line.find(b"\n")
    require(end == len(line) - 1, "K201", f"the {kind} is not one line of JSON")
    return parse_json(line[:-1], shape(spec), kind, code)


def typed_lines(note, kind):
    first, _, rest = note.text.partition(b"\n")
    found = re.fullmatch(rb"garner\.([a-z]+)\.v([0-9]+)", first)
    require(found and found[1].decode() == kind, "K201", f"not a note of type {kind}")
    require(found[2] == b"1", "K105", f"the {kind} has an unknown version of the format")
    return first, rest


def parse_root(note):
    root = note_value(note, "root", ROOT, "K201")
    for holders in root["roles"].values():
        known = all(name in root["keys"] for name in holders["keys"])
        fits = holders["threshold"] <= len(holders["keys"])
        require(known and fits, "K201", "a role has unknown keys or too high a threshold")
    return root


def holders(root, role):
    """Returns keys and threshold of a role; a missing role has no holders."""
    entry = root["roles"].get(role, {"keys": [], "threshold": 1})
    keys = [
        Key(name, base64_bytes(root["keys"][name]["pub"]), root["keys"][name])
        for name in entry["keys"]
    ]
    return keys, entry["threshold"]


def parse_head(note):
    typed_lines(note, "head")
    found = HEAD.fullmatch(note.text.decode())
    require(found and is_time(found["created"]), "K201", "the head is malformed")
    head = found.groupdict()
    for name in ("seq", "size", "root", "rev", "target"):
        head[name] = int(head[name] or 0)
        require(head[name] <= MAX_INTEGER, "K201", f"{name} of the head is too large")
    seq = head["seq"]
    # Each of these digests is missing exactly if there is nothing to name.
    for name, number in (("prev", seq - 1), ("skip", seq & (seq - 1)), ("rev_digest", head["rev"])):
        right = (head[name] == "-") == (number == 0)
        require(right, "K201", f"{name} of the head breaks its rule")
    return head


def parse_revocations(note):
    value = note_value(note, "rev", REVOCATIONS, "K201")
    require(("prev" in value) == (value["version"] > 1), "K201", "prev of the revocations")
    return value


def parse_manifest(note, seq):
    """Reads a manifest and checks sizes, counts and how its objects follow on (step 5)."""
    manifest = note_value(note, "manifest", MANIFEST, "K201")
    objects = manifest["objects"]
    roles = [entry["role"] for entry in objects]
    bases, deltas = roles.count("base"), roles.count("delta")
    too_large = (
        len(objects) > 4096
        or deltas > 16
        or manifest["keyring"]["size"] > 64 * KIB
        or sum(entry["raw_size"] for entry in objects) > 4 * GIB
        or any(is_too_large(entry) for entry in objects)
    )
    require(not too_large, "K104", "the manifest names something larger than its limit")
    ordered = roles == ["base"] * bases + ["delta"] * deltas + ["index"] and bases > 0
    require(ordered and follow_on(objects, bases, seq), "K201", "the objects do not follow on")
    return manifest


def is_too_large(entry):
    index = entry["role"] == "index"
    size, raw_size = (1_179_648, MIB) if index else (272 * MIB + 64 * KIB, 256 * MIB)
    return entry["size"] > size or entry["raw_size"] > raw_size


def follow_on(objects, bases, seq):
    reached = objects[0]["to_seq"]
    for entry in objects[:bases]:
        if (entry["from_seq"], entry["to_seq"]) != (0, reached):
            return False
    for entry in objects[bases:-1]:
        if entry["from_seq"] != reached or entry["to_seq"] <= reached:
            return False
        reached = entry["to_seq"]
    return reached <= seq and objects[-1]["from_seq"] == objects[-1]["to_seq"] == seq
