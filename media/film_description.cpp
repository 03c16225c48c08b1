#include "media/film_description.hpp"

#include "media/timeline.hpp"

#include <algorithm>

namespace troupe::media {

void copy_film_description(AVFormatContext& out, const AVFormatContext& in) {
  av_dict_copy(&out.metadata, in.metadata, 0);
  for (auto* stale : {"encoder", "major_brand", "minor_version", "compatible_brands", "creation_time"})
    av_dict_set(&out.metadata, stale, nullptr, 0);
}

void copy_chapters(AVFormatContext& out, const AVFormatContext& in, double seconds) {
  if (in.nb_chapters == 0)
    return;
  const bool known = seconds > 0 && in.duration_estimation_method != AVFMT_DURATION_FROM_BITRATE;
  // libav frees them with the context.
  out.chapters = static_cast<AVChapter**>(av::checked(av_calloc(in.nb_chapters, sizeof(AVChapter*))));
  for (unsigned i = 0; i < in.nb_chapters; ++i) {
    auto& from = *in.chapters[i];
    auto start = av_rescale_q(film_start(in), {1, AV_TIME_BASE}, from.time_base);
    const auto end = known ? static_cast<int64_t>(seconds / av_q2d(from.time_base)) : INT64_MAX;
    // In mp4 chapters are a track, and one that outlasts the film makes it longer.
    if (from.start - start >= end)
      continue;
    auto* c = static_cast<AVChapter*>(av::checked(av_mallocz(sizeof(AVChapter))));
    c->id = from.id;
    c->time_base = from.time_base;
    c->start = std::max<int64_t>(from.start - start, 0);
    c->end = std::clamp(from.end - start, c->start, end);
    av_dict_copy(&c->metadata, from.metadata, 0);
    out.chapters[out.nb_chapters++] = c;
  }
}

} // namespace troupe::media
