#pragma once

#include "media/decode_times.hpp"
#include "media/hash.hpp"
#include "media/input.hpp"
#include "protocol/model/chunks.hpp"

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace troupe::media {

/// The pieces of a film as one stream of packets. Checks that each is the piece it should be and that they fit
/// together; every error names the piece, and that of a piece that is damaged has it as exec::damaged_piece_field. One
/// thread.
class piece_reader {
public:
  /// Opens the first piece with a frame. Borrows all.
  static result<std::unique_ptr<piece_reader>> open(std::span<const int> fds, const std::vector<chunk_piece>& pieces,
                                                    const task& job);

  /// Whether the file is the piece that it should be, from end to end as join is going to read it, and all of its
  /// pictures can be decoded: its digest. unprocessable says what is wrong.
  static result<std::string> check(int fd, const chunk_piece& piece, const task& job);

  /// The stream that all of them are, for the output's header.
  AVStream& stream() noexcept {
    return *file_->stream(0);
  }
  /// Of the packets: the encoder's.
  AVRational time_base() const noexcept {
    return time_base_;
  }
  /// The next packet, on the film's clock and with a decoding time; false: that was all.
  result<bool> next(AVPacket& packet);
  int64_t frames() const noexcept {
    return frames_;
  }

private:
  piece_reader(std::span<const int> fds, const std::vector<chunk_piece>& pieces, const task& job) :
    fds_(fds), pieces_(pieces), job_(job) {
  }
  result<void> check_answers() const;
  result<void> open_piece();
  result<void> compare_with_first(const AVCodecParameters& par);
  /// The next packet of any piece; false at the end of the last.
  result<bool> read(AVPacket& packet);
  result<void> check_end();
  void skip_empty() noexcept;
  error wrong(const std::string& what, errc code = errc::unprocessable) const;
  /// What another encoding of the same piece mends.
  error damaged(const std::string& what, errc code = errc::unprocessable) const;

  std::span<const int> fds_;
  const std::vector<chunk_piece>& pieces_;
  const task& job_;
  AVRational time_base_{0, 1};
  /// The piece that is being read.
  size_t at_ = 0;
  std::unique_ptr<input> file_;
  int64_t frames_in_piece_ = 0;
  hash128 hash_;
  /// Of the last piece that was read to its end.
  std::string digest_;
  int64_t frames_ = 0;
  bool ended_ = false;
  /// What the first piece is encoded as.
  std::shared_ptr<AVCodecParameters> first_;
  std::unique_ptr<decode_times> times_;
  /// Read, and not yet handed out for want of a decoding time.
  std::deque<av::packet> waiting_;
};

} // namespace troupe::media
