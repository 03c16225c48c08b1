#pragma once

#include "media/decoder.hpp"
#include "media/input.hpp"

#include <vector>

namespace troupe::media {

/// Decodes single keyframes of one stream by seeking, nothing between them. One thread. `source` and `stream` outlive
/// it; every other stream of the source is left out from now on.
class keyframe_reader {
public:
  struct found {
    /// Null: there was none, or none that can be decoded.
    av::frame picture;
    /// It is the one that the last call decoded, which is not done twice: `picture` is null.
    bool repeated = false;
  };

  static result<keyframe_reader> open(input& source, AVStream& stream, const decoder_settings& settings);

  /// Times (the stream's time base) of the keyframes that the container's index lists, rising, and of the last frame
  /// in it; empty when there is no index that goes over half of the film.
  const std::vector<int64_t>& index() const noexcept {
    return index_;
  }
  int64_t index_end() const noexcept {
    return index_end_;
  }

  /// Makes the index by reading the whole file without decoding, for one that has neither an index nor a duration.
  result<void> scan();

  /// The time of the last frame behind `claimed`, which a header says is near the end; AV_NOPTS_VALUE when the end is
  /// not reached within a bounded amount of data.
  result<int64_t> last_time(int64_t claimed);

  /// The keyframe at or before `time`, or the first behind it that can be decoded within a bounded amount of data.
  result<found> at(int64_t time);
  /// The first keyframe behind a byte of the file, for files that tell no time.
  result<found> at_byte(int64_t position);
  /// From the first frame on in the order of the film, key or not, without those that no other needs.
  result<void> forward(int64_t packets, const frame_sink& sink, const std::function<bool()>& enough);

private:
  keyframe_reader(input& source, AVStream& stream, decoder codec);
  void read_index();
  void to_start() noexcept;
  /// The next packet into packet_; false at the end.
  result<bool> read();
  result<found> next_keyframe();

  input* source_;
  AVStream* stream_;
  decoder codec_;
  av::packet packet_;
  std::vector<int64_t> index_;
  int64_t index_end_ = AV_NOPTS_VALUE;
  /// Of the keyframe that was decoded last.
  int64_t last_time_ = AV_NOPTS_VALUE;
  int64_t last_byte_ = -1;
};

} // namespace troupe::media
