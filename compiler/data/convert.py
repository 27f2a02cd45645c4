#!/usr/bin/env python3
"""Writes gitleaks.jsonl from the configuration file of gitleaks (see NOTICE).

    python3 convert.py gitleaks.toml > gitleaks.jsonl

The first line is what is allowed for every rule, each further line one rule. Left out is what
needs a path or a commit, which a text does not have, and lists of published example keys, which
are masked like any other.
"""

import json
import re
import sys
import tomllib

# Lists of this many values that have the format of a key are lists of examples.
EXAMPLES = {"gcp-api-key"}


def rust(regex):
    """Returns the expression as the crate `regex` reads it: a literal brace is escaped."""
    written, at, in_class = "", 0, False
    while at < len(regex):
        token = regex[at : at + 2] if regex[at] == "\\" else regex[at]
        step = len(token)
        if in_class:
            in_class = token != "]"
        elif token == "[":
            in_class = True
        elif token == "{":
            repeats = re.match(r"\{\d+(?:,\d*)?\}", regex[at:])
            token = repeats[0] if repeats else "\\{"
            step = len(token) if repeats else 1
        written += token
        at += step
    return written


def allowed(entry):
    """Returns an allow list, or nothing where it asks for a path as well."""
    if entry.get("condition", "OR") == "AND" and ("paths" in entry or "commits" in entry):
        return []
    regexes = [rust(regex) for regex in entry.get("regexes", [])]
    stopwords = entry.get("stopwords", [])
    if not regexes and not stopwords:
        return []
    return [{"target": entry.get("regexTarget", "secret"), "regexes": regexes, "stopwords": stopwords}]


def rule(entry):
    """Returns one rule."""
    lists = [] if entry["id"] in EXAMPLES else entry.get("allowlists", [])
    return {
        "id": entry["id"],
        "regex": rust(entry["regex"]),
        "group": entry.get("secretGroup", 0),
        "entropy": entry.get("entropy", 0),
        "keywords": entry.get("keywords", []),
        "allow": [kept for allow_list in lists for kept in allowed(allow_list)],
    }


def main():
    with open(sys.argv[1], "rb") as file:
        config = tomllib.load(file)
    lines = [{"allow": allowed(config["allowlist"])}]
    lines += [rule(entry) for entry in config["rules"] if "regex" in entry]
    for line in lines:
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
