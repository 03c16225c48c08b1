#include "media/track_runner.hpp"

#include "media/faults.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace troupe::media {

namespace {

constexpr std::chrono::milliseconds report_interval{100};
/// More damaged packets, or frames without a time of their own, than this part make the result useless.
constexpr double tolerated_damage = 0.10;

} // namespace

track_runner::track_runner(input& source, const task& job, double duration, double from) :
  source_(source), duration_(duration), meter_(job, duration, from), timeline_(*source.format()) {
  by_stream_.resize(source.format()->nb_streams, -1);
  for (unsigned i = 0; i < source.format()->nb_streams; ++i)
    source.stream(i)->discard = AVDISCARD_ALL;
}

void track_runner::add(const planned_track& plan, std::unique_ptr<track> made) {
  auto& stream = *source_.stream(plan.stream);
  stream.discard = AVDISCARD_DEFAULT;
  by_stream_[plan.stream] = static_cast<int>(tracks_.size());
  tracks_.push_back({plan.stream, plan.way, std::move(made), stream_watch(stream)});
}

result<void> track_runner::run() {
  TROUPE_TRY(work());
  return judge();
}

void track_runner::finish() {
  meter_.finish(position(), frames(), bytes());
}

result<void> track_runner::work() {
  pipeline threads;
  for (auto* output : outputs_)
    TROUPE_TRY(output->start(threads));
  for (auto* output : aside_)
    TROUPE_TRY(output->start(threads));
  for (auto& t : tracks_)
    TROUPE_TRY(t.made->start(threads));
  TROUPE_TRY(threads.spawn("demux", [this] { return read(); }));
  while (!threads.wait_for(report_interval)) {
    // The reader may be waiting in front of a full queue.
    if (source_.cancelled())
      threads.fail(cancelled_error());
    meter_.at(position(), frames(), bytes());
  }
  return threads.join();
}

result<void> track_runner::read() {
  source_.chosen();
  TROUPE_TRY(pump());
  for (auto& t : tracks_)
    TROUPE_TRY(t.made->finish());
  return {};
}

result<void> track_runner::pump() {
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

result<void> track_runner::take(AVPacket& packet) {
  auto index = static_cast<size_t>(packet.stream_index);
  const int place = index < by_stream_.size() ? by_stream_[index] : -1;
  if (place < 0)
    return {};
  auto& t = tracks_[static_cast<size_t>(place)];
  auto& stream = *source_.stream(static_cast<unsigned>(index));
  if (stream.disposition & AV_DISPOSITION_ATTACHED_PIC)
    packet.pts = packet.dts = 0;
  else
    timeline_.apply(packet, stream.time_base);
  auto ts = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
  if (ts != AV_NOPTS_VALUE)
    read_ = std::max(read_, static_cast<double>(ts + packet.duration) * av_q2d(stream.time_base));
  // What comes before the first keyframe is not shown.
  const bool key = (packet.flags & AV_PKT_FLAG_KEY) || stream.codecpar->codec_type != AVMEDIA_TYPE_VIDEO;
  if (key || t.seen.packets() > 0)
    t.seen.see(packet);
  return t.made->take(packet);
}

/// Is the result worth keeping?
result<void> track_runner::judge() {
  for (auto& e : tracks_) {
    if (e.way == track_way::cover)
      continue;
    TROUPE_TRY(judge_damage(e));
    TROUPE_TRY(judge_order(e));
  }
  if (frames() == 0)
    return {errc::bad_media, "the source holds no frame that can be read"};
  return judge_length(*source_.format(), length(), warnings_);
}

result<void> track_runner::judge_damage(const entry& e) {
  auto& t = *e.made;
  char text[160];
  std::snprintf(text, sizeof text, "%lld of %lld packets of stream %u are damaged", static_cast<long long>(t.damaged()),
                static_cast<long long>(t.packets()), e.stream);
  // A film is not lost with its subtitles.
  const bool av = type_of(e) == AVMEDIA_TYPE_VIDEO || type_of(e) == AVMEDIA_TYPE_AUDIO;
  if (av && static_cast<double>(t.damaged()) > tolerated_damage * static_cast<double>(t.packets()) && t.damaged() > 2)
    return {errc::bad_media, std::string("the source is too damaged: ") + text};
  if (av && t.frames() == 0 && t.packets() > 0)
    return {errc::bad_media, "nothing of stream " + std::to_string(e.stream) + " can be decoded"};
  if (av && t.packets() == 0)
    warnings_.push_back("stream " + std::to_string(e.stream) + " is empty: nothing of what its header promises came");
  if (t.damaged() > 0)
    warnings_.push_back(text);
  return {};
}

result<void> track_runner::judge_order(const entry& e) {
  const auto dropped = e.made->dropped();
  const auto all = dropped + e.made->frames();
  if (dropped == 0)
    return {};
  char text[160];
  std::snprintf(text, sizeof text, "%lld of %lld frames of stream %u were left out: the timestamps go back there",
                static_cast<long long>(dropped), static_cast<long long>(all), e.stream);
  if (static_cast<double>(dropped) > tolerated_damage * static_cast<double>(all) && dropped > 2)
    return {errc::bad_media, std::string("the source is too damaged: ") + text};
  warnings_.push_back(text);
  return {};
}

double track_runner::film_seconds() const {
  return found_seconds(*source_.format(), length());
}

std::vector<exec::span> track_runner::spans() const {
  std::vector<exec::span> out;
  for (auto& t : tracks_)
    out.push_back({t.seen.begin(), t.seen.end()});
  return out;
}

std::vector<size_t> track_runner::unseen() const {
  std::vector<size_t> out;
  for (size_t i = 0; i < tracks_.size(); ++i) {
    auto& t = tracks_[i];
    // Not those that were not watched: pictures none of which is marked as a keyframe may be decoded all the same.
    if (t.way != track_way::cover && t.way != track_way::aside && t.made->packets() == 0)
      out.push_back(i);
  }
  return out;
}

AVMediaType track_runner::type_of(const entry& e) const {
  return source_.stream(e.stream)->codecpar->codec_type;
}

int64_t track_runner::frames() const {
  const entry* first = nullptr;
  for (auto& e : tracks_) {
    if (e.way == track_way::cover || e.way == track_way::aside)
      continue;
    if (type_of(e) == AVMEDIA_TYPE_VIDEO)
      return e.made->frames();
    // The first sound may be an empty one.
    if (type_of(e) == AVMEDIA_TYPE_AUDIO && (!first || first->made->frames() == 0))
      first = &e;
  }
  return first ? first->made->frames() : 0;
}

/// As far as the slowest output has come.
double track_runner::position() const {
  double least = -1;
  for (auto* output : outputs_)
    // One that has not begun may never begin.
    if (auto at = output->position(); at > 0)
      least = least < 0 ? at : std::min(least, at);
  return std::max(least, 0.0);
}

int64_t track_runner::bytes() const {
  int64_t sum = 0;
  for (auto* output : outputs_)
    sum += output->bytes();
  return sum;
}

} // namespace troupe::media
