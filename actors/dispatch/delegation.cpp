// Jobs that hand their work to child jobs and go on when those have ended.

#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace troupe::dispatch {

namespace {

/// Speeds of nodes change with what they do; this old they are good enough.
constexpr milliseconds lanes_hold{1'000};

/// Told no more often than any other job's progress.
constexpr milliseconds told_interval{100};

result<void> check_shape(const delegation& x) {
  if (x.jobs.empty() || x.jobs.size() != x.shares.size() || x.jobs.size() + x.keep.size() > max_delegated)
    return {errc::protocol, "a delegation has 1 to " + std::to_string(max_delegated)
                              + " child jobs, a share for each; this one has " + std::to_string(x.jobs.size()) + " and "
                              + std::to_string(x.shares.size())};
  if (x.next.state.size() > max_payload_bytes)
    return {errc::too_large, "what the job leaves for its next attempt has " + std::to_string(x.next.state.size())
                               + " bytes; at most " + std::to_string(max_payload_bytes) + " can be kept"};
  for (auto share : x.shares)
    if (!std::isfinite(share) || share < 0)
      return {errc::protocol, "the share of a child job must be a number from 0"};
  // One that waited for the job itself, or for what waits for it, would never run.
  for (auto& spec : x.jobs)
    if (!spec.depends_on.empty())
      return {errc::protocol, "a child job that a job hands its work to can't depend on other jobs"};
  return {};
}

double part(double x) {
  return std::isfinite(x) ? std::clamp(x, 0.0, 1.0) : 0.0;
}

} // namespace

result<void> job_queue::impl::delegate(entry& e, const attempt_outcome& outcome) {
  auto given = outcome.handed_on;
  TROUPE_TRY(check_shape(given));
  continuation next = std::move(given.next);
  next.from = part(next.from);
  next.to = std::max(next.from, part(next.to));
  next.children.clear();
  // Earlier children keep the share that they had.
  for (auto id : given.keep) {
    auto* had = e.row.delegated() ? &e.row.next.front().children : nullptr;
    auto i = had ? std::find_if(had->begin(), had->end(), [&](auto& c) { return c.id == id; }) : decltype(had->end()){};
    auto twice = std::any_of(next.children.begin(), next.children.end(), [&](auto& c) { return c.id == id; });
    if (!had || i == had->end() || !find(id) || twice)
      return {errc::protocol,
              "job " + id.str() + " is no child of " + e.row.id.str() + " that could be kept, or is named twice"};
    next.children.push_back(*i);
  }
  for (auto& spec : given.jobs) {
    spec.id = {};
    spec.parent = e.row.id;
    spec.owner = e.row.spec.owner;
    if (spec.queue.empty())
      spec.queue = e.row.spec.queue;
    if (spec.priority == 0)
      spec.priority = e.row.spec.priority;
    spec.submission_id.clear();
    spec.unique_key.clear();
    spec.request_id = e.row.spec.request_id;
    spec.traceparent = e.row.spec.traceparent;
  }
  // check_shape bounds them.
  auto receipts = submit_now(std::move(given.jobs), {}, room::admitted);
  if (!receipts)
    return std::move(receipts).error();
  for (size_t i = 0; i < receipts->size(); ++i)
    next.children.push_back({(*receipts)[i].id, given.shares[i]});
  judge_probe(e, true, false);
  record_attempt(e, attempt_end::delegated, error_class::transient, error{errc::none, {}}, &outcome);
  forget_split(e);
  e.row.next.assign(1, std::move(next));
  ready.rebind(e);
  make_pending(e);
  update_joint_progress(e);
  return {};
}

std::vector<child_end> job_queue::impl::ends_of_children(const entry& e) const {
  std::vector<child_end> out;
  if (!e.row.delegated())
    return out;
  for (auto& c : e.row.next.front().children)
    if (auto* x = find(c.id))
      out.push_back({c.id, x->row.state, x->row.result, x->row.last_error});
    else
      out.push_back({c.id, job_state::failed, {}, error{errc::not_found, "the child job was removed"}});
  return out;
}

const std::string& job_queue::impl::state_for(const entry& e) const {
  static const std::string none;
  if (e.row.delegated())
    return e.row.next.front().state;
  auto* parent = e.row.spec.parent ? find(e.row.spec.parent) : nullptr;
  return parent && parent->row.delegated() ? parent->row.next.front().state : none;
}

const std::vector<double>& job_queue::impl::lanes_for(const entry& e) {
  static const std::vector<double> none;
  auto* part = e.kind->part;
  if (!part || e.row.delegated())
    return none;
  // To look at all workers takes longer than everything else that a start needs.
  auto& known = split_lanes;
  auto now = clk.mono();
  if (known.part == part && known.queue == e.queue && known.offers == ready.offers() && now < known.until)
    return known.lanes;
  known = {part, e.queue, ready.offers(), now + lanes_hold, count_lanes(*part, e.queue)};
  return known.lanes;
}

std::vector<double> job_queue::impl::count_lanes(const kind_state& part, const queue_state* queue) const {
  std::map<std::string_view, const node_record*> lanes;
  for (auto& [_, w] : workers)
    if (w.assignable() && std::binary_search(w.kinds.begin(), w.kinds.end(), part.name)
        && std::any_of(w.slots.begin(), w.slots.end(), [&](auto& s) { return s.queue == queue && s.slots > 0; }))
      lanes.emplace(w.node_name, w.node);
  std::vector<double> out;
  for (auto& [_, n] : lanes)
    out.push_back(ready.speeds.relative(n->index, part.index));
  return out;
}

entry* job_queue::impl::delegating_parent(const entry& e) noexcept {
  auto* parent = e.row.spec.parent ? find(e.row.spec.parent) : nullptr;
  return parent && parent->row.delegated() && parent->row.state == job_state::waiting ? parent : nullptr;
}

void job_queue::impl::wait_again(entry& e) {
  auto* parent = delegating_parent(e);
  if (!parent)
    return;
  auto& children = parent->row.next.front().children;
  if (std::none_of(children.begin(), children.end(), [&](auto& c) { return c.id == e.row.id; }))
    return;
  ++parent->unmet;
  e.dependents.push_back({parent->row.id, parent->wait_round});
}

void job_queue::impl::part_changed(entry& parent) {
  splits[parent.row.id].pace.begin(clk.mono());
  look_later(parent);
}

void job_queue::impl::update_joint_progress(entry& parent, const entry* child, double by) {
  auto& next = parent.row.next.front();
  double all = 0, done = 0, made = 0;
  int64_t parts = 0, ended = 0, running = 0, speed = 0, frames = 0;
  std::set<std::string_view> holders;
  // What has no share (the sound beside the pictures) is no part of the figures either.
  auto figure = [](const child_share& c, const entry& x, const char* name) -> int64_t {
    auto i = x.row.progress.counters.find(name);
    return c.share > 0 && i != x.row.progress.counters.end() ? i->second : 0;
  };
  for (auto& c : next.children) {
    auto* x = find(c.id);
    const bool over = !x || is_terminal(x->row.state);
    all += c.share;
    if (x && x == child)
      made = c.share * std::max(by, 0.0);
    if (x)
      frames += figure(c, *x, "frames");
    if (!x || !x->copy) {
      ++parts;
      ended += over;
    }
    if (over) {
      done += c.share;
    } else if (x->row.state == job_state::running) {
      done += c.share * x->row.progress.fraction;
      ++running;
      holders.insert(x->row.worker_name);
      speed += figure(c, *x, "speed");
    }
  }
  auto& p = parent.row.progress;
  auto fraction = next.from + (next.to - next.from) * (all > 0 ? done / all : 1);
  // A part that is lost is redone; what people see does not go back for it.
  p.fraction = std::max(p.fraction, std::min(fraction, next.to));
  p.counters = {
    {"parts", parts}, {"partsDone", ended}, {"partsRunning", running}, {"nodes", static_cast<int64_t>(holders.size())}};
  if (speed > 0)
    p.counters["speed"] = speed;
  if (frames > 0)
    p.counters["frames"] = frames;
  auto& pace = splits[parent.row.id].pace;
  pace.add(made, clk.mono());
  // What comes after the parts takes its part of the whole.
  auto rest = next.to > next.from ? all * (1 - next.to) / (next.to - next.from) : 0;
  if (auto left = pace.time_for(std::max(all - done, 0.0) + rest))
    p.counters["etaMs"] = left->count();
  p.message = std::to_string(ended) + " of " + std::to_string(parts) + " parts done, " + std::to_string(running)
              + " running on " + std::to_string(holders.size()) + (holders.size() == 1 ? " node" : " nodes");
  if (p.stage != next.stage) {
    p.stage = next.stage;
    outbox.touch(parent, true);
  }
  moved_parents.insert(parent.row.id);
}

void job_queue::impl::promote_split(entry& parent) {
  // Further parts take its priority.
  parent.row.spec.priority = 1;
  outbox.touch(parent, false);
  for (auto& c : parent.row.next.front().children) {
    auto* x = find(c.id);
    if (!x || is_terminal(x->row.state))
      continue;
    if (x->row.state == job_state::queued || x->row.state == job_state::delayed) {
      promote(*x);
    } else {
      // Should it run again.
      x->row.spec.priority = 1;
      outbox.touch(*x, false);
    }
  }
}

void job_queue::impl::recover_split(entry& parent) {
  std::vector<entry*> children;
  for (auto& c : parent.row.next.front().children)
    if (auto* x = find(c.id))
      children.push_back(x);
  mark_copies(children);
  // Rows are not written for progress alone: the parts know more than the parent's.
  update_joint_progress(parent);
  // How fast they are is counted from when the first one is heard of: their workers are on their way back.
  if (std::any_of(children.begin(), children.end(), [](auto* x) { return x->row.state == job_state::running; }))
    look_later(parent);
}

void job_queue::impl::forget_split(const entry& parent) {
  look_no_more(parent.row.id);
  splits.erase(parent.row.id);
  moved_parents.erase(parent.row.id);
}

std::vector<job_id> job_queue::take_moved_parents() {
  auto& q = *impl_;
  auto now = q.clk.mono();
  std::vector<job_id> out;
  for (auto id : q.moved_parents) {
    auto& told = q.splits[id].told;
    if (told && *told + told_interval > now)
      continue;
    told = now;
    out.push_back(id);
  }
  for (auto id : out)
    q.moved_parents.erase(id);
  return out;
}

} // namespace troupe::dispatch
