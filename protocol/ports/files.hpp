#pragma once

// The file system, as far as actors touch it. Every call blocks: own threads only. Paths are absolute unless said
// otherwise. errc: not_found, forbidden, storage_full (ENOSPC, EDQUOT), io.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/result.hpp"
#include "protocol/ports/fd.hpp"

#include <functional>

namespace troupe::ports {

struct opened_file {
  unique_fd fd;
  file_version version;
};

struct found_file {
  /// Relative to the root of the walk, '/' separated.
  std::string path;
  file_version version;
};

struct walk_batch {
  std::vector<found_file> files;
  uint64_t directories_seen = 0;
  uint64_t directories_done = 0;
  /// Folders and files that could not be read, a sentence each.
  std::vector<std::string> problems;
  /// Of these, relative like `found_file::path`, the ones that may hold files which are known: what is not found there
  /// is hidden rather than gone. (A name that is not UTF-8 is a problem, but hides nothing that could be known.)
  std::vector<std::string> hidden;
};

/// What a folder's name leads to.
struct folder_facts {
  /// The name is a symbolic link, to this.
  std::string link;
  /// It holds nothing (what a file system makes for itself, lost+found, does not count).
  bool empty = false;
  /// Its name without links, as far as the system knows one, else as it was asked for; and which folder that is: two
  /// names of one folder have the same numbers, also where one of them is a mount of the other.
  std::string real_path{};
  uint64_t device = 0;
  uint64_t inode = 0;
};

struct disk_space {
  uint64_t total = 0;
  uint64_t available = 0;
};

class files {
public:
  virtual ~files() = default;

  /// A regular file for reading (O_NOFOLLOW on the last component, no FIFOs or devices).
  virtual result<opened_file> open_source(const std::string& path) = 0;
  /// The same for what is found below a root, a library's folder say, in which others rename and link: whatever links
  /// are there by now, nothing outside of the root is opened. `path`: relative; `root` may itself be reached by links.
  /// errc::unprocessable with what to do for what is never opened: behind a link that leads out of the root, itself a
  /// link, or no regular file.
  virtual result<opened_file> open_below(const std::string& root, const std::string& path) = 0;
  virtual result<file_version> version_of(const std::string& path) = 0;
  /// New file, read-write, mode 0640; errc::conflict if the name exists. Parent folders are made.
  virtual result<unique_fd> create(const std::string& path) = 0;
  /// Existing or new file for appending at its end (downloads that resume); its present size with it.
  virtual result<opened_file> open_append(const std::string& path) = 0;
  /// Syncs the file, renames it (never over another file: errc::conflict), syncs both folders. When this returns, the
  /// new name survives a power cut; before, only the old one is there.
  virtual result<void> publish(const std::string& from, const std::string& to) = 0;
  /// The same for a whole folder: every file and folder in it is synced first.
  virtual result<void> publish_folder(const std::string& from, const std::string& to) = 0;
  /// A file or a whole folder; missing is no error.
  virtual result<void> remove(const std::string& path) = 0;
  virtual result<void> make_folders(const std::string& path) = 0;
  /// Names in a folder, unsorted; missing is an empty list.
  virtual result<std::vector<std::string>> list(const std::string& folder) = 0;
  /// Follows links. not_found: nothing has that name, or the link leads nowhere; unprocessable: it is something else
  /// than a folder; forbidden: it may not be read. It reads no more than the first few names.
  virtual result<folder_facts> look_at_folder(const std::string& path) = 0;
  /// Small files only (at most 64 KiB).
  virtual result<std::string> read_text(const std::string& path) = 0;
  /// Writes beside, syncs, renames over, syncs the folder.
  virtual result<void> write_text(const std::string& path, std::string_view text) = 0;
  virtual result<disk_space> space(const std::string& path) = 0;

  /// Walks a tree depth first, folders in byte order, symbolic links not followed, hidden names ('.') and names that
  /// `wanted` refuses left out. Calls `batch` with at most 500 files at a time and at least after each second; false
  /// from it stops the walk (errc::cancelled). A root that is missing or not a folder is an error; a folder below it
  /// that can't be read is a problem in the batch.
  virtual result<void> walk(const std::string& root, const std::function<bool(std::string_view name)>& wanted,
                            const std::function<bool(walk_batch)>& batch) = 0;
};

} // namespace troupe::ports
