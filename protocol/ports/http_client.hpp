#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <functional>
#include <memory>

namespace troupe::ports {

/// A GET of an http(s) URL into a file.
struct http_download {
  std::string url;
  /// Open for writing; stays the caller's, who closes it after `done`.
  int descriptor = -1;
  /// Bytes that are there already: asked for from here with Range and If-Range; 0: all.
  uint64_t offset = 0;
  /// ETag or Last-Modified of the first part, for If-Range; empty: a resumed answer is taken on trust of its size.
  std::string validator;
  uint64_t max_bytes = 0;
  milliseconds connect_timeout{10'000};
  /// No byte for so long: errc::timeout.
  milliseconds stall_timeout{30'000};
  /// Addresses of the machine itself and of private networks are refused, at every hop; tests and LAN users turn it on.
  bool allow_private = false;
};

struct http_response {
  int status = 0;
  std::string content_type;
  /// ETag (strong) or Last-Modified.
  std::string validator;
  /// From Content-Disposition or the last URL's path; empty if neither gives one. Not a safe path.
  std::string file_name;
  /// Total size of the file on the disk now.
  uint64_t size = 0;
  /// The server ignored the range: the file was begun anew.
  bool restarted = false;
};

struct transfer_progress {
  uint64_t received = 0;
  /// 0 if unknown.
  uint64_t total = 0;
  /// As in http_response, from the first call on: a download that breaks off can be resumed safely.
  std::string validator;
};

/// A running transfer; dropping the handle does not cancel.
class transfer {
public:
  virtual ~transfer() = default;
  /// `done` is called with errc::cancelled, unless it was called before. Any thread.
  virtual void cancel() = 0;
};

/// Callbacks run on the client's own thread: they may only post a message or resume a coroutine.
/// `progress` at most 10 a second; `done` exactly once. Errors: 404 and other 4xx permanent (errc::not_found,
/// errc::unprocessable), 429 and 503 errc::rate_limited with retry_after, the rest errc::io or errc::timeout.
class http_client {
public:
  virtual ~http_client() = default;
  virtual std::shared_ptr<transfer> download(http_download what, std::function<void(transfer_progress)> progress,
                                             std::function<void(result<http_response>)> done) = 0;
};

} // namespace troupe::ports
