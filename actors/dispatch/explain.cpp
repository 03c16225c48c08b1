#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

constexpr uint64_t max_counted = 10'000;
constexpr size_t max_named = 5;

std::string duration(milliseconds t) {
  auto s = t.count() / 1000;
  if (s < 1)
    return std::to_string(std::max<int64_t>(t.count(), 0)) + " ms";
  if (s < 120)
    return std::to_string(s) + " s";
  if (s < 7200)
    return std::to_string(s / 60) + " min";
  return std::to_string(s / 3600) + " h";
}

class explainer {
public:
  explainer(job_queue::impl& q, const entry& e) : q_(q), e_(e) {
  }

  explanation run() {
    switch (e_.row.state) {
    case job_state::waiting:
      waiting();
      break;
    case job_state::delayed:
      delayed();
      break;
    case job_state::queued:
      queued();
      break;
    case job_state::running:
      say("it runs on worker " + e_.row.worker_name + " since " + duration(q_.clk.mono() - e_.since) + ", attempt "
          + std::to_string(e_.row.attempt));
      break;
    default:
      return explain_ended(e_.row);
    }
    return {e_.row.state, std::move(reasons_)};
  }

private:
  void say(std::string sentence) {
    reasons_.push_back(std::move(sentence));
  }

  void waiting() {
    std::string names;
    size_t n = 0;
    for (auto id : e_.row.spec.depends_on) {
      auto* d = q_.find(id);
      if (!d || is_terminal(d->row.state))
        continue;
      if (n++ < max_named)
        names += (n > 1 ? ", " : "") + id.str() + " (" + std::string{to_string(d->row.state)} + ")";
    }
    say("it waits for " + std::to_string(n) + (n == 1 ? " job: " : " jobs: ") + names
        + (n > max_named ? " and " + std::to_string(n - max_named) + " more" : ""));
  }

  void delayed() {
    auto until = to_iso8601(e_.row.run_at) + " (in " + duration(e_.due - q_.clk.mono()) + ")";
    if (e_.row.attempts.empty()) {
      say("it is scheduled for " + until + "; promote it to run it now");
      return;
    }
    auto& last = e_.row.attempts.back();
    if (last.cls == error_class::throttled)
      say("it was throttled and runs again at " + until + ": " + last.failure.message);
    else
      say("retry " + std::to_string(e_.row.failures) + " of " + std::to_string(e_.row.spec.retry.max_attempts - 1)
          + " is due at " + until + ", after: " + last.failure.message);
  }

  void closed(const limit_group& g, const std::string& what) {
    if (g.settings.paused)
      say(what + " is paused; resume it");
    if (g.at_limit())
      say(what + " is at its limit: " + std::to_string(g.running()) + " of at most "
          + std::to_string(g.settings.max_running) + " jobs run");
  }

  void queued() {
    closed(*e_.queue, "queue " + e_.queue->name);
    closed(*e_.kind, "kind " + e_.kind->name);
    place();
  }

  /// What of the job's needs the worker lacks.
  std::vector<std::string> missing(const worker_record& w) const {
    std::vector<std::string> out;
    std::set_difference(e_.needs->needs.begin(), e_.needs->needs.end(), w.capabilities.begin(), w.capabilities.end(),
                        std::back_inserter(out));
    return out;
  }

  void place() {
    size_t connected = 0, silent = 0, of_kind = 0, capable = 0, slots = 0, used = 0;
    const worker_record* nearest = nullptr;
    for (auto& [_, w] : q_.workers) {
      if (!w.connected)
        continue;
      ++connected;
      if (!std::binary_search(w.kinds.begin(), w.kinds.end(), e_.kind->name))
        continue;
      ++of_kind;
      if (auto lacks = missing(w); !lacks.empty()) {
        if (!nearest || lacks.size() < missing(*nearest).size())
          nearest = &w;
        continue;
      }
      ++capable;
      if (w.suspect) {
        ++silent;
        continue;
      }
      for (auto& s : w.slots)
        if (s.queue == e_.queue) {
          slots += s.slots;
          used += std::min(s.used, s.slots);
        }
    }
    if (connected == 0)
      say("no worker is connected");
    else if (of_kind == 0)
      say("no connected worker runs jobs of kind " + e_.kind->name);
    else if (capable == 0)
      lacking(*nearest);
    else if (silent == capable)
      say("the workers that can run it have not been heard for a while");
    else if (slots == 0)
      say("no worker that can run it takes jobs of queue " + e_.queue->name);
    else if (used >= slots)
      busy(slots);
    else if (reasons_.empty())
      say("a worker is free for it: it is about to be assigned");
  }

  void lacking(const worker_record& nearest) {
    std::string names;
    for (auto& n : missing(nearest))
      names += (names.empty() ? "" : ", ") + n;
    say("no connected worker offers all that it needs; the nearest is " + nearest.node_name + ", which lacks " + names);
  }

  void busy(size_t slots) {
    auto n = q_.ready.jobs_before(e_, max_counted);
    say("all " + std::to_string(slots) + " slots of the workers that can run it are in use, and "
        + (n >= max_counted ? std::to_string(max_counted) + " or more" : std::to_string(n))
        + (n == 1 ? " job comes" : " jobs come") + " before it");
  }

  job_queue::impl& q_;
  const entry& e_;
  std::vector<std::string> reasons_;
};

} // namespace

explanation explain_ended(const job& row) {
  auto at = " at " + to_iso8601(row.finished);
  if (row.state == job_state::completed)
    return {row.state, {"it completed" + at}};
  return {row.state,
          {"it " + std::string{row.state == job_state::failed ? "failed" : "was cancelled"} + at + ": "
           + row.last_error.message + "; retry it to run it again"}};
}

result<explanation> job_queue::explain(job_id id) const {
  auto* e = impl_->find(id);
  if (!e)
    return error{errc::not_found, "there is no job " + id.str() + " among the present ones"};
  return explainer{*impl_, *e}.run();
}

} // namespace troupe::dispatch
