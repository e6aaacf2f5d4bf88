DROP TABLE logout_notices;
DROP INDEX grants_session_id;
ALTER TABLE sessions DROP COLUMN noted_at;
