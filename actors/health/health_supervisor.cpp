#include "actors/health/health_supervisor.hpp"

#include "protocol/mesh/local.hpp"

#include <spdlog/spdlog.h>

namespace troupe::health {

struct check_answer {
  uint64_t round = 0;
  size_t index = 0;
  health_check what;
};

} // namespace troupe::health

TROUPE_LOCAL_MESSAGE(troupe::health::check_answer)

namespace troupe::health {

namespace {

using begin_atom = caf::atom_constant<caf::atom("begin")>;
using limit_atom = caf::atom_constant<caf::atom("limit")>;

using health_impl = mesh::health::extend<
  // The next round.
  caf::reacts_to<begin_atom>,
  // A check of this round has answered.
  caf::reacts_to<check_answer>,
  // This round's time is over.
  caf::reacts_to<limit_atom, uint64_t>>;

struct health_state {
  health_state() = default;

  const char* name = "health_supervisor";
  health_config config;
  uint64_t round = 0;
  mono_time began;
  /// Of the round under way; nullopt: has not answered yet.
  std::vector<std::optional<health_check>> answers;
  size_t missing = 0;
  /// False until a first round has ended: its result is news only when it is bad.
  bool told = false;
};

using self_pointer = health_impl::stateful_pointer<health_state>;

void start_check(self_pointer self, size_t index) {
  auto& st = self->state;
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self->ctrl());
  auto done = [me, round = st.round, index](health_check what) {
    if (auto strong = me.lock())
      caf::anon_send(caf::actor_cast<health_impl>(strong), check_answer{round, index, std::move(what)});
  };
  try {
    st.config.checks[index].run(done);
  } catch (std::exception& ex) {
    health_check failed;
    failed.status = health_status::unhealthy;
    failed.problem = "the check could not be started";
    spdlog::error("health: check '{}' could not be started: {}", st.config.checks[index].name, ex.what());
    done(std::move(failed));
  }
}

bool differs(const health_report& a, const health_report& b) {
  if (a.status != b.status || a.checks.size() != b.checks.size())
    return true;
  for (size_t i = 0; i < a.checks.size(); ++i)
    if (a.checks[i].status != b.checks[i].status)
      return true;
  return false;
}

void log_change(const health_report& before, const health_report& now) {
  for (size_t i = 0; i < now.checks.size(); ++i) {
    auto& c = now.checks[i];
    bool known = i < before.checks.size();
    if (known ? before.checks[i].status == c.status : c.status == health_status::healthy)
      continue;
    if (c.status == health_status::degraded || c.status == health_status::unhealthy)
      spdlog::warn("health: {} is {}: {}", c.name, to_string(c.status), c.problem);
    else if (known)
      spdlog::info("health: {} is {}", c.name, to_string(c.status));
  }
}

void publish(self_pointer self, const health_report& now, health_status previous) {
  auto& st = self->state;
  if (!st.config.notifier)
    return;
  event e;
  e.topic = "status";
  e.type = "status_update";
  e.data = status_update(now, previous);
  self->send(st.config.notifier, mesh::publish_events{{std::move(e)}});
}

void finish_round(self_pointer self) {
  auto& st = self->state;
  health_report report;
  report.at = st.config.time->wall();
  for (auto& a : st.answers)
    report.checks.push_back(std::move(*a));
  st.answers.clear();
  report.status = judge(report.checks);
  auto before = st.config.board.last();
  bool is_news = st.told ? differs(*before, report) : report.status != health_status::healthy;
  if (is_news) {
    log_change(st.told ? *before : health_report{}, report);
    publish(self, report, before->status);
  }
  st.told = true;
  st.config.board.set(std::make_shared<const health_report>(std::move(report)));
}

void take(self_pointer self, size_t index, health_check what) {
  auto& st = self->state;
  what.name = st.config.checks[index].name;
  what.response_time = st.config.time->mono() - st.began;
  st.answers[index] = std::move(what);
  if (--st.missing == 0)
    finish_round(self);
}

void time_is_over(self_pointer self, uint64_t round) {
  auto& st = self->state;
  if (round != st.round || st.missing == 0)
    return;
  for (size_t i = 0; i < st.config.checks.size() && st.missing > 0; ++i) {
    if (st.answers[i])
      continue;
    health_check late;
    late.status = health_status::unhealthy;
    late.problem = "no answer within " + std::to_string(st.config.check_limit.count()) + " ms";
    take(self, i, std::move(late));
  }
}

void begin_round(self_pointer self) {
  auto& st = self->state;
  self->delayed_send(self, st.config.interval, begin_atom::value);
  // Only when the interval is shorter than the limit.
  time_is_over(self, st.round);
  ++st.round;
  st.began = st.config.time->mono();
  st.missing = st.config.checks.size();
  st.answers.assign(st.missing, std::nullopt);
  if (st.missing == 0) {
    finish_round(self);
    return;
  }
  self->delayed_send(self, st.config.check_limit, limit_atom::value, st.round);
  for (size_t i = 0; i < st.config.checks.size(); ++i)
    start_check(self, i);
}

/// Who asks before the first round has ended sees every check, too.
void show_beginning(const health_config& config) {
  if (!config.board.last()->checks.empty())
    return;
  auto report = std::make_shared<health_report>(*health_board::starting());
  report->at = config.time->wall();
  for (auto& x : config.checks) {
    health_check one;
    one.name = x.name;
    one.status = health_status::unhealthy;
    one.problem = "not checked yet";
    report->checks.push_back(std::move(one));
  }
  config.board.set(std::move(report));
}

health_impl::behavior_type behavior(self_pointer self, const health_config& config) {
  self->state.config = config;
  show_beginning(config);
  self->send(self, begin_atom::value);
  return {
    [self](const mesh::get_health&) { return *self->state.config.board.last(); },
    [self](begin_atom) { begin_round(self); },
    [self](check_answer& x) {
      auto& st = self->state;
      if (x.round == st.round && x.index < st.answers.size() && !st.answers[x.index])
        take(self, x.index, std::move(x.what));
    },
    [self](limit_atom, uint64_t round) { time_is_over(self, round); },
  };
}

} // namespace

std::shared_ptr<const health_report> health_board::starting() {
  auto report = std::make_shared<health_report>();
  report->status = health_status::unhealthy;
  return report;
}

health_status judge(const std::vector<health_check>& checks) noexcept {
  auto result = health_status::healthy;
  for (auto& c : checks) {
    if (c.status == health_status::disabled || c.status == health_status::healthy)
      continue;
    if (c.status == health_status::unhealthy && (c.name == "database" || c.name == "redis"))
      return health_status::unhealthy;
    result = health_status::degraded;
  }
  return result;
}

std::string status_update(const health_report& now, health_status previous) {
  // Names and statuses are plain words of ours.
  std::string result = "{\"status\":\"" + std::string{to_string(now.status)} + "\",\"previous\":\""
                       + std::string{to_string(previous)} + "\",\"checks\":{";
  for (size_t i = 0; i < now.checks.size(); ++i)
    result += (i ? ",\"" : "\"") + now.checks[i].name + "\":\"" + std::string{to_string(now.checks[i].status)} + "\"";
  return result + "}}";
}

mesh::health spawn_health_supervisor(caf::actor_system& sys, health_config config) {
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::health
