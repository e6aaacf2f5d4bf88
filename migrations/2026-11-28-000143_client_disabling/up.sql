-- What somebody disabled, nobody of less rank enables.

ALTER TABLE client_ownerships ADD COLUMN disabled_as TEXT
    CHECK (disabled_as IN ('member', 'manager', 'administrator'));
COMMENT ON COLUMN client_ownerships.disabled_as IS 'As what somebody disabled the client, while it is disabled; an administrator when nobody noted it.';
