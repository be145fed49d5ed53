-- What is to be told through which channel: a notice that was handed to its channels (`state` 4 of `notices`) has
-- a row here for each of them. `channel`: 1 webhook, 2 email, 3 standard output. `state` and `due_ms` as in
-- `notices`: 1 to be delivered, 2 delivered, 3 given up.
CREATE TABLE notice_deliveries (
    notice BIGINT NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
    channel BIGINT NOT NULL,
    state BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    PRIMARY KEY (notice, channel)
);
CREATE INDEX notice_deliveries_by_due ON notice_deliveries (channel, due_ms, notice) WHERE state = 1;
