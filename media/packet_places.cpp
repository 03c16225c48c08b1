#include "media/packet_places.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::media {

namespace {

/// Less than it costs to ask for two pieces instead of one.
constexpr uint64_t small_gap = 128;

bool is_chosen(const AVStream& s) noexcept {
  return s.discard < AVDISCARD_ALL;
}

bool is_cover(const AVStream& s) noexcept {
  return s.disposition & AV_DISPOSITION_ATTACHED_PIC;
}

void add_places(std::vector<byte_span>& out, AVStream& s, uint64_t size) {
  const auto count = avformat_index_get_entries_count(&s);
  for (int i = 0; i < count; ++i) {
    auto* entry = avformat_index_get_entry(&s, i);
    if (!entry || entry->pos < 0 || entry->size <= 0)
      continue;
    const auto begin = static_cast<uint64_t>(entry->pos);
    if (begin < size)
      out.push_back({begin, std::min(size, begin + static_cast<uint64_t>(entry->size))});
  }
}

} // namespace

bool knows_places(const AVFormatContext& format) noexcept {
  if (std::strncmp(format.iformat->name, "mov,", 4) != 0)
    return false;
  for (unsigned i = 0; i < format.nb_streams; ++i) {
    auto& s = *format.streams[i];
    // Fragments tell of their own packets only; the table of the whole film is empty then.
    if (!is_cover(s) && (s.nb_frames <= 0 || avformat_index_get_entries_count(&s) == 0))
      return false;
  }
  return true;
}

std::vector<byte_span> chosen_places(const AVFormatContext& format, uint64_t size) {
  std::vector<byte_span> out;
  bool all = true;
  for (unsigned i = 0; i < format.nb_streams; ++i)
    all &= is_chosen(*format.streams[i]) || is_cover(*format.streams[i]);
  if (all || !knows_places(format))
    return out;
  for (unsigned i = 0; i < format.nb_streams; ++i)
    if (is_chosen(*format.streams[i]) && !is_cover(*format.streams[i]))
      add_places(out, *format.streams[i], size);
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
  size_t kept = 0;
  for (auto& x : out)
    if (kept > 0 && x.begin <= out[kept - 1].end + small_gap)
      out[kept - 1].end = std::max(out[kept - 1].end, x.end);
    else
      out[kept++] = x;
  out.resize(kept);
  return out;
}

} // namespace troupe::media
