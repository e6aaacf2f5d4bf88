DROP TABLE audit_events, servers, signing_keys, revocations, refresh_tokens, authorization_codes, pending_requests,
    consents, grants, clients, setup_links, sessions, group_members, groups, users, installation;
