#include "host/mounted_file.hpp"

#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

namespace troupe::host {

namespace {

/// A client that is being served holds one.
constexpr uint64_t block_size = 256 * 1024;

/// File systems on this machine's own disks and memory, statfs(2). Every other may wait for somebody else.
constexpr std::array<uint32_t, 19> own_systems{0xEF53 /* ext2 to ext4 */,
                                               XFS_SUPER_MAGIC,
                                               BTRFS_SUPER_MAGIC,
                                               TMPFS_MAGIC,
                                               RAMFS_MAGIC,
                                               OVERLAYFS_SUPER_MAGIC,
                                               F2FS_SUPER_MAGIC,
                                               0x2FC12FC1 /* ZFS */,
                                               0xCA451A4E /* bcachefs */,
                                               MSDOS_SUPER_MAGIC,
                                               EXFAT_SUPER_MAGIC,
                                               0x7366746E /* ntfs3 */,
                                               ISOFS_SUPER_MAGIC,
                                               0x15013346 /* UDF */,
                                               0x3153464A /* JFS */,
                                               REISERFS_SUPER_MAGIC,
                                               NILFS_SUPER_MAGIC,
                                               SQUASHFS_MAGIC,
                                               HUGETLBFS_MAGIC};

bool may_hang(int fd) {
  struct statfs facts {};
  if (::fstatfs(fd, &facts) != 0)
    return true;
  return std::find(own_systems.begin(), own_systems.end(), static_cast<uint32_t>(facts.f_type)) == own_systems.end();
}

error unreadable() {
  return {errc::unavailable, "the file can't be read at the moment, or is shorter than it was; try again soon"};
}

error busy() {
  error out{errc::unavailable, "too many files of mounts are being sent; try again in a moment"};
  out.retry_after = milliseconds{2'000};
  return out;
}

/// One of the places for blocks, so that slow clients don't fill the memory: 128 MiB.
class block_place {
public:
  block_place() : taken_(used_.fetch_add(1) < most) {
  }
  ~block_place() {
    used_.fetch_sub(1);
  }
  block_place(const block_place&) = delete;
  block_place& operator=(const block_place&) = delete;
  bool taken() const noexcept {
    return taken_;
  }

private:
  static constexpr int most = 512;
  static inline std::atomic<int> used_{0};
  const bool taken_;
};

/// Room for one block, to be sent from: its pages are new ones each time, because what was sent before may still be
/// read from the old ones (sendfile passes pages on, and copies none).
class block {
public:
  result<void> fill(int from, uint64_t offset, uint64_t length) {
    if (!fd_)
      fd_ = unique_fd{::memfd_create("troupe-block", MFD_CLOEXEC)};
    if (!fd_ || ::ftruncate(fd_.get(), 0) != 0 || ::ftruncate(fd_.get(), static_cast<off_t>(length)) != 0)
      return {errc::unavailable, "too many files are open, try again"};
    auto* to = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (to == MAP_FAILED)
      return {errc::unavailable, "there is no memory for the file, try again"};
    auto done = read_all(from, offset, static_cast<char*>(to), length);
    ::munmap(to, length);
    return done;
  }
  int descriptor() const noexcept {
    return fd_.get();
  }

private:
  static result<void> read_all(int from, uint64_t offset, char* to, uint64_t length) {
    for (uint64_t have = 0; have < length;) {
      auto n = ::pread(from, to + have, length - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return unreadable();
      have += static_cast<uint64_t>(n);
    }
    return {};
  }

  unique_fd fd_;
};

} // namespace

struct mounted_file::source {
  source(std::shared_ptr<const unique_fd> f, std::weak_ptr<ports::root_threads> d, std::string r) :
    file(std::move(f)), disks(std::move(d)), root(std::move(r)) {
  }
  source(const source&) = delete;
  source& operator=(const source&) = delete;
  /// Closing waits for the file system, too.
  ~source() {
    if (auto threads = disks.lock())
      (void)threads->go_on(root, [last = std::move(file)]() mutable { last.reset(); });
  }

  std::shared_ptr<const unique_fd> file;
  /// Of the node, which may be gone before what hangs.
  const std::weak_ptr<ports::root_threads> disks;
  const std::string root;
};

namespace {

using given = std::function<void(result<ports::fetched_bytes>)>;

/// Shared with the thread that reads, which may outlive its stream and its node.
struct reading {
  std::shared_ptr<const mounted_file::source> from;
  uint64_t at = 0;
  uint64_t end = 0;
  block bytes;
  const block_place place;

  result<ports::fetched_bytes> next() {
    if (!place.taken())
      return busy();
    auto length = std::min(block_size, end - at);
    TROUPE_TRY(bytes.fill((*from->file).get(), at, length));
    at += length;
    return ports::fetched_bytes{bytes.descriptor(), 0, length};
  }

  void ask(given who) {
    std::lock_guard guard{mutex_};
    done_ = std::move(who);
  }
  /// Nobody is told any more.
  void leave() {
    ask({});
  }
  /// Under the lock, so that nobody is told who has left: it may only post. What it holds goes after the lock: that may
  /// be the stream itself, which leaves then.
  void answer(result<ports::fetched_bytes> x) {
    given who;
    std::lock_guard guard{mutex_};
    who = std::exchange(done_, {});
    if (who)
      who(std::move(x));
  }

private:
  std::mutex mutex_;
  given done_;
};

class mounted_stream final : public ports::far_stream {
public:
  mounted_stream(std::shared_ptr<const mounted_file::source> from, byte_span part) :
    reading_(std::make_shared<reading>()) {
    reading_->from = std::move(from);
    reading_->at = part.begin;
    reading_->end = part.end;
  }
  ~mounted_stream() override {
    reading_->leave();
  }

  void next(given done) override {
    reading_->ask(std::move(done));
    auto disks = reading_->from->disks.lock();
    if (!disks)
      return reading_->answer(error{errc::unavailable, "this node is being stopped"});
    auto task = [x = reading_] { x->answer(x->next()); };
    auto& root = reading_->from->root;
    // Opening it was let in. One step after the other for each client: that bounds what waits.
    if (auto begun = disks->go_on(root, task); !begun)
      reading_->answer(std::move(begun).error());
  }

private:
  std::shared_ptr<reading> reading_;
};

} // namespace

mounted_file::mounted_file(std::shared_ptr<const unique_fd> file, const file_version& version,
                           std::weak_ptr<ports::root_threads> disks, std::string root) :
  version_(version),
  source_(std::make_shared<const source>(std::move(file), std::move(disks), std::move(root))) {
}

std::unique_ptr<ports::far_stream> mounted_file::read(byte_span part) {
  return std::make_unique<mounted_stream>(source_, part);
}

ports::located_file behind_threads(ports::located_file file, std::weak_ptr<ports::root_threads> disks,
                                   std::string root) {
  if (!file.here || !may_hang(file.here->get()))
    return file;
  const auto version = file.version;
  return {
    {}, version, std::make_shared<mounted_file>(std::move(file.here), version, std::move(disks), std::move(root))};
}

} // namespace troupe::host
