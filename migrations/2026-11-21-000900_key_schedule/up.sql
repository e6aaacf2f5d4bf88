-- A new key is published before it signs, so that whoever keeps a copy of the key set knows it in time.

ALTER TABLE signing_keys ADD COLUMN signs_from TIMESTAMPTZ;
COMMENT ON COLUMN signing_keys.signs_from IS 'Since when it signs; none while it is only published.';
UPDATE signing_keys SET signs_from = created_at;

DROP INDEX signing_keys_active;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (algorithm) WHERE retired_at IS NULL AND signs_from IS NOT NULL;
COMMENT ON INDEX signing_keys_active IS 'One active key for each algorithm, whichever node made it.';
CREATE UNIQUE INDEX signing_keys_next ON signing_keys (algorithm) WHERE retired_at IS NULL AND signs_from IS NULL;
COMMENT ON INDEX signing_keys_next IS 'At most one that waits to follow it.';
