#include "actors/media/work_threads.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

namespace troupe::work {

namespace {

constexpr std::chrono::seconds idle_time{10};

/// What the present thread works for; none: it is no thread of any.
thread_local const void* works_for = nullptr;

} // namespace

struct work_threads::shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable ended;
  std::deque<std::function<void()>> queue;
  size_t most = 1;
  size_t alive = 0;
  size_t idle = 0;
  bool stopping = false;

  void run() {
    // Signals are for the main thread.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    works_for = this;
    std::unique_lock lock{mutex};
    while (!stopping) {
      if (queue.empty()) {
        ++idle;
        bool woken = changed.wait_for(lock, idle_time, [this] { return stopping || !queue.empty(); });
        --idle;
        // The last one stays: there may be no thread to be had when there is work again.
        if (!woken && alive > 1)
          break;
        continue;
      }
      auto what = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      what();
      what = nullptr;
      lock.lock();
    }
    --alive;
    ended.notify_all();
  }
};

void work_threads::begin_one() {
  std::thread{[s = shared_] { s->run(); }}.detach();
  // Not before: it begins with the lock, which is held here.
  ++shared_->alive;
}

work_threads::work_threads(size_t most) : shared_(std::make_shared<shared>()) {
  shared_->most = std::max<size_t>(most, 1);
  std::lock_guard guard{shared_->mutex};
  begin_one();
}

work_threads::~work_threads() {
  std::unique_lock lock{shared_->mutex};
  shared_->stopping = true;
  shared_->changed.notify_all();
  // The last work may be the last owner, too: its thread ends by itself when it is done with that.
  const size_t own = works_for == shared_.get() ? 1 : 0;
  shared_->ended.wait(lock, [&] { return shared_->alive == own; });
  auto dropped = std::move(shared_->queue);
  lock.unlock();
}

void work_threads::post(std::function<void()> what) {
  std::lock_guard guard{shared_->mutex};
  shared_->queue.push_back(std::move(what));
  if (shared_->queue.size() > shared_->idle && shared_->alive < shared_->most)
    try {
      begin_one();
    } catch (const std::system_error& e) {
      // Those that are there do it, one after the other.
      spdlog::warn("no further thread for blocking work: {}", e.what());
    }
  shared_->changed.notify_one();
}

} // namespace troupe::work
