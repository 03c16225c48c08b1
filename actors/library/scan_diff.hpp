#pragma once

// What a scan decides, without walking anything: which files are new, changed or gone. Actor-free.

#include "protocol/model/catalogue.hpp"

#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::catalogue {

/// Does the name look like media that Troupe ingests (by its extension, any case)? Hidden names never do.
bool is_media_name(std::string_view name) noexcept;

/// Names that media share with text: .ts and .mts are MPEG-TS, and TypeScript, and Qt's translations. Their content
/// decides.
bool may_name_text(std::string_view name) noexcept;
/// Is this how a text file begins? No media format begins with so many bytes without a control character.
bool looks_like_text(std::string_view head) noexcept;
inline constexpr size_t text_head_size = 512;

class scan_diff {
public:
  /// `own_versions`: what is known was seen on this node, so that another inode is another file.
  explicit scan_diff(bool own_versions = true) : own_versions_(own_versions) {
  }

  /// Everything the catalogue knows of the library, in any order.
  void add_known(known_file file);

  /// The catalogue has a file of this path.
  bool knows(const std::string& path) const {
    return known_.contains(path);
  }

  /// One file that the walk found. What has to be written and ingested, if anything: a new file (id none), a changed
  /// one, one that was missing, or one whose ingest never ended.
  std::optional<known_file> found(std::string path, const file_version& version);

  /// The walk could not look at this folder or file: what is known there is hidden, not gone.
  void hidden(std::string path) {
    hidden_.insert(std::move(path));
  }

  /// Known files that the walk did not find, except those that are hidden, or marked missing or removed already. Call
  /// once, after a walk that reached its end.
  std::vector<video_id> missing() const;

  /// Files that were known and not missing when the scan began.
  uint64_t present_before() const noexcept {
    return present_before_;
  }
  uint64_t items_found() const noexcept {
    return found_;
  }
  uint64_t items_new() const noexcept {
    return new_;
  }
  uint64_t items_updated() const noexcept {
    return updated_;
  }

private:
  struct entry {
    known_file file;
    bool seen = false;
  };
  bool is_hidden(std::string_view path) const;

  bool own_versions_;
  std::unordered_map<std::string, entry> known_;
  std::set<std::string, std::less<>> hidden_;
  uint64_t present_before_ = 0;
  uint64_t found_ = 0;
  uint64_t new_ = 0;
  uint64_t updated_ = 0;
};

} // namespace troupe::catalogue
