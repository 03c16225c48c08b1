#include "media/hardware_encoders.hpp"

#include "media/encoder.hpp"
#include "media/filter_graph.hpp"
#include "media/graphics.hpp"
#include "media/log_capture.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <array>
#include <mutex>

namespace troupe::media {

namespace {

struct row {
  std::string_view codec;
  const char* encoder;
};

// In the order of preference.
constexpr std::array known{row{"h264", "h264_nvenc"}, row{"h264", "h264_qsv"}, row{"h264", "h264_vaapi"},
                           row{"hevc", "hevc_nvenc"}, row{"hevc", "hevc_qsv"}, row{"hevc", "hevc_vaapi"},
                           row{"av1", "av1_nvenc"},   row{"av1", "av1_qsv"},   row{"vp9", "vp9_qsv"},
                           row{"vp9", "vp9_vaapi"}};

constexpr int test_side = 256;
constexpr int test_frames = 5;

struct offers {
  std::mutex mutex;
  std::vector<std::string> working;
  std::optional<std::string> withdrawn;
};

offers& all() {
  static offers one;
  return one;
}

/// A grey picture of a format that the encoder takes from our memory.
av::frame test_picture(const AVCodec& codec) {
  auto frame = av::make_frame();
  frame->width = frame->height = test_side;
  frame->format = codec.pix_fmts ? codec.pix_fmts[0] : AV_PIX_FMT_NV12;
  auto* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  if (!format || (format->flags & AV_PIX_FMT_FLAG_HWACCEL))
    frame->format = AV_PIX_FMT_NV12;
  if (av_frame_get_buffer(frame.get(), 0) < 0)
    return nullptr;
  for (auto* plane : frame->buf)
    if (plane)
      std::fill_n(plane->data, plane->size, uint8_t{128});
  return frame;
}

/// With the settings of a real job.
bool encodes_pictures(const char* name) {
  auto* codec = avcodec_find_encoder_by_name(name);
  if (!codec || !graphics_card_for(name))
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

} // namespace

std::vector<std::string> tested_hardware_encoders() {
  std::vector<std::string> working;
  for (auto& r : known)
    if (encodes_pictures(r.encoder))
      working.emplace_back(r.encoder);
  log_capture::clear();
  std::lock_guard lock(all().mutex);
  all().working = working;
  all().withdrawn.reset();
  return working;
}

std::string hardware_encoder_for(std::string_view codec) {
  std::lock_guard lock(all().mutex);
  auto& working = all().working;
  for (auto& r : known)
    if (r.codec == codec && std::find(working.begin(), working.end(), r.encoder) != working.end())
      return r.encoder;
  return {};
}

bool is_hardware_encoder(std::string_view encoder) noexcept {
  return std::any_of(known.begin(), known.end(), [&](auto& r) { return r.encoder == encoder; });
}

bool is_withdrawn(std::string_view encoder) {
  std::lock_guard lock(all().mutex);
  auto& working = all().working;
  return is_hardware_encoder(encoder) && std::find(working.begin(), working.end(), encoder) == working.end();
}

void withdraw_hardware_encoder(const std::string& encoder, const std::string& why) {
  std::lock_guard lock(all().mutex);
  std::erase(all().working, encoder);
  all().withdrawn = encoder + " failed: " + why;
}

std::optional<std::string> withdrawn_hardware_encoder() {
  std::lock_guard lock(all().mutex);
  return std::exchange(all().withdrawn, std::nullopt);
}

void offer_hardware_encoder(const std::string& encoder) {
  std::lock_guard lock(all().mutex);
  all().working.push_back(encoder);
}

} // namespace troupe::media
