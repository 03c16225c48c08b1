#include "media/stream_description.hpp"

#include "media/faults.hpp"

extern "C" {
#include <libavutil/dovi_meta.h>
}

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace troupe::media {

namespace {

result<void> copy_one(AVStream& out, AVPacketSideDataType type, const uint8_t* data, size_t size) {
  if (!data || av_stream_get_side_data(&out, type, nullptr))
    return {};
  auto* copy = av_stream_new_side_data(&out, type, size);
  if (!copy)
    return av_error(AVERROR(ENOMEM), "the output's stream can't be described");
  std::memcpy(copy, data, size);
  return {};
}

result<void> copy_some(AVStream& out, const AVStream& in, std::initializer_list<AVPacketSideDataType> types) {
  for (auto type : types) {
    size_t size = 0;
    auto* data = av_stream_get_side_data(&in, type, &size);
    TROUPE_TRY(copy_one(out, type, data, size));
  }
  return {};
}

bool is(const AVOutputFormat& container, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), container.name) != names.end();
}

} // namespace

void copy_description(AVStream& out, const AVStream& in) {
  av_dict_copy(&out.metadata, in.metadata, 0);
  for (auto* stale : {"encoder", "DURATION", "BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES", "vendor_id", "rotate"})
    av_dict_set(&out.metadata, stale, nullptr, 0);
  out.disposition = in.disposition;
}

result<void> copy_hdr_metadata(AVStream& out, const AVStream& in) {
  return copy_some(out, in, {AV_PKT_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_CONTENT_LIGHT_LEVEL});
}

result<void> copy_rotation(AVStream& out, const AVStream& in) {
  return copy_some(out, in, {AV_PKT_DATA_DISPLAYMATRIX});
}

result<void> copy_side_data(AVStream& out, const AVStream& in) {
  for (int i = 0; i < in.nb_side_data; ++i)
    TROUPE_TRY(copy_one(out, in.side_data[i].type, in.side_data[i].data, in.side_data[i].size));
  return {};
}

bool is_dolby_vision_alone(const AVStream& stream) noexcept {
  size_t size = 0;
  auto* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DOVI_CONF, &size);
  if (!data || size < sizeof(AVDOVIDecoderConfigurationRecord))
    return false;
  auto& dolby = *reinterpret_cast<const AVDOVIDecoderConfigurationRecord*>(data);
  return dolby.dv_profile == 5 || (dolby.dv_profile == 10 && dolby.dv_bl_signal_compatibility_id == 0);
}

int strictness_for(const AVStream& stream) noexcept {
  // Written down since (Encapsulation of FLAC in ISO Base Media File Format), and players know it.
  if (stream.codecpar->codec_id == AV_CODEC_ID_FLAC)
    return FF_COMPLIANCE_EXPERIMENTAL;
  for (auto type : {AV_PKT_DATA_DOVI_CONF, AV_PKT_DATA_SPHERICAL, AV_PKT_DATA_STEREO3D})
    if (av_stream_get_side_data(&stream, type, nullptr))
      return FF_COMPLIANCE_UNOFFICIAL;
  return FF_COMPLIANCE_NORMAL;
}

uint32_t container_tag(const AVOutputFormat& container, const AVCodecParameters& par) {
  if (par.codec_id == AV_CODEC_ID_HEVC && is(container, {"mp4", "mov"}))
    return MKTAG('h', 'v', 'c', '1');
  if (!container.codec_tag || av_codec_get_id(container.codec_tag, par.codec_tag) == par.codec_id)
    return par.codec_tag;
  return 0;
}

} // namespace troupe::media
