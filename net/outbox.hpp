#pragma once

#include "net/live_hub.hpp"

#include <sys/uio.h>

#include <deque>

namespace troupe::net {

/// What waits to be written to one live client; bounded. Progress coalesces to the newest.
class outbox {
public:
  enum class transport : uint8_t { websocket, sse };
  outbox(transport t, size_t max_events) : transport_(t), max_events_(max_events) {
  }

  enum class outcome : uint8_t { queued, replaced, full };
  outcome push(const event_ptr& what);
  /// Control frames, comments, answers: never coalesced; full at twice the bound.
  outcome push(std::string bytes);
  /// Drops everything that has not begun to be sent.
  void clear_unsent();

  bool empty() const noexcept {
    return items_.empty();
  }
  size_t size() const noexcept {
    return items_.size();
  }
  /// As this client's transport sends it.
  std::string_view bytes_of(const rendered_event& x) const {
    return transport_ == transport::websocket ? x.frame : x.sse();
  }
  /// At most `max` pieces, the rest of a partly sent one first.
  size_t pieces(iovec* out, size_t max) const;
  /// `n` bytes of the pieces are with the kernel.
  void sent(size_t n);

private:
  struct item {
    event_ptr shared;
    std::string own;
  };
  std::string_view bytes_of(const item& x) const;

  transport transport_;
  size_t max_events_;
  std::deque<item> items_;
  /// Bytes of the first item that are sent.
  size_t offset_ = 0;
};

} // namespace troupe::net
