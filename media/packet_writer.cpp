#include "media/packet_writer.hpp"

#include <algorithm>

namespace troupe::media {

result<void> packet_writer::start(pipeline& work) {
  work.add(queue_);
  return work.spawn("mux", [this] { return run(); });
}

result<void> packet_writer::write(AVPacket& packet, unsigned stream, AVRational time_base) {
  auto own = av::make_packet();
  av_packet_move_ref(own.get(), &packet);
  return queue_.push({std::move(own), stream, time_base}) ? result<void>{} : stopped_error();
}

void packet_writer::finished() {
  if (--producers_ == 0)
    queue_.close();
}

result<void> packet_writer::run() {
  double position = 0;
  while (auto next = queue_.pop()) {
    auto& p = *next->packet;
    if (on_packet_)
      on_packet_(p, next->time_base);
    auto end = p.pts != AV_NOPTS_VALUE ? p.pts : p.dts;
    if (end != AV_NOPTS_VALUE)
      position = std::max(position, static_cast<double>(end + p.duration) * av_q2d(next->time_base));
    TROUPE_TRY(output_.write(p, next->stream, next->time_base));
    position_.store(position, std::memory_order_relaxed);
    bytes_.store(output_.bytes(), std::memory_order_relaxed);
  }
  return {};
}

} // namespace troupe::media
