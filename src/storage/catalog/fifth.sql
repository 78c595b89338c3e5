-- The catalog's fifth form: what a webhook is still to be told; keys, and whose what is stored is. This file never changes.

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,            -- UUIDv7, the webhook-id
    job_id TEXT NOT NULL,           -- the job that ended
    model_id TEXT NOT NULL,
    body TEXT,                      -- JSON, as it is sent; null until it is made
    attempts BIGINT NOT NULL,       -- that failed
    created_at BIGINT NOT NULL,
    next_at BIGINT NOT NULL,        -- milliseconds since 1970: not sent earlier
    traceparent TEXT                -- the trace that the job is of
);
CREATE INDEX deliveries_due ON deliveries (next_at);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,      -- SHA-256 of the secret, in hexadecimal digits
    role TEXT NOT NULL,
    models TEXT,                    -- JSON: patterns of the models it sees; null: all
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,              -- to the minute, about
    requests_per_second TEXT,       -- shortest decimal that gives the same f64 again
    stored_bytes BIGINT             -- what may be stored of it
);

-- The key that stored it: null if there was none, or it is one of the settings. Keys go before what they stored.
ALTER TABLE datasets ADD COLUMN owner TEXT;
ALTER TABLE models ADD COLUMN owner TEXT;
ALTER TABLE versions ADD COLUMN owner TEXT;
ALTER TABLE jobs ADD COLUMN owner TEXT;
CREATE INDEX datasets_of_owner ON datasets (owner);
CREATE INDEX models_of_owner ON models (owner);
CREATE INDEX versions_of_owner ON versions (owner);
CREATE INDEX jobs_of_owner ON jobs (owner);

-- What an open job may come to store, beside what it keeps already.
ALTER TABLE jobs ADD COLUMN claimed_bytes BIGINT;

-- The trace that the job is of, as W3C Trace Context writes it.
ALTER TABLE jobs ADD COLUMN traceparent TEXT;

-- The data set that a model was made by, which its specification begins with.
ALTER TABLE models ADD COLUMN dataset_id TEXT;
UPDATE models SET dataset_id = SUBSTR(spec, 13, 36) WHERE spec LIKE '{"dataset":"%';
CREATE INDEX models_of_dataset ON models (dataset_id);
