-- The catalog's eighth form: how each version was trained. This file never changes.

ALTER TABLE versions ADD COLUMN settings TEXT;  -- JSON: all settings of its training; null: not known
UPDATE versions SET settings = (SELECT jobs.config FROM jobs WHERE jobs.id = versions.job_id);
