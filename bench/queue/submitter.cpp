#include "bench/queue/submitter.hpp"

namespace troupe::bench {

namespace {

[[noreturn]] void give_up(const caf::error& e) {
  std::fprintf(stderr, "queue_bench: %s\n", mesh::from_caf(e).message.c_str());
  std::_Exit(1);
}

struct submitter_state {
  submitter_state() {
  }
  mesh::job_client jobs;
  size_t left = 0;
  size_t unanswered = 0;
  std::shared_ptr<std::promise<void>> done;
};

using submitter_ptr = submitter::stateful_pointer<submitter_state>;

void submit(submitter_ptr self) {
  auto& st = self->state;
  if (st.left == 0)
    return;
  --st.left;
  ++st.unanswered;
  self->request(st.jobs, caf::infinite, mesh::submit_jobs{{noop_job()}})
    .then(
      [self](const mesh::submitted&) {
        auto& state = self->state;
        --state.unanswered;
        submit(self);
        if (state.unanswered == 0)
          state.done->set_value();
      },
      [](const caf::error& e) { give_up(e); });
}

submitter::behavior_type submitter_actor(submitter_ptr self, mesh::job_client jobs, size_t in_flight, size_t count,
                                         std::shared_ptr<std::promise<void>> done) {
  self->state.jobs = std::move(jobs);
  self->state.left = count;
  self->state.done = std::move(done);
  return {
    [self, in_flight](const begin&) {
      for (size_t i = 0; i < in_flight; ++i)
        submit(self);
    },
  };
}

struct follower_state {
  follower_state() {
  }
  struct sent {
    steady::time_point at;
    bool counted = false;
  };
  mesh::job_client jobs;
  mesh::notifier events;
  id_source ids{[this] { return random(); }};
  std::mt19937_64 random{std::random_device{}()};
  std::unordered_map<std::string, sent> open;
  size_t left = 0;
  latencies seen;
  std::shared_ptr<std::promise<latencies>> done;
};

using follower_ptr = follower::stateful_pointer<follower_state>;

double since(steady::time_point t) {
  return std::chrono::duration<double, std::milli>(steady::now() - t).count();
}

void submit_followed(follower_ptr self, bool counted) {
  auto& st = self->state;
  auto spec = noop_job();
  auto now = std::chrono::system_clock::now().time_since_epoch();
  spec.id = st.ids.make<job_id>(std::chrono::duration_cast<milliseconds>(now).count());
  auto at = steady::now();
  st.open[spec.id.str()] = {at, counted};
  self->request(st.jobs, caf::infinite, mesh::submit_jobs{{std::move(spec)}})
    .then(
      [self, at, counted](const mesh::submitted&) {
        if (counted)
          self->state.seen.submitted.push_back(since(at));
      },
      [](const caf::error& e) { give_up(e); });
}

void note(follower_ptr self, const event& e) {
  auto& st = self->state;
  constexpr std::string_view before_id = "{\"jobId\":\"";
  auto found = st.open.find(e.data.substr(before_id.size(), 26));
  if (found == st.open.end())
    return;
  if (e.type == "job_completed") {
    if (found->second.counted)
      st.seen.done.push_back(since(found->second.at));
    st.open.erase(found);
    if (--st.left == 0)
      st.done->set_value(std::move(st.seen));
  } else if (found->second.counted && e.data.find("\"status\":\"running\"") != std::string::npos) {
    st.seen.running.push_back(since(found->second.at));
  }
}

follower::behavior_type follower_actor(follower_ptr self, mesh::job_client jobs, mesh::notifier events, size_t count,
                                       std::shared_ptr<std::promise<void>> ready,
                                       std::shared_ptr<std::promise<latencies>> done) {
  auto& st = self->state;
  st.jobs = std::move(jobs);
  st.events = std::move(events);
  st.left = count;
  st.done = std::move(done);
  return {
    [self](const mesh::event_batch& x) {
      for (auto& e : x.events)
        note(self, e);
    },
    [self, ready](const begin&) {
      self
        ->request(self->state.events, caf::infinite, mesh::follow_topics{{"jobs"}},
                  caf::actor_cast<mesh::event_subscriber>(self))
        .then([ready](const mesh::done&) { ready->set_value(); }, [](const caf::error& e) { give_up(e); });
    },
    [self](const submit_one& x) { submit_followed(self, x.counted); },
  };
}

} // namespace

job_spec noop_job() {
  job_spec s;
  s.kind = "noop";
  s.payload = R"({"video":"01hf7yat00dm2v3w4x5y6z7a8b"})";
  return s;
}

submitter spawn_submitter(caf::actor_system& sys, mesh::job_client jobs, size_t in_flight, size_t count,
                          std::shared_ptr<std::promise<void>> done) {
  return sys.spawn(submitter_actor, std::move(jobs), in_flight, count, std::move(done));
}

follower spawn_follower(caf::actor_system& sys, mesh::job_client jobs, mesh::notifier events, size_t count,
                        std::shared_ptr<std::promise<void>> ready, std::shared_ptr<std::promise<latencies>> done) {
  return sys.spawn(follower_actor, std::move(jobs), std::move(events), count, std::move(ready), std::move(done));
}

} // namespace troupe::bench
