#include "media/keyframe_index.hpp"

#include "media/fresh_start.hpp"
#include "media/progress_meter.hpp"
#include "media/timeline.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::media {

namespace {

/// An index that leaves so many packets between its entries, or between one and the keyframe in demand, is no help.
constexpr int max_packets_read = 20'000;
/// More jumps of the timestamps than this are no recording.
constexpr size_t max_shifts = 500;
/// A keyframe every second for half a year.
constexpr size_t max_keyframes = 16'000'000;

int64_t time_of(const AVPacket& p) noexcept {
  return p.pts != AV_NOPTS_VALUE ? p.pts : p.dts;
}

bool is_format(const AVFormatContext& format, const char* family) {
  return std::strncmp(format.iformat->name, family, std::strlen(family)) == 0;
}

/// Asks the container for the nearest indexed keyframe and reads on from there.
class sought_keyframes final : public keyframe_index {
public:
  sought_keyframes(input& source, unsigned stream, bool history) :
    source_(source), stream_(stream), history_(history), time_base_(source.stream(stream)->time_base),
    shifts_(1, time_shift{0, timeline(*source.format()).shift(static_cast<int>(stream))}),
    shift_(av_rescale_q(shifts_[0].microseconds, {1, AV_TIME_BASE}, time_base_)), packet_(av::make_packet()) {
  }

  film_extent extent() const override {
    auto& s = *source_.stream(stream_);
    auto duration = s.duration;
    if (duration == AV_NOPTS_VALUE || duration <= 0)
      duration = av_rescale_q(std::max<int64_t>(source_.format()->duration, 0), {1, AV_TIME_BASE}, time_base_);
    // Matroska announces the end of a film that begins late, not its length.
    if (is_format(*source_.format(), "matroska,"))
      duration += std::min<int64_t>(shift_, 0);
    return {0, duration, av_q2d(time_base_)};
  }

  result<std::optional<cut_point>> first_at(int64_t time) override {
    cut_point found;
    if (!history_) {
      auto fresh = fresh_at(time, found);
      if (!fresh)
        return fresh.error();
      if (*fresh)
        return std::optional{found};
    }
    // Seeking goes by decoding times in some containers: where it leads may be shown too late to begin before `time`.
    for (int64_t back : {int64_t{1}, seconds(1), seconds(15)}) {
      seek(time - back);
      auto reached = read_to(time, found);
      if (!reached)
        return reached.error();
      if (!*reached)
        return std::optional<cut_point>{};
      if (found.before)
        break;
    }
    return std::optional<cut_point>{found};
  }

  const std::vector<time_shift>& shifts() const override {
    return shifts_;
  }
  bool by_position() const override {
    return false;
  }
  std::string objection() const override {
    return objection_;
  }

private:
  int64_t seconds(int64_t n) const {
    return std::max<int64_t>(av_rescale_q(n * AV_TIME_BASE, {1, AV_TIME_BASE}, time_base_), 1);
  }

  void seek(int64_t shown) {
    auto* format = source_.format();
    const int index = static_cast<int>(stream_);
    if (av_seek_frame(format, index, shown - shift_, AVSEEK_FLAG_BACKWARD) < 0)
      // Nothing so early: to the very first.
      avformat_seek_file(format, index, INT64_MIN, shown - shift_, INT64_MAX, 0);
  }

  /// The next indexed keyframe, if it needs nothing that comes before it: no more than that is read.
  result<bool> fresh_at(int64_t time, cut_point& found) {
    if (av_seek_frame(source_.format(), static_cast<int>(stream_), time - shift_, 0) < 0)
      return false;
    int code = AVERROR(EAGAIN);
    while (code == AVERROR(EAGAIN))
      code = source_.read(*packet_);
    if (code == AVERROR_EXIT || source_.io().failure())
      return source_.read_error(code);
    if (code < 0)
      return false;
    const auto p = time_of(*packet_);
    const bool fresh = is_key(p) && p + shift_ >= time && starts_afresh(*packet_, *source_.stream(stream_)->codecpar);
    av_packet_unref(packet_.get());
    if (fresh) {
      found.at = {p + shift_, p, -1};
      found.before = found.at;
    }
    return fresh;
  }

  /// Whether the packet is a keyframe that is shown, at `time`.
  bool is_key(int64_t time) const noexcept {
    return packet_->stream_index == static_cast<int>(stream_) && (packet_->flags & AV_PKT_FLAG_KEY)
           && !(packet_->flags & AV_PKT_FLAG_DISCARD) && time != AV_NOPTS_VALUE;
  }

  /// From where the file stands to the first keyframe at `time` or later; false: there is none.
  result<bool> read_to(int64_t time, cut_point& found) {
    found.before.reset();
    for (int n = 0; n < max_packets_read;) {
      int code = source_.read(*packet_);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code == AVERROR_EXIT || source_.io().failure())
        return source_.read_error(code);
      if (code < 0)
        return false;
      const auto p = time_of(*packet_);
      const bool key = is_key(p);
      const keyframe here{p + shift_, p, -1};
      av_packet_unref(packet_.get());
      ++n;
      if (!key)
        continue;
      if (here.shown >= time) {
        found.at = here;
        return true;
      }
      found.before = here;
    }
    objection_ = "the container's index is no help";
    return false;
  }

  input& source_;
  unsigned stream_;
  bool history_;
  AVRational time_base_;
  std::vector<time_shift> shifts_;
  int64_t shift_;
  av::packet packet_;
  std::string objection_;
};

/// Knows all keyframes.
class listed_keyframes final : public keyframe_index {
public:
  listed_keyframes(input& source, unsigned stream) :
    source_(source), stream_(stream), time_base_(source.stream(stream)->time_base), timeline_(*source.format()),
    by_position_(timeline_.may_jump() && !(source.format()->iformat->flags & AVFMT_NO_BYTE_SEEK)) {
    if (timeline_.may_jump() && !by_position_)
      objection_ = std::string("a ") + source.format()->iformat->name + " file can't be entered at a chosen place";
  }

  result<void> read(const transcode_plan& plan, const task& job) {
    for (unsigned i = 0; i < source_.format()->nb_streams; ++i)
      source_.stream(i)->discard = AVDISCARD_ALL;
    for (auto& t : plan.tracks)
      source_.stream(t.stream)->discard = AVDISCARD_DEFAULT;
    // The position in the film is not known before the end; that in the file is, as a part of the whole.
    progress_meter meter(job, 1);
    const auto size = static_cast<double>(std::max<int64_t>(source_.io().size(), 1));
    auto packet = av::make_packet();
    while (objection_.empty()) {
      int code = source_.read(*packet);
      if (code == AVERROR(EAGAIN))
        continue;
      if (code == AVERROR_EXIT || source_.io().failure())
        return source_.read_error(code);
      // A broken place ends the film here as it does for transcode.
      if (code < 0)
        break;
      take(*packet);
      meter.at(static_cast<double>(avio_tell(source_.format()->pb)) / size, 0, 0);
      av_packet_unref(packet.get());
    }
    return {};
  }

  film_extent extent() const override {
    return {begin_, end_, av_q2d(time_base_)};
  }

  result<std::optional<cut_point>> first_at(int64_t time) override {
    auto it =
      std::lower_bound(keys_.begin(), keys_.end(), time, [](const keyframe& k, int64_t t) { return k.shown < t; });
    if (it == keys_.end())
      return std::optional<cut_point>{};
    cut_point found{*it, std::nullopt};
    if (it != keys_.begin())
      found.before = *(it - 1);
    return std::optional{found};
  }

  const std::vector<time_shift>& shifts() const override {
    return shifts_;
  }
  bool by_position() const override {
    return by_position_;
  }
  std::string objection() const override {
    return objection_;
  }

private:
  void take(AVPacket& packet) {
    auto& stream = *source_.stream(static_cast<unsigned>(packet.stream_index));
    if (stream.disposition & AV_DISPOSITION_ATTACHED_PIC)
      return;
    const auto own_time = time_of(packet);
    timeline_.apply(packet, stream.time_base);
    if (packet.stream_index != static_cast<int>(stream_))
      return;
    note_shift(packet.pos);
    const auto shown = time_of(packet);
    if (shown == AV_NOPTS_VALUE)
      return;
    begin_ = any_ ? std::min(begin_, shown) : shown;
    end_ = any_ ? std::max(end_, shown + packet.duration) : shown + packet.duration;
    any_ = true;
    if (!(packet.flags & AV_PKT_FLAG_KEY) || (packet.flags & AV_PKT_FLAG_DISCARD) || (by_position_ && packet.pos < 0))
      return;
    // One that is shown before another that came earlier is a freak, and no place to cut.
    if (!keys_.empty() && shown <= keys_.back().shown)
      return;
    if (keys_.size() == max_keyframes)
      objection_ = "the film has more than " + std::to_string(max_keyframes) + " keyframes";
    else
      keys_.push_back({shown, own_time, packet.pos});
  }

  void note_shift(int64_t position) {
    if (timeline_.turned())
      objection_ = "the file's clock runs over";
    const auto shift = timeline_.shift(static_cast<int>(stream_));
    if (!shifts_.empty() && shifts_.back().microseconds == shift)
      return;
    if (shifts_.empty())
      position = 0;
    else if (!by_position_ || position <= shifts_.back().position)
      objection_ = "the timestamps jump at a place that can't be told";
    if (shifts_.size() == max_shifts)
      objection_ = "the timestamps jump at more than " + std::to_string(max_shifts) + " places";
    shifts_.push_back({position, shift});
  }

  input& source_;
  unsigned stream_;
  AVRational time_base_;
  timeline timeline_;
  bool by_position_;
  bool any_ = false;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  std::vector<keyframe> keys_;
  std::vector<time_shift> shifts_;
  std::string objection_;
};

} // namespace

std::unique_ptr<keyframe_index> seek_keyframes(input& source, unsigned stream, bool history) {
  auto& format = *source.format();
  if (!is_format(format, "mov,") && !is_format(format, "matroska,"))
    return nullptr;
  for (unsigned i = 0; i < format.nb_streams; ++i)
    format.streams[i]->discard = i == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  // Matroska reads its cues with the first seek.
  av_seek_frame(&format, static_cast<int>(stream), 0, AVSEEK_FLAG_BACKWARD);
  if (avformat_index_get_entries_count(source.stream(stream)) < 2)
    return nullptr;
  auto index = std::make_unique<sought_keyframes>(source, stream, history);
  // Written as a stream: nothing tells how long it is.
  if (index->extent().end <= 0)
    return nullptr;
  return index;
}

result<std::unique_ptr<keyframe_index>> read_keyframes(input& source, unsigned stream, const transcode_plan& plan,
                                                       const task& job) {
  auto index = std::make_unique<listed_keyframes>(source, stream);
  TROUPE_TRY(index->read(plan, job));
  return std::unique_ptr<keyframe_index>(std::move(index));
}

} // namespace troupe::media
