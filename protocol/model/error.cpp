#include "protocol/model/error.hpp"

#include <array>

namespace troupe {

namespace {

struct row {
  errc code;
  std::string_view name;
  std::string_view sentence;
  std::string_view contract;
  int status;
  error_class cls;
};

using enum error_class;

constexpr std::array table{
  row{errc::none, "none", "no error", "OK", 200, permanent},
  row{errc::validation, "validation", "a value is not allowed", "VALIDATION_ERROR", 400, permanent},
  row{errc::unauthenticated, "unauthenticated", "sign in first", "AUTH_ERROR", 401, permanent},
  row{errc::forbidden, "forbidden", "this is not allowed", "FORBIDDEN", 403, permanent},
  row{errc::not_found, "not_found", "it does not exist", "NOT_FOUND", 404, permanent},
  row{errc::conflict, "conflict", "its present state does not allow this", "CONFLICT", 409, permanent},
  row{errc::too_large, "too_large", "it is larger than the limit", "PAYLOAD_TOO_LARGE", 413, permanent},
  row{errc::unsupported_media, "unsupported_media", "this type is not supported", "UNSUPPORTED_MEDIA", 415, permanent},
  row{errc::unprocessable, "unprocessable", "it can't be carried out as asked", "UNPROCESSABLE", 422, permanent},
  row{errc::rate_limited, "rate_limited", "too much at once, try again later", "RATE_LIMITED", 429, throttled},
  row{errc::internal, "internal", "something went wrong inside", "INTERNAL_ERROR", 500, transient},
  row{errc::unavailable, "unavailable", "a needed part is away, try again later", "UNAVAILABLE", 503, transient},
  row{errc::storage_full, "storage_full", "no space is left on the disk", "STORAGE_FULL", 507, transient},
  row{errc::timeout, "timeout", "it took too long", "UNAVAILABLE", 503, transient},
  row{errc::cancelled, "cancelled", "it was cancelled", "CONFLICT", 409, permanent},
  row{errc::stale_lease, "stale_lease", "the lease belongs to somebody else now", "CONFLICT", 409, permanent},
  row{errc::bad_media, "bad_media", "the file is not usable media", "UNPROCESSABLE", 422, permanent},
  row{errc::io, "io", "reading or writing failed", "INTERNAL_ERROR", 500, transient},
  row{errc::crash, "crash", "the executor process died", "INTERNAL_ERROR", 500, error_class::crash},
  row{errc::protocol, "protocol", "the peer broke the protocol", "INTERNAL_ERROR", 500, permanent},
  row{errc::worker_lost, "worker_lost", "the worker is gone", "UNAVAILABLE", 503, transient},
};

constexpr bool complete() {
  for (size_t i = 0; i < table.size(); ++i)
    if (static_cast<size_t>(table[i].code) != i || table[i].sentence.empty() || table[i].name.empty())
      return false;
  return table.size() == static_cast<size_t>(errc::last) + 1;
}
static_assert(complete(), "every errc needs its row, in order");

const row& find(errc code) noexcept {
  auto i = static_cast<size_t>(code);
  return i < table.size() ? table[i] : table[static_cast<size_t>(errc::internal)];
}

constexpr std::array<std::string_view, 4> class_names{"permanent", "transient", "throttled", "crash"};

} // namespace

std::string_view describe(errc code) noexcept {
  return find(code).sentence;
}

std::string_view to_string(errc code) noexcept {
  return find(code).name;
}

std::string_view contract_code(errc code) noexcept {
  return find(code).contract;
}

int http_status(errc code) noexcept {
  return find(code).status;
}

error_class default_class(errc code) noexcept {
  return find(code).cls;
}

std::string_view to_string(error_class cls) noexcept {
  auto i = static_cast<size_t>(cls);
  return i < class_names.size() ? class_names[i] : class_names[1];
}

errc errc_from(std::string_view name) noexcept {
  for (auto& r : table)
    if (r.name == name)
      return r.code;
  return errc::internal;
}

error_class error_class_from(std::string_view name) noexcept {
  for (size_t i = 0; i < class_names.size(); ++i)
    if (class_names[i] == name)
      return static_cast<error_class>(i);
  return transient;
}

} // namespace troupe
