#include "net/worker_pool.hpp"

namespace troupe::net {

worker_pool::worker_pool(uint32_t threads) {
  for (uint32_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { loop(); });
}

worker_pool::~worker_pool() {
  stop();
}

void worker_pool::run(std::function<void()> task) {
  {
    std::lock_guard guard{mutex_};
    if (stopping_)
      return;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void worker_pool::stop() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& t : threads_)
    if (t.joinable())
      t.join();
}

void worker_pool::loop() {
  std::unique_lock guard{mutex_};
  for (;;) {
    wake_.wait(guard, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty())
      return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    guard.unlock();
    task();
    task = nullptr;
    guard.lock();
  }
}

} // namespace troupe::net
