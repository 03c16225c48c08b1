#include "media/hls_rendition.hpp"

#include "media/faults.hpp"
#include "media/mp4_fragments.hpp"
#include "media/verify.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::media {

result<void> describe(rendition& r, double segment_seconds) {
  auto boxes = read_fragments(r.file.get());
  if (!boxes)
    return boxes.error();
  auto& starts = r.fragments().starts();
  if (boxes->fragments.size() != starts.size() || starts.empty())
    return {errc::internal, r.facts.name + ": " + std::to_string(boxes->fragments.size()) + " fragments were written, "
                              + std::to_string(starts.size()) + " were begun"};
  int64_t samples = 0;
  for (auto& f : boxes->fragments)
    samples += f.samples;
  if (samples != r.fragments().packets())
    return {errc::internal, r.facts.name + ": its fragments hold " + std::to_string(samples) + " samples of "
                              + std::to_string(r.fragments().packets()) + " that were written"};
  r.facts.init_size = boxes->init_size;
  r.facts.codec = boxes->codec;
  const bool pictures = r.facts.width > 0;
  const double half_frame = pictures ? 0.5 / std::max(r.facts.frame_rate, 1.0) : 1e-3;
  auto segment_of = [&](double at) { return std::floor((at + half_frame) / segment_seconds); };
  for (size_t i = 0; i < starts.size(); ++i) {
    auto& f = boxes->fragments[i];
    const double length = (i + 1 < starts.size() ? starts[i + 1] : r.fragments().end()) - starts[i];
    if (i == 0 || segment_of(starts[i]) > segment_of(starts[i - 1]))
      r.facts.segments.push_back({0, f.offset, 0});
    r.facts.segments.back().duration += length;
    r.facts.segments.back().size += f.size;
    if (pictures)
      r.facts.keyframes.push_back({length, f.offset, f.first_sample_end});
  }
  return {};
}

result<void> check(const rendition& r, const media_profile& profile, const media_info& source, const task& job) {
  exec::request request;
  request.profile = profile;
  request.profile.container = request.profile.extension = "mp4";
  request.profile.faststart = false;
  request.profile.max_width = request.profile.max_height = 0;
  (r.facts.width > 0 ? request.profile.audio_codec : request.profile.video_codec) = "none";
  request.source = source;
  request.source.streams.clear();
  for (auto& s : source.streams)
    if (s.index == r.plan.stream)
      request.source.streams.push_back(s);
  // The runner has judged the whole film; one track may begin after the others and end before them.
  request.film_seconds = r.fragments().end() - r.fragments().starts().front();
  request.full = false;
  auto found = verify(r.file.get(), request, {job.cancelled, {}, {}, job.limits});
  if (!found)
    return found.error();
  if (found->ok)
    return {};
  return {errc::internal, r.facts.name + ".mp4 did not pass verification: " + found->reasons.front()};
}

} // namespace troupe::media
