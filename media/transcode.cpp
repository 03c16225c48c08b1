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

result<exec::transcode_answer> work(input& source, muxer& output, const transcode_plan& plan, const task& job,
                                    double duration, double from) {
  copy_film_description(*output.format(), *source.format());
  copy_chapters(*output.format(), *source.format());
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
  answer.warnings = runner.warnings();
  return answer;
}

result<std::unique_ptr<input>> open_source(int fd, const exec::request& request, const task& job) {
  auto source = input::open(fd, request.name_hint, job);
  if (source)
    (*source)->format()->flags |= AVFMT_FLAG_GENPTS;
  return source;
}

/// The first pass: what it takes to bring each track to the profile's loudness goes into the plan.
result<void> plan_loudness(int source_fd, const exec::request& request, transcode_plan& plan, double duration,
                           const task& job) {
  auto source = input::open(source_fd, request.name_hint, job);
  if (!source)
    return source.error();
  std::map<unsigned, sound_format> sound;
  for (auto& t : plan.tracks)
    if (t.way == track_way::code && (*source)->stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
      sound.emplace(t.stream, t.sound);
  progress_meter meter(job, duration, 0, measuring_part);
  auto measured = measure_loudness(**source, sound, [&](double position) { meter.at(position, 0, 0); });
  if (!measured)
    return measured.error();
  for (auto& t : plan.tracks)
    if (auto found = measured->find(t.stream); found != measured->end()) {
      auto gain = std::clamp(request.profile.loudness - found->second, -max_gain, max_gain);
      t.filters = make_sound_filters(t.sound, *avcodec_find_encoder_by_name(t.encoder.c_str()), gain);
    }
  return {};
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

result<exec::transcode_answer> attempt(int source_fd, int output_fd, const exec::request& request, const task& job) {
  auto facts = request.source;
  if (facts.streams.empty()) {
    auto source = input::open(source_fd, request.name_hint, job);
    if (!source)
      return source.error();
    facts = facts_of(**source);
  }
  auto source = open_source(source_fd, request, job);
  if (!source)
    return source.error();
  auto plan = make_plan(**source, request.profile);
  if (!plan)
    return plan.error();
  if (request.op == exec::op::encode_audio)
    TROUPE_TRY(set_video_aside(*plan, **source));
  const auto duration = expected_duration(facts, request.profile);
  const bool two_passes = request.profile.loudness != 0;
  if (two_passes)
    TROUPE_TRY(plan_loudness(source_fd, request, *plan, duration, job));
  auto output = muxer::open(output_fd, request.profile, job);
  if (!output)
    return output.error();
  auto answer = work(**source, **output, *plan, job, duration, two_passes ? measuring_part : 0);
  if (!answer)
    return answer;
  answer->operation = command_line(*plan, request.profile, **source);
  complete(*answer, *plan, **source);
  auto made = probe(output_fd, request.profile.extension, job);
  if (!made)
    return made.error();
  answer->output = std::move(*made);
  return answer;
}

} // namespace

result<exec::transcode_answer> transcode(int source_fd, int output_fd, const exec::request& request, const task& job) {
  auto answer = attempt(source_fd, output_fd, request, job);
  auto lost = answer ? std::nullopt : withdrawn_hardware_encoder();
  if (!lost)
    return answer;
  auto software = request;
  software.profile.hardware = false;
  answer = attempt(source_fd, output_fd, software, job);
  if (answer)
    answer->warnings.insert(answer->warnings.begin(), "the hardware encoder " + *lost + ": it was encoded in software");
  return answer;
}

} // namespace troupe::media
