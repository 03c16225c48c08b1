#include "media/verify.hpp"

#include "media/checked_pieces.hpp"
#include "media/decoder.hpp"
#include "media/faults.hpp"
#include "media/input.hpp"
#include "media/mp4_layout.hpp"
#include "media/probe.hpp"
#include "media/progress_meter.hpp"
#include "media/verify_facts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>

namespace troupe::media {

namespace {

/// Seconds decoded at each place when samples are enough.
constexpr double sample_seconds = 2;
constexpr std::array sample_places{0.0, 0.5, 0.95};
/// A copied track may be as damaged as transcode lets its source be; one that we encoded may not be damaged at all.
constexpr double copied_damage = 0.10;

struct checked_stream {
  explicit checked_stream(const AVStream& s) : watch(s) {
  }

  stream_watch watch;
  /// Not for subtitles, covers and data.
  std::unique_ptr<decoder> codec;
  bool copied = false;
  /// Joined from pieces that were decoded: `codec` sees no more than their beginnings.
  std::optional<checked_pieces> pieces;

  int64_t frames() const noexcept {
    return pieces ? watch.packets() : codec->frames();
  }
};

class verifier {
public:
  verifier(input& file, const exec::request& request, const task& job) :
    file_(file), request_(request), meter_(job, seconds_of(file)) {
    auto is_empty = [&](auto& s) {
      return std::find(request.empty.begin(), request.empty.end(), s.index) != request.empty.end();
    };
    std::erase_if(request_.source.streams, is_empty);
  }

  result<exec::verify_answer> run() {
    auto facts = facts_of(file_);
    // Learning the duration reads to the end where the header has none; ours always have one.
    answer_.duration = facts.duration;
    check_facts(request_, facts, found_);
    if (is_mp4() && request_.profile.faststart && !moov_comes_first(file_.io().source().fd()))
      found_.add("the index (moov) stands behind the data (mdat): it can't be played while it loads");
    TROUPE_TRY(open_decoders());
    TROUPE_TRY(request_.full ? read_to(INFINITY) : read_samples());
    check_duration(request_, facts, last_end(), found_);
    check_packets();
    check_against_source(facts);
    answer_.frames = frames();
    if (answer_.frames == 0 && request_.source.duration > 0)
      found_.add("it holds no frame");
    answer_.reasons = found_.take();
    answer_.ok = answer_.reasons.empty();
    return std::move(answer_);
  }

private:
  static double seconds_of(input& file) {
    auto d = file.format()->duration;
    return d == AV_NOPTS_VALUE ? 0 : static_cast<double>(d) / AV_TIME_BASE;
  }

  bool is_mp4() const {
    auto& c = request_.profile.container;
    return c == "mp4" || c == "ipod" || c == "mov";
  }

  result<void> open_decoders() {
    for (unsigned i = 0; i < file_.format()->nb_streams; ++i) {
      auto& s = *file_.stream(i);
      auto& checked = streams_.emplace_back(s);
      const bool video = s.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(s.disposition & AV_DISPOSITION_ATTACHED_PIC);
      const bool audio = s.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
      checked.copied = (video ? request_.profile.video_codec : request_.profile.audio_codec) == "copy"
                       || std::find(request_.copied.begin(), request_.copied.end(), i) != request_.copied.end();
      if (!video && !audio)
        continue;
      // Whether the bits make sense shows without the filter that smooths the picture, which is a good part of the
      // work.
      auto codec = decoder::open(s, {.threads = video ? 0 : 1, .rough = true, .strict = !checked.copied});
      if (!codec && codec.error().code == errc::unavailable)
        return codec.error();
      if (!codec)
        found_.add("stream " + std::to_string(i) + ": " + codec.error().message);
      else
        checked.codec = std::make_unique<decoder>(std::move(*codec));
      if (video && request_.full && !checked.copied)
        checked.pieces = checked_pieces::of(request_.profile.container, request_.pieces);
    }
    return {};
  }

  result<void> read_samples() {
    auto duration = seconds_of(file_);
    for (double place : sample_places) {
      auto at = static_cast<int64_t>(place * duration * AV_TIME_BASE);
      if (place > 0 && av_seek_frame(file_.format(), -1, at, AVSEEK_FLAG_BACKWARD) < 0) {
        found_.add("it can't be searched");
        return {};
      }
      for (auto& s : streams_) {
        s.watch.jump();
        if (s.codec)
          s.codec->flush();
      }
      TROUPE_TRY(read_to(place >= 0.9 ? INFINITY : place * duration + sample_seconds));
    }
    return {};
  }

  static bool is_to_be_decoded(checked_stream& s, const AVPacket& packet) {
    if (!s.pieces)
      return true;
    auto place = s.pieces->see(packet);
    // What was held back of the piece before belongs to a picture that is not decoded here.
    if (place == checked_pieces::place::first)
      s.codec->flush();
    return place != checked_pieces::place::rest;
  }

  /// Decodes from where the file stands to `end` seconds.
  result<void> read_to(double end) {
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
          found_.add("it can't be read to its end: " + av_text(code));
        break;
      }
      auto& s = streams_[static_cast<size_t>(packet->stream_index)];
      s.watch.see(*packet);
      if (s.codec && is_to_be_decoded(s, *packet))
        TROUPE_TRY(s.codec->send(packet.get(), nothing));
      const auto position = packet->dts == AV_NOPTS_VALUE ? 0 : static_cast<double>(packet->dts) * unit(*packet);
      av_packet_unref(packet.get());
      meter_.at(position, frames(), file_.io().size());
      if (position > end)
        break;
    }
    for (auto& s : streams_)
      if (s.codec)
        TROUPE_TRY(s.codec->send(nullptr, nothing));
    return {};
  }

  /// Of pictures and sound, seconds; 0: none were seen.
  double last_end() const {
    double end = 0;
    for (auto& s : streams_)
      if (s.codec)
        end = std::max(end, s.watch.end());
    return end;
  }

  double unit(const AVPacket& packet) {
    return av_q2d(file_.stream(static_cast<unsigned>(packet.stream_index))->time_base);
  }

  void check_packets() {
    if (file_.io().shrunk())
      found_.add("the file is shorter than its index says");
    for (size_t i = 0; i < streams_.size(); ++i) {
      auto& s = streams_[i];
      auto name = "stream " + std::to_string(i);
      if (s.watch.disordered() > 0)
        found_.add(name + ": timestamps go backwards at " + std::to_string(s.watch.disordered()) + " places");
      if (!s.codec)
        continue;
      auto tolerated = s.copied ? copied_damage * static_cast<double>(s.codec->packets()) : 0.0;
      if (static_cast<double>(s.codec->damaged()) > std::max(tolerated, s.copied ? 2.0 : 0.0))
        found_.add(name + ": " + std::to_string(s.codec->damaged()) + " of " + std::to_string(s.codec->packets())
                   + " packets can't be decoded");
      const bool empty = s.watch.packets() == 0 && kept_empty(request_, static_cast<uint32_t>(i));
      if (s.codec->frames() == 0 && !empty)
        found_.add(name + ": nothing of it can be decoded");
      if (auto wrong = s.pieces ? s.pieces->end() : std::string{}; !wrong.empty())
        found_.add(name + ": " + wrong);
    }
  }

  /// The video is the source's first, and its sounds stand in the order of the source's.
  void check_against_source(const media_info& facts) {
    if (!request_.full)
      return check_index(facts);
    if (auto* made = facts.first("video"), *source = request_.source.first("video"); made && source) {
      auto pair = pair_of(*made, *source);
      check_frames(request_, pair, found_);
      check_edges(request_, pair, found_);
    }
    auto next = request_.source.streams.begin();
    for (auto& made : facts.streams) {
      if (made.kind != "audio" || kept_empty(request_, made.index))
        continue;
      auto is_sound = [](auto& s) { return s.kind == "audio" && s.sample_rate > 0 && s.channels > 0; };
      next = std::find_if(next, request_.source.streams.end(), is_sound);
      if (next == request_.source.streams.end())
        return;
      check_edges(request_, pair_of(made, *next++), found_);
    }
  }

  /// Not all was read, but an index counts the frames.
  void check_index(const media_info& facts) {
    auto* made = facts.first("video");
    if (made && is_mp4() && request_.frames > 0 && made->frames != request_.frames)
      found_.add("its index has " + std::to_string(made->frames) + " frames instead of "
                 + std::to_string(request_.frames));
  }

  stream_pair pair_of(const media_stream& made, const media_stream& source) const {
    auto& s = streams_[made.index];
    const bool read = made.index < request_.spans.size();
    return {made, source, s.watch, s.copied, read ? request_.spans[made.index] : exec::span{}};
  }

  /// Of the video, or of the first sound.
  int64_t frames() const {
    int64_t sound = 0;
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (!streams_[i].codec)
        continue;
      if (file_.stream(static_cast<unsigned>(i))->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
        return streams_[i].frames();
      if (sound == 0)
        sound = streams_[i].codec->frames();
    }
    return sound;
  }

  input& file_;
  exec::request request_;
  progress_meter meter_;
  exec::verify_answer answer_;
  findings found_;
  std::vector<checked_stream> streams_;
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
