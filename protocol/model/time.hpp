#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

using std::chrono::milliseconds;

/// Wall-clock time with millisecond precision, UTC. The epoch itself means "not set".
using timestamp = std::chrono::time_point<std::chrono::system_clock, milliseconds>;
/// Time that only goes forward; meaningless outside the process.
using mono_time = std::chrono::time_point<std::chrono::steady_clock, milliseconds>;

inline bool is_set(timestamp t) noexcept {
  return t.time_since_epoch().count() != 0;
}

inline int64_t to_ms(timestamp t) noexcept {
  return t.time_since_epoch().count();
}

inline timestamp from_ms(int64_t ms) noexcept {
  return timestamp{milliseconds{ms}};
}

/// "2026-01-31T12:34:56.789Z"; an empty string for a time that is not set.
std::string to_iso8601(timestamp t);
std::optional<timestamp> parse_iso8601(std::string_view text);

/// Both clocks, injected: decisions about leases and delays use mono, what people see and the database keep wall.
class clock {
public:
  virtual ~clock() = default;
  virtual timestamp wall() const = 0;
  virtual mono_time mono() const = 0;
};

/// The clocks of the machine; thread safe.
class system_clocks final : public clock {
public:
  timestamp wall() const override;
  mono_time mono() const override;
};

} // namespace troupe
