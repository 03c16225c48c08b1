#include "protocol/model/time.hpp"

#include <algorithm>
#include <cstdio>

namespace troupe {

using namespace std::chrono;

std::string to_iso8601(timestamp t) {
  if (!is_set(t))
    return {};
  auto day = floor<days>(t);
  year_month_day ymd{day};
  hh_mm_ss tod{t - day};
  // By hand: every live event has one.
  std::string out = "0000-00-00T00:00:00.000Z";
  auto put = [&](size_t at, size_t digits, unsigned value) {
    for (; digits > 0; value /= 10)
      out[at + --digits] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, static_cast<unsigned>(std::clamp(static_cast<int>(ymd.year()), 0, 9999)));
  put(5, 2, static_cast<unsigned>(ymd.month()));
  put(8, 2, static_cast<unsigned>(ymd.day()));
  put(11, 2, static_cast<unsigned>(tod.hours().count()));
  put(14, 2, static_cast<unsigned>(tod.minutes().count()));
  put(17, 2, static_cast<unsigned>(tod.seconds().count()));
  put(20, 3, static_cast<unsigned>(tod.subseconds().count()));
  return out;
}

std::optional<timestamp> parse_iso8601(std::string_view text) {
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, ms = 0, used = 0;
  std::string str{text};
  // The widths keep the numbers in range.
  // NOLINTNEXTLINE(cert-err34-c)
  if (std::sscanf(str.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &used) != 6)
    return std::nullopt;
  auto pos = static_cast<size_t>(used);
  if (pos < str.size() && str[pos] == '.') {
    int scale = 100;
    for (++pos; pos < str.size() && str[pos] >= '0' && str[pos] <= '9'; ++pos, scale /= 10)
      ms += (str[pos] - '0') * scale;
  }
  year_month_day ymd{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!ymd.ok() || h > 23 || mi > 59 || s > 60 || h < 0 || mi < 0 || s < 0 || str.substr(pos) != "Z")
    return std::nullopt;
  return timestamp{sys_days{ymd}.time_since_epoch() + hours{h} + minutes{mi} + seconds{s} + milliseconds{ms}};
}

timestamp system_clocks::wall() const {
  return floor<milliseconds>(system_clock::now());
}

mono_time system_clocks::mono() const {
  return floor<milliseconds>(steady_clock::now());
}

} // namespace troupe
