DROP TABLE api_keys;
DROP FUNCTION api_keys_stay_what_they_are();
DROP FUNCTION api_key_words(TEXT, TEXT);
