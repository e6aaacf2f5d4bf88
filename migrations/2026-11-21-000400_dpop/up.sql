-- Resource servers that ask us about tokens.

ALTER TABLE clients ADD COLUMN resource_identifier TEXT CHECK (length(resource_identifier) BETWEEN 1 AND 2048);
COMMENT ON COLUMN clients.resource_identifier IS 'The resource that this client is: it may introspect tokens with this audience (RFC 7662 section 2.2).';
