#include "actors/gateway/backend_parts.hpp"
#include "actors/gateway/render.hpp"

namespace troupe::gateway {

namespace {

constexpr std::chrono::seconds follow_retry_delay{1};

using sink_ptr = std::shared_ptr<std::function<void(std::shared_ptr<const std::vector<event>>)>>;

caf::behavior gateway_actor(caf::event_based_actor* self, sink_ptr sink) {
  return {
    [self](const posted& x) { (*x.run)(self); },
    [sink](mesh::event_batch& x) {
      if (*sink)
        (*sink)(std::make_shared<const std::vector<event>>(std::move(x.events)));
    },
  };
}

} // namespace

caf::actor mesh_backend::spawn_actor(caf::actor_system& system) {
  auto actor = system.spawn(gateway_actor, sink_);
  refollow();
  return actor;
}

void mesh_backend::on_events(std::function<void(std::shared_ptr<const std::vector<event>>)> sink) {
  *sink_ = std::move(sink);
}

void mesh_backend::follow(const std::string& topic) {
  // The message goes out under the lock: follow and unfollow of two threads reach the notifier in the order counted.
  std::lock_guard guard{topics_mutex_};
  if (++topics_[topic] == 1)
    follow_all({topic});
}

void mesh_backend::follow_all(std::vector<std::string> topics) {
  post([this, topics = std::move(topics)](act_self self) {
    self
      ->request(peers_.notifier, config_.timeout, mesh::follow_topics{topics},
                caf::actor_cast<mesh::event_subscriber>(self))
      .then([](const mesh::done&) {},
            [this, self](caf::error& e) {
              spdlog::warn("gateway: can't follow live events, trying again: {}", mesh::from_caf(e).message);
              auto again = [this](act_self) { refollow(); };
              self->delayed_send(self, follow_retry_delay,
                                 posted{std::make_shared<std::function<void(act_self)>>(std::move(again))});
            });
  });
}

void mesh_backend::refollow() {
  std::lock_guard guard{topics_mutex_};
  std::vector<std::string> topics;
  for (auto& [topic, count] : topics_)
    topics.push_back(topic);
  if (!topics.empty())
    follow_all(std::move(topics));
}

void mesh_backend::unfollow(const std::string& topic) {
  std::lock_guard guard{topics_mutex_};
  auto i = topics_.find(topic);
  if (i == topics_.end() || --i->second > 0)
    return;
  topics_.erase(i);
  post([notifier = peers_.notifier, topic](act_self self) {
    self->send(notifier, mesh::unfollow_topics{{topic}}, caf::actor_cast<mesh::event_subscriber>(self));
  });
}

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

void mesh_backend::catch_up(event_position since, ports::completion<ports::replay> done) {
  auto told = [this, since, done](result<mesh::caught_up> x) {
    if (!x)
      return done(std::move(x).error());
    auto fresh = since.epoch == 0;
    if (x->gap || fresh)
      if (auto id = job_of_topic(since.topic))
        return snapshot(*id, x->position, done);
    ports::replay answer;
    answer.position = x->position;
    if (x->gap && !fresh)
      answer.events.push_back(gap_event(since.topic, x->position));
    else
      answer.events = std::move(x->events);
    done(std::move(answer));
  };
  ask<mesh::caught_up>(peers_.notifier, mesh::catch_up{since}, ports::completion<mesh::caught_up>{std::move(told)},
                       same<mesh::caught_up>);
}

} // namespace troupe::gateway
