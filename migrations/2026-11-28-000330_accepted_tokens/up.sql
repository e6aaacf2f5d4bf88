-- Issuers whose access tokens open our MCP servers as they are.

ALTER TABLE trusted_issuers
    DROP CONSTRAINT trusted_issuers_kind_check,
    DROP CONSTRAINT trusted_issuers_check1,
    ADD CONSTRAINT trusted_issuers_kind_check CHECK (kind IN ('id_jag', 'workload', 'access_tokens')),
    ADD CONSTRAINT trusted_issuers_check1 CHECK (kind <> 'workload' OR NOT provision);

CREATE TABLE accepted_tokens (
    issuer TEXT PRIMARY KEY REFERENCES trusted_issuers ON DELETE CASCADE,
    id UUID NOT NULL,
    audiences TEXT NOT NULL,
    client_ids TEXT NOT NULL,
    scope TEXT NOT NULL,
    groups_claim TEXT,
    accepted_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE accepted_tokens IS 'Of which trusted issuers the access tokens open our MCP servers, and which of them.';
COMMENT ON COLUMN accepted_tokens.id IS 'Another each time that it is said: what was verified under an earlier one is verified again.';
COMMENT ON COLUMN accepted_tokens.audiences IS 'To whom they may be addressed; to the server at whose door they are, when it is not said.';
COMMENT ON COLUMN accepted_tokens.client_ids IS 'To which clients they may have been issued; to any, when it is not said.';
COMMENT ON COLUMN accepted_tokens.scope IS 'The most that they get.';
COMMENT ON COLUMN accepted_tokens.groups_claim IS 'The claim whose groups their people have beside their own, for that call.';
