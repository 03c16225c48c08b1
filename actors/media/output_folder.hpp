#pragma once

#include "actors/media/attempt.hpp"

#include <set>

namespace troupe::work {

/// A file that an operation says it has written.
struct said_file {
  std::string name;
  /// Nothing: it does not say, but not empty.
  std::optional<uint64_t> bytes;
};

/// The outputs that an operation asks for by name while it runs (sheets, segments, playlists): made in one folder below
/// the attempt's scratch folder, checked, and published together. Used on the attempt's thread.
class output_folder {
public:
  /// `path`: absolute, not there yet; whoever gave it removes what is left in it.
  output_folder(const workshop& shop, std::string path) : shop_(shop), path_(std::move(path)) {
  }
  output_folder(const output_folder&) = delete;
  output_folder& operator=(const output_folder&) = delete;

  /// For attempt::execute; not to be called when this is gone.
  output_maker maker();
  /// That the operation wrote exactly the files that it was given, and in each as much as it says: errc::protocol if
  /// not. Blocks.
  result<void> check(const std::vector<said_file>& said) const;
  /// The files' sizes together, as check() found them.
  uint64_t bytes() const noexcept {
    return bytes_;
  }
  std::string file(std::string_view name) const {
    return path_ + "/" + std::string{name};
  }
  /// Syncs all of it and renames the folder to this name below the data folder. Blocks.
  result<void> publish(attempt& a, const std::string& folder);

private:
  const workshop& shop_;
  std::string path_;
  std::set<std::string, std::less<>> given_;
  mutable uint64_t bytes_ = 0;
};

} // namespace troupe::work
