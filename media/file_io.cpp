#include "media/file_io.hpp"

#include "media/faults.hpp"
#include "media/matroska_sieve.hpp"
#include "protocol/model/executor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace troupe::media {

namespace {

constexpr int buffer_bytes = 64 * 1024;
/// Written between two words to the disk: as much, twice, is left for the sync at the end.
constexpr int64_t slice_bytes = 16 << 20;
/// How often a source is read at most; some containers keep sound and picture apart.
constexpr int64_t most_readings = 4;
/// What is told to come is kept between these: enough to hide the way to another node, little to be in vain.
constexpr uint64_t least_told_ahead = 256 << 10;
constexpr uint64_t most_told_ahead = 512 << 10;

std::atomic<int64_t> moved = 0;

using read_function = int (*)(void*, uint8_t*, int);
using seek_function = int64_t (*)(void*, int64_t, int);

av::io_context make_context(void* self, bool writes, read_function read, read_function write, seek_function seek) {
  auto* buffer = static_cast<unsigned char*>(av::checked(av_malloc(buffer_bytes)));
  auto* context = avio_alloc_context(buffer, buffer_bytes, writes ? 1 : 0, self, read, write, seek);
  if (!context) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  return av::io_context{context};
}

/// The new position for libav's seek callback, or -EINVAL.
int64_t seek_target(int64_t position, int64_t size, int64_t offset, int whence) noexcept {
  int64_t base = 0;
  switch (whence & ~AVSEEK_FORCE) {
  case SEEK_SET:
    break;
  case SEEK_CUR:
    base = position;
    break;
  case SEEK_END:
    base = size;
    break;
  default:
    return AVERROR(EINVAL);
  }
  int64_t target = 0;
  if (__builtin_add_overflow(base, offset, &target) || target < 0)
    return AVERROR(EINVAL);
  return target;
}

} // namespace

int64_t bytes_moved() noexcept {
  return moved.load(std::memory_order_relaxed);
}

source_io::source_io(source_file source, const std::atomic<bool>& cancelled) : source_(source), cancelled_(cancelled) {
  if (auto bytes = source.size())
    size_ = *bytes;
  context_ = make_context(this, false, &source_io::read, nullptr, &source_io::seek);
}

source_io::~source_io() = default;

int source_io::read(void* opaque, uint8_t* out, int size) noexcept {
  auto& self = *static_cast<source_io*>(opaque);
  if (self.cancelled_.load(std::memory_order_relaxed))
    return AVERROR_EXIT;
  if (self.spent())
    return AVERROR_EOF;
  const auto wanted = std::min<int64_t>(size, self.allowed_);
  try {
    return self.fill(out, static_cast<size_t>(wanted));
  } catch (const std::bad_alloc&) {
    return AVERROR(ENOMEM);
  }
}

int source_io::fill(uint8_t* out, size_t size) {
  auto n = sieve_ ? sieve_->read(out, size, static_cast<uint64_t>(position_)) : source_.read(out, size, position_);
  if (!n && n.error().code == errc::cancelled)
    return AVERROR_EXIT;
  if (!n) {
    if (!failure_)
      failure_ = n.error();
    return AVERROR(EIO);
  }
  if (*n == 0) {
    if (position_ < size_)
      shrunk_ = true;
    return AVERROR_EOF;
  }
  took(static_cast<int64_t>(*n));
  if (!coming_.empty() && told_ < passed() + least_told_ahead)
    tell_coming();
  return static_cast<int>(*n);
}

void source_io::took(int64_t bytes) noexcept {
  position_ += bytes;
  read_ += bytes;
  if (allowed_ != INT64_MAX)
    allowed_ -= bytes;
  if (read_ <= most_readings * size_)
    moved.fetch_add(bytes, std::memory_order_relaxed);
}

void source_io::read_only(std::vector<byte_span> places) {
  context_->direct = 1;
  coming_ = std::move(places);
  before_.assign(1, 0);
  for (auto& x : coming_)
    before_.push_back(before_.back() + (x.end - x.begin));
  told_ = 0;
  tell_coming();
}

void source_io::read_through(std::unique_ptr<matroska_sieve> sieve) {
  sieve_ = std::move(sieve);
}

/// Bytes of the places up to where it reads; not all of them need have been read.
uint64_t source_io::passed() const noexcept {
  const auto position = static_cast<uint64_t>(position_);
  const auto next = std::partition_point(coming_.begin(), coming_.end(), [&](auto& x) { return x.end <= position; });
  const auto whole = before_[static_cast<size_t>(next - coming_.begin())];
  return next == coming_.end() || position <= next->begin ? whole : whole + (position - next->begin);
}

/// Bounded each time: places that are far apart may be read in turn.
void source_io::tell_coming() {
  const auto until = std::min({before_.back(), passed() + most_told_ahead, told_ + most_told_ahead});
  std::vector<byte_span> next;
  while (told_ < until && next.size() < exec::max_coming) {
    const auto place =
      static_cast<size_t>(std::upper_bound(before_.begin(), before_.end(), told_) - before_.begin()) - 1;
    const auto begin = coming_[place].begin + (told_ - before_[place]);
    const auto end = std::min(coming_[place].end, begin + (until - told_));
    next.push_back({begin, end});
    told_ += end - begin;
  }
  if (!next.empty())
    source_.expect(next);
}

int64_t source_io::seek(void* opaque, int64_t offset, int whence) noexcept {
  auto& self = *static_cast<source_io*>(opaque);
  if (whence & AVSEEK_SIZE)
    return self.size_;
  auto target = seek_target(self.position_, self.size_, offset, whence);
  if (target >= 0)
    self.position_ = target;
  return target;
}

sink_io::sink_io(int fd) : fd_(fd) {
  context_ = make_context(this, true, nullptr, &sink_io::write, &sink_io::seek);
}

int sink_io::write(void* opaque, uint8_t* data, int size) noexcept {
  auto& self = *static_cast<sink_io*>(opaque);
  // After a failed write nothing may follow: a hole would look like a finished file.
  while (size > 0 && self.failure_ == 0) {
    auto n = ::pwrite(self.fd_, data, static_cast<size_t>(size), self.position_);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      self.failure_ = n < 0 ? errno : ENOSPC;
      break;
    }
    data += n;
    size -= static_cast<int>(n);
    self.wrote(n);
  }
  return self.failure_ ? AVERROR(self.failure_) : 1;
}

void sink_io::wrote(int64_t bytes) noexcept {
  position_ += bytes;
  size_ = std::max(size_, position_);
  moved.fetch_add(bytes, std::memory_order_relaxed);
  waiting_ += bytes;
  if (waiting_ < slice_bytes)
    return;
  waiting_ = 0;
  // The slice before this one is waited for. Where it can't be done the last sync takes longer; what fails on the disk
  // is told there too.
  ::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
}

int64_t sink_io::seek(void* opaque, int64_t offset, int whence) noexcept {
  auto& self = *static_cast<sink_io*>(opaque);
  if (whence & AVSEEK_SIZE)
    return self.size_;
  auto target = seek_target(self.position_, self.size_, offset, whence);
  if (target >= 0)
    self.position_ = target;
  return target;
}

result<void> write_at(int fd, const uint8_t* data, size_t size, int64_t offset) {
  while (size > 0) {
    auto n = ::pwrite(fd, data, size, offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return system_error(n < 0 ? errno : ENOSPC, "the output can't be written");
    data += n;
    size -= static_cast<size_t>(n);
    offset += n;
  }
  return {};
}

} // namespace troupe::media
