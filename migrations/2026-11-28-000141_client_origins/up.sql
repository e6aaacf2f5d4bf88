-- People register clients for their workspace, and those are neither strangers nor vouched for by an administrator.

ALTER TABLE clients DROP CONSTRAINT clients_origin_check;
ALTER TABLE clients ADD CONSTRAINT clients_origin_check
    CHECK (origin IN ('registered', 'metadata_document', 'administrator', 'person'));

-- Lists of them: by age, by name and by use.
CREATE INDEX clients_created_at ON clients (created_at DESC, id);
CREATE INDEX clients_name ON clients (lower(name), id);
