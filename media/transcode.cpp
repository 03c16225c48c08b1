#include "media/transcode.hpp"

#include "media/faults.hpp"
#include "media/input.hpp"
#include "media/log_capture.hpp"
#include "media/loudness.hpp"
#include "media/muxer.hpp"
#include "media/probe.hpp"
#include "media/progress_meter.hpp"
#include "media/timeline.hpp"
#include "media/tracks.hpp"
#include "media/transcode_filters.hpp"
#include "media/transcode_plan.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace troupe::media {

namespace {

constexpr std::chrono::milliseconds report_interval{100};
/// Measuring the loudness decodes sound only.
constexpr double measuring_part = 0.1;
/// More than this (dB) would only bring up noise.
constexpr double max_gain = 30;
/// More damaged packets than this part make the result useless.
constexpr double tolerated_damage = 0.10;
/// Ending before this part of the announced duration is a source that was cut off.
constexpr double tolerated_shortness = 0.90;

void copy_file_description(AVFormatContext& out, const AVFormatContext& in) {
  av_dict_copy(&out.metadata, in.metadata, 0);
  for (auto* stale : {"encoder", "major_brand", "minor_version", "compatible_brands", "creation_time"})
    av_dict_set(&out.metadata, stale, nullptr, 0);
}

/// Chapters start at 0 as the packets do. libav frees them with the context.
void copy_chapters(AVFormatContext& out, const AVFormatContext& in) {
  if (in.nb_chapters == 0)
    return;
  out.chapters = static_cast<AVChapter**>(av::checked(av_calloc(in.nb_chapters, sizeof(AVChapter*))));
  for (unsigned i = 0; i < in.nb_chapters; ++i) {
    auto& from = *in.chapters[i];
    auto start = in.start_time == AV_NOPTS_VALUE ? 0 : av_rescale_q(in.start_time, {1, AV_TIME_BASE}, from.time_base);
    auto* c = static_cast<AVChapter*>(av::checked(av_mallocz(sizeof(AVChapter))));
    c->id = from.id;
    c->time_base = from.time_base;
    c->start = std::max<int64_t>(from.start - start, 0);
    c->end = std::max(from.end - start, c->start);
    av_dict_copy(&c->metadata, from.metadata, 0);
    out.chapters[out.nb_chapters++] = c;
  }
}

/// Demux, decode, filter, encode and mux overlap, each on threads of its own; the operation's own thread watches over
/// them and reports.
class transcoder {
public:
  /// `from`: the part of the whole that is done already.
  transcoder(input& source, muxer& output, const transcode_plan& plan, const task& job, double duration, double from) :
    source_(source), output_(output), plan_(plan), duration_(duration), meter_(job, duration, from), writer_(output),
    timeline_(*source.format()) {
  }

  result<exec::transcode_answer> run() {
    TROUPE_TRY(set_up());
    TROUPE_TRY(work());
    TROUPE_TRY(judge());
    TROUPE_TRY(output_.finish());
    meter_.finish(writer_.position(), frames(), output_.bytes());
    exec::transcode_answer answer;
    answer.frames = frames();
    answer.seconds = meter_.seconds();
    answer.warnings = std::move(warnings_);
    // Tracks stand in the output in the order of the plan.
    for (uint32_t i = 0; i < plan_.tracks.size(); ++i)
      if (plan_.tracks[i].way == track_way::copy)
        answer.copied.push_back(i);
    return answer;
  }

private:
  result<void> set_up() {
    by_stream_.resize(source_.format()->nb_streams, nullptr);
    for (unsigned i = 0; i < source_.format()->nb_streams; ++i)
      source_.stream(i)->discard = AVDISCARD_ALL;
    copy_file_description(*output_.format(), *source_.format());
    copy_chapters(*output_.format(), *source_.format());
    for (auto& planned : plan_.tracks) {
      auto made = make_track(planned, source_, writer_);
      if (!made)
        return made.error();
      source_.stream(planned.stream)->discard = AVDISCARD_DEFAULT;
      by_stream_[planned.stream] = made->get();
      tracks_.push_back(std::move(*made));
    }
    return output_.write_header();
  }

  result<void> work() {
    pipeline threads;
    TROUPE_TRY(writer_.start(threads));
    for (auto& t : tracks_)
      TROUPE_TRY(t->start(threads));
    TROUPE_TRY(threads.spawn("demux", [this] { return read(); }));
    while (!threads.wait_for(report_interval)) {
      // The reader may be waiting in front of a full queue.
      if (source_.cancelled())
        threads.fail(cancelled_error());
      meter_.at(writer_.position(), frames(), writer_.bytes());
    }
    return threads.join();
  }

  result<void> read() {
    TROUPE_TRY(pump());
    for (auto& t : tracks_)
      TROUPE_TRY(t->finish());
    return {};
  }

  result<void> pump() {
    auto packet = av::make_packet();
    for (;;) {
      int code = source_.read(*packet);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code == AVERROR_EXIT || source_.io().failure())
        return source_.read_error(code);
      if (code == AVERROR_EOF)
        return {};
      if (code < 0) {
        // The container itself is broken here: what came so far is judged by how much is missing.
        warnings_.push_back("reading stopped at a damaged place (" + av_text(code) + ")");
        return {};
      }
      TROUPE_TRY(take(*packet));
      av_packet_unref(packet.get());
    }
  }

  result<void> take(AVPacket& packet) {
    auto index = static_cast<size_t>(packet.stream_index);
    auto* t = index < by_stream_.size() ? by_stream_[index] : nullptr;
    if (!t)
      return {};
    auto time_base = source_.stream(static_cast<unsigned>(index))->time_base;
    if (source_.stream(static_cast<unsigned>(index))->disposition & AV_DISPOSITION_ATTACHED_PIC)
      packet.pts = packet.dts = 0;
    else
      timeline_.apply(packet, time_base);
    auto ts = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
    if (ts != AV_NOPTS_VALUE)
      position_ = std::max(position_, static_cast<double>(ts + packet.duration) * av_q2d(time_base));
    return t->take(packet);
  }

/// Is the result worth keeping?
  result<void> judge() {
    for (size_t i = 0; i < tracks_.size(); ++i) {
      auto& t = *tracks_[i];
      if (plan_.tracks[i].way == track_way::cover)
        continue;
      auto n = plan_.tracks[i].stream;
      char text[160];
      std::snprintf(text, sizeof text, "%lld of %lld packets of stream %u are damaged",
                    static_cast<long long>(t.damaged()), static_cast<long long>(t.packets()), n);
      if (static_cast<double>(t.damaged()) > tolerated_damage * static_cast<double>(t.packets()) && t.damaged() > 2)
        return {errc::bad_media, std::string("the source is too damaged: ") + text};
      if (t.frames() == 0 && t.packets() > 0 && is_av(n))
        return {errc::bad_media, "nothing of stream " + std::to_string(n) + " can be decoded"};
      if (t.damaged() > 0)
        warnings_.push_back(text);
    }
    return judge_length();
  }

  result<void> judge_length() {
    if (frames() == 0)
      return {errc::bad_media, "the source holds no frame that can be read"};
    if (duration_ < 2 || position_ > 0.99 * duration_)
      return {};
    char text[160];
    std::snprintf(text, sizeof text, "the source is cut off: it ends at %.1f of %.1f seconds", position_, duration_);
    if (position_ < tolerated_shortness * duration_)
      return {errc::bad_media, text};
    if (duration_ - position_ > 1)
      warnings_.push_back(text);
    return {};
  }

  bool is_av(unsigned index) {
    auto type = source_.stream(index)->codecpar->codec_type;
    return type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO;
  }

  /// Of the video, or of the first sound when there is none.
  int64_t frames() const {
    for (size_t i = 0; i < tracks_.size(); ++i)
      if (plan_.tracks[i].way != track_way::cover
          && source_.format()->streams[plan_.tracks[i].stream]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        return tracks_[i]->frames();
    for (size_t i = 0; i < tracks_.size(); ++i)
      if (plan_.tracks[i].way != track_way::cover)
        return tracks_[i]->frames();
    return 0;
  }

  input& source_;
  muxer& output_;
  const transcode_plan& plan_;
  double duration_;
  progress_meter meter_;
  packet_writer writer_;
  std::vector<std::unique_ptr<track>> tracks_;
  // The reading thread's until it has ended.
  timeline timeline_;
  std::vector<track*> by_stream_;
  /// How far the source was read, seconds.
  double position_ = 0;
  std::vector<std::string> warnings_;
};

result<std::unique_ptr<input>> open_source(int fd, const exec::request& request, const task& job) {
  auto source = input::open(fd, request.name_hint, job);
  if (source)
    (*source)->format()->flags |= AVFMT_FLAG_GENPTS;
  return source;
}

/// The first pass: what it takes to bring each track to the profile's loudness goes into the plan.
result<void> plan_loudness(int source_fd, const exec::request& request, transcode_plan& plan, double duration,
                           const task& job) {
  std::vector<unsigned> sound;
  auto source = input::open(source_fd, request.name_hint, job);
  if (!source)
    return source.error();
  for (auto& t : plan.tracks)
    if (t.way == track_way::code && (*source)->stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
      sound.push_back(t.stream);
  progress_meter meter(job, duration, 0, measuring_part);
  auto measured = measure_loudness(**source, sound, request.profile.max_channels,
                                   [&](double position) { meter.at(position, 0, 0); });
  if (!measured)
    return measured.error();
  for (auto& t : plan.tracks)
    if (auto found = measured->find(t.stream); found != measured->end()) {
      auto gain = std::clamp(request.profile.loudness - found->second, -max_gain, max_gain);
      auto* codec = avcodec_find_encoder_by_name(t.encoder.c_str());
      t.filters = make_audio_filters(*(*source)->stream(t.stream)->codecpar, *codec, request.profile.max_channels, gain);
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

} // namespace

result<exec::transcode_answer> transcode(int source_fd, int output_fd, const exec::request& request, const task& job) {
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
  const auto duration = expected_duration(facts, request.profile);
  const bool two_passes = request.profile.loudness != 0;
  if (two_passes)
    TROUPE_TRY(plan_loudness(source_fd, request, *plan, duration, job));
  auto output = muxer::open(output_fd, request.profile, job);
  if (!output)
    return output.error();
  auto answer = transcoder(**source, **output, *plan, job, duration, two_passes ? measuring_part : 0).run();
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

} // namespace troupe::media
