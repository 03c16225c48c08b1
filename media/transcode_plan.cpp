#include "media/transcode_plan.hpp"

#include "media/encoders.hpp"
#include "media/filter_graph.hpp"
#include "media/picture.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

#include <algorithm>
#include <cmath>

namespace troupe::media {

namespace {

constexpr int max_sample_rate = 48000;
constexpr int64_t max_audio_bit_rate = 512'000;

std::string name_of(const AVStream& s) {
  auto* kind = av_get_media_type_string(s.codecpar->codec_type);
  return "stream " + std::to_string(s.index) + " (" + (kind ? kind : "unknown") + ", "
         + avcodec_get_name(s.codecpar->codec_id) + ")";
}

long even(double x) noexcept {
  return std::max(std::lround(x / 2) * 2, 2L);
}

bool interlaced(AVFieldOrder order) noexcept {
  return order == AV_FIELD_TT || order == AV_FIELD_BB || order == AV_FIELD_TB || order == AV_FIELD_BT;
}

/// Deinterlace, turn upright, fit into the box in square pixels with even sides, 4:2:0 of 8 bits.
std::string video_filters(input& source, AVStream& stream, const media_profile& profile) {
  auto& par = *stream.codecpar;
  bool swaps = false;
  auto upright = upright_filters(stream, swaps);
  double width = 0;
  double height = 0;
  shown_size(par.width, par.height, av_guess_sample_aspect_ratio(source.format(), &stream, nullptr), swaps, width,
             height);
  double scale = 1;
  if (profile.max_width > 0)
    scale = std::min(scale, profile.max_width / width);
  if (profile.max_height > 0)
    scale = std::min(scale, profile.max_height / height);
  std::string chain;
  if (interlaced(par.field_order))
    chain += "bwdif=mode=send_frame:deint=interlaced,";
  if (!upright.empty())
    chain += upright + ",";
  chain += "scale=" + std::to_string(even(width * scale)) + ":" + std::to_string(even(height * scale))
           + ":flags=bicubic:out_range=limited,setsar=1,format=yuv420p";
  return chain;
}

int nearest_rate(const AVCodec& codec, int rate) {
  rate = std::min(rate, max_sample_rate);
  if (!codec.supported_samplerates)
    return rate;
  int best = 0;
  for (auto* r = codec.supported_samplerates; *r; ++r)
    if (best == 0 || std::abs(*r - rate) < std::abs(best - rate))
      best = *r;
  return best;
}

/// The source's layout when the encoder has it, else the nearest common one.
std::string layout_for(const AVCodec& codec, const AVCodecParameters& par) {
  AVChannelLayout want{};
  if (par.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&want, par.ch_layout.nb_channels);
  else
    av_channel_layout_copy(&want, &par.ch_layout);
  bool has = !codec.ch_layouts;
  for (auto* l = codec.ch_layouts; l && l->nb_channels; ++l)
    has |= av_channel_layout_compare(l, &want) == 0;
  if (!has) {
    int channels = want.nb_channels >= 6 ? 6 : std::min(want.nb_channels, 2);
    av_channel_layout_uninit(&want);
    av_channel_layout_default(&want, channels);
  }
  char text[128] = {};
  av_channel_layout_describe(&want, text, sizeof text);
  av_channel_layout_uninit(&want);
  return text;
}

/// Gaps and drifts of the timestamps become silence or a slight stretch; then the encoder's own format.
std::string audio_filters(const AVCodecParameters& par, const AVCodec& codec) {
  std::string formats;
  for (auto* f = codec.sample_fmts; f && *f != AV_SAMPLE_FMT_NONE; ++f)
    formats += (formats.empty() ? "" : "|") + std::string(av_get_sample_fmt_name(*f));
  return "aresample=async=1:min_hard_comp=0.1,aformat=" + (formats.empty() ? "" : "sample_fmts=" + formats + ":")
         + "sample_rates=" + std::to_string(nearest_rate(codec, par.sample_rate))
         + ":channel_layouts=" + layout_for(codec, par);
}

class planner {
public:
  planner(input& source, const media_profile& profile, const AVOutputFormat& container) :
    source_(source), profile_(profile), container_(container) {
  }

  result<transcode_plan> run() {
    auto* video = source_.first(AVMEDIA_TYPE_VIDEO);
    for (unsigned i = 0; i < source_.format()->nb_streams; ++i) {
      auto& s = *source_.stream(i);
      switch (s.codecpar->codec_type) {
      case AVMEDIA_TYPE_VIDEO:
        TROUPE_TRY(&s == video ? add_video(s) : add_other(s));
        break;
      case AVMEDIA_TYPE_AUDIO:
        TROUPE_TRY(add_audio(s));
        break;
      default:
        TROUPE_TRY(add_other(s));
      }
    }
    if (!has_av_)
      return {errc::unprocessable, "the source has nothing that the profile " + profile_.name + " keeps"};
    return std::move(plan_);
  }

private:
  bool holds(const AVStream& s) const {
    return avformat_query_codec(&container_, s.codecpar->codec_id, FF_COMPLIANCE_NORMAL) == 1;
  }

  result<void> add_copy(const AVStream& s) {
    if (!holds(s))
      return {errc::unprocessable,
              name_of(s) + " does not fit into a " + profile_.extension + " file: choose a profile that transcodes it"};
    planned_track track;
    track.stream = static_cast<unsigned>(s.index);
    track.copy = true;
    plan_.tracks.push_back(std::move(track));
    has_av_ = true;
    return {};
  }

  /// The encoder for a codec of the profile, if it is there.
  result<const AVCodec*> encoder(const std::string& codec) const {
    auto name = std::string(encoder_for(codec));
    auto* found = name.empty() ? nullptr : avcodec_find_encoder_by_name(name.c_str());
    if (!found)
      return {errc::unprocessable, "the codec \"" + codec + "\" of the profile " + profile_.name + " can't be encoded"};
    return found;
  }

  result<void> add_video(AVStream& s) {
    if (profile_.video_codec == "none")
      return {};
    if (profile_.video_codec == "copy")
      return add_copy(s);
    auto codec = encoder(profile_.video_codec);
    if (!codec)
      return codec.error();
    planned_track track;
    track.stream = static_cast<unsigned>(s.index);
    track.encoder = (*codec)->name;
    track.filters = video_filters(source_, s, profile_);
    track.frame_rate = av_guess_frame_rate(source_.format(), &s, nullptr);
    if (track.frame_rate.num <= 0 || track.frame_rate.den <= 0)
      track.frame_rate = {25, 1};
    plan_.tracks.push_back(std::move(track));
    has_av_ = true;
    return {};
  }

  result<void> add_audio(AVStream& s) {
    if (profile_.audio_codec == "none")
      return {};
    if (s.codecpar->sample_rate <= 0 || s.codecpar->ch_layout.nb_channels <= 0) {
      plan_.warnings.push_back(name_of(s) + " is left out: nothing of it can be decoded");
      return {};
    }
    if (profile_.audio_codec == "copy")
      return add_copy(s);
    auto codec = encoder(profile_.audio_codec);
    if (!codec)
      return codec.error();
    planned_track track;
    track.stream = static_cast<unsigned>(s.index);
    track.encoder = (*codec)->name;
    track.filters = audio_filters(*s.codecpar, **codec);
    // The profile names the rate of a stereo track.
    auto pairs = std::max(s.codecpar->ch_layout.nb_channels, 2);
    track.bit_rate = std::min<int64_t>(int64_t{profile_.audio_bit_rate} * std::min(pairs, 6) / 2, max_audio_bit_rate);
    plan_.tracks.push_back(std::move(track));
    has_av_ = true;
    return {};
  }

  /// Covers and the container's own kind of subtitles go along as they are.
  result<void> add_other(const AVStream& s) {
    auto id = s.codecpar->codec_id;
    auto has = [&](std::initializer_list<const char*> names) {
      return std::any_of(names.begin(), names.end(), [&](auto* n) { return profile_.container == n; });
    };
    const bool picture = (s.disposition & AV_DISPOSITION_ATTACHED_PIC) && s.attached_pic.size > 0
                         && (id == AV_CODEC_ID_MJPEG || id == AV_CODEC_ID_PNG) && has({"mp4", "ipod", "mov"});
    const bool subtitle = s.codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE && profile_.video_codec != "none" && holds(s);
    if (!picture && !subtitle) {
      plan_.warnings.push_back(name_of(s) + " is left out: it has no place in a " + profile_.extension + " file");
      return {};
    }
    planned_track track;
    track.stream = static_cast<unsigned>(s.index);
    track.copy = true;
    track.cover = picture;
    plan_.tracks.push_back(std::move(track));
    return {};
  }

  input& source_;
  const media_profile& profile_;
  const AVOutputFormat& container_;
  transcode_plan plan_;
  bool has_av_ = false;
};

} // namespace

result<transcode_plan> make_plan(input& source, const media_profile& profile) {
  auto* container = av_guess_format(profile.container.c_str(), nullptr, nullptr);
  if (!container)
    return {errc::unprocessable, "the container \"" + profile.container + "\" is not known"};
  return planner(source, profile, *container).run();
}

std::string command_line(const transcode_plan& plan, const media_profile& profile, input& source) {
  std::string maps;
  std::string settings;
  for (size_t i = 0; i < plan.tracks.size(); ++i) {
    auto& t = plan.tracks[i];
    auto n = std::to_string(i);
    maps += " -map 0:" + std::to_string(t.stream);
    if (t.copy) {
      settings += " -c:" + n + " copy";
      continue;
    }
    settings += " -c:" + n + " " + t.encoder;
    if (source.stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
      settings += " -crf:" + n + " " + std::to_string(profile.crf) + " -preset:" + n + " " + profile.preset;
    else
      settings += " -b:" + n + " " + std::to_string(t.bit_rate);
    settings += " -filter:" + n + " '" + t.filters + "'";
  }
  return "ffmpeg -noautorotate -i INPUT" + maps + settings + " -fps_mode passthrough"
         + (profile.faststart ? " -movflags +faststart" : "") + " -f " + profile.container + " OUTPUT";
}

double expected_duration(const media_info& source, const media_profile& profile) {
  double longest = 0;
  auto* video = source.first("video");
  for (auto& s : source.streams) {
    bool kept = (&s == video && profile.video_codec != "none") || (s.kind == "audio" && profile.audio_codec != "none");
    if (kept && s.duration <= 0)
      return source.duration;
    if (kept)
      longest = std::max(longest, s.duration);
  }
  return longest > 0 ? longest : source.duration;
}

} // namespace troupe::media
