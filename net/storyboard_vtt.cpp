#include "net/storyboard_vtt.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace troupe::net {

namespace {

std::string time_text(int64_t ms) {
  std::array<char, 48> buf;
  std::snprintf(buf.data(), buf.size(), "%02lld:%02lld:%02lld.%03lld", static_cast<long long>(ms / 3'600'000),
                static_cast<long long>(ms / 60'000 % 60), static_cast<long long>(ms / 1000 % 60),
                static_cast<long long>(ms % 1000));
  return buf.data();
}

} // namespace

std::string storyboard_vtt(const storyboard& board, double duration) {
  std::string out = "WEBVTT\n";
  auto a_sheet = static_cast<uint64_t>(board.columns) * board.rows;
  auto film_end = static_cast<int64_t>(std::clamp(duration, 0.0, 1e9) * 1000);
  for (uint64_t n = 0; a_sheet > 0 && n < board.count; ++n) {
    auto begin = static_cast<int64_t>(n) * board.interval.count();
    auto end = begin + board.interval.count();
    // What comes after the last picture belongs to it; nothing is shown after the film's end.
    if (n + 1 == board.count && film_end > begin)
      end = film_end;
    auto tile = n % a_sheet;
    auto x = tile % board.columns * board.tile_width;
    auto y = tile / board.columns * board.tile_height;
    out += "\n" + time_text(begin) + " --> " + time_text(end) + "\nstoryboard/" + std::to_string(n / a_sheet)
           + ".jpg?of=" + board.made_by + "#xywh=" + std::to_string(x) + "," + std::to_string(y) + ","
           + std::to_string(board.tile_width) + "," + std::to_string(board.tile_height) + "\n";
  }
  return out;
}

} // namespace troupe::net
