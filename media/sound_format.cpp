#include "media/sound_format.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

namespace troupe::media {

namespace {

constexpr int max_sample_rate = 48000;
/// None of the encoders takes more.
constexpr int most_channels = 8;
constexpr int64_t max_bit_rate = 512'000;

class layout {
public:
  explicit layout(int channels) {
    av_channel_layout_default(&layout_, channels);
  }
  explicit layout(uint64_t mask) {
    av_channel_layout_from_mask(&layout_, mask);
  }
  layout(const layout&) = delete;
  layout& operator=(const layout&) = delete;
  ~layout() {
    av_channel_layout_uninit(&layout_);
  }
  uint64_t mask() const noexcept {
    return layout_.order == AV_CHANNEL_ORDER_NATIVE ? layout_.u.mask : 0;
  }
  int channels() const noexcept {
    return layout_.nb_channels;
  }
  std::string name() const {
    char text[128] = {};
    av_channel_layout_describe(&layout_, text, sizeof text);
    return text;
  }

private:
  AVChannelLayout layout_{};
};

/// Layouts that an encoder makes files of which players know. Empty: any.
std::vector<uint64_t> layouts_of(const AVCodec& codec) {
  const std::string_view name = codec.name;
  // Channel configurations 1 to 7 of ISO/IEC 14496-3; libav writes the last two as elements of their own.
  if (name == "aac")
    return {AV_CH_LAYOUT_MONO,         AV_CH_LAYOUT_STEREO,       AV_CH_LAYOUT_SURROUND,
            AV_CH_LAYOUT_4POINT0,      AV_CH_LAYOUT_5POINT0_BACK, AV_CH_LAYOUT_5POINT1_BACK,
            AV_CH_LAYOUT_7POINT1_WIDE, AV_CH_LAYOUT_6POINT1,      AV_CH_LAYOUT_7POINT1};
  // RFC 7845, 5.1.1.2.
  if (name == "libopus")
    return {AV_CH_LAYOUT_MONO,         AV_CH_LAYOUT_STEREO,       AV_CH_LAYOUT_SURROUND, AV_CH_LAYOUT_QUAD,
            AV_CH_LAYOUT_5POINT0_BACK, AV_CH_LAYOUT_5POINT1_BACK, AV_CH_LAYOUT_6POINT1,  AV_CH_LAYOUT_7POINT1};
  std::vector<uint64_t> out;
  for (auto* l = codec.ch_layouts; l && l->nb_channels; ++l)
    if (l->order == AV_CHANNEL_ORDER_NATIVE)
      out.push_back(l->u.mask);
  return out;
}

int channels_in(uint64_t mask) noexcept {
  return __builtin_popcountll(mask);
}

/// Whether nothing of `source` is lost in `target`; a pair of channels at the sides may stand at the back.
bool holds(uint64_t target, uint64_t source) noexcept {
  constexpr uint64_t sides = AV_CH_SIDE_LEFT | AV_CH_SIDE_RIGHT;
  constexpr uint64_t backs = AV_CH_BACK_LEFT | AV_CH_BACK_RIGHT;
  if ((source & sides) && !(source & backs) && !(target & sides))
    source = (source & ~sides) | backs;
  else if ((source & backs) && !(source & sides) && !(target & backs))
    source = (source & ~backs) | sides;
  return (source & ~target) == 0;
}

/// The smallest that holds all of it, else the largest that is no larger.
uint64_t nearest(const std::vector<uint64_t>& choice, uint64_t want) noexcept {
  if (choice.empty() || std::find(choice.begin(), choice.end(), want) != choice.end())
    return want;
  uint64_t best = 0;
  for (auto c : choice)
    if (holds(c, want) && (best == 0 || channels_in(c) < channels_in(best)))
      best = c;
  for (auto c : choice)
    if (best == 0 || (!holds(best, want) && channels_in(c) <= channels_in(want) && channels_in(c) > channels_in(best)))
      best = c;
  return best;
}

/// As it is or the next one above: heights are not lost where that can be helped.
int nearest_rate(const AVCodec& codec, int rate) noexcept {
  rate = std::min(rate, max_sample_rate);
  // Below are the rates of "MPEG-2.5", which is no standard; mp4 does not take them.
  if (codec.id == AV_CODEC_ID_MP3)
    rate = std::max(rate, 16'000);
  if (!codec.supported_samplerates)
    return rate;
  int above = 0;
  int highest = 0;
  for (auto* r = codec.supported_samplerates; *r; ++r) {
    highest = std::max(highest, *r);
    if (*r >= rate && *r <= max_sample_rate && (above == 0 || *r < above))
      above = *r;
  }
  return above > 0 ? above : std::min(highest, max_sample_rate);
}

/// The most that the encoder can put into that many channels.
int64_t most_bits(const AVCodec& codec, int channels, int rate) noexcept {
  const std::string_view name = codec.name;
  // 6144 bits for each channel's 1024 samples, ISO/IEC 14496-3, 4.5.3.
  if (name == "aac")
    return std::min<int64_t>(int64_t{6} * rate * channels, max_bit_rate);
  if (name == "libopus")
    return std::min<int64_t>(int64_t{256'000} * channels, max_bit_rate);
  if (name == "libmp3lame")
    return rate >= 32'000 ? 320'000 : 160'000;
  return max_bit_rate;
}

} // namespace

sound_format make_sound_format(const AVCodecParameters& par, const AVCodec& codec, uint32_t max_channels,
                               int64_t stereo_bit_rate) {
  sound_format out;
  const int limit = max_channels > 0 ? std::min(static_cast<int>(max_channels), most_channels) : most_channels;
  const int channels = std::max(par.ch_layout.nb_channels, 1);
  const layout usual(std::min(channels, limit));
  const bool named = par.ch_layout.order == AV_CHANNEL_ORDER_NATIVE;
  const uint64_t want = named && channels <= limit ? par.ch_layout.u.mask : usual.mask();
  const layout chosen(nearest(layouts_of(codec), want));
  out.layout = chosen.name();
  out.channels = chosen.channels();
  out.rate = nearest_rate(codec, par.sample_rate);
  out.bit_rate = std::min(stereo_bit_rate * out.channels / 2, most_bits(codec, out.channels, out.rate));
  // Sixteen channels without names can't be mixed: nobody knows what is in them.
  if (!named && layout(channels).mask() == 0) {
    out.choice = "pan=" + usual.name();
    for (int i = 0; i < usual.channels(); ++i)
      out.choice += "|c" + std::to_string(i) + "=c" + std::to_string(i);
  }
  return out;
}

std::string make_gain_filters(const sound_format& format, double gain) {
  auto mix = "aformat=channel_layouts=" + format.layout;
  if (gain == 0)
    return mix;
  // Peaks between the samples count too: the limit of -1 dB is kept at four times the rate.
  char text[160];
  std::snprintf(text, sizeof text,
                ",volume=%.2fdB:precision=float,aresample=192000,alimiter=limit=0.891:level=disabled,aresample=%d",
                gain, format.rate);
  return mix + text;
}

std::string make_sound_filters(const sound_format& format, const AVCodec& codec, double gain) {
  std::string formats;
  for (auto* f = codec.sample_fmts; f && *f != AV_SAMPLE_FMT_NONE; ++f)
    formats += (formats.empty() ? "" : "|") + std::string(av_get_sample_fmt_name(*f));
  // From 0.1 s on silence is put in or sound left out; less than 3 ms is how roughly containers tell the time; between
  // them it is stretched by 1 % until it fits.
  std::string chain = format.choice + (format.choice.empty() ? "" : ",")
                      + "aresample=async=1:min_comp=0.003:min_hard_comp=0.1:max_soft_comp=0.01:comp_duration=1";
  // Loudness was measured of what is written, so the mix comes first.
  if (gain != 0)
    chain += "," + make_gain_filters(format, gain);
  return chain + ",aformat=" + (formats.empty() ? "" : "sample_fmts=" + formats + ":")
         + "sample_rates=" + std::to_string(format.rate) + ":channel_layouts=" + format.layout;
}

} // namespace troupe::media
