#include "nodes/trouped/coordinator_link.hpp"

#include <spdlog/spdlog.h>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds knock_timeout{5};
constexpr milliseconds retry_delay{200};

} // namespace

coordinator_link::coordinator_link(mesh::worker_handles local) : places_({}), handles_(std::move(local)) {
}

coordinator_link::coordinator_link(caf::actor_system& system, std::shared_ptr<const mesh_access> access,
                                   std::vector<config::host_port> places, std::string name) :
  system_(&system),
  access_(std::move(access)), places_(std::move(places)), name_(std::move(name)) {
}

coordinator_link::~coordinator_link() {
  std::unique_lock guard{mutex_};
  look_up_ended_.wait(guard, [this] { return look_ups_ == 0; });
}

result<mesh::worker_handles> coordinator_link::knock(uint64_t turn) {
  auto out = places_.enter_first([this](const config::host_port& at) {
    return access_->enter_as_worker(*system_, at.host, at.port, name_, knock_timeout);
  });
  if (out) {
    std::lock_guard guard{mutex_};
    // One that was overtaken is nobody's any more: the worker says hello by what came of the newest look-up, and by
    // other handles it would be refused, as one that has not joined, for as long as it lives.
    if (turn == turn_)
      handles_ = *out;
  }
  return out;
}

result<void> coordinator_link::connect(milliseconds limit, const std::function<bool()>& given_up) {
  if (!system_)
    return {};
  auto end = std::chrono::steady_clock::now() + limit;
  std::string told;
  for (;;) {
    auto got = knock(next_turn());
    if (got)
      return {};
    const auto code = got.error().code;
    // What is not let in now is not let in later.
    if (code == errc::protocol || code == errc::forbidden || std::chrono::steady_clock::now() > end)
      return std::move(got).error();
    if (given_up())
      return {errc::cancelled, "was told to stop before it found its coordinator"};
    // Each reason once: half a minute of silence looks like a node that hangs.
    if (auto& why = got.error().message; why != told) {
      told = why;
      spdlog::warn("start: {}; waiting for it for {} s at most", why,
                   std::chrono::duration_cast<std::chrono::seconds>(limit).count());
    }
    std::this_thread::sleep_for(retry_delay);
  }
}

void coordinator_link::find(std::function<void(result<mesh::job_worker>)> done) {
  if (!system_)
    return done(handles_.jobs);
  // Held until the thread is counted: it may be quick.
  std::unique_lock guard{mutex_};
  try {
    // Taken here: threads may begin in another order.
    std::thread{[this, done, turn = ++turn_] {
      auto got = knock(turn);
      if (got)
        done(got->jobs);
      else
        done(std::move(got).error());
      std::lock_guard ended{mutex_};
      --look_ups_;
      look_up_ended_.notify_all();
    }}.detach();
    ++look_ups_;
  } catch (const std::system_error& e) {
    guard.unlock();
    done(error{errc::unavailable, std::string{"no thread to look for the coordinator on: "} + e.what()
                                    + "; more of them may be allowed (TasksMax of the service, pids.max)"});
  }
}

uint64_t coordinator_link::next_turn() {
  std::lock_guard guard{mutex_};
  return ++turn_;
}

mesh::worker_handles coordinator_link::handles() const {
  std::lock_guard guard{mutex_};
  return handles_;
}

std::string coordinator_link::host() const {
  return system_ ? places_.last().host : std::string{};
}

} // namespace troupe::node
