#include "host/files.hpp"
#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

namespace troupe::host {

namespace {

using steady = std::chrono::steady_clock;

constexpr size_t max_batch = 500;
constexpr std::chrono::seconds batch_interval{1};
constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// One component at a time, for kernels and sandboxes without openat2. O_NOFOLLOW covers each.
unique_fd open_by_steps(int root, const std::string& path) {
  unique_fd at{::openat(root, ".", folder_flags)};
  for (size_t from = 0; at && from < path.size();) {
    auto slash = std::min(path.find('/', from), path.size());
    at = unique_fd{::openat(at.get(), path.substr(from, slash - from).c_str(), folder_flags)};
    from = slash + 1;
  }
  return at;
}

/// A folder below the root by its relative path, no component of which may have become a symbolic link.
unique_fd open_below(int root, const std::string& path) {
  if (path.empty())
    return open_by_steps(root, path);
  struct open_how how {};
  how.flags = folder_flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  unique_fd fd{static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)))};
  return !fd && (errno == ENOSYS || errno == EPERM) ? open_by_steps(root, path) : std::move(fd);
}

class walker {
public:
  walker(unique_fd root, std::string name, const std::function<bool(std::string_view)>& wanted,
         const std::function<bool(ports::walk_batch)>& sink) :
    root_(std::move(root)),
    name_(std::move(name)), wanted_(wanted), sink_(sink) {
  }

  result<void> run() {
    pending_.push_back("");
    seen_ = 1;
    bool more = true;
    while (more && !pending_.empty()) {
      auto folder = std::move(pending_.back());
      pending_.pop_back();
      more = read(folder);
      if (folder.empty() && !root_problem_.message.empty())
        return root_problem_;
    }
    if (more && (!batch_.files.empty() || !batch_.problems.empty() || reported_done_ != done_))
      more = flush();
    return more ? result<void>{} : result<void>{errc::cancelled, "the walk of " + name_ + " was stopped"};
  }

private:
  bool read(const std::string& folder) {
    auto fd = open_below(root_.get(), folder);
    dir_ptr dir{fd ? ::fdopendir(fd.get()) : nullptr};
    if (!dir) {
      trouble(folder, system_error(errno, "read the folder", shown(folder)));
    } else {
      fd.release();
      if (!read_entries(dir.get(), folder))
        return false;
    }
    ++done_;
    return flush_if_due();
  }

  bool read_entries(DIR* dir, const std::string& folder) {
    std::vector<std::string> names;
    std::vector<std::string> folders;
    for (;;) {
      errno = 0;
      auto entry = ::readdir(dir);
      if (entry == nullptr)
        break;
      if (entry->d_name[0] != '.')
        sort_in(dir, entry, names, folders);
    }
    if (errno != 0)
      trouble(folder, system_error(errno, "read the folder", shown(folder)));
    std::sort(names.begin(), names.end());
    std::sort(folders.begin(), folders.end(), std::greater<>{});
    auto prefix = folder.empty() ? std::string{} : folder + "/";
    seen_ += folders.size();
    for (auto& name : folders)
      pending_.push_back(prefix + name);
    for (auto& name : names)
      if (!look_at(::dirfd(dir), name, prefix))
        return false;
    return true;
  }

  void sort_in(DIR* dir, const dirent* entry, std::vector<std::string>& names, std::vector<std::string>& folders) {
    auto type = entry->d_type;
    struct stat facts {};
    // Some file systems do not tell.
    if (type == DT_UNKNOWN && ::fstatat(::dirfd(dir), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0)
      type = S_ISDIR(facts.st_mode) ? DT_DIR : S_ISREG(facts.st_mode) ? DT_REG : DT_LNK;
    if (type == DT_DIR)
      folders.emplace_back(entry->d_name);
    else if (type == DT_REG && wanted_(entry->d_name))
      names.emplace_back(entry->d_name);
  }

  bool look_at(int dir, const std::string& name, const std::string& prefix) {
    struct stat facts {};
    auto path = prefix + name;
    if (!is_utf8(path)) {
      batch_.problems.push_back("the name of " + shown(path) + " is not UTF-8: rename it");
    } else if (::fstatat(dir, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) {
        batch_.problems.push_back(system_error(errno, "look at", shown(path)).message);
        batch_.hidden.push_back(std::move(path));
      }
    } else if (S_ISREG(facts.st_mode)) {
      batch_.files.push_back({std::move(path), version_from(facts)});
    }
    return flush_if_due();
  }

  void trouble(const std::string& folder, error what) {
    if (folder.empty())
      root_problem_ = std::move(what);
    else {
      batch_.problems.push_back(std::move(what.message));
      batch_.hidden.push_back(folder);
    }
  }

  std::string shown(const std::string& path) const {
    return path.empty() ? name_ : name_ + "/" + path;
  }

  bool flush_if_due() {
    bool full = batch_.files.size() >= max_batch || batch_.problems.size() >= max_batch;
    return full || steady::now() - last_flush_ >= batch_interval ? flush() : true;
  }

  bool flush() {
    batch_.directories_seen = seen_;
    batch_.directories_done = done_;
    reported_done_ = done_;
    bool more = sink_(std::move(batch_));
    batch_ = {};
    last_flush_ = steady::now();
    return more;
  }

  unique_fd root_;
  std::string name_;
  const std::function<bool(std::string_view)>& wanted_;
  const std::function<bool(ports::walk_batch)>& sink_;
  /// Folders to read, next one last.
  std::vector<std::string> pending_;
  ports::walk_batch batch_;
  error root_problem_{errc::none, {}};
  uint64_t seen_ = 0;
  uint64_t done_ = 0;
  uint64_t reported_done_ = 0;
  steady::time_point last_flush_ = steady::now();
};

} // namespace

result<void> files::walk(const std::string& root, const std::function<bool(std::string_view name)>& wanted,
                         const std::function<bool(ports::walk_batch)>& batch) {
  TROUPE_TRY(check_path(root));
  // The root itself may be a link: a person chose it.
  unique_fd fd{::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd)
    return system_error(errno, "read the folder", root);
  return walker{std::move(fd), root, wanted, batch}.run();
}

} // namespace troupe::host
