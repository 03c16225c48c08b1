#pragma once

#include "protocol/ports/files.hpp"

namespace troupe::host {

/// ports::files on the local file system. Stateless, thread safe; every call blocks. Messages of errors name the path.
///
/// Beyond what the port says:
/// - A source is opened by O_PATH first, so that no FIFO or device is ever opened. Not a regular file: unprocessable; a
///   symbolic link: forbidden.
/// - Folders that are made are 0750, and each is synced into its parent: a published name survives with its path.
/// - A file system without RENAME_NOREPLACE is served by link and unlink, which refuse an existing name as well.
/// - The walk asks `wanted` about files only; file names that are not UTF-8 are problems, since no job could name them.
///   It keeps one folder open at a time, so neither depth nor width runs into a limit; a path over PATH_MAX is a
///   problem. directories_seen and directories_done are totals since its start, the root included.
class files final : public ports::files {
public:
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
};

} // namespace troupe::host
