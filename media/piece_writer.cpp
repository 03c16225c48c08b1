#include "media/piece_writer.hpp"

#include "media/faults.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace troupe::media {

namespace {

/// No codec stores a frame further than this behind one that is shown later.
constexpr size_t deepest_order = 64;

} // namespace

result<std::unique_ptr<piece_writer>> piece_writer::open(int fd, const media_chunk& chunk, const task& job) {
  auto output = muxer::open(fd, piece_profile(), job);
  if (!output)
    return output.error();
  std::unique_ptr<piece_writer> self{new piece_writer};
  self->fd_ = fd;
  self->output_ = std::move(*output);
  self->packets_ = std::make_unique<packet_writer>(*self->output_);
  self->packets_->on_packet([&s = *self](AVPacket& p, AVRational time_base) { s.note(p, time_base); });
  self->piece_.plan = chunk.plan;
  self->piece_.index = chunk.index;
  self->piece_.count = chunk.count;
  return self;
}

result<void> piece_writer::write_header() {
  auto& format = *output_->format();
  // mp4 makes a track of it.
  av_dict_set(&format.metadata, "timecode", nullptr, 0);
  for (unsigned i = 0; i < format.nb_streams; ++i)
    av_dict_set(&format.streams[i]->metadata, "timecode", nullptr, 0);
  return output_->write_header();
}

void piece_writer::note(AVPacket& packet, AVRational time_base) {
  auto& p = piece_;
  if (p.frames == 0) {
    // A new encoder begins with a keyframe, and nothing is shown before that.
    p.first = p.last = packet.pts;
    p.time_base = {time_base.num, time_base.den};
  }
  ++p.frames;
  p.last = std::max(p.last, packet.pts);
  auto shown_later = std::count_if(recent_.begin(), recent_.end(), [&](int64_t t) { return t > packet.pts; });
  p.reorder = std::max(p.reorder, static_cast<int32_t>(shown_later));
  recent_.push_back(packet.pts);
  if (recent_.size() > deepest_order)
    recent_.pop_front();
  // mp4 rounds where a file begins: only 0 is exact.
  packet.pts -= p.first;
  if (packet.dts != AV_NOPTS_VALUE)
    packet.dts -= p.first;
}

result<chunk_piece> piece_writer::finish(int64_t packets, int64_t damaged) {
  piece_.packets = packets;
  piece_.damaged = damaged;
  if (piece_.frames == 0) {
    if (::ftruncate(fd_, 0) != 0 || ::fsync(fd_) != 0)
      return system_error(errno, "the piece can't be emptied");
    return piece_;
  }
  write_label(*output_->format(), piece_);
  TROUPE_TRY(output_->finish());
  return piece_;
}

} // namespace troupe::media
