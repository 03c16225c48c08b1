#include "media/transcode_plan.hpp"

#include "media/container_fit.hpp"
#include "media/encoders.hpp"
#include "media/hardware_encoders.hpp"
#include "media/stream_description.hpp"
#include "media/stream_fit.hpp"
#include "media/transcode_filters.hpp"

extern "C" {
#include <libavcodec/codec_desc.h>
#include <libavutil/channel_layout.h>
}

#include <algorithm>
#include <cmath>

namespace troupe::media {

namespace {

/// Of an encoder of sound that is not open yet: some containers ask for one.
constexpr int usual_frame_size = 1024;

/// Every how many frames one is kept so that there are no more than `most` a second: whole numbers keep the movement
/// even.
int kept_one_of(AVRational rate, double most) noexcept {
  return most > 0 ? std::max(static_cast<int>(std::ceil(av_q2d(rate) / most - 0.01)), 1) : 1;
}

result<const AVCodec*> find_encoder(std::string_view name, const std::string& codec, const media_profile& profile) {
  auto* found = name.empty() ? nullptr : avcodec_find_encoder_by_name(std::string(name).c_str());
  if (!found)
    return {errc::unprocessable, "the codec \"" + codec + "\" of the profile " + profile.name + " can't be encoded"};
  return found;
}

bool takes_ten_bits(const std::string& encoder) {
  auto* codec = avcodec_find_encoder_by_name(encoder.c_str());
  for (auto* f = codec ? codec->pix_fmts : nullptr; f && *f != AV_PIX_FMT_NONE; ++f)
    if (*f == AV_PIX_FMT_P010 || *f == AV_PIX_FMT_YUV420P10)
      return true;
  return false;
}

std::string video_encoder(const media_profile& profile, std::vector<std::string>& warnings) {
  const std::string software(encoder_for(profile.video_codec));
  if (!profile.hardware)
    return software;
  auto hardware = hardware_encoder_for(profile.video_codec);
  if (!hardware.empty() && (profile.bit_depth <= 8 || takes_ten_bits(hardware)))
    return hardware;
  warnings.push_back("no hardware encoder for " + profile.video_codec + (profile.bit_depth > 8 ? " in 10 bits" : "")
                     + " works on this machine: it is encoded in software");
  return software;
}

/// As far as they are known before the encoder is open.
av::parameters expected_parameters(const planned_track& track, const AVCodec& codec) {
  auto par = av::make_parameters();
  par->codec_type = codec.type;
  par->codec_id = codec.id;
  if (codec.type == AVMEDIA_TYPE_VIDEO) {
    par->width = track.fit.width;
    par->height = track.fit.height;
  } else {
    par->sample_rate = track.sound.rate;
    par->frame_size = usual_frame_size;
    av_channel_layout_default(&par->ch_layout, track.sound.channels);
  }
  return par;
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
        if (&s == video)
          TROUPE_TRY(add_video(s));
        else
          add_picture(s);
        break;
      case AVMEDIA_TYPE_AUDIO:
        TROUPE_TRY(add_audio(s));
        break;
      case AVMEDIA_TYPE_SUBTITLE:
        add_subtitle(s);
        break;
      case AVMEDIA_TYPE_ATTACHMENT:
        add_attachment(s);
        break;
      default:
        leave_out(s);
      }
    }
    if (!has_av_)
      return {errc::unprocessable, "the source has nothing that the profile " + profile_.name + " keeps"};
    return std::move(plan_);
  }

private:
  bool is(std::initializer_list<std::string_view> names) const {
    return std::find(names.begin(), names.end(), profile_.container) != names.end();
  }

  bool holds(const AVCodecParameters& par) const {
    return container_holds(container_, par);
  }

  void add(const AVStream& s, track_way way) {
    planned_track track;
    track.stream = static_cast<unsigned>(s.index);
    track.way = way;
    plan_.tracks.push_back(std::move(track));
  }

  void leave_out(const AVStream& s) {
    plan_.warnings.push_back(name_of(s) + " is left out: it has no place in a " + profile_.extension + " file");
  }

  result<void> add_copy(const AVStream& s) {
    if (!holds(*s.codecpar))
      return {errc::unprocessable,
              name_of(s) + " does not fit into a " + profile_.extension + " file: choose a profile that transcodes it"};
    add(s, track_way::copy);
    has_av_ = true;
    return {};
  }

  result<void> add_coded(const AVStream& s, planned_track track) {
    const auto& codec = *avcodec_find_encoder_by_name(track.encoder.c_str());
    if (!holds(*expected_parameters(track, codec)))
      return {errc::unprocessable, std::string(avcodec_get_name(codec.id)) + " does not fit into a " + container_.name
                                     + " file: the profile " + profile_.name + " needs another codec or container"};
    if (!track.sound.choice.empty())
      plan_.warnings.push_back(name_of(s) + " has " + std::to_string(s.codecpar->ch_layout.nb_channels)
                               + " channels without names: the first ones are kept");
    plan_.tracks.push_back(std::move(track));
    has_av_ = true;
    return {};
  }

  result<void> add_video(AVStream& s) {
    if (profile_.video_codec == "none")
      return {};
    if (profile_.video_codec == "copy" && source_.lacks_display_times(s))
      return {errc::unprocessable,
              name_of(s) + " can't be copied: a " + source_.format()->iformat->name
                + " file does not tell when its pictures are shown; choose a profile that transcodes it"};
    if (profile_.video_codec == "copy" && hides_pictures(s) && !is({"mp4", "mov"}))
      return {errc::unprocessable, name_of(s) + " can't be copied: its edit list hides pictures, which a "
                                     + container_.name
                                     + " file would show; choose mp4, or a profile that transcodes it"};
    if (profile_.video_codec == "copy" || (video_fits(source_, s, profile_) && holds(*s.codecpar)))
      return add_copy(s);
    auto track = plan_video(source_, s, profile_, profile_.max_width, profile_.max_height, plan_.warnings);
    return track ? add_coded(s, std::move(*track)) : track.error();
  }

  result<void> add_audio(AVStream& s) {
    if (profile_.audio_codec == "none")
      return {};
    if (s.codecpar->sample_rate <= 0 || s.codecpar->ch_layout.nb_channels <= 0) {
      plan_.warnings.push_back(name_of(s) + " is left out: nothing of it can be decoded");
      return {};
    }
    if (profile_.audio_codec == "copy" || (audio_fits(s, profile_) && holds(*s.codecpar)))
      return add_copy(s);
    auto track = plan_audio(s, profile_);
    return track ? add_coded(s, std::move(*track)) : track.error();
  }

  void add_picture(const AVStream& s) {
    const auto id = s.codecpar->codec_id;
    const bool picture = (s.disposition & AV_DISPOSITION_ATTACHED_PIC) && s.attached_pic.size > 0
                         && (id == AV_CODEC_ID_MJPEG || id == AV_CODEC_ID_PNG);
    picture&& is({"mp4", "ipod", "mov", "matroska"}) ? add(s, track_way::cover) : leave_out(s);
  }

  void add_subtitle(const AVStream& s) {
    if (!profile_.subtitles || profile_.video_codec == "none")
      return;
    const auto id = s.codecpar->codec_id;
    if (holds(*s.codecpar) && !(is({"matroska"}) && id == AV_CODEC_ID_MOV_TEXT))
      return add(s, track_way::copy);
    auto* name = is({"mp4", "mov"}) ? "mov_text" : is({"webm"}) ? "webvtt" : is({"matroska"}) ? "subrip" : nullptr;
    if (!name || !is_text_subtitle(s) || !avcodec_find_encoder_by_name(name))
      return leave_out(s);
    add(s, track_way::subtitle);
    plan_.tracks.back().encoder = name;
  }

  /// Fonts of subtitles, mostly.
  void add_attachment(const AVStream& s) {
    if (is({"matroska"}) && s.codecpar->extradata_size > 0 && profile_.video_codec != "none")
      return add(s, track_way::copy);
    leave_out(s);
  }

  input& source_;
  const media_profile& profile_;
  const AVOutputFormat& container_;
  transcode_plan plan_;
  bool has_av_ = false;
};

} // namespace

std::string name_of(const AVStream& s) {
  auto* kind = av_get_media_type_string(s.codecpar->codec_type);
  return "stream " + std::to_string(s.index) + " (" + (kind ? kind : "unknown") + ", "
         + avcodec_get_name(s.codecpar->codec_id) + ")";
}

bool is_text_subtitle(const AVStream& s) noexcept {
  auto* d = avcodec_descriptor_get(s.codecpar->codec_id);
  return d && (d->props & AV_CODEC_PROP_TEXT_SUB);
}

result<planned_track> plan_video(input& source, AVStream& s, const media_profile& profile, uint32_t max_width,
                                 uint32_t max_height, std::vector<std::string>& warnings) {
  if (is_dolby_vision_alone(s))
    return {errc::unsupported_media, name_of(s)
                                       + " is Dolby Vision without a picture for other players: its colours "
                                         "can't be decoded; choose a profile that copies it"};
  auto codec = find_encoder(video_encoder(profile, warnings), profile.video_codec, profile);
  if (!codec)
    return codec.error();
  auto made = make_video_filters(source, s, profile, max_width, max_height, **codec);
  if (!made)
    return made.error();
  auto& filters = *made;
  planned_track track;
  track.stream = static_cast<unsigned>(s.index);
  track.way = track_way::code;
  track.encoder = (*codec)->name;
  track.filters = std::move(filters.chain);
  track.fit = std::move(filters.fit);
  track.hdr = filters.hdr;
  track.frame_rate = av_guess_frame_rate(source.format(), &s, nullptr);
  if (track.frame_rate.num <= 0 || track.frame_rate.den <= 0)
    track.frame_rate = {25, 1};
  if (int n = kept_one_of(track.frame_rate, profile.max_frame_rate); n > 1) {
    // Half a frame of slack: timestamps are rounded.
    track.min_frame_time = (n - 0.5) / av_q2d(track.frame_rate);
    track.frame_rate.den *= n;
  }
  auto& v = track.video;
  v.encoder = track.encoder;
  v.crf = profile.crf;
  v.preset = profile.preset;
  v.max_bit_rate = profile.max_bit_rate;
  v.keyframe_interval = profile.keyframe_interval;
  v.frame_rate = track.frame_rate;
  v.colors = filters.colors;
  v.hdr_from = filters.hdr ? &s : nullptr;
  return track;
}

result<planned_track> plan_audio(const AVStream& s, const media_profile& profile) {
  auto codec = find_encoder(encoder_for(profile.audio_codec), profile.audio_codec, profile);
  if (!codec)
    return codec.error();
  planned_track track;
  track.stream = static_cast<unsigned>(s.index);
  track.way = track_way::code;
  track.encoder = (*codec)->name;
  track.sound = make_sound_format(*s.codecpar, **codec, profile.max_channels, profile.audio_bit_rate);
  track.filters = make_sound_filters(track.sound, **codec, 0);
  return track;
}

result<transcode_plan> make_plan(input& source, const media_profile& profile) {
  auto* container = av_guess_format(profile.container.c_str(), nullptr, nullptr);
  if (!container)
    return {errc::unprocessable, "the container \"" + profile.container + "\" is not known"};
  return planner(source, profile, *container).run();
}

const planned_track* encoded_video(const transcode_plan& plan, input& source) {
  for (auto& t : plan.tracks)
    if (t.way == track_way::code && source.stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
      return &t;
  return nullptr;
}

bool set_video_aside(transcode_plan& plan, input& source) {
  bool any = false;
  for (auto& t : plan.tracks) {
    if (t.way != track_way::cover && source.stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
      t.way = track_way::aside;
    any |= t.way != track_way::cover && t.way != track_way::aside;
  }
  if (source.tells_places())
    std::erase_if(plan.tracks, [](auto& t) { return t.way == track_way::aside; });
  return any;
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
