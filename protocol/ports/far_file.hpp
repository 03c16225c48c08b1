#pragma once

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/catalogue.hpp"
#include "protocol/model/result.hpp"

#include <functional>
#include <memory>

namespace troupe::ports {

/// Bytes of a file of another node that are on this one now.
struct fetched_bytes {
  /// Open for reading until the stream that gave it is asked for more, or goes.
  int descriptor = -1;
  /// Where in it, and how many; at least one.
  uint64_t offset = 0;
  uint64_t length = 0;
};

/// One reading of a part of a file of another node, from its first byte to its last. No more than a few MiB are fetched
/// ahead of what was taken. By one thread at a time.
class far_stream {
public:
  /// Cancels what is on its way for it. Never waits.
  virtual ~far_stream() = default;

  /// The bytes behind those that were given last. Not before the last answer, and not behind the end. Never waits;
  /// `done` is called at most once, on any thread and perhaps before this returns, and may only post: with what is
  /// here, or errc::unavailable with a sentence for clients; then nothing more comes of this stream. It may stay away
  /// when the stream goes before.
  virtual void next(std::function<void(result<fetched_bytes>)> done) = 0;
};

/// A file of another node. Any thread.
class far_file {
public:
  virtual ~far_file() = default;

  /// What it is; whatever comes of a stream is of this version.
  virtual const file_version& version() const noexcept = 0;
  /// `part`: not empty, and within the file. Never waits.
  virtual std::unique_ptr<far_stream> read(byte_span part) = 0;
};

} // namespace troupe::ports
