#pragma once

// What the jobs of a worker are asked with and answer: JSON objects, made on one side and read on the other. Paths are
// absolute as the coordinator sees them; `file` is relative to the data folder. Errors are errc::validation, with all
// wrong fields at once. Unknown fields are ignored.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"

#include <span>

namespace troupe::work {

/// {"path","videoId","libraryId","relativePath","version":"size-mtimeNs-inode","title","category"}
struct ingest_payload {
  std::string path;
  video_id video;
  library_id library;
  std::string relative_path;
  /// As the scan saw it; what the result says counts.
  file_version version;
  std::string title;
  std::string category;
};
std::string encode(const ingest_payload& x);
result<ingest_payload> decode_ingest_payload(std::string_view json);

/// {"video":{"id","libraryId","path","version","title","category","duration","width","height","videoCodec",
/// "audioCodec","container","media":{…},"thumbnails":[{"width","height","file"}]}}: state is ready, times are not set.
struct ingest_result {
  video item;
};
std::string encode(const ingest_result& x);
result<ingest_result> decode_ingest_result(std::string_view json);

/// {"videoId","profile":"web-720p" or {"base":"web-720p","crf":20,…} or {"container","videoCodec",…}}
/// (profile_builder.hpp). It may come from a client, and so it names no path: the worker asks the catalogue where the
/// video's file is.
struct transcode_payload {
  video_id video;
  media_profile profile;
};
/// The whole profile is written, so that a later change of the configured one does not change the job.
std::string encode(const transcode_payload& x);
/// `known`: the profiles that it may name. A job that was kept has a whole one; those of older versions name a built-in
/// one.
result<transcode_payload> decode_transcode_payload(std::string_view json,
                                                   std::span<const media_profile> known = builtin_profiles());

/// {"rendition":{"videoId","version","profile","file","size","duration","width","height","videoCodec","audioCodec",
/// "container","madeBy"}}: id and creation time are the coordinator's.
struct transcode_result {
  rendition item;
};
std::string encode(const transcode_result& x);
result<transcode_result> decode_transcode_result(std::string_view json);

/// The same for a profile that makes a ladder; the result is a transcode_result whose file is a folder.
using hls_payload = transcode_payload;
result<hls_payload> decode_hls_payload(std::string_view json,
                                       std::span<const media_profile> known = builtin_profiles());

/// {"videoId","version"?,"width","interval" (seconds),"columns","rows","bif","jellyfin","otherwise"?}. It may come from
/// a client, too.
struct storyboard_payload {
  video_id video;
  /// Of the content that was seen by whoever asks; only tells one wish from another.
  file_version version;
  /// Of a tile, pixels.
  uint32_t width = 320;
  uint32_t columns = 10;
  uint32_t rows = 10;
  /// From tile to tile; a short film gets a smaller one, but not for Jellyfin.
  milliseconds interval{10'000};
  bool bif = false;
  /// Sheets as Jellyfin names and sizes them.
  bool jellyfin = false;

  bool operator==(const storyboard_payload&) const = default;
};
std::string encode(const storyboard_payload& x);
/// Fields that are missing are taken from `open` if there is one, else from the object "otherwise" (width, interval,
/// bif and jellyfin of the storyboard that is there), else from `defaults`.
result<storyboard_payload> decode_storyboard_payload(std::string_view json, const storyboard_payload& defaults = {},
                                                     const storyboard_payload* open = nullptr);

/// {"storyboard":{"videoId","version","folder","tileWidth","tileHeight","columns","rows","count","intervalMs",
/// "askedWidth","askedIntervalMs","bif","jellyfin","bytes","madeBy"}}: the creation time is the coordinator's.
struct storyboard_result {
  storyboard item;
};
std::string encode(const storyboard_result& x);
result<storyboard_result> decode_storyboard_result(std::string_view json);

/// {"url","category","title"}
struct download_payload {
  std::string url;
  std::string category;
  /// Empty: from the server's file name.
  std::string title;
};
std::string encode(const download_payload& x);
result<download_payload> decode_download_payload(std::string_view json);

/// {"path","relativePath","version","title","category","contentType"}: all that an ingest job needs beside ids.
struct download_result {
  std::string path;
  /// Below the root of the downloads library.
  std::string relative_path;
  file_version version;
  std::string title;
  std::string category;
  std::string content_type;
};
std::string encode(const download_result& x);
result<download_result> decode_download_result(std::string_view json);

/// {"filesRemoved","problems":[…]}
struct cleanup_result {
  uint64_t files_removed = 0;
  std::vector<std::string> problems;
};
std::string encode(const cleanup_result& x);

/// file_version::str and back.
std::optional<file_version> parse_version(std::string_view text);

} // namespace troupe::work
