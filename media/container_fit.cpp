#include "media/container_fit.hpp"

#include "media/stream_description.hpp"

namespace troupe::media {

namespace {

/// Bytes in memory that a muxer can be started on.
struct memory_deleter {
  void operator()(AVIOContext* p) const noexcept {
    uint8_t* bytes = nullptr;
    avio_close_dyn_buf(p, &bytes);
    av_free(bytes);
  }
};
using memory = std::unique_ptr<AVIOContext, memory_deleter>;

memory make_memory() {
  AVIOContext* p = nullptr;
  if (avio_open_dyn_buf(&p) < 0)
    throw std::bad_alloc();
  return memory{p};
}

/// Starts the muxer with that stream alone; nothing is written.
bool muxer_starts(const AVOutputFormat& container, const AVCodecParameters& stream) {
  // Goes after the muxer.
  auto bytes = make_memory();
  AVFormatContext* context = nullptr;
  if (avformat_alloc_output_context2(&context, &container, nullptr, nullptr) < 0)
    throw std::bad_alloc();
  av::output_context muxer{context};
  muxer->pb = bytes.get();
  muxer->flags |= AVFMT_FLAG_CUSTOM_IO;
  auto* s = av::checked(avformat_new_stream(muxer.get(), nullptr));
  if (avcodec_parameters_copy(s->codecpar, &stream) < 0)
    throw std::bad_alloc();
  s->codecpar->codec_tag = container_tag(container, stream);
  s->time_base = {1, 90'000};
  muxer->strict_std_compliance = strictness_for(*s);
  const int code = avformat_init_output(muxer.get(), nullptr);
  if (code == AVERROR(ENOMEM))
    throw std::bad_alloc();
  return code >= 0;
}

} // namespace

bool container_holds(const AVOutputFormat& container, const AVCodecParameters& stream) {
  // 1: yes, 0: no. Muxers of one codec (mp3) answer that they do not know.
  const int listed = avformat_query_codec(&container, stream.codec_id, FF_COMPLIANCE_NORMAL);
  if (listed == 0
      || (listed < 0 && stream.codec_id != container.audio_codec && stream.codec_id != container.video_codec))
    return false;
  // The mp4 family's list names more than each of its members takes: AV1 and Opus are on that of mov, which refuses
  // them. Only the muxer itself knows, and it says so before the header.
  const bool av = stream.codec_type == AVMEDIA_TYPE_VIDEO || stream.codec_type == AVMEDIA_TYPE_AUDIO;
  return !av || muxer_starts(container, stream);
}

} // namespace troupe::media
