#include "media/decode_times.hpp"

#include <algorithm>

namespace troupe::media {

void decode_times::push(int64_t pts) {
  ++pushed_;
  waiting_.push(pts);
}

std::optional<int64_t> decode_times::pop(bool all) {
  // Of the first 2 * delay + 1 packets the first delay + 1 to be shown are surely known, of the first n + 1 the first
  // n + 1 - delay.
  if (popped_ == pushed_ || (!begun_ && !all && pushed_ <= 2 * delay_))
    return std::nullopt;
  if (!begun_)
    begin();
  auto n = popped_++;
  if (n < lead_.size())
    return lead_[n];
  auto earliest = waiting_.top();
  waiting_.pop();
  return earliest;
}

void decode_times::begin() {
  begun_ = true;
  std::vector<int64_t> first;
  while (first.size() <= delay_ && !waiting_.empty()) {
    first.push_back(waiting_.top());
    waiting_.pop();
  }
  // A film of no more frames than the delay: one unit earlier than needed keeps them apart.
  const auto shift = first.back() - first.front() + (first.size() <= delay_ ? 1 : 0);
  for (size_t i = 0; i < std::min(delay_, first.size()); ++i)
    lead_.push_back(first[i] - shift);
  for (auto t : first)
    waiting_.push(t);
}

} // namespace troupe::media
