#include "actors/dispatch/admission.hpp"
#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>
#include <unordered_set>

namespace troupe::dispatch {

namespace {

/// One call of submit: nothing of the queue changes until all of it is known to be right.
class submission_call {
public:
  submission_call(job_queue::impl& q, std::vector<job_spec> specs, const std::vector<job>& history, room where) :
    q_(q), specs_(std::move(specs)), receipts_(specs_.size()), history_(ends_of(history)), room_(where) {
  }

  result<std::vector<submit_receipt>> run();

private:
  void check_fields();
  void identify();
  bool take_existing(size_t i, job_id id, job_state state);
  void name(size_t i);
  void check_dependencies(size_t i);
  void check_cycles();
  result<void> check_room() const;
  void problem(size_t i, const std::string& field, std::string reason) {
    problems_.emplace_back(prefix(i) + field, std::move(reason));
  }
  std::string prefix(size_t i) const {
    return specs_.size() == 1 ? "" : "jobs[" + std::to_string(i) + "].";
  }

  job_queue::impl& q_;
  std::vector<job_spec> specs_;
  std::vector<submit_receipt> receipts_;
  std::vector<std::pair<std::string, std::string>> problems_;
  ended_jobs history_;
  room room_;
  /// Specs that become jobs, by id; and ids that the caller chose for jobs that were there already.
  std::unordered_map<job_id, size_t> fresh_;
  std::unordered_map<job_id, job_id> renamed_;
  std::unordered_map<std::string, size_t> by_submission_;
  std::unordered_map<std::string, size_t> by_key_;
};

void submission_call::check_fields() {
  for (size_t i = 0; i < specs_.size(); ++i)
    complete_spec(specs_[i], prefix(i), problems_);
}

bool submission_call::take_existing(size_t i, job_id id, job_state state) {
  receipts_[i] = {id, state, true};
  if (specs_[i].id)
    renamed_[specs_[i].id] = id;
  return true;
}

void submission_call::name(size_t i) {
  auto& spec = specs_[i];
  if (spec.id && (q_.find(spec.id) || q_.recently_archived.contains(spec.id) || fresh_.contains(spec.id))) {
    problem(i, "id", "a job with this id is there already");
    return;
  }
  if (!spec.id)
    spec.id = q_.fresh_id();
  fresh_[spec.id] = i;
  if (!spec.submission_id.empty())
    by_submission_[spec.submission_id] = i;
  if (!spec.unique_key.empty())
    by_key_[spec.unique_key] = i;
  receipts_[i] = {spec.id, job_state::queued, false};
}

void submission_call::identify() {
  for (size_t i = 0; i < specs_.size(); ++i) {
    auto& spec = specs_[i];
    if (auto* known = q_.submitted.find(spec.submission_id)) {
      auto* e = q_.find(known->job);
      take_existing(i, known->job, e ? e->row.state : known->archived_as);
    } else if (auto same = by_submission_.find(spec.submission_id); same != by_submission_.end()) {
      take_existing(i, receipts_[same->second].id, job_state::queued);
    } else if (auto u = q_.unique_keys.find(spec.unique_key); u != q_.unique_keys.end()) {
      take_existing(i, u->second->row.id, u->second->row.state);
    } else if (auto k = by_key_.find(spec.unique_key); k != by_key_.end()) {
      take_existing(i, receipts_[k->second].id, job_state::queued);
    } else {
      name(i);
    }
  }
}

void submission_call::check_dependencies(size_t i) {
  auto& spec = specs_[i];
  for (auto& id : spec.depends_on)
    if (auto r = renamed_.find(id); r != renamed_.end())
      id = r->second;
  if (auto r = renamed_.find(spec.parent); r != renamed_.end())
    spec.parent = r->second;
  std::unordered_set<job_id> seen;
  std::erase_if(spec.depends_on, [&](auto id) { return !seen.insert(id).second; });
  for (auto id : spec.depends_on) {
    if (fresh_.contains(id))
      continue;
    auto end = q_.ended(id, history_);
    if (!end && !q_.find(id))
      problem(i, "depends_on", "job " + id.str() + " does not exist");
    else if (end && end->state != job_state::completed && spec.on_dependency_failure == child_failure::fail)
      problem(i, "depends_on",
              "job " + id.str() + " has " + std::string{to_string(end->state)}
                + " already: retry it first, or choose to proceed when a dependency fails");
  }
}

void submission_call::check_cycles() {
  // Kahn: what is left over depends on itself. A parent counts as an edge of its own: a loop of parents would keep
  // all of them in memory for ever.
  std::vector<uint32_t> open(specs_.size());
  std::vector<std::vector<size_t>> followers(specs_.size());
  std::vector<size_t> ready;
  for (auto& [id, i] : fresh_) {
    for (auto dep : specs_[i].depends_on)
      if (auto d = fresh_.find(dep); d != fresh_.end()) {
        ++open[i];
        followers[d->second].push_back(i);
      }
    if (open[i] == 0)
      ready.push_back(i);
  }
  size_t done = 0;
  for (; !ready.empty(); ++done) {
    auto i = ready.back();
    ready.pop_back();
    for (auto f : followers[i])
      if (--open[f] == 0)
        ready.push_back(f);
  }
  if (done != fresh_.size())
    for (auto& [id, i] : fresh_)
      if (open[i] > 0)
        problem(i, "depends_on", "these jobs wait for each other in a circle");
  // Each spec has one parent at most: walk up until the end, a spec seen on an earlier walk, or one seen on this walk.
  std::vector<size_t> seen_on(specs_.size());
  size_t walk = 0;
  for (auto& [id, start] : fresh_) {
    ++walk;
    for (auto at = fresh_.find(id); at != fresh_.end(); at = fresh_.find(specs_[at->second].parent)) {
      auto& seen = seen_on[at->second];
      if (seen == walk)
        problem(start, "parent", "a job can't be its own ancestor");
      if (seen != 0)
        break;
      seen = walk;
    }
  }
}

result<void> submission_call::check_room() const {
  // By name: of several that are full always the same one is told.
  std::map<std::string_view, uint64_t> of_queue, of_kind;
  for (auto& [_, i] : fresh_) {
    ++of_queue[specs_[i].queue];
    ++of_kind[specs_[i].kind];
  }
  for (auto& [name, n] : of_queue)
    TROUPE_TRY(job_queue::impl::check_room(q_.queues.find(name)->second, n));
  for (auto& [name, n] : of_kind)
    TROUPE_TRY(job_queue::impl::check_room(q_.kinds.find(name)->second, n));
  return {};
}

result<std::vector<submit_receipt>> submission_call::run() {
  check_fields();
  if (problems_.empty())
    identify();
  if (problems_.empty()) {
    for (auto& [_, i] : fresh_)
      check_dependencies(i);
    check_cycles();
  }
  if (!problems_.empty()) {
    error bad{errc::validation, "the job can't be made: " + problems_.front().first + " " + problems_.front().second};
    bad.fields = std::move(problems_);
    return bad;
  }
  if (room_ == room::bounded)
    TROUPE_TRY(check_room());
  std::vector<entry*> made;
  for (auto& r : receipts_)
    if (!r.existing) {
      q_.create(std::move(specs_[static_cast<size_t>(&r - receipts_.data())]));
      made.push_back(q_.find(r.id));
    }
  for (auto* e : made)
    q_.adopt(*e);
  for (auto* e : made)
    q_.make_pending(*e);
  for (auto& r : receipts_)
    if (auto* e = q_.find(r.id))
      r.state = e->row.state;
  return std::move(receipts_);
}

} // namespace

void job_queue::impl::create(job_spec spec) {
  // What a job makes has the same cause: a scan's ingests are of the request that asked for the scan.
  auto* parent = spec.parent && spec.request_id.empty() && spec.traceparent.empty() ? find(spec.parent) : nullptr;
  if (parent) {
    spec.request_id = parent->row.spec.request_id;
    spec.traceparent = parent->row.spec.traceparent;
  }
  auto& e = jobs[spec.id];
  e.row.id = spec.id;
  e.row.spec = std::move(spec);
  e.row.created = clk.wall();
  e.kind = &kind_of(e.row.spec.kind);
  e.queue = &queue_of(e.row.spec.queue);
  // Counted as queued until make_pending says what it is.
  e.row.state = job_state::queued;
  ++e.queue->by_state[static_cast<size_t>(job_state::queued)];
  ++e.kind->by_state[static_cast<size_t>(job_state::queued)];
  submitted.add(e.row.spec.submission_id, e.row.id);
  if (!e.row.spec.unique_key.empty())
    unique_keys[e.row.spec.unique_key] = &e;
  ready.bind(e);
}

result<std::vector<submit_receipt>> job_queue::impl::submit_now(std::vector<job_spec> specs,
                                                                const std::vector<job>& history, room where) {
  return submission_call{*this, std::move(specs), history, where}.run();
}

result<std::vector<submit_receipt>> job_queue::submit(std::vector<job_spec> specs, const std::vector<job>& history) {
  return impl_->submit_now(std::move(specs), history, room::bounded);
}

std::vector<job_id> job_queue::unknown_dependencies(const std::vector<job_spec>& specs) const {
  std::unordered_set<job_id> own;
  for (auto& s : specs)
    own.insert(s.id);
  std::vector<job_id> out;
  for (auto& s : specs)
    for (auto id : s.depends_on)
      if (!impl_->find(id) && !impl_->recently_archived.contains(id) && own.insert(id).second)
        out.push_back(id);
  return out;
}

} // namespace troupe::dispatch
