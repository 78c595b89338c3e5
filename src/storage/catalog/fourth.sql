-- The catalog's fourth form: what the quota counts. This file never changes.

-- Sizes of blobs that no other column tells; null in rows of before.
ALTER TABLE models ADD COLUMN initial_bytes BIGINT;     -- of the initial parameters
ALTER TABLE jobs ADD COLUMN kept_bytes BIGINT;          -- of the rows while it is open, of the history once it has ended
