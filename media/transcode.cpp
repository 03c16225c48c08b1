#include "media/transcode.hpp"

#include "media/faults.hpp"
#include "media/input.hpp"
#include "media/log_capture.hpp"
#include "media/muxer.hpp"
#include "media/probe.hpp"
#include "media/progress_meter.hpp"
#include "media/tracks.hpp"
#include "media/transcode_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace troupe::media {

namespace {

/// A jump of the timestamps in a broadcast recording that is not believed, seconds.
constexpr int64_t jump_seconds = 10;
/// More damaged packets than this part make the result useless.
constexpr double tolerated_damage = 0.10;
/// Ending before this part of the announced duration is a source that was cut off.
constexpr double tolerated_shortness = 0.90;

/// Shifts timestamps so that the film begins at 0, and takes jumps out of formats that are known for them.
class timeline {
public:
  explicit timeline(const AVFormatContext& format) :
    jumps_(format.iformat->flags & AVFMT_TS_DISCONT),
    shift_(format.start_time == AV_NOPTS_VALUE ? 0 : -format.start_time) {
  }

  void apply(AVPacket& p, AVRational time_base) {
    auto reference = p.dts != AV_NOPTS_VALUE ? p.dts : p.pts;
    if (reference != AV_NOPTS_VALUE && jumps_) {
      auto now = av_rescale_q(reference, time_base, {1, AV_TIME_BASE}) + shift_;
      if (expected_ != AV_NOPTS_VALUE && std::llabs(now - expected_) > jump_seconds * AV_TIME_BASE) {
        shift_ += expected_ - now;
        now = expected_;
      }
      expected_ = now;
    }
    auto shift = av_rescale_q(shift_, {1, AV_TIME_BASE}, time_base);
    if (p.pts != AV_NOPTS_VALUE)
      p.pts += shift;
    if (p.dts != AV_NOPTS_VALUE)
      p.dts += shift;
  }

private:
  bool jumps_;
  int64_t shift_;
  int64_t expected_ = AV_NOPTS_VALUE;
};

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

class transcoder {
public:
  transcoder(input& source, muxer& output, const media_profile& profile, const transcode_plan& plan, const task& job,
             double duration) :
    source_(source),
    output_(output), profile_(profile), plan_(plan), duration_(duration), meter_(job, duration),
    timeline_(*source.format()) {
  }

  result<exec::transcode_answer> run() {
    TROUPE_TRY(set_up());
    TROUPE_TRY(pump());
    for (auto& t : tracks_)
      TROUPE_TRY(t->finish());
    TROUPE_TRY(judge());
    TROUPE_TRY(output_.finish());
    meter_.finish(position_, frames(), output_.bytes());
    exec::transcode_answer answer;
    answer.frames = frames();
    answer.seconds = meter_.seconds();
    answer.warnings = std::move(warnings_);
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
      auto made = make_track(planned, profile_, source_, output_);
      if (!made)
        return made.error();
      source_.stream(planned.stream)->discard = AVDISCARD_DEFAULT;
      by_stream_[planned.stream] = made->get();
      tracks_.push_back(std::move(*made));
    }
    return output_.write_header();
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
    TROUPE_TRY(t->take(packet));
    meter_.at(position_, frames(), output_.bytes());
    // No use in decoding hours of rubbish.
    if (t->packets() >= 500 && t->damaged() * 2 > t->packets())
      return judge();
    return {};
  }

  /// Is the result worth keeping?
  result<void> judge() {
    for (size_t i = 0; i < tracks_.size(); ++i) {
      auto& t = *tracks_[i];
      if (plan_.tracks[i].cover)
        continue;
      auto n = plan_.tracks[i].stream;
      char text[160];
      std::snprintf(text, sizeof text, "%lld of %lld packets of stream %u are damaged",
                    static_cast<long long>(t.damaged()), static_cast<long long>(t.packets()), n);
      if (static_cast<double>(t.damaged()) > tolerated_damage * static_cast<double>(t.packets()) && t.damaged() > 2)
        return {errc::bad_media, std::string("the source is too damaged: ") + text};
      if (t.frames() == 0 && t.packets() > 0 && !is_subtitle(n))
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

  bool is_subtitle(unsigned index) {
    return source_.stream(index)->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE;
  }

  /// Of the video, or of the first sound when there is none.
  int64_t frames() const {
    for (size_t i = 0; i < tracks_.size(); ++i)
      if (!plan_.tracks[i].cover
          && source_.format()->streams[plan_.tracks[i].stream]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        return tracks_[i]->frames();
    for (size_t i = 0; i < tracks_.size(); ++i)
      if (!plan_.tracks[i].cover)
        return tracks_[i]->frames();
    return 0;
  }

  input& source_;
  muxer& output_;
  const media_profile& profile_;
  const transcode_plan& plan_;
  double duration_;
  progress_meter meter_;
  timeline timeline_;
  double position_ = 0;
  std::vector<std::unique_ptr<track>> tracks_;
  std::vector<track*> by_stream_;
  std::vector<std::string> warnings_;
};

} // namespace

result<exec::transcode_answer> transcode(int source_fd, int output_fd, const exec::request& request, const task& job) {
  auto source = input::open(source_fd, request.name_hint, job);
  if (!source)
    return source.error();
  auto facts = request.source.streams.empty() ? facts_of(**source) : request.source;
  if (request.source.streams.empty()) {
    // Learning the duration may have read to the end: begin again.
    source = input::open(source_fd, request.name_hint, job);
    if (!source)
      return source.error();
  }
  (*source)->format()->flags |= AVFMT_FLAG_GENPTS;
  auto plan = make_plan(**source, request.profile);
  if (!plan)
    return plan.error();
  auto operation = command_line(*plan, request.profile, **source);
  auto answer = [&]() -> result<exec::transcode_answer> {
    auto output = muxer::open(output_fd, request.profile, job);
    if (!output)
      return output.error();
    return transcoder(**source, **output, request.profile, *plan, job, expected_duration(facts, request.profile)).run();
  }();
  if (!answer)
    return answer;
  answer->operation = std::move(operation);
  if ((*source)->io().shrunk())
    answer->warnings.push_back("the source became shorter while it was read");
  answer->warnings.insert(answer->warnings.begin(), plan->warnings.begin(), plan->warnings.end());
  for (auto& line : log_capture::lines())
    answer->warnings.push_back(line);
  log_capture::clear();
  auto output = probe(output_fd, request.profile.extension, job);
  if (!output)
    return output.error();
  answer->output = std::move(*output);
  return answer;
}

} // namespace troupe::media
