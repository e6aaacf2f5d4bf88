ALTER TABLE servers
    DROP COLUMN may_be_private,
    DROP COLUMN next_check_at;
