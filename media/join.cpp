#include "media/join.hpp"

#include "media/faults.hpp"
#include "media/film_description.hpp"
#include "media/film_length.hpp"
#include "media/log_capture.hpp"
#include "media/muxer.hpp"
#include "media/piece_reader.hpp"
#include "media/probe.hpp"
#include "media/progress_meter.hpp"
#include "media/stream_description.hpp"
#include "media/transcode_command.hpp"

#include <algorithm>
#include <cstdio>

namespace troupe::media {

namespace {

/// As transcode judges the whole: more damaged packets than this part make the result useless.
constexpr double tolerated_damage = 0.10;

bool is_cover(const AVStream& s) noexcept {
  return s.disposition & AV_DISPOSITION_ATTACHED_PIC;
}

class joiner {
public:
  joiner(input& source, muxer& output, piece_reader& video, input* audio, const transcode_plan& plan,
         const exec::request& request, const task& job) :
    source_(source),
    output_(output), video_(video), audio_(audio), plan_(plan), request_(request), job_(job),
    duration_(request.source.streams.empty() ? 0 : expected_duration(request.source, request.profile)),
    meter_(job, duration_) {
  }

  result<exec::transcode_answer> run() {
    TROUPE_TRY(judge_damage());
    copy_film_description(*output_.format(), *source_.format());
    copy_chapters(*output_.format(), *source_.format(), duration_);
    TROUPE_TRY(add_streams());
    TROUPE_TRY(output_.write_header());
    spans_.resize(output_.format()->nb_streams);
    TROUPE_TRY(write_packets());
    TROUPE_TRY(judge_length(*source_.format(), length(), warnings_));
    TROUPE_TRY(output_.finish());
    meter_.finish(position_, video_.frames(), output_.bytes());
    exec::transcode_answer answer;
    answer.frames = video_.frames();
    answer.seconds = meter_.seconds();
    answer.film_seconds = found_seconds(*source_.format(), length());
    answer.spans = spans_;
    answer.copied = std::move(copied_);
    answer.empty = request_.empty;
    answer.warnings = std::move(warnings_);
    return answer;
  }

private:
  /// The streams stand in the order that a transcode of the whole gives them.
  result<void> add_streams() {
    std::vector<AVStream*> sound;
    std::vector<AVStream*> covers;
    for (unsigned i = 0; audio_ && i < audio_->format()->nb_streams; ++i)
      (is_cover(*audio_->stream(i)) ? covers : sound).push_back(audio_->stream(i));
    if (audio_)
      audio_index_.assign(audio_->format()->nb_streams, -1);
    size_t next_sound = 0;
    size_t next_cover = 0;
    // Not every container keeps a track that nothing came of.
    const bool with_empty = static_cast<size_t>(std::ranges::count_if(
                              plan_.tracks, [&](auto& t) { return !is_picture(t) && t.way != track_way::cover; }))
                            == sound.size();
    for (auto& t : plan_.tracks) {
      const bool cover = t.way == track_way::cover;
      if (is_picture(t)) {
        TROUPE_TRY(add_video(t, *source_.stream(t.stream)));
        continue;
      }
      if (!with_empty && std::ranges::find(request_.empty, t.stream) != request_.empty.end())
        continue;
      if (t.way == track_way::copy)
        copied_.push_back(output_.format()->nb_streams);
      auto& from = cover ? covers : sound;
      auto& next = cover ? next_cover : next_sound;
      if (next == from.size())
        return {errc::unprocessable, "the audio piece lacks what becomes of stream " + std::to_string(t.stream)
                                       + ": make it again with this profile"};
      TROUPE_TRY(add_other(*from[next++]));
    }
    if (next_sound != sound.size() || next_cover != covers.size())
      return {errc::unprocessable, "the audio piece has streams that the profile does not make: make it again"};
    return {};
  }

  bool is_picture(const planned_track& t) const {
    return t.way != track_way::cover && source_.stream(t.stream)->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
  }

  result<void> add_video(const planned_track& track, const AVStream& in) {
    auto* out = output_.add_stream();
    auto& from = video_.stream();
    if (int code = avcodec_parameters_copy(out->codecpar, from.codecpar); code < 0)
      return av_error(code, "the output's stream can't be described");
    out->codecpar->codec_tag = container_tag(*output_.format()->oformat, *from.codecpar);
    out->time_base = video_.time_base();
    out->avg_frame_rate = track.frame_rate;
    TROUPE_TRY(copy_hdr_metadata(*out, from));
    copy_description(*out, in);
    video_index_ = static_cast<unsigned>(out->index);
    frame_length_ = av_rescale_q(1, av_inv_q(track.frame_rate), video_.time_base());
    return {};
  }

  result<void> add_other(const AVStream& in) {
    auto* out = output_.add_stream();
    if (int code = avcodec_parameters_copy(out->codecpar, in.codecpar); code < 0)
      return av_error(code, "the output's stream can't be described");
    // The piece may be a file of another kind: what that calls the codec is not for this one.
    out->codecpar->codec_tag = container_tag(*output_.format()->oformat, *in.codecpar);
    out->time_base = in.time_base;
    out->avg_frame_rate = in.avg_frame_rate;
    out->sample_aspect_ratio = in.sample_aspect_ratio;
    TROUPE_TRY(copy_rotation(*out, in));
    TROUPE_TRY(copy_hdr_metadata(*out, in));
    copy_description(*out, in);
    audio_index_[static_cast<size_t>(in.index)] = out->index;
    return {};
  }

  /// Whichever is decoded first is written first.
  result<void> write_packets() {
    auto picture = av::make_packet();
    auto other = av::make_packet();
    bool pictures = true;
    bool others = audio_ != nullptr;
    for (;;) {
      if (pictures && !picture->data) {
        auto more = video_.next(*picture);
        if (!more)
          return more.error();
        pictures = *more;
      }
      if (others && !other->data) {
        auto more = next_other(*other);
        if (!more)
          return more.error();
        others = *more;
      }
      if (!pictures && !others)
        return {};
      if (job_.cancelled)
        return cancelled_error();
      if (!others || (pictures && comes_first(*picture, *other)))
        TROUPE_TRY(write_picture(*picture));
      else
        TROUPE_TRY(write_other(*other));
    }
  }

  bool comes_first(const AVPacket& picture, const AVPacket& other) const {
    auto time = other.dts != AV_NOPTS_VALUE ? other.dts : other.pts;
    if (time == AV_NOPTS_VALUE)
      return false;
    auto& stream = *audio_->format()->streams[other.stream_index];
    return !is_cover(stream) && av_compare_ts(picture.dts, video_.time_base(), time, stream.time_base) <= 0;
  }

  result<bool> next_other(AVPacket& packet) {
    for (;;) {
      int code = audio_->read(packet);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code == AVERROR_EXIT || audio_->io().failure())
        return audio_->read_error(code);
      if (code == AVERROR_EOF && !audio_->io().shrunk())
        return false;
      if (code < 0)
        return {errc::unprocessable, "the audio piece is damaged: make it again (" + av_text(code) + ")"};
      if (packet.data && packet.size > 0 && !is_gap(packet))
        return true;
      av_packet_unref(&packet);
    }
  }

  /// Between two subtitles: mp4 has samples there, and its muxer writes them by itself.
  bool is_gap(const AVPacket& packet) const {
    auto& par = *audio_->stream(static_cast<unsigned>(packet.stream_index))->codecpar;
    return par.codec_id == AV_CODEC_ID_MOV_TEXT && packet.size <= 2;
  }

  result<void> write_picture(AVPacket& packet) {
    // The length to the next frame shows in its timestamp; the last one needs one of its own.
    packet.duration = frame_length_;
    advance(packet, video_index_, video_.time_base());
    auto written = output_.write(packet, video_index_, video_.time_base());
    av_packet_unref(&packet);
    return written;
  }

  result<void> write_other(AVPacket& packet) {
    auto& stream = *audio_->stream(static_cast<unsigned>(packet.stream_index));
    const auto index = static_cast<unsigned>(audio_index_[static_cast<size_t>(packet.stream_index)]);
    if (packet.pts != AV_NOPTS_VALUE && !is_cover(stream))
      advance(packet, index, stream.time_base);
    auto written = output_.write(packet, index, stream.time_base);
    av_packet_unref(&packet);
    return written;
  }

  void advance(const AVPacket& packet, unsigned stream, AVRational time_base) {
    const auto begin = std::max(static_cast<double>(packet.pts) * av_q2d(time_base), 0.0);
    const auto end = static_cast<double>(packet.pts + packet.duration) * av_q2d(time_base);
    auto& span = spans_[stream];
    const bool first = span.begin > span.end;
    span = first ? exec::span{begin, end} : exec::span{std::min(span.begin, begin), std::max(span.end, end)};
    position_ = std::max(position_, end);
    meter_.at(position_, video_.frames(), output_.bytes());
  }

  result<void> judge_damage() {
    int64_t packets = 0;
    int64_t damaged = 0;
    for (auto& p : request_.pieces) {
      packets += p.packets;
      damaged += p.damaged;
    }
    if (damaged <= 0)
      return {};
    auto text = std::to_string(damaged) + " of " + std::to_string(packets) + " packets of the video are damaged";
    if (damaged > 2 && static_cast<double>(damaged) > tolerated_damage * static_cast<double>(packets))
      return {errc::bad_media, "the source is too damaged: " + text};
    warnings_.push_back(std::move(text));
    return {};
  }

  film_length length() const noexcept {
    // A recording's duration counts jumps of its timestamps as film, and nobody told whether there are any.
    const bool may_jump = source_.format()->iformat->flags & AVFMT_TS_DISCONT;
    return {duration_, position_, may_jump};
  }

  input& source_;
  muxer& output_;
  piece_reader& video_;
  input* audio_;
  const transcode_plan& plan_;
  const exec::request& request_;
  const task& job_;
  double duration_;
  progress_meter meter_;
  double position_ = 0;
  unsigned video_index_ = 0;
  int64_t frame_length_ = 0;
  /// Streams of the output that are copies.
  std::vector<uint32_t> copied_;
  /// Of the audio piece's streams in the output.
  std::vector<int> audio_index_;
  /// Of the output's streams, as far as they are written.
  std::vector<exec::span> spans_;
  std::vector<std::string> warnings_;
};

result<std::unique_ptr<input>> open_audio(int fd, const std::string& extension, const task& job) {
  auto audio = input::open(fd, extension, job);
  if (audio || audio.error().code != errc::bad_media)
    return audio;
  return {errc::unprocessable, "the audio piece can't be read: " + audio.error().message};
}

} // namespace

result<exec::transcode_answer> join(source_file file, int output_fd, int audio_fd, std::span<const int> pieces,
                                    const exec::request& request, const task& job) {
  auto source = input::open(file, request.name_hint, job);
  if (!source)
    return source.error();
  auto plan = make_plan(**source, request.profile);
  if (!plan)
    return plan.error();
  std::unique_ptr<input> audio;
  if (audio_fd >= 0) {
    auto opened = open_audio(audio_fd, request.profile.extension, job);
    if (!opened)
      return opened.error();
    audio = std::move(*opened);
  }
  auto video = piece_reader::open(pieces, request.pieces, job);
  if (!video)
    return video.error();
  auto answer = [&]() -> result<exec::transcode_answer> {
    auto output = muxer::open(output_fd, request.profile, job);
    if (!output)
      return output.error();
    return joiner(**source, **output, **video, audio.get(), *plan, request, job).run();
  }();
  if (!answer)
    return answer;
  answer->operation = command_line(*plan, request.profile, **source);
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
