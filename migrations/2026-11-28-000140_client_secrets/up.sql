-- A secret is replaced without an outage: the one before stays good while its holder moves on.

CREATE TABLE client_secrets (
    id UUID PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    secret_hash BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    replaced_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE client_secrets IS 'Secrets of clients that were replaced by a newer one, which is in clients.';
COMMENT ON COLUMN client_secrets.made_at IS 'Since when it was the newest.';
COMMENT ON COLUMN client_secrets.replaced_at IS 'Since when a newer one is.';
COMMENT ON COLUMN client_secrets.expires_at IS 'Until when it is good all the same.';
CREATE INDEX client_secrets_client_id ON client_secrets (client_id, replaced_at);

-- The trail of one client.
CREATE INDEX audit_events_client_id ON audit_events (client_id, at) WHERE client_id IS NOT NULL;
