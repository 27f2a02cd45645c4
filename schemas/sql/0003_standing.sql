-- The store, version 3: what recall reads, so that it need not read every row.
-- All of it is derived from the other tables and can be made again. Rows are in chunks of 1,024:
-- the row r is at place r % 1024 of chunk r / 1024.

-- Which fragment rows the present view shows, whatever the time; little-endian numbers, one for each
-- place. `lengths` holds the terms of the row in the text index plus one (4 bytes), or 0 where the
-- row is not shown; `channels` the channel that shows it (4 bytes); `since` from which version on
-- (8 bytes).
CREATE TABLE standing (
  chunk    INTEGER PRIMARY KEY,
  lengths  BLOB NOT NULL,
  channels BLOB NOT NULL,
  since    BLOB NOT NULL
) STRICT;

-- One bit for each dimension of a vector: whether it is above that of the embedder's mean. Each row
-- has a multiple of 8 bytes, all zero where it has no vector of the embedder.
CREATE TABLE code (
  embedder INTEGER NOT NULL REFERENCES embedder (row),
  chunk    INTEGER NOT NULL,
  bits     BLOB    NOT NULL,
  PRIMARY KEY (embedder, chunk)
) STRICT, WITHOUT ROWID;

-- How many rows have a vector, which mean the codes are taken against (4-byte floats, little-endian)
-- and of how many vectors it is; without a mean there are no codes yet.
ALTER TABLE embedder ADD COLUMN vectors INTEGER NOT NULL DEFAULT 0;
ALTER TABLE embedder ADD COLUMN mean BLOB;
ALTER TABLE embedder ADD COLUMN mean_of INTEGER NOT NULL DEFAULT 0;

-- Counts changes, so that what a process keeps in memory can tell whether it is still true: of the
-- shown rows, of vectors, and of rows that were taken out.
CREATE TABLE projection (
  row       INTEGER PRIMARY KEY CHECK (row = 1),
  standings INTEGER NOT NULL,
  vectors   INTEGER NOT NULL,
  erasures  INTEGER NOT NULL
) STRICT;
INSERT INTO projection (row, standings, vectors, erasures) VALUES (1, 0, 0, 0);

-- How many rows hold a term, by column: which terms of a question are rare.
CREATE VIRTUAL TABLE text_frequency USING fts5vocab (text_index, col);

-- What expires, what filters ask for, and what is new. None of these indexes is partial: a statement
-- with a value that a partial index could depend on is prepared again for each value.
CREATE INDEX fragment_by_end ON fragment (valid_to);
CREATE INDEX fragment_facts ON fragment (kind, scope, trust, confidence, created, valid_to);
CREATE INDEX fragment_by_age ON fragment (created);
-- What replaces a fragment.
CREATE INDEX supersedes_by_older ON supersedes (older);
-- Which fragments stand beside each other in a session.
CREATE INDEX source_by_place ON source (position, session, file, line, fragment);
