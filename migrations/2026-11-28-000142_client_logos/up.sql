-- The pictures that people are shown beside the names of clients, kept here and served by us.

CREATE TABLE client_logos (
    client_id TEXT PRIMARY KEY REFERENCES clients ON DELETE CASCADE,
    format TEXT NOT NULL CHECK (format IN ('png', 'jpeg', 'webp')),
    image BYTEA NOT NULL CHECK (length(image) BETWEEN 1 AND 102400),
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    source TEXT,
    stored_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE client_logos IS 'The picture beside the name of a client.';
COMMENT ON COLUMN client_logos.digest IS 'SHA-256 of the image: its name in URLs.';
COMMENT ON COLUMN client_logos.source IS 'The URL that it was fetched from, once; none for one that was uploaded.';
CREATE INDEX client_logos_digest ON client_logos (digest);
