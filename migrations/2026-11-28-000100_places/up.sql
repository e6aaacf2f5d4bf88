-- Where servers live, and by which every credential is scoped: workspace > project > folder.

CREATE TABLE places (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('workspace', 'project', 'folder')),
    parent_id UUID,
    parent_kind TEXT GENERATED ALWAYS AS (CASE kind WHEN 'project' THEN 'workspace' WHEN 'folder' THEN 'project' END) STORED,
    name TEXT NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 128),
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT places_id_kind_key UNIQUE (id, kind),
    CONSTRAINT places_parent_fkey FOREIGN KEY (parent_id, parent_kind) REFERENCES places (id, kind) MATCH FULL
);
COMMENT ON TABLE places IS 'Workspaces, their projects, and the folders of those.';
COMMENT ON COLUMN places.parent_kind IS 'What its parent must be: a workspace has none, and the foreign key keeps the three levels apart.';
COMMENT ON COLUMN places.name IS 'A segment of its path; unique among the children of one parent.';
CREATE UNIQUE INDEX places_workspace_name ON places (name) WHERE parent_id IS NULL;
CREATE UNIQUE INDEX places_parent_id_name ON places (parent_id, name) WHERE parent_id IS NOT NULL;

INSERT INTO places (id, kind, name, title, created_at)
VALUES (gen_random_uuid(), 'workspace', 'mcp-gateway', 'MCP Gateway', now());

CREATE TABLE workspace_members (
    workspace_id UUID NOT NULL REFERENCES places ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    joined_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
COMMENT ON TABLE workspace_members IS 'Who is in which workspace, and as what.';
CREATE INDEX workspace_members_user_id ON workspace_members (user_id);

-- Everybody who is known so far is in the one workspace that there was.
INSERT INTO workspace_members (workspace_id, user_id, role, joined_at)
SELECT places.id, users.id, CASE WHEN users.is_admin THEN 'owner' ELSE 'member' END, now() FROM places, users;

ALTER TABLE servers ADD COLUMN place_id UUID REFERENCES places;
COMMENT ON COLUMN servers.place_id IS 'Where it is: who may not reach this place, may not reach the server.';
UPDATE servers SET place_id = (SELECT id FROM places);
ALTER TABLE servers ALTER COLUMN place_id SET NOT NULL;
CREATE INDEX servers_place_id ON servers (place_id);

ALTER TABLE service_accounts ADD COLUMN workspace_id UUID REFERENCES places;
COMMENT ON COLUMN service_accounts.workspace_id IS 'The workspace that it belongs to, and beyond which it reaches nothing.';
UPDATE service_accounts SET workspace_id = (SELECT id FROM places);
ALTER TABLE service_accounts ALTER COLUMN workspace_id SET NOT NULL;
CREATE INDEX service_accounts_workspace_id ON service_accounts (workspace_id);

CREATE TABLE client_ownerships (
    client_id TEXT PRIMARY KEY REFERENCES clients ON DELETE CASCADE,
    workspace_id UUID NOT NULL REFERENCES places,
    registered_by UUID REFERENCES users ON DELETE SET NULL,
    reach UUID[],
    permissions TEXT
);
COMMENT ON TABLE client_ownerships IS 'Whose the clients are that somebody registered in settings, and what their tokens are narrowed to.';
COMMENT ON COLUMN client_ownerships.workspace_id IS 'The workspace whose managers may change and remove it.';
COMMENT ON COLUMN client_ownerships.reach IS 'The places that its tokens are narrowed to; all that its people reach when there is none.';
COMMENT ON COLUMN client_ownerships.permissions IS 'What its tokens may do to each kind of thing; whatever their scope allows when there is none.';
CREATE INDEX client_ownerships_workspace_id ON client_ownerships (workspace_id);
CREATE INDEX client_ownerships_registered_by ON client_ownerships (registered_by);
