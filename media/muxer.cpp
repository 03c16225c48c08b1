#include "media/muxer.hpp"

#include "media/faults.hpp"
#include "media/languages.hpp"
#include "media/stream_description.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <string_view>

namespace troupe::media {

namespace {

/// Bytes of other tracks that wait for the next packet of one.
constexpr int64_t most_held = 32 << 20;

} // namespace

result<std::unique_ptr<muxer>> muxer::open(int fd, const media_profile& profile, const task& job) {
  std::unique_ptr<muxer> self{new muxer(fd, job.cancelled)};
  TROUPE_TRY(self->prepare(profile.container, profile.extension));
  self->faststart_ = profile.faststart;
  return self;
}

result<void> muxer::prepare(const std::string& container, const std::string& extension) {
  if (::ftruncate(sink_.fd(), 0) != 0)
    return system_error(errno, "the output can't be emptied");
  AVFormatContext* context = nullptr;
  int code = avformat_alloc_output_context2(&context, nullptr, container.c_str(), ("output." + extension).c_str());
  if (code < 0 || !context)
    return {errc::unprocessable, "the container \"" + container + "\" is not known"};
  format_.reset(context);
  const std::string_view name = context->oformat->name;
  is_matroska_ = name == "matroska" || name == "webm";
  is_mp4_ = name == "mp4" || name == "mov" || name == "ipod";
  context->pb = sink_.context();
  context->flags |= AVFMT_FLAG_CUSTOM_IO;
  context->opaque = this;
  context->io_open = &muxer::reopen;
  context->io_close2 = &muxer::reclose;
  return {};
}

int muxer::reopen(AVFormatContext* format, AVIOContext** out, const char*, int flags, AVDictionary**) noexcept {
  auto& self = *static_cast<muxer*>(format->opaque);
  if (flags != AVIO_FLAG_READ || self.rereading_)
    return AVERROR(EPERM);
  try {
    self.rereading_ = std::make_unique<source_io>(self.sink_.fd(), self.cancelled_);
  } catch (const std::bad_alloc&) {
    return AVERROR(ENOMEM);
  }
  *out = self.rereading_->context();
  return 0;
}

int muxer::reclose(AVFormatContext* format, AVIOContext*) noexcept {
  static_cast<muxer*>(format->opaque)->rereading_.reset();
  return 0;
}

AVStream* muxer::add_stream() {
  last_dts_.push_back(AV_NOPTS_VALUE);
  waiting_.push_back(0);
  return av::checked(avformat_new_stream(format_.get(), nullptr));
}

/// The mp4 family has room for three letters, "und" for anything else. Others take what they find or know how to turn
/// it into theirs.
void muxer::name_languages() {
  if (!is_mp4_)
    return;
  const bool quicktime = std::string_view(format_->oformat->name) == "mov";
  for (unsigned i = 0; i < format_->nb_streams; ++i)
    if (auto* said = av_dict_get(format_->streams[i]->metadata, "language", nullptr, 0)) {
      const auto three = quicktime ? quicktime_letters(said->value) : three_letters(said->value);
      av_dict_set(&format_->streams[i]->metadata, "language", three.c_str(), 0);
    }
}

/// libav's muxer of Matroska moves all tracks so that the priming of sound does not begin before 0, and leaves the
/// chapters where they are.
void muxer::delay_chapters() noexcept {
  double delay = 0;
  for (unsigned i = 0; is_matroska_ && i < format_->nb_streams; ++i)
    if (auto& par = *format_->streams[i]->codecpar; par.codec_id != AV_CODEC_ID_OPUS && par.sample_rate > 0)
      delay = std::max(delay, static_cast<double>(par.initial_padding) / par.sample_rate);
  for (unsigned i = 0; i < format_->nb_chapters; ++i) {
    auto& c = *format_->chapters[i];
    const auto ticks = std::llround(delay / av_q2d(c.time_base));
    // What begins with the film begins with its sound.
    if (c.start > 0)
      c.start += ticks;
    c.end += ticks;
  }
}

result<void> muxer::write_header() {
  delay_chapters();
  name_languages();
  for (unsigned i = 0; i < format_->nb_streams; ++i)
    format_->strict_std_compliance = std::min(format_->strict_std_compliance, strictness_for(*format_->streams[i]));
  av::options options;
  // Only the mp4 family has these options; others leave them in the dictionary, which is no error.
  // Where a track begins is told in units of this: the default of a millisecond moves sound against picture.
  options.set("movie_timescale", "90000");
  if (faststart_)
    options.set("movflags", "+faststart");
  int code = avformat_write_header(format_.get(), options.out());
  return code < 0 ? result<void>(failed(code, "the output's header can't be written")) : result<void>();
}

/// Matroska counts an Opus track's priming into its times (CodecDelay, RFC 9559, 5.1.4.1.25); libav's muxer writes the
/// one and leaves out the other, and then moves all tracks so that none begins before 0.
void muxer::delay_sound(AVPacket& packet, const AVStream& stream) const noexcept {
  auto& par = *stream.codecpar;
  if (!is_matroska_ || par.codec_id != AV_CODEC_ID_OPUS || par.initial_padding <= 0)
    return;
  const auto delay = av_rescale_q(par.initial_padding, {1, par.sample_rate}, stream.time_base);
  for (auto* time : {&packet.pts, &packet.dts})
    if (*time != AV_NOPTS_VALUE)
      *time += delay;
}

/// libav sorts packets by time, and so keeps all of the others until a track goes on; of VP9 and AV1 without end,
/// though the track may have ended long ago. What is flushed stands a little too early in the file: players bear that.
bool muxer::holds_too_much(unsigned index, int64_t bytes) noexcept {
  bool too_much = false;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    auto& s = *format_->streams[i];
    const auto type = s.codecpar->codec_type;
    if (i == index || (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO)
        || (s.disposition & AV_DISPOSITION_ATTACHED_PIC))
      waiting_[i] = 0;
    else
      waiting_[i] += bytes;
    too_much |= waiting_[i] > most_held;
  }
  if (too_much)
    std::fill(waiting_.begin(), waiting_.end(), 0);
  return too_much;
}

result<void> muxer::write(AVPacket& packet, unsigned index, AVRational time_base) {
  auto* stream = format_->streams[index];
  av_packet_rescale_ts(&packet, time_base, stream->time_base);
  packet.stream_index = static_cast<int>(index);
  delay_sound(packet, *stream);
  packet.pos = -1;
  if (packet.dts == AV_NOPTS_VALUE)
    packet.dts = packet.pts;
  if (packet.pts == AV_NOPTS_VALUE)
    packet.pts = packet.dts;
  auto& last = last_dts_[index];
  if (packet.dts == AV_NOPTS_VALUE)
    packet.dts = packet.pts = last == AV_NOPTS_VALUE ? 0 : last + 1;
  if (last != AV_NOPTS_VALUE && packet.dts <= last)
    packet.dts = last + 1;
  packet.pts = std::max(packet.pts, packet.dts);
  last = packet.dts;
  const bool flush = holds_too_much(index, packet.size);
  int code = av_interleaved_write_frame(format_.get(), &packet);
  if (code >= 0 && flush)
    code = av_interleaved_write_frame(format_.get(), nullptr);
  return code < 0 ? result<void>(failed(code, "the output can't be written")) : result<void>();
}

result<void> muxer::finish() {
  int code = av_write_trailer(format_.get());
  if (code >= 0) {
    avio_flush(format_->pb);
    code = format_->pb->error;
  }
  if (code < 0 || sink_.failure())
    return failed(code, "the output can't be finished");
  // A full disk may show only here.
  if (::fsync(sink_.fd()) != 0)
    return system_error(errno, "the output can't be synced");
  return {};
}

error muxer::failed(int code, const char* what) const {
  if (sink_.failure())
    return system_error(sink_.failure(), what);
  if (cancelled_.load(std::memory_order_relaxed))
    return cancelled_error();
  auto why = av_error(code, what);
  if (why.code == errc::bad_media)
    why.code = errc::unprocessable;
  return why;
}

} // namespace troupe::media
