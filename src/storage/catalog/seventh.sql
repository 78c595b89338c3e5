-- The catalog's seventh form: names of versions, what each version was trained on, data sets that grow. This file never changes.

CREATE TABLE aliases (
    model_id TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (model_id, version) REFERENCES versions (model_id, number) ON DELETE CASCADE
);
CREATE INDEX aliases_of_version ON aliases (model_id, version);

ALTER TABLE versions ADD COLUMN dataset_id TEXT;    -- what it was trained on, if that was a data set
ALTER TABLE versions ADD COLUMN rows_count BIGINT;  -- trained on; null: not known
ALTER TABLE versions ADD COLUMN features TEXT;      -- JSON: names of columns; null: its model's
ALTER TABLE versions ADD COLUMN classes TEXT;       -- JSON; null: its model's
ALTER TABLE versions ADD COLUMN held_out TEXT;      -- JSON: which rows its training held out; null: not known
UPDATE versions SET
    dataset_id = (SELECT jobs.dataset_id FROM jobs WHERE jobs.id = versions.job_id),
    rows_count = (SELECT jobs.rows_count FROM jobs WHERE jobs.id = versions.job_id);

-- The data set that this one was made of, with further rows.
ALTER TABLE datasets ADD COLUMN parent_id TEXT;
