-- The store, version 2: what each channel may say beside others.

-- Where channels disagree, the one of the highest precedence is believed.
ALTER TABLE channel ADD COLUMN precedence INTEGER NOT NULL DEFAULT 0;
-- The word of the least trust that a fragment needs to be visible; NULL is none.
ALTER TABLE channel ADD COLUMN min_trust TEXT;
