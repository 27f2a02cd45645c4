"""Holds what the reader read of golden files against the JSON Schemas.

The reader itself uses no schema: they describe, and docs/format.md decides.
"""

import json

from jsonschema import Draft202012Validator

import spelling

# What the reader calls a piece of JSON, where its schema has another name.
FILES = {"rev": "revocations", "sidecar": "bundle-vector"}
STATEMENTS = ("root", "rev", "manifest", "keyring", "index", "record", "sidecar")


class Schemas:
    """The schemas of a folder, and how many pieces of JSON each has described."""

    def __init__(self, folder):
        self.seen = []
        self.counts = dict.fromkeys(STATEMENTS, 0)
        self.validators = {}
        for path in folder.glob("*.json"):
            Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))
        for name in STATEMENTS:
            text = (folder / f"{FILES.get(name, name)}.v1.json").read_text("utf-8")
            self.validators[name] = Draft202012Validator(json.loads(text))
        spelling.WATCHERS.append(lambda name, value: self.seen.append((name, value)))

    def difference(self, sidecar, is_valid):
        """Returns what of a golden file a schema does not describe, or None."""
        read, self.seen = self.seen, []
        for name, value in [("sidecar", sidecar), *(read if is_valid else [])]:
            self.counts[name] += 1
            for error in self.validators[name].iter_errors(value):
                return f"the schema of the {name} does not allow {error.json_path}: {error.message}"
            if self.validators[name].is_valid({**value, "unknown": 1}):
                return f"the schema of the {name} allows anything"
        return None

    def unused(self):
        return [name for name, count in self.counts.items() if not count]
