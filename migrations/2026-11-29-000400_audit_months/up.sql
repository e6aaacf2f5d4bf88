-- The trail by months: what is past its time goes with its table, and never row by row (`decisions` 25).
--
-- No row is copied or changed. The table that there was becomes the part of the new one that holds everything before a month
-- that has not begun, and goes as a whole when it is old enough. A program of before works on: it names no part.

DROP INDEX audit_events_at, audit_events_user_id, audit_events_client_id;
ALTER TABLE audit_events DROP CONSTRAINT audit_events_pkey;
ALTER TABLE audit_events RENAME TO audit_events_before;

CREATE TABLE audit_events (
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    event TEXT NOT NULL,
    user_id UUID,
    client_id TEXT,
    grant_id UUID,
    address TEXT,
    request_id TEXT,
    detail JSONB NOT NULL,
    service_account_id UUID,
    -- In this order it is what a search goes along, too.
    CONSTRAINT audit_events_pkey PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
COMMENT ON TABLE audit_events IS 'Everything worth remembering, a part for each month; a change is written in its own transaction.';

-- What a search begins with. Addresses and words are looked for within a time alone.
-- Calls are most of what is written, are found by their time, and cost no entry here.
CREATE INDEX audit_events_event ON audit_events (event, at) WHERE event NOT LIKE 'gateway.%';
CREATE INDEX audit_events_user_id ON audit_events (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_service_account_id ON audit_events (service_account_id, at)
    WHERE service_account_id IS NOT NULL;
CREATE INDEX audit_events_client_id ON audit_events (client_id, at) WHERE client_id IS NOT NULL;
CREATE INDEX audit_events_server ON audit_events ((detail ->> 'server'), at) WHERE (detail ->> 'server') IS NOT NULL;
CREATE INDEX audit_events_by ON audit_events ((detail ->> 'by'), at) WHERE (detail ->> 'by') IS NOT NULL;
CREATE INDEX audit_events_request_id ON audit_events (request_id) WHERE request_id IS NOT NULL;

-- Whatever no month takes: an event is never lost because a table is missing.
CREATE TABLE audit_events_rest PARTITION OF audit_events DEFAULT;
COMMENT ON TABLE audit_events_rest IS 'Events of months that have no part of their own yet.';

DO $$
DECLARE
    latest TIMESTAMPTZ := (SELECT max(at) FROM audit_events_before);
    bound TIMESTAMP;
BEGIN
    IF latest IS NULL THEN
        DROP TABLE audit_events_before;
        RETURN;
    END IF;
    bound := date_trunc('month', greatest(latest, now()) AT TIME ZONE 'UTC') + INTERVAL '1 month';
    EXECUTE format('ALTER TABLE audit_events_before RENAME TO audit_events_until_%s', to_char(bound, 'YYYY_MM'));
    EXECUTE format(
        'ALTER TABLE audit_events ATTACH PARTITION audit_events_until_%s FOR VALUES FROM (MINVALUE) TO (%L)',
        to_char(bound, 'YYYY_MM'), bound AT TIME ZONE 'UTC'
    );
END
$$;
