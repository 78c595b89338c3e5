-- The catalog's third form: what stored state proves itself by. This file never changes.

-- Checksums of blobs that have none in themselves.
CREATE TABLE checksums (
    blob TEXT PRIMARY KEY,
    bytes BIGINT NOT NULL,          -- of that blob
    blocks TEXT NOT NULL            -- CRC-32 of each 64 KiB, eight hexadecimal digits each
);

-- One row about the state as a whole.
CREATE TABLE state (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    id TEXT,                        -- UUID, also in the blob state.json: the two belong together
    holder TEXT                     -- UUID of the process that may write, on PostgreSQL
);
INSERT INTO state (one) VALUES (1);
