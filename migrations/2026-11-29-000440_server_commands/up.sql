-- Servers that are programs of their own: which of the operator's commands starts one.

ALTER TABLE servers
    ADD COLUMN command TEXT,
    ADD CONSTRAINT servers_command CHECK ((transport = 'stdio') = (command IS NOT NULL));
COMMENT ON COLUMN servers.command IS 'The name of a command that the operator allows, for a server that is a program of its own; it has no URL.';
