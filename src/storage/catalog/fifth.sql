-- The catalog's fifth form: what a webhook is still to be told. This file never changes.

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,            -- UUIDv7, the webhook-id
    job_id TEXT NOT NULL,           -- the job that ended
    model_id TEXT NOT NULL,
    body TEXT,                      -- JSON, as it is sent; null until it is made
    attempts BIGINT NOT NULL,       -- that failed
    created_at BIGINT NOT NULL,
    next_at BIGINT NOT NULL         -- milliseconds since 1970: not sent earlier
);
CREATE INDEX deliveries_due ON deliveries (next_at);
