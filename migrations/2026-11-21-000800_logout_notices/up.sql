-- Apps are told that a session ended (OpenID Connect Back-Channel Logout 1.0).

ALTER TABLE sessions ADD COLUMN noted_at TIMESTAMPTZ;
COMMENT ON COLUMN sessions.noted_at IS 'When it was noted whom to tell that it ended: until then an ended session is itself the note.';
UPDATE sessions SET noted_at = ended_at WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_to_note ON sessions (ended_at) WHERE ended_at IS NOT NULL AND noted_at IS NULL;

CREATE INDEX grants_session_id ON grants (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE logout_notices (
    id UUID PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients ON DELETE CASCADE,
    session_id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    next_try_at TIMESTAMPTZ NOT NULL,
    tries SMALLINT NOT NULL DEFAULT 0
);
COMMENT ON TABLE logout_notices IS 'Apps still to be told that a session ended; the row goes when they have been, or when we give up.';
COMMENT ON COLUMN logout_notices.next_try_at IS 'Moved on before each try, so that no other node tries meanwhile.';
CREATE INDEX logout_notices_next_try_at ON logout_notices (next_try_at);
CREATE INDEX logout_notices_client_id ON logout_notices (client_id);
CREATE INDEX logout_notices_user_id ON logout_notices (user_id);
