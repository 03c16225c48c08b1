-- The job queue. Hot and archived rows live in one table; partial indexes keep work on the live ones small.
-- Times are milliseconds since 1970 (0: not set), ids 26 characters ('': none), lists JSON ('': empty).

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('term', 0);

CREATE TABLE jobs (
  -- Written once, at submission.
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  queue TEXT NOT NULL,
  payload TEXT NOT NULL,
  owner TEXT NOT NULL,
  submission_id TEXT NOT NULL,
  unique_key TEXT NOT NULL,
  parent TEXT NOT NULL,
  depends_on TEXT NOT NULL,
  on_dependency_failure INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  first_delay_ms INTEGER NOT NULL,
  max_delay_ms INTEGER NOT NULL,
  exponential INTEGER NOT NULL,
  needs TEXT NOT NULL,
  request_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Changed by transitions.
  priority INTEGER NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  interruptions INTEGER NOT NULL,
  progress TEXT NOT NULL,
  result TEXT NOT NULL,
  last_error TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  lease_term INTEGER NOT NULL,
  lease_worker TEXT NOT NULL,
  worker_name TEXT NOT NULL,
  lease_embedded INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  attempts TEXT NOT NULL,
  archived INTEGER NOT NULL,
  -- Spelled out: for an IN of three, SQLite builds a table in memory at every change of a row.
  CHECK (archived = 0 OR state = 'completed' OR state = 'failed' OR state = 'cancelled')
) WITHOUT ROWID; -- one tree instead of two: every insert and every update walks half as far

CREATE UNIQUE INDEX jobs_submission ON jobs (submission_id) WHERE submission_id <> '';
CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key)
  WHERE unique_key <> '' AND state <> 'completed' AND state <> 'failed' AND state <> 'cancelled';
CREATE INDEX jobs_hot ON jobs (state, id) WHERE archived = 0;
CREATE INDEX jobs_parent ON jobs (parent, id) WHERE parent <> '';
CREATE INDEX jobs_history ON jobs (finished_at, id) WHERE archived = 1;

CREATE TABLE queues (
  name TEXT NOT NULL PRIMARY KEY,
  paused INTEGER NOT NULL,
  max_running INTEGER NOT NULL,
  max_depth INTEGER NOT NULL
) WITHOUT ROWID;
