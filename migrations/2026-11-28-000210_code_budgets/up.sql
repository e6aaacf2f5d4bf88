-- How many codes may be tried as somebody's second step, whichever node asks; and whose word an email address is.

CREATE TABLE code_budgets (
    user_id UUID PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    full_at TIMESTAMPTZ NOT NULL,
    wrong INTEGER NOT NULL,
    wrong_before INTEGER NOT NULL
);
COMMENT ON TABLE code_budgets IS 'How many codes may still be tried as the second step of somebody, and how many were wrong.';
COMMENT ON COLUMN code_budgets.full_at IS 'When every try has come back, if there is none until then.';
COMMENT ON COLUMN code_budgets.wrong IS 'Wrong codes since one was right.';
COMMENT ON COLUMN code_budgets.wrong_before IS 'Wrong codes between that one and the one before.';

ALTER TABLE users ADD COLUMN email_is_own BOOLEAN NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN users.email_is_own IS 'True when the person wrote the address themselves.';
