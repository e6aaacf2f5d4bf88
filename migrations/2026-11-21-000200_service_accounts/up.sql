-- Programs that act for themselves, and what clients may ask of us beyond a redirect.

CREATE TABLE service_accounts (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT service_accounts_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
    description TEXT NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ
);
COMMENT ON TABLE service_accounts IS 'Programs that act for themselves: a namespace of its own, so none is ever taken for a person (RFC 9700 section 4.15).';

CREATE TABLE service_account_groups (
    group_id UUID NOT NULL REFERENCES groups ON DELETE CASCADE,
    service_account_id UUID NOT NULL REFERENCES service_accounts ON DELETE CASCADE,
    PRIMARY KEY (group_id, service_account_id)
);
COMMENT ON TABLE service_account_groups IS 'Which service account is in which group.';
CREATE INDEX service_account_groups_service_account_id ON service_account_groups (service_account_id);

ALTER TABLE clients
    ADD COLUMN jwks JSONB,
    ADD COLUMN jwks_uri TEXT,
    ADD COLUMN post_logout_redirect_uris JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN backchannel_logout_uri TEXT,
    ADD COLUMN dpop_bound_access_tokens BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN require_pushed_authorization_requests BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN profile TEXT NOT NULL DEFAULT 'standard' CHECK (profile IN ('standard', 'fapi2')),
    ADD COLUMN access_token_lifetime INTEGER CHECK (access_token_lifetime BETWEEN 60 AND 86400),
    ADD COLUMN service_account_id UUID REFERENCES service_accounts ON DELETE CASCADE,
    ADD CONSTRAINT clients_one_source_of_keys CHECK (jwks IS NULL OR jwks_uri IS NULL);
COMMENT ON COLUMN clients.jwks IS 'Its public keys by value (RFC 7591 section 2).';
COMMENT ON COLUMN clients.jwks_uri IS 'Where its public keys are.';
COMMENT ON COLUMN clients.post_logout_redirect_uris IS 'Where a browser may go after RP-initiated logout.';
COMMENT ON COLUMN clients.backchannel_logout_uri IS 'Where it is told that a session ended.';
COMMENT ON COLUMN clients.dpop_bound_access_tokens IS 'True when it gets no token without DPoP (RFC 9449 section 5.2).';
COMMENT ON COLUMN clients.require_pushed_authorization_requests IS 'True when its authorization requests must be pushed (RFC 9126 section 6).';
COMMENT ON COLUMN clients.access_token_lifetime IS 'In seconds, where it differs from everybody''s.';
COMMENT ON COLUMN clients.service_account_id IS 'As whom it acts by client credentials.';
CREATE INDEX clients_service_account_id ON clients (service_account_id);

ALTER TABLE grants ADD COLUMN dpop_jkt TEXT;
COMMENT ON COLUMN grants.dpop_jkt IS 'The thumbprint of the key that its refresh tokens are bound to (RFC 9449 section 5).';

CREATE TABLE used_assertions (
    issuer TEXT NOT NULL,
    assertion_hash BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, assertion_hash)
);
COMMENT ON TABLE used_assertions IS 'Signed statements that may be used once, and were: client assertions, JWT grants, DPoP proofs.';
COMMENT ON COLUMN used_assertions.issuer IS 'Who signed it, with what kind of statement it is in front.';
COMMENT ON COLUMN used_assertions.assertion_hash IS 'SHA-256 of its jti.';
CREATE INDEX used_assertions_expires_at ON used_assertions (expires_at);

ALTER TABLE audit_events ADD COLUMN service_account_id UUID;
