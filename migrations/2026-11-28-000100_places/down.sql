DROP TABLE client_ownerships;
ALTER TABLE service_accounts DROP COLUMN workspace_id;
ALTER TABLE servers DROP COLUMN place_id;
DROP TABLE workspace_members;
DROP TABLE places;
