-- What every installation begins with is written once: what an administrator removes stays away.

ALTER TABLE installation ADD COLUMN seeded_at TIMESTAMPTZ;
COMMENT ON COLUMN installation.seeded_at IS 'Since when the groups and policies that every installation begins with have been written.';
