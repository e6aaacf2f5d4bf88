-- API keys: opaque secrets that people hand to programs.

CREATE TABLE api_keys (
    id UUID PRIMARY KEY,
    workspace_id UUID NOT NULL REFERENCES places ON DELETE CASCADE,
    user_id UUID REFERENCES users ON DELETE CASCADE,
    service_account_id UUID REFERENCES service_accounts ON DELETE CASCADE,
    made_by UUID REFERENCES users ON DELETE SET NULL,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    key_hash BYTEA NOT NULL UNIQUE,
    key_version INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    reach UUID[],
    permissions TEXT NOT NULL,
    allowed_networks TEXT NOT NULL DEFAULT '',
    rate_limit INTEGER CHECK (rate_limit > 0),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    ends_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    revoked_by UUID REFERENCES users ON DELETE SET NULL,
    replaced_by UUID REFERENCES api_keys DEFERRABLE INITIALLY DEFERRED,
    last_used_at TIMESTAMPTZ,
    last_used_address TEXT,
    last_used_client TEXT,
    CONSTRAINT api_keys_owner_check CHECK (num_nonnulls(user_id, service_account_id) < 2),
    CONSTRAINT api_keys_overlap_check CHECK (ends_at IS NULL OR replaced_by IS NOT NULL)
);
COMMENT ON TABLE api_keys IS 'API keys: opaque secrets that people hand to programs. Kept after their end, as history.';
COMMENT ON COLUMN api_keys.workspace_id IS 'Where it is managed; a person who leaves this workspace takes no key along.';
COMMENT ON COLUMN api_keys.user_id IS 'The person whose it is; the workspace itself owns a key that has neither person nor account.';
COMMENT ON COLUMN api_keys.service_account_id IS 'The M2M account whose it is.';
COMMENT ON COLUMN api_keys.made_by IS 'Who made it, while they are known.';
COMMENT ON COLUMN api_keys.prefix IS 'The part that stays visible: its tag and the first characters.';
COMMENT ON COLUMN api_keys.reach IS 'The places that it is narrowed to; all that its owner reaches when there is none.';
COMMENT ON COLUMN api_keys.permissions IS 'What it may do to each kind of thing.';
COMMENT ON COLUMN api_keys.allowed_networks IS 'Networks from which it may be used, with spaces between; from anywhere when there is none.';
COMMENT ON COLUMN api_keys.rate_limit IS 'Calls a minute.';
COMMENT ON COLUMN api_keys.ends_at IS 'When it ends beside the key that replaced it.';
COMMENT ON COLUMN api_keys.replaced_by IS 'The key that took its place.';

-- One index for each order in which a workspace lists them, and one for words of their names, which needs no extension.
CREATE INDEX api_keys_workspace_id ON api_keys (workspace_id, id);
CREATE INDEX api_keys_workspace_id_unrevoked ON api_keys (workspace_id, id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_workspace_id_name ON api_keys (workspace_id, lower(name), id);
CREATE INDEX api_keys_workspace_id_expiry ON api_keys (workspace_id, coalesce(expires_at, 'infinity'), id);
CREATE INDEX api_keys_workspace_id_use ON api_keys (workspace_id, coalesce(last_used_at, '-infinity'), id);
CREATE INDEX api_keys_user_id ON api_keys (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX api_keys_service_account_id ON api_keys (service_account_id) WHERE service_account_id IS NOT NULL;

-- Its cost keeps the planner from trying it on row after row where the index knows the answer.
CREATE FUNCTION api_key_words(name TEXT, prefix TEXT) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
BEGIN
    RETURN to_tsvector('pg_catalog.simple', regexp_replace(name || ' ' || prefix, '[[:punct:]]+', ' ', 'g'));
END
$$;
CREATE INDEX api_keys_words ON api_keys USING gin (api_key_words(name, prefix));

CREATE FUNCTION api_keys_stay_what_they_are() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'a revoked API key stays revoked' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at) THEN
        RAISE EXCEPTION 'an API key that was replaced ends when it was to end' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.replaced_by IS NOT NULL AND NEW.replaced_by IS DISTINCT FROM OLD.replaced_by THEN
        RAISE EXCEPTION 'an API key is replaced once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF ROW (NEW.id, NEW.workspace_id, NEW.user_id, NEW.service_account_id, NEW.name, NEW.key_hash, NEW.key_version, NEW.prefix,
            NEW.reach, NEW.permissions, NEW.allowed_networks, NEW.rate_limit, NEW.created_at, NEW.expires_at)
        IS DISTINCT FROM
       ROW (OLD.id, OLD.workspace_id, OLD.user_id, OLD.service_account_id, OLD.name, OLD.key_hash, OLD.key_version, OLD.prefix,
            OLD.reach, OLD.permissions, OLD.allowed_networks, OLD.rate_limit, OLD.created_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'an API key stays what it was made' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER api_keys_stay_what_they_are BEFORE UPDATE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION api_keys_stay_what_they_are();
