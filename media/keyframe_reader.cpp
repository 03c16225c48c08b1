#include "media/keyframe_reader.hpp"

#include <algorithm>

namespace troupe::media {

namespace {

/// What is read at most in the search for one keyframe.
constexpr int max_packets = 3000;
constexpr int64_t max_bytes = 64 << 20;
/// Keyframes at one place that are tried when they can't be decoded.
constexpr int max_tries = 4;
constexpr int64_t max_scanned_packets = 20'000'000;

} // namespace

keyframe_reader::keyframe_reader(input& source, AVStream& stream, decoder codec) :
  source_(&source), stream_(&stream), codec_(std::move(codec)), packet_(av::make_packet()) {
}

result<keyframe_reader> keyframe_reader::open(input& source, AVStream& stream, const decoder_settings& settings) {
  auto codec = decoder::open(stream, settings);
  if (!codec)
    return codec.error();
  for (unsigned i = 0; i < source.format()->nb_streams; ++i)
    source.stream(i)->discard = i == static_cast<unsigned>(stream.index) ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  keyframe_reader self(source, stream, std::move(*codec));
  self.read_index();
  return self;
}

void keyframe_reader::read_index() {
  // Matroska reads its cues at the first seek.
  if (avformat_index_get_entries_count(stream_) < 2)
    av_seek_frame(source_->format(), stream_->index, stream_->start_time == AV_NOPTS_VALUE ? 0 : stream_->start_time,
                  AVSEEK_FLAG_BACKWARD);
  const int entries = avformat_index_get_entries_count(stream_);
  for (int i = 0; i < entries; ++i) {
    auto* e = avformat_index_get_entry(stream_, i);
    if (!e || e->timestamp == AV_NOPTS_VALUE)
      continue;
    index_end_ = std::max(index_end_, e->timestamp);
    if ((e->flags & AVINDEX_KEYFRAME) && !(e->flags & AVINDEX_DISCARD_FRAME)
        && (index_.empty() || e->timestamp > index_.back()))
      index_.push_back(e->timestamp);
  }
  // What was noticed while reading the beginning is no index.
  const auto duration = source_->format()->duration;
  if (duration <= 0 || index_.empty())
    return index_.clear();
  const auto covered = av_rescale_q(index_end_ - index_.front(), stream_->time_base, {1, AV_TIME_BASE});
  if (covered < duration / 2)
    index_.clear();
}

result<bool> keyframe_reader::read() {
  av_packet_unref(packet_.get());
  const int code = source_->read(*packet_);
  if (code == AVERROR_EXIT || source_->io().failure())
    return source_->read_error(code);
  // Nothing this time, and not the end: as a packet of no stream, so that callers' limits count it.
  if (code == AVERROR(EAGAIN))
    packet_->stream_index = -1;
  return code >= 0 || code == AVERROR(EAGAIN);
}

result<void> keyframe_reader::scan() {
  index_.clear();
  index_end_ = AV_NOPTS_VALUE;
  to_start();
  for (int64_t packets = 0; packets < max_scanned_packets; ++packets) {
    auto more = read();
    if (!more)
      return more.error();
    if (!*more)
      break;
    const auto time = packet_->dts != AV_NOPTS_VALUE ? packet_->dts : packet_->pts;
    if (packet_->stream_index != stream_->index || time == AV_NOPTS_VALUE)
      continue;
    index_end_ = std::max(index_end_, time);
    if ((packet_->flags & AV_PKT_FLAG_KEY) && (index_.empty() || time > index_.back()))
      index_.push_back(time);
  }
  return {};
}

result<int64_t> keyframe_reader::last_time(int64_t claimed) {
  int64_t last = AV_NOPTS_VALUE;
  if (av_seek_frame(source_->format(), stream_->index, claimed, AVSEEK_FLAG_BACKWARD) < 0)
    return last;
  last_time_ = AV_NOPTS_VALUE;
  int64_t bytes = 0;
  for (int packets = 0; packets < max_packets && bytes < max_bytes; ++packets) {
    auto more = read();
    if (!more)
      return more.error();
    if (!*more)
      return last;
    bytes += packet_->size;
    if (packet_->stream_index == stream_->index && packet_->dts != AV_NOPTS_VALUE)
      last = std::max(last, packet_->dts);
  }
  return AV_NOPTS_VALUE;
}

void keyframe_reader::to_start() noexcept {
  last_time_ = AV_NOPTS_VALUE;
  auto* format = source_->format();
  if (avformat_seek_file(format, -1, INT64_MIN, INT64_MIN, INT64_MAX, 0) < 0)
    av_seek_frame(format, stream_->index, 0, AVSEEK_FLAG_BACKWARD | AVSEEK_FLAG_BYTE);
  codec_.flush();
}

result<keyframe_reader::found> keyframe_reader::at(int64_t time) {
  if (av_seek_frame(source_->format(), stream_->index, time, AVSEEK_FLAG_BACKWARD) < 0)
    return found{};
  return next_keyframe();
}

result<keyframe_reader::found> keyframe_reader::at_byte(int64_t position) {
  if (av_seek_frame(source_->format(), -1, position, AVSEEK_FLAG_BYTE) < 0)
    return found{};
  return next_keyframe();
}

result<keyframe_reader::found> keyframe_reader::next_keyframe() {
  codec_.flush();
  found out;
  auto keep = [&](AVFrame& f) -> result<void> {
    if (!out.picture) {
      out.picture = av::make_frame();
      av_frame_move_ref(out.picture.get(), &f);
    }
    return {};
  };
  int64_t bytes = 0;
  int tries = 0;
  for (int packets = 0; packets < max_packets && bytes < max_bytes && tries < max_tries; ++packets) {
    auto more = read();
    if (!more)
      return more.error();
    if (!*more)
      break;
    bytes += packet_->size;
    if (packet_->stream_index != stream_->index || !(packet_->flags & AV_PKT_FLAG_KEY))
      continue;
    const auto time = packet_->dts != AV_NOPTS_VALUE ? packet_->dts : packet_->pts;
    if (tries == 0 && time == last_time_ && packet_->pos == last_byte_) {
      out.repeated = true;
      return out;
    }
    last_time_ = time;
    last_byte_ = packet_->pos;
    ++tries;
    TROUPE_TRY(codec_.send(packet_.get(), keep));
    // Nothing follows: the decoder need not wait for what might be shown earlier.
    if (!out.picture)
      TROUPE_TRY(codec_.send(nullptr, keep));
    if (out.picture) {
      if (out.picture->pts == AV_NOPTS_VALUE)
        out.picture->pts = time;
      return out;
    }
    codec_.flush();
  }
  return out;
}

result<void> keyframe_reader::forward(int64_t packets, const frame_sink& sink, const std::function<bool()>& enough) {
  to_start();
  codec_.skip(AVDISCARD_NONREF);
  int64_t bytes = 0;
  while (packets > 0 && bytes < 4 * max_bytes && !enough()) {
    auto more = read();
    if (!more)
      return more.error();
    if (!*more) {
      TROUPE_TRY(codec_.send(nullptr, sink));
      break;
    }
    bytes += packet_->size;
    if (packet_->stream_index != stream_->index)
      continue;
    --packets;
    TROUPE_TRY(codec_.send(packet_.get(), sink));
  }
  codec_.skip(AVDISCARD_DEFAULT);
  codec_.flush();
  return {};
}

} // namespace troupe::media
