#include "media/pipeline.hpp"

#include "media/faults.hpp"

#include <pthread.h>

#include <cerrno>
#include <exception>
#include <new>
#include <system_error>

namespace troupe::media {

namespace {

result<void> guarded(const std::function<result<void>()>& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return system_error(ENOMEM, "the file can't be worked on");
  } catch (const std::exception& e) {
    return {errc::internal, std::string("a stage of the work failed: ") + e.what()};
  }
}

} // namespace

pipeline::~pipeline() {
  if (!threads_.empty())
    fail(stopped_error());
  for (auto& t : threads_)
    t.join();
}

result<void> pipeline::spawn(const char* name, std::function<result<void>()> run) {
  {
    std::lock_guard lock(mutex_);
    ++running_;
  }
  try {
    threads_.emplace_back([this, name, run = std::move(run)] {
      // By itself: another thread's name is a file, and the sandbox has none.
      ::pthread_setname_np(::pthread_self(), name);
      ended(guarded(run));
    });
    return {};
  } catch (const std::system_error& e) {
    std::lock_guard lock(mutex_);
    --running_;
    return system_error(e.code().value(), "a thread can't be started");
  }
}

void pipeline::on_failure(std::function<void()> stop) {
  std::lock_guard lock(mutex_);
  if (failure_)
    stop();
  stops_.push_back(std::move(stop));
}

void pipeline::ended(result<void> outcome) {
  if (!outcome)
    fail(outcome.error());
  std::lock_guard lock(mutex_);
  --running_;
  done_.notify_all();
}

void pipeline::fail(error why) {
  std::lock_guard lock(mutex_);
  if (failure_)
    return;
  failure_ = std::move(why);
  for (auto& stop : stops_)
    stop();
}

bool pipeline::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return done_.wait_for(lock, time, [this] { return running_ == 0; });
}

result<void> pipeline::join() {
  for (auto& t : threads_)
    t.join();
  threads_.clear();
  if (failure_)
    return *failure_;
  return {};
}

error stopped_error() {
  return {errc::cancelled, "the work was stopped"};
}

} // namespace troupe::media
