-- Others whose signed statements buy tokens here (RFC 7523 section 2.1): identity providers of a company, and platforms that
-- run workloads.

CREATE TABLE trusted_issuers (
    issuer TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('id_jag', 'workload')),
    jwks_uri TEXT,
    jwks JSONB,
    algorithms TEXT NOT NULL,
    audience TEXT,
    provision BOOLEAN NOT NULL DEFAULT FALSE,
    username_claim TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    CHECK ((jwks IS NULL) <> (jwks_uri IS NULL)),
    CHECK (kind = 'id_jag' OR NOT provision),
    CHECK (kind = 'workload' OR audience IS NULL)
);
COMMENT ON TABLE trusted_issuers IS 'Others whose signed statements buy tokens here.';
COMMENT ON COLUMN trusted_issuers.issuer IS 'The iss of its statements, to the byte.';
COMMENT ON COLUMN trusted_issuers.algorithms IS 'The signature algorithms that it may use; asymmetric all.';
COMMENT ON COLUMN trusted_issuers.audience IS 'What its statements must be addressed to; our issuer when it is not said.';
COMMENT ON COLUMN trusted_issuers.provision IS 'True when a person of its that nobody knows here is added.';
COMMENT ON COLUMN trusted_issuers.username_claim IS 'The claim from which such a person gets a name.';

CREATE TABLE trust_rules (
    id UUID PRIMARY KEY,
    issuer TEXT NOT NULL REFERENCES trusted_issuers ON DELETE CASCADE,
    matches JSONB NOT NULL,
    service_account_id UUID NOT NULL REFERENCES service_accounts ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    scope TEXT NOT NULL,
    resource TEXT,
    created_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE trust_rules IS 'Which workloads of an issuer act as which service account.';
COMMENT ON COLUMN trust_rules.matches IS 'An object of claim names and patterns: every one must match, a star stands for anything.';
COMMENT ON COLUMN trust_rules.client_id IS 'The client of the service account: its tokens are issued to it.';
COMMENT ON COLUMN trust_rules.scope IS 'The most that such a workload gets.';
COMMENT ON COLUMN trust_rules.resource IS 'The only resource that it may ask for, if it is said.';
CREATE INDEX trust_rules_issuer ON trust_rules (issuer);
CREATE INDEX trust_rules_service_account_id ON trust_rules (service_account_id);
CREATE INDEX trust_rules_client_id ON trust_rules (client_id);

CREATE TABLE linked_accounts (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    linked_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, subject)
);
COMMENT ON TABLE linked_accounts IS 'Who somebody of another issuer is here: by issuer and subject, never by an email address.';
CREATE INDEX linked_accounts_user_id ON linked_accounts (user_id);
