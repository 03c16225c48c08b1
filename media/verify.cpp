#include "media/verify.hpp"

#include "media/decoder.hpp"
#include "media/faults.hpp"
#include "media/input.hpp"
#include "media/mp4_layout.hpp"
#include "media/probe.hpp"
#include "media/progress_meter.hpp"
#include "media/transcode_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>

namespace troupe::media {

namespace {

/// Seconds decoded at each place when samples are enough.
constexpr double sample_seconds = 2;
constexpr std::array sample_places{0.0, 0.5, 0.95};
constexpr size_t max_reasons = 20;
/// A copied track may be as damaged as transcode lets its source be; one that we encoded may not be damaged at all.
constexpr double copied_damage = 0.10;

struct stream_check {
  std::unique_ptr<decoder> codec;
  int64_t last_dts = AV_NOPTS_VALUE;
  int64_t backwards = 0;
  bool copied = false;
};

class verifier {
public:
  verifier(input& file, const exec::request& request, const task& job) :
    file_(file), request_(request), meter_(job, seconds_of(file)) {
  }

  result<exec::verify_answer> run() {
    auto facts = facts_of(file_);
    // Learning the duration reads to the end where the header has none; ours always have one.
    answer_.duration = facts.duration;
    check_streams(facts);
    check_duration(facts);
    if (is_mp4() && request_.profile.faststart && !moov_comes_first(file_.io().fd()))
      complain("the index (moov) stands behind the data (mdat): it can't be played while it loads");
    TROUPE_TRY(open_decoders());
    TROUPE_TRY(request_.full ? decode_to(INFINITY) : decode_samples());
    check_packets();
    answer_.ok = answer_.reasons.empty();
    return std::move(answer_);
  }

private:
  static double seconds_of(input& file) {
    auto d = file.format()->duration;
    return d == AV_NOPTS_VALUE ? 0 : static_cast<double>(d) / AV_TIME_BASE;
  }

  void complain(std::string reason) {
    if (answer_.reasons.size() < max_reasons)
      answer_.reasons.push_back(std::move(reason));
  }

  bool is_mp4() const {
    auto& c = request_.profile.container;
    return c == "mp4" || c == "ipod" || c == "mov";
  }

  void check_streams(const media_info& facts) {
    auto& profile = request_.profile;
    const bool wants_video = profile.video_codec != "none" && request_.source.first("video");
    auto sound = [](const media_info& m) {
      return std::count_if(m.streams.begin(), m.streams.end(),
                           [](auto& s) { return s.kind == "audio" && s.sample_rate > 0 && s.channels > 0; });
    };
    auto* video = facts.first("video");
    if (wants_video != (video != nullptr))
      complain(wants_video ? "the video is missing" : "there is a video where none belongs");
    auto wanted = profile.audio_codec == "none" ? 0 : sound(request_.source);
    if (sound(facts) != wanted)
      complain(std::to_string(sound(facts)) + " audio tracks instead of " + std::to_string(wanted));
    if (video)
      check_codec(*video, profile.video_codec);
    for (auto& s : facts.streams)
      if (s.kind == "audio")
        check_codec(s, profile.audio_codec);
    if (video && profile.video_codec != "copy")
      if ((profile.max_width && video->width > profile.max_width)
          || (profile.max_height && video->height > profile.max_height))
        complain("the picture is larger than the profile allows");
  }

  void check_codec(const media_stream& s, const std::string& wanted) {
    if (wanted != "copy" && wanted != "none" && s.codec != wanted)
      complain("stream " + std::to_string(s.index) + " is " + s.codec + " instead of " + wanted);
  }

  void check_duration(const media_info& facts) {
    auto expected = expected_duration(request_.source, request_.profile);
    if (expected <= 0)
      return;
    auto tolerance = std::max(1.0, expected * 0.01);
    if (std::fabs(facts.duration - expected) <= tolerance)
      return;
    char text[120];
    std::snprintf(text, sizeof text, "it lasts %.2f instead of %.2f seconds", facts.duration, expected);
    complain(text);
  }

  result<void> open_decoders() {
    streams_.resize(file_.format()->nb_streams);
    for (unsigned i = 0; i < streams_.size(); ++i) {
      auto& s = *file_.stream(i);
      const bool video = s.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(s.disposition & AV_DISPOSITION_ATTACHED_PIC);
      const bool audio = s.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
      streams_[i].copied = (video ? request_.profile.video_codec : request_.profile.audio_codec) == "copy"
                           || std::find(request_.copied.begin(), request_.copied.end(), i) != request_.copied.end();
      if (!video && !audio)
        continue;
      auto codec = decoder::open(s, video ? 0 : 1);
      if (!codec && codec.error().code == errc::unavailable)
        return codec.error();
      if (!codec)
        complain("stream " + std::to_string(i) + ": " + codec.error().message);
      else
        streams_[i].codec = std::make_unique<decoder>(std::move(*codec));
    }
    return {};
  }

  result<void> decode_samples() {
    auto duration = seconds_of(file_);
    for (double place : sample_places) {
      auto at = static_cast<int64_t>(place * duration * AV_TIME_BASE);
      if (place > 0 && av_seek_frame(file_.format(), -1, at, AVSEEK_FLAG_BACKWARD) < 0) {
        complain("it can't be searched");
        return {};
      }
      for (auto& s : streams_) {
        s.last_dts = AV_NOPTS_VALUE;
        if (s.codec)
          s.codec->flush();
      }
      TROUPE_TRY(decode_to(place >= 0.9 ? INFINITY : place * duration + sample_seconds));
    }
    return {};
  }

  /// From where the file stands to `end` seconds.
  result<void> decode_to(double end) {
    auto packet = av::make_packet();
    auto nothing = [](AVFrame&) -> result<void> { return {}; };
    for (;;) {
      int code = file_.read(*packet);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code == AVERROR_EXIT || file_.io().failure())
        return file_.read_error(code);
      if (code < 0) {
        if (code != AVERROR_EOF)
          complain("it can't be read to its end: " + av_text(code));
        break;
      }
      auto& s = streams_[static_cast<size_t>(packet->stream_index)];
      auto base = av_q2d(file_.stream(static_cast<unsigned>(packet->stream_index))->time_base);
      if (packet->dts != AV_NOPTS_VALUE) {
        s.backwards += s.last_dts != AV_NOPTS_VALUE && packet->dts <= s.last_dts;
        s.last_dts = packet->dts;
        meter_.at(static_cast<double>(packet->dts) * base, frames(), file_.io().size());
      }
      if (s.codec)
        TROUPE_TRY(s.codec->send(packet.get(), nothing));
      const bool reached = packet->dts != AV_NOPTS_VALUE && static_cast<double>(packet->dts) * base > end;
      av_packet_unref(packet.get());
      if (reached)
        break;
    }
    for (auto& s : streams_)
      if (s.codec)
        TROUPE_TRY(s.codec->send(nullptr, nothing));
    return {};
  }

  void check_packets() {
    if (file_.io().shrunk())
      complain("the file is shorter than its index says");
    for (size_t i = 0; i < streams_.size(); ++i) {
      auto& s = streams_[i];
      auto name = "stream " + std::to_string(i);
      if (s.backwards > 0)
        complain(name + ": timestamps go backwards at " + std::to_string(s.backwards) + " places");
      if (!s.codec)
        continue;
      auto tolerated = s.copied ? copied_damage * static_cast<double>(s.codec->packets()) : 0.0;
      if (static_cast<double>(s.codec->damaged()) > std::max(tolerated, s.copied ? 2.0 : 0.0))
        complain(name + ": " + std::to_string(s.codec->damaged()) + " of " + std::to_string(s.codec->packets())
                 + " packets can't be decoded");
      if (s.codec->frames() == 0)
        complain(name + ": nothing of it can be decoded");
    }
    answer_.frames = frames();
    auto& expected = request_.source;
    if (answer_.frames == 0 && expected.duration > 0)
      complain("it holds no frame");
  }

  /// Of the video, or of the first sound.
  int64_t frames() const {
    int64_t sound = 0;
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (!streams_[i].codec)
        continue;
      if (file_.stream(static_cast<unsigned>(i))->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        return streams_[i].codec->frames();
      if (sound == 0)
        sound = streams_[i].codec->frames();
    }
    return sound;
  }

  input& file_;
  const exec::request& request_;
  progress_meter meter_;
  exec::verify_answer answer_;
  std::vector<stream_check> streams_;
};

} // namespace

result<exec::verify_answer> verify(int fd, const exec::request& request, const task& job) {
  auto file = input::open(fd, request.profile.extension, job);
  if (file)
    return verifier(**file, request, job).run();
  // Not being media at all is a finding, not a failure to find out.
  if (file.error().code != errc::bad_media)
    return file.error();
  exec::verify_answer answer;
  answer.reasons.push_back(file.error().message);
  return answer;
}

} // namespace troupe::media
