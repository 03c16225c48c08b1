-- Sheets of small pictures for a player's seek bar: of each video the ones of its present content.

CREATE TABLE storyboards (
  video TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
  -- The content that they are of.
  size BIGINT NOT NULL,
  mtime_ns BIGINT NOT NULL,
  inode BIGINT NOT NULL,
  folder TEXT COLLATE "C" NOT NULL,
  tile_width BIGINT NOT NULL,
  tile_height BIGINT NOT NULL,
  tile_columns BIGINT NOT NULL,
  tile_rows BIGINT NOT NULL,
  tiles BIGINT NOT NULL,
  interval_ms BIGINT NOT NULL,
  asked_width BIGINT NOT NULL,
  asked_interval_ms BIGINT NOT NULL,
  has_bif BIGINT NOT NULL,
  -- Named as Jellyfin wants them.
  jellyfin BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  made_by TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);

-- The content that a rendition is of; 0: not known.
ALTER TABLE renditions ADD COLUMN source_size BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN source_mtime_ns BIGINT NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN source_inode BIGINT NOT NULL DEFAULT 0;
