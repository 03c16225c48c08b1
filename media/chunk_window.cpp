#include "media/chunk_window.hpp"

extern "C" {
#include <libavutil/mathematics.h>
}

namespace troupe::media {

bool chunk_window::admits(int64_t time, int64_t position, bool key) noexcept {
  if (open_ || !key)
    return open_;
  const bool by_position = chunk_->from_position >= 0;
  const auto here = by_position ? position : time;
  const auto wanted = by_position ? chunk_->from_position : chunk_->from_time;
  open_ = here == wanted;
  missed_ = here > wanted;
  return open_;
}

int64_t chunk_window::shift_at(int64_t position) noexcept {
  if (chunk_->shifts.empty())
    return 0;
  while (shift_ + 1 < chunk_->shifts.size() && chunk_->shifts[shift_ + 1].position <= position)
    ++shift_;
  return chunk_->shifts[shift_].microseconds;
}

chunk_place chunk_window::place(int64_t pts, AVRational time_base) const noexcept {
  const AVRational base{chunk_->time_base.num, chunk_->time_base.den};
  // Exact: filters may count in finer units than the source.
  if (chunk_->begin != INT64_MIN && av_compare_ts(pts, time_base, chunk_->begin, base) < 0)
    return chunk_place::before;
  if (chunk_->end != INT64_MAX && av_compare_ts(pts, time_base, chunk_->end, base) >= 0)
    return chunk_place::after;
  return chunk_place::inside;
}

} // namespace troupe::media
