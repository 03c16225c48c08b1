#pragma once

// The executors of a worker as an actor-free state machine: which exist, what each does, what waits. The executor_pool
// actor feeds it; tests drive it with a fake clock and fake children. Not thread safe.

#include "protocol/model/executor.hpp"
#include "protocol/model/time.hpp"
#include "protocol/ports/child_process.hpp"
#include "protocol/ports/source_cache.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace troupe::work {

/// A descriptor that several holders share (messages are copyable); closed with the last of them.
using shared_fd = std::shared_ptr<const unique_fd>;

struct executor_config {
  /// The troupe-executor program with its arguments and limits.
  ports::child_spec program;
  /// Go with every request.
  exec::limits limits{};
  /// Most processes at once: the number of cores unless configured.
  uint32_t executors = 1;
  /// Operations that wait for an executor; one more is refused with errc::rate_limited.
  size_t max_waiting = 1000;
  /// From the start of a process to its `ready`.
  milliseconds start_timeout{15'000};
  /// A process with nothing to do for so long ends.
  milliseconds idle_timeout{60'000};
  /// An operation that tells no progress for so long is ended with class crash.
  milliseconds stall_timeout{120'000};
  /// From `shutdown` to the kill.
  milliseconds exit_timeout{5'000};
  /// Before the next start after the second crash in a row; doubles with each further one.
  milliseconds first_backoff{500};
  milliseconds max_backoff{30'000};
  /// libav's names of the encoders that passed their tests, as the executor that was started last says, or lost one
  /// since; an error when none could be started before anything was known. Each time that it changes; must not block.
  std::function<void(const result<std::vector<std::string>>&)> encoders{};
};

/// How an operation ended.
struct executor_answer {
  /// errc::none: `body` is the operation's answer (exec::decode_…_answer).
  error failure{errc::none, {}};
  error_class cls = error_class::transient;
  std::string body;
  /// The last lines that the executor logged meanwhile, at most max_log_tail_bytes.
  std::string log_tail;

  bool ok() const noexcept {
    return failure.code == errc::none;
  }
};

struct executor_operation {
  /// Chosen by the asker, unique in the process (next_operation).
  uint64_t id = 0;
  exec::request request;
  std::vector<shared_fd> descriptors;
  /// 1 first, 10 last; equal ones in order of arrival.
  uint8_t priority = 5;
  std::function<void(const exec::progress&)> progress;
  /// The executor asks for an output of that name, which was checked; answer with executor_set::opened. Empty: the
  /// operation has no further outputs, and asking for one is answered with a refusal.
  std::function<void(uint64_t id, std::string name)> open;
  /// Of a ranged request: the executor asks for these bytes of the source, which were checked to be within it; answer
  /// with executor_set::supplied, whose limits are the supplier's. Empty: asking is answered with a refusal.
  std::function<void(uint64_t id, byte_span wanted)> need;
  /// Of a ranged request: what the executor is going to read next, checked to be within the source; a hint. May be
  /// empty.
  std::function<void(std::vector<byte_span> coming)> coming;
  /// Called exactly once, unless the set is destroyed before.
  std::function<void(executor_answer)> done;
};

/// Thread safe.
uint64_t next_operation() noexcept;

/// For messages: if nobody has called `done` when the last holder lets go (the pool is gone), it is called with
/// errc::unavailable, so that no asker waits for ever.
std::shared_ptr<executor_operation> shared_operation(executor_operation what);

struct executor_stats {
  uint32_t processes = 0;
  uint32_t busy = 0;
  size_t waiting = 0;
  uint64_t started = 0;
  uint64_t crashes = 0;
};

class executor_set {
public:
  /// Wires a new child to on_frame and on_exit with this number, by way of the owner's thread.
  using connect = std::function<ports::child_callbacks(uint64_t executor)>;

  executor_set(executor_config config, std::shared_ptr<ports::child_processes> children, const clock& clk,
               connect wire);
  /// Kills all that run. Nothing is answered any more.
  ~executor_set();
  executor_set(const executor_set&) = delete;
  executor_set& operator=(const executor_set&) = delete;

  void submit(executor_operation operation);
  /// Starts an executor, and every max_backoff another one, until one has told its encoders; without work
  /// it ends then.
  void learn();
  /// One that waits is answered at once with errc::cancelled; one that runs when its process is killed and reaped.
  /// Unknown ids are ignored.
  void cancel(uint64_t operation);

  /// The answer to executor_operation::open. Of an operation that has ended it is dropped, and the file closed.
  void opened(uint64_t operation, uint64_t id, result<unique_fd> file);

  /// The answer to executor_operation::need: what is readable around the wanted bytes, or why they can't be had. Of an
  /// operation that has ended it is dropped.
  void supplied(uint64_t operation, uint64_t id, result<byte_span> there);

  void on_frame(uint64_t executor, exec::frame what);
  void on_exit(uint64_t executor, ports::child_exit exit);
  /// Does what time has made due; call at next_deadline or later.
  void tick();
  /// mono_time::max() if nothing is due ever.
  mono_time next_deadline() const;

  /// No more work: what waits is answered errc::unavailable, idle processes shut down, busy ones get until `deadline`
  /// and are then killed (answered errc::unavailable, transient). Done when empty().
  void stop(mono_time deadline);
  bool empty() const noexcept {
    return executors_.empty();
  }
  executor_stats stats() const noexcept;

private:
  enum class phase { starting, idle, busy, ending };

  struct executor {
    std::shared_ptr<ports::child> child;
    phase state = phase::starting;
    /// When it is retired (idle) or killed (otherwise).
    mono_time deadline = mono_time::max();
    std::unique_ptr<executor_operation> operation;
    /// Why we ended it; errc::none when it was not us. Answers the operation.
    error reason{errc::none, {}};
    error_class cls = error_class::crash;
    /// Shut down by us: its exit is no crash.
    bool expected = false;
    std::deque<std::string> log;
    size_t log_bytes = 0;
    /// What the operation has asked for so far.
    std::set<std::string, std::less<>> outputs;
    /// Bytes that it waits for, by id. Meanwhile it is not called stalled, and `patience` is what was left of the time
    /// that it may go without progress.
    std::map<uint64_t, byte_span> needs;
    milliseconds patience{0};
  };

  void pump();
  size_t wanted() const noexcept;
  void start_one();
  void tell_encoders(std::vector<std::string> names);
  void tell_failed_start(const error& why);
  void give(executor& to, std::unique_ptr<executor_operation> operation);
  void finish(executor& of, executor_answer answer);
  void end(executor& which, error reason, error_class cls);
  void shut_down(executor& which);
  void note_crash();
  /// Ends an executor that asks for what no executor may ask for.
  void ask_for_output(executor& of, const std::string& body);
  void answer_open(executor& of, uint64_t id, result<unique_fd> file);
  void ask_for_bytes(executor& of, const std::string& body);
  void take_hint(executor& of, const std::string& body);
  void answer_need(executor& of, uint64_t id, const result<byte_span>& there);
  /// A sign of life.
  void lives(executor& x);
  executor* runs(uint64_t operation) noexcept;
  void keep_line(executor& of, const std::string& body);
  void refuse_first(const error& why, error_class cls);
  executor* idle_one() noexcept;
  bool none_ready() const noexcept;
  size_t waiting() const noexcept;
  std::unique_ptr<executor_operation> take_first();
  error why_exited(const executor& which, const ports::child_exit& exit) const;

  executor_config config_;
  std::shared_ptr<ports::child_processes> children_;
  const clock& clock_;
  connect wire_;
  std::map<uint64_t, executor> executors_;
  std::map<uint8_t, std::deque<std::unique_ptr<executor_operation>>> waiting_;
  uint64_t next_executor_ = 1;
  bool learning_ = false;
  mono_time learn_at_{};
  std::optional<std::vector<std::string>> encoders_;
  /// Why none could be started, as it was told.
  std::string untested_;
  uint32_t crashes_in_a_row_ = 0;
  mono_time next_start_{};
  bool stopping_ = false;
  mono_time stop_by_ = mono_time::max();
  uint64_t started_ = 0;
  uint64_t crashes_ = 0;
};

} // namespace troupe::work
