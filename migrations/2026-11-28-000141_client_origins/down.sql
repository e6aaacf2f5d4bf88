DROP INDEX clients_name;
DROP INDEX clients_created_at;
-- Nothing before vouched for these as it does for an administrator's.
DELETE FROM clients WHERE origin = 'person';
ALTER TABLE clients DROP CONSTRAINT clients_origin_check;
ALTER TABLE clients ADD CONSTRAINT clients_origin_check
    CHECK (origin IN ('registered', 'metadata_document', 'administrator'));
