#include "actors/media/runner.hpp"

#include "actors/media/live_attempt.hpp"

namespace troupe::work {

struct attempt_finished {
  std::shared_ptr<attempt_outcome> outcome;
};

} // namespace troupe::work

TROUPE_LOCAL_MESSAGE(troupe::work::attempt_finished)

namespace troupe::work {

namespace {

using runner_impl = mesh::runner::extend<caf::reacts_to<attempt_finished>>;

struct running {
  std::shared_ptr<live_attempt> work;
  caf::typed_response_promise<attempt_outcome> promise;
};

struct runner_state {
  runner_state() {
  }
  ~runner_state() {
    for (auto& [token, x] : attempts) {
      x.work->stop();
      x.promise.deliver(mesh::to_caf({errc::unavailable, "the runner restarted"}));
    }
  }

  std::map<lease_token, running> attempts;
  runner_config config;
};

using runner_pointer = runner_impl::stateful_pointer<runner_state>;

void start(runner_pointer self, const std::shared_ptr<live_attempt>& work) {
  auto address = self->address();
  self->state.config.threads->post([address, work, run = self->state.config.work] {
    auto outcome = std::make_shared<attempt_outcome>(run_attempt(*work, run));
    if (auto to = caf::actor_cast<runner_impl>(address))
      caf::anon_send(to, attempt_finished{std::move(outcome)});
  });
}

runner_impl::behavior_type runner(runner_pointer self, runner_config config) {
  self->state.config = std::move(config);
  return {
    [self](assignment& what) {
      auto promise = self->make_response_promise<attempt_outcome>();
      auto token = what.token;
      auto work = std::make_shared<live_attempt>(std::move(what), self->state.config);
      if (!self->state.attempts.emplace(token, running{work, promise}).second) {
        promise.deliver(mesh::to_caf({errc::conflict, "the attempt runs already"}));
        return promise;
      }
      start(self, work);
      return promise;
    },
    [self](mesh::stop_attempt& x) {
      if (auto found = self->state.attempts.find(x.token); found != self->state.attempts.end())
        found->second.work->stop();
    },
    [self](attempt_finished& x) {
      if (auto node = self->state.attempts.extract(x.outcome->token); !node.empty())
        node.mapped().promise.deliver(std::move(*x.outcome));
    },
  };
}

mesh::runner::behavior_type noop(mesh::runner::pointer) {
  return {
    [](const assignment& what) {
      attempt_outcome out;
      out.token = what.token;
      out.result = "{}";
      return out;
    },
    [](const mesh::stop_attempt&) {},
  };
}

} // namespace

mesh::runner spawn_runner(caf::actor_system& sys, runner_config config) {
  return sys.spawn(runner, std::move(config));
}

mesh::runner spawn_noop(caf::actor_system& sys) {
  return sys.spawn(noop);
}

} // namespace troupe::work
