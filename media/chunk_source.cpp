#include "media/chunk_source.hpp"

#include "media/faults.hpp"
#include "media/timeline.hpp"

namespace troupe::media {

result<std::unique_ptr<chunk_source>> chunk_source::open(source_file file, const std::string& name_hint,
                                                         const media_chunk& chunk, const task& job) {
  std::unique_ptr<chunk_source> self{new chunk_source(file, name_hint, chunk, job)};
  TROUPE_TRY(self->open_file());
  return self;
}

result<void> chunk_source::open_file() {
  auto file = input::open(source_, name_hint_, job_);
  if (!file)
    return file.error();
  file_ = std::move(*file);
  // As transcode reads it.
  file_->format()->flags |= AVFMT_FLAG_GENPTS;
  return {};
}

result<void> chunk_source::start(unsigned stream) {
  stream_ = stream;
  // Seeking goes by decoding times in some containers, and so may lead too far.
  for (int64_t seconds : {0, 15}) {
    auto found = approach(seconds);
    if (!found)
      return found.error();
    if (*found)
      return {};
  }
  // From the very beginning, then: slow, and always right.
  TROUPE_TRY(open_file());
  auto found = reach();
  if (!found)
    return found.error();
  if (!*found)
    return {errc::unprocessable, "the keyframe before chunk " + std::to_string(chunk_.index + 1)
                                   + " is not in the source: it is not the file that was planned for"};
  return {};
}

result<bool> chunk_source::approach(int64_t seconds) {
  auto* format = file_->format();
  if (!chunk_.from_start) {
    const auto index = static_cast<int>(stream_);
    const bool by_position = chunk_.from_position >= 0;
    if (by_position && seconds > 0)
      return false;
    auto time_base = file_->stream(stream_)->time_base;
    auto target = by_position ? chunk_.from_position
                              : chunk_.from_time - av_rescale_q(seconds * AV_TIME_BASE, {1, AV_TIME_BASE}, time_base);
    if (av_seek_frame(format, index, target, by_position ? AVSEEK_FLAG_BYTE : AVSEEK_FLAG_BACKWARD) < 0)
      return false;
  }
  return reach();
}

result<bool> chunk_source::reach() {
  for (unsigned i = 0; i < file_->format()->nb_streams; ++i)
    file_->stream(i)->discard = i == stream_ ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  window_ = chunk_window(chunk_);
  first_.reset();
  if (chunk_.from_start)
    return true;
  auto packet = av::make_packet();
  for (;;) {
    auto more = read(*packet);
    if (!more)
      return more.error();
    if (!*more)
      return false;
    auto time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (window_.admits(time, packet->pos, packet->flags & AV_PKT_FLAG_KEY)) {
      first_ = std::move(packet);
      return true;
    }
    if (window_.missed())
      return false;
    av_packet_unref(packet.get());
  }
}

result<bool> chunk_source::read(AVPacket& packet) {
  for (;;) {
    int code = file_->read(packet);
    if (code == AVERROR(EAGAIN))
      continue;
    if (code == AVERROR_EXIT || file_->io().failure())
      return file_->read_error(code);
    if (code < 0) {
      if (code != AVERROR_EOF)
        broken_ = "reading stopped at a damaged place (" + av_text(code) + ")";
      return false;
    }
    // Some demuxers hand out what was to be discarded.
    if (packet.stream_index == static_cast<int>(stream_))
      return true;
    av_packet_unref(&packet);
  }
}

result<bool> chunk_source::next(AVPacket& packet) {
  if (first_) {
    av_packet_move_ref(&packet, first_.get());
    first_.reset();
  } else {
    auto more = read(packet);
    if (!more || !*more)
      return more;
  }
  shift_times(packet, window_.shift_at(packet.pos), file_->stream(stream_)->time_base);
  return true;
}

} // namespace troupe::media
