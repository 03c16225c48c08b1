#include "actors/supervision/supervisor_state.hpp"

#include <spdlog/spdlog.h>

#include <deque>
#include <set>

namespace troupe::supervision {

namespace {

/// How long a killed child may take to be gone before that is logged (and, at the end, no longer waited for).
constexpr milliseconds kill_limit{5'000};

bool is_normal(const caf::error& reason) {
  return !reason || reason == caf::exit_reason::normal || reason == caf::exit_reason::user_shutdown;
}

} // namespace

void live_children::set(size_t child, caf::actor_addr who) {
  std::lock_guard guard{lock_};
  if (who)
    live_[child] = std::move(who);
  else
    live_.erase(child);
}

void live_children::kill_all() {
  std::map<size_t, caf::actor_addr> all;
  {
    std::lock_guard guard{lock_};
    all.swap(live_);
  }
  for (auto& [child, who] : all)
    if (auto target = caf::actor_cast<caf::actor>(who))
      caf::anon_send_exit(target, caf::exit_reason::kill);
}

supervisor_state::supervisor_state() = default;
supervisor_state::~supervisor_state() = default;

void supervisor_state::init(caf::event_based_actor* self, supervisor_config config, caf::actor_addr parent) {
  self_ = self;
  config_ = std::move(config);
  parent_ = std::move(parent);
  std::vector<child_traits> traits;
  for (auto& spec : config_.children)
    traits.push_back({spec.kind, spec.awaits_ready});
  plan_.emplace(config_.strategy, config_.backoff, config_.intensity, std::move(traits), config_.random);
  children_.resize(config_.children.size());
  live_ = std::make_shared<live_children>();
  since_ = now();
  // A monitor in one direction and this in the other instead of links: no exit message of a child that is long replaced
  // can be taken for somebody's order to end.
  auto book = parent_ ? nullptr : config_.addresses;
  self->attach_functor([live = live_, book] {
    live->kill_all();
    if (book)
      book->close();
  });
}

void supervisor_state::run() {
  std::set<std::string_view> seen;
  for (auto& spec : config_.children) {
    if (seen.insert(spec.name).second)
      continue;
    exit_reason_ = mesh::to_caf({errc::validation, "supervisor " + config_.name + " has two children named " + spec.name
                                                     + "; give each a name of its own"});
    spdlog::error("supervision: {}", self_->system().render(exit_reason_));
    return perform(plan_->stop(now()));
  }
  perform(plan_->begin(now()));
}

mono_time supervisor_state::now() const {
  return std::chrono::floor<milliseconds>(self_->clock().now());
}

void supervisor_state::perform(steps todo) {
  std::deque<step> queue{todo.begin(), todo.end()};
  while (!queue.empty()) {
    auto next = queue.front();
    queue.pop_front();
    for (auto& follow_up : perform(next))
      queue.push_back(follow_up);
  }
  // What comes after a sub-supervisor starts only when all its children run.
  if (parent_ && !said_ready_ && !plan_->ending() && plan_->settled()) {
    said_ready_ = true;
    if (auto parent = caf::actor_cast<caf::actor>(parent_))
      self_->send(parent, child_ready{});
  }
}

steps supervisor_state::perform(const step& what) {
  switch (what.what) {
  case action::start:
    return start(what.child);
  case action::stop:
    stop(what.child);
    break;
  case action::wait:
    self_->delayed_send(self_, what.delay, plan_tick{});
    break;
  case action::end:
    end();
    break;
  }
  return {};
}

steps supervisor_state::start(size_t child) {
  auto& spec = config_.children[child];
  auto& record = children_[child];
  auto made = make(spec);
  ++record.generation;
  record.since = now();
  if (!made) {
    record.last_error = self_->system().render(made.error());
    spdlog::warn("supervision: {}/{} could not be started: {}", config_.name, spec.name, record.last_error);
    auto was_ending = plan_->ending();
    auto todo = plan_->start_failed(child, now());
    settle(child, was_ending);
    return todo;
  }
  record.present = std::move(*made);
  live_->set(child, record.present.address());
  self_->monitor(record.present);
  if (spec.stable_address)
    config_.addresses->connect(spec.name, record.present);
  if (spec.awaits_ready && spec.ready_timeout.count() > 0)
    limit(child, child_deadline::what::ready, spec.ready_timeout);
  if (plan_->restarts(child) > 0)
    spdlog::info("supervision: {}/{} restarted ({} restarts)", config_.name, spec.name, plan_->restarts(child));
  return plan_->started(child, now());
}

/// No exception leaves a start function.
caf::expected<caf::actor> supervisor_state::make(const child_spec& spec) {
  try {
    if (!spec.start)
      return mesh::to_caf({errc::internal, "it has no start function"});
    auto made = spec.start(self_);
    if (made && !*made)
      return mesh::to_caf({errc::internal, "its start function gave no actor"});
    return made;
  } catch (const std::exception& ex) {
    return mesh::to_caf({errc::internal, ex.what()});
  } catch (...) {
    return mesh::to_caf({errc::internal, "its start function threw something that is no exception"});
  }
}

void supervisor_state::stop(size_t child) {
  auto& spec = config_.children[child];
  auto& record = children_[child];
  ++record.generation;
  if (spec.stable_address) {
    // A sub-supervisor that is told to end may be restarted by its parent: only the top knows that this is the end.
    if (plan_->ending() && !parent_)
      config_.addresses->retire(spec.name);
    else
      config_.addresses->disconnect(spec.name);
  }
  spdlog::debug("supervision: stopping {}/{}", config_.name, spec.name);
  self_->send_exit(record.present, caf::exit_reason::user_shutdown);
  limit(child, child_deadline::what::grace, spec.grace);
}

void supervisor_state::end() {
  spdlog::log(plan_->escalated() ? spdlog::level::err : spdlog::level::info, "supervision: {} has ended{}",
              config_.name, plan_->escalated() ? ": " + self_->system().render(exit_reason_) : "");
  self_->quit(exit_reason_);
}

void supervisor_state::limit(size_t child, child_deadline::what what, milliseconds after) {
  self_->delayed_send(self_, after, child_deadline{what, child, children_[child].generation});
}

std::optional<size_t> supervisor_state::find(const caf::actor_addr& who) const {
  for (size_t i = 0; i < children_.size(); ++i)
    if (children_[i].present && children_[i].present.address() == who)
      return i;
  return std::nullopt;
}

void supervisor_state::child_down(const caf::down_msg& x) {
  if (auto child = find(x.source))
    gone(*child, x.reason);
}

void supervisor_state::gone(size_t child, const caf::error& reason) {
  auto& spec = config_.children[child];
  auto& record = children_[child];
  auto phase = plan_->phase(child);
  record.present = nullptr;
  ++record.generation;
  live_->set(child, {});
  if (phase != child_phase::stopping && !is_normal(reason)) {
    record.last_error = self_->system().render(reason);
    spdlog::warn("supervision: {}/{} crashed: {}", config_.name, spec.name, record.last_error);
  }
  auto was_ending = plan_->ending();
  auto todo = plan_->exited(child, is_normal(reason), now());
  settle(child, was_ending);
  perform(std::move(todo));
}

/// After the plan has taken a child's end in.
void supervisor_state::settle(size_t child, bool was_ending) {
  auto& spec = config_.children[child];
  if (plan_->escalated() && !was_ending) {
    exit_reason_ =
      mesh::to_caf({errc::unavailable, config_.name + " gave up: " + spec.name + " ended too often ("
                                         + std::to_string(config_.intensity.max_restarts) + " restarts in "
                                         + std::to_string(config_.intensity.window.count())
                                         + " ms are allowed); last error: " + children_[child].last_error});
    spdlog::error("supervision: {}", self_->system().render(exit_reason_));
  }
  if (plan_->phase(child) == child_phase::off && spec.stable_address && !plan_->ending())
    config_.addresses->retire(spec.name);
}

void supervisor_state::told_to_exit(const caf::exit_msg& x) {
  // A stranger that happens to be linked is no reason to take a subtree down; only a top supervisor obeys everyone.
  if (parent_ && x.source && x.source != parent_) {
    spdlog::warn("supervision: {} ignores an exit message that is not its parent's", config_.name);
    return;
  }
  if (plan_->ending())
    return;
  spdlog::info("supervision: {} is stopping", config_.name);
  exit_reason_ = x.reason;
  perform(plan_->stop(now()));
}

void supervisor_state::child_is_ready(const caf::strong_actor_ptr& who) {
  if (!who)
    return;
  if (auto child = find(caf::actor_cast<caf::actor_addr>(who)))
    perform(plan_->ready(*child, now()));
}

void supervisor_state::tick() {
  perform(plan_->tick(now()));
}

void supervisor_state::deadline(const child_deadline& x) {
  auto& record = children_[x.child];
  if (record.generation != x.generation || !record.present)
    return;
  auto& spec = config_.children[x.child];
  switch (x.limit) {
  case child_deadline::what::ready:
    if (plan_->phase(x.child) != child_phase::starting)
      return;
    record.last_error = "was not ready within " + std::to_string(spec.ready_timeout.count()) + " ms";
    spdlog::warn("supervision: {}/{} {}", config_.name, spec.name, record.last_error);
    return perform(plan_->overdue(x.child, now()));
  case child_deadline::what::grace:
    spdlog::warn("supervision: {}/{} did not end within {} ms and is killed", config_.name, spec.name,
                 spec.grace.count());
    self_->send_exit(record.present, caf::exit_reason::kill);
    return limit(x.child, child_deadline::what::kill, kill_limit);
  case child_deadline::what::kill:
    spdlog::error("supervision: {}/{} is still running {} ms after it was killed", config_.name, spec.name,
                  kill_limit.count());
    if (!plan_->ending())
      // A second one beside it could do harm: wait on.
      return limit(x.child, child_deadline::what::kill, kill_limit);
    self_->demonitor(record.present);
    record.present = nullptr;
    return perform(plan_->abandoned(x.child, now()));
  }
}

} // namespace troupe::supervision
