#include "media/executor_session.hpp"

#include "media/executor_fault.hpp"
#include "media/faults.hpp"
#include "media/hardware_encoders.hpp"
#include "media/heartbeat.hpp"
#include "media/log_capture.hpp"
#include "media/operations.hpp"
#include "media/processor_time.hpp"
#include "media/sandbox.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace troupe::media {

namespace {

/// Requests sent ahead; each may hold 16 descriptors.
constexpr size_t max_waiting = 16;

/// A file is not bad because there was no memory to read it with.
error without_blame(const error& why) {
  if (why.code != errc::bad_media || !log_capture::ran_out_of_memory())
    return why;
  return {errc::unavailable, why.message + ": memory ran out; raise the executor's memory limit"};
}

uint64_t processor_seconds(const exec::request& request) noexcept {
  switch (request.op) {
  case exec::op::probe:
    return request.limits.probe_cpu;
  case exec::op::thumbnail:
    return request.limits.thumbnail_cpu;
  default:
    return request.limits.long_cpu;
  }
}

/// A worker that breaks the protocol can't be talked to.
[[noreturn]] void end_for(const error& broken) {
  std::fprintf(stderr, "troupe-executor: %s\n", broken.message.c_str());
  ::_exit(exit_protocol);
}

std::string text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace

int executor_session::run(exec::readiness ready) {
  ready_ = std::move(ready);
  log_capture::install([this](const std::string& line) {
    // Logged while an operation runs, on whichever thread libav uses.
    channel_.send(exec::frame_type::log, 0, text({{"line", line}}));
  });
  std::thread([this] { watch(); }).detach();
  channel_.send(exec::frame_type::ready, 0, exec::encode(ready_));
  while (auto request = next())
    serve(std::move(*request));
  return 0;
}

void executor_session::watch() {
  for (;;) {
    auto got = channel_.receive();
    if (!got)
      end_for(got.error());
    if (!*got)
      ::_exit(exit_worker_gone);
    auto& frame = **got;
    switch (frame.frame.type) {
    case exec::frame_type::request:
      queue(std::move(frame));
      break;
    case exec::frame_type::cancel:
      cancel(frame.frame.operation);
      break;
    case exec::frame_type::opened:
      if (auto taken = outputs_.opened(std::move(frame)); !taken)
        end_for(taken.error());
      break;
    case exec::frame_type::have:
      if (auto taken = bytes_.have(frame); !taken)
        end_for(taken.error());
      break;
    default: {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_one();
    }
    }
  }
}

void executor_session::queue(received_frame got) {
  std::unique_lock lock(mutex_);
  if (waiting_.size() < max_waiting) {
    waiting_.push_back(std::move(got));
    changed_.notify_one();
    return;
  }
  lock.unlock();
  answer_failure(got.frame.operation, {errc::unavailable, "too many requests wait for this executor"});
}

void executor_session::cancel(uint64_t operation) {
  std::unique_lock lock(mutex_);
  if (operation == running_) {
    cancelled_ = true;
    outputs_.wake();
    bytes_.wake();
    return;
  }
  auto it = std::find_if(waiting_.begin(), waiting_.end(),
                         [&](const received_frame& f) { return f.frame.operation == operation; });
  // One that is answered already needs nothing.
  if (it == waiting_.end())
    return;
  waiting_.erase(it);
  lock.unlock();
  answer_failure(operation, cancelled_error());
}

std::optional<received_frame> executor_session::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  if (waiting_.empty())
    return std::nullopt;
  auto got = std::move(waiting_.front());
  waiting_.pop_front();
  running_ = got.frame.operation;
  cancelled_ = false;
  return got;
}

result<std::string> executor_session::answer(const received_frame& got) {
  const auto operation = got.frame.operation;
  auto request = exec::decode_request(got.frame.body);
  bytes_.begin(operation, request ? request->source_size : 0);
  if (!request)
    return request.error();
  // Probes and thumbnails are over before anybody would ask, and there are many of them.
  const bool brief = request->op == exec::op::probe || request->op == exec::op::thumbnail;
  heartbeat beat(
    [&](const exec::progress& p) { channel_.send(exec::frame_type::progress, operation, exec::encode(p)); },
    std::chrono::seconds(brief ? 0 : 1));
  task job{cancelled_, [&](const exec::progress& p) { beat.report(p); },
           [&](const std::string& name) { return outputs_.create(operation, name); }, request->limits, &bytes_};
  processor_time clock(processor_seconds(*request), cancelled_);
  auto done = [&]() -> result<std::string> {
    if (!request->fault.empty()) {
      if (!options_.test_faults)
        return {errc::protocol, "faults are for tests: start the executor with --test-faults"};
      TROUPE_TRY(run_fault(request->fault, job));
    }
    return run_operation(*request, got.descriptors, job);
  }();
  if (!done && clock.spent())
    return {errc::bad_media, "the file takes more than " + std::to_string(processor_seconds(*request))
                               + " s of processor time, which is the limit"};
  return done;
}

void executor_session::tell_refused_calls() {
  for (auto& line : refused_calls())
    channel_.send(exec::frame_type::log, 0, text({{"line", "the sandbox refused " + line}}));
}

/// A card that fails in earnest is no longer offered; who starts another executor has it tested anew.
void executor_session::tell_lost_encoders() {
  if (std::erase_if(ready_.encoders, [](auto& name) { return is_withdrawn(name); }) > 0)
    channel_.send(exec::frame_type::ready, 0, exec::encode(ready_));
}

void executor_session::serve(received_frame got) {
  const auto operation = got.frame.operation;
  auto answered = answer(got);
  {
    std::lock_guard lock(mutex_);
    running_ = 0;
  }
  // The descriptors go first: whoever sees the answer may count on them being closed.
  got.descriptors.clear();
  tell_refused_calls();
  tell_lost_encoders();
  // Whatever was made of a source that was not all there. libav takes some failures for an end of the file.
  if (auto refused = cancelled_ ? std::nullopt : bytes_.refusal())
    answer_failure(operation, *refused);
  else if (answered)
    channel_.send(exec::frame_type::done, operation, std::move(*answered));
  else
    answer_failure(operation, without_blame(answered.error()));
}

void executor_session::answer_failure(uint64_t operation, const error& why) {
  answer_failure(operation, exec::failure{why.code, default_class(why.code), why.message, why.fields});
}

void executor_session::answer_failure(uint64_t operation, const exec::failure& why) {
  channel_.send(exec::frame_type::failed, operation, exec::encode(why));
}

} // namespace troupe::media
