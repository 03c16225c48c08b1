#pragma once

#include "media/packet_writer.hpp"
#include "media/piece_label.hpp"

#include <deque>
#include <memory>

namespace troupe::media {

/// The piece that a chunk becomes: gives its packets their times in the piece, and notes what is in it.
class piece_writer {
public:
  /// Empties the file. Borrows `fd` and the job's flag.
  static result<std::unique_ptr<piece_writer>> open(int fd, const media_chunk& chunk, const task& job);

  /// For the encoded stream. What comes in, from one thread and in the encoder's time base, is on the film's clock.
  packet_writer& packets() noexcept {
    return *packets_;
  }
  result<void> write_header();
  /// After all is written: completes the piece and syncs it; says what is in it. Without a packet the file is left
  /// empty.
  result<chunk_piece> finish(int64_t packets, int64_t damaged);

private:
  piece_writer() = default;
  void note(AVPacket& packet, AVRational time_base);

  int fd_ = -1;
  std::unique_ptr<muxer> output_;
  std::unique_ptr<packet_writer> packets_;
  chunk_piece piece_;
  std::deque<int64_t> recent_;
};

} // namespace troupe::media
