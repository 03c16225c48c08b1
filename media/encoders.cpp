#include "media/encoders.hpp"

#include "media/av.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

#include <array>

namespace troupe::media {

namespace {

struct row {
  std::string_view codec;
  const char* encoder;
};

constexpr std::array table{row{"h264", "libx264"}, row{"aac", "aac"},        row{"mjpeg", "mjpeg"},
                           row{"opus", "libopus"}, row{"mp3", "libmp3lame"}, row{"flac", "flac"}};

bool opens(const char* name) {
  auto* codec = avcodec_find_encoder_by_name(name);
  if (!codec)
    return false;
  auto context = av::make_codec(codec);
  context->thread_count = 1;
  if (codec->type == AVMEDIA_TYPE_VIDEO) {
    context->width = 64;
    context->height = 64;
    context->time_base = {1, 25};
    context->pix_fmt = codec->pix_fmts ? codec->pix_fmts[0] : AV_PIX_FMT_YUV420P;
    context->color_range = AVCOL_RANGE_JPEG;
  } else {
    context->sample_rate = 48000;
    context->sample_fmt = codec->sample_fmts ? codec->sample_fmts[0] : AV_SAMPLE_FMT_FLTP;
    av_channel_layout_default(&context->ch_layout, 2);
    context->time_base = {1, 48000};
  }
  return avcodec_open2(context.get(), codec, nullptr) >= 0;
}

} // namespace

std::string_view encoder_for(std::string_view codec) noexcept {
  for (auto& r : table)
    if (r.codec == codec)
      return r.encoder;
  return {};
}

std::vector<std::string> tested_encoders() {
  std::vector<std::string> names;
  for (auto& r : table)
    if (opens(r.encoder))
      names.emplace_back(r.encoder);
  return names;
}

std::string library_versions() {
  auto text = [](const char* name, unsigned version) {
    return std::string(name) + " " + std::to_string(AV_VERSION_MAJOR(version)) + "."
           + std::to_string(AV_VERSION_MINOR(version)) + "." + std::to_string(AV_VERSION_MICRO(version));
  };
  return text("libavcodec", avcodec_version()) + ", " + text("libavformat", avformat_version());
}

} // namespace troupe::media
