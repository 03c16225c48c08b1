#include "nodes/trouped/coordinator_link.hpp"

#include <caf/io/all.hpp>

namespace troupe::node {

namespace {

constexpr std::chrono::seconds knock_timeout{10};
constexpr milliseconds retry_delay{200};

} // namespace

coordinator_link::coordinator_link(mesh::worker_handles local) : handles_(std::move(local)) {
}

coordinator_link::coordinator_link(caf::actor_system& system, std::string host, uint16_t port, std::string name) :
  system_(&system),
  host_(std::move(host)),
  port_(port),
  name_(std::move(name)) {
}

coordinator_link::~coordinator_link() {
  std::unique_lock guard{mutex_};
  look_up_ended_.wait(guard, [this] { return look_ups_ == 0; });
}

result<mesh::worker_handles> coordinator_link::knock() {
  auto where = host_ + ":" + std::to_string(port_);
  auto door = system_->middleman().remote_actor<mesh::door>(host_, port_);
  if (!door)
    return {errc::unavailable, "no coordinator answers at " + where + "; is trouped running there with role "
                                                                      "coordinator, and mesh.coordinator right?"};
  mesh::knock_as_worker message;
  message.knock.role = "worker";
  message.knock.name = name_;
  result<mesh::worker_handles> out{errc::unavailable, "the coordinator at " + where + " did not answer"};
  caf::scoped_actor self{*system_};
  self->request(*door, knock_timeout, std::move(message))
    .receive(
      [&](mesh::worker_handles& x) {
        out = std::move(x);
      },
      [&](caf::error& e) {
        out = mesh::from_caf(e);
      });
  if (out) {
    std::lock_guard guard{mutex_};
    handles_ = *out;
  }
  return out;
}

result<void> coordinator_link::connect(milliseconds limit) {
  if (!system_)
    return {};
  auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto got = knock();
    if (got)
      return {};
    if (got.error().code == errc::protocol || std::chrono::steady_clock::now() > end)
      return std::move(got).error();
    std::this_thread::sleep_for(retry_delay);
  }
}

void coordinator_link::find(std::function<void(result<mesh::job_worker>)> done) {
  if (!system_)
    return done(handles_.jobs);
  {
    std::lock_guard guard{mutex_};
    ++look_ups_;
  }
  std::thread{[this, done = std::move(done)] {
    auto got = knock();
    if (got)
      done(got->jobs);
    else
      done(std::move(got).error());
    std::lock_guard guard{mutex_};
    --look_ups_;
    look_up_ended_.notify_all();
  }}.detach();
}

mesh::worker_handles coordinator_link::handles() const {
  std::lock_guard guard{mutex_};
  return handles_;
}

} // namespace troupe::node
