#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// What went wrong, as far as a caller can act on it. Each code has a sentence (describe), a code of the outside
/// contract (contract_code), an HTTP status and a default error_class.
enum class errc : uint8_t {
  none = 0,
  /// A field or parameter has a value that is not allowed.
  validation,
  /// Nobody is signed in, or the credentials are wrong.
  unauthenticated,
  /// The caller may not do this.
  forbidden,
  /// The named thing does not exist.
  not_found,
  /// The thing is in a state that does not allow this, or exists already.
  conflict,
  /// The body, file or message is larger than the limit.
  too_large,
  /// The content type or format is not supported.
  unsupported_media,
  /// The request is well formed but can't be carried out.
  unprocessable,
  /// Too many requests or a bounded queue is full; try again after `retry_after`.
  rate_limited,
  /// A mistake of ours.
  internal,
  /// A part that is needed is away at present.
  unavailable,
  /// No space is left where the result would go.
  storage_full,
  /// The operation took longer than it may.
  timeout,
  /// The operation was cancelled on request.
  cancelled,
  /// The lease token is no longer the current one: whatever it wanted to write is dropped.
  stale_lease,
  /// The file is not media, or too damaged to be used.
  bad_media,
  /// Reading or writing failed.
  io,
  /// A child process died or had to be killed.
  crash,
  /// The peer speaks another protocol version, or broke the protocol.
  protocol,
  /// The worker that held the lease is gone.
  worker_lost,
  last = worker_lost
};

/// How the job queue reacts to a failed attempt (design.md, promise 5).
enum class error_class : uint8_t {
  /// No retry: bad media, bad request.
  permanent,
  /// Retry with backoff: I/O, a lost node.
  transient,
  /// Retry after the time that the other side named; burns no attempt.
  throttled,
  /// The executor died: counts as an attempt, retried with backoff.
  crash
};

/// One sentence for people, without a full stop.
std::string_view describe(errc code) noexcept;
/// Stable identifier for logs and JSON ("bad_media").
std::string_view to_string(errc code) noexcept;
/// The code that outside clients see ("VALIDATION_ERROR").
std::string_view contract_code(errc code) noexcept;
/// The HTTP status of contract_code.
int http_status(errc code) noexcept;
std::string_view to_string(error_class cls) noexcept;
error_class default_class(errc code) noexcept;
/// errc::internal when the name is not known.
errc errc_from(std::string_view name) noexcept;
/// error_class::transient when the name is not known.
error_class error_class_from(std::string_view name) noexcept;

/// An error that crosses a boundary. The message names the thing and says what to do; it never holds a secret, a stack
/// trace or a path that the reader did not give.
struct error {
  errc code = errc::internal;
  std::string message;
  /// field → reason, for errc::validation: all fields at once.
  std::vector<std::pair<std::string, std::string>> fields;
  /// For rate_limited, unavailable and throttled attempts: when to try again; 0 if unknown.
  std::chrono::milliseconds retry_after{0};

  error() = default;
  error(errc c, std::string msg) : code(c), message(std::move(msg)) {
  }
  explicit error(errc c) : code(c), message(describe(c)) {
  }

  bool operator==(const error&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, error& x) {
  return f(x.code, x.message, x.fields, x.retry_after);
}

} // namespace troupe
