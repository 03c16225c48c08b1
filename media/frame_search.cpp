#include "media/frame_search.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace troupe::media {

namespace {

/// Of the film, in the order in which they are looked at. Little of it is near the end: nobody wants the end told.
constexpr std::array places{0.22, 0.35, 0.12, 0.48, 0.28, 0.62, 0.41, 0.17, 0.74, 0.05};
/// One such frame ends the search; from `few` candidates on a good one does.
constexpr double excellent = 0.75;
constexpr double good = 0.5;
/// Everything seen so far is worse: the frames between the keyframes are looked at.
constexpr double poor = 0.2;
constexpr int few = 3;
/// The first moment is often a title, or not meant to be looked at: a frame in it has to be so much better. Seconds,
/// and share of a short film.
constexpr double first_moment = 1;
constexpr double first_share = 0.08;
constexpr double first_moment_worth = 0.6;
/// Frame by frame: how many are judged, and of how many each one is at most.
constexpr int judged_forward = 10;
constexpr int64_t widest_step = 20;
/// Pixels of keyframes that are decoded at most; of the frames between them, when all keyframes are poor and when they
/// are only few; and the time after which the best so far has to do.
constexpr int64_t pixel_budget = 400'000'000;
constexpr int64_t pixels_forward = 200'000'000;
constexpr int64_t pixels_for_better = 25'000'000;
constexpr std::chrono::seconds time_budget{15};

class frame_search {
public:
  frame_search(input& source, AVStream& stream, picture_maker& maker, keyframe_reader& reader) :
    source_(source), stream_(stream), maker_(maker), reader_(reader) {
  }

  result<telling_frame> run() {
    TROUPE_TRY(look_at_keyframes());
    if (best_.score.value < poor || (candidates_ < few && best_.score.value < excellent))
      TROUPE_TRY(look_forward());
    if (!best_.picture)
      return {errc::bad_media, "no picture of the video can be decoded"};
    return std::move(best_);
  }

private:
  bool spent() const {
    return pixels_ > pixel_budget || std::chrono::steady_clock::now() > end_;
  }

  result<void> look_at_keyframes() {
    for (double place : places) {
      if (spent() || best_.score.value >= (candidates_ < few ? excellent : good))
        return {};
      auto found = look_at(place);
      if (!found)
        return found.error();
      if (found->picture)
        TROUPE_TRY(consider(*found->picture));
    }
    return {};
  }

  result<keyframe_reader::found> look_at(double place) {
    auto& index = reader_.index();
    if (!index.empty()) {
      auto time =
        index.front() + static_cast<int64_t>(place * static_cast<double>(reader_.index_end() - index.front()));
      auto key = *std::prev(std::upper_bound(index.begin(), index.end(), time));
      if (std::find(seen_.begin(), seen_.end(), key) != seen_.end())
        return keyframe_reader::found{};
      seen_.push_back(key);
      return reader_.at(key);
    }
    auto& format = *source_.format();
    if (format.duration <= 0)
      return reader_.at_byte(static_cast<int64_t>(place * static_cast<double>(source_.io().size())));
    auto time = static_cast<int64_t>(place * static_cast<double>(format.duration));
    if (format.start_time != AV_NOPTS_VALUE)
      time += format.start_time;
    return reader_.at(av_rescale_q(time, {1, AV_TIME_BASE}, stream_.time_base));
  }

  /// Frames of the stream, as far as its header knows.
  int64_t expected_frames() const {
    if (stream_.nb_frames > 0)
      return stream_.nb_frames;
    const auto duration = source_.format()->duration;
    return duration > 0 ? av_rescale_q(duration, {1, AV_TIME_BASE}, av_inv_q(stream_.avg_frame_rate)) : 0;
  }

  result<void> look_forward() {
    const bool poor_so_far = best_.score.value < poor;
    const double enough_for_now = poor_so_far ? excellent : good;
    const auto step = std::clamp<int64_t>(expected_frames() / (2 * judged_forward), 1, widest_step);
    int64_t seen = 0;
    int judged = 0;
    auto enough = [&] { return judged >= judged_forward || spent() || best_.score.value >= enough_for_now; };
    auto take = [&](AVFrame& f) -> result<void> {
      return enough() || seen++ % step != 0 ? result<void>{} : consider(f);
    };
    auto& par = *stream_.codecpar;
    const auto pixels = std::max<int64_t>(static_cast<int64_t>(par.width) * par.height, 1);
    return reader_.forward((poor_so_far ? pixels_forward : pixels_for_better) / pixels + 10, take, enough);
  }

  result<void> consider(AVFrame& f) {
    ++candidates_;
    pixels_ += static_cast<int64_t>(f.width) * f.height;
    auto small = maker_.make_small(f);
    if (!small)
      return small.error();
    auto score = judge(*small);
    if (f.decode_error_flags || (f.flags & AV_FRAME_FLAG_CORRUPT))
      score.value *= 0.2;
    const auto start = stream_.start_time != AV_NOPTS_VALUE ? stream_.start_time : 0;
    const double position =
      f.pts == AV_NOPTS_VALUE ? 0 : std::max(static_cast<double>(f.pts - start) * av_q2d(stream_.time_base), 0.0);
    const double length = static_cast<double>(source_.format()->duration) / AV_TIME_BASE;
    if (position < (length > 0 ? std::min(first_moment, first_share * length) : first_moment))
      score.value *= first_moment_worth;
    if (best_.picture && score.value <= best_.score.value)
      return {};
    best_.score = score;
    best_.picture = av::make_frame();
    av_frame_move_ref(best_.picture.get(), &f);
    best_.position = position;
    return {};
  }

  input& source_;
  AVStream& stream_;
  picture_maker& maker_;
  keyframe_reader& reader_;
  telling_frame best_;
  std::vector<int64_t> seen_;
  int candidates_ = 0;
  int64_t pixels_ = 0;
  const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + time_budget;
};

} // namespace

result<telling_frame> find_telling_frame(input& source, AVStream& stream, picture_maker& maker,
                                         const decoder_settings& settings) {
  auto reader = keyframe_reader::open(source, stream, settings);
  if (!reader)
    return reader.error();
  return frame_search(source, stream, maker, *reader).run();
}

} // namespace troupe::media
