-- Libraries, videos, what was made from them, and scans.

CREATE TABLE libraries (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  category TEXT COLLATE "C" NOT NULL,
  root TEXT COLLATE "C" NOT NULL,
  origin BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE videos (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  library TEXT COLLATE "C" NOT NULL,
  -- Bytes: a file name need not be UTF-8, and is compared byte by byte.
  path BYTEA NOT NULL,
  category TEXT COLLATE "C" NOT NULL,
  title TEXT COLLATE "C" NOT NULL,
  -- The title in lower case: what is searched and sorted, the same way in every database.
  title_folded TEXT COLLATE "C" NOT NULL,
  size BIGINT NOT NULL,
  mtime_ns BIGINT NOT NULL,
  inode BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  problem TEXT COLLATE "C" NOT NULL,
  duration DOUBLE PRECISION NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  video_codec TEXT COLLATE "C" NOT NULL,
  audio_codec TEXT COLLATE "C" NOT NULL,
  container TEXT COLLATE "C" NOT NULL,
  media TEXT COLLATE "C" NOT NULL,
  thumbnails TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- An index entry holds at most 2.7 KB and a path up to 4 KiB: unique by digest, in order by the path's beginning.
CREATE UNIQUE INDEX videos_path ON videos (library, sha256(path));
CREATE INDEX videos_path_order ON videos (library, substring(path FROM 1 FOR 1000));
CREATE INDEX videos_state ON videos (state, category);
CREATE INDEX videos_created ON videos (created_at, id);
CREATE INDEX videos_title ON videos (title_folded, id);

CREATE TABLE renditions (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  video TEXT COLLATE "C" NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
  profile TEXT COLLATE "C" NOT NULL,
  file TEXT COLLATE "C" NOT NULL,
  size BIGINT NOT NULL,
  duration DOUBLE PRECISION NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  video_codec TEXT COLLATE "C" NOT NULL,
  audio_codec TEXT COLLATE "C" NOT NULL,
  container TEXT COLLATE "C" NOT NULL,
  made_by TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE INDEX renditions_video ON renditions (video, id);

CREATE TABLE scans (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  library TEXT COLLATE "C" NOT NULL,
  job TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  counters TEXT COLLATE "C" NOT NULL,
  started_at BIGINT NOT NULL,
  discovering_ended_at BIGINT NOT NULL,
  scanning_ended_at BIGINT NOT NULL,
  caching_ended_at BIGINT NOT NULL,
  enriching_ended_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  problems TEXT COLLATE "C" NOT NULL
);
