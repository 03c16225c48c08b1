#include "media/stream_description.hpp"

#include "media/faults.hpp"

#include <cstring>
#include <initializer_list>

namespace troupe::media {

namespace {

result<void> copy_side_data(AVStream& out, const AVStream& in, std::initializer_list<AVPacketSideDataType> types) {
  for (auto type : types) {
    size_t size = 0;
    auto* data = av_stream_get_side_data(&in, type, &size);
    if (!data || av_stream_get_side_data(&out, type, nullptr))
      continue;
    auto* copy = av_stream_new_side_data(&out, type, size);
    if (!copy)
      return av_error(AVERROR(ENOMEM), "the output's stream can't be described");
    std::memcpy(copy, data, size);
  }
  return {};
}

} // namespace

void copy_description(AVStream& out, const AVStream& in) {
  av_dict_copy(&out.metadata, in.metadata, 0);
  for (auto* stale : {"encoder", "DURATION", "BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES", "vendor_id", "rotate"})
    av_dict_set(&out.metadata, stale, nullptr, 0);
  out.disposition = in.disposition;
}

result<void> copy_hdr_metadata(AVStream& out, const AVStream& in) {
  return copy_side_data(out, in, {AV_PKT_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_CONTENT_LIGHT_LEVEL});
}

result<void> copy_rotation(AVStream& out, const AVStream& in) {
  return copy_side_data(out, in, {AV_PKT_DATA_DISPLAYMATRIX});
}

uint32_t container_tag(const AVOutputFormat& container, const AVCodecParameters& par) {
  const bool mp4 = std::strcmp(container.name, "mp4") == 0 || std::strcmp(container.name, "mov") == 0;
  if (par.codec_id == AV_CODEC_ID_HEVC && mp4)
    return MKTAG('h', 'v', 'c', '1');
  if (!container.codec_tag || av_codec_get_id(container.codec_tag, par.codec_tag) == par.codec_id)
    return par.codec_tag;
  return 0;
}

} // namespace troupe::media
