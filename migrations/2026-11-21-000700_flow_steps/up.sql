-- What happened on the way to a connection, for the administrator who is asked why one failed.

CREATE TABLE flow_steps (
    id UUID PRIMARY KEY,
    flow_id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    step TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'waiting', 'refused')),
    why TEXT,
    client_id TEXT,
    user_id UUID REFERENCES users ON DELETE CASCADE,
    address TEXT,
    request_id TEXT
);
COMMENT ON TABLE flow_steps IS 'Steps of recent authorization attempts, without any secret; forgotten after a week.';
COMMENT ON COLUMN flow_steps.flow_id IS 'The attempt: derived from client and code challenge, so that no cookie has to carry it.';
COMMENT ON COLUMN flow_steps.why IS 'What was refused, in the words that the client was told.';
COMMENT ON COLUMN flow_steps.client_id IS 'As it was said, also where no such client exists.';
CREATE INDEX flow_steps_at ON flow_steps (at);
CREATE INDEX flow_steps_user_id ON flow_steps (user_id);
