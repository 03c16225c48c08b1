#include "media/matroska_sieve.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::media {

namespace {

/// Clusters that are gone through at once. Each step of all of them is one way to the other node and back.
constexpr size_t clusters_at_once = 16;
/// Smaller pictures are read with what is around them.
constexpr uint64_t least_skip = 1024;
/// Head of an element, number of its track, time and flags.
constexpr uint64_t block_head = max_ebml_head + 8 + 3;
constexpr uint64_t most_between = 64 << 10;
/// A larger one is no sound, or a lie.
constexpr uint64_t largest_element = 8 << 20;

/// What clusters consist of, beside blocks and what holds them.
bool is_in_cluster(uint32_t id) noexcept {
  switch (id) {
  case 0xE7:   // time
  case 0xA7:   // position
  case 0xAB:   // size of the cluster before
  case 0xEC:   // void
  case 0xBF:   // checksum
  case 0x9B:   // duration of a block
  case 0xFB:   // reference
  case 0x75A1: // additions
  case 0x75A2: // padding
    return true;
  default:
    return false;
  }
}

} // namespace

matroska_sieve::matroska_sieve(source_file source, matroska_map map) :
  source_(source), map_(std::move(map)), prepared_(map_.clusters.front()) {
}

result<size_t> matroska_sieve::read(void* out, size_t size, uint64_t offset) {
  if (offset >= map_.size || size == 0)
    return size_t{0};
  TROUPE_TRY(prepare(offset));
  auto end = std::min(map_.size, offset + size);
  // Up to where nothing is known yet.
  if (offset < prepared_)
    end = std::min(end, prepared_);
  const auto picture = pictures_.around(offset);
  if (picture.end > offset) {
    end = std::min(end, picture.end);
    std::memset(out, 0, end - offset);
    return static_cast<size_t>(end - offset);
  }
  end = pictures_.missing({offset, end}).front().end;
  return source_.read(out, end - offset, static_cast<int64_t>(offset));
}

result<void> matroska_sieve::prepare(uint64_t offset) {
  while (next_ < map_.clusters.size() && offset >= prepared_) {
    // What is far behind is not read again; if it is, it comes as it is.
    pictures_.remove({0, map_.clusters[next_ > clusters_at_once ? next_ - clusters_at_once : 0]});
    std::vector<walker> walkers;
    for (; next_ < map_.clusters.size() && walkers.size() < clusters_at_once; ++next_) {
      walker w;
      w.at = w.element = map_.clusters[next_];
      w.end = next_ + 1 < map_.clusters.size() ? map_.clusters[next_ + 1] : map_.size;
      w.want = block_head;
      walkers.push_back(w);
    }
    prepared_ = walkers.back().end;
    // Clusters that were jumped over need not be looked at.
    if (prepared_ > offset)
      TROUPE_TRY(walk(std::move(walkers)));
  }
  return {};
}

result<void> matroska_sieve::walk(std::vector<walker> walkers) {
  for (;;) {
    std::erase_if(walkers, [](auto& w) { return w.done || w.element >= w.end; });
    if (walkers.empty())
      return {};
    std::vector<byte_span> coming;
    for (auto& w : walkers) {
      w.want = std::min(std::max<uint64_t>(w.want, 1), w.end - w.at);
      coming.push_back({w.at, w.at + w.want});
    }
    source_.expect(coming);
    for (auto& w : walkers)
      TROUPE_TRY(step(w));
  }
}

result<void> matroska_sieve::step(walker& w) {
  auto bytes = read_bytes(source_, w.at, w.want);
  if (!bytes)
    return bytes.error();
  take(w, *bytes);
  return {};
}

void matroska_sieve::take(walker& w, const std::vector<uint8_t>& bytes) {
  const auto begin = w.at;
  const auto end = begin + bytes.size();
  // Grows where there is nothing to leave out.
  auto more = std::min(2 * bytes.size(), most_between);
  while (w.element < end) {
    const auto left = end - w.element;
    if (left < block_head && end < w.end) {
      w.at = w.element;
      w.want = more + block_head;
      return;
    }
    auto e = read_ebml_element(std::span{bytes}.subspan(w.element - begin), w.element, w.end);
    if (!e) {
      // Damage, or the last bytes of the part: libav sees them as they are.
      w.done = true;
      return;
    }
    if (e->id == ebml_id::cluster || e->id == ebml_id::block_group) {
      w.element = e->data;
      continue;
    }
    uint64_t payload = 0;
    const bool is_block = e->id == ebml_id::simple_block || e->id == ebml_id::block;
    if (is_block && is_picture(*e, bytes, begin, payload) && e->end > end && e->end - payload >= least_skip) {
      between_ = (7 * between_ + (payload - std::min(payload, begin))) / 8;
      skip(w, payload, e->end);
      return;
    }
    if (!is_block && !is_in_cluster(e->id)) {
      w.done = true;
      return;
    }
    w.element = e->end;
  }
  if (w.element - end > largest_element) {
    w.done = true;
    return;
  }
  // The rest of a wanted element, and what may follow it.
  w.at = end;
  w.want = w.element - end + std::max(more, block_head);
}

/// `payload`: where it begins; 0 when it is none.
bool matroska_sieve::is_picture(const ebml_element& e, const std::vector<uint8_t>& bytes, uint64_t at,
                                uint64_t& payload) const {
  auto track = read_ebml_number(std::span{bytes}.subspan(std::min<uint64_t>(e.data - at, bytes.size())));
  if (!track || !map_.video.contains(track->value))
    return false;
  payload = std::min(e.end, e.data + track->length + 3);
  return true;
}

void matroska_sieve::skip(walker& w, uint64_t payload, uint64_t end) {
  pictures_.add({payload, end});
  w.at = w.element = end;
  w.want = std::min(between_ + between_ / 4 + block_head, most_between);
}

} // namespace troupe::media
