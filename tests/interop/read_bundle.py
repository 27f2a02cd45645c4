#!/usr/bin/env python3
"""An independent reader of `.kernel` files, written from docs/format.md alone.

It verifies a bundle file and prints what it holds, or runs over a folder of golden vectors.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import age_file
import verification
from spelling import CHANNEL, DIGEST, REPOSITORY, Refused
from verification import Known


def read_identities(lines):
    """Reads the lines of an age key file; returns None when one is no X25519 identity."""
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    secrets = [age_file.identity(line) for line in wanted]
    return None if None in secrets else secrets


def from_sidecar(sidecar):
    known = sidecar.get("known", {})
    revocations, floor = known.get("revocations"), known.get("floor")
    return Known(
        sidecar["repository"],
        sidecar.get("channel"),
        known.get("roots", 0),
        revocations and (revocations["number"], revocations["digest"]),
        floor and (floor["version"], floor["head"]),
        known.get("vouched"),
    )


def check_vector(path):
    """Reads one golden vector; returns None, or how the outcome differs from the sidecar."""
    sidecar = json.loads(path.read_text("utf-8"))
    identities = read_identities([sidecar["identity"]] if "identity" in sidecar else [])
    expected = sidecar["expect"]
    try:
        with open(path.with_suffix(".kernel"), "rb") as file:
            facts = verification.verify(file, from_sidecar(sidecar), identities)[0]
    except Refused as refused:
        as_expected = set(expected) == {"code"} and expected["code"] == refused.code
        return None if as_expected else f"refused: {refused}; expected {json.dumps(expected)}"
    return None if facts == expected else f"{json.dumps(facts)}; expected {json.dumps(expected)}"


def run_vectors(folder, schemas):
    paths = [path for path in sorted(folder.glob("*.json")) if re.match("valid_|fail_", path.name)]
    failed = 0
    for path in paths:
        difference = check_vector(path)
        if schemas and difference is None:
            sidecar = json.loads(path.read_text("utf-8"))
            difference = schemas.difference(sidecar, path.name.startswith("valid_"))
        failed += difference is not None
        print(f"{path.stem}: {'agrees' if difference is None else difference}")
    if schemas:
        described = ", ".join(f"{count} of {name}" for name, count in schemas.counts.items())
        print(f"Described by their schemas: {described}.")
        failed += len(schemas.unused())
    print(f"{len(paths) - failed} of {len(paths)} vectors agree.")
    return 1 if failed or not paths else 0


def read_schemas(folder):
    """Returns the schemas of a folder; the package that checks them is needed for nothing else."""
    from schemas import Schemas

    return Schemas(folder)


def numbered(value):
    found = re.fullmatch(rf"([1-9][0-9]{{0,15}}):({DIGEST})", value)
    if not found:
        raise argparse.ArgumentTypeError("expected NUMBER:DIGEST")
    return int(found[1]), found[2]


def spelled(pattern):
    def convert(value):
        if not re.fullmatch(pattern, value):
            raise argparse.ArgumentTypeError(f"{value} breaks its rule")
        return value

    return convert


def arguments():
    parser = argparse.ArgumentParser(description="Verify a bundle file and print what it holds")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--vectors", type=Path, metavar="DIR")
    parser.add_argument("--schemas", type=Path, metavar="DIR")
    parser.add_argument("--repository", type=spelled(REPOSITORY), metavar="ID")
    parser.add_argument("--channel", type=spelled(CHANNEL), metavar="NAME")
    parser.add_argument("--identity", type=Path, metavar="KEYFILE")
    parser.add_argument("--known-roots", type=int, default=0, metavar="N")
    parser.add_argument("--known-revocations", type=numbered, metavar="N:DIGEST")
    parser.add_argument("--floor", type=numbered, metavar="VERSION:DIGEST")
    parser.add_argument("--vouched", type=spelled(DIGEST), metavar="DIGEST")
    parser.add_argument("--records", action="store_true")
    given = parser.parse_args()
    if bool(given.file) == bool(given.vectors) or bool(given.file) != bool(given.repository):
        parser.error("give either FILE and --repository, or --vectors")
    if given.schemas and not given.vectors:
        parser.error("--schemas needs --vectors")
    if given.records and not given.identity:
        parser.error("--records needs --identity")
    return parser, given


def main():
    parser, given = arguments()
    if given.vectors:
        return run_vectors(given.vectors, given.schemas and read_schemas(given.schemas))
    known = Known(
        given.repository,
        given.channel,
        given.known_roots,
        given.known_revocations,
        given.floor,
        given.vouched,
    )
    try:
        lines = given.identity.read_text("utf-8").splitlines() if given.identity else []
        identities = read_identities(lines)
        if identities is None or given.identity and not identities:
            parser.error(f"{given.identity} is not a file of age identities")
        with open(given.file, "rb") as file:
            facts, state = verification.verify(file, known, identities)
    except OSError as error:
        print(error, file=sys.stderr)
        return 3
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 4
    if given.records:
        sys.stdout.buffer.write(verification.record_lines(state))
    else:
        print(json.dumps(facts, separators=(",", ":"), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
