ALTER TABLE audit_events RENAME TO audit_events_by_month;
ALTER TABLE audit_events_by_month RENAME CONSTRAINT audit_events_pkey TO audit_events_by_month_pkey;
DROP INDEX audit_events_event, audit_events_user_id, audit_events_service_account_id, audit_events_client_id,
    audit_events_server, audit_events_by, audit_events_request_id;
CREATE TABLE audit_events (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    event TEXT NOT NULL,
    user_id UUID,
    client_id TEXT,
    grant_id UUID,
    address TEXT,
    request_id TEXT,
    detail JSONB NOT NULL,
    service_account_id UUID
);
COMMENT ON TABLE audit_events IS 'Everything worth remembering, written in the transaction of the change itself.';
INSERT INTO audit_events
SELECT id, at, event, user_id, client_id, grant_id, address, request_id, detail, service_account_id
FROM audit_events_by_month;
DROP TABLE audit_events_by_month;
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_user_id ON audit_events (user_id, at);
CREATE INDEX audit_events_client_id ON audit_events (client_id, at) WHERE client_id IS NOT NULL;
