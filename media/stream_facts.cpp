#include "media/stream_facts.hpp"

extern "C" {
#include <libavutil/avstring.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>

namespace troupe::media {

namespace {

std::string text(const char* p) {
  return p ? p : "";
}

std::string ratio(AVRational r, char separator) {
  return std::to_string(r.num) + separator + std::to_string(r.den);
}

std::string field_order(AVFieldOrder order) {
  switch (order) {
  case AV_FIELD_PROGRESSIVE:
    return "progressive";
  case AV_FIELD_TT:
    return "tt";
  case AV_FIELD_BB:
    return "bb";
  case AV_FIELD_TB:
    return "tb";
  case AV_FIELD_BT:
    return "bt";
  default:
    return "";
  }
}

std::vector<std::string> dispositions(int flags) {
  std::vector<std::string> names;
  for (unsigned bit = 0; bit < 31; ++bit)
    if (flags & (1 << bit))
      if (auto* name = av_disposition_to_string(1 << bit))
        names.emplace_back(name);
  return names;
}

void video_facts(media_stream& out, AVFormatContext& format, AVStream& stream) {
  auto& par = *stream.codecpar;
  out.width = static_cast<uint32_t>(std::max(par.width, 0));
  out.height = static_cast<uint32_t>(std::max(par.height, 0));
  auto pixels = static_cast<AVPixelFormat>(par.format);
  out.pixel_format = text(av_get_pix_fmt_name(pixels));
  if (auto* d = av_pix_fmt_desc_get(pixels))
    out.bit_depth = static_cast<uint32_t>(d->comp[0].depth);
  auto rate = stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate : stream.r_frame_rate;
  if (rate.num > 0 && rate.den > 0)
    out.frame_rate = ratio(rate, '/');
  if (auto sar = av_guess_sample_aspect_ratio(&format, &stream, nullptr); sar.num > 0 && sar.den > 0)
    out.sample_aspect = ratio(sar, ':');
  out.field_order = field_order(par.field_order);
  if (par.color_space != AVCOL_SPC_UNSPECIFIED)
    out.color_space = text(av_color_space_name(par.color_space));
  if (par.color_trc != AVCOL_TRC_UNSPECIFIED)
    out.color_transfer = text(av_color_transfer_name(par.color_trc));
  if (par.color_primaries != AVCOL_PRI_UNSPECIFIED)
    out.color_primaries = text(av_color_primaries_name(par.color_primaries));
  if (par.color_range != AVCOL_RANGE_UNSPECIFIED)
    out.color_range = text(av_color_range_name(par.color_range));
  out.rotation = rotation_of(stream);
}

void audio_facts(media_stream& out, const AVCodecParameters& par) {
  out.sample_rate = static_cast<uint32_t>(std::max(par.sample_rate, 0));
  out.channels = static_cast<uint32_t>(std::max(par.ch_layout.nb_channels, 0));
  char layout[128] = {};
  if (par.ch_layout.order != AV_CHANNEL_ORDER_UNSPEC
      && av_channel_layout_describe(&par.ch_layout, layout, sizeof layout) > 0)
    out.channel_layout = layout;
}

} // namespace

std::string tag(const AVDictionary* tags, const char* name) {
  auto* entry = av_dict_get(tags, name, nullptr, 0);
  return entry ? entry->value : "";
}

int rotation_of(const AVStream& stream) noexcept {
  size_t size = 0;
  auto* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (!data || size < 9 * sizeof(int32_t))
    return 0;
  // libav's angle is anticlockwise.
  double angle = -av_display_rotation_get(reinterpret_cast<const int32_t*>(data));
  if (!std::isfinite(angle))
    return 0;
  int quarter = static_cast<int>(std::lround(angle / 90)) % 4;
  return (quarter + 4) % 4 * 90;
}

media_stream stream_facts(AVFormatContext& format, AVStream& stream) {
  auto& par = *stream.codecpar;
  media_stream out;
  out.index = static_cast<uint32_t>(stream.index);
  out.kind = text(av_get_media_type_string(par.codec_type));
  if (out.kind.empty())
    out.kind = "data";
  out.codec = par.codec_id == AV_CODEC_ID_NONE ? "" : text(avcodec_get_name(par.codec_id));
  out.profile = text(avcodec_profile_name(par.codec_id, par.profile));
  out.level = par.level;
  out.language = tag(stream.metadata, "language");
  out.title = tag(stream.metadata, "title");
  if (stream.duration != AV_NOPTS_VALUE && stream.duration > 0)
    out.duration = static_cast<double>(stream.duration) * av_q2d(stream.time_base);
  out.bit_rate = par.bit_rate;
  out.dispositions = dispositions(stream.disposition);
  if (par.codec_type == AVMEDIA_TYPE_VIDEO)
    video_facts(out, format, stream);
  else if (par.codec_type == AVMEDIA_TYPE_AUDIO)
    audio_facts(out, par);
  return out;
}

} // namespace troupe::media
