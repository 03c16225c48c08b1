#include "actors/media/live_attempt.hpp"

#include <future>

namespace troupe::work {

live_attempt::live_attempt(assignment what, const runner_config& config) :
  what_(std::move(what)), pool_(config.pool), http_(config.http), sink_(config.sink) {
}

void live_attempt::progress(job_progress x) {
  if (sink_ && !stopped_)
    caf::anon_send(sink_, progress_report{what_.token, std::move(x)});
}

executor_answer live_attempt::run(exec::request request, std::vector<shared_fd> descriptors,
                                  std::function<void(const exec::progress&)> told) {
  // Shared with the callback, which may still be within set_value when the waiting thread goes on.
  auto answered = std::make_shared<std::promise<executor_answer>>();
  executor_operation asked;
  asked.id = next_operation();
  asked.request = std::move(request);
  asked.descriptors = std::move(descriptors);
  asked.progress = std::move(told);
  asked.done = [answered](executor_answer x) { answered->set_value(std::move(x)); };
  {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return {error{errc::cancelled}, error_class::permanent, {}, {}};
    operation_ = asked.id;
    caf::anon_send(pool_, run_operation{shared_operation(std::move(asked))});
  }
  auto out = answered->get_future().get();
  std::lock_guard guard{mutex_};
  operation_ = 0;
  return out;
}

result<ports::http_response> live_attempt::download(ports::http_download what,
                                                    std::function<void(const ports::transfer_progress&)> told) {
  if (!http_)
    return {errc::unavailable, "this worker can't download"};
  auto answered = std::make_shared<std::promise<result<ports::http_response>>>();
  {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return error{errc::cancelled};
    transfer_ = http_->download(
      std::move(what), [told](ports::transfer_progress x) { told(x); },
      [answered](result<ports::http_response> x) { answered->set_value(std::move(x)); });
  }
  auto out = answered->get_future().get();
  std::lock_guard guard{mutex_};
  transfer_.reset();
  return out;
}

void live_attempt::stop() {
  std::shared_ptr<ports::transfer> transfer;
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
    transfer = transfer_;
    // Behind its request in the mailbox, since both are sent under the lock.
    if (operation_ != 0)
      caf::anon_send(pool_, cancel_operation{operation_});
  }
  if (transfer)
    transfer->cancel();
}

} // namespace troupe::work
