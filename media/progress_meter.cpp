#include "media/progress_meter.hpp"

#include <algorithm>

namespace troupe::media {

using clock = std::chrono::steady_clock;

progress_meter::progress_meter(const task& job, double duration, double from, double to) :
  job_(job), duration_(duration), from_(from), to_(to), start_(clock::now()), next_(start_) {
}

double progress_meter::seconds() const {
  return std::chrono::duration<double>(clock::now() - start_).count();
}

void progress_meter::at(double position, int64_t frames, int64_t bytes) {
  furthest_ = std::max(furthest_, position);
  auto now = clock::now();
  // Whoever watches takes a report for a sign of life.
  const auto done = frames + bytes;
  if (now < next_ || (done == reported_ && position <= furthest_reported_))
    return;
  reported_ = done;
  furthest_reported_ = furthest_;
  next_ = now + std::chrono::milliseconds(100);
  // Never all: the index and the sync still come.
  report(duration_ > 0 ? std::min(furthest_ / duration_, 0.99) : 0, furthest_, frames, bytes);
}

void progress_meter::finish(double position, int64_t frames, int64_t bytes) {
  furthest_ = std::max(furthest_, position);
  report(1, furthest_, frames, bytes);
}

void progress_meter::report(double fraction, double position, int64_t frames, int64_t bytes) {
  if (!job_.progress)
    return;
  exec::progress p;
  p.fraction = from_ + (to_ - from_) * fraction;
  p.speed = position / std::max(seconds(), 1e-3);
  // Of the last part only: the others take another time for each second of film.
  if (duration_ > 0 && p.speed > 0 && to_ >= 1)
    p.eta_ms = static_cast<int64_t>(std::max(duration_ - position, 0.0) / p.speed * 1000);
  if (fraction >= 1)
    p.eta_ms = 0;
  p.frames = frames;
  p.out_ms = static_cast<int64_t>(position * 1000);
  p.bytes = bytes;
  // The first moments are all header.
  if (fraction > 0.01)
    p.estimated_bytes = static_cast<int64_t>(static_cast<double>(bytes) / fraction);
  job_.progress(p);
}

} // namespace troupe::media
