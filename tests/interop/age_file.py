"""age v1 with X25519 stanzas: Bech32, the header with its MAC, and the STREAM of chunks."""

import base64
import binascii
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from spelling import KIB, require

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CHUNK = 64 * KIB
TAG = 16
# The line of the MAC begins within this many bytes; age may be slow on longer headers.
HEADER = 8 * KIB


class Stanza(NamedTuple):
    words: list
    body: bytes


def bech32(text):
    """Returns prefix and bytes of a Bech32 text, or None."""
    # Asked first, because the lower case of some other letters, as of U+212A, is ASCII.
    lower = text.lower() if text.isascii() else ""
    prefix, _, coded = lower.rpartition("1")
    if text not in (lower, text.upper()) or not prefix or not set(coded) <= set(ALPHABET):
        return None
    values = [ALPHABET.index(c) for c in coded]
    checksum = 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATORS):
            checksum ^= generator if top >> bit & 1 else 0
    bits = "".join(f"{value:05b}" for value in values[:-6])
    whole, rest = bits[: len(bits) // 8 * 8], bits[len(bits) // 8 * 8 :]
    if len(values) < 6 or checksum != 1 or len(rest) > 4 or "1" in rest:
        return None
    return prefix, bytes(int(whole[i : i + 8], 2) for i in range(0, len(whole), 8))


def identity(text):
    """Returns the secret key of `AGE-SECRET-KEY-1…`, or None."""
    decoded = bech32(text) if text == text.upper() else None
    if not decoded or decoded[0] != "age-secret-key-" or len(decoded[1]) != 32:
        return None
    return X25519PrivateKey.from_private_bytes(decoded[1])


def decrypt(data, identities, most_stanzas, only_one):
    """Returns the plaintext of an age file. `only_one` asks for a single X25519 stanza."""
    # The search ends where a line that begins in the last byte of the limit would show.
    end = data[: HEADER + 3].find(b"\n--- ") + 1
    long = end <= 0 and len(data) > HEADER
    require(not long, "K104", "the age header is longer than its limit")
    require(end > 0, "K222", "the age header has no end")
    lines = data[: end - 1].decode("ascii", "replace").split("\n")
    count = sum(line.startswith("-> ") for line in lines)
    require(count <= most_stanzas, "K104", "the age header has too many stanzas")
    stanzas = [one for one in parse_stanzas(lines) if one.words[0] == "X25519"]
    require(not only_one or len(stanzas) == 1, "K222", "an object needs one X25519 stanza")
    file_key = unwrap_any(stanzas, identities)
    line_end = data.find(b"\n", end)
    require(line_end == end + 4 + 43, "K222", "the age header has a damaged last line")
    mac = hmac.HMAC(derive(file_key, b"", b"header"), hashes.SHA256())
    mac.update(data[: end + 3])
    shown = unpadded(data[end + 4 : line_end].decode("ascii", "replace"))
    require(mac.finalize() == shown, "K222", "the age header has another MAC")
    return open_payload(file_key, memoryview(data)[line_end + 1 :])


def parse_stanzas(lines):
    require(lines[0] == "age-encryption.org/v1", "K222", "not an age file of version 1")
    at, stanzas = 1, []
    while at < len(lines):
        opening = re.fullmatch(r"-> ([!-~]+(?: [!-~]+)*)", lines[at])
        require(opening, "K222", "the age header has a damaged stanza")
        body, at = "", at + 1
        while True:
            require(at < len(lines) and len(lines[at]) <= 64, "K222", "a stanza has no end")
            body, at = body + lines[at], at + 1
            if len(lines[at - 1]) < 64:
                break
        decoded = unpadded(body)
        require(decoded is not None, "K222", "a stanza is not base64")
        stanzas.append(Stanza(opening[1].split(" "), decoded))
    mixed = len(stanzas) > 1 and any(one.words[0] == "scrypt" for one in stanzas)
    require(not mixed, "K222", "a passphrase stanza stands beside others")
    return stanzas


def unwrap_any(stanzas, identities):
    for stanza in stanzas:
        share = unpadded(stanza.words[1]) if len(stanza.words) == 2 else None
        well_formed = share is not None and len(share) == 32 and len(stanza.body) == 32
        require(well_formed, "K222", "an X25519 stanza is damaged")
    for stanza in stanzas:
        for secret in identities:
            file_key = unwrap(stanza, secret)
            if file_key is not None:
                return file_key
    return require(False, "K221", "no key is among the recipients")


def unwrap(stanza, secret):
    share = unpadded(stanza.words[1])
    try:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        # A share of small order gives a shared secret of zeros, which age refuses.
        return require(False, "K222", "an X25519 stanza is damaged")
    salt = share + secret.public_key().public_bytes_raw()
    key = derive(shared, salt, b"age-encryption.org/v1/X25519")
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), stanza.body, None)
    except InvalidTag:
        return None


def open_payload(file_key, payload):
    require(len(payload) >= 16 + TAG, "K222", "the age payload is cut")
    cipher = ChaCha20Poly1305(derive(file_key, bytes(payload[:16]), b"payload"))
    sealed, step, plain = payload[16:], CHUNK + TAG, bytearray()
    for number, start in enumerate(range(0, len(sealed), step)):
        last = start + step >= len(sealed)
        try:
            chunk = cipher.decrypt(
                number.to_bytes(11, "big") + bytes([last]),
                bytes(sealed[start : start + step]),
                None,
            )
        except InvalidTag:
            chunk = None
        require(chunk is not None, "K222", "the age payload is damaged")
        require(chunk or number == 0, "K222", "the age payload ends in an empty chunk")
        plain += chunk
    return bytes(plain)


def derive(secret, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def unpadded(text):
    """Returns the bytes of base64 without padding, or None when it is not canonical."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return data if base64.b64encode(data).decode().rstrip("=") == text else None
