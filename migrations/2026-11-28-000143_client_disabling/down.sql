ALTER TABLE client_ownerships DROP COLUMN disabled_as;
