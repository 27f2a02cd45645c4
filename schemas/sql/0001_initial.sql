-- The store, version 1. Never edited after release: a change is a new file.
-- The text is canonical; text_index and vector are projections that can be rebuilt from it.

-- One row per record: the same fragment at another revision is another row, so that every version
-- of every channel can be rebuilt exactly.
CREATE TABLE fragment (
  row        INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL CHECK (length(id) = 32),
  revision   INTEGER NOT NULL CHECK (revision > 0),
  record     BLOB    NOT NULL UNIQUE CHECK (length(record) = 32),
  kind       TEXT    NOT NULL,
  scope      TEXT    NOT NULL,
  trust      TEXT    NOT NULL,
  confidence INTEGER NOT NULL CHECK (confidence BETWEEN 0 AND 100),
  statement  TEXT    NOT NULL,
  context    TEXT,
  created    INTEGER NOT NULL,
  valid_to   INTEGER,
  tags       TEXT    NOT NULL,
  -- How many terms text_index holds for the row.
  terms      INTEGER NOT NULL CHECK (terms >= 0)
) STRICT;
CREATE INDEX fragment_by_id ON fragment (id);

CREATE TABLE source (
  fragment INTEGER NOT NULL REFERENCES fragment (row),
  position INTEGER NOT NULL,
  session  TEXT    NOT NULL,
  file     TEXT    NOT NULL,
  record   TEXT    NOT NULL,
  line     INTEGER NOT NULL,
  digest   BLOB    NOT NULL CHECK (length(digest) = 32),
  speaker  TEXT    NOT NULL,
  rule     TEXT    NOT NULL,
  PRIMARY KEY (fragment, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE supersedes (
  newer INTEGER NOT NULL REFERENCES fragment (row),
  older BLOB    NOT NULL CHECK (length(older) = 32),
  PRIMARY KEY (newer, older)
) STRICT, WITHOUT ROWID;

CREATE TABLE tombstone (
  row      INTEGER PRIMARY KEY,
  id       BLOB    NOT NULL CHECK (length(id) = 32),
  revision INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  reason   TEXT    NOT NULL,
  UNIQUE (id, revision, at, reason)
) STRICT;

-- `active` is the version that the channel is read at; a held channel stays there when newer
-- versions are loaded.
CREATE TABLE channel (
  row    INTEGER PRIMARY KEY,
  name   TEXT    NOT NULL UNIQUE,
  active INTEGER,
  held   INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1))
) STRICT;

CREATE TABLE operation (
  n             INTEGER PRIMARY KEY CHECK (n > 0),
  at            INTEGER NOT NULL,
  who           TEXT    NOT NULL,
  kind          TEXT    NOT NULL,
  payload       TEXT    NOT NULL CHECK (json_valid(payload)),
  view_before   TEXT    NOT NULL CHECK (json_valid(view_before)),
  view_after    TEXT    NOT NULL CHECK (json_valid(view_after)),
  digest_before BLOB    NOT NULL CHECK (length(digest_before) = 32),
  digest_after  BLOB    NOT NULL CHECK (length(digest_after) = 32),
  previous      BLOB    NOT NULL CHECK (length(previous) = 32),
  hash          BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE event (
  n        INTEGER PRIMARY KEY CHECK (n > 0),
  at       INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  payload  TEXT    NOT NULL CHECK (json_valid(payload)),
  previous BLOB    NOT NULL CHECK (length(previous) = 32),
  hash     BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE kernel (
  channel   INTEGER NOT NULL REFERENCES channel (row),
  version   INTEGER NOT NULL CHECK (version > 0),
  head      BLOB    NOT NULL CHECK (length(head) = 32),
  publisher TEXT    NOT NULL,
  created   INTEGER NOT NULL,
  parent    BLOB    CHECK (length(parent) = 32),
  restores  INTEGER,
  tree      BLOB    NOT NULL CHECK (length(tree) = 32),
  operation INTEGER NOT NULL REFERENCES operation (n) DEFERRABLE INITIALLY DEFERRED,
  PRIMARY KEY (channel, version)
) STRICT, WITHOUT ROWID;

-- A row is in every loaded version v of the channel with from_version <= v < to_version.
CREATE TABLE member (
  channel      INTEGER NOT NULL REFERENCES channel (row),
  fragment     INTEGER NOT NULL REFERENCES fragment (row),
  from_version INTEGER NOT NULL,
  to_version   INTEGER CHECK (to_version > from_version),
  PRIMARY KEY (channel, fragment, from_version)
) STRICT, WITHOUT ROWID;

-- The same for tombstones.
CREATE TABLE burial (
  channel      INTEGER NOT NULL REFERENCES channel (row),
  tombstone    INTEGER NOT NULL REFERENCES tombstone (row),
  from_version INTEGER NOT NULL,
  to_version   INTEGER CHECK (to_version > from_version),
  PRIMARY KEY (channel, tombstone, from_version)
) STRICT, WITHOUT ROWID;

-- What the person pinned into the core, and what the person removed on this machine.
CREATE TABLE pin (
  id BLOB PRIMARY KEY CHECK (length(id) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE removal (
  id BLOB PRIMARY KEY CHECK (length(id) = 32)
) STRICT, WITHOUT ROWID;

-- The analyser of the loader writes terms separated by spaces, so the tokenizer only has to split
-- them: `ascii` takes every byte above 127 as part of a term, and tokenchars the rest of ASCII that
-- identifiers hold. Nothing but the loader's own statements writes here; there are no triggers.
CREATE VIRTUAL TABLE text_index USING fts5 (
  words, names, context,
  content = '', contentless_delete = 1,
  tokenize = "ascii tokenchars '_./:\-@#+'"
);
CREATE VIRTUAL TABLE text_term USING fts5vocab (text_index, instance);

CREATE TABLE embedder (
  row        INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 32),
  name       TEXT    NOT NULL,
  dimensions INTEGER NOT NULL CHECK (dimensions > 0)
) STRICT;

-- Components in half precision, little-endian.
CREATE TABLE vector (
  embedder   INTEGER NOT NULL REFERENCES embedder (row),
  fragment   INTEGER NOT NULL REFERENCES fragment (row),
  components BLOB    NOT NULL,
  PRIMARY KEY (embedder, fragment)
) STRICT, WITHOUT ROWID;
