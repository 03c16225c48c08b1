#pragma once

// What the librarian owns: libraries, the videos in them, what was made from them, and scans.

#include "protocol/model/error.hpp"
#include "protocol/model/ids.hpp"
#include "protocol/model/time.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Two libraries are built in: "uploads" and "downloads", both below the data folder.
enum class library_origin : uint8_t { folder, uploads, downloads };

/// Their ids are the same everywhere.
inline constexpr library_id uploads_library{raw_id{0, 1}};
inline constexpr library_id downloads_library{raw_id{0, 2}};

/// What a worker offers that has the library mounted: a job of its files prefers it, or needs it.
std::string library_capability(library_id id);

struct library {
  library_id id;
  std::string name;
  std::string category;
  /// Absolute path of the root on the node that has it.
  std::string root;
  library_origin origin = library_origin::folder;
  timestamp created;
  timestamp updated;

  bool operator==(const library&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, library& x) {
  return f(x.id, x.name, x.category, x.root, x.origin, x.created, x.updated);
}

enum class video_state : uint8_t {
  /// Found, not yet ingested.
  pending,
  ready,
  /// Ingest failed; `problem` says why.
  failed,
  /// The file is gone; kept for a while so that a move or a remount brings the metadata back.
  missing,
  /// Removed by a person; a scan does not bring it back.
  removed
};

std::string_view to_string(video_state s) noexcept;
std::optional<video_state> video_state_from(std::string_view name) noexcept;

/// Identifies one content of one file: any write changes it.
struct file_version {
  uint64_t size = 0;
  /// Nanoseconds since 1970.
  int64_t mtime_ns = 0;
  uint64_t inode = 0;

  bool operator==(const file_version&) const = default;
  /// "size-mtime-inode": part of submission ids and ETags.
  std::string str() const;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, file_version& x) {
  return f(x.size, x.mtime_ns, x.inode);
}

/// Of one file as two nodes see it: sizes are the same, and times are. Where inodes differ, as they do on another
/// mount, times may differ by up to 2 s, which is as exact as FAT and some SMB servers keep them. On one node compare
/// with ==.
bool same_content(const file_version& a, const file_version& b) noexcept;

struct picture {
  uint32_t width = 0;
  uint32_t height = 0;
  /// Relative to the data folder; immutable.
  std::string file;

  bool operator==(const picture&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, picture& x) {
  return f(x.width, x.height, x.file);
}

struct video {
  video_id id;
  library_id library;
  std::string category;
  std::string title;
  /// Relative to the library's root, '/' separated.
  std::string path;
  file_version version;
  video_state state = video_state::pending;
  error problem{errc::none, {}};
  /// The few facts of `media` that lists filter and sort by.
  double duration = 0;
  uint32_t width = 0;
  uint32_t height = 0;
  std::string video_codec;
  std::string audio_codec;
  std::string container;
  /// The whole probe as JSON (media_info); empty until ready.
  std::string media;
  std::vector<picture> thumbnails;
  timestamp created;
  timestamp updated;

  bool operator==(const video&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, video& x) {
  return f(x.id, x.library, x.category, x.title, x.path, x.version, x.state, x.problem, x.duration, x.width, x.height,
           x.video_codec, x.audio_codec, x.container, x.media, x.thumbnails, x.created, x.updated);
}

/// A file or folder (container "hls") made from a video. The row is its publication: without one it is collected.
struct rendition {
  rendition_id id;
  video_id video;
  /// The content that it is of; none: not known (made by an earlier release).
  file_version version;
  std::string profile;
  /// Relative to the data folder; immutable, its name carries (job, attempt).
  std::string file;
  uint64_t size = 0;
  double duration = 0;
  uint32_t width = 0;
  uint32_t height = 0;
  std::string video_codec;
  std::string audio_codec;
  std::string container;
  /// The job that made it, as text.
  std::string made_by;
  timestamp created;

  bool operator==(const rendition&) const = default;
  bool is_ladder() const noexcept {
    return container == "hls";
  }
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, rendition& x) {
  return f(x.id, x.video, x.version, x.profile, x.file, x.size, x.duration, x.width, x.height, x.video_codec,
           x.audio_codec, x.container, x.made_by, x.created);
}

/// Sheets of small pictures of a film at equal distances, for a player's seek bar. A video has one at most. The row is
/// its publication.
struct storyboard {
  video_id video;
  /// The content that it is of.
  file_version version;
  /// Relative to the data folder; immutable, its name carries (job, attempt). Holds the sheets and the BIF.
  std::string folder;
  uint32_t tile_width = 0;
  uint32_t tile_height = 0;
  /// Of a sheet; the last one may have fewer rows.
  uint32_t columns = 0;
  uint32_t rows = 0;
  /// Tiles on all sheets, from left to right, then down; 0: there is no storyboard.
  uint32_t count = 0;
  /// Tile n stands for [n, n + 1) times it.
  milliseconds interval{0};
  /// What it was asked to be, which the film may not allow: a small one has narrower tiles, a short one more of them.
  uint32_t asked_width = 0;
  milliseconds asked_interval{0};
  bool bif = false;
  /// Its files are named as Jellyfin wants them in "<film>.trickplay".
  bool jellyfin = false;
  /// Of all files.
  uint64_t bytes = 0;
  /// The job that made it, as text.
  std::string made_by;
  timestamp created;

  static constexpr std::string_view bif_name = "storyboard.bif";

  bool operator==(const storyboard&) const = default;
  bool exists() const noexcept {
    return count > 0;
  }
  uint32_t sheets() const noexcept;
  /// "storyboard-0.jpg", or Jellyfin's "320 - 10x10/0.jpg".
  std::string sheet_name(uint32_t n) const;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, storyboard& x) {
  return f(x.video, x.version, x.folder, x.tile_width, x.tile_height, x.columns, x.rows, x.count, x.interval,
           x.asked_width, x.asked_interval, x.bif, x.jellyfin, x.bytes, x.made_by, x.created);
}

enum class scan_status : uint8_t { discovering, scanning, caching, enriching, completed, failed, cancelled };

std::string_view to_string(scan_status s) noexcept;
std::optional<scan_status> scan_status_from(std::string_view name) noexcept;

struct scan {
  scan_id id;
  library_id library;
  /// The job that runs it.
  std::string job;
  scan_status status = scan_status::discovering;
  /// directoriesTotal, directoriesQueued, directoriesScanned, itemsFound, itemsNew, itemsUpdated, itemsRemoved,
  /// assetsQueued, assetsCached, enrichmentQueued, enrichmentCompleted, errors; assetsFailed within Troupe.
  std::map<std::string, int64_t> counters;
  timestamp started;
  timestamp discovering_ended;
  timestamp scanning_ended;
  timestamp caching_ended;
  timestamp enriching_ended;
  timestamp finished;
  /// At most the last 20, a sentence each.
  std::vector<std::string> problems;

  bool operator==(const scan&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, scan& x) {
  return f(x.id, x.library, x.job, x.status, x.counters, x.started, x.discovering_ended, x.scanning_ended,
           x.caching_ended, x.enriching_ended, x.finished, x.problems);
}

struct video_query {
  std::string category;
  std::string search;
  /// "title", "-created" (default), "duration", "size"; a leading '-' turns it round.
  std::string sort;
  /// Empty: ready, pending and failed; otherwise one state's name.
  std::string state;
  library_id library;
  uint32_t page = 1;
  uint32_t limit = 20;

  auto operator<=>(const video_query&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, video_query& x) {
  return f(x.category, x.search, x.sort, x.state, x.library, x.page, x.limit);
}

struct video_page {
  std::vector<video> videos;
  uint64_t total = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, video_page& x) {
  return f(x.videos, x.total);
}

/// One video with all that belongs to it.
struct video_detail {
  video item;
  library home;
  std::vector<rendition> renditions;
  /// Of its present content.
  storyboard board;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, video_detail& x) {
  return f(x.item, x.home, x.renditions, x.board);
}

struct category_count {
  std::string category;
  uint64_t videos = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, category_count& x) {
  return f(x.category, x.videos);
}

/// What a scan compares a folder with.
struct known_file {
  video_id id;
  std::string path;
  file_version version;
  video_state state = video_state::pending;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, known_file& x) {
  return f(x.id, x.path, x.version, x.state);
}

} // namespace troupe
