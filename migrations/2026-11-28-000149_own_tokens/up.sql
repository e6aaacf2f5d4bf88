-- The client of the access tokens that people make for themselves: a part of this program.

ALTER TABLE clients DROP CONSTRAINT clients_origin_check;
ALTER TABLE clients ADD CONSTRAINT clients_origin_check
    CHECK (origin IN ('registered', 'metadata_document', 'administrator', 'person', 'built_in'));

DO $$
BEGIN
    IF EXISTS (SELECT FROM clients WHERE id = 'portcullis-web')
        OR EXISTS (SELECT FROM service_accounts WHERE name = 'portcullis-web') THEN
        RAISE EXCEPTION 'the client id portcullis-web is reserved from this version on, and a client or M2M account has it: remove that, make another under a new name, and start again'
            USING ERRCODE = 'unique_violation';
    END IF;
END
$$;

-- It has no grant type and no redirect URI: nothing is given to whoever calls itself by this name.
INSERT INTO clients
    (id, origin, name, token_endpoint_auth_method, application_type, redirect_uris, grant_types, scope, metadata, metadata_hash, created_at)
VALUES
    ('portcullis-web', 'built_in', 'Get JWT Token', 'none', 'web', '[]', '',
     'groups mcp:delete mcp:read mcp:write mgmt.admin mgmt.read mgmt.write', '{}', '\x', now());
