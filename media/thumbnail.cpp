#include "media/thumbnail.hpp"

#include "media/decoder.hpp"
#include "media/faults.hpp"
#include "media/filter_graph.hpp"
#include "media/input.hpp"
#include "media/picture.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

namespace troupe::media {

namespace {

constexpr std::array places{0.10, 0.15, 0.20, 0.25, 0.30, 0.50};
/// Liveliness at which the search ends.
constexpr double good = 32;
/// Packets of the stream that are decoded for one candidate.
constexpr int candidate_packets = 300;
/// Without seeking: how many frames from the start are looked at.
constexpr int forward_frames = 120;
constexpr double waveform_seconds = 600;
constexpr int waveform_width = 1280;
constexpr int waveform_height = 360;

struct chosen {
  av::frame picture;
  double position = 0;
  double score = -1;
};

/// Looks for a telling frame in the pictures of one stream.
class frame_search {
public:
  frame_search(input& source, AVStream& stream, decoder& codec) : source_(source), stream_(stream), codec_(codec) {
    for (unsigned i = 0; i < source.format()->nb_streams; ++i)
      source.stream(i)->discard = i == static_cast<unsigned>(stream.index) ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }

  result<chosen> run() {
    const auto duration = source_.format()->duration;
    if (duration != AV_NOPTS_VALUE && duration > 0)
      for (double place : places) {
        TROUPE_TRY(look_at(place * static_cast<double>(duration)));
        if (best_.score >= good)
          return std::move(best_);
      }
    if (best_.score < good / 4)
      TROUPE_TRY(look_forward());
    if (!best_.picture)
      return {errc::bad_media, "no picture of the video can be decoded"};
    return std::move(best_);
  }

private:
  /// The first frame at the keyframe before `offset` (microseconds from the start).
  result<void> look_at(double offset) {
    auto target = static_cast<int64_t>(offset);
    if (auto start = source_.format()->start_time; start != AV_NOPTS_VALUE)
      target += start;
    auto ts = av_rescale_q(target, {1, AV_TIME_BASE}, stream_.time_base);
    if (av_seek_frame(source_.format(), stream_.index, ts, AVSEEK_FLAG_BACKWARD) < 0)
      return {};
    codec_.flush();
    return decode(candidate_packets, 1);
  }

  result<void> look_forward() {
    if (avformat_seek_file(source_.format(), -1, INT64_MIN, INT64_MIN, INT64_MAX, 0) < 0)
      av_seek_frame(source_.format(), stream_.index, 0, AVSEEK_FLAG_BACKWARD | AVSEEK_FLAG_BYTE);
    codec_.flush();
    return decode(candidate_packets * 2, forward_frames);
  }

  /// Judges up to `frames` frames: the first, and then every tenth, for judging costs more than decoding.
  result<void> decode(int packets, int frames) {
    auto packet = av::make_packet();
    int seen = 0;
    auto judge = [&](AVFrame& f) -> result<void> {
      return seen < frames && seen++ % 10 == 0 ? consider(f) : result<void>{};
    };
    while (packets-- > 0 && seen < frames && best_.score < good) {
      int code = source_.read(*packet);
      if (code == AVERROR_EXIT || source_.io().failure())
        return source_.read_error(code);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code < 0)
        return codec_.send(nullptr, judge);
      if (packet->stream_index == stream_.index)
        TROUPE_TRY(codec_.send(packet.get(), judge));
      av_packet_unref(packet.get());
    }
    return {};
  }

  result<void> consider(AVFrame& f) {
    auto score = liveliness(f);
    if (!score)
      return score.error();
    if (best_.picture && *score <= best_.score)
      return {};
    best_.picture = av::make_frame();
    av_frame_move_ref(best_.picture.get(), &f);
    best_.picture->sample_aspect_ratio = av_guess_sample_aspect_ratio(source_.format(), &stream_, best_.picture.get());
    best_.score = *score;
    auto start = stream_.start_time != AV_NOPTS_VALUE ? stream_.start_time : 0;
    auto pts = best_.picture->pts;
    best_.position =
      pts == AV_NOPTS_VALUE ? 0 : std::max(static_cast<double>(pts - start) * av_q2d(stream_.time_base), 0.0);
    return {};
  }

  input& source_;
  AVStream& stream_;
  decoder& codec_;
  chosen best_;
};

result<chosen> cover_picture(AVStream& stream) {
  auto codec = decoder::open(stream, 1);
  if (!codec)
    return codec.error();
  chosen out;
  out.position = -1;
  auto keep = [&](AVFrame& f) -> result<void> {
    out.picture = av::make_frame();
    av_frame_move_ref(out.picture.get(), &f);
    return {};
  };
  TROUPE_TRY(codec->send(&stream.attached_pic, keep));
  TROUPE_TRY(codec->send(nullptr, keep));
  if (!out.picture)
    return {errc::bad_media, "the cover picture can't be decoded"};
  return out;
}

result<chosen> waveform(input& source, AVStream& stream) {
  auto codec = decoder::open(stream, 1);
  if (!codec)
    return codec.error();
  chosen out;
  std::optional<filter_graph> graph;
  auto keep = [&](AVFrame& f) -> result<void> {
    out.picture = av::make_frame();
    av_frame_move_ref(out.picture.get(), &f);
    return {};
  };
  int64_t samples = 0;
  int rate = 1;
  auto draw = [&](AVFrame& f) -> result<void> {
    // The picture wants one format of sound; what changes in the middle is left out of it.
    if (graph && !graph->accepts(f))
      return {};
    if (!graph) {
      rate = std::max(f.sample_rate, 1);
      auto made =
        filter_graph::make(f, {1, rate}, {0, 1},
                           "aresample=8000,aformat=channel_layouts=mono,apad=whole_len="
                             + std::to_string(2 * waveform_width) + ",showwavespic=s=" + std::to_string(waveform_width)
                             + "x" + std::to_string(waveform_height) + ":colors=0x4fc3f7",
                           AVMEDIA_TYPE_VIDEO);
      if (!made)
        return made.error();
      graph.emplace(std::move(*made));
    }
    f.pts = samples;
    samples += f.nb_samples;
    return graph->push(&f, keep);
  };
  auto packet = av::make_packet();
  while (static_cast<double>(samples) / rate < waveform_seconds) {
    int code = source.read(*packet);
    if (code == AVERROR_EXIT || source.io().failure())
      return source.read_error(code);
    if (code == AVERROR(EAGAIN))
      continue;
    if (code < 0)
      break;
    if (packet->stream_index == stream.index)
      TROUPE_TRY(codec->send(packet.get(), draw));
    av_packet_unref(packet.get());
  }
  TROUPE_TRY(codec->send(nullptr, draw));
  if (graph)
    TROUPE_TRY(graph->push(nullptr, keep));
  if (!out.picture)
    return {errc::bad_media, "no sound of the file can be decoded"};
  return out;
}

result<void> check_widths(const std::vector<uint32_t>& widths) {
  for (auto w : widths)
    if (w < 16 || w > 4096)
      return {errc::validation, "a thumbnail is 16 to 4096 pixels wide, not " + std::to_string(w)};
  if (widths.empty())
    return {errc::validation, "a thumbnail needs at least one width"};
  return {};
}

result<chosen> choose(input& source, std::string& upright, bool& swaps) {
  if (auto* stream = source.first(AVMEDIA_TYPE_VIDEO)) {
    upright = upright_filters(*stream, swaps);
    auto codec = decoder::open(*stream, 1);
    if (!codec)
      return codec.error();
    return frame_search(source, *stream, *codec).run();
  }
  // A cover that can't be decoded is no reason to have no picture.
  if (auto* stream = source.cover())
    if (auto cover = cover_picture(*stream))
      return cover;
  if (auto* stream = source.first(AVMEDIA_TYPE_AUDIO))
    return waveform(source, *stream);
  return {errc::bad_media, "there is nothing in the file that a picture can be made of"};
}

} // namespace

result<exec::thumbnail_answer> thumbnail(int source_fd, const std::string& name_hint,
                                         const std::vector<uint32_t>& widths, const std::vector<int>& outputs,
                                         const task& job) {
  TROUPE_TRY(check_widths(widths));
  auto source = input::open(source_fd, name_hint, job);
  if (!source)
    return source.error();
  std::string upright;
  bool swaps = false;
  auto best = choose(**source, upright, swaps);
  if (!best)
    return best.error();
  exec::thumbnail_answer answer;
  answer.position = best->position;
  for (size_t i = 0; i < widths.size(); ++i) {
    if ((*source)->cancelled())
      return cancelled_error();
    auto jpeg = make_jpeg(*best->picture, widths[i], upright, swaps);
    if (!jpeg)
      return jpeg.error();
    if (::ftruncate(outputs[i], 0) != 0)
      return system_error(errno, "the thumbnail can't be written");
    TROUPE_TRY(write_at(outputs[i], jpeg->bytes.data(), jpeg->bytes.size(), 0));
    answer.pictures.push_back({jpeg->width, jpeg->height, jpeg->bytes.size()});
  }
  return answer;
}

} // namespace troupe::media
