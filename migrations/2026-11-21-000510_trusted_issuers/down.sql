DROP TABLE linked_accounts;
DROP TABLE trust_rules;
DROP TABLE trusted_issuers;
