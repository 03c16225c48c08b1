#include "media/checked_pieces.hpp"

#include <algorithm>
#include <array>

namespace troupe::media {

namespace {

/// Where a packet of mp4 stays what it is. MPEG-TS begins each with its codec's header.
constexpr std::array<std::string_view, 5> keeping{"mp4", "ipod", "mov", "matroska", "webm"};
/// Of each piece, decoded in the film, too: more than any codec holds back.
constexpr int64_t early_packets = 32;

} // namespace

void add_packet(hash128& hash, const AVPacket& packet) noexcept {
  const int64_t size = packet.size;
  hash.add(&size, sizeof size);
  hash.add(packet.data, static_cast<size_t>(packet.size));
}

std::optional<checked_pieces> checked_pieces::of(const std::string& container, const std::vector<chunk_piece>& pieces) {
  if (std::ranges::find(keeping, container) == keeping.end())
    return std::nullopt;
  std::vector<chunk_piece> full;
  for (auto& p : pieces)
    if (p.frames > 0)
      full.push_back(p);
  if (full.empty() || std::ranges::any_of(full, [](auto& p) { return p.digest.empty(); }))
    return std::nullopt;
  return checked_pieces{std::move(full)};
}

checked_pieces::place checked_pieces::see(const AVPacket& packet) {
  if (at_ < pieces_.size() && packets_ == pieces_[at_].frames)
    end_piece();
  add_packet(hash_, packet);
  ++packets_;
  return packets_ == 1 ? place::first : packets_ <= early_packets ? place::early : place::rest;
}

void checked_pieces::end_piece() {
  auto& piece = pieces_[at_];
  if (wrong_.empty() && hash_.text() != piece.digest)
    wrong_ = "the pictures of part " + std::to_string(int64_t{piece.index} + 1) + " of " + std::to_string(piece.count)
             + " are not those that were checked where it was made";
  ++at_;
  packets_ = 0;
  hash_.reset();
}

std::string checked_pieces::end() {
  if (at_ < pieces_.size() && packets_ == pieces_[at_].frames)
    end_piece();
  if (wrong_.empty() && (at_ < pieces_.size() || packets_ > 0))
    wrong_ =
      "it has " + std::string(packets_ > 0 && at_ == pieces_.size() ? "more" : "fewer") + " pictures than its parts";
  return wrong_;
}

} // namespace troupe::media
