-- The catalog's first form. One text for SQLite and PostgreSQL: TEXT and BIGINT mean the same to both.
-- Identifiers are UUIDv7 as text, so that their order is that of creation. Times are RFC 3339, or seconds since 1970
-- where only an age is asked for. A later form is a further migration; this file never changes.

CREATE TABLE models (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE,
    spec TEXT NOT NULL,             -- JSON, as POST /models takes it
    initial_blob TEXT,              -- given initial parameters
    metadata TEXT NOT NULL,         -- JSON
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    active_version BIGINT,
    next_version BIGINT NOT NULL    -- numbers are never used twice
);

CREATE TABLE versions (
    model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    blob TEXT NOT NULL,             -- the version's file
    job_id TEXT,                    -- null: imported
    created_at TEXT NOT NULL,
    epochs BIGINT NOT NULL,
    loss TEXT NOT NULL,             -- shortest decimal that gives the same f64 again
    validation_loss TEXT,
    metrics TEXT NOT NULL,          -- JSON, as it is served
    PRIMARY KEY (model_id, number)
);

-- Jobs outlive their model: what was trained stays readable.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    model_id TEXT NOT NULL,
    state TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    rows_count BIGINT NOT NULL,
    memory BIGINT NOT NULL,         -- bytes that the training needs, about
    config TEXT NOT NULL,           -- JSON
    rows_blob TEXT NOT NULL,        -- what it trains on; gone when it has ended
    started_at TEXT,
    base_version BIGINT,            -- where a warm start started
    attempts BIGINT NOT NULL,       -- starts since the last checkpoint
    outcome TEXT,                   -- JSON, once it has ended
    metrics TEXT                    -- JSON, as it is served
);
CREATE INDEX jobs_of_model ON jobs (model_id, id);
CREATE INDEX jobs_in_state ON jobs (state, id);

-- First replies to requests with an Idempotency-Key.
CREATE TABLE receipts (
    idempotency_key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status BIGINT NOT NULL,
    location TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX receipts_by_age ON receipts (created_at);

-- Blobs that no row refers to: those about to be written, and those about to be deleted.
CREATE TABLE litter (
    blob TEXT PRIMARY KEY,
    noted_at BIGINT NOT NULL
);

-- Backups under way: while there is one, no blob is deleted.
CREATE TABLE backups (
    id TEXT PRIMARY KEY,
    started_at BIGINT NOT NULL
);
