ALTER TABLE servers
    DROP COLUMN may_be_inside,
    DROP COLUMN next_check_at;
