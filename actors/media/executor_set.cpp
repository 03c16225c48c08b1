#include "actors/media/executor_set.hpp"

#include "actors/media/log_line.hpp"
#include "protocol/model/job_kinds.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>

namespace troupe::work {

namespace {

result<std::vector<unique_fd>> duplicates(const std::vector<shared_fd>& originals) {
  std::vector<unique_fd> out;
  for (auto& fd : originals) {
    unique_fd copy{::fcntl(fd->get(), F_DUPFD_CLOEXEC, exec::channel_descriptor)};
    if (!copy)
      return {errc::unavailable, "no descriptor is left for the executor: raise the limit of open files"};
    out.push_back(std::move(copy));
  }
  return out;
}

const error stopping{errc::unavailable, "this worker is stopping"};

} // namespace

uint64_t next_operation() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1) + 1;
}

std::shared_ptr<executor_operation> shared_operation(executor_operation what) {
  auto let_go = [](executor_operation* x) {
    std::unique_ptr<executor_operation> owned{x};
    if (auto done = std::exchange(owned->done, nullptr))
      done({{errc::unavailable, "the executors of this worker are restarting"}, error_class::transient, {}, {}});
  };
  return {new executor_operation(std::move(what)), let_go};
}

executor_set::executor_set(executor_config config, std::shared_ptr<ports::child_processes> children, const clock& clk,
                           connect wire) :
  config_(std::move(config)),
  children_(std::move(children)), clock_(clk), wire_(std::move(wire)) {
  config_.executors = std::max(config_.executors, 1u);
}

executor_set::~executor_set() {
  for (auto& [number, x] : executors_)
    x.child->kill();
}

size_t executor_set::waiting() const noexcept {
  size_t n = 0;
  for (auto& [priority, queue] : waiting_)
    n += queue.size();
  return n;
}

void executor_set::submit(executor_operation operation) {
  if (stopping_)
    return operation.done({stopping, error_class::transient, {}, {}});
  if (waiting() >= config_.max_waiting)
    return operation.done(
      {{errc::rate_limited, "too many operations wait for an executor"}, error_class::throttled, {}, {}});
  operation.request.limits = config_.limits;
  auto priority = operation.priority;
  waiting_[priority].push_back(std::make_unique<executor_operation>(std::move(operation)));
  pump();
}

std::unique_ptr<executor_operation> executor_set::take_first() {
  while (!waiting_.empty()) {
    auto& queue = waiting_.begin()->second;
    if (!queue.empty()) {
      auto first = std::move(queue.front());
      queue.pop_front();
      return first;
    }
    waiting_.erase(waiting_.begin());
  }
  return nullptr;
}

executor_set::executor* executor_set::idle_one() noexcept {
  for (auto& [number, x] : executors_)
    if (x.state == phase::idle)
      return &x;
  return nullptr;
}

bool executor_set::none_ready() const noexcept {
  return std::none_of(executors_.begin(), executors_.end(),
                      [](auto& x) { return x.second.state == phase::idle || x.second.state == phase::busy; });
}

void executor_set::learn() {
  learning_ = !encoders_;
  pump();
}

void executor_set::tell_encoders(std::vector<std::string> names) {
  learning_ = false;
  if (encoders_ == names)
    return;
  encoders_ = std::move(names);
  if (config_.encoders)
    config_.encoders(*encoders_);
}

void executor_set::tell_failed_start(const error& why) {
  learn_at_ = clock_.mono() + config_.max_backoff;
  if (!learning_ || stopping_ || untested_ == why.message)
    return;
  untested_ = why.message;
  if (config_.encoders)
    config_.encoders(why);
}

/// Processes that should be on their way up.
size_t executor_set::wanted() const noexcept {
  const bool to_learn = learning_ && executors_.empty() && clock_.mono() >= learn_at_;
  return std::max<size_t>(waiting(), to_learn ? 1 : 0);
}

void executor_set::pump() {
  while (auto to = idle_one()) {
    auto first = take_first();
    if (!first)
      return;
    give(*to, std::move(first));
  }
  auto starting = static_cast<size_t>(
    std::count_if(executors_.begin(), executors_.end(), [](auto& x) { return x.second.state == phase::starting; }));
  // One that is on its way out still counts: the limit is about processes.
  while (!stopping_ && starting < wanted() && executors_.size() < config_.executors && clock_.mono() >= next_start_) {
    auto before = executors_.size();
    start_one();
    if (executors_.size() == before)
      return;
    ++starting;
  }
}

void executor_set::start_one() {
  auto number = next_executor_++;
  auto child = children_->spawn(config_.program, wire_(number));
  if (!child) {
    note_crash();
    tell_failed_start(child.error());
    if (none_ready())
      refuse_first(child.error(), error_class::transient);
    return;
  }
  ++started_;
  auto& x = executors_[number];
  x.child = std::move(*child);
  x.deadline = clock_.mono() + config_.start_timeout;
}

void executor_set::refuse_first(const error& why, error_class cls) {
  if (auto first = take_first())
    first->done({why, cls, {}, {}});
}

void executor_set::give(executor& to, std::unique_ptr<executor_operation> operation) {
  auto copies = duplicates(operation->descriptors);
  if (!copies)
    return operation->done({copies.error(), error_class::transient, {}, {}});
  exec::frame request{exec::frame_type::request, operation->id, exec::encode(operation->request)};
  if (auto sent = to.child->send(std::move(request), std::move(*copies)); !sent)
    return operation->done({sent.error(), default_class(sent.error().code), {}, {}});
  to.state = phase::busy;
  to.needs.clear();
  to.operation = std::move(operation);
  lives(to);
  // The executor has its own copies; a file that is replaced meanwhile should not be held open twice.
  to.operation->descriptors.clear();
  to.log.clear();
  to.log_bytes = 0;
  to.outputs.clear();
}

void executor_set::finish(executor& of, executor_answer answer) {
  for (auto& line : of.log)
    answer.log_tail += line + "\n";
  auto operation = std::move(of.operation);
  if (operation)
    operation->done(std::move(answer));
}

void executor_set::end(executor& which, error reason, error_class cls) {
  if (which.state == phase::ending && which.reason.code != errc::none)
    return;
  which.state = phase::ending;
  which.reason = std::move(reason);
  which.cls = cls;
  which.deadline = mono_time::max();
  which.child->kill();
}

void executor_set::shut_down(executor& which) {
  which.expected = true;
  which.state = phase::ending;
  which.deadline = clock_.mono() + config_.exit_timeout;
  if (!which.child->send({exec::frame_type::shutdown, 0, {}}, {}))
    which.child->kill();
}

void executor_set::cancel(uint64_t id) {
  for (auto& [priority, queue] : waiting_)
    for (auto i = queue.begin(); i != queue.end(); ++i)
      if ((*i)->id == id) {
        auto operation = std::move(*i);
        queue.erase(i);
        return operation->done({error{errc::cancelled}, error_class::permanent, {}, {}});
      }
  if (auto x = runs(id))
    end(*x, error{errc::cancelled}, error_class::permanent);
}

executor_set::executor* executor_set::runs(uint64_t operation) noexcept {
  for (auto& [number, x] : executors_)
    if (x.operation && x.operation->id == operation)
      return &x;
  return nullptr;
}

void executor_set::lives(executor& x) {
  if (x.state != phase::busy)
    return;
  x.patience = config_.stall_timeout;
  x.deadline = std::min(x.needs.empty() ? clock_.mono() + x.patience : mono_time::max(), stop_by_);
}

void executor_set::keep_line(executor& of, const std::string& body) {
  auto line = read_log_line(body);
  if (!line)
    return;
  line->resize(std::min<size_t>(line->size(), 512));
  of.log_bytes += line->size() + 1;
  of.log.push_back(std::move(*line));
  while (of.log_bytes > max_log_tail_bytes) {
    of.log_bytes -= of.log.front().size() + 1;
    of.log.pop_front();
  }
}

void executor_set::on_frame(uint64_t number, exec::frame what) {
  auto found = executors_.find(number);
  if (found == executors_.end() || found->second.state == phase::ending)
    return;
  auto& x = found->second;
  if (what.type == exec::frame_type::ready) {
    if (auto ready = exec::decode_readiness(what.body); !ready || ready->version != exec::protocol_version)
      return end(x, {errc::protocol, "the executor speaks another version: install all programs from one build"},
                 error_class::transient);
    const bool was_for_this = learning_ && waiting() == 0;
    tell_encoders(std::move(exec::decode_readiness(what.body)->encoders));
    if (x.state != phase::starting)
      return;
    x.state = phase::idle;
    x.deadline = clock_.mono() + config_.idle_timeout;
    stopping_ || was_for_this ? shut_down(x) : pump();
    return;
  }
  if (what.type == exec::frame_type::log)
    keep_line(x, what.body);
  if (!x.operation || what.operation != x.operation->id)
    return;
  if (what.type == exec::frame_type::progress) {
    lives(x);
    if (auto progress = exec::decode_progress(what.body); progress && x.operation->progress)
      x.operation->progress(*progress);
    return;
  }
  if (what.type == exec::frame_type::open)
    return ask_for_output(x, what.body);
  if (what.type == exec::frame_type::need)
    return ask_for_bytes(x, what.body);
  if (what.type == exec::frame_type::coming)
    return take_hint(x, what.body);
  executor_answer answer;
  if (what.type == exec::frame_type::done) {
    answer.body = std::move(what.body);
  } else if (what.type == exec::frame_type::failed) {
    auto failure = exec::decode_failure(what.body);
    if (!failure)
      return end(x, failure.error(), error_class::crash);
    answer.failure = {failure->code == errc::none ? errc::internal : failure->code, failure->message};
    answer.failure.fields = std::move(failure->fields);
    answer.cls = failure->cls;
  } else {
    return;
  }
  crashes_in_a_row_ = 0;
  x.state = phase::idle;
  x.needs.clear();
  x.deadline = clock_.mono() + config_.idle_timeout;
  finish(x, std::move(answer));
  // The answer may have changed the set.
  if (auto again = executors_.find(number); stopping_ && again != executors_.end())
    shut_down(again->second);
  else
    pump();
}

error executor_set::why_exited(const executor& which, const ports::child_exit& exit) const {
  if (which.reason.code != errc::none)
    return which.reason;
  if (which.state == phase::starting && exit.status == exec::exit_no_sandbox)
    return {errc::unavailable, "media is not read without a complete sandbox, which this machine does not offer: see "
                               "troupe doctor, or set worker.sandbox to best"};
  if (which.operation && exit.signal == SIGXCPU)
    return {errc::bad_media, "the file takes more processor time than it may (media.probe_cpu, media.thumbnail_cpu, "
                             "media.transcode_cpu)"};
  auto doing = which.operation ? " during " + std::string{to_string(which.operation->request.op)} : " at its start";
  return {errc::crash, "the executor process " + exit.describe() + doing};
}

void executor_set::note_crash() {
  ++crashes_;
  ++crashes_in_a_row_;
  if (crashes_in_a_row_ < 2)
    return;
  auto doublings = std::min(crashes_in_a_row_ - 2, 16u);
  next_start_ = clock_.mono() + std::min(config_.first_backoff * (1 << doublings), config_.max_backoff);
}

void executor_set::on_exit(uint64_t number, ports::child_exit exit) {
  auto node = executors_.extract(number);
  if (node.empty())
    return;
  auto& x = node.mapped();
  bool never_ready = x.state == phase::starting || (x.state == phase::ending && !x.operation && !x.expected);
  bool cancelled = x.reason.code == errc::cancelled || (stopping_ && x.reason.code == errc::unavailable);
  if (!x.expected && !cancelled)
    note_crash();
  auto why = why_exited(x, exit);
  auto cls = x.reason.code != errc::none ? x.cls
             : why.code == errc::crash   ? error_class::crash
                                         : default_class(why.code);
  if (never_ready)
    tell_failed_start(why);
  if (x.operation)
    finish(x, {why, cls, {}, {}});
  else if (never_ready && none_ready())
    // Nobody else could take it: better an answer now than none for ever.
    refuse_first(why, cls);
  pump();
}

void executor_set::tick() {
  auto now = clock_.mono();
  for (auto& [number, x] : executors_) {
    if (x.deadline > now)
      continue;
    switch (x.state) {
    case phase::starting:
      end(x, {errc::crash, "the executor did not become ready in time"}, error_class::crash);
      break;
    case phase::idle:
      shut_down(x);
      break;
    case phase::busy:
      if (stopping_)
        end(x, stopping, error_class::transient);
      else
        end(x,
            {errc::crash, "the executor made no progress for " + std::to_string(config_.stall_timeout.count() / 1000)
                            + " s during " + std::string{to_string(x.operation->request.op)} + " and was ended"},
            error_class::crash);
      break;
    case phase::ending:
      x.deadline = mono_time::max();
      x.child->kill();
      break;
    }
  }
  pump();
}

mono_time executor_set::next_deadline() const {
  auto first = mono_time::max();
  for (auto& [number, x] : executors_)
    first = std::min(first, x.deadline);
  if (learning_ && !stopping_ && executors_.empty())
    first = std::min(first, std::max(learn_at_, next_start_));
  if (!stopping_ && waiting() > 0 && executors_.size() < config_.executors && next_start_ > clock_.mono())
    first = std::min(first, next_start_);
  return first;
}

void executor_set::stop(mono_time deadline) {
  stopping_ = true;
  stop_by_ = deadline;
  while (auto first = take_first())
    first->done({stopping, error_class::transient, {}, {}});
  for (auto& [number, x] : executors_) {
    if (x.state == phase::idle)
      shut_down(x);
    else if (x.state == phase::starting)
      end(x, stopping, error_class::transient);
    x.deadline = std::min(x.deadline, deadline);
  }
}

executor_stats executor_set::stats() const noexcept {
  executor_stats out{static_cast<uint32_t>(executors_.size()), 0, waiting(), started_, crashes_};
  for (auto& [number, x] : executors_)
    out.busy += x.state == phase::busy;
  return out;
}

} // namespace troupe::work
