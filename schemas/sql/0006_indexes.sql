-- The store, version 6: no index that nothing asks for, and chunks that fit a page and say when they
-- changed.
-- Each index is a page more that every statement writes, at a place of its own. A record is found by
-- the id of its fragment, which has few; the chain of operations tells two that are the same.

CREATE TABLE fragment_found_by_id (
  row        INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL CHECK (length(id) = 32),
  revision   INTEGER NOT NULL CHECK (revision > 0),
  record     BLOB    NOT NULL CHECK (length(record) = 32),
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
INSERT INTO fragment_found_by_id
  SELECT row, id, revision, record, kind, scope, trust, confidence, statement, context, created,
    valid_to, tags, terms
  FROM fragment ORDER BY row;
DROP TABLE fragment;
ALTER TABLE fragment_found_by_id RENAME TO fragment;
CREATE INDEX fragment_by_id ON fragment (id);
CREATE INDEX fragment_facts ON fragment (kind, scope, trust, confidence, created, valid_to);
CREATE INDEX fragment_by_age ON fragment (created);
-- Most never end. That a comparison is true only of what is not null is known without its value.
CREATE INDEX fragment_by_end ON fragment (valid_to) WHERE valid_to IS NOT NULL;

CREATE TABLE operation_by_number (
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
  hash          BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO operation_by_number
  SELECT n, at, who, kind, payload, view_before, view_after, digest_before, digest_after, previous,
    hash
  FROM operation ORDER BY n;
DROP TABLE operation;
ALTER TABLE operation_by_number RENAME TO operation;

-- Chunks of what is shown have 256 rows: two of them fill a page, and a change writes no other. The
-- row r is at place r % 256 of chunk r / 256. `changed` is how often what is shown had changed once the
-- chunk was written, as `projection` counts it.
CREATE TABLE standing_since (
  chunk    INTEGER PRIMARY KEY,
  changed  INTEGER NOT NULL,
  lengths  BLOB NOT NULL,
  channels BLOB NOT NULL,
  since    BLOB NOT NULL
) STRICT;
INSERT INTO standing_since
  SELECT 4 * s.chunk + quarter, 0, substr(s.lengths, 1024 * quarter + 1, 1024),
    substr(s.channels, 1024 * quarter + 1, 1024), substr(s.since, 2048 * quarter + 1, 2048)
  FROM standing s
  JOIN (SELECT 0 AS quarter UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3)
  -- A chunk that shows nothing is not there.
  WHERE substr(s.lengths, 1024 * quarter + 1, 1024) <> zeroblob(1024);
DROP TABLE standing;
ALTER TABLE standing_since RENAME TO standing;

-- The codes of vectors are in chunks of 128 rows: with 384 dimensions one fills a page. As vectors do,
-- a chunk has one number: the row of the embedder times 2^32 plus the number of the chunk.
CREATE TABLE code_by_place (
  place    INTEGER PRIMARY KEY,
  bits     BLOB    NOT NULL,
  embedder INTEGER NOT NULL AS (place >> 32) VIRTUAL,
  chunk    INTEGER NOT NULL AS (place & 4294967295) VIRTUAL
) STRICT;
INSERT INTO code_by_place (place, bits)
  SELECT (c.embedder << 32) + 8 * c.chunk + eighth,
    substr(c.bits, length(c.bits) / 8 * eighth + 1, length(c.bits) / 8)
  FROM code c
  JOIN (SELECT 0 AS eighth UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
        UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7)
  ORDER BY c.embedder, c.chunk, eighth;
DROP TABLE code;
ALTER TABLE code_by_place RENAME TO code;
