#!/bin/sh
# Restores the newest version of a channel from a remote with stock tools, without Garner:
#   restore.sh REMOTE_FOLDER CHANNEL IDENTITY_FILE REPOSITORY_ID > records.jsonl
# The output is every live fragment and tombstone, one record per line, ascending by id. It needs
# age, zstd, openssl 3, jq, sha256sum, base64 and POSIX sh, and checks less than a reader does: see
# "Verification" in docs/format.md for the rest, such as keys of small order.
set -eu
LC_ALL=C
export LC_ALL
umask 077

die() { echo "restore.sh: $*" >&2; exit 4; }

[ $# -eq 4 ] || { echo "usage: restore.sh REMOTE_FOLDER CHANNEL IDENTITY_FILE REPOSITORY_ID" >&2; exit 2; }
remote=$1 channel=$2 identity=$3 repository=$4
case $channel in '' | *[!a-z0-9-]*) echo "not a channel: $channel" >&2; exit 2 ;; esac
[ -d "$remote" ] || { echo "no such folder: $remote" >&2; exit 3; }
[ -f "$identity" ] || { echo "no such file: $identity" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The text of a note is everything up to the last empty line, without that line.
note_text() { awk '{ line[NR] = $0; if ($0 == "") end = NR } END { for (i = 1; i < end; i++) print line[i] }' "$1"; }

digest() { sha256sum | cut -d ' ' -f 1; }

# H(note) is the SHA-256 of the text alone.
note_digest() { note_text "$1" | digest; }

# The second line of roots, revocations and manifests is their JSON.
note_json() { sed -n 2p "$1"; }

# A head has one word per line, then a space and the value.
field() { sed -n "s/^$2 //p" "$1" | head -n 1; }

# Size and SHA-256 of a file are those that the signed note states.
check_file() {
    [ -f "$1" ] || die "missing: $1"
    [ "$(wc -c <"$1" | tr -d ' ')" = "$3" ] || die "another size than signed: $1"
    [ "$(digest <"$1")" = "$2" ] || die "another digest than signed: $1"
}

# Names made of a digest hold hex digits only, so that none leads out of the folder.
digest_only() {
    case $1 in *[!0-9a-f]*) die "not a digest: $1" ;; esac
    [ ${#1} -eq 64 ] || die "not a digest: $1"
}

# A signature line is `— NAME BASE64`, of key id (4 bytes) and Ed25519 signature (64 bytes) over the
# text. $2 holds a line `NAME PUB` for each trusted key. A line of a trusted key must verify, a
# public key counts once, and at least $3 keys must remain.
check_note() {
    note_text "$1" >"$work/text"
    : >"$work/signed"
    while read -r name pub; do
        { printf '%s\n\001' "$name"; printf %s "$pub" | base64 -d; } >"$work/named"
        key_id=$(sha256sum <"$work/named" | cut -c 1-8)
        { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; printf %s "$pub" | base64 -d; } >"$work/key.der"
        NAME=$name awk '$0 == "" { split("", kept); n = 0; next }
            $1 == "—" && $2 == ENVIRON["NAME"] && NF == 3 { kept[++n] = $3 }
            END { for (i = 1; i <= n; i++) print kept[i] }' "$1" >"$work/lines"
        while read -r line; do
            printf %s "$line" | base64 -d >"$work/line"
            [ "$(head -c 4 "$work/line" | od -An -tx1 | tr -d ' \n')" = "$key_id" ] || continue
            tail -c 64 "$work/line" >"$work/signature"
            openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin \
                -in "$work/text" -sigfile "$work/signature" >/dev/null 2>&1 ||
                die "the signature of $name does not verify: $1"
            echo "$pub" >>"$work/signed"
        done <"$work/lines"
    done <"$2"
    [ "$(sort -u "$work/signed" | wc -l)" -ge "$3" ] || die "too few trusted keys signed: $1"
}

# Keys and threshold of a role stand in the root; a missing role has no holders.
check_role() {
    note_json "$2" | jq -r --arg role "$3" \
        '. as $root | (.roles[$role].keys // [])[] | "\(.) \($root.keys[.].pub)"' >"$work/trusted"
    check_note "$1" "$work/trusted" "$(note_json "$2" | jq --arg role "$3" '.roles[$role].threshold // 1')"
}

# Step 1: H(root 1) gives the pinned id; each root is signed by its own role `root` and by that of
# the root before.
number=1 root=''
while next=$remote/root/$(printf %08d $number).note && [ -f "$next" ]; do
    [ "$(note_json "$next" | jq .version)" = $number ] || die "another number: $next"
    if [ $number = 1 ]; then
        [ "$(note_digest "$next" | cut -c 1-32)" = "$repository" ] || die "this is another repository"
    else
        [ "$(note_json "$next" | jq -r .repo)" = "$repository" ] || die "another repository: $next"
        check_role "$next" "$root" root
    fi
    check_role "$next" "$next" root
    root=$next number=$((number + 1))
done
[ -n "$root" ] || die "the remote has no root"
roots=$((number - 1))

# Step 3: heads are asked for from 1 on until one is missing; `prev` is H of the one before.
number=1 head='' prev=-
while next=$remote/ch/$channel/$(printf %020d $number).note && [ -f "$next" ]; do
    [ "$(field "$next" repo)" = "$repository" ] || die "another repository: $next"
    [ "$(field "$next" channel)" = "$channel" ] || die "another channel: $next"
    [ "$(field "$next" seq)" = $number ] || die "another version: $next"
    [ "$(field "$next" prev)" = "$prev" ] || die "does not follow on from the head before: $next"
    head=$next prev=$(note_digest "$next") number=$((number + 1))
done
[ -n "$head" ] || die "the remote has no channel $channel"

[ "$(field "$head" root)" -le $roots ] || die "roots are missing"

# Step 3.2: the newest head is signed by the role `publish` of the last root, by keys whose
# `not_after` and `revoked_at` are not before `created` and that may publish to the channel.
version=$((number - 1)) created=$(field "$head" created)
note_json "$root" | jq -r --arg created "$created" --arg channel "$channel" \
    '. as $root | (.roles.publish.keys // [])[] as $name | .keys[$name]
    | select(.not_after >= $created and (.revoked_at // $created) >= $created)
    | select(.channels == [] or any(.channels[]; . == $channel)) | "\($name) \(.pub)"' >"$work/publishers"
threshold=$(note_json "$root" | jq '.roles.publish.threshold // 1')
check_note "$head" "$work/publishers" "$threshold"

# Step 2: the latest note names a head that the remote shows, else the remote hides a version.
latest=$remote/ch/$channel/latest.note
if [ -f "$latest" ]; then
    check_role "$latest" "$root" freshness
    [ "$(field "$latest" repo) $(field "$latest" channel)" = "$repository $channel" ] || die "another channel: $latest"
    shown=$remote/ch/$channel/$(printf %020d "$(field "$latest" seq)").note
    [ -f "$shown" ] || die "the remote hides a version: $shown"
    [ "$(note_digest "$shown")" = "$(field "$latest" head)" ] || die "two heads claim one version: $shown"
fi

# Step 4: the newest revocations are signed by the role `revoke`; they name what to show no more.
number=1 revocations='' named=$(field "$head" rev)
while next=$remote/rev/$(printf %08d $number).note && [ -f "$next" ]; do
    if [ $number = "${named% *}" ]; then
        [ "$(note_digest "$next")" = "${named#* }" ] || die "other revocations than the head names: $next"
    fi
    revocations=$next number=$((number + 1))
done
[ "${named% *}" -lt $number ] || die "revocations are missing"
if [ -n "$revocations" ]; then
    check_role "$revocations" "$root" revoke
    [ "$(note_json "$revocations" | jq -r .repo)" = "$repository" ] || die "another repository: $revocations"
    note_json "$revocations" | jq -r '.entries[] | "revoked, do not use: \(.fragment)"' >&2
fi

# Step 5: size and SHA-256 of the manifest are those of the head; keys that signed the head signed it.
manifest_digest=$(field "$head" manifest | cut -d ' ' -f 1)
digest_only "$manifest_digest"
manifest=$remote/man/$manifest_digest.note
check_file "$manifest" "$manifest_digest" "$(field "$head" manifest | cut -d ' ' -f 2)"
check_note "$manifest" "$work/publishers" "$threshold"
note_json "$manifest" >"$work/manifest"
[ "$(jq -r '"\(.repo) \(.channel) \(.created)"' "$work/manifest")" = "$repository $channel $created" ] ||
    die "the manifest belongs to another head"

# Steps 7 and 8: the keyring is that of the manifest; the device key opens it, and it holds the key
# of the manifest's epoch.
keyring=$(jq -r .keyring.sha256 "$work/manifest")
digest_only "$keyring"
check_file "$remote/keyring/$keyring.age" "$keyring" "$(jq .keyring.size "$work/manifest")"
age -d -i "$identity" "$remote/keyring/$keyring.age" >"$work/keyring" || die "the keyring does not open"
[ "$(jq -r .repo "$work/keyring")" = "$repository" ] || die "the keyring is of another repository"
jq -r --argjson epoch "$(jq .epoch "$work/manifest")" \
    '.epochs[] | select(.n == $epoch) | .identity' "$work/keyring" >"$work/epoch.key"

# Steps 7 and 9: each object has the size and SHA-256 of the manifest; epoch key and zstd give its
# raw bytes. SKIP and PAD are skippable frames, which zstd passes over.
open_object() {
    digest_only "$1"
    object=$remote/obj/$(printf %s "$1" | cut -c 1-2)/$1.age
    check_file "$object" "$1" "$2"
    age -d -i "$work/epoch.key" "$object" >"$work/plain" || die "does not decrypt: $object"
    zstd -d -q -c <"$work/plain" >"$3" || die "does not decompress: $object"
}

# The index binds the objects to repository and channel, and names the digest of their raw bytes.
jq -r '.objects[] | select(.role == "index") | "\(.sha256) \(.size)"' "$work/manifest" >"$work/index-name"
read -r sha256 size <"$work/index-name"
open_object "$sha256" "$size" "$work/index"
[ "$(jq -r '"\(.repo) \(.channel) \(.publisher)"' "$work/index")" = \
    "$(jq -r '"\(.repo) \(.channel) \(.publisher)"' "$work/manifest")" ] || die "the index belongs to another manifest"

# Records are applied in the order base, first delta, second delta and so on.
jq -r '.objects[] | select(.role != "index") | "\(.sha256) \(.size)"' "$work/manifest" >"$work/objects"
: >"$work/records"
while read -r sha256 size; do
    open_object "$sha256" "$size" "$work/raw"
    [ "$(digest <"$work/raw")" = "$(jq -r --arg object "$sha256" '.objects[$object]' "$work/index")" ] ||
        die "another content than the index names: $sha256"
    cat "$work/raw" >>"$work/records"
done <"$work/objects"

# Of each id the record with the highest revision stays; it replaces what was there before. The lines
# are kept byte for byte: in each, the id has columns 19 to 82 and the revision starts in column 91.
awk '{ id = substr($0, 19, 64); rev = substr($0, 91) + 0
        if (id in line && rev <= last[id]) { print "a revision does not rise: " id >"/dev/stderr"; exit 4 }
        line[id] = $0; last[id] = rev }
    END { for (id in line) print line[id] }' "$work/records" >"$work/left" || die "the records break a rule"
sort -k 1.19,1.82 "$work/left" >"$work/sorted"

# The number of live fragments is that of the index.
live=$(awk 'substr($0, 1, 11) == "{\"op\":\"put\"" { n++ } END { print n + 0 }' "$work/sorted")
[ "$live" = "$(jq .fragments "$work/index")" ] || die "another number of fragments than the index names"
echo "version $version of $channel, $live fragments" >&2
cat "$work/sorted"
