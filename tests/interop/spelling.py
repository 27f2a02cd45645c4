"""Refusals, limits, the one spelling of JSON, and rules for single values.

A rule is a function of a value, its name and the code of a refusal. It returns nothing or refuses.
"""

import base64
import binascii
import datetime
import json
import re
import unicodedata

MAX_INTEGER = 2**53 - 1
KIB, MIB, GIB = 2**10, 2**20, 2**30
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.S)
REPOSITORY = r"[0-9a-f]{32}"
CHANNEL = r"[a-z0-9-]{1,32}"
DIGEST = r"[0-9a-f]{64}"
KEY_NAME = r"[!-*,-~]{1,64}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"

# Each is called with the name and the value of every piece of JSON that keeps its rule.
WATCHERS = []


class Refused(Exception):
    """A bundle that breaks a rule."""

    def __init__(self, code, message):
        super().__init__(f"{message} [{code}]")
        self.code = code


def require(truth, code, message):
    if not truth:
        raise Refused(code, message)


def base64_bytes(text):
    """Returns the bytes of padded base64, or None when it is not in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return data if base64.b64encode(data).decode() == text else None


def parse_json(data, rule, name, code):
    """Reads one JSON value in its one spelling and holds it to `rule`."""
    depth = 0
    # Counted before parsing, so that the parser never recurses deeper than the format allows.
    for bracket in re.findall(rb"[\[{\]}]", STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        require(depth <= 4, code, f"{name} nests deeper than four levels")
    try:
        value = json.loads(data.decode())
        again = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError as error:
        raise Refused(code, f"{name} is not JSON") from error
    rule(value, name, code)
    require(again == data, code, f"{name} is not in its one spelling")
    for watcher in WATCHERS:
        watcher(name, value)
    return value


def text(value, name, code):
    require(type(value) is str, code, f"{name} is not a text")


def matches(pattern):
    def rule(value, name, code):
        text(value, name, code)
        require(re.fullmatch(pattern, value), code, f"{name} breaks its rule")

    return rule


def whole(low=0, high=MAX_INTEGER):
    def rule(value, name, code):
        require(type(value) is int, code, f"{name} is not an integer")
        require(low <= value <= high, code, f"{name} is out of range")

    return rule


def word(*choices):
    def rule(value, name, code):
        require(type(value) is str and value in choices, code, f"{name} is unknown")

    return rule


def listed(item, least=0, most=None, order=lambda value: value):
    """A list of `item`; strictly ascending by `order`, unless that is None."""

    def rule(value, name, code):
        require(type(value) is list, code, f"{name} is not a list")
        fits = least <= len(value) and (most is None or len(value) <= most)
        require(fits, code, f"{name} has too few or too many items")
        for one in value:
            item(one, name, code)
        ranks = [order(one) for one in value] if order else []
        require(ascending(ranks), code, f"{name} does not ascend")

    return rule


def ascending(items):
    return all(before < after for before, after in zip(items, items[1:]))


def mapping(key_rule, value_rule):
    def rule(value, name, code):
        require(type(value) is dict, code, f"{name} is not an object")
        for key, one in value.items():
            key_rule(key, name, code)
            value_rule(one, name, code)
        require(ascending(list(value)), code, f"{name} does not ascend")

    return rule


def shape(spec):
    """An object with exactly these keys in this order; those that end in `?` may be missing."""
    keys = [(key.rstrip("?"), key.endswith("?"), rule) for key, rule in spec.items()]

    def rule(value, name, code):
        require(type(value) is dict, code, f"{name} is not an object")
        wanted = [key for key, optional, _ in keys if key in value or not optional]
        require(list(value) == wanted, code, f"{name} has missing or unknown keys")
        for key, _, inner in keys:
            if key in value:
                inner(value[key], key, code)

    return rule


def is_time(value):
    try:
        datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    in_range = "1970-01-01T00:00:00Z" <= value <= "9999-12-30T22:00:00Z"
    return bool(re.fullmatch(TIME, value)) and in_range


def time(value, name, code):
    text(value, name, code)
    require(is_time(value), code, f"{name} is not a time")


def key_bytes(value, name, code):
    text(value, name, code)
    data = base64_bytes(value)
    require(data is not None and len(data) == 32, code, f"{name} is not a key")


def has_control(value, allowed=""):
    return any(unicodedata.category(c) == "Cc" and c not in allowed for c in value)


def is_name(value, forbidden, most):
    size = len(value.encode())
    return 1 <= size <= most and not has_control(value) and not set(value) & set(forbidden)


repository = matches(REPOSITORY)
channel = matches(CHANNEL)
digest = matches(DIGEST)
key_name = matches(KEY_NAME)
