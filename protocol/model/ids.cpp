#include "protocol/model/ids.hpp"

#include <chrono>
#include <mutex>
#include <random>

namespace troupe {

namespace {

constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/// -1 for characters that are not of the alphabet. Crockford's aliases (o, i, l) are not accepted: an id has one form.
int digit(char c) noexcept {
  if (c >= 'A' && c <= 'Z')
    c = static_cast<char>(c - 'A' + 'a');
  auto pos = alphabet.find(c);
  return pos == std::string_view::npos ? -1 : static_cast<int>(pos);
}

} // namespace

std::string to_string(raw_id x) {
  std::string out(26, '0');
  // 26 × 5 = 130 bits: the first character holds the top three bits only.
  for (int i = 25; i >= 0; --i) {
    out[static_cast<size_t>(i)] = alphabet[x.lo & 31];
    x.lo = (x.lo >> 5) | (x.hi << 59);
    x.hi >>= 5;
  }
  return out;
}

std::optional<raw_id> parse_raw_id(std::string_view text) noexcept {
  if (text.size() != 26)
    return std::nullopt;
  raw_id x;
  for (size_t i = 0; i < 26; ++i) {
    auto d = digit(text[i]);
    if (d < 0 || (i == 0 && d > 7))
      return std::nullopt;
    x.hi = (x.hi << 5) | (x.lo >> 59);
    x.lo = (x.lo << 5) | static_cast<uint64_t>(d);
  }
  return x;
}

int64_t age_of(raw_id x) noexcept {
  return static_cast<int64_t>(x.hi >> 16);
}

raw_id id_source::next(int64_t now_ms) {
  raw_id x;
  x.hi = (static_cast<uint64_t>(now_ms) << 16) | (random_() & 0xFFFF);
  x.lo = random_();
  if (x <= last_ || age_of(x) == age_of(last_)) {
    // Same millisecond or a clock that went back: count on from the last id, so that order of making is kept.
    x = last_;
    if (++x.lo == 0)
      ++x.hi;
  }
  last_ = x;
  return x;
}

raw_id random_id() {
  static std::mutex mtx;
  static std::random_device dev;
  static std::mt19937_64 engine{(static_cast<uint64_t>(dev()) << 32) ^ dev()};
  static id_source source{[] { return engine(); }};
  using namespace std::chrono;
  std::lock_guard guard{mtx};
  return source.next(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

} // namespace troupe
