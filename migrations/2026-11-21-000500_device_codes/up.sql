-- Devices without a browser: what they asked for, until somebody answers elsewhere (RFC 8628).

CREATE TABLE device_codes (
    code_hash BYTEA PRIMARY KEY,
    user_code_hash BYTEA NOT NULL CONSTRAINT device_codes_user_code_hash_key UNIQUE,
    key_version INTEGER NOT NULL,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    metadata_hash BYTEA NOT NULL,
    scope TEXT NOT NULL,
    resource TEXT NOT NULL,
    address TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    poll_interval INTEGER NOT NULL CHECK (poll_interval > 0),
    polled_at TIMESTAMPTZ,
    session_id UUID REFERENCES sessions ON DELETE SET NULL,
    user_id UUID REFERENCES users ON DELETE CASCADE,
    decided_at TIMESTAMPTZ,
    grant_id UUID REFERENCES grants ON DELETE CASCADE,
    spent_at TIMESTAMPTZ,
    CHECK ((user_id IS NULL) = (decided_at IS NULL)),
    CHECK (grant_id IS NULL OR decided_at IS NOT NULL),
    CHECK (spent_at IS NULL OR grant_id IS NOT NULL)
);
COMMENT ON TABLE device_codes IS 'Requests of devices without a browser, until somebody answers elsewhere (RFC 8628).';
COMMENT ON COLUMN device_codes.user_code_hash IS 'A keyed hash of the short code that a person types.';
COMMENT ON COLUMN device_codes.metadata_hash IS 'What the client was when it asked.';
COMMENT ON COLUMN device_codes.address IS 'From where the device asked; the person is shown it.';
COMMENT ON COLUMN device_codes.poll_interval IS 'Seconds between polls; five more after each that came too soon (RFC 8628 section 3.5).';
COMMENT ON COLUMN device_codes.session_id IS 'The browser session that typed the code first, and alone may answer.';
COMMENT ON COLUMN device_codes.user_id IS 'Who answered.';
COMMENT ON COLUMN device_codes.grant_id IS 'What was allowed; none when it was denied.';
CREATE INDEX device_codes_client_id ON device_codes (client_id);
CREATE INDEX device_codes_session_id ON device_codes (session_id);
CREATE INDEX device_codes_user_id ON device_codes (user_id);
CREATE INDEX device_codes_grant_id ON device_codes (grant_id);
CREATE INDEX device_codes_expires_at ON device_codes (expires_at);
