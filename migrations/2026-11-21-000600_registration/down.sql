DROP TABLE initial_access_tokens;
DROP TABLE registration_tokens;
DROP INDEX clients_public_registration;
CREATE UNIQUE INDEX clients_public_registration ON clients (metadata_hash)
    WHERE origin = 'registered' AND secret_hash IS NULL AND disabled_at IS NULL;
ALTER TABLE clients DROP COLUMN default_max_age, DROP COLUMN requested_scope;
