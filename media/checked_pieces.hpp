#pragma once

#include "media/av.hpp"
#include "media/hash.hpp"
#include "protocol/model/chunks.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe::media {

/// What an encoded picture is: its bytes, not its time and place.
void add_packet(hash128& hash, const AVPacket& packet) noexcept;

/// Whether the packets of a film's video are those of its pieces. Each piece was decoded to its end where it was made
/// (chunk_piece::digest), so nobody has to do it again: only whether a decoder gets from one piece to the next. One
/// thread.
class checked_pieces {
public:
  enum class place {
    /// The first packet of a piece.
    first,
    /// One of those behind it, which are decoded too.
    early,
    rest
  };

  /// Nothing where that tells nothing: pieces that were not decoded, and containers that store packets in another form.
  static std::optional<checked_pieces> of(const std::string& container, const std::vector<chunk_piece>& pieces);

  /// The next packet, in the order of the film.
  place see(const AVPacket& packet);
  /// After the last packet: what is wrong, or "".
  std::string end();

private:
  explicit checked_pieces(std::vector<chunk_piece> pieces) : pieces_(std::move(pieces)) {
  }
  void end_piece();

  /// Those with a frame.
  std::vector<chunk_piece> pieces_;
  size_t at_ = 0;
  /// Of the present piece; behind the last one, of none.
  int64_t packets_ = 0;
  hash128 hash_;
  std::string wrong_;
};

} // namespace troupe::media
