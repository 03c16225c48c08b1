#include "actors/media/live_attempt.hpp"

#include "protocol/model/job_kinds.hpp"

#include <condition_variable>
#include <deque>
#include <future>
#include <variant>

namespace troupe::work {

namespace {

/// The executor asks for an output.
struct wish {
  uint64_t id = 0;
  std::string name;
};

/// What happens to one operation, for the thread that waits for it.
class operation_events {
public:
  using event = std::variant<wish, executor_answer>;

  void push(event x) {
    std::lock_guard guard{mutex_};
    queue_.push_back(std::move(x));
    changed_.notify_one();
  }
  event pop() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !queue_.empty(); });
    // The answer is the last event: wishes before it can't be granted any more.
    auto last = std::holds_alternative<executor_answer>(queue_.back());
    auto out = std::move(last ? queue_.back() : queue_.front());
    last ? queue_.clear() : queue_.pop_front();
    return out;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<event> queue_;
};

} // namespace

live_attempt::live_attempt(assignment what, const runner_config& config) :
  what_(std::move(what)), pool_(config.pool), http_(config.http), sink_(config.sink) {
}

void live_attempt::progress(job_progress x) {
  {
    std::lock_guard guard{progress_mutex_};
    progress_ = x;
  }
  if (sink_ && !stopped_)
    caf::anon_send(sink_, progress_report{what_.token, std::move(x)});
}

void live_attempt::waits(const std::string& for_what) {
  job_progress x;
  {
    std::lock_guard guard{progress_mutex_};
    x = progress_;
  }
  if (!for_what.empty()) {
    x.message = for_what;
    // Speed and time left are of work that goes on.
    x.counters.erase("speed");
    x.counters.erase("etaMs");
  }
  if (sink_ && !stopped_)
    caf::anon_send(sink_, progress_report{what_.token, std::move(x)});
}

executor_answer live_attempt::run(exec::request request, std::vector<operation_file> files,
                                  std::function<void(const exec::progress&)> told, output_maker create) {
  // Shared with the callbacks, which may still be within push when the waiting thread goes on.
  auto events = std::make_shared<operation_events>();
  executor_operation asked;
  asked.id = next_operation();
  if (auto* kind = find_job_kind(what_.kind))
    asked.priority = kind->priority;
  asked.request = std::move(request);
  if (!files.empty() && files.front().supply)
    supply_source(asked, files.front().supply);
  for (auto& file : files)
    asked.descriptors.push_back(std::move(file.fd));
  asked.progress = std::move(told);
  if (create)
    asked.open = [events](uint64_t id, std::string name) { events->push(wish{id, std::move(name)}); };
  asked.done = [events](executor_answer x) { events->push(std::move(x)); };
  const auto id = asked.id;
  {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return {error{errc::cancelled}, error_class::permanent, {}, {}};
    operation_ = asked.id;
    caf::anon_send(pool_, run_operation{shared_operation(std::move(asked))});
  }
  auto next = events->pop();
  while (auto wanted = std::get_if<wish>(&next)) {
    auto file = std::make_shared<result<unique_fd>>(create(wanted->name));
    caf::anon_send(pool_, output_opened{id, wanted->id, std::move(file)});
    next = events->pop();
  }
  std::lock_guard guard{mutex_};
  operation_ = 0;
  return std::move(std::get<executor_answer>(next));
}

void live_attempt::supply_source(executor_operation& asked, std::shared_ptr<byte_supply> supply) {
  asked.request.ranged = true;
  asked.request.source_size = supply->size();
  // Neither blocks: one runs in the pool, the other on the supplier's thread.
  asked.need = [supply, pool = pool_, operation = asked.id](uint64_t id, byte_span wanted) {
    supply->need(wanted, [pool, operation, id](result<byte_span> there) {
      caf::anon_send(pool, bytes_supplied{operation, id, std::make_shared<result<byte_span>>(std::move(there))});
    });
  };
  asked.coming = [supply](const std::vector<byte_span>& coming) { supply->announce(coming); };
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

result<void> live_attempt::transfer(const transfer_start& start) {
  auto ended = std::make_shared<std::promise<result<void>>>();
  {
    std::lock_guard guard{mutex_};
    if (stopped_)
      return error{errc::cancelled};
    transfer_ = start([ended](result<void> x) { ended->set_value(std::move(x)); });
  }
  auto out = ended->get_future().get();
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
