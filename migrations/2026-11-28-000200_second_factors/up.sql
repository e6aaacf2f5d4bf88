-- What people prove who they are with besides a password: authenticator apps, recovery codes, passkeys.

CREATE TABLE totp_secrets (
    user_id UUID PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    sealed_secret TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_step BIGINT NOT NULL
);
COMMENT ON TABLE totp_secrets IS 'Authenticator apps (RFC 6238), one for each person.';
COMMENT ON COLUMN totp_secrets.sealed_secret IS 'Sealed by a root key, which it names.';
COMMENT ON COLUMN totp_secrets.last_step IS 'The newest thirty seconds whose code was accepted: only later ones are from then on.';

CREATE TABLE recovery_codes (
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    code_hash BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    PRIMARY KEY (user_id, code_hash)
);
COMMENT ON TABLE recovery_codes IS 'Codes that let somebody in once who has lost everything else.';

CREATE TABLE passkeys (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    credential_id BYTEA NOT NULL UNIQUE,
    credential JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ
);
COMMENT ON TABLE passkeys IS 'Passkeys (Web Authentication): each proves who its person is by itself.';
COMMENT ON COLUMN passkeys.name IS 'As its person calls it.';
COMMENT ON COLUMN passkeys.credential IS 'The public key and what the authenticator said of itself (Web Authentication).';
CREATE INDEX passkeys_user_id ON passkeys (user_id);

CREATE TABLE used_challenges (
    challenge_hash BYTEA PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE used_challenges IS 'Passkey ceremonies that were completed: each may be once.';
