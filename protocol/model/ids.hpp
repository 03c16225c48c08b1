#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// 128 bits: 48 bits of milliseconds since 1970, then 80 random bits, so that ids sort by age. Written as 26 lower-case
/// characters of Crockford's base 32 (the ULID layout). All zero means "none".
struct raw_id {
  uint64_t hi = 0;
  uint64_t lo = 0;

  auto operator<=>(const raw_id&) const = default;
};

std::string to_string(raw_id x);
/// Accepts upper and lower case; nothing else than exactly 26 valid characters.
std::optional<raw_id> parse_raw_id(std::string_view text) noexcept;
/// Milliseconds since 1970 at which the id was made.
int64_t age_of(raw_id x) noexcept;

/// An id that can't be confused with the id of another kind of thing.
template <class Tag>
struct id {
  raw_id raw;

  auto operator<=>(const id&) const = default;

  explicit operator bool() const noexcept {
    return raw.hi != 0 || raw.lo != 0;
  }
  std::string str() const {
    return to_string(raw);
  }
  static std::optional<id> parse(std::string_view text) noexcept {
    if (auto r = parse_raw_id(text))
      return id{*r};
    return std::nullopt;
  }
};

template <class Inspector, class Tag>
typename Inspector::result_type inspect(Inspector& f, id<Tag>& x) {
  return f(x.raw.hi, x.raw.lo);
}

using job_id = id<struct job_id_tag>;
using video_id = id<struct video_id_tag>;
using library_id = id<struct library_id_tag>;
using scan_id = id<struct scan_id_tag>;
using rendition_id = id<struct rendition_id_tag>;
/// A worker process: new at each start.
using worker_id = id<struct worker_id_tag>;

/// Makes ids that rise strictly within one source, also when the clock stands still or goes back. Not thread safe.
class id_source {
public:
  /// @param random yields 64 random bits a call.
  explicit id_source(std::function<uint64_t()> random) : random_(std::move(random)) {
  }

  raw_id next(int64_t now_ms);

  template <class Id>
  Id make(int64_t now_ms) {
    return Id{next(now_ms)};
  }

private:
  std::function<uint64_t()> random_;
  raw_id last_;
};

/// A fresh id from the process-wide random source; thread safe.
raw_id random_id();

} // namespace troupe

template <>
struct std::hash<troupe::raw_id> {
  size_t operator()(const troupe::raw_id& x) const noexcept {
    return static_cast<size_t>(x.hi * 0x9E3779B97F4A7C15ull ^ x.lo);
  }
};

template <class Tag>
struct std::hash<troupe::id<Tag>> {
  size_t operator()(const troupe::id<Tag>& x) const noexcept {
    return std::hash<troupe::raw_id>{}(x.raw);
  }
};
