ALTER TABLE audit_events DROP COLUMN service_account_id;
DROP TABLE used_assertions;
ALTER TABLE grants DROP COLUMN dpop_jkt;
ALTER TABLE clients
    DROP COLUMN jwks,
    DROP COLUMN jwks_uri,
    DROP COLUMN post_logout_redirect_uris,
    DROP COLUMN backchannel_logout_uri,
    DROP COLUMN dpop_bound_access_tokens,
    DROP COLUMN require_pushed_authorization_requests,
    DROP COLUMN profile,
    DROP COLUMN access_token_lifetime,
    DROP COLUMN service_account_id;
DROP TABLE service_account_groups;
DROP TABLE service_accounts;
