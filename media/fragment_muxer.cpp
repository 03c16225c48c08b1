#include "media/fragment_muxer.hpp"

#include "media/faults.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::media {

result<std::unique_ptr<fragment_muxer>> fragment_muxer::open(int fd, double fragment_seconds, const task& job) {
  std::unique_ptr<fragment_muxer> self{new fragment_muxer(fd, fragment_seconds, job.cancelled)};
  TROUPE_TRY(self->prepare("mp4", "mp4"));
  return self;
}

result<void> fragment_muxer::write_header() {
  name_languages();
  av::options options;
  // The moov waits for the first fragment, so that it can tell of the encoder's delay in an edit list.
  options.set("movflags", "+cmaf+frag_custom+delay_moov+skip_trailer");
  options.set("use_editlist", "1");
  int code = avformat_write_header(format(), options.out());
  return code < 0 ? result<void>(failed(code, "the output's header can't be written")) : result<void>();
}

bool fragment_muxer::begins_fragment(const AVPacket& packet, double at) const {
  if (starts_.empty())
    return true;
  if (!(packet.flags & AV_PKT_FLAG_KEY))
    return false;
  if (format()->streams[0]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
    return true;
  // Sound is cut at multiples, and so stays beside the pictures however long the film is.
  return std::floor(at / fragment_seconds_ + 1e-6) > std::floor(starts_.back() / fragment_seconds_ + 1e-6);
}

result<void> fragment_muxer::write(AVPacket& packet, unsigned stream, AVRational time_base) {
  const auto pts = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
  const double at = std::max(static_cast<double>(pts) * av_q2d(time_base), 0.0);
  if (begins_fragment(packet, at)) {
    if (!starts_.empty())
      TROUPE_TRY(end_fragment());
    starts_.push_back(at);
  }
  ++packets_;
  end_ = std::max(end_, static_cast<double>(pts + packet.duration) * av_q2d(time_base));
  return muxer::write(packet, stream, time_base);
}

result<void> fragment_muxer::end_fragment() {
  // The first time the delayed moov is all that is written.
  for (int writes = starts_.size() == 1 ? 2 : 1; writes > 0; --writes)
    if (int code = av_write_frame(format(), nullptr); code < 0)
      return failed(code, "the output can't be written");
  return {};
}

result<void> fragment_muxer::finish() {
  if (!starts_.empty())
    TROUPE_TRY(end_fragment());
  return muxer::finish();
}

} // namespace troupe::media
