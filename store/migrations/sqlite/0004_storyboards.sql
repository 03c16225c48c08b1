-- Sheets of small pictures for a player's seek bar: of each video the ones of its present content.

CREATE TABLE storyboards (
  video TEXT NOT NULL PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
  -- The content that they are of.
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  folder TEXT NOT NULL,
  tile_width INTEGER NOT NULL,
  tile_height INTEGER NOT NULL,
  tile_columns INTEGER NOT NULL,
  tile_rows INTEGER NOT NULL,
  tiles INTEGER NOT NULL,
  interval_ms INTEGER NOT NULL,
  asked_width INTEGER NOT NULL,
  asked_interval_ms INTEGER NOT NULL,
  has_bif INTEGER NOT NULL,
  -- Named as Jellyfin wants them.
  jellyfin INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

-- The content that a rendition is of; 0: not known.
ALTER TABLE renditions ADD COLUMN source_size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN source_mtime_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renditions ADD COLUMN source_inode INTEGER NOT NULL DEFAULT 0;
