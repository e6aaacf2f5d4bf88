DELETE FROM clients WHERE origin = 'built_in';
ALTER TABLE clients DROP CONSTRAINT clients_origin_check;
ALTER TABLE clients ADD CONSTRAINT clients_origin_check
    CHECK (origin IN ('registered', 'metadata_document', 'administrator', 'person'));
