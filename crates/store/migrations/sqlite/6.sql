-- For a list that people read page by page: who has a plan.
CREATE INDEX assignments_by_plan ON assignments (plan, kind, issuer, name);

-- What was done by hand and is no change of a holder's record: who, when, what, why, and how it ended.
-- `state`: 1 begun, 2 done, 3 failed. Written before it is done: what is not in here was not done.
CREATE TABLE operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    by_whom TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    note TEXT NOT NULL,
    state INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;

-- How often something of a count was given back: who sees it grow takes the count as it is, though it is less.
ALTER TABLE quota_counts ADD COLUMN given_back INTEGER NOT NULL DEFAULT 0;
