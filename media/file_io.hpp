#pragma once

// libav reads and writes through descriptors that we were given: it never opens anything. FFmpeg 5.1 has no fd:
// protocol, hence these AVIO callbacks. Descriptors are borrowed. One thread.

#include "media/av.hpp"
#include "media/source_file.hpp"
#include "protocol/model/result.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace troupe::media {

class matroska_sieve;

/// Bytes that this process has read of sources and written to outputs: whether anything moves while libav looks for the
/// next packet, or a file is completed. Reading one source again and again does not count. Any thread.
int64_t bytes_moved() noexcept;

/// Reads a source from offset 0, whatever the descriptor's own position.
class source_io {
public:
  source_io(source_file source, const std::atomic<bool>& cancelled);
  ~source_io();
  source_io(const source_io&) = delete;
  source_io& operator=(const source_io&) = delete;

  AVIOContext* context() noexcept {
    return context_.get();
  }
  /// Size when it was opened, bytes.
  int64_t size() const noexcept {
    return size_;
  }
  /// Why the first read failed that did; nothing: none did. libav often hides it behind an end of file.
  const std::optional<error>& failure() const noexcept {
    return failure_;
  }
  /// The file became shorter while it was read.
  bool shrunk() const noexcept {
    return shrunk_;
  }
  const source_file& source() const noexcept {
    return source_;
  }
  /// So many bytes may be read from here on; then the file seems to end. A hole of gigabytes would be searched to its
  /// end for the next packet. INT64_MAX: as many as there are.
  void allow(int64_t bytes) noexcept {
    allowed_ = bytes;
  }
  /// From here on nothing is read but what libav asks for, to the byte, and that is going to be in these places, each
  /// once: they are told ahead of the reading. For sources that are only partly here.
  void read_only(std::vector<byte_span> places);
  /// From here on the source is read through it.
  void read_through(std::unique_ptr<matroska_sieve> sieve);
  /// That was the end of it.
  bool spent() const noexcept {
    return allowed_ <= 0;
  }

private:
  static int read(void* self, uint8_t* out, int size) noexcept;
  int fill(uint8_t* out, size_t size);
  void took(int64_t bytes) noexcept;
  uint64_t passed() const noexcept;
  void tell_coming();
  static int64_t seek(void* self, int64_t offset, int whence) noexcept;

  source_file source_;
  const std::atomic<bool>& cancelled_;
  int64_t position_ = 0;
  int64_t size_ = 0;
  int64_t allowed_ = INT64_MAX;
  /// In all.
  int64_t read_ = 0;
  std::optional<error> failure_;
  bool shrunk_ = false;
  /// Where it is going to read, in the order of the file; of these places so many bytes were told.
  std::vector<byte_span> coming_;
  /// Bytes of the places before each.
  std::vector<uint64_t> before_;
  uint64_t told_ = 0;
  std::unique_ptr<matroska_sieve> sieve_;
  av::io_context context_;
};

/// Writes a regular file by pwrite from offset 0; the muxer may seek back to finish its header. What was written goes
/// to the disk on the way, so that little is left for the sync at the end.
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
  void wrote(int64_t bytes) noexcept;
  static int64_t seek(void* self, int64_t offset, int whence) noexcept;

  int fd_;
  int64_t position_ = 0;
  int64_t size_ = 0;
  /// Since the disk was last told to take what there is.
  int64_t waiting_ = 0;
  int failure_ = 0;
  av::io_context context_;
};

/// Writes all of `data` at `offset`.
result<void> write_at(int fd, const uint8_t* data, size_t size, int64_t offset);

} // namespace troupe::media
