#include "media/encoders.hpp"

#include "media/encoder.hpp"
#include "media/filter_graph.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

#include <algorithm>
#include <array>
#include <cstdlib>

namespace troupe::media {

namespace {

struct row {
  std::string_view codec;
  const char* encoder;
};

constexpr std::array software{row{"h264", "libx264"},   row{"hevc", "libx265"}, row{"av1", "libsvtav1"},
                              row{"vp9", "libvpx-vp9"}, row{"aac", "aac"},      row{"opus", "libopus"},
                              row{"mp3", "libmp3lame"}, row{"flac", "flac"},    row{"mjpeg", "mjpeg"},
                              row{"webp", "libwebp"}};

// In the order of preference. VAAPI wants its frames in the card's memory, the others take them from ours.
constexpr std::array hardware{row{"h264", "h264_nvenc"}, row{"h264", "h264_qsv"}, row{"hevc", "hevc_nvenc"},
                              row{"hevc", "hevc_qsv"},   row{"av1", "av1_nvenc"}, row{"av1", "av1_qsv"},
                              row{"vp9", "vp9_qsv"}};

constexpr int test_side = 256;
constexpr int test_frames = 5;

std::vector<std::string>& working_hardware() {
  static std::vector<std::string> names;
  return names;
}

/// A grey picture of the format that the encoder likes best.
av::frame test_picture(const AVCodec& codec) {
  auto frame = av::make_frame();
  frame->width = frame->height = test_side;
  frame->format = codec.pix_fmts ? codec.pix_fmts[0] : AV_PIX_FMT_YUV420P;
  if (av_frame_get_buffer(frame.get(), 0) < 0)
    return nullptr;
  for (auto* plane : frame->buf)
    if (plane)
      std::fill_n(plane->data, plane->size, uint8_t{128});
  return frame;
}

/// Encodes a few pictures to the end with the settings of a real job. The only proof for hardware: drivers, cards and
/// their limits fail at any of these steps.
bool encodes_pictures(const char* name) {
  auto* codec = avcodec_find_encoder_by_name(name);
  if (!codec || codec->type != AVMEDIA_TYPE_VIDEO)
    return false;
  auto picture = test_picture(*codec);
  if (!picture)
    return false;
  auto graph = filter_graph::make(*picture, {1, 25}, {25, 1}, "null", AVMEDIA_TYPE_VIDEO);
  if (!graph)
    return false;
  video_settings settings;
  settings.encoder = name;
  settings.frame_rate = {25, 1};
  auto coder = encoder::video(settings, graph->output());
  if (!coder)
    return false;
  int packets = 0;
  auto count = [&](AVPacket&) -> result<void> {
    ++packets;
    return {};
  };
  for (picture->pts = 0; picture->pts < test_frames; ++picture->pts)
    if (!coder->send(picture.get(), count))
      return false;
  return coder->send(nullptr, count) && packets == test_frames;
}

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
  for (auto& r : software)
    if (r.codec == codec)
      return r.encoder;
  return {};
}

std::string_view hardware_encoder_for(std::string_view codec) noexcept {
  auto& working = working_hardware();
  for (auto& r : hardware)
    if (r.codec == codec && std::find(working.begin(), working.end(), r.encoder) != working.end())
      return r.encoder;
  return {};
}

std::vector<std::string> tested_encoders() {
  // SVT-AV1 writes its settings to standard error, past libav's log: errors only.
  ::setenv("SVT_LOG", "1", 0);
  std::vector<std::string> names;
  for (auto& r : software)
    if (works(r.encoder))
      names.emplace_back(r.encoder);
  auto& working = working_hardware();
  working.clear();
  for (auto& r : hardware)
    if (encodes_pictures(r.encoder))
      working.emplace_back(r.encoder);
  names.insert(names.end(), working.begin(), working.end());
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
