ALTER TABLE authorization_codes DROP COLUMN dpop_jkt;
DROP TABLE pushed_requests;
