-- The tables of the first release: the installation, people, clients, grants, servers and the audit trail.
--
-- Secrets are never stored in the clear: `*_hash` is a keyed SHA-256 and `key_version` names the root key that keyed it;
-- `sealed_*` is an authenticated ciphertext that names its own key.

CREATE TABLE installation (
    id SMALLINT PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    key_check BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE installation IS 'The one row that says which root key this database belongs to.';
COMMENT ON COLUMN installation.key_check IS 'A keyed hash of a constant: a wrong root key is noticed at start, not at the first failed sign-in.';

-- People -------------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id UUID PRIMARY KEY,
    username TEXT NOT NULL CHECK (username = lower(username) AND length(username) BETWEEN 1 AND 128),
    display_name TEXT NOT NULL,
    email TEXT,
    password_hash TEXT,
    is_admin BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL,
    password_changed_at TIMESTAMPTZ,
    disabled_at TIMESTAMPTZ,
    CONSTRAINT users_username_key UNIQUE (username)
);
COMMENT ON TABLE users IS 'People who sign in.';
COMMENT ON COLUMN users.username IS 'Folded to lower case; unique in the installation.';
COMMENT ON COLUMN users.password_hash IS 'An argon2id PHC string; none until the person has chosen a password.';

CREATE TABLE groups (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT groups_name_key UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE groups IS 'Groups of people; policies name them.';

CREATE TABLE group_members (
    group_id UUID NOT NULL REFERENCES groups ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
COMMENT ON TABLE group_members IS 'Who is in which group.';
CREATE INDEX group_members_user_id ON group_members (user_id);

CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    token_hash BYTEA NOT NULL CONSTRAINT sessions_token_hash_key UNIQUE,
    key_version INTEGER NOT NULL,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    authenticated_at TIMESTAMPTZ NOT NULL,
    amr TEXT NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    address TEXT,
    user_agent TEXT
);
COMMENT ON TABLE sessions IS 'Browser sessions; the cookie holds the token, the row its hash.';
COMMENT ON COLUMN sessions.authenticated_at IS 'When the person last proved who they are (OpenID Connect auth_time).';
COMMENT ON COLUMN sessions.amr IS 'How they proved it (RFC 8176).';
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE setup_links (
    token_hash BYTEA PRIMARY KEY,
    key_version INTEGER NOT NULL,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ
);
COMMENT ON TABLE setup_links IS 'One-time links by which a person chooses the first password.';
CREATE INDEX setup_links_user_id ON setup_links (user_id);
CREATE INDEX setup_links_expires_at ON setup_links (expires_at);

-- Clients and grants ---------------------------------------------------------------------------------------------------

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    origin TEXT NOT NULL CHECK (origin IN ('registered', 'metadata_document', 'administrator')),
    name TEXT NOT NULL,
    secret_hash BYTEA,
    key_version INTEGER,
    token_endpoint_auth_method TEXT NOT NULL,
    application_type TEXT NOT NULL,
    redirect_uris JSONB NOT NULL,
    grant_types TEXT NOT NULL,
    scope TEXT NOT NULL,
    metadata JSONB NOT NULL,
    metadata_hash BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_from TEXT,
    last_used_at TIMESTAMPTZ,
    fetched_at TIMESTAMPTZ,
    fresh_until TIMESTAMPTZ,
    disabled_at TIMESTAMPTZ,
    CHECK ((secret_hash IS NULL) = (key_version IS NULL)),
    CHECK ((origin = 'metadata_document') = (fetched_at IS NOT NULL))
);
COMMENT ON TABLE clients IS 'OAuth clients, however they became known to us.';
COMMENT ON COLUMN clients.origin IS 'Provenance: a client id of one origin never takes over one of another.';
COMMENT ON COLUMN clients.scope IS 'The ceiling: what this client may ever be granted.';
COMMENT ON COLUMN clients.metadata IS 'What the client says of itself and nothing decides on: URIs of its pages, logo, software id.';
COMMENT ON COLUMN clients.metadata_hash IS 'SHA-256 of everything a person is shown or relies on; consent is given to this.';
CREATE INDEX clients_last_used_at ON clients (last_used_at);
CREATE UNIQUE INDEX clients_public_registration ON clients (metadata_hash)
    WHERE origin = 'registered' AND secret_hash IS NULL AND disabled_at IS NULL;
COMMENT ON INDEX clients_public_registration IS 'Identical public registrations are one client.';

CREATE TABLE grants (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    session_id UUID,
    authenticated_at TIMESTAMPTZ NOT NULL,
    amr TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    end_reason TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
COMMENT ON TABLE grants IS 'What a person allowed a client, once: the root of every token it bought.';
COMMENT ON COLUMN grants.expires_at IS 'The absolute end of its refresh tokens; rotation never moves it.';
CREATE INDEX grants_user_id ON grants (user_id, client_id) WHERE ended_at IS NULL;
CREATE INDEX grants_client_id ON grants (client_id);
CREATE INDEX grants_expires_at ON grants (expires_at);
CREATE INDEX grants_ended_at ON grants (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE consents (
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    metadata_hash BYTEA NOT NULL,
    given_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
);
COMMENT ON TABLE consents IS 'What a person need not be asked again, while the client stays what it was.';
CREATE INDEX consents_client_id ON consents (client_id);

CREATE TABLE pending_requests (
    id UUID PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    request JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    decided_at TIMESTAMPTZ
);
COMMENT ON TABLE pending_requests IS 'Authorization requests on somebody''s consent page, bound to the browser session.';
CREATE INDEX pending_requests_session_id ON pending_requests (session_id);
CREATE INDEX pending_requests_client_id ON pending_requests (client_id);
CREATE INDEX pending_requests_expires_at ON pending_requests (expires_at);

CREATE TABLE authorization_codes (
    code_hash BYTEA PRIMARY KEY,
    key_version INTEGER NOT NULL,
    grant_id UUID NOT NULL REFERENCES grants ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    nonce TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    failed_tries SMALLINT NOT NULL DEFAULT 0,
    spent_at TIMESTAMPTZ
);
COMMENT ON TABLE authorization_codes IS 'Codes on their way through a browser; one UPDATE spends one.';
CREATE INDEX authorization_codes_grant_id ON authorization_codes (grant_id);
CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at);

CREATE TABLE refresh_tokens (
    token_hash BYTEA PRIMARY KEY,
    key_version INTEGER NOT NULL,
    grant_id UUID NOT NULL REFERENCES grants ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    first_used_at TIMESTAMPTZ
);
COMMENT ON TABLE refresh_tokens IS 'One family per grant; the successor of a token is derived from it, so every presenter gets the same one.';
COMMENT ON COLUMN refresh_tokens.expires_at IS 'The idle end; the grant has the absolute one.';
COMMENT ON COLUMN refresh_tokens.first_used_at IS 'The start of the grace in which it may be presented again.';
CREATE INDEX refresh_tokens_grant_id ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

CREATE TABLE revocations (
    kind TEXT NOT NULL CHECK (kind IN ('token', 'grant')),
    subject TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, subject)
);
COMMENT ON TABLE revocations IS 'Access tokens that must not work although their signature and time are good.';
COMMENT ON COLUMN revocations.expires_at IS 'When the last token this could concern has expired by itself.';
CREATE INDEX revocations_expires_at ON revocations (expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('ES256', 'RS256', 'EdDSA')),
    public_jwk JSONB NOT NULL,
    sealed_private_jwk TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    CHECK ((retired_at IS NULL) = (expires_at IS NULL))
);
COMMENT ON TABLE signing_keys IS 'Keys that sign tokens; a retired one is still published until its last token has expired.';
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (algorithm) WHERE retired_at IS NULL;
COMMENT ON INDEX signing_keys_active IS 'One active key for each algorithm, whichever node made it.';

-- Servers ----------------------------------------------------------------------------------------------------------------

CREATE TABLE servers (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT servers_name_key UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    url TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    transport TEXT NOT NULL DEFAULT 'streamable-http',
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    created_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE servers IS 'Registered upstream MCP servers.';

-- Audit ------------------------------------------------------------------------------------------------------------------

CREATE TABLE audit_events (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    event TEXT NOT NULL,
    user_id UUID,
    client_id TEXT,
    grant_id UUID,
    address TEXT,
    request_id TEXT,
    detail JSONB NOT NULL
);
COMMENT ON TABLE audit_events IS 'Everything worth remembering, written in the transaction of the change itself.';
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_user_id ON audit_events (user_id, at);
