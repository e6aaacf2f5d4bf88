DROP TABLE credential_habits;
DROP TABLE personal_tokens;
DROP FUNCTION personal_tokens_stay_what_they_are;
