-- Authorization requests that clients pushed to us, and codes bound to a key.

CREATE TABLE pushed_requests (
    id UUID PRIMARY KEY,
    token_hash BYTEA NOT NULL CONSTRAINT pushed_requests_token_hash_key UNIQUE,
    key_version INTEGER NOT NULL,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    request JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    begin_by TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    decided_at TIMESTAMPTZ
);
COMMENT ON TABLE pushed_requests IS 'Authorization requests that a client pushed (RFC 9126); one UPDATE at the decision uses one up.';
COMMENT ON COLUMN pushed_requests.begin_by IS 'Until when a browser may bring it for the first time.';
COMMENT ON COLUMN pushed_requests.expires_at IS 'When nobody can still be on the way to its decision.';
CREATE INDEX pushed_requests_client_id ON pushed_requests (client_id);
CREATE INDEX pushed_requests_expires_at ON pushed_requests (expires_at);

ALTER TABLE authorization_codes ADD COLUMN dpop_jkt TEXT;
COMMENT ON COLUMN authorization_codes.dpop_jkt IS 'The thumbprint of the only key that may redeem it (RFC 9449 section 10).';
