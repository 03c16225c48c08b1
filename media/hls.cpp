#include "media/hls.hpp"

#include "media/coding_tracks.hpp"
#include "media/faults.hpp"
#include "media/hardware_encoders.hpp"
#include "media/hls_rendition.hpp"
#include "media/input.hpp"
#include "media/languages.hpp"
#include "media/log_capture.hpp"
#include "media/picture.hpp"
#include "media/probe.hpp"
#include "media/stream_facts.hpp"
#include "media/track_runner.hpp"
#include "media/transcode_filters.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <deque>

namespace troupe::media {

namespace {

constexpr double default_keyframe_interval = 2;

class ladder {
public:
  ladder(input& source, const exec::request& request, const media_info& facts, const task& job) :
    source_(source), profile_(request.profile), facts_(facts), job_(job),
    runner_(source, job, expected_duration(facts, request.profile), 0) {
  }

  result<exec::hls_answer> run() {
    TROUPE_TRY(add_video());
    TROUPE_TRY(add_sound());
    TROUPE_TRY(add_text());
    if (videos_.empty() && sounds_.empty())
      return {errc::unprocessable, "the source has nothing that HLS could be made of"};
    for (auto* group : {&videos_, &sounds_, &texts_})
      for (auto& r : *group)
        TROUPE_TRY(r.output->write_header());
    TROUPE_TRY(runner_.run());
    leave_out_empty();
    for (auto* group : {&videos_, &sounds_, &texts_})
      for (auto& r : *group)
        TROUPE_TRY(r.output->finish());
    for (auto& r : empty_)
      TROUPE_TRY(r.output->finish());
    for (auto* group : {&videos_, &sounds_})
      for (auto& r : *group) {
        TROUPE_TRY(describe(r, profile_.segment_seconds));
        TROUPE_TRY(check(r, profile_, facts_, job_));
      }
    TROUPE_TRY(write_playlists());
    runner_.finish();
    return answer();
  }

private:
  result<owned_fd> create(const std::string& name) {
    if (!job_.create)
      return {errc::protocol, "HLS needs to be able to ask for output files"};
    files_.push_back({name, 0});
    return job_.create(name);
  }

  double keyframe_interval() const noexcept {
    return profile_.keyframe_interval > 0 ? profile_.keyframe_interval : default_keyframe_interval;
  }

  /// Without those that would be as large as the next smaller one: a source of 720 lines has no variant of 1080.
  std::vector<ladder_rung> fitting_rungs(AVStream& stream) {
    bool swaps = false;
    (void)upright_filters(stream, swaps);
    double width = 0;
    double height = 0;
    shown_size(stream.codecpar->width, stream.codecpar->height,
               av_guess_sample_aspect_ratio(source_.format(), &stream, nullptr), swaps, width, height);
    auto scale = [&](const ladder_rung& r) {
      auto s = r.max_width > 0 ? r.max_width / width : 1.0;
      return std::min({s, r.max_height > 0 ? r.max_height / height : 1.0, 1.0});
    };
    std::vector<ladder_rung> out;
    for (size_t i = 0; i < profile_.ladder.size(); ++i)
      if (i + 1 == profile_.ladder.size() || scale(profile_.ladder[i + 1]) < scale(profile_.ladder[i]))
        out.push_back(profile_.ladder[i]);
    if (out.empty())
      out.push_back({profile_.max_width, profile_.max_height, profile_.max_bit_rate});
    return out;
  }

  result<std::unique_ptr<coded_stream>> add_coded(std::deque<rendition>& group, const char* prefix,
                                                  planned_track plan) {
    auto& r = group.emplace_back();
    r.plan = std::move(plan);
    r.facts.name = prefix + std::to_string(group.size() - 1);
    auto file = create(r.facts.name + ".mp4");
    if (!file)
      return file.error();
    r.file = std::move(*file);
    auto output = fragment_muxer::open(r.file.get(), profile_.segment_seconds, job_);
    if (!output)
      return output.error();
    r.output = std::move(*output);
    r.writer = std::make_unique<packet_writer>(*r.output);
    runner_.add(*r.writer);
    return coded_stream::make(r.plan, source_, *r.writer);
  }

  result<planned_track> plan_rung(AVStream& stream, const ladder_rung& rung) {
    auto profile = profile_;
    profile.hardware = profile.hardware && !card_failed_;
    auto plan = plan_video(source_, stream, profile, rung.max_width, rung.max_height, warnings_);
    if (!plan)
      return plan;
    plan->video.fixed_keyframes = true;
    plan->video.keyframe_interval = keyframe_interval();
    plan->video.max_bit_rate = rung.video_bit_rate;
    return plan;
  }

  /// A card takes so many encoders at a time. Nothing is written when one does not open, so software takes over.
  result<std::unique_ptr<coded_stream>> add_rung(AVStream& stream, const ladder_rung& rung) {
    auto plan = plan_rung(stream, rung);
    if (!plan)
      return plan.error();
    auto made = add_coded(videos_, "v", std::move(*plan));
    auto lost = made ? std::nullopt : withdrawn_hardware_encoder();
    if (!lost)
      return made;
    card_failed_ = true;
    auto& r = videos_.back();
    warnings_.push_back("the hardware encoder " + *lost + ": from " + r.facts.name + " on it was encoded in software");
    plan = plan_rung(stream, rung);
    if (!plan)
      return plan.error();
    r.plan = std::move(*plan);
    return coded_stream::make(r.plan, source_, *r.writer);
  }

  result<void> add_video() {
    auto* stream = source_.first(AVMEDIA_TYPE_VIDEO);
    if (!stream || profile_.video_codec == "none")
      return {};
    std::vector<std::unique_ptr<coded_stream>> outputs;
    for (auto& rung : fitting_rungs(*stream)) {
      auto made = add_rung(*stream, rung);
      if (!made)
        return made.error();
      outputs.push_back(std::move(*made));
      auto& facts = videos_.back().facts;
      auto& par = *videos_.back().output->format()->streams[0]->codecpar;
      facts.width = static_cast<uint32_t>(par.width);
      facts.height = static_cast<uint32_t>(par.height);
      facts.frame_rate = av_q2d(videos_.back().plan.frame_rate);
      if (videos_.back().plan.hdr)
        facts.range = stream->codecpar->color_trc == AVCOL_TRC_SMPTE2084 ? "PQ" : "HLG";
    }
    auto made = make_video_track(source_, static_cast<unsigned>(stream->index), std::move(outputs));
    if (!made)
      return made.error();
    runner_.add(videos_.front().plan, std::move(*made));
    return {};
  }

  void name_track(hls_rendition& facts, const AVStream& stream) {
    facts.language = language_tag(tag(stream.metadata, "language"));
    facts.title = tag(stream.metadata, "title");
    facts.is_default = stream.disposition & AV_DISPOSITION_DEFAULT;
    facts.forced = stream.disposition & AV_DISPOSITION_FORCED;
  }

  result<void> add_sound() {
    for (unsigned i = 0; i < source_.format()->nb_streams && profile_.audio_codec != "none"; ++i) {
      auto& stream = *source_.stream(i);
      if (stream.codecpar->codec_type != AVMEDIA_TYPE_AUDIO || stream.codecpar->sample_rate <= 0)
        continue;
      auto plan = plan_audio(stream, profile_);
      if (!plan)
        return plan.error();
      auto made = add_coded(sounds_, "a", std::move(*plan));
      if (!made)
        return made.error();
      auto track = make_audio_track(source_, i, std::move(*made));
      if (!track)
        return track.error();
      runner_.add(sounds_.back().plan, std::move(*track));
      name_track(sounds_.back().facts, stream);
      sounds_.back().facts.channels =
        static_cast<uint32_t>(sounds_.back().output->format()->streams[0]->codecpar->ch_layout.nb_channels);
    }
    // A player that is told nothing takes the first.
    if (!sounds_.empty() && !keep_one_default(sounds_))
      sounds_.front().facts.is_default = true;
    return {};
  }

  /// A group may have one (RFC 8216, 4.3.4.1.1), films have several; the first stays. False: there is none.
  static bool keep_one_default(std::deque<rendition>& group) {
    bool any = false;
    for (auto& r : group) {
      r.facts.is_default &= !any;
      any |= r.facts.is_default;
    }
    return any;
  }

  result<void> add_text() {
    for (unsigned i = 0; i < source_.format()->nb_streams && profile_.subtitles && !videos_.empty(); ++i) {
      auto& stream = *source_.stream(i);
      if (stream.codecpar->codec_type != AVMEDIA_TYPE_SUBTITLE)
        continue;
      if (!is_text_subtitle(stream)) {
        warnings_.push_back(name_of(stream) + " is left out: HLS has text subtitles only");
        continue;
      }
      auto& r = texts_.emplace_back();
      r.plan.stream = i;
      r.plan.way = track_way::subtitle;
      r.plan.encoder = "webvtt";
      r.facts.name = "s" + std::to_string(texts_.size() - 1);
      auto file = create(r.facts.name + ".vtt");
      if (!file)
        return file.error();
      r.file = std::move(*file);
      media_profile webvtt;
      webvtt.container = webvtt.extension = "webvtt";
      auto output = muxer::open(r.file.get(), webvtt, job_);
      if (!output)
        return output.error();
      r.output = std::move(*output);
      r.writer = std::make_unique<packet_writer>(*r.output);
      auto track = make_subtitle_track(r.plan, source_, *r.writer);
      if (!track)
        return track.error();
      runner_.add_aside(*r.writer);
      runner_.add(r.plan, std::move(*track));
      name_track(r.facts, stream);
    }
    keep_one_default(texts_);
    return {};
  }

  result<void> write_text(const std::string& name, const std::string& content) {
    auto file = create(name);
    if (!file)
      return file.error();
    TROUPE_TRY(write_at(file->get(), reinterpret_cast<const uint8_t*>(content.data()), content.size(), 0));
    if (::fsync(file->get()) != 0)
      return system_error(errno, "the playlist can't be synced");
    files_.back().bytes = content.size();
    return {};
  }

  /// Sound that never came is in no playlist. Its file, a header, stays.
  void leave_out_empty() {
    for (auto it = sounds_.begin(); it != sounds_.end();) {
      if (it->fragments().packets() > 0) {
        ++it;
        continue;
      }
      empty_.push_back(std::move(*it));
      it = sounds_.erase(it);
    }
    if (!sounds_.empty() && !keep_one_default(sounds_))
      sounds_.front().facts.is_default = true;
  }

  static std::vector<hls_rendition> facts_of_all(const std::deque<rendition>& group) {
    std::vector<hls_rendition> out;
    for (auto& r : group)
      out.push_back(r.facts);
    return out;
  }

  double seconds() const {
    auto& longest = videos_.empty() ? sounds_.front() : videos_.front();
    return longest.fragments().end();
  }

  result<void> write_playlists() {
    for (auto* group : {&videos_, &sounds_, &texts_, &empty_})
      for (auto& r : *group)
        set_size(r.facts.name + (group == &texts_ ? ".vtt" : ".mp4"), r.output->bytes());
    const auto target = target_duration({facts_of_all(videos_), facts_of_all(sounds_)});
    for (auto* group : {&videos_, &sounds_})
      for (auto& r : *group) {
        TROUPE_TRY(write_text(r.facts.name + ".m3u8", media_playlist(r.facts, target)));
        if (!r.facts.keyframes.empty())
          TROUPE_TRY(write_text(r.facts.name + "-keyframes.m3u8", keyframe_playlist(r.facts)));
      }
    for (auto& r : texts_)
      TROUPE_TRY(write_text(r.facts.name + ".m3u8", text_playlist(r.facts.name + ".vtt", seconds())));
    return write_text("master.m3u8",
                      master_playlist(facts_of_all(videos_), facts_of_all(sounds_), facts_of_all(texts_)));
  }

  void set_size(const std::string& name, int64_t bytes) {
    for (auto& f : files_)
      if (f.name == name)
        f.bytes = static_cast<uint64_t>(bytes);
  }

  exec::hls_answer answer() {
    exec::hls_answer out;
    out.files = files_;
    int64_t sound = 0;
    for (auto& r : sounds_)
      sound = std::max(sound, peak_bandwidth(r.facts.segments));
    for (auto& r : videos_)
      out.variants.push_back({r.facts.width, r.facts.height, peak_bandwidth(r.facts.segments) + sound});
    out.duration = seconds();
    out.frames = runner_.frames();
    out.seconds = runner_.seconds();
    out.warnings = warnings_;
    out.warnings.insert(out.warnings.end(), runner_.warnings().begin(), runner_.warnings().end());
    for (auto& line : log_capture::lines())
      out.warnings.push_back(line);
    return out;
  }

  input& source_;
  const media_profile& profile_;
  const media_info& facts_;
  const task& job_;
  std::vector<exec::hls_answer::file> files_;
  std::vector<std::string> warnings_;
  bool card_failed_ = false;
  std::deque<rendition> videos_;
  std::deque<rendition> sounds_;
  std::deque<rendition> texts_;
  /// Files that were begun for what never came.
  std::deque<rendition> empty_;
  // Last: its tracks write to the renditions.
  track_runner runner_;
};

} // namespace

result<exec::hls_answer> hls(source_file file, const exec::request& request, const task& job) {
  auto facts = request.source;
  if (facts.streams.empty()) {
    auto source = input::open(file, request.name_hint, job);
    if (!source)
      return source.error();
    facts = facts_of(**source);
  }
  auto source = input::open(file, request.name_hint, job);
  if (!source)
    return source.error();
  (*source)->format()->flags |= AVFMT_FLAG_GENPTS;
  return ladder(**source, request, facts, job).run();
}

} // namespace troupe::media
