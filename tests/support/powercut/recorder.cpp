// A recorder of what a power cut would leave, preloaded (LD_PRELOAD) into every process that works below one folder.
//
// The model is POSIX at its strictest:
//   - a file's content is durable as of the last fsync or fdatasync of it, by any process and any descriptor;
//   - a folder's entries are durable as of the last fsync of that folder: no create, rename, link or unlink before;
//   - everything else may be lost: O_SYNC and O_DSYNC, sync_file_range, msync, syncfs and sync count for nothing (the
//     product uses none of them to keep a promise; a new use of them is to be added here).
// So it is enough to look at the moment of each sync: writes and renames need no log, and none can slip by. At a sync
// of a file its content is copied to SHADOW/content/KEY, at one of a folder its entries to SHADOW/folders/KEY. KEY is
// inode and birth time, for inode numbers are given away again. Databases are synced often and are large: of files
// whose name holds ".db" only what was written since the last sync is copied, known from pwrite and ftruncate, by which
// SQLite writes. powercut.py makes a folder of the shadow and of what is there when the process was killed.
//
//   TROUPE_TEST_POWERCUT_ROOT    the folder, absolute, no links in it
//   TROUPE_TEST_POWERCUT_SHADOW  where the durable state is kept, outside of it, with folders content and folders
//
// When the shadow can't be written the process ends: a record with holes would blame the product for lost data.

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

template <class F>
F real(const char* name) {
  auto* found = ::dlsym(RTLD_NEXT, name);
  if (!found)
    std::abort();
  return reinterpret_cast<F>(found);
}

[[noreturn]] void give_up(const char* doing) {
  std::fprintf(stderr, "powercut recorder: %s: %s\n", doing, std::strerror(errno));
  std::_Exit(99);
}

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {
  }
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const {
    return fd_;
  }

private:
  int fd_;
};

struct range {
  off_t from;
  off_t to;
};

struct identity {
  dev_t device;
  ino_t inode;
  auto operator<=>(const identity&) const = default;
};

std::string key_of(int at, const char* name) {
  struct statx facts {};
  int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(at, name, flags, STATX_INO | STATX_BTIME | STATX_TYPE, &facts) != 0)
    return {};
  char type = S_ISDIR(facts.stx_mode) ? 'd' : S_ISREG(facts.stx_mode) ? 'f' : 'o';
  char out[96];
  std::snprintf(out, sizeof(out), "%c%llu-%lld.%09u", type, static_cast<unsigned long long>(facts.stx_ino),
                static_cast<long long>(facts.stx_btime.tv_sec), facts.stx_btime.tv_nsec);
  return out;
}

void copy_range(int from, int to, range what) {
  char buffer[65536];
  while (what.from < what.to) {
    auto want = std::min<off_t>(static_cast<off_t>(sizeof(buffer)), what.to - what.from);
    auto n = ::pread(from, buffer, static_cast<size_t>(want), what.from);
    if (n == 0)
      return;
    if (n < 0)
      give_up("read what was synced");
    static const auto write = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
    for (ssize_t done = 0; done < n;) {
      auto written = write(to, buffer + done, static_cast<size_t>(n - done), what.from + done);
      if (written <= 0)
        give_up("write the shadow");
      done += written;
    }
    what.from += n;
  }
}

class recorder {
public:
  /// nullptr: this process is not recorded.
  static recorder* instance() {
    // Never destroyed: threads may sync while the process exits.
    static recorder* one = [] {
      auto root = std::getenv("TROUPE_TEST_POWERCUT_ROOT");
      auto shadow = std::getenv("TROUPE_TEST_POWERCUT_SHADOW");
      return root && shadow ? new recorder{root, shadow} : nullptr;
    }();
    return one;
  }

  /// Before the real sync: what was written up to here. After it: what is durable now.
  std::vector<range> begin_sync(int fd) {
    std::vector<range> out;
    struct stat facts {};
    if (::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) {
      std::lock_guard guard{mutex_};
      if (auto found = written_.find({facts.st_dev, facts.st_ino}); found != written_.end())
        out.swap(found->second.ranges);
    }
    return out;
  }

  void end_sync(int fd, const std::vector<range>& ranges) {
    struct stat facts {};
    auto path = path_of(fd);
    if (!below(path) || ::fstat(fd, &facts) != 0)
      return;
    // One at a time over all processes, or an older state could replace a newer one.
    std::lock_guard guard{shadow_mutex_};
    descriptor lock{::open((shadow_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    // A sandboxed process, which may open nothing: its sync does not count, which is stricter than the truth.
    if (lock.get() < 0 && (errno == EACCES || errno == EPERM))
      return;
    if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0)
      give_up("lock the shadow");
    if (S_ISDIR(facts.st_mode))
      keep_folder(fd);
    else if (S_ISREG(facts.st_mode))
      keep_file(fd, facts, path, ranges);
  }

  void wrote(int fd, range what) {
    struct stat facts {};
    std::lock_guard guard{mutex_};
    if (written_.empty() || ::fstat(fd, &facts) != 0)
      return;
    if (auto found = written_.find({facts.st_dev, facts.st_ino}); found != written_.end())
      found->second.ranges.push_back(what);
  }

private:
  struct tracked {
    std::string key;
    std::vector<range> ranges;
  };

  recorder(std::string root, std::string shadow) : root_(std::move(root)), shadow_(std::move(shadow)) {
  }

  static std::string path_of(int fd) {
    char target[4096];
    auto n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof(target));
    return n > 0 ? std::string(target, static_cast<size_t>(n)) : std::string{};
  }

  bool below(const std::string& path) const {
    return path == root_ || (path.size() > root_.size() && path.starts_with(root_) && path[root_.size()] == '/');
  }

  /// Written beside and renamed: a kill leaves the state before or the one after.
  template <class Fill>
  void replace(const std::string& name, Fill fill) {
    auto beside = shadow_ + "/new";
    {
      descriptor out{::open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
      if (out.get() < 0)
        give_up("make a file of the shadow");
      fill(out.get());
    }
    if (::rename(beside.c_str(), name.c_str()) != 0)
      give_up("replace a file of the shadow");
  }

  void keep_folder(int fd) {
    std::string text;
    int again = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto* folder = again < 0 ? nullptr : ::fdopendir(again);
    if (!folder)
      give_up("read a folder");
    while (auto* entry = ::readdir(folder)) {
      std::string name{entry->d_name};
      if (name == "." || name == "..")
        continue;
      if (auto key = key_of(again, entry->d_name); !key.empty())
        text += key + " " + name + '\0';
    }
    ::closedir(folder);
    replace(shadow_ + "/folders/" + key_of(fd, ""), [&](int out) {
      if (::write(out, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        give_up("write the shadow");
    });
  }

  void keep_file(int fd, const struct stat& facts, const std::string& path, const std::vector<range>& ranges) {
    auto key = key_of(fd, "");
    auto name = shadow_ + "/content/" + key;
    bool partly = path.substr(path.rfind('/') + 1).find(".db") != std::string::npos;
    if (partly && !start_tracking({facts.st_dev, facts.st_ino}, key)) {
      descriptor out{::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
      if (out.get() < 0)
        give_up("open a file of the shadow");
      for (auto& r : ranges)
        copy_range(source(fd).get(), out.get(), r);
      static const auto truncate = real<int (*)(int, off_t)>("ftruncate64");
      if (truncate(out.get(), facts.st_size) != 0)
        give_up("write the shadow");
      return;
    }
    replace(name, [&](int out) { copy_range(source(fd).get(), out, {0, facts.st_size}); });
  }

  /// True: from now on its writes are known; so far they were not.
  bool start_tracking(identity file, const std::string& key) {
    std::lock_guard guard{mutex_};
    auto& entry = written_[file];
    if (entry.key == key)
      return false;
    entry.key = key;
    entry.ranges.clear();
    return true;
  }

  /// The same file for reading: the synced descriptor may be write-only.
  static descriptor source(int fd) {
    int again = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC);
    if (again < 0)
      give_up("open what was synced");
    return descriptor{again};
  }

  const std::string root_;
  const std::string shadow_;
  std::mutex mutex_;
  std::map<identity, tracked> written_;
  std::mutex shadow_mutex_;
};

using sync_function = int (*)(int);
using write_function = ssize_t (*)(int, const void*, size_t, off_t);
using truncate_function = int (*)(int, off_t);

int synced(sync_function next, int fd) {
  auto* r = recorder::instance();
  if (!r)
    return next(fd);
  auto ranges = r->begin_sync(fd);
  int rc = next(fd);
  int saved = errno;
  if (rc == 0)
    r->end_sync(fd, ranges);
  else
    for (auto& what : ranges)
      r->wrote(fd, what);
  errno = saved;
  return rc;
}

ssize_t written(write_function next, int fd, const void* data, size_t size, off_t at) {
  auto n = next(fd, data, size, at);
  int saved = errno;
  if (auto* r = recorder::instance(); r && n > 0)
    r->wrote(fd, {at, at + n});
  errno = saved;
  return n;
}

int truncated(truncate_function next, int fd, off_t size) {
  struct stat before {};
  bool known = ::fstat(fd, &before) == 0;
  int rc = next(fd, size);
  int saved = errno;
  if (auto* r = recorder::instance(); r && rc == 0 && known)
    r->wrote(fd, {std::min(size, before.st_size), std::max(size, before.st_size)});
  errno = saved;
  return rc;
}

} // namespace

extern "C" {

int fsync(int fd) {
  static const auto next = real<sync_function>("fsync");
  return synced(next, fd);
}
int fdatasync(int fd) {
  static const auto next = real<sync_function>("fdatasync");
  return synced(next, fd);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static const auto next = real<write_function>("pwrite");
  return written(next, fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  static const auto next = real<write_function>("pwrite64");
  return written(next, fd, data, size, at);
}
int ftruncate(int fd, off_t size) noexcept {
  static const auto next = real<truncate_function>("ftruncate");
  return truncated(next, fd, size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  static const auto next = real<truncate_function>("ftruncate64");
  return truncated(next, fd, size);
}
}
