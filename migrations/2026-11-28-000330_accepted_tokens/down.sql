DROP TABLE accepted_tokens;
DELETE FROM trusted_issuers WHERE kind = 'access_tokens';
ALTER TABLE trusted_issuers
    DROP CONSTRAINT trusted_issuers_kind_check,
    DROP CONSTRAINT trusted_issuers_check1,
    ADD CONSTRAINT trusted_issuers_kind_check CHECK (kind IN ('id_jag', 'workload')),
    ADD CONSTRAINT trusted_issuers_check1 CHECK (kind = 'id_jag' OR NOT provision);
