ALTER TABLE clients DROP COLUMN resource_identifier;
