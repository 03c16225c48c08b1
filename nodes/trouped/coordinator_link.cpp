#include "nodes/trouped/coordinator_link.hpp"

namespace troupe::node {

namespace {

constexpr std::chrono::seconds knock_timeout{5};
constexpr milliseconds retry_delay{200};

} // namespace

coordinator_link::coordinator_link(mesh::worker_handles local) : handles_(std::move(local)) {
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

result<mesh::worker_handles> coordinator_link::knock() {
  size_t first = 0;
  {
    std::lock_guard guard{mutex_};
    first = last_good_;
  }
  error why{errc::none, {}};
  for (size_t i = 0; i < places_.size(); ++i) {
    const auto at = (first + i) % places_.size();
    auto out = access_->enter_as_worker(*system_, places_[at].host, places_[at].port, name_, knock_timeout);
    if (out) {
      std::lock_guard guard{mutex_};
      handles_ = *out;
      last_good_ = at;
      return out;
    }
    // Where nobody answers now, somebody may later: that is worth another try, whatever the others say.
    if (why.code != errc::unavailable)
      why.code = out.error().code;
    why.message += (why.message.empty() ? "" : "; ") + out.error().message;
  }
  return {why.code, "no coordinator (mesh.coordinator): " + why.message};
}

result<void> coordinator_link::connect(milliseconds limit) {
  if (!system_)
    return {};
  auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto got = knock();
    if (got)
      return {};
    const auto code = got.error().code;
    // What is not let in now is not let in later.
    if (code == errc::protocol || code == errc::forbidden || std::chrono::steady_clock::now() > end)
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
