DROP TABLE policy_groups, policies, server_tools;
ALTER TABLE servers
    DROP CONSTRAINT servers_transport,
    DROP CONSTRAINT servers_auth_header,
    DROP COLUMN auth,
    DROP COLUMN auth_header,
    DROP COLUMN sealed_auth_value,
    DROP COLUMN forwarded_headers,
    DROP COLUMN tags,
    DROP COLUMN health,
    DROP COLUMN health_detail,
    DROP COLUMN checked_at;
