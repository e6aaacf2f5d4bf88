DELETE FROM signing_keys WHERE signs_from IS NULL;
DROP INDEX signing_keys_next;
DROP INDEX signing_keys_active;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (algorithm) WHERE retired_at IS NULL;
ALTER TABLE signing_keys DROP COLUMN signs_from;
