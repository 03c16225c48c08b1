#pragma once

#include "host/files.hpp"

#include <memory>

namespace troupe::host {

/// ports::files by way of one open folder: its own path and those below it lead into the folder that it was when it was
/// opened, whatever is mounted at its name by now, or is not mounted any more. All other paths are as with `files`.
/// Messages of errors name paths as they were asked for. Thread safe; every call blocks. The folder's file system can't
/// be unmounted (but lazily) as long as one of these lives.
class folder_files final : public ports::files {
public:
  /// `folder`: absolute, without a slash at its end. Not found, not a folder, not allowed: as in `system_error`.
  static result<std::shared_ptr<folder_files>> open(const std::string& folder);

  /// May this process make files in it? For a folder that is there, and nothing else than that.
  result<void> check_writable(const std::string& path) const;

  result<ports::opened_file> open_source(const std::string& path) override;
  result<ports::opened_file> open_below(const std::string& root, const std::string& path) override;
  result<file_version> version_of(const std::string& path) override;
  result<unique_fd> create(const std::string& path) override;
  result<ports::opened_file> open_append(const std::string& path) override;
  result<void> publish(const std::string& from, const std::string& to) override;
  result<void> publish_folder(const std::string& from, const std::string& to) override;
  result<void> remove(const std::string& path) override;
  result<void> make_folders(const std::string& path) override;
  result<std::vector<std::string>> list(const std::string& folder) override;
  result<ports::folder_facts> look_at_folder(const std::string& path) override;
  result<std::string> read_text(const std::string& path) override;
  result<void> write_text(const std::string& path, std::string_view text) override;
  result<ports::disk_space> space(const std::string& path) override;
  result<void> walk(const std::string& root, const std::function<bool(std::string_view name)>& wanted,
                    const std::function<bool(ports::walk_batch)>& batch) override;

private:
  folder_files(std::string folder, unique_fd fd);

  /// Where the kernel finds it.
  std::string inside(const std::string& path) const;
  /// For people.
  std::string outside(std::string text) const;
  template <class T>
  result<T> told(result<T> x) const;

  const std::string folder_;
  const unique_fd fd_;
  /// What the kernel calls the open folder.
  const std::string entry_;
  host::files disk_;
};

} // namespace troupe::host
