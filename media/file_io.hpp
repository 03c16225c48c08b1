#pragma once

// libav reads and writes through descriptors that we were given: it never opens anything. FFmpeg 5.1 has no fd:
// protocol, hence these AVIO callbacks. Descriptors are borrowed. One thread.

#include "media/av.hpp"
#include "protocol/model/result.hpp"

#include <atomic>
#include <cstdint>

namespace troupe::media {

/// Reads a regular file by pread from offset 0, whatever the descriptor's own position.
class source_io {
public:
  source_io(int fd, const std::atomic<bool>& cancelled);
  source_io(const source_io&) = delete;
  source_io& operator=(const source_io&) = delete;

  AVIOContext* context() noexcept {
    return context_.get();
  }
  /// Size when it was opened, bytes.
  int64_t size() const noexcept {
    return size_;
  }
  /// errno of the first read that failed; 0: none did. libav often hides it behind an end of file.
  int failure() const noexcept {
    return failure_;
  }
  /// The file became shorter while it was read.
  bool shrunk() const noexcept {
    return shrunk_;
  }
  int fd() const noexcept {
    return fd_;
  }

private:
  static int read(void* self, uint8_t* out, int size) noexcept;
  static int64_t seek(void* self, int64_t offset, int whence) noexcept;

  int fd_;
  const std::atomic<bool>& cancelled_;
  int64_t position_ = 0;
  int64_t size_ = 0;
  int failure_ = 0;
  bool shrunk_ = false;
  av::io_context context_;
};

/// Writes a regular file by pwrite from offset 0; the muxer may seek back to finish its header.
class sink_io {
public:
  explicit sink_io(int fd);
  sink_io(const sink_io&) = delete;
  sink_io& operator=(const sink_io&) = delete;

  AVIOContext* context() noexcept {
    return context_.get();
  }
  int fd() const noexcept {
    return fd_;
  }
  /// errno of the first write that failed; 0: none did.
  int failure() const noexcept {
    return failure_;
  }
  /// Highest offset written, bytes.
  int64_t size() const noexcept {
    return size_;
  }

private:
  static int write(void* self, uint8_t* data, int size) noexcept;
  static int64_t seek(void* self, int64_t offset, int whence) noexcept;

  int fd_;
  int64_t position_ = 0;
  int64_t size_ = 0;
  int failure_ = 0;
  av::io_context context_;
};

/// Writes all of `data` at `offset`.
result<void> write_at(int fd, const uint8_t* data, size_t size, int64_t offset);

} // namespace troupe::media
