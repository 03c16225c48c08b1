#pragma once

#include "actors/dispatch/records.hpp"

#include <deque>
#include <set>

namespace troupe::dispatch {

/// Queued jobs in order of (ripe, id). Most come in that order: they stand in a ring of pointers, where a job that
/// leaves from the middle leaves a gap; the others stand in a tree. Adding at the end, removing and the first one are
/// O(1) amortised, the rest O(log n). 8 bytes a job that came in order.
class age_line {
public:
  bool empty() const noexcept {
    return size_ == 0;
  }
  size_t size() const noexcept {
    return size_;
  }
  /// Sets e.line_at, which belongs to this line while the job stands in it.
  void add(entry& e);
  void remove(entry& e);
  /// Not when empty.
  entry* front() const noexcept;
  /// How many come before it, counted no further than `most`. It need not stand in this line.
  uint64_t before(const entry& e, uint64_t most) const;
  /// f(const entry&) for each of the first `most`, in order within each of the two parts.
  template <class F>
  void each(size_t most, F f) const {
    size_t n = 0;
    for (auto i = late_.begin(); i != late_.end() && n < most; ++i, ++n)
      f(**i);
    for (auto i = ring_.begin(); i != ring_.end() && n < most; ++i)
      if (*i) {
        f(**i);
        ++n;
      }
  }

private:
  struct earlier {
    bool operator()(const entry* a, const entry* b) const noexcept {
      return a->ripe != b->ripe ? a->ripe < b->ripe : a->row.id < b->row.id;
    }
  };
  void compact();

  /// nullptr: gone. Neither end is a gap.
  std::deque<entry*> ring_;
  /// Position of ring_.front(), as entries know theirs; positions begin at 1.
  uint64_t first_ = 1;
  size_t gaps_ = 0;
  std::set<entry*, earlier> late_;
  size_t size_ = 0;
};

} // namespace troupe::dispatch
