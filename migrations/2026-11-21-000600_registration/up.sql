-- Registration grown up: who may register, who may change a registration, and what a client said when it did.

ALTER TABLE clients
    ADD COLUMN requested_scope TEXT,
    ADD COLUMN default_max_age INTEGER CHECK (default_max_age >= 0);
COMMENT ON COLUMN clients.requested_scope IS 'What it asked for when it registered; its answer repeats it, and scope is the ceiling.';
COMMENT ON COLUMN clients.default_max_age IS 'Seconds after which its people sign in again, unless it asks otherwise (OpenID Connect Registration section 2).';

-- A client that signs has no secret either, and is nobody else's for all that.
DROP INDEX clients_public_registration;
CREATE UNIQUE INDEX clients_public_registration ON clients (metadata_hash)
    WHERE origin = 'registered' AND token_endpoint_auth_method = 'none' AND disabled_at IS NULL;
COMMENT ON INDEX clients_public_registration IS 'Identical public registrations are one client.';

CREATE TABLE registration_tokens (
    client_id TEXT PRIMARY KEY REFERENCES clients ON DELETE CASCADE,
    token_hash BYTEA NOT NULL CONSTRAINT registration_tokens_token_hash_key UNIQUE,
    key_version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE registration_tokens IS 'What lets a client read, change and delete its own registration (RFC 7592); every change replaces it.';

CREATE TABLE initial_access_tokens (
    id UUID PRIMARY KEY,
    label TEXT NOT NULL CONSTRAINT initial_access_tokens_label_key UNIQUE CHECK (length(label) BETWEEN 1 AND 128),
    token_hash BYTEA NOT NULL CONSTRAINT initial_access_tokens_token_hash_key UNIQUE,
    key_version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    uses_left INTEGER CHECK (uses_left >= 0),
    revoked_at TIMESTAMPTZ
);
COMMENT ON TABLE initial_access_tokens IS 'What lets somebody register clients where not everybody may (RFC 7591 section 3).';
COMMENT ON COLUMN initial_access_tokens.uses_left IS 'How many more registrations it is good for; as many as wanted when there is none.';
CREATE INDEX initial_access_tokens_expires_at ON initial_access_tokens (expires_at);
