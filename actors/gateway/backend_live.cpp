#include "actors/gateway/backend_parts.hpp"
#include "actors/gateway/render.hpp"

namespace troupe::gateway {

namespace {

constexpr std::chrono::seconds follow_retry_delay{1};
/// Topics that are caught up with at a time after the notifier began anew.
constexpr size_t recoveries_at_once = 64;

} // namespace

caf::actor mesh_backend::spawn_actor(caf::actor_system& system) {
  auto actor = system.spawn([this](act_self self) -> caf::behavior {
    return {
      [self](const posted& x) { (*x.run)(self); },
      [this](mesh::event_batch& x) { pass_on(std::move(x.events)); },
    };
  });
  refollow();
  return actor;
}

void mesh_backend::on_events(std::function<void(std::shared_ptr<const std::vector<event>>)> sink) {
  *sink_ = std::move(sink);
}

void mesh_backend::pass_on(std::vector<event> batch) {
  auto changed = std::erase_if(batch, [](auto& e) { return e.topic == catalogue_topic; }) > 0;
  if (changed)
    forget_catalogue();
  auto now = positions_.pass(std::move(batch));
  if (!now.empty() && *sink_)
    (*sink_)(std::make_shared<const std::vector<event>>(std::move(now)));
}

void mesh_backend::forget_catalogue() {
  config_.cache.invalidate("videos");
}

// -- following --------------------------------------------------------------------------------------------------------

void mesh_backend::follow(const std::string& topic) {
  // The message goes out under the lock: follow and unfollow of two threads reach the notifier in the order counted.
  std::lock_guard guard{topics_mutex_};
  if (++topics_[topic] == 1)
    follow_topic(topic);
}

void mesh_backend::follow_topic(const std::string& topic) {
  post([this, topic](act_self self) {
    // When the coordinator is found all topics are followed again.
    if (coordinator_away())
      return;
    self
      ->request(peers_.notifier, config_.timeout, mesh::follow_topics{{topic}},
                caf::actor_cast<mesh::event_subscriber>(self))
      .then([](const mesh::done&) {}, [this, self](const caf::error&) { follow_later(self); });
  });
}

void mesh_backend::follow_later(act_self self) {
  if (coordinator_away())
    return;
  spdlog::warn("gateway: can't follow live events, trying again");
  auto again = [this](act_self) { refollow(); };
  self->delayed_send(self, follow_retry_delay,
                     posted{std::make_shared<std::function<void(act_self)>>(std::move(again))});
}

void mesh_backend::unfollow(const std::string& topic) {
  std::lock_guard guard{topics_mutex_};
  auto i = topics_.find(topic);
  if (i == topics_.end() || --i->second > 0)
    return;
  topics_.erase(i);
  post([this, topic](act_self self) {
    positions_.forget(topic);
    self->send(peers_.notifier, mesh::unfollow_topics{{topic}}, caf::actor_cast<mesh::event_subscriber>(self));
  });
}

bool mesh_backend::is_followed(const std::string& topic) {
  std::lock_guard guard{topics_mutex_};
  return topics_.contains(topic);
}

// -- a notifier that begins anew --------------------------------------------------------------------------------------

void mesh_backend::refollow() {
  std::lock_guard guard{topics_mutex_};
  std::vector<std::string> topics;
  for (auto& [topic, count] : topics_)
    topics.push_back(topic);
  if (config_.watch)
    topics.emplace_back(catalogue_topic);
  if (topics.empty())
    return;
  post([this, topics = std::move(topics)](act_self self) {
    if (coordinator_away())
      return;
    const auto round = ++round_;
    positions_.start_over();
    self
      ->request(peers_.notifier, config_.timeout, mesh::follow_topics{topics},
                caf::actor_cast<mesh::event_subscriber>(self))
      .then(
        [this, round](const mesh::done&) {
          // Changes that nobody told us of.
          if (config_.watch)
            forget_catalogue();
          for (size_t i = 0; i < recoveries_at_once; ++i)
            recover_next(round);
        },
        [this, self](const caf::error&) { follow_later(self); });
  });
}

void mesh_backend::recover_next(uint64_t round) {
  auto since = round == round_ ? positions_.next() : std::nullopt;
  if (!since)
    return;
  auto topic = since->topic;
  catch_up_from(*since, [this, round, topic](result<ports::replay> outcome) {
    // Back to the actor: it may be another thread, or the stack of many that failed at once.
    auto shared = std::make_shared<result<ports::replay>>(std::move(outcome));
    post([this, round, topic, shared](act_self self) {
      if (round == round_)
        recovered(self, topic, std::move(*shared));
      recover_next(round);
    });
  });
}

void mesh_backend::recovered(act_self self, const std::string& topic, result<ports::replay> outcome) {
  if (!outcome) {
    // This topic waits until all of them are tried again.
    ++round_;
    return follow_later(self);
  }
  auto position = outcome->position;
  position.topic = topic;
  auto now = positions_.caught_up(position, std::move(outcome->events));
  if (!now.empty() && *sink_)
    (*sink_)(std::make_shared<const std::vector<event>>(std::move(now)));
}

void mesh_backend::joined(const mesh::gateway_welcome& welcome) {
  {
    std::lock_guard guard{profiles_mutex_};
    profiles_ = std::make_shared<const std::vector<media_profile>>(welcome.profiles);
  }
  forget_catalogue();
  refollow();
  if (!welcome.handles.node)
    return;
  auto told = [files = config_.files](result<mesh::node_status> x) {
    if (x)
      files->coordinators_gateway(x->node_name, x->api_url);
  };
  ask<mesh::node_status>(welcome.handles.node, mesh::get_status{}, ports::completion<mesh::node_status>{told},
                         [](mesh::node_status& x) { return std::move(x); });
}

// -- what was missed --------------------------------------------------------------------------------------------------

void mesh_backend::snapshot(job_id id, event_position position, ports::completion<ports::replay> done) {
  find_job(id, [id, position, done](result<ports::job_view> found) {
    ports::replay answer;
    answer.position = position;
    if (!found) {
      if (found.error().code != errc::not_found)
        return done(std::move(found).error());
      return done(std::move(answer));
    }
    answer.events.push_back(snapshot_event(found->item, found->children, position));
    done(std::move(answer));
  });
}

void mesh_backend::nodes_snapshot(event_position position, ports::completion<ports::replay> done) {
  nodes([position, done](result<std::vector<node_details>> found) {
    if (!found)
      return done(std::move(found).error());
    done(ports::replay{{snapshot_event(*found, position)}, position});
  });
}

void mesh_backend::catch_up_from(event_position since, ports::completion<ports::replay> done) {
  auto told = [this, since, done](result<mesh::caught_up> x) {
    if (!x)
      return done(std::move(x).error());
    auto fresh = since.epoch == 0;
    if (x->gap || fresh) {
      if (auto id = job_of_topic(since.topic))
        return snapshot(*id, x->position, done);
      if (since.topic == nodes_topic)
        return nodes_snapshot(x->position, done);
    }
    ports::replay answer;
    answer.position = x->position;
    if (x->gap && !fresh)
      answer.events.push_back(gap_event(since.topic, x->position));
    else
      answer.events = std::move(x->events);
    done(std::move(answer));
  };
  ask_coordinator<mesh::caught_up>(peers_.notifier, mesh::catch_up{since},
                                   ports::completion<mesh::caught_up>{std::move(told)}, same<mesh::caught_up>);
}

void mesh_backend::catch_up(event_position since, ports::completion<ports::replay> done) {
  auto topic = since.topic;
  catch_up_from(std::move(since), [this, topic, done = std::move(done)](result<ports::replay> x) {
    // In the gateway actor, like every answer of the mesh.
    if (x && is_followed(topic))
      positions_.told({topic, x->position.epoch, x->position.seq});
    done(std::move(x));
  });
}

} // namespace troupe::gateway
