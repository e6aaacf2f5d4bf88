ALTER TABLE users DROP COLUMN email_is_own;
DROP TABLE code_budgets;
