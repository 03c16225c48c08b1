#pragma once

#include "media/av.hpp"
#include "media/file_io.hpp"
#include "media/input_limits.hpp"
#include "media/matroska_map.hpp"
#include "media/packet_marks.hpp"
#include "media/task.hpp"

#include <map>
#include <memory>
#include <string>

namespace troupe::media {

/// What a file is opened for.
enum class depth {
  /// Everything: packets from the first one on, parameters as libav finds them by decoding.
  packets,
  /// Facts only: the same parameters by the cheapest way to them (stream_completion). Packets may start late.
  facts,
};

/// A media file open for demuxing through a descriptor. Only known container formats are accepted, no protocol and no
/// second file can be opened from inside it (a playlist named .mp4 pulls in nothing).
class input {
public:
  /// Opens and reads headers (and a bounded beginning) of what the file holds. Borrows it and `job.cancelled`.
  /// bad_media when it is not media, holds neither video nor audio, or asks for more than `job.limits`; io when reading
  /// fails; cancelled.
  static result<std::unique_ptr<input>> open(source_file file, const std::string& name_hint, const task& job,
                                             depth how_deep = depth::packets);

  AVFormatContext* format() noexcept {
    return format_.get();
  }
  source_io& io() noexcept {
    return io_;
  }
  AVStream* stream(unsigned index) noexcept {
    return format_->streams[index];
  }
  bool cancelled() const noexcept {
    return cancelled_.load(std::memory_order_relaxed);
  }
  /// The first stream of that type that is not an attached picture; nullptr if there is none.
  AVStream* first(AVMediaType type) noexcept;
  /// The first attached picture that arrived, or nullptr.
  AVStream* cover() noexcept;
  /// The next packet. AVERROR_EOF at the end; use `read_error` for anything else that is negative.
  int read(AVPacket& packet) noexcept;
  /// The streams to be read are chosen (AVStream::discard), and stay so to the end: of a source that is only partly
  /// here nothing else is asked for, where the container tells what is where.
  void chosen();
  /// Whether the pictures of this container need not be read for its sound: it tells where all packets stand, or how
  /// its blocks are found (the cues of Matroska, which are read for that).
  bool tells_places();
  /// What the first packet of that stream carries besides the picture; only of an input that was opened for facts.
  packet_marks marks(unsigned index) const {
    auto found = marks_.find(index);
    return found == marks_.end() ? packet_marks{} : found->second;
  }
  /// Whether the container does not tell when the stream's pictures are shown (AVI, bare streams), and they are shown
  /// in another order than they are decoded in: packets come without that time, and decoders find it.
  bool lacks_display_times(const AVStream& stream) const noexcept;
  /// The same file once more, from its beginning; this one stays where it is. Errors as of `open`.
  result<std::unique_ptr<input>> again() const;
  /// The error behind a failed read or seek.
  error read_error(int code) const;

private:
  input(source_file file, const task& job);
  result<void> detect(const std::string& name_hint);
  result<void> open_format(bool prepared);
  void undo_generated_time(AVPacket& packet) const noexcept;
  result<void> find_streams(depth how_deep);
  result<void> after_finding(int code);
  result<void> check_streams();
  bool chosen_pictures() const noexcept;

  const std::atomic<bool>& cancelled_;
  const exec::limits limits_;
  subtitle_meter subtitles_;
  bool too_many_subtitles_ = false;
  std::string name_hint_;
  source_io io_;
  const AVInputFormat* detected_ = nullptr;
  /// Of Matroska, once it was asked for.
  std::optional<matroska_map> map_;
  bool map_read_ = false;
  std::map<unsigned, packet_marks> marks_;
  // Last member: closed before the io it reads from.
  av::input_context format_;
};

} // namespace troupe::media
