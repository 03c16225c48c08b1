#pragma once

#include "media/muxer.hpp"
#include "media/pipeline.hpp"

#include <atomic>
#include <functional>

namespace troupe::media {

/// A muxer with a thread of its own: the packets of all streams come in through one queue, from any thread.
class packet_writer {
public:
  explicit packet_writer(muxer& output) :
    output_(output),
    queue_(queue_packets, queue_bytes, [](const item& x) { return static_cast<size_t>(x.packet->size); }) {
  }

  muxer& output() noexcept {
    return output_;
  }
  /// One more that writes. Call for each before start.
  void expect() noexcept {
    ++producers_;
  }
  /// Sees each packet on the thread, before it is written; may change its times. Set before start.
  void on_packet(std::function<void(AVPacket&, AVRational time_base)> look) {
    on_packet_ = std::move(look);
  }
  /// Starts the thread; the muxer's header is written by then.
  result<void> start(pipeline& work);

  /// Takes the packet's data over; its timestamps are in `time_base`.
  result<void> write(AVPacket& packet, unsigned stream, AVRational time_base);
  /// One that was expected writes no more. After the last the thread ends.
  void finished();

  /// Furthest end of a packet that was written, seconds; and bytes so far. For progress.
  double position() const noexcept {
    return position_.load(std::memory_order_relaxed);
  }
  int64_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

private:
  // Packets are small beside frames; sound that waits for video at the muxer is the most of it.
  static constexpr size_t queue_packets = 256;
  static constexpr size_t queue_bytes = 16 << 20;

  struct item {
    av::packet packet;
    unsigned stream = 0;
    AVRational time_base{0, 1};
  };

  result<void> run();

  muxer& output_;
  std::function<void(AVPacket&, AVRational)> on_packet_;
  bounded_queue<item> queue_;
  std::atomic<int> producers_ = 0;
  std::atomic<double> position_ = 0;
  std::atomic<int64_t> bytes_ = 0;
};

} // namespace troupe::media
