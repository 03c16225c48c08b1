#include "media/tone_map.hpp"

extern "C" {
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cstdio>

namespace troupe::media {

namespace {

/// The light of paper and text, ITU-R BT.2408.
constexpr double paper_white = 203;
constexpr double usual_peak = 1000;
constexpr double most_light = 10'000;

AVColorTransferCharacteristic transfer_of(const AVStream& stream, const AVFrame* first) noexcept {
  return first && first->color_trc != AVCOL_TRC_UNSPECIFIED ? first->color_trc : stream.codecpar->color_trc;
}

/// Side data of the frame, else of the stream.
template <class T>
const T* find_side_data(const AVStream& stream, AVPacketSideDataType of_stream, const AVFrame* frame,
                        AVFrameSideDataType of_frame) noexcept {
  if (auto* data = frame ? av_frame_get_side_data(frame, of_frame) : nullptr; data && data->size >= sizeof(T))
    return reinterpret_cast<const T*>(data->data);
  size_t size = 0;
  auto* data = av_stream_get_side_data(&stream, of_stream, &size);
  return data && size >= sizeof(T) ? reinterpret_cast<const T*>(data) : nullptr;
}

/// zscale's name of a colour property, or what HDR has when it says nothing.
std::string named(const char* name, int value, int unspecified, const char* usual) {
  return value == unspecified || !name ? usual : name;
}

} // namespace

bool is_hdr(const AVStream& stream, const AVFrame* first) noexcept {
  const auto transfer = transfer_of(stream, first);
  return transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67;
}

double peak_light(const AVStream& stream, const AVFrame* first) noexcept {
  double peak = 0;
  if (auto* light = find_side_data<AVContentLightMetadata>(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, first,
                                                           AV_FRAME_DATA_CONTENT_LIGHT_LEVEL))
    peak = light->MaxCLL;
  if (peak > 0)
    return std::clamp(peak, paper_white, most_light);
  auto* display = find_side_data<AVMasteringDisplayMetadata>(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, first,
                                                             AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
  if (display && display->has_luminance && display->max_luminance.den > 0)
    peak = av_q2d(display->max_luminance);
  return std::clamp(peak > 0 ? peak : usual_peak, paper_white, most_light);
}

std::string tone_map_filters(const AVStream& stream, const AVFrame* first) {
  if (!is_hdr(stream, first))
    return {};
  const bool says = first && first->colorspace != AVCOL_SPC_UNSPECIFIED;
  const auto space = says ? first->colorspace : stream.codecpar->color_space;
  const bool says_primaries = first && first->color_primaries != AVCOL_PRI_UNSPECIFIED;
  const auto primaries = says_primaries ? first->color_primaries : stream.codecpar->color_primaries;
  const bool rgb = space == AVCOL_SPC_RGB;
  char text[512];
  // mobius leaves what is below 30 % of paper white as it is and never clips; hable darkens the whole picture.
  std::snprintf(
    text, sizeof text,
    "zscale=transferin=%s:matrixin=%s:primariesin=%s:transfer=linear:npl=%g,format=gbrpf32le,zscale=primaries=bt709,"
    "tonemap=mobius:desat=0:peak=%.3f,zscale=transfer=bt709:matrix=bt709:range=limited",
    transfer_of(stream, first) == AVCOL_TRC_SMPTE2084 ? "smpte2084" : "arib-std-b67",
    rgb ? "gbr" : named(av_color_space_name(space), space, AVCOL_SPC_UNSPECIFIED, "bt2020nc").c_str(),
    named(av_color_primaries_name(primaries), primaries, AVCOL_PRI_UNSPECIFIED, "bt2020").c_str(), paper_white,
    peak_light(stream, first) / paper_white);
  return text;
}

} // namespace troupe::media
