-- For a list that people read page by page: who has a plan.
CREATE INDEX assignments_by_plan ON assignments (plan, kind, issuer, name);

-- What was done by hand and is no change of a holder's record: who, when, what, why, and how it ended.
-- `state`: 1 begun, 2 done, 3 failed. Written before it is done: what is not in here was not done.
CREATE TABLE operations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    by_whom TEXT COLLATE "C" NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    state BIGINT NOT NULL,
    ended_ms BIGINT
);

-- How often something of a count was given back: who sees it grow takes the count as it is, though it is less.
ALTER TABLE quota_counts ADD COLUMN given_back BIGINT NOT NULL DEFAULT 0;
