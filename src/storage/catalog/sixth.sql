-- The catalog's sixth form: what active versions were asked, and how their predictions came true. This file never changes.

-- When the active version became that; null as long as there is none.
ALTER TABLE models ADD COLUMN activated_at TEXT;
UPDATE models SET activated_at =
    (SELECT created_at FROM versions WHERE versions.model_id = models.id AND versions.number = models.active_version);

-- Signs the ids of predictions: 256 random bits in hexadecimal digits, null until the first id is asked for.
ALTER TABLE state ADD COLUMN id_secret TEXT;

CREATE TABLE drift (
    model_id TEXT PRIMARY KEY REFERENCES models (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    since TEXT NOT NULL,            -- when that version was activated: what was counted before counts no more
    rows_count BIGINT NOT NULL,
    counts TEXT NOT NULL,           -- JSON: how many rows fell into each bin of each column
    worst TEXT NOT NULL,            -- JSON: the columns that have moved most, with how far
    updated_at BIGINT NOT NULL
);
CREATE INDEX drift_by_age ON drift (updated_at);

CREATE TABLE feedback (
    model_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    since TEXT NOT NULL,            -- when the first outcome was told
    rows_count BIGINT NOT NULL,
    sums TEXT NOT NULL,             -- JSON: what the measures are made of
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (model_id, version),
    FOREIGN KEY (model_id, version) REFERENCES versions (model_id, number) ON DELETE CASCADE
);
CREATE INDEX feedback_by_age ON feedback (updated_at);

-- Predictions whose outcome was told, so that it counts once.
CREATE TABLE told (
    id BIGINT PRIMARY KEY,          -- the first 64 bits of the signature of the prediction's id
    told_at BIGINT NOT NULL
);
CREATE INDEX told_by_age ON told (told_at);
