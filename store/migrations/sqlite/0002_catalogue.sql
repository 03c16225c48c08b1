-- Libraries, videos, what was made from them, and scans.

CREATE TABLE libraries (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  category TEXT NOT NULL,
  root TEXT NOT NULL,
  origin INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE TABLE videos (
  id TEXT NOT NULL PRIMARY KEY,
  library TEXT NOT NULL,
  path TEXT NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  -- The title in lower case: what is searched and sorted, the same way in every database.
  title_folded TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  state TEXT NOT NULL,
  problem TEXT NOT NULL,
  duration REAL NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  video_codec TEXT NOT NULL,
  audio_codec TEXT NOT NULL,
  container TEXT NOT NULL,
  media TEXT NOT NULL,
  thumbnails TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX videos_path ON videos (library, path);
CREATE INDEX videos_state ON videos (state, category);
CREATE INDEX videos_created ON videos (created_at, id);
CREATE INDEX videos_title ON videos (title_folded, id);

CREATE TABLE renditions (
  id TEXT NOT NULL PRIMARY KEY,
  video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
  profile TEXT NOT NULL,
  file TEXT NOT NULL,
  size INTEGER NOT NULL,
  duration REAL NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  video_codec TEXT NOT NULL,
  audio_codec TEXT NOT NULL,
  container TEXT NOT NULL,
  made_by TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE INDEX renditions_video ON renditions (video, id);

CREATE TABLE scans (
  id TEXT NOT NULL PRIMARY KEY,
  library TEXT NOT NULL,
  job TEXT NOT NULL,
  status TEXT NOT NULL,
  counters TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  discovering_ended_at INTEGER NOT NULL,
  scanning_ended_at INTEGER NOT NULL,
  caching_ended_at INTEGER NOT NULL,
  enriching_ended_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  problems TEXT NOT NULL
);
