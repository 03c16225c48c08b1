-- What a job prefers, costs and how large it is; and the rules of nodes.

ALTER TABLE jobs ADD COLUMN prefers TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN cost_cores INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN cost_memory_mib INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN cost_gpu_sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN work REAL NOT NULL DEFAULT 0;

CREATE TABLE nodes (
  name TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  by_score INTEGER NOT NULL,
  evidence TEXT NOT NULL,
  slots TEXT NOT NULL,
  weight INTEGER NOT NULL,
  hours TEXT NOT NULL
) WITHOUT ROWID;
