ALTER TABLE installation DROP COLUMN seeded_at;
