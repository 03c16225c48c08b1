#include "media/stream_facts.hpp"

#include "media/side_data_facts.hpp"

extern "C" {
#include <libavutil/avstring.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>
#include <cstring>

namespace troupe::media {

namespace {

constexpr size_t max_tags = 256;
constexpr size_t max_tag_bytes = 4096;

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

/// The container's four characters as ffprobe writes them; empty when there are none.
std::string codec_tag(uint32_t tag) {
  char text[AV_FOURCC_MAX_STRING_SIZE];
  return tag ? av_fourcc_make_string(text, tag) : "";
}

std::string rate(AVRational r) {
  return r.num > 0 && r.den > 0 ? ratio(r, '/') : "";
}

void color_facts(media_stream& out, const AVCodecParameters& par) {
  if (par.color_space != AVCOL_SPC_UNSPECIFIED)
    out.color_space = text(av_color_space_name(par.color_space));
  if (par.color_trc != AVCOL_TRC_UNSPECIFIED)
    out.color_transfer = text(av_color_transfer_name(par.color_trc));
  if (par.color_primaries != AVCOL_PRI_UNSPECIFIED)
    out.color_primaries = text(av_color_primaries_name(par.color_primaries));
  if (par.color_range != AVCOL_RANGE_UNSPECIFIED)
    out.color_range = text(av_color_range_name(par.color_range));
  if (auto location = chroma_location(par); location != AVCHROMA_LOC_UNSPECIFIED)
    out.chroma_location = text(av_chroma_location_name(location));
}

void aspect_facts(media_stream& out, AVFormatContext& format, AVStream& stream) {
  auto sar = av_guess_sample_aspect_ratio(&format, &stream, nullptr);
  if (sar.num <= 0 || sar.den <= 0)
    return;
  out.sample_aspect = ratio(sar, ':');
  AVRational shown{0, 1};
  av_reduce(&shown.num, &shown.den, static_cast<int64_t>(out.width) * sar.num,
            static_cast<int64_t>(out.height) * sar.den, 1024 * 1024);
  out.display_aspect = ratio(shown, ':');
}

/// What only a decoder reads off the stream's header (hvcC, av1C): nothing is decoded. The other decoders know no more
/// than the stream's parameters before their first frame.
void decoder_facts(media_stream& out, const AVCodecParameters& par) {
  bool reads_header = par.codec_id == AV_CODEC_ID_HEVC || par.codec_id == AV_CODEC_ID_AV1;
  auto* decoder = reads_header && par.extradata_size > 0 ? avcodec_find_decoder(par.codec_id) : nullptr;
  if (!decoder)
    return;
  auto context = av::make_codec(decoder);
  context->thread_count = 1;
  if (avcodec_parameters_to_context(context.get(), &par) < 0 || avcodec_open2(context.get(), decoder, nullptr) < 0)
    return;
  out.film_grain = (context->properties & FF_CODEC_PROPERTY_FILM_GRAIN) != 0;
  if (context->coded_width > par.width || context->coded_height > par.height) {
    out.coded_width = static_cast<uint32_t>(context->coded_width);
    out.coded_height = static_cast<uint32_t>(context->coded_height);
  }
}

void video_facts(media_stream& out, AVFormatContext& format, AVStream& stream) {
  auto& par = *stream.codecpar;
  out.width = static_cast<uint32_t>(std::max(par.width, 0));
  out.height = static_cast<uint32_t>(std::max(par.height, 0));
  auto pixels = static_cast<AVPixelFormat>(par.format);
  out.pixel_format = text(av_get_pix_fmt_name(pixels));
  if (auto* d = av_pix_fmt_desc_get(pixels))
    out.bit_depth = static_cast<uint32_t>(d->comp[0].depth);
  out.frame_rate = out.average_frame_rate.empty() ? out.base_frame_rate : out.average_frame_rate;
  out.reorder_frames = par.video_delay;
  out.field_order = field_order(par.field_order);
  // The first byte of an avcC record is its version, 1; Annex B starts with zeros (ISO/IEC 14496-15, 5.3.3.1).
  if (par.codec_id == AV_CODEC_ID_H264 && par.extradata_size >= 7 && par.extradata[0] == 1)
    out.nal_length_size = (par.extradata[4] & 3U) + 1;
  decoder_facts(out, par);
  aspect_facts(out, format, stream);
  color_facts(out, par);
}

void audio_facts(media_stream& out, const AVCodecParameters& par) {
  out.sample_format = text(av_get_sample_fmt_name(static_cast<AVSampleFormat>(par.format)));
  out.sample_rate = static_cast<uint32_t>(std::max(par.sample_rate, 0));
  out.channels = static_cast<uint32_t>(std::max(par.ch_layout.nb_channels, 0));
  out.bits_per_sample = static_cast<uint32_t>(std::max(av_get_bits_per_sample(par.codec_id), 0));
  char layout[128] = {};
  if (par.ch_layout.order != AV_CHANNEL_ORDER_UNSPEC
      && av_channel_layout_describe(&par.ch_layout, layout, sizeof layout) > 0)
    out.channel_layout = layout;
}

void time_facts(media_stream& out, const AVStream& stream) {
  out.time_base = ratio(stream.time_base, '/');
  auto seconds = [&](int64_t ticks) { return static_cast<double>(ticks) * av_q2d(stream.time_base); };
  if (stream.start_time != AV_NOPTS_VALUE) {
    out.start_ticks = stream.start_time;
    out.start_time = seconds(stream.start_time);
  }
  if (stream.duration != AV_NOPTS_VALUE && stream.duration > 0) {
    out.duration_ticks = stream.duration;
    out.duration = seconds(stream.duration);
  }
  out.frames = std::max<int64_t>(stream.nb_frames, 0);
}

std::string profile(const AVCodecParameters& par) {
  if (auto* name = avcodec_profile_name(par.codec_id, par.profile))
    return name;
  return par.profile == FF_PROFILE_UNKNOWN ? "" : std::to_string(par.profile);
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

std::map<std::string, std::string> tags_of(const AVDictionary* dict) {
  std::map<std::string, std::string> tags;
  const AVDictionaryEntry* entry = nullptr;
  while ((entry = av_dict_get(dict, "", entry, AV_DICT_IGNORE_SUFFIX)) && tags.size() < max_tags)
    tags.emplace(entry->key, std::string(entry->value).substr(0, max_tag_bytes));
  return tags;
}

AVChromaLocation chroma_location(const AVCodecParameters& par) noexcept {
  // Even to look at a value that an enumeration does not have is undefined.
  static_assert(sizeof(int) == sizeof(par.chroma_location));
  int number = 0;
  std::memcpy(&number, &par.chroma_location, sizeof number);
  return number > 0 && number < AVCHROMA_LOC_NB ? static_cast<AVChromaLocation>(number) : AVCHROMA_LOC_UNSPECIFIED;
}

media_stream stream_facts(AVFormatContext& format, AVStream& stream) {
  auto& par = *stream.codecpar;
  media_stream out;
  out.index = static_cast<uint32_t>(stream.index);
  out.kind = text(av_get_media_type_string(par.codec_type));
  if (out.kind.empty())
    out.kind = "data";
  out.codec = par.codec_id == AV_CODEC_ID_NONE ? "" : text(avcodec_get_name(par.codec_id));
  out.codec_tag = codec_tag(par.codec_tag);
  if (format.iformat->flags & AVFMT_SHOW_IDS)
    out.id = stream.id;
  out.profile = profile(par);
  out.level = par.level;
  out.tags = tags_of(stream.metadata);
  out.language = tag(stream.metadata, "language");
  out.title = tag(stream.metadata, "title");
  time_facts(out, stream);
  out.average_frame_rate = rate(stream.avg_frame_rate);
  out.base_frame_rate = rate(stream.r_frame_rate);
  out.bit_rate = par.bit_rate;
  out.bits_per_raw_sample = static_cast<uint32_t>(std::max(par.bits_per_raw_sample, 0));
  out.dispositions = dispositions(stream.disposition);
  if (par.codec_type == AVMEDIA_TYPE_VIDEO) {
    video_facts(out, format, stream);
  } else if (par.codec_type == AVMEDIA_TYPE_AUDIO) {
    audio_facts(out, par);
  } else if (par.codec_type == AVMEDIA_TYPE_SUBTITLE) {
    out.width = static_cast<uint32_t>(std::max(par.width, 0));
    out.height = static_cast<uint32_t>(std::max(par.height, 0));
  }
  side_data_facts(out, stream);
  return out;
}

} // namespace troupe::media
