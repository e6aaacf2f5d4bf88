ALTER TABLE servers DROP CONSTRAINT servers_command, DROP COLUMN command;
