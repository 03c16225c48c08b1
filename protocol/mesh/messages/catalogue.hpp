#pragma once

// Libraries, scans and videos.

#include "protocol/mesh/messages/inspect.hpp"
#include "protocol/model/catalogue.hpp"
#include "protocol/model/event.hpp"
#include "protocol/model/job.hpp"

namespace troupe::mesh {

struct get_libraries {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_libraries, x.unused)

struct library_list {
  std::vector<library> libraries;
};
TROUPE_INSPECT(library_list, x.libraries)

struct add_library {
  library what;
};
TROUPE_INSPECT(add_library, x.what)

struct edit_library {
  library what;
};
TROUPE_INSPECT(edit_library, x.what)

struct remove_library {
  library_id id;
};
TROUPE_INSPECT(remove_library, x.id)

struct scan_library {
  library_id id;
  std::string request_id;
  std::string traceparent;
};
TROUPE_INSPECT(scan_library, x.id, x.request_id, x.traceparent)

struct remove_video {
  video_id id;
  bool delete_file = false;
};
TROUPE_INSPECT(remove_video, x.id, x.delete_file)

/// Empty: leave as it is.
struct edit_video {
  video_id id;
  std::string title;
  std::string category;
};
TROUPE_INSPECT(edit_video, x.id, x.title, x.category)

struct get_video {
  video_id id;
};
TROUPE_INSPECT(get_video, x.id)

struct get_scans {
  uint32_t limit = 20;
};
TROUPE_INSPECT(get_scans, x.limit)

struct scan_list {
  std::vector<scan> scans;
};
TROUPE_INSPECT(scan_list, x.scans)

struct get_scan {
  scan_id id;
};
TROUPE_INSPECT(get_scan, x.id)

struct get_categories {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_categories, x.unused)

struct category_list {
  std::vector<category_count> categories;
};
TROUPE_INSPECT(category_list, x.categories)

/// A scanner asks what is known, a page at a time in byte order of the path.
struct get_known_files {
  library_id library;
  std::string after;
  uint32_t limit = 5000;
};
TROUPE_INSPECT(get_known_files, x.library, x.after, x.limit)

struct known_file_list {
  std::vector<known_file> files;
};
TROUPE_INSPECT(known_file_list, x.files)

/// A worker asks what it can tell the libraries by. An answer that is older than `max_age` is not given.
struct get_library_samples {
  milliseconds max_age{30'000};
};
TROUPE_INSPECT(get_library_samples, x.max_age)

/// A piece of a file of a library.
struct library_sample {
  /// Relative to the root.
  std::string path;
  uint64_t size = 0;
  uint64_t offset = 0;
  /// At most 256 from that offset; empty: the coordinator can't read the file itself, and has its size from the
  /// catalogue.
  std::string bytes;
};
TROUPE_INSPECT(library_sample, x.path, x.size, x.offset, x.bytes)

struct sampled_library {
  library_id id;
  std::string name;
  /// As the coordinator sees it.
  std::string root;
  library_origin origin = library_origin::folder;
  /// Files that the catalogue believes to be there.
  uint64_t files = 0;
  std::vector<library_sample> samples;
};
TROUPE_INSPECT(sampled_library, x.id, x.name, x.root, x.origin, x.files, x.samples)

struct library_sample_list {
  std::vector<sampled_library> libraries;
};
TROUPE_INSPECT(library_sample_list, x.libraries)

/// A library was added, changed, removed, or scanned.
struct libraries_changed {
  uint8_t unused = 0;
};
TROUPE_INSPECT(libraries_changed, x.unused)

/// What a scanner found since its last batch. Answered when committed; the jobs for it are submitted by then.
struct scan_batch {
  lease_token token;
  scan_id scan;
  library_id library;
  /// New or changed files (id none for new ones).
  std::vector<known_file> changed;
  std::vector<video_id> missing;
  scan_status phase = scan_status::scanning;
  /// Absolute values of the scanner's own counters.
  std::map<std::string, int64_t> counters;
  std::vector<std::string> problems;
};
TROUPE_INSPECT(scan_batch, x.token, x.scan, x.library, x.changed, x.missing, x.phase, x.counters, x.problems)

} // namespace troupe::mesh
