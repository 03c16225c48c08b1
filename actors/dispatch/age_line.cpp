#include "actors/dispatch/age_line.hpp"

namespace troupe::dispatch {

namespace {

/// A job that is started soon lies anywhere in memory, and reading it takes longer than the decision.
void fetch_ahead(const entry* e) noexcept {
  constexpr size_t cache_line = 64;
  for (size_t at = 0; e && at < sizeof(entry); at += cache_line)
    __builtin_prefetch(reinterpret_cast<const char*>(e) + at);
}

constexpr size_t ahead = 3;

} // namespace

void age_line::add(entry& e) {
  ++size_;
  if (ring_.empty() || earlier{}(ring_.back(), &e)) {
    e.line_at = first_ + ring_.size();
    ring_.push_back(&e);
  } else {
    e.line_at = 0;
    late_.insert(&e);
  }
}

void age_line::remove(entry& e) {
  --size_;
  if (e.line_at == 0) {
    late_.erase(&e);
    return;
  }
  ring_[e.line_at - first_] = nullptr;
  ++gaps_;
  while (!ring_.empty() && !ring_.front()) {
    ring_.pop_front();
    ++first_;
    --gaps_;
    if (ring_.size() > ahead)
      fetch_ahead(ring_[ahead]);
  }
  while (!ring_.empty() && !ring_.back()) {
    ring_.pop_back();
    --gaps_;
  }
  if (gaps_ > 64 && gaps_ > ring_.size() / 2)
    compact();
}

void age_line::compact() {
  std::deque<entry*> kept;
  for (auto* e : ring_)
    if (e) {
      e->line_at = first_ + kept.size();
      kept.push_back(e);
    }
  ring_ = std::move(kept);
  gaps_ = 0;
}

entry* age_line::front() const noexcept {
  if (late_.empty())
    return ring_.front();
  auto* late = *late_.begin();
  return ring_.empty() || earlier{}(late, ring_.front()) ? late : ring_.front();
}

uint64_t age_line::before(const entry& e, uint64_t most) const {
  uint64_t n = 0;
  for (auto i = late_.begin(); i != late_.end() && n < most && earlier{}(*i, &e); ++i)
    ++n;
  for (auto i = ring_.begin(); i != ring_.end() && n < most; ++i)
    if (*i) {
      if (!earlier{}(*i, &e))
        break;
      ++n;
    }
  return n;
}

} // namespace troupe::dispatch
