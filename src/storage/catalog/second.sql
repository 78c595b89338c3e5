-- The catalog's second form: data sets, models on them and trainings from them. This file never changes.

CREATE TABLE datasets (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE,
    blob TEXT NOT NULL,             -- the columns
    bytes BIGINT NOT NULL,          -- of that blob
    rows_count BIGINT NOT NULL,
    profile TEXT NOT NULL,          -- JSON: columns with their statistics, and findings
    created_at TEXT NOT NULL
);

-- Of models by data set: each version has its own network. Null: the model's.
ALTER TABLE versions ADD COLUMN network TEXT;
ALTER TABLE versions ADD COLUMN file_bytes BIGINT;

-- Jobs that train on data sets have no rows of their own: their rows_blob is empty.
ALTER TABLE jobs ADD COLUMN dataset_id TEXT;
ALTER TABLE jobs ADD COLUMN validation_dataset_id TEXT;
CREATE INDEX jobs_on_dataset ON jobs (dataset_id);
CREATE INDEX jobs_on_validation_dataset ON jobs (validation_dataset_id);
