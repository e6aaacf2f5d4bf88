-- Personal access tokens: long-lived JWTs that people make for scripts and jobs.

CREATE TABLE personal_tokens (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    jti TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL UNIQUE,
    token_hash BYTEA NOT NULL UNIQUE,
    key_version INTEGER NOT NULL,
    audience TEXT NOT NULL,
    scope TEXT NOT NULL,
    reach UUID[],
    server_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    ends_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    revoked_by UUID REFERENCES users ON DELETE SET NULL,
    replaced_by UUID REFERENCES personal_tokens DEFERRABLE INITIALLY DEFERRED,
    last_used_at TIMESTAMPTZ,
    last_used_address TEXT,
    last_used_client TEXT,
    CONSTRAINT personal_tokens_overlap_check CHECK (ends_at IS NULL OR replaced_by IS NOT NULL)
);
COMMENT ON TABLE personal_tokens IS 'Personal access tokens: long-lived JWTs that people make for scripts and jobs. Kept after their end, as history.';
COMMENT ON COLUMN personal_tokens.user_id IS 'The person for whom it acts, never beyond their rights of the moment.';
COMMENT ON COLUMN personal_tokens.jti IS 'Its jti: pat_ and random letters.';
COMMENT ON COLUMN personal_tokens.client_id IS 'Its client_id: pat_ and random letters; no client is called that.';
COMMENT ON COLUMN personal_tokens.token_hash IS 'Of the whole signed token: what is not under this hash is not this token, whoever signed it.';
COMMENT ON COLUMN personal_tokens.audience IS 'What it opens.';
COMMENT ON COLUMN personal_tokens.reach IS 'The places that it is narrowed to; all that its owner reaches when there is none.';
COMMENT ON COLUMN personal_tokens.server_id IS 'The one server that it is for, if it is for one. No foreign key: a server that is gone must not make it good for all.';
COMMENT ON COLUMN personal_tokens.ends_at IS 'When it ends beside the token that replaced it.';
COMMENT ON COLUMN personal_tokens.replaced_by IS 'The token that took its place.';
CREATE INDEX personal_tokens_user_id ON personal_tokens (user_id, id);

CREATE FUNCTION personal_tokens_stay_what_they_are() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'a revoked personal access token stays revoked' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at) THEN
        RAISE EXCEPTION 'a personal access token that was replaced ends when it was to end' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.replaced_by IS NOT NULL AND NEW.replaced_by IS DISTINCT FROM OLD.replaced_by THEN
        RAISE EXCEPTION 'a personal access token is replaced once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF ROW (NEW.id, NEW.user_id, NEW.name, NEW.jti, NEW.client_id, NEW.token_hash, NEW.key_version, NEW.audience, NEW.scope,
            NEW.reach, NEW.server_id, NEW.created_at, NEW.expires_at)
        IS DISTINCT FROM
       ROW (OLD.id, OLD.user_id, OLD.name, OLD.jti, OLD.client_id, OLD.token_hash, OLD.key_version, OLD.audience, OLD.scope,
            OLD.reach, OLD.server_id, OLD.created_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'a personal access token stays what it was made' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER personal_tokens_stay_what_they_are BEFORE UPDATE ON personal_tokens
    FOR EACH ROW EXECUTE FUNCTION personal_tokens_stay_what_they_are();

-- What is usual for a key or token, so that what is not can be told to its owner.

CREATE TABLE credential_habits (
    credential_id UUID PRIMARY KEY,
    api_key_id UUID UNIQUE REFERENCES api_keys ON DELETE CASCADE,
    personal_token_id UUID UNIQUE REFERENCES personal_tokens ON DELETE CASCADE,
    networks TEXT NOT NULL,
    usual_rate DOUBLE PRECISION NOT NULL,
    windows INTEGER NOT NULL,
    noticed_at TIMESTAMPTZ,
    notice TEXT,
    CONSTRAINT credential_habits_one_credential CHECK (num_nonnulls(api_key_id, personal_token_id) = 1),
    CHECK ((noticed_at IS NULL) = (notice IS NULL))
);
COMMENT ON TABLE credential_habits IS 'From where and how often keys and tokens are used, and what was last unusual about it.';
COMMENT ON COLUMN credential_habits.credential_id IS 'The key or token, whichever it is.';
COMMENT ON COLUMN credential_habits.networks IS 'The networks from which it was used, with spaces between: a /24 or /48 each.';
COMMENT ON COLUMN credential_habits.usual_rate IS 'Calls a minute while it is used at all, the latest weighing most.';
COMMENT ON COLUMN credential_habits.windows IS 'How often that was measured.';
