#include "host/root_threads.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace troupe::host {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::seconds come_again{5};

error refusal(errc code, std::string why) {
  error out{code, std::move(why)};
  out.retry_after = come_again;
  return out;
}

} // namespace

struct root_threads::shared {
  struct task {
    std::function<void()> what;
    bool begins;
  };
  /// What is known of one root.
  struct lane {
    std::deque<task> queue;
    /// Of the queue, those that begin something.
    size_t beginning = 0;
    /// Since when.
    std::list<steady::time_point> running;
    size_t alive = 0;
    size_t idle = 0;
    std::condition_variable changed;
  };
  using lane_ptr = std::shared_ptr<lane>;

  const root_threads_options how;
  mutable std::mutex mutex;
  std::condition_variable ended;
  std::map<std::string, lane_ptr> lanes;
  size_t running = 0;
  bool stopping = false;

  explicit shared(root_threads_options options) : how(options) {
  }

  /// Guarded by the mutex. Roots without threads are forgotten: libraries come and go.
  lane_ptr lane_of(const std::string& root) {
    auto& out = lanes[root];
    if (!out) {
      out = std::make_shared<lane>();
      std::erase_if(lanes, [&](auto& x) { return x.second != out && x.second->alive == 0; });
    }
    return out;
  }

  bool all_hang(const lane& x) const {
    const auto since = steady::now() - how.patience;
    return x.running.size() >= how.threads && std::ranges::all_of(x.running, [&](auto t) { return t <= since; });
  }

  result<void> let_in(const lane& x) const {
    if (all_hang(x))
      return refusal(errc::unavailable, "its disk has not answered for " + std::to_string(how.patience.count() / 1000)
                                          + " s: see whether the mount is well, and try again in a moment");
    if (x.beginning >= how.most_waiting)
      return refusal(errc::rate_limited, "too many requests wait for its disk already, try again in a moment");
    return {};
  }

  static void run(const std::shared_ptr<shared>& self, const lane_ptr& mine);
  result<void> post(const std::shared_ptr<shared>& self, const std::string& root, task what);
};

void root_threads::shared::run(const std::shared_ptr<shared>& self, const lane_ptr& mine) {
  // Signals are for the main thread.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::unique_lock lock{self->mutex};
  while (!self->stopping) {
    if (mine->queue.empty()) {
      ++mine->idle;
      const bool woken =
        mine->changed.wait_for(lock, self->how.idle, [&] { return self->stopping || !mine->queue.empty(); });
      --mine->idle;
      if (!woken)
        break;
      continue;
    }
    auto next = std::move(mine->queue.front());
    mine->queue.pop_front();
    mine->beginning -= next.begins ? 1 : 0;
    const auto at = mine->running.insert(mine->running.end(), steady::now());
    ++self->running;
    lock.unlock();
    next.what();
    next.what = nullptr;
    lock.lock();
    mine->running.erase(at);
    --self->running;
    self->ended.notify_all();
  }
  --mine->alive;
}

result<void> root_threads::shared::post(const std::shared_ptr<shared>& self, const std::string& root, task what) {
  std::lock_guard guard{mutex};
  if (stopping)
    return {errc::unavailable, "this node is being stopped"};
  const auto to = lane_of(root);
  if (what.begins)
    TROUPE_TRY(let_in(*to));
  if (to->queue.size() >= to->idle && to->alive < how.threads) {
    try {
      std::thread{[self, to] { run(self, to); }}.detach();
      ++to->alive;
    } catch (const std::system_error& e) {
      if (to->alive == 0)
        return refusal(errc::unavailable, std::string{"no thread can be started: "} + e.what());
    }
  }
  to->beginning += what.begins ? 1 : 0;
  to->queue.push_back(std::move(what));
  to->changed.notify_one();
  return {};
}

root_threads::root_threads(root_threads_options options) : shared_(std::make_shared<shared>(options)) {
}

root_threads::~root_threads() {
  std::deque<shared::task> dropped;
  std::unique_lock lock{shared_->mutex};
  shared_->stopping = true;
  for (auto& [root, x] : shared_->lanes) {
    std::ranges::move(x->queue, std::back_inserter(dropped));
    x->queue.clear();
    x->changed.notify_all();
  }
  shared_->ended.wait_for(lock, shared_->how.end_grace, [this] { return shared_->running == 0; });
  // What they hold may call us.
  lock.unlock();
}

result<void> root_threads::begin(const std::string& root, std::function<void()> task) {
  return shared_->post(shared_, root, {std::move(task), true});
}

result<void> root_threads::go_on(const std::string& root, std::function<void()> task) {
  return shared_->post(shared_, root, {std::move(task), false});
}

size_t root_threads::count() const {
  std::lock_guard guard{shared_->mutex};
  size_t out = 0;
  for (auto& [root, x] : shared_->lanes)
    out += x->alive;
  return out;
}

} // namespace troupe::host
