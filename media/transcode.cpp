#include "media/transcode.hpp"

#include "media/faults.hpp"
#include "media/film_description.hpp"
#include "media/hardware_encoders.hpp"
#include "media/input.hpp"
#include "media/log_capture.hpp"
#include "media/loudness.hpp"
#include "media/muxer.hpp"
#include "media/probe.hpp"
#include "media/progress_meter.hpp"
#include "media/track_runner.hpp"
#include "media/transcode_command.hpp"
#include "media/transcode_plan.hpp"

#include <algorithm>

namespace troupe::media {

namespace {

/// Measuring the loudness decodes sound only.
constexpr double measuring_part = 0.1;
/// More than this (dB) would only bring up noise.
constexpr double max_gain = 30;
/// Peaks up to here (dB) lose less to the limit than is heard.
constexpr double highest_peak = 2;
/// Of the loudness, at most.
constexpr int measurements = 3;

const AVCodec& coder_of(const planned_track& t) noexcept {
  return *avcodec_find_encoder_by_name(t.encoder.c_str());
}

/// What is made and where: all of a film, or what is beside its pictures.
struct order {
  input& source;
  muxer& output;
  const transcode_plan& plan;
  bool beside_pictures = false;
};

result<exec::transcode_answer> work(const order& what, const task& job, double duration, double from) {
  auto& [source, output, plan, beside_pictures] = what;
  copy_film_description(*output.format(), *source.format());
  // Chapters are the film's; mp4 would have them as a track of their own.
  if (!beside_pictures)
    copy_chapters(*output.format(), *source.format(), duration);
  packet_writer writer(output);
  track_runner runner(source, job, duration, from);
  runner.add(writer);
  exec::transcode_answer answer;
  // Tracks stand in the output in the order of the plan.
  for (uint32_t i = 0; i < plan.tracks.size(); ++i) {
    auto made = make_track(plan.tracks[i], source, writer);
    if (!made)
      return made.error();
    runner.add(plan.tracks[i], std::move(*made));
    if (plan.tracks[i].way == track_way::copy)
      answer.copied.push_back(i);
  }
  TROUPE_TRY(output.write_header());
  TROUPE_TRY(runner.run());
  TROUPE_TRY(output.finish());
  runner.finish();
  answer.frames = runner.frames();
  answer.seconds = runner.seconds();
  answer.film_seconds = runner.film_seconds();
  answer.spans = runner.spans();
  answer.warnings = runner.warnings();
  for (auto place : runner.unseen())
    answer.empty.push_back(plan.tracks[place].stream);
  return answer;
}

/// Which of the planned tracks the output has. Containers differ in the kinds of empty tracks that they keep.
std::vector<bool> kept_tracks(const exec::transcode_answer& answer, const transcode_plan& plan,
                              const media_info& source) {
  auto kind_of = [&](const planned_track& t) {
    return t.stream < source.streams.size() ? source.streams[t.stream].kind : std::string();
  };
  auto is_empty = [&](const planned_track& t) {
    return std::find(answer.empty.begin(), answer.empty.end(), t.stream) != answer.empty.end();
  };
  auto all_there = [&](const std::string& kind) {
    auto& made = answer.output.streams;
    return std::count_if(made.begin(), made.end(), [&](auto& s) { return s.kind == kind; })
           == std::count_if(plan.tracks.begin(), plan.tracks.end(), [&](auto& t) { return kind_of(t) == kind; });
  };
  std::vector<bool> out;
  for (auto& t : plan.tracks)
    out.push_back(!is_empty(t) || all_there(kind_of(t)));
  return out;
}

/// What was said of the planned tracks is said of the output's streams.
void renumber(exec::transcode_answer& answer, const transcode_plan& plan, const media_info& source) {
  const auto kept = kept_tracks(answer, plan, source);
  std::vector<uint32_t> copied;
  std::vector<exec::span> spans;
  for (uint32_t i = 0; i < kept.size(); ++i) {
    if (!kept[i])
      continue;
    if (std::find(answer.copied.begin(), answer.copied.end(), i) != answer.copied.end())
      copied.push_back(static_cast<uint32_t>(spans.size()));
    spans.push_back(answer.spans[i]);
  }
  answer.copied = std::move(copied);
  answer.spans = std::move(spans);
}

result<std::unique_ptr<input>> open_source(source_file file, const exec::request& request, const task& job) {
  auto source = input::open(file, request.name_hint, job);
  if (source)
    (*source)->format()->flags |= AVFMT_FLAG_GENPTS;
  return source;
}

/// The first pass: what it takes to bring each track to the profile's loudness goes into the plan. Where the limit on
/// peaks takes much of the sound, it is measured again with it, and brought up by what is missing.
result<void> plan_loudness(source_file file, const exec::request& request, transcode_plan& plan, double duration,
                           const task& job) {
  std::map<unsigned, leveled_sound> open;
  for (auto& t : plan.tracks)
    if (t.way == track_way::code && coder_of(t).type == AVMEDIA_TYPE_AUDIO)
      open.emplace(t.stream, leveled_sound{t.sound});
  std::map<unsigned, double> gains;
  for (int i = 0; i < measurements && !open.empty(); ++i) {
    auto source = input::open(file, request.name_hint, job);
    if (!source)
      return source.error();
    progress_meter meter(job, duration, measuring_part * i / measurements, measuring_part * (i + 1) / measurements);
    auto measured = measure_loudness(**source, open, [&](double position) { meter.at(position, 0, 0); });
    if (!measured)
      return measured.error();
    std::map<unsigned, leveled_sound> again;
    for (auto& [index, level] : *measured) {
      const double old = open[index].gain;
      const double gain = std::clamp(old + request.profile.loudness - level.loudness, -max_gain, max_gain);
      gains[index] = gain;
      if (level.peak + gain - old > highest_peak)
        again[index] = {open[index].format, gain};
    }
    open = std::move(again);
  }
  for (auto& t : plan.tracks)
    if (auto found = gains.find(t.stream); found != gains.end())
      t.filters = make_sound_filters(t.sound, coder_of(t), found->second);
  return {};
}

/// Seconds that are going to be read when the video is left to others; 0: not known.
double sound_duration(const media_info& source, const media_profile& profile, input& file) {
  // Its packets are read all the same.
  if (!file.tells_places())
    return expected_duration(source, profile);
  double longest = 0;
  for (auto& s : source.streams) {
    if (s.kind != "audio" || profile.audio_codec == "none")
      continue;
    // Matroska tells the length of the film alone, and sound may well be shorter.
    if (s.duration <= 0)
      return 0;
    longest = std::max(longest, s.duration);
  }
  return longest;
}

/// What happened beside the work, in the order in which it did.
void complete(exec::transcode_answer& answer, const transcode_plan& plan, input& source) {
  if (source.io().shrunk())
    answer.warnings.push_back("the source became shorter while it was read");
  answer.warnings.insert(answer.warnings.begin(), plan.warnings.begin(), plan.warnings.end());
  for (auto& line : log_capture::lines())
    answer.warnings.push_back(line);
  log_capture::clear();
}

result<exec::transcode_answer> attempt(source_file file, int output_fd, const exec::request& request, const task& job) {
  auto facts = request.source;
  if (facts.streams.empty()) {
    auto source = input::open(file, request.name_hint, job);
    if (!source)
      return source.error();
    facts = facts_of(**source);
  }
  auto source = open_source(file, request, job);
  if (!source)
    return source.error();
  auto plan = make_plan(**source, request.profile);
  if (!plan)
    return plan.error();
  const bool alone = request.op == exec::op::encode_audio;
  if (alone && !set_video_aside(*plan, **source)) {
    exec::transcode_answer answer;
    answer.nothing = true;
    answer.warnings = plan->warnings;
    return answer;
  }
  const auto duration =
    alone ? sound_duration(facts, request.profile, **source) : expected_duration(facts, request.profile);
  const bool two_passes = request.profile.loudness != 0;
  if (two_passes)
    TROUPE_TRY(plan_loudness(file, request, *plan, duration, job));
  auto output = muxer::open(output_fd, request.profile, job);
  if (!output)
    return output.error();
  auto answer = work({**source, **output, *plan, alone}, job, duration, two_passes ? measuring_part : 0);
  if (!answer)
    return answer;
  answer->operation = command_line(*plan, request.profile, **source);
  complete(*answer, *plan, **source);
  auto made = probe(output_fd, request.profile.extension, job);
  if (!made)
    return made.error();
  answer->output = std::move(*made);
  if (!answer->empty.empty())
    renumber(*answer, *plan, facts);
  return answer;
}

} // namespace

result<exec::transcode_answer> transcode(source_file file, int output_fd, const exec::request& request,
                                         const task& job) {
  auto answer = attempt(file, output_fd, request, job);
  auto lost = answer ? std::nullopt : withdrawn_hardware_encoder();
  if (!lost)
    return answer;
  auto software = request;
  software.profile.hardware = false;
  answer = attempt(file, output_fd, software, job);
  if (answer)
    answer->warnings.insert(answer->warnings.begin(), "the hardware encoder " + *lost + ": it was encoded in software");
  return answer;
}

} // namespace troupe::media
