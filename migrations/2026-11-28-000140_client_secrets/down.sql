DROP INDEX audit_events_client_id;
DROP TABLE client_secrets;
