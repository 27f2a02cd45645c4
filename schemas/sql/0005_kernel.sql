-- The store, version 5: a kernel names its operation without a reference that SQLite keeps, and what no
-- digest covers has a sum of its own.
-- It is written before the operation that loads it, and to settle such a reference every kernel was
-- looked at: a statement took longer to remember the more were remembered.

CREATE TABLE kernel_of_operation (
  channel   INTEGER NOT NULL REFERENCES channel (row),
  version   INTEGER NOT NULL CHECK (version > 0),
  head      BLOB    NOT NULL CHECK (length(head) = 32),
  publisher TEXT    NOT NULL,
  created   INTEGER NOT NULL,
  parent    BLOB    CHECK (length(parent) = 32),
  restores  INTEGER,
  tree      BLOB    NOT NULL CHECK (length(tree) = 32),
  operation INTEGER NOT NULL,
  -- The first 8 bytes of a digest of what the tree does not cover.
  sum       INTEGER NOT NULL,
  PRIMARY KEY (channel, version)
) STRICT, WITHOUT ROWID;
INSERT INTO kernel_of_operation
  SELECT channel, version, head, publisher, created, parent, restores, tree, operation, 0 FROM kernel;
DROP TABLE kernel;
ALTER TABLE kernel_of_operation RENAME TO kernel;

-- The first 8 bytes of the digest of the components.
ALTER TABLE vector ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
