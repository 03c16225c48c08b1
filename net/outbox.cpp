#include "net/outbox.hpp"

#include <algorithm>

namespace troupe::net {

std::string_view outbox::bytes_of(const item& x) const {
  return x.shared ? bytes_of(*x.shared) : std::string_view{x.own};
}

outbox::outcome outbox::push(const event_ptr& what) {
  auto result = outcome::queued;
  if (what->coalesce && !items_.empty()) {
    // The first may be half on its way.
    auto begin = items_.begin() + (offset_ > 0 ? 1 : 0);
    auto same = std::find_if(begin, items_.end(), [&](const item& x) {
      return x.shared && x.shared->coalesce && x.shared->type == what->type && x.shared->topic == what->topic;
    });
    if (same != items_.end()) {
      // At the end, so that sequence numbers rise.
      items_.erase(same);
      result = outcome::replaced;
    }
  }
  if (items_.size() >= max_events_)
    return outcome::full;
  items_.push_back({what, {}});
  return result;
}

outbox::outcome outbox::push(std::string bytes) {
  if (items_.size() >= 2 * max_events_)
    return outcome::full;
  items_.push_back({nullptr, std::move(bytes)});
  return outcome::queued;
}

void outbox::clear_unsent() {
  items_.erase(items_.begin() + (offset_ > 0 ? 1 : 0), items_.end());
}

size_t outbox::pieces(iovec* out, size_t max) const {
  size_t n = 0;
  for (auto i = items_.begin(); i != items_.end() && n < max; ++i, ++n) {
    auto bytes = bytes_of(*i);
    if (n == 0)
      bytes.remove_prefix(offset_);
    out[n] = {const_cast<char*>(bytes.data()), bytes.size()};
  }
  return n;
}

void outbox::sent(size_t n) {
  while (n > 0) {
    auto left = bytes_of(items_.front()).size() - offset_;
    if (n < left) {
      offset_ += n;
      return;
    }
    n -= left;
    offset_ = 0;
    items_.pop_front();
  }
  // A deque keeps its blocks: an idle client shall hold nothing.
  if (items_.empty())
    items_.shrink_to_fit();
}

} // namespace troupe::net
