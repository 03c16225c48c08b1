#include "media/sound_gaps.hpp"

#include "media/faults.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
#include <libavutil/samplefmt.h>
}

#include <algorithm>

namespace troupe::media {

namespace {

/// Seconds. Shorter gaps need no help; longer ones are a damaged timestamp.
constexpr double shortest = 1;
constexpr double longest = 86'400;

/// As long as a second of sound, or as `samples`.
result<av::frame> silence_like(const AVFrame& f, int64_t samples) {
  auto out = av::make_frame();
  out->format = f.format;
  out->sample_rate = f.sample_rate;
  out->nb_samples = static_cast<int>(std::min<int64_t>(samples, f.sample_rate));
  int code = av_channel_layout_copy(&out->ch_layout, &f.ch_layout);
  if (code >= 0)
    code = av_frame_get_buffer(out.get(), 0);
  if (code >= 0)
    code = av_samples_set_silence(out->extended_data, 0, out->nb_samples, out->ch_layout.nb_channels,
                                  static_cast<AVSampleFormat>(out->format));
  return code < 0 ? result<av::frame>(av_error(code, "a gap in the sound can't be filled")) : std::move(out);
}

} // namespace

result<void> fill_gap(const AVFrame& f, int64_t from, AVRational time_base, const frame_sink& next) {
  const double seconds = static_cast<double>(f.pts - from) * av_q2d(time_base);
  if (f.sample_rate <= 0 || seconds < shortest || seconds > longest)
    return {};
  const AVRational unit{1, f.sample_rate};
  const auto samples = av_rescale_q(f.pts - from, time_base, unit);
  for (int64_t done = 0; done < samples;) {
    auto silence = silence_like(f, samples - done);
    if (!silence)
      return silence.error();
    (*silence)->pts = from + av_rescale_q(done, unit, time_base);
    done += (*silence)->nb_samples;
    TROUPE_TRY(next(**silence));
  }
  return {};
}

} // namespace troupe::media
