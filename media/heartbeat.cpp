#include "media/heartbeat.hpp"

#include "media/file_io.hpp"

#include <pthread.h>

#include <system_error>

namespace troupe::media {

heartbeat::heartbeat(sink send, std::chrono::milliseconds interval) : send_(std::move(send)), interval_(interval) {
  if (interval_.count() == 0)
    return;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // No room for its stack: whoever has so little is not long at work.
  }
}

heartbeat::~heartbeat() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void heartbeat::report(const exec::progress& p) {
  std::lock_guard lock(mutex_);
  last_ = p;
  reported_ = true;
  send_(p);
}

void heartbeat::run() {
  ::pthread_setname_np(::pthread_self(), "heartbeat");
  std::unique_lock lock(mutex_);
  for (auto before = bytes_moved(); !changed_.wait_for(lock, interval_, [this] { return ending_; });) {
    const auto now = bytes_moved();
    if (now != before && !reported_)
      send_(last_);
    before = now;
    reported_ = false;
  }
}

} // namespace troupe::media
