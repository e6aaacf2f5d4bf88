-- The gateway: how a registered server is spoken to, what it offers, and who may do what there.

ALTER TABLE servers
    ADD CONSTRAINT servers_transport CHECK (transport IN ('streamable-http', 'sse', 'stdio')),
    ADD COLUMN auth TEXT NOT NULL DEFAULT 'none' CHECK (auth IN ('none', 'header', 'passthrough')),
    ADD COLUMN auth_header TEXT,
    ADD COLUMN sealed_auth_value TEXT,
    ADD COLUMN forwarded_headers TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN tags TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN health TEXT NOT NULL DEFAULT 'unknown' CHECK (health IN ('unknown', 'healthy', 'failing')),
    ADD COLUMN health_detail TEXT NOT NULL DEFAULT '',
    ADD COLUMN checked_at TIMESTAMPTZ,
    ADD CONSTRAINT servers_auth_header CHECK (
        (auth = 'header') = (auth_header IS NOT NULL) AND (auth = 'header') = (sealed_auth_value IS NOT NULL)
    );
COMMENT ON COLUMN servers.auth IS 'How we prove ourselves to it: not at all, by a fixed header, or by the Authorization header that the caller sends along.';
COMMENT ON COLUMN servers.sealed_auth_value IS 'The value of that header, sealed by a root key, which it names.';
COMMENT ON COLUMN servers.forwarded_headers IS 'Headers of callers that reach it beside those of MCP, in lower case.';
COMMENT ON COLUMN servers.health_detail IS 'Why it is failing, for administrators.';

CREATE TABLE server_tools (
    server_id UUID NOT NULL REFERENCES servers ON DELETE CASCADE,
    name TEXT NOT NULL,
    definition JSONB NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('read', 'write', 'delete')),
    proposed_class TEXT CHECK (proposed_class IN ('read', 'write', 'delete')),
    chosen_class TEXT CHECK (chosen_class IN ('read', 'write', 'delete')),
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (server_id, name)
);
COMMENT ON TABLE server_tools IS 'The tools of registered servers, as they were listed last.';
COMMENT ON COLUMN server_tools.class IS 'What calling it does to the world, by its annotations: the worst that it has said and nobody has approved to be less.';
COMMENT ON COLUMN server_tools.proposed_class IS 'A lesser class that its annotations have claimed since; it waits for an administrator.';
COMMENT ON COLUMN server_tools.chosen_class IS 'What an administrator says instead.';

-- Policies ---------------------------------------------------------------------------------------------------------------

CREATE TABLE policies (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT policies_name_key UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
    description TEXT NOT NULL DEFAULT '',
    rules JSONB NOT NULL DEFAULT '[]',
    permissions JSONB NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE policies IS 'What a group may do at which servers; its name is what other systems call a scope.';
COMMENT ON COLUMN policies.rules IS 'A list of rules: effect, server, methods, tools, prompts, resources, condition.';
COMMENT ON COLUMN policies.permissions IS 'What it allows in another system''s own pages and for its agents; kept for export.';

CREATE TABLE policy_groups (
    policy_id UUID NOT NULL REFERENCES policies ON DELETE CASCADE,
    group_name TEXT NOT NULL,
    PRIMARY KEY (policy_id, group_name)
);
COMMENT ON TABLE policy_groups IS 'Whom a policy is for; a group need not exist here, since issuers have their own.';
CREATE INDEX policy_groups_group_name ON policy_groups (group_name);
