#include "actors/supervision/directory.hpp"

#include "actors/supervision/messages.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

namespace troupe::supervision {

namespace {

constexpr std::chrono::seconds look_up_limit{60};

using place = std::pair<std::string, std::string>;

/// Runs the look-ups, on its own thread.
caf::behavior resolver(caf::event_based_actor*, decltype(directory_config::look_up) look_up) {
  return {
    [look_up](const find_actor& x) -> caf::result<actor_located> {
      try {
        auto found = look_up(x.node, x.name);
        if (!found)
          return found.error();
        if (!*found)
          return mesh::to_caf({errc::unavailable, x.name + " of node " + x.node + " was not found"});
        return actor_located{x.node, x.name, *found};
      } catch (const std::exception& ex) {
        return mesh::to_caf({errc::internal, "looking up " + x.name + " of node " + x.node + " failed: " + ex.what()});
      } catch (...) {
        return mesh::to_caf({errc::internal, "looking up " + x.name + " of node " + x.node + " failed"});
      }
    },
  };
}

class directory_state {
public:
  directory_state() {
  }

  void init(caf::event_based_actor* self, directory_config config);
  caf::result<actor_located> find(const find_actor& x);
  void follow(const place& at, const caf::strong_actor_ptr& who);
  void unfollow(const place& at, const caf::actor_addr& who);
  void look_up(const place& at);
  void backoff_over(const place& at);
  void down(const caf::actor_addr& who);

  const char* name = "directory";

private:
  struct entry {
    explicit entry(restart_policy p) : policy(std::move(p)) {
    }
    caf::actor handle;
    std::map<caf::actor_addr, caf::actor> followers;
    std::vector<caf::typed_response_promise<actor_located>> waiting;
    restart_policy policy;
    bool looking = false;
    /// A look_up_again is on its way.
    bool due_later = false;
    /// Why it was not found, as the log says.
    std::string told;
  };

  entry& at(const place& where);
  void found(const place& where, const caf::actor& handle);
  void not_found(const place& where, const caf::error& why);
  void again_later(const place& where, entry& it);
  mono_time now() const {
    return std::chrono::floor<milliseconds>(self_->clock().now());
  }

  caf::event_based_actor* self_ = nullptr;
  directory_config config_;
  caf::actor resolver_;
  std::map<place, entry> entries_;
};

void directory_state::init(caf::event_based_actor* self, directory_config config) {
  self_ = self;
  config_ = std::move(config);
  if (!config_.random)
    config_.random = [rng = std::mt19937_64{std::random_device{}()}]() mutable { return rng(); };
  resolver_ =
    config_.detached ? self->spawn<caf::detached>(resolver, config_.look_up) : self->spawn(resolver, config_.look_up);
  self->monitor(resolver_);
  self->attach_functor([who = resolver_] { caf::anon_send_exit(who, caf::exit_reason::kill); });
}

directory_state::entry& directory_state::at(const place& where) {
  return entries_.try_emplace(where, restart_policy{config_.delays, config_.random}).first->second;
}

caf::result<actor_located> directory_state::find(const find_actor& x) {
  place where{x.node, x.name};
  auto& it = at(where);
  if (it.handle)
    return actor_located{x.node, x.name, it.handle};
  auto promise = self_->make_response_promise<caf::typed_response_promise<actor_located>>();
  it.waiting.push_back(promise);
  look_up(where);
  return promise;
}

void directory_state::follow(const place& where, const caf::strong_actor_ptr& who) {
  if (!who)
    return;
  auto follower = caf::actor_cast<caf::actor>(who);
  auto& it = at(where);
  if (it.followers.emplace(follower.address(), follower).second)
    self_->monitor(follower);
  if (it.handle)
    self_->send(follower, actor_located{where.first, where.second, it.handle});
  else
    look_up(where);
}

void directory_state::unfollow(const place& where, const caf::actor_addr& who) {
  auto it = entries_.find(where);
  if (it == entries_.end() || it->second.followers.erase(who) == 0)
    return;
  auto follows_more =
    std::any_of(entries_.begin(), entries_.end(), [&](auto& other) { return other.second.followers.count(who) > 0; });
  if (!follows_more)
    self_->demonitor(who);
}

void directory_state::backoff_over(const place& where) {
  auto it = entries_.find(where);
  if (it == entries_.end())
    return;
  it->second.due_later = false;
  if (!it->second.followers.empty())
    look_up(where);
}

void directory_state::look_up(const place& where) {
  auto& it = at(where);
  if (it.handle || it.looking)
    return;
  it.looking = true;
  self_->request(resolver_, look_up_limit, find_actor{where.first, where.second})
    .then([this, where](const actor_located& x) { found(where, x.handle); },
          [this, where](const caf::error& err) { not_found(where, err); });
}

void directory_state::found(const place& where, const caf::actor& handle) {
  auto& it = at(where);
  it.looking = false;
  it.handle = handle;
  it.policy.running(now());
  it.told.clear();
  spdlog::info("directory: found {} of node {}", where.second, where.first);
  actor_located news{where.first, where.second, handle};
  for (auto& promise : std::exchange(it.waiting, {}))
    promise.deliver(news);
  for (auto& [address, follower] : it.followers)
    self_->send(follower, news);
  // Last: a handle that is dead already gives its DOWN after the news of it.
  self_->monitor(handle);
}

void directory_state::not_found(const place& where, const caf::error& why) {
  auto& it = at(where);
  it.looking = false;
  for (auto& promise : std::exchange(it.waiting, {}))
    promise.deliver(why);
  // Each reason once: who looks into the log wants to know what is waited for.
  if (auto reason = mesh::from_caf(why).message; !it.followers.empty() && reason != it.told)
    spdlog::warn("directory: {} of node {} was not found: {}; it is looked for again and again", where.second,
                 where.first, it.told = reason);
  again_later(where, it);
}

/// Only for followers: nobody else waits for it.
void directory_state::again_later(const place& where, entry& it) {
  if (it.followers.empty()) {
    entries_.erase(where);
    return;
  }
  if (std::exchange(it.due_later, true))
    return;
  auto delay = it.policy.crashed(now());
  spdlog::info("directory: looking for {} of node {} in {} ms", where.second, where.first, delay.count());
  self_->delayed_send(self_, delay, look_up_again{where.first, where.second});
}

void directory_state::down(const caf::actor_addr& who) {
  if (resolver_.address() == who) {
    self_->quit(mesh::to_caf({errc::internal, "the directory's look-up thread has ended"}));
    return;
  }
  std::vector<place> gone;
  for (auto& [where, it] : entries_) {
    it.followers.erase(who);
    if (it.handle && it.handle.address() == who)
      gone.push_back(where);
  }
  for (auto& where : gone) {
    auto& it = at(where);
    it.handle = nullptr;
    spdlog::warn("directory: lost {} of node {}", where.second, where.first);
    for (auto& [address, follower] : it.followers)
      self_->send(follower, actor_lost{where.first, where.second});
    again_later(where, it);
  }
}

using directory_actor = caf::stateful_actor<directory_state>;

caf::behavior directory(directory_actor* self, directory_config config) {
  self->state.init(self, std::move(config));
  self->set_default_handler(caf::drop);
  self->set_down_handler([self](caf::down_msg& x) { self->state.down(x.source); });
  return {
    [self](const find_actor& x) { return self->state.find(x); },
    [self](const follow_actor& x) {
      self->state.follow({x.node, x.name}, self->current_sender());
    },
    [self](const unfollow_actor& x) {
      self->state.unfollow({x.node, x.name}, caf::actor_cast<caf::actor_addr>(self->current_sender()));
    },
    [self](const look_up_again& x) {
      self->state.backoff_over({x.node, x.name});
    },
  };
}

} // namespace

caf::actor spawn_directory(caf::actor_system& sys, directory_config config) {
  return sys.spawn(directory, std::move(config));
}

} // namespace troupe::supervision
