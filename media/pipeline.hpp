#pragma once

// Threads that hand things on to each other through bounded queues. One pipeline is one operation: the first stage that
// fails stops all the others.

#include "protocol/model/result.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace troupe::media {

/// Any number of threads on both sides. A full queue holds its producers back, so that a fast stage can't fill the
/// memory in front of a slow one.
template <class T>
class bounded_queue {
public:
  /// What an item weighs, bytes.
  using weight = size_t (*)(const T&);

  explicit bounded_queue(size_t capacity) : capacity_(capacity) {
  }
  /// Holds no more than `bytes` either, but for a single item that is larger.
  bounded_queue(size_t capacity, size_t bytes, weight of) : capacity_(capacity), most_bytes_(bytes), weight_(of) {
  }
  bounded_queue(const bounded_queue&) = delete;
  bounded_queue& operator=(const bounded_queue&) = delete;

  /// Waits for room. False when the pipeline was stopped: nothing was taken.
  bool push(T x) {
    std::unique_lock lock(mutex_);
    const auto bytes = weigh(x);
    room_.wait(lock, [&] { return has_room(bytes) || stopped_; });
    if (stopped_)
      return false;
    bytes_ += bytes;
    items_.push_back(std::move(x));
    filled_.notify_one();
    return true;
  }

  /// Waits for the next one. Nothing at the end, or when the pipeline was stopped.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !items_.empty() || closed_ || stopped_; });
    if (stopped_ || items_.empty())
      return std::nullopt;
    std::optional<T> x{std::move(items_.front())};
    items_.pop_front();
    bytes_ -= weigh(*x);
    room_.notify_one();
    return x;
  }

  /// Nothing more comes: pop gives what is left and then nothing.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    filled_.notify_all();
  }

  /// Whether nothing came out of pop because the pipeline was stopped.
  bool stopped() const {
    std::lock_guard lock(mutex_);
    return stopped_;
  }

  void stop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    filled_.notify_all();
    room_.notify_all();
  }

private:
  size_t weigh(const T& x) const {
    return weight_ ? weight_(x) : 0;
  }
  bool has_room(size_t bytes) const {
    return items_.empty() || (items_.size() < capacity_ && bytes_ + bytes <= most_bytes_);
  }

  const size_t capacity_;
  const size_t most_bytes_ = SIZE_MAX;
  const weight weight_ = nullptr;
  size_t bytes_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable room_;
  std::deque<T> items_;
  bool closed_ = false;
  bool stopped_ = false;
};

/// The threads of one operation. Used by the thread that made it.
class pipeline {
public:
  pipeline() = default;
  pipeline(const pipeline&) = delete;
  pipeline& operator=(const pipeline&) = delete;
  /// Stops and joins what still runs.
  ~pipeline();

  /// The queue is stopped when a stage fails. It has to outlive the pipeline.
  template <class T>
  void add(bounded_queue<T>& queue) {
    on_failure([&queue] { queue.stop(); });
  }
  /// Starts a thread. Its first error, also one that it throws, stops all queues. `name` shows in debuggers, at most 15
  /// letters. unavailable when no thread can be started.
  result<void> spawn(const char* name, std::function<result<void>()> run);

  /// Stops all: for an error that arose outside the stages.
  void fail(error why);
  /// Whether all stages have ended, waiting for it at most that long.
  bool wait_for(std::chrono::milliseconds time);
  /// Waits for all; the error that came first, if one did.
  result<void> join();

private:
  void on_failure(std::function<void()> stop);
  void ended(result<void> outcome);

  std::vector<std::function<void()>> stops_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable done_;
  size_t running_ = 0;
  std::optional<error> failure_;
};

/// For a stage whose queue was stopped: the cause is another stage's, and that one is told.
error stopped_error();

} // namespace troupe::media
