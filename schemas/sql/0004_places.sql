-- The store, version 4: the same in fewer bytes.

-- Which sessions fragments came from, by the files that they were read from: each name once.
CREATE TABLE origin (
  row     INTEGER PRIMARY KEY,
  session TEXT NOT NULL,
  file    TEXT NOT NULL,
  UNIQUE (session, file)
) STRICT;
INSERT INTO origin (session, file)
  SELECT DISTINCT session, file FROM source ORDER BY session, file;

CREATE TABLE source_by_origin (
  fragment INTEGER NOT NULL REFERENCES fragment (row),
  position INTEGER NOT NULL,
  origin   INTEGER NOT NULL REFERENCES origin (row),
  record   TEXT    NOT NULL,
  line     INTEGER NOT NULL,
  digest   BLOB    NOT NULL CHECK (length(digest) = 32),
  speaker  TEXT    NOT NULL,
  rule     TEXT    NOT NULL,
  PRIMARY KEY (fragment, position)
) STRICT, WITHOUT ROWID;
INSERT INTO source_by_origin
  SELECT s.fragment, s.position, o.row, s.record, s.line, s.digest, s.speaker, s.rule
  FROM source s JOIN origin o ON o.session = s.session AND o.file = s.file
  ORDER BY s.fragment, s.position;
DROP INDEX source_by_place;
DROP TABLE source;
ALTER TABLE source_by_origin RENAME TO source;
-- Which fragments stand beside each other in a session.
CREATE INDEX source_by_place ON source (position, origin, line, fragment);

-- The vector of a fragment is at the row of its embedder times 2^32 plus the row of the fragment:
-- one number, so that pages are full and a look-up compares no records.
CREATE TABLE vector_by_place (
  place      INTEGER PRIMARY KEY,
  components BLOB    NOT NULL,
  embedder   INTEGER NOT NULL AS (place >> 32) VIRTUAL,
  fragment   INTEGER NOT NULL AS (place & 4294967295) VIRTUAL
) STRICT;
INSERT INTO vector_by_place (place, components)
  SELECT (embedder << 32) + fragment, components FROM vector ORDER BY embedder, fragment;
DROP TABLE vector;
ALTER TABLE vector_by_place RENAME TO vector;
