#include "media/encoders.hpp"

#include "media/av.hpp"
#include "protocol/model/encoders.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

#include <cstdlib>

namespace troupe::media {

namespace {

bool opens_sound(const AVCodec& codec) {
  auto context = av::make_codec(&codec);
  context->sample_rate = 48'000;
  context->sample_fmt = codec.sample_fmts ? codec.sample_fmts[0] : AV_SAMPLE_FMT_FLTP;
  av_channel_layout_default(&context->ch_layout, 2);
  context->time_base = {1, 48'000};
  return avcodec_open2(context.get(), &codec, nullptr) >= 0;
}

/// Software encoders of pictures are linked in: there is nothing that could fail but memory, and starting each of them
/// takes longer than most operations.
bool works(const char* name) {
  auto* codec = avcodec_find_encoder_by_name(name);
  return codec && (codec->type == AVMEDIA_TYPE_VIDEO || opens_sound(*codec));
}

} // namespace

std::string_view encoder_for(std::string_view codec) noexcept {
  return software_encoder_for(codec);
}

std::vector<std::string> tested_encoders() {
  // SVT-AV1 writes its settings to standard error, past libav's log: errors only.
  ::setenv("SVT_LOG", "1", 0);
  std::vector<std::string> names;
  for (auto& x : software_encoders())
    if (works(std::string{x.encoder}.c_str()))
      names.emplace_back(x.encoder);
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
