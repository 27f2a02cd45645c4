"""The steps of "Verification" in docs/format.md, for a bundle file, with their numbers.

All records of a version are kept in memory, and remotes are not read: this is a test.
"""

import hashlib
import struct
from typing import NamedTuple

import notes
import objects
from spelling import KIB, MIB, base64_bytes, require

MAGIC = b"\x89GKB1\r\n\x1a"
# How often a type of frame may come, at least and at most, and how large its body may be.
FRAMES = {
    1: (1, 1024, 64 * KIB),
    2: (0, 1, MIB),
    3: (1, 256, 4 * KIB),
    5: (1, 1, MIB),
    6: (1, 1, 64 * KIB),
    7: (2, 4096, 272 * MIB + 64 * KIB),
    255: (1, 1, 36),
}
MOST_STEPS = 1_000_000


class Known(NamedTuple):
    """What was known before; digests are those of notes."""

    repository: str
    channel: str | None = None
    roots: int = 0
    revocations: tuple | None = None
    floor: tuple | None = None
    vouched: str | None = None


class Head(NamedTuple):
    note: notes.Note
    value: dict


class Authority(NamedTuple):
    """The keys that count for a head, and the threshold that they met."""

    keys: list
    threshold: int


def verify(file, known, identities):
    """Takes all steps in order; returns the facts and, with an identity, the state."""
    spans = read_frames(file)
    roots = read_roots(bodies(file, spans, 1), known)
    head, authority = read_heads(bodies(file, spans, 3), roots, known)
    entries = read_revocations(bodies(file, spans, 2), roots[-1], head.value, known)
    manifest = read_manifest(bodies(file, spans, 5)[0], head, authority)
    check_files(file, spans, manifest)
    facts = {
        "version": head.value["seq"],
        "channel": head.value["channel"],
        "head": head.note.digest,
        "publisher": manifest["publisher"],
    }
    if not identities:
        return facts, {}
    keyring = bodies(file, spans, 6)[0]
    key = objects.open_keyring(keyring, identities, manifest, head.value["seq"])
    state = read_objects(file, spans, key, manifest, authority)
    return facts | summary(state, entries), state


def read_frames(file):
    """Step 0: checks the frames and the digest at the end; returns type, offset, size of each."""
    check_magic(file.read(len(MAGIC)))
    hasher, spans, counts = hashlib.sha256(MAGIC), [], dict.fromkeys(FRAMES, 0)
    while not counts[255]:
        header = file.read(16)
        require(len(header) == 16, "K102", "the bundle file is cut")
        kind, zeros, size = header[0], header[1:8], struct.unpack("<Q", header[8:])[0]
        require(kind in FRAMES and not any(zeros), "K102", "a frame of unknown type")
        require(not spans or spans[-1][0] <= kind, "K102", "the frames are out of order")
        counts[kind] += 1
        require(counts[kind] <= FRAMES[kind][1], "K102", f"too many frames of type {kind}")
        require(size <= FRAMES[kind][2], "K104", f"a frame of type {kind} is too large")
        if kind != 255:
            spans.append((kind, file.tell(), size))
            hasher.update(header)
            for piece in pieces(file, size):
                hasher.update(piece)
    enough = all(counts[kind] >= least for kind, (least, _, _) in FRAMES.items())
    require(enough, "K102", "the bundle file lacks a part")
    end = file.read(37)
    right = end == struct.pack("<I", len(spans)) + hasher.digest() and size == 36
    require(right, "K102", "the end of the bundle file does not fit")
    return spans


def check_magic(magic):
    near = len(magic) == 8 and magic[:4] + magic[5:] == MAGIC[:4] + MAGIC[5:]
    require(near, "K101", "the file does not start with the magic of a bundle")
    require(magic == MAGIC, "K105", "the file has an unknown version of the format")


def pieces(file, size):
    while size > 0:
        piece = file.read(min(size, MIB))
        require(piece, "K102", "the bundle file is cut")
        size -= len(piece)
        yield piece


def bodies(file, spans, kind):
    return [body(file, span) for span in spans if span[0] == kind]


def body(file, span):
    file.seek(span[1])
    return file.read(span[2])


def read_roots(data, known):
    """Step 1: returns the chain of roots."""
    roots = []
    for number, one in enumerate(data, 1):
        note = notes.parse_note(one)
        pinned = number > 1 or note.digest.startswith(known.repository)
        require(pinned, "K213", "root 1 is of another repository")
        root = notes.parse_root(note)
        require(root["version"] == number, "K304", "a gap in the chain of roots")
        right = root["repo"] == ("" if number == 1 else known.repository)
        require(right, "K213", "a root is of another repository")
        for signing in roots[-1:] + [root]:
            notes.signed_by(note, *notes.holders(signing, "root"))
        roots.append(root)
    require(len(roots) >= known.roots, "K304", "fewer roots than were known")
    return roots


def read_heads(data, roots, known):
    """Step 3: walks the heads; returns the last and the keys that give it authority."""
    heads = []
    for one in data:
        note = notes.parse_note(one)
        heads.append(Head(note, notes.parse_head(note)))
    wanted = known.channel or heads[-1].value["channel"]
    for head in heads:
        value = head.value
        require(value["repo"] == known.repository, "K213", "a head of another repository")
        require(value["channel"] == wanted, "K213", "a head of another channel")
        require(value["root"] >= 1, "K201", "a head names root 0")
        require(value["root"] <= len(roots), "K304", "a head names a root that is missing")
        older = value["target"] < value["seq"]
        require(older, "K201", "a head rolls back to a version that is not older")
    authority = walk(heads, roots)
    newest = heads[-1]
    if known.vouched != newest.note.digest:
        authority = publish_authority(newest, roots[-1], last=True)
    check_retired(newest, authority, roots[-1])
    check_floor(heads, known.floor)
    return newest, authority


def walk(heads, roots):
    """Step 3.1: links and signatures; returns the authority of the last by the root it names."""
    digests, before, authority = {}, None, None
    for head in heads:
        value = head.value
        seq = value["seq"]
        if before:
            follows = before["seq"] + 1 == seq and digests[seq - 1] == value["prev"]
            require(follows, "K306", "a head does not follow on from the one before")
            falls = any(value[name] < before[name] for name in ("created", "root", "rev"))
            require(not falls, "K306", "created, root or rev of a head falls")
        skipped = digests.get(seq & (seq - 1), value["skip"])
        require(skipped == value["skip"], "K306", "skip of a head names another one")
        authority = publish_authority(head, roots[value["root"] - 1], last=False)
        digests[seq], before = head.note.digest, value
    return authority


def publish_authority(head, root, last):
    """Returns the keys of the role `publish` that signed, each within its bounds."""
    keys, threshold = notes.holders(root, "publish")
    counted = notes.signed_by(head.note, keys, threshold)
    for key in counted:
        bound = within_bounds(key.rights, head.value, last)
        require(bound, "K205", f"{key.name} signed a head outside of its bounds")
    return Authority(counted, threshold)


def within_bounds(rights, head, last):
    """Tells whether a key may sign this head; `revoked_at` counts in the last root only."""
    retired = last and rights.get("revoked_at", head["created"]) < head["created"]
    listed = not rights["channels"] or head["channel"] in rights["channels"]
    return rights["not_after"] >= head["created"] and listed and not retired


def check_retired(head, authority, root):
    """Step 3.2: a head of a key that was revoked before is a link only, vouched for or not."""
    public = {key.pub for key in authority.keys}
    for rights in root["keys"].values():
        retired = rights.get("revoked_at", head.value["created"]) < head.value["created"]
        signed = base64_bytes(rights["pub"]) in public
        require(not (retired and signed), "K205", "a key signed a head after it was revoked")


def check_floor(heads, floor):
    """Step 3.3."""
    if not floor:
        return
    version, digest = floor
    newest = heads[-1].value["seq"]
    require(newest >= version, "K301", f"version {newest} is older than {version}, which is known")
    for head in heads:
        if head.value["seq"] == version:
            require(head.note.digest == digest, "K302", f"two heads claim version {version}")
        if head.value["seq"] == version + 1:
            require(head.value["prev"] == digest, "K302", f"two heads claim version {version}")
    require(newest - version <= MOST_STEPS, "K104", "the step to this version is too large")


def read_revocations(data, root, head, known):
    """Step 4: returns the ids that the revocations name."""
    floors = [(head["rev"], head["rev_digest"])] if head["rev"] else []
    floors += [known.revocations] if known.revocations else []
    require(data or not floors, "K305", "the revocations are missing")
    if not data:
        return set()
    note = notes.parse_note(data[0])
    value = notes.parse_revocations(note)
    notes.signed_by(note, *notes.holders(root, "revoke"))
    require(value["repo"] == known.repository, "K213", "revocations of another repository")
    for number, digest in floors:
        require(value["version"] >= number, "K305", "the revocations are older than known ones")
        same = value["version"] != number or note.digest == digest
        require(same, "K302", f"two notes claim to be revocations {number}")
    return {entry["fragment"] for entry in value["entries"]}


def read_manifest(data, head, authority):
    """Step 5."""
    value = head.value
    check_file(data, value["size"], value["manifest"], "the manifest")
    note = notes.parse_note(data)
    signed = notes.signed_by(note, authority.keys, authority.threshold)
    manifest = notes.parse_manifest(note, value["seq"])
    parents = [] if value["prev"] == "-" else [value["prev"]]
    expected = {name: value[name] for name in ("repo", "channel", "created")}
    for name, wanted in (expected | {"parents": parents}).items():
        require(manifest[name] == wanted, "K213", f"the manifest has another {name}")
    names = {key.name for key in signed}
    require(manifest["publisher"] in names, "K213", "the publisher did not sign the manifest")
    return manifest


def check_file(data, size, digest, what):
    require(len(data) == size, "K211", f"{what} has another size than the signed one")
    same = hashlib.sha256(data).hexdigest() == digest
    require(same, "K212", f"{what} has another digest than the signed one")


def check_files(file, spans, manifest):
    """Step 7: keyring and objects are those of the manifest."""
    found = [span for span in spans if span[0] == 7]
    require(len(found) == len(manifest["objects"]), "K102", "other objects than the manifest lists")
    keyring = manifest["keyring"]
    check_file(bodies(file, spans, 6)[0], keyring["size"], keyring["sha256"], "the keyring")
    for entry, span in zip(manifest["objects"], found):
        check_file(body(file, span), entry["size"], entry["sha256"], "an object")


def read_objects(file, spans, key, manifest, authority):
    """Steps 9 and 10: returns the state that bases and deltas make."""
    found = [span for span in spans if span[0] == 7]
    index = objects.open_index(body(file, found[-1]), key, manifest)
    entries = manifest["objects"][:-1]
    state, previous = {}, ""
    for entry, span in zip(entries, found):
        stated = index["objects"][entry["sha256"]]
        count, raw = objects.open_object(body(file, span), key, entry, stated)
        previous = previous if entry["role"] == "base" else ""
        previous = objects.apply_object(state, count, raw, previous)
    same = objects.tree_digest(state) == index["tree_sha256"]
    require(same, "K212", "the tree has another digest than the index")
    live = sum(fragment.live for fragment in state.values())
    require(live == index["fragments"], "K212", "the index has another number of fragments")
    for one in authority.keys:
        fits = live <= one.rights.get("max_fragments", live)
        require(fits, "K205", f"{one.name} signed more fragments than it may")
    return state


def summary(state, entries):
    live = {key for key, fragment in state.items() if fragment.live}
    return {
        "fragments": len(live),
        "tree_sha256": objects.tree_digest(state),
        "records_sha256": hashlib.sha256(record_lines(state)).hexdigest(),
        "revoked": sorted(live & entries),
    }


def record_lines(state):
    return b"".join(state[key].line + b"\n" for key in sorted(state))
