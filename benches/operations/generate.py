"""Writes records of made-up statements, of about 100 words each, as `garner store import` reads them.

generate.py COUNT < one record, as `garner fragment export store` prints it
"""

import hashlib
import json
import random
import sys

KINDS = ["fact", "decision", "rule", "preference", "fix"]


def fragment_id(*fields: str) -> str:
    """Returns the id of a fragment (docs/format.md): its text is ASCII with single spaces."""
    digest = hashlib.sha256()
    for field in ("garner.fragment.v1", *(field.lower() for field in fields)):
        digest.update(len(field).to_bytes(8, "little"))
        digest.update(field.encode())
    return digest.hexdigest()


def main() -> None:
    pattern = json.loads(sys.stdin.readline())
    rng = random.Random(7)
    syllables = [c + v for c in "bcdfghklmnprstvw" for v in "aeiou"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(20_000)]
    for number in range(int(sys.argv[1])):
        kind = KINDS[number % len(KINDS)]
        # Few words are common and most are rare, as in any text.
        chosen = (words[int(rng.paretovariate(0.7)) % len(words)] for _ in range(100))
        text = f"Item {number} {' '.join(chosen)}."
        record = pattern | {"kind": kind, "rev": 1, "text": text}
        record["id"] = fragment_id(kind, record["scope"], text)
        print(json.dumps(record, separators=(",", ":")))


if __name__ == "__main__":
    main()
