#include "media/stream_fit.hpp"

#include "media/orientation.hpp"
#include "media/picture.hpp"
#include "media/transcode_filters.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>

namespace troupe::media {

namespace {

/// Rates are what headers say: a little over is not worth a generation of loss.
constexpr double tolerance = 1.1;

bool is_420(const AVPixFmtDescriptor& d) noexcept {
  return d.log2_chroma_w == 1 && d.log2_chroma_h == 1 && !(d.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_ALPHA));
}

bool size_fits(input& source, const AVStream& s, const media_profile& profile) {
  double width = 0;
  double height = 0;
  auto aspect = av_guess_sample_aspect_ratio(source.format(), const_cast<AVStream*>(&s), nullptr);
  shown_size(s.codecpar->width, s.codecpar->height, aspect, false, width, height);
  return (profile.max_width == 0 || width <= profile.max_width)
         && (profile.max_height == 0 || height <= profile.max_height);
}

bool rate_fits(input& source, const AVStream& s, const media_profile& profile) {
  if (profile.max_bit_rate == 0)
    return true;
  // A container that does not tell a stream's rate tells that of the whole: an upper bound.
  auto rate = s.codecpar->bit_rate > 0 ? s.codecpar->bit_rate : source.format()->bit_rate;
  return rate > 0 && static_cast<double>(rate) <= tolerance * profile.max_bit_rate;
}

} // namespace

bool hides_pictures(const AVStream& s) {
  const int n = avformat_index_get_entries_count(&s);
  for (int i = 0; i < n; ++i)
    if (auto* e = avformat_index_get_entry(const_cast<AVStream*>(&s), i); e && (e->flags & AVINDEX_DISCARD_FRAME))
      return true;
  return false;
}

bool video_fits(input& source, const AVStream& s, const media_profile& profile) {
  auto& par = *s.codecpar;
  auto* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(par.format));
  if (!profile.copy_fitting || profile.video_codec != avcodec_get_name(par.codec_id) || !format)
    return false;
  if (!is_420(*format) || format->comp[0].depth > static_cast<int>(profile.bit_depth))
    return false;
  if (interlaced(par.field_order) || !orientation_of(s).upright() || (is_hdr(par) && !profile.keep_hdr))
    return false;
  if (profile.keyframe_interval > 0 || hides_pictures(s) || source.lacks_display_times(s))
    return false;
  auto rate = av_guess_frame_rate(source.format(), const_cast<AVStream*>(&s), nullptr);
  if (profile.max_frame_rate > 0 && (rate.num <= 0 || av_q2d(rate) > profile.max_frame_rate * 1.01))
    return false;
  return size_fits(source, s, profile) && rate_fits(source, s, profile);
}

bool audio_fits(const AVStream& s, const media_profile& profile) {
  auto& par = *s.codecpar;
  if (!profile.copy_fitting || profile.audio_codec != avcodec_get_name(par.codec_id) || profile.loudness != 0)
    return false;
  const int channels = par.ch_layout.nb_channels;
  if (profile.max_channels > 0 && channels > static_cast<int>(profile.max_channels))
    return false;
  const bool lossless = par.codec_id == AV_CODEC_ID_FLAC;
  const double wanted = static_cast<double>(profile.audio_bit_rate) * std::max(channels, 2) / 2;
  return par.sample_rate <= 48'000
         && (lossless || (par.bit_rate > 0 && static_cast<double>(par.bit_rate) <= tolerance * wanted));
}

} // namespace troupe::media
