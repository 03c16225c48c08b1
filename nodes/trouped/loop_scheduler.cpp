#include "nodes/trouped/loop_scheduler.hpp"

#include <caf/detail/set_thread_name.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/multiplexer.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <deque>
#include <mutex>
#include <thread>

namespace troupe {

namespace {

/// After so many messages of one actor it is the next one's turn; after so many actors the sockets'.
constexpr size_t messages_at_once = 64;
constexpr size_t jobs_at_once = 64;

/// What waits to be run. The loop is woken for the first job only; jobs that come from the loop itself wake nobody. Its
/// owner outlives the loop, so the references that the loop counts mean nothing.
class job_list final : public caf::resumable {
public:
  /// Takes over a reference to `job`. Any thread.
  void push(caf::resumable* job, caf::io::network::multiplexer* loop) {
    {
      std::lock_guard guard{mutex_};
      jobs_.push_back(job);
      if (scheduled_ || closed_)
        return;
      scheduled_ = true;
    }
    loop->exec_later(this);
  }

  /// The loop has ended: what is left, and what still comes, is kept for take_all.
  void close() {
    std::lock_guard guard{mutex_};
    closed_ = true;
  }
  std::deque<caf::resumable*> take_all() {
    std::lock_guard guard{mutex_};
    return std::exchange(jobs_, {});
  }

  resume_result resume(caf::execution_unit* loop, size_t) override {
    for (size_t i = 0; i < jobs_at_once; ++i) {
      auto job = pop();
      if (!job)
        return awaiting_message;
      switch (job->resume(loop, messages_at_once)) {
      case resume_later: {
        std::lock_guard guard{mutex_};
        jobs_.push_back(job);
        break;
      }
      case shutdown_execution_unit:
        break;
      default:
        intrusive_ptr_release(job);
      }
    }
    return resume_later;
  }
  subtype_t subtype() const override {
    return function_object;
  }
  void intrusive_ptr_add_ref_impl() override {
  }
  void intrusive_ptr_release_impl() override {
  }

private:
  caf::resumable* pop() {
    std::lock_guard guard{mutex_};
    if (jobs_.empty()) {
      scheduled_ = false;
      return nullptr;
    }
    auto job = jobs_.front();
    jobs_.pop_front();
    return job;
  }

  std::mutex mutex_;
  std::deque<caf::resumable*> jobs_;
  bool scheduled_ = false;
  bool closed_ = false;
};

class loop_scheduler final : public caf::scheduler::abstract_coordinator {
public:
  using abstract_coordinator::abstract_coordinator;

  void start() override {
    timer_ = std::thread{[this] {
      caf::detail::set_thread_name("caf.clock");
      system().thread_started();
      clock_.run_dispatch_loop();
      system().thread_terminates();
    }};
    abstract_coordinator::start();
  }
  /// CAF stops the middleman first: nothing runs in the loop any more.
  void stop() override {
    jobs_.close();
    stop_actors();
    for (auto jobs = jobs_.take_all(); !jobs.empty(); jobs = jobs_.take_all())
      for (auto job : jobs)
        cleanup_and_release(job);
    clock_.cancel_dispatch_loop();
    timer_.join();
  }
  void enqueue(caf::resumable* job) override {
    jobs_.push(job, &system().middleman().backend());
  }
  caf::detail::thread_safe_actor_clock& clock() noexcept override {
    return clock_;
  }

private:
  // CAF destroys the middleman, and with it the loop, before the scheduler.
  job_list jobs_;
  caf::detail::thread_safe_actor_clock clock_;
  std::thread timer_;
};

} // namespace

void use_loop_scheduler(caf::actor_system_config& config) {
  config.module_factories.emplace_back(
    [](caf::actor_system& system) -> caf::actor_system::module* { return new loop_scheduler{system}; });
}

} // namespace troupe
