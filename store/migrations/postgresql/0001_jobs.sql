-- The job queue. Hot and archived rows live in one table; partial indexes keep work on the live ones small.
-- Times are milliseconds since 1970 (0: not set), ids 26 characters ('': none), lists JSON ('': empty).

CREATE TABLE meta (
  name TEXT COLLATE "C" PRIMARY KEY,
  value BIGINT NOT NULL
);

INSERT INTO meta (name, value) VALUES ('term', 0);

CREATE TABLE jobs (
  -- Written once, at submission.
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  kind TEXT COLLATE "C" NOT NULL,
  queue TEXT COLLATE "C" NOT NULL,
  payload TEXT COLLATE "C" NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  submission_id TEXT COLLATE "C" NOT NULL,
  unique_key TEXT COLLATE "C" NOT NULL,
  parent TEXT COLLATE "C" NOT NULL,
  depends_on TEXT COLLATE "C" NOT NULL,
  on_dependency_failure BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  max_attempts BIGINT NOT NULL,
  first_delay_ms BIGINT NOT NULL,
  max_delay_ms BIGINT NOT NULL,
  exponential BIGINT NOT NULL,
  needs TEXT COLLATE "C" NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  -- Changed by transitions.
  priority BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  attempt BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  interruptions BIGINT NOT NULL,
  progress TEXT COLLATE "C" NOT NULL,
  result TEXT COLLATE "C" NOT NULL,
  last_error TEXT COLLATE "C" NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  run_at BIGINT NOT NULL,
  lease_term BIGINT NOT NULL,
  lease_worker TEXT COLLATE "C" NOT NULL,
  worker_name TEXT COLLATE "C" NOT NULL,
  lease_embedded BIGINT NOT NULL,
  cancel_requested BIGINT NOT NULL,
  attempts TEXT COLLATE "C" NOT NULL,
  archived BIGINT NOT NULL,
  CHECK (archived = 0 OR state IN ('completed', 'failed', 'cancelled'))
);

CREATE UNIQUE INDEX jobs_submission ON jobs (submission_id) WHERE submission_id <> '';
CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key)
  WHERE unique_key <> '' AND state NOT IN ('completed', 'failed', 'cancelled');
CREATE INDEX jobs_hot ON jobs (state, id) WHERE archived = 0;
CREATE INDEX jobs_parent ON jobs (parent, id) WHERE parent <> '';
CREATE INDEX jobs_history ON jobs (finished_at, id) WHERE archived = 1;

CREATE TABLE queues (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  paused BIGINT NOT NULL,
  max_running BIGINT NOT NULL,
  max_depth BIGINT NOT NULL
);
