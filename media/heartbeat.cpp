#include "media/heartbeat.hpp"

#include "media/file_io.hpp"

#include <pthread.h>

namespace troupe::media {

heartbeat::heartbeat(sink send, std::chrono::milliseconds interval) :
  send_(std::move(send)), interval_(interval), thread_([this] { run(); }) {
}

heartbeat::~heartbeat() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
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
