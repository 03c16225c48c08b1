#include "media/transcode_command.hpp"

#include "media/encoder_options.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <cstdio>

namespace troupe::media {

namespace {

/// As a shell takes it for one word.
std::string word(const std::string& text) {
  const bool plain = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:./")
                     == std::string::npos;
  return plain ? text : "'" + text + "'";
}

class command {
public:
  command(const planned_track& track, const AVStream& stream, const media_profile& profile, size_t index) :
    track_(track), stream_(stream), profile_(profile), index_(std::to_string(index)) {
  }

  std::string text() {
    if (track_.way != track_way::code) {
      add("c", track_.way == track_way::subtitle ? track_.encoder : "copy");
    } else {
      add("c", track_.encoder);
      stream_.codecpar->codec_type == AVMEDIA_TYPE_VIDEO ? add_video() : add_sound();
    }
    return std::move(text_);
  }

private:
  void add(const char* name, const std::string& value) {
    text_ += std::string(" -") + name + ":" + index_ + " " + word(value);
  }

  void add_sound() {
    if (track_.sound.bit_rate > 0)
      add("b", std::to_string(track_.sound.bit_rate));
    add("filter", track_.filters);
  }

  void add_video() {
    for (auto& [name, value] : video_options(track_.video, track_.fit.width))
      add(name.c_str(), value);
    if (track_.video.keyframe_interval > 0)
      add("force_key_frames", "expr:gte(t,n_forced*" + number(track_.video.keyframe_interval) + ")");
    auto& c = track_.video.colors;
    if (c.primaries != AVCOL_PRI_UNSPECIFIED)
      add("color_primaries", av_color_primaries_name(c.primaries));
    if (c.transfer != AVCOL_TRC_UNSPECIFIED)
      add("color_trc", av_color_transfer_name(c.transfer));
    if (c.space != AVCOL_SPC_UNSPECIFIED)
      add("colorspace", av_color_space_name(c.space));
    const bool mp4 = profile_.container == "mp4" || profile_.container == "mov";
    if (profile_.video_codec == "hevc" && mp4)
      add("tag", "hvc1");
    add("filter", dropping() + (interlaced(stream_.codecpar->field_order) ? deinterlace_filter : "") + track_.filters);
  }

  /// The first frame of each slot.
  std::string dropping() const {
    if (track_.min_frame_time <= 0)
      return {};
    const auto rate = number(av_q2d(track_.frame_rate));
    const auto slack = number(1 / av_q2d(track_.frame_rate) - track_.min_frame_time);
    return "select=isnan(prev_selected_t)+gt(floor((t+" + slack + ")*" + rate + ")\\,floor((prev_selected_t+" + slack
           + ")*" + rate + ")),";
  }

  static std::string number(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", x);
    return text;
  }

  const planned_track& track_;
  const AVStream& stream_;
  const media_profile& profile_;
  std::string index_;
  std::string text_;
};

} // namespace

std::string command_line(const transcode_plan& plan, const media_profile& profile, input& source) {
  std::string maps;
  std::string settings;
  size_t outputs = 0;
  for (auto& t : plan.tracks) {
    if (t.way == track_way::aside)
      continue;
    maps += " -map 0:" + std::to_string(t.stream);
    settings += command(t, *source.stream(t.stream), profile, outputs++).text();
  }
  const bool mp4 = profile.container == "mp4" || profile.container == "mov" || profile.container == "ipod";
  return "ffmpeg -noautorotate -i INPUT" + maps + settings + " -fps_mode passthrough"
         + (mp4 ? " -movie_timescale 90000" : "") + (mp4 && profile.faststart ? " -movflags +faststart" : "") + " -f "
         + profile.container + " OUTPUT";
}

} // namespace troupe::media
