#pragma once

// A file that an operation reads, with or without holes.

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/result.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::media {

/// What is not here yet of a source that is only partly here. Any thread.
class missing_bytes {
public:
  virtual ~missing_bytes() = default;

  /// Blocks until something can be read at `offset`: how many bytes from there on, at most `wanted`; 0 at the end of
  /// the file. errc::cancelled, or why it can't be had.
  virtual result<size_t> provide(uint64_t offset, size_t wanted) = 0;
  /// Behind what was told before, these are going to be read next, in this order. None is empty, at most
  /// exec::max_coming. Does not wait.
  virtual void expect(const std::vector<byte_span>& coming) = 0;
};

/// A source as operations hand it around: small, copied. Both are borrowed. A plain descriptor is one, too.
class source_file {
public:
  // Not explicit: most files are all here.
  source_file(int descriptor, missing_bytes* missing = nullptr) noexcept : fd_(descriptor), missing_(missing) {
  }

  /// Bytes; errc::io.
  result<int64_t> size() const;
  /// What is there of these bytes, by pread: perhaps fewer than there are, none at the end of the file. A hole is
  /// filled first, which may take a while. errc::io, errc::cancelled, and what the worker says of a hole.
  result<size_t> read(void* out, size_t size, int64_t offset) const;

  /// As missing_bytes::expect; nothing to do for a file that is all here.
  void expect(const std::vector<byte_span>& coming) const {
    if (missing_)
      missing_->expect(coming);
  }

  /// For files that are all here.
  int fd() const noexcept {
    return fd_;
  }
  bool has_holes() const noexcept {
    return missing_ != nullptr;
  }

private:
  int fd_;
  missing_bytes* missing_;
};

} // namespace troupe::media
