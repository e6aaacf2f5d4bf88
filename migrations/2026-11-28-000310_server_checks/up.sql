-- Where a server may lead, and when it is looked at again.

ALTER TABLE servers
    ADD COLUMN may_be_inside BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN next_check_at TIMESTAMPTZ;
COMMENT ON COLUMN servers.may_be_inside IS 'A system administrator entered its URL, so it may lead to private addresses; one that somebody else entered never does.';
COMMENT ON COLUMN servers.next_check_at IS 'When somebody looks again how it is and which tools it has; at once, where nothing is said.';
