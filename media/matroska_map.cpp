#include "media/matroska_map.hpp"

#include "media/ebml.hpp"

#include <algorithm>

namespace troupe::media {

namespace {

/// A header with more elements is none of a film.
constexpr int max_elements = 10'000;
/// A cue every second for a week.
constexpr uint64_t max_cues = 32 << 20;

class map_reader {
public:
  map_reader(const source_file& source, uint64_t size) : source_(source) {
    map_.size = size;
  }

  result<std::optional<matroska_map>> run() {
    auto header = read_header();
    if (!header)
      return header.error();
    if (!*header || cues_ == 0)
      return std::optional<matroska_map>{};
    auto cues = read_cues();
    if (!cues)
      return cues.error();
    auto& c = map_.clusters;
    std::sort(c.begin(), c.end());
    c.erase(std::unique(c.begin(), c.end()), c.end());
    if (!*cues || c.empty() || map_.video.empty())
      return std::optional<matroska_map>{};
    return std::optional{std::move(map_)};
  }

private:
  result<std::optional<ebml_element>> element_at(uint64_t position) {
    auto bytes = read_bytes(source_, position, std::min<uint64_t>(max_ebml_head, map_.size - position));
    if (!bytes)
      return bytes.error();
    return read_ebml_element(*bytes, position, map_.size);
  }

  /// Up to the first cluster. False: it is no such file.
  result<bool> read_header() {
    uint64_t at = 0;
    for (int n = 0; n < max_elements && at < map_.size; ++n) {
      auto found = element_at(at);
      if (!found)
        return found.error();
      if (!*found)
        return false;
      auto& e = **found;
      if (e.id == ebml_id::cluster)
        return true;
      if (e.id == ebml_id::cues)
        cues_ = at;
      TROUPE_TRY(note(e));
      const bool inside = e.id == ebml_id::segment || e.id == ebml_id::seek_head || e.id == ebml_id::seek
                          || e.id == ebml_id::tracks || e.id == ebml_id::track_entry;
      at = inside ? e.data : e.end;
    }
    return false;
  }

  result<void> note(const ebml_element& e) {
    if (e.id == ebml_id::segment)
      segment_ = e.data;
    const bool number = e.id == ebml_id::seek_id || e.id == ebml_id::seek_position || e.id == ebml_id::track_number
                        || e.id == ebml_id::track_type;
    if (!number || e.end - e.data > 8)
      return {};
    auto bytes = read_bytes(source_, e.data, e.end - e.data);
    if (!bytes)
      return bytes.error();
    const auto value = *read_ebml_unsigned(*bytes);
    if (e.id == ebml_id::seek_id)
      sought_ = value;
    else if (e.id == ebml_id::seek_position && sought_ == ebml_id::cues)
      cues_ = segment_ + value;
    else if (e.id == ebml_id::track_number)
      track_ = value;
    else if (e.id == ebml_id::track_type && value == 1)
      map_.video.insert(track_);
    return {};
  }

  result<bool> read_cues() {
    if (cues_ >= map_.size)
      return false;
    auto found = element_at(cues_);
    if (!found)
      return found.error();
    if (!*found || (*found)->id != ebml_id::cues || (*found)->end - (*found)->data > max_cues)
      return false;
    const auto begin = (*found)->data;
    auto bytes = read_bytes(source_, begin, (*found)->end - begin);
    if (!bytes)
      return bytes.error();
    for (uint64_t at = 0; at < bytes->size();) {
      auto e = read_ebml_element(std::span{*bytes}.subspan(at), at, bytes->size());
      if (!e)
        return false;
      if (e->id == ebml_id::cue_cluster)
        if (auto where = read_ebml_unsigned(std::span{*bytes}.subspan(e->data, e->end - e->data));
            where && *where < map_.size - segment_)
          map_.clusters.push_back(segment_ + *where);
      at = e->id == ebml_id::cue_point || e->id == ebml_id::cue_positions ? e->data : e->end;
    }
    return true;
  }

  const source_file& source_;
  matroska_map map_;
  uint64_t segment_ = 0;
  uint64_t cues_ = 0;
  // Of the entry that is being read.
  uint64_t sought_ = 0;
  uint64_t track_ = 0;
};

} // namespace

result<std::vector<uint8_t>> read_bytes(const source_file& source, uint64_t offset, uint64_t size) {
  std::vector<uint8_t> out(size);
  for (uint64_t have = 0; have < size;) {
    auto n = source.read(out.data() + have, size - have, static_cast<int64_t>(offset + have));
    if (!n)
      return n.error();
    if (*n == 0)
      return {errc::io, "the source became shorter while it was read"};
    have += *n;
  }
  return out;
}

result<std::optional<matroska_map>> read_matroska_map(const source_file& source) {
  auto size = source.size();
  if (!size)
    return size.error();
  return map_reader{source, static_cast<uint64_t>(*size)}.run();
}

} // namespace troupe::media
