-- How a job goes on that has handed its work to child jobs (JSON; '': it has not).

ALTER TABLE jobs ADD COLUMN continuation TEXT NOT NULL DEFAULT '';
