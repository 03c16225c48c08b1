#pragma once

#include "media/decoder.hpp"
#include "media/encoder.hpp"
#include "media/filter_graph.hpp"
#include "media/packet_writer.hpp"
#include "media/sound_adapter.hpp"
#include "media/transcode_plan.hpp"

#include <atomic>
#include <memory>
#include <optional>

namespace troupe::media {

/// One encoded stream of an output: filters, which follow when the frames change on the way, an encoder, and the stream
/// in the container. Filtering and encoding may run on two threads.
class coded_stream {
public:
  /// Adds the stream to the writer's muxer. The plan, the source and the writer must outlive it.
  static result<std::unique_ptr<coded_stream>> make(const planned_track& plan, input& source, packet_writer& out);

  /// Filters a frame whose pts is in the source's time base, and hands each result on; nullptr: what is still inside.
  result<void> filter(AVFrame* frame, const frame_sink& next);
  /// Encodes a filtered frame and writes the packets; nullptr: what is still inside, and the stream is complete.
  result<void> encode(AVFrame* frame);

  /// Of the frames that leave the filters.
  AVRational time_base() const noexcept {
    return encoder_.context().time_base;
  }
  /// Frames that were given to the encoder. Any thread.
  int64_t frames() const noexcept {
    return frames_.load(std::memory_order_relaxed);
  }
  /// Frames that were left out: others are shown at their time already. Any thread.
  int64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

private:
  coded_stream(const planned_track& plan, input& source, AVStream& in, packet_writer& out, unsigned index,
               filter_graph graph, encoder coder);
  bool video() const noexcept {
    return in_.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
  }
  int frame_size() const noexcept;
  void give_time(AVFrame& frame);
  bool too_soon(const AVFrame& frame) noexcept;
  result<void> filter_picture(AVFrame& frame, const frame_sink& next);
  result<void> filter_sound(AVFrame& frame, int64_t expected, const frame_sink& next);
  result<void> renew_graph(const AVFrame& frame, const frame_sink& next);
  bool keyframe_due(const AVFrame& frame) noexcept;
  result<void> write(AVPacket& packet);

  const planned_track& plan_;
  AVStream& in_;
  /// As the container has it.
  const AVRational aspect_;
  packet_writer& out_;
  unsigned index_;
  // The filtering thread's.
  filter_graph graph_;
  bool deinterlaces_;
  bool seen_ = false;
  AVRational first_aspect_{0, 1};
  AVRational last_aspect_{0, 1};
  /// Of sound.
  std::optional<sound_adapter> adapter_;
  int64_t next_pts_ = 0;
  int64_t kept_slot_ = INT64_MIN;
  // The encoding thread's.
  encoder encoder_;
  int64_t last_pts_ = AV_NOPTS_VALUE;
  double next_keyframe_ = 0;
  std::atomic<int64_t> frames_ = 0;
  std::atomic<int64_t> dropped_ = 0;
};

} // namespace troupe::media
