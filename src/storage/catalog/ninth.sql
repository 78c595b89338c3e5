-- The catalog's ninth form: what was told of the training of each version, what was made of a data set. This file never changes.

ALTER TABLE versions ADD COLUMN warnings TEXT;  -- JSON: its warnings; null: there were none, or they are not known

CREATE INDEX datasets_of_parent ON datasets (parent_id);
