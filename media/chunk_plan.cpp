#include "media/chunk_plan.hpp"

#include "media/fingerprint.hpp"
#include "media/hardware_encoders.hpp"
#include "media/input.hpp"
#include "media/keyframe_index.hpp"
#include "media/transcode_plan.hpp"
#include "protocol/model/chunks_codec.hpp"
#include "protocol/model/media_codec.hpp"

#include <nlohmann/json.hpp>

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace troupe::media {

namespace {

/// How many chunks are aimed at.
uint32_t wished_count(const chunk_wishes& wishes, double seconds) {
  double count = wishes.count > 0 ? wishes.count : wishes.seconds > 0 ? std::round(seconds / wishes.seconds) : 1;
  if (wishes.min_seconds > 0)
    count = std::min(count, std::floor(seconds / wishes.min_seconds));
  return static_cast<uint32_t>(std::clamp<double>(count, 1, max_chunks));
}

/// Where all chunks but the first should begin, as parts of the film.
std::vector<double> wished_cuts(const chunk_wishes& wishes, double seconds) {
  std::vector<double> out;
  auto lengths = wishes.lengths;
  if (lengths.empty())
    lengths.assign(wished_count(wishes, seconds), 1);
  std::erase_if(lengths, [](double x) { return !(x > 0) || !std::isfinite(x); });
  lengths.resize(std::min<size_t>(lengths.size(), max_chunks));
  const auto all = std::accumulate(lengths.begin(), lengths.end(), 0.0);
  double before = 0;
  for (size_t i = 0; i + 1 < lengths.size(); ++i)
    out.push_back((before += lengths[i]) / all);
  return out;
}

exec::plan_chunks_answer not_cut(std::string reason) {
  exec::plan_chunks_answer answer;
  answer.reason = std::move(reason);
  return answer;
}

/// Why there is nothing to cut.
std::string nothing_to_cut(const transcode_plan& plan, input& source) {
  for (auto& t : plan.tracks)
    if (t.way == track_way::copy && source.stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
      return "the video is taken as it is, which needs no chunks";
  return "there is no video to encode";
}

/// The shifts that hold from a byte position on.
std::vector<time_shift> shifts_from(const std::vector<time_shift>& all, int64_t position) {
  auto it =
    std::upper_bound(all.begin(), all.end(), position, [](int64_t p, const time_shift& s) { return p < s.position; });
  if (it != all.begin())
    --it;
  return {it, all.end()};
}

/// The same source, profile and edges have the same name.
void name_plan(std::vector<media_chunk>& chunks, const media_profile& profile, const std::string& fingerprint) {
  auto text = fingerprint + to_value(profile).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (auto& c : chunks)
    text += to_value(c).dump();
  char name[17];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(XXH3_64bits(text.data(), text.size())));
  for (auto& c : chunks)
    c.plan = name;
}

/// Whether what becomes of a frame depends on frames before it: pictures that are (or may be) interlaced, and rates
/// that are reduced.
bool looks_back(const planned_track& track, const AVStream& stream) noexcept {
  return stream.codecpar->field_order != AV_FIELD_PROGRESSIVE || track.min_frame_time > 0;
}

class chunk_planner {
public:
  chunk_planner(source_file file, const exec::request& request, const task& job) :
    file_(file), request_(request), job_(job) {
  }

  result<exec::plan_chunks_answer> run() {
    if (request_.profile.container == "hls")
      return not_cut("a ladder is made in one piece");
    TROUPE_TRY(open());
    auto* video = encoded_video(plan_, *source_);
    if (!video)
      return not_cut(nothing_to_cut(plan_, *source_));
    if (is_hardware_encoder(video->encoder))
      return not_cut("the graphics card makes it in one piece");
    const auto stream = video->stream;
    if (source_->lacks_display_times(*source_->stream(stream)))
      return not_cut("the file does not tell when its pictures are shown, only their order does");
    if (auto index = seek_keyframes(*source_, stream, looks_back(*video, *source_->stream(stream)))) {
      auto cuts = choose_cuts(request_.wishes, index->extent(), lookup(*index));
      if (!cuts)
        return cuts.error();
      if (index->objection().empty())
        return answer(*cuts, *index, stream);
    }
    // From the beginning, as transcode sees it.
    TROUPE_TRY(open());
    auto index = read_keyframes(*source_, stream, plan_, job_);
    if (!index)
      return index.error();
    if (auto objection = (*index)->objection(); !objection.empty())
      return not_cut(objection);
    auto cuts = choose_cuts(request_.wishes, (*index)->extent(), lookup(**index));
    if (!cuts)
      return cuts.error();
    return answer(*cuts, **index, stream);
  }

private:
  result<void> open() {
    auto source = input::open(file_, request_.name_hint, job_);
    if (!source)
      return source.error();
    source_ = std::move(*source);
    // As transcode reads it.
    source_->format()->flags |= AVFMT_FLAG_GENPTS;
    auto plan = make_plan(*source_, request_.profile);
    if (!plan)
      return plan.error();
    plan_ = std::move(*plan);
    return {};
  }

  static keyframe_lookup lookup(keyframe_index& index) {
    return [&index](int64_t time) { return index.first_at(time); };
  }

  result<exec::plan_chunks_answer> answer(const std::vector<cut_point>& cuts, keyframe_index& index, unsigned stream) {
    auto content = fingerprint(file_);
    if (!content)
      return content.error();
    exec::plan_chunks_answer out;
    const auto unit = source_->stream(stream)->time_base;
    out.chunks = make_chunks(cuts, index.shifts(), index.by_position(), {unit.num, unit.den});
    name_plan(out.chunks, request_.profile, *content);
    return out;
  }

  source_file file_;
  const exec::request& request_;
  const task& job_;
  std::unique_ptr<input> source_;
  transcode_plan plan_;
};

} // namespace

result<std::vector<cut_point>> choose_cuts(const chunk_wishes& wishes, const film_extent& film,
                                           const keyframe_lookup& first_at) {
  std::vector<cut_point> cuts;
  if (film.end <= film.begin || film.unit <= 0)
    return cuts;
  const auto length = static_cast<double>(film.end - film.begin);
  const auto shortest = std::max<int64_t>(std::llround(std::max(wishes.min_seconds, 0.0) / film.unit), 1);
  auto last = film.begin;
  for (auto part : wished_cuts(wishes, length * film.unit)) {
    auto wished = film.begin + static_cast<int64_t>(length * part);
    if (wished <= last)
      continue;
    auto found = first_at(std::max(wished, last + shortest));
    if (!found)
      return found.error();
    if (!*found || (*found)->at.shown > film.end - shortest)
      break;
    last = (*found)->at.shown;
    cuts.push_back(**found);
  }
  return cuts;
}

std::vector<media_chunk> make_chunks(const std::vector<cut_point>& cuts, const std::vector<time_shift>& shifts,
                                     bool by_position, chunk_time_base time_base) {
  std::vector<media_chunk> chunks(cuts.size() + 1);
  for (size_t i = 0; i < chunks.size(); ++i) {
    auto& c = chunks[i];
    c.index = static_cast<uint32_t>(i);
    c.count = static_cast<uint32_t>(chunks.size());
    c.time_base = time_base;
    c.begin = i == 0 ? INT64_MIN : cuts[i - 1].at.shown;
    c.end = i == cuts.size() ? INT64_MAX : cuts[i].at.shown;
    c.shifts = shifts;
    if (i == 0 || !cuts[i - 1].before)
      continue;
    auto& from = *cuts[i - 1].before;
    c.from_start = false;
    if (by_position) {
      c.from_position = from.position;
      c.shifts = shifts_from(shifts, from.position);
    } else {
      c.from_time = from.time;
    }
  }
  return chunks;
}

result<exec::plan_chunks_answer> plan_chunks(source_file source, const exec::request& request, const task& job) {
  return chunk_planner(source, request, job).run();
}

} // namespace troupe::media
