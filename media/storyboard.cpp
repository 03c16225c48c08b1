#include "media/storyboard.hpp"

#include "media/faults.hpp"
#include "media/keyframe_reader.hpp"
#include "media/picture.hpp"
#include "media/progress_meter.hpp"
#include "media/sprite_sheets.hpp"
#include "media/storyboard_files.hpp"
#include "media/storyboard_plan.hpp"

#include <algorithm>
#include <optional>
#include <thread>

namespace troupe::media {

namespace {

/// JPEG ends at 65,535; what a browser shows without trouble ends earlier.
constexpr uint32_t most_side = exec::storyboard_request::max_sheet_width;
constexpr uint64_t most_pixels = 64'000'000;
/// Consecutive moments that one thread takes at a time where no index tells the keyframes: neighbours often share one.
constexpr size_t batch = 4;
/// Fewer moments are not worth a second thread, which has to open the file once more.
constexpr size_t worth_a_thread = 6;
/// A picture that is so many tiles later than it should be is not shown.
constexpr int64_t far_tiles = 2;
/// A film with fewer keyframes than wanted_tiles is decoded from end to end when that is no more work than this.
constexpr int64_t most_pixels_decoded = 1'500'000'000;

result<void> check(const exec::storyboard_request& asked) {
  if (asked.width < 16 || asked.width > 1024)
    return {errc::validation, "a tile is 16 to 1024 pixels wide, not " + std::to_string(asked.width)};
  if (asked.columns < 1 || asked.columns > 50 || asked.rows < 1 || asked.rows > 50)
    return {errc::validation, "a sheet has 1 to 50 columns and 1 to 50 rows"};
  if (asked.columns * asked.width > most_side)
    return {errc::validation, "a sheet is at most 16384 pixels wide: ask for fewer columns or narrower tiles"};
  if (asked.interval_ms < least_interval_ms)
    return {errc::validation, "the interval of a storyboard is at least 100 ms"};
  if (asked.quality < 1 || asked.quality > 100)
    return {errc::validation, "the quality of a JPEG is 1 to 100"};
  return {};
}

/// Even, as wide as asked at most; what is much higher than wide is made narrower.
picture_size tile_size(const picture_maker& maker, const AVFrame& frame, uint32_t width) {
  auto even = [](int x) { return std::max((x + 1) / 2 * 2, 2); };
  auto size = maker.size_at(frame, width);
  const int most = static_cast<int>(2 * width);
  if (size.height > most)
    size = {static_cast<int>(static_cast<int64_t>(size.width) * most / size.height), most};
  return {even(size.width - size.width % 2), even(size.height)};
}

/// Times are milliseconds from the start of the stream.
struct film_times {
  AVRational base{1, 1000};
  int64_t start = 0;

  int64_t to_ms(int64_t time) const {
    return std::max<int64_t>(av_rescale_q(time - start, base, {1, 1000}), 0);
  }
  int64_t from_ms(int64_t ms) const {
    return start + av_rescale_q(ms, {1, 1000}, base);
  }
};

/// One demuxer and one decoder on the file.
struct view {
  std::unique_ptr<input> source;
  AVStream* stream = nullptr;
  std::optional<keyframe_reader> reader;
  std::optional<picture_maker> maker;
  /// The tile that was made last, for moments that share its keyframe, and its time.
  av::frame tile;
  int64_t tile_ms = 0;
};

class storyboard_maker {
public:
  storyboard_maker(source_file file, const std::string& hint, const exec::storyboard_request& asked, const task& job) :
    file_(file), hint_(hint), asked_(asked), job_(job) {
  }

  result<exec::storyboard_answer> run() {
    view first;
    TROUPE_TRY(open(first));
    TROUPE_TRY(plan(first));
    progress_meter meter(job_, static_cast<double>(duration_ms_) / 1000);
    meter_ = &meter;
    if (by_frames_)
      TROUPE_TRY(decode_all(first));
    else
      TROUPE_TRY(decode_runs(first));
    auto answer = sheets_->finish();
    if (!answer)
      return answer;
    TROUPE_TRY(write_lists(*answer));
    meter.finish(static_cast<double>(duration_ms_) / 1000, answer->count, 0);
    return answer;
  }

private:
  result<void> open(view& v) {
    auto source = input::open(file_, hint_, job_, depth::facts);
    if (!source)
      return source.error();
    return attach(v, std::move(*source));
  }

  result<void> attach(view& v, std::unique_ptr<input> source) {
    v.source = std::move(source);
    v.stream = v.source->first(AVMEDIA_TYPE_VIDEO);
    if (!v.stream)
      return {errc::bad_media, "the file has no video that a storyboard can be made of"};
    const bool rough = v.stream->codecpar->width >= 2 * static_cast<int>(asked_.width);
    auto reader = keyframe_reader::open(*v.source, *v.stream, {1, rough});
    if (!reader)
      return reader.error();
    v.reader.emplace(std::move(*reader));
    v.maker.emplace(v.source->format(), *v.stream);
    return {};
  }

  result<void> plan(view& v) {
    times_.base = v.stream->time_base;
    times_.start = v.stream->start_time != AV_NOPTS_VALUE ? v.stream->start_time : 0;
    TROUPE_TRY(measure(v));
    keyframes_ = v.reader->index();
    std::vector<int64_t> keyframes;
    for (auto time : keyframes_)
      keyframes.push_back(times_.to_ms(time));
    by_frames_ = keyframes.size() < wanted_tiles && is_little_work(v);
    const tile_interval interval{asked_.interval_ms, asked_.jellyfin};
    plan_ = by_frames_ ? plan_storyboard_of_frames(duration_ms_, interval)
                       : plan_storyboard(duration_ms_, keyframes, interval);
    return {};
  }

  /// How long the film is: by its header as far as its index, or its end, agrees.
  result<void> measure(view& v) {
    const auto header = std::max<int64_t>(v.source->format()->duration, 0) / 1000;
    int64_t last = AV_NOPTS_VALUE;
    if (header == 0)
      TROUPE_TRY(v.reader->scan());
    if (!v.reader->index().empty()) {
      last = v.reader->index_end();
    } else if (header > 0) {
      auto found = v.reader->last_time(times_.from_ms(header));
      if (!found)
        return found.error();
      last = *found;
    }
    // The last frame lasts a while; sound may be a little longer.
    const auto seen = last == AV_NOPTS_VALUE ? 0 : times_.to_ms(last) + (header == 0 ? 40 : 1000);
    duration_ms_ = header == 0 ? seen : seen == 0 ? header : std::min(header, seen);
    if (duration_ms_ <= 0)
      return {errc::bad_media, "the length of the film is not known, and its frames tell no time"};
    return {};
  }

  bool is_little_work(const view& v) const {
    auto& par = *v.stream->codecpar;
    const double rate = v.stream->avg_frame_rate.num > 0 ? av_q2d(v.stream->avg_frame_rate) : 25;
    const double frames = static_cast<double>(duration_ms_) / 1000 * rate;
    return frames * par.width * par.height < static_cast<double>(most_pixels_decoded);
  }

  /// The first picture tells how large the tiles are.
  void start_sheets(const view& v, const AVFrame& frame) {
    size_ = tile_size(*v.maker, frame, asked_.width);
    exec::storyboard_answer shape;
    shape.tile_width = static_cast<uint32_t>(size_.width);
    shape.tile_height = static_cast<uint32_t>(size_.height);
    shape.columns = asked_.columns;
    const auto most_rows = std::min<uint64_t>(
      most_side / shape.tile_height, most_pixels / (uint64_t{shape.columns} * shape.tile_width * shape.tile_height));
    shape.rows = std::clamp<uint32_t>(static_cast<uint32_t>(most_rows), 1, asked_.rows);
    shape.interval_ms = plan_.interval_ms;
    shape.count = plan_.count;
    sheets_.emplace(asked_, std::move(shape), job_);
  }

  result<void> decode_runs(view& first) {
    // Until there is a picture, one thread; what was in vain before it comes first on the sheets.
    uint32_t in_vain = 0;
    while (!sheets_ && next_ < plan_.runs.size()) {
      auto& run = plan_.runs[next_++];
      auto found = look(first, run);
      if (!found)
        return found.error();
      if (!found->picture) {
        in_vain = run.first + run.tiles;
        continue;
      }
      start_sheets(first, *found->picture);
      if (in_vain > 0)
        TROUPE_TRY(sheets_->put(nullptr, 0, in_vain));
      TROUPE_TRY(finish_run(first, run, std::move(*found)));
    }
    if (!sheets_)
      return {errc::bad_media, "no picture of the video can be decoded"};
    if (plan_.runs.size() - next_ < worth_a_thread || std::thread::hardware_concurrency() < 2) {
      work(first, true);
    } else {
      std::thread second([this] {
        view v;
        // Failing to open once more is no harm: the first one does it all. What it fails at later, the first meets too.
        try {
          if (open(v))
            work(v, false);
        } catch (const std::bad_alloc&) {
          fail({errc::unavailable, "not enough memory for this file; raise the executor's memory limit"});
        }
      });
      work(first, true);
      second.join();
    }
    return failure_ ? result<void>(*failure_) : result<void>{};
  }

  /// Takes runs until none is left. `reports`: progress is told on the operation's own thread.
  void work(view& v, bool reports) {
    for (;;) {
      size_t from = 0;
      size_t to = 0;
      {
        std::lock_guard lock(mutex_);
        if (failure_)
          return;
        from = next_;
        to = next_ = std::min(next_ + (keyframes_.empty() ? batch : 1), plan_.runs.size());
      }
      if (from == to)
        return;
      for (auto i = from; i < to; ++i) {
        auto found = look(v, plan_.runs[i]);
        auto done = found ? finish_run(v, plan_.runs[i], std::move(*found)) : result<void>(found.error());
        if (!done)
          return fail(done.error());
      }
      if (reports)
        meter_->at(static_cast<double>(plan_.runs[to - 1].time_ms) / 1000, static_cast<int64_t>(to), 0);
    }
  }

  void fail(const error& why) {
    std::lock_guard lock(mutex_);
    if (!failure_)
      failure_ = why;
  }

  result<keyframe_reader::found> look(view& v, const tile_run& run) {
    return v.reader->at(run.keyframe >= 0 ? keyframes_[static_cast<size_t>(run.keyframe)]
                                          : times_.from_ms(run.time_ms));
  }

  result<void> finish_run(view& v, const tile_run& run, keyframe_reader::found found) {
    if (found.picture) {
      auto tile = v.maker->make(*found.picture, size_);
      if (!tile)
        return tile.error();
      v.tile = std::move(*tile);
      v.tile_ms = found.picture->pts == AV_NOPTS_VALUE ? 0 : times_.to_ms(found.picture->pts);
    } else if (!found.repeated) {
      v.tile.reset();
    }
    // Behind a damaged part the next picture may be far away: what was before it tells more.
    const bool far = v.tile && v.tile_ms > run.time_ms + far_tiles * plan_.interval_ms;
    return sheets_->put(far ? nullptr : v.tile.get(), run.first, run.tiles);
  }

  /// Frame by frame: each tile is the first frame at its time or after.
  result<void> decode_all(view& v) {
    size_t next = 0;
    auto take = [&](AVFrame& f) -> result<void> {
      const auto time = f.pts == AV_NOPTS_VALUE ? 0 : times_.to_ms(f.pts);
      const auto from = next;
      while (next < plan_.runs.size() && (plan_.runs[next].time_ms <= time || next == 0))
        ++next;
      if (from == next)
        return {};
      if (!sheets_)
        start_sheets(v, f);
      auto tile = v.maker->make(f, size_);
      if (!tile)
        return tile.error();
      v.tile = std::move(*tile);
      meter_->at(static_cast<double>(time) / 1000, static_cast<int64_t>(next), 0);
      return sheets_->put(v.tile.get(), static_cast<uint32_t>(from), static_cast<uint32_t>(next - from));
    };
    TROUPE_TRY(v.reader->forward(INT64_MAX, take, [&] { return next == plan_.runs.size(); }));
    if (!sheets_)
      return {errc::bad_media, "no picture of the video can be decoded"};
    // The film ends before its header says.
    if (next < plan_.runs.size())
      return sheets_->put(v.tile.get(), static_cast<uint32_t>(next), plan_.count - static_cast<uint32_t>(next));
    return {};
  }

  result<void> write_lists(exec::storyboard_answer& answer) {
    if (asked_.vtt) {
      answer.vtt = "storyboard.vtt";
      auto text = vtt_of(answer, duration_ms_);
      TROUPE_TRY(write_output(job_, answer.vtt, {text.begin(), text.end()}));
    }
    if (asked_.bif) {
      answer.bif = "storyboard.bif";
      TROUPE_TRY(write_output(job_, answer.bif, bif_of(sheets_->single(), answer.interval_ms)));
    }
    return {};
  }

  source_file file_;
  const std::string& hint_;
  const exec::storyboard_request& asked_;
  const task& job_;
  film_times times_;
  int64_t duration_ms_ = 0;
  bool by_frames_ = false;
  storyboard_plan plan_;
  /// In the stream's time base; empty without an index.
  std::vector<int64_t> keyframes_;
  picture_size size_;
  std::optional<sprite_sheets> sheets_;
  progress_meter* meter_ = nullptr;
  std::mutex mutex_;
  // Guarded by mutex_ while there are two threads.
  size_t next_ = 0;
  std::optional<error> failure_;
};

} // namespace

result<exec::storyboard_answer> storyboard(source_file source, const std::string& name_hint,
                                           const exec::storyboard_request& asked, const task& job) {
  TROUPE_TRY(check(asked));
  if (!job.create)
    return {errc::protocol, "a storyboard needs files to write to, and there is no way to ask for them"};
  return storyboard_maker(source, name_hint, asked, job).run();
}

} // namespace troupe::media
