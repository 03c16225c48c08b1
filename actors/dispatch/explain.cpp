#include "actors/dispatch/queue_impl.hpp"
#include "protocol/model/housekeeping.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

constexpr uint64_t max_counted = 10'000;
constexpr size_t max_named = 5;
constexpr size_t max_quoted = 3;

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

/// Thousandths of a core as people count them: "2", "0.25".
std::string cores_text(uint32_t thousandths) {
  auto rest = std::to_string(1'000 + thousandths % 1'000).substr(1);
  rest.erase(rest.find_last_not_of('0') + 1);
  return std::to_string(thousandths / 1'000) + (rest.empty() ? "" : "." + rest);
}

/// Those of the worker's problems that are about what it does not offer, in whose words they begin: "library 01k… " for
/// the capability "library:01k…".
std::vector<std::string_view> problems_with(const worker_record& w, std::string_view capability) {
  std::string words{capability.substr(0, capability.find_last_not_of(':') + 1)};
  std::ranges::replace(words, ':', ' ');
  words += ' ';
  std::vector<std::string_view> out;
  for (std::string_view text : w.problems)
    if (text.starts_with(words))
      out.push_back(text);
  return out;
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
      // That it waits for a transfer, say.
      if (auto& message = e_.row.progress.message; !message.empty())
        say("it says: " + message);
      break;
    default:
      return explain_ended(e_.row);
    }
    return {shown_state(e_.row), std::move(reasons_)};
  }

private:
  void say(std::string sentence) {
    reasons_.push_back(std::move(sentence));
  }

  void waiting() {
    std::string names;
    size_t n = 0;
    for (auto id : job_queue::impl::dependencies_of(e_.row)) {
      auto* d = q_.find(id);
      if (!d || is_terminal(d->row.state))
        continue;
      if (n++ < max_named)
        names += (n > 1 ? ", " : "") + id.str() + " (" + std::string{to_string(d->row.state)} + ")";
    }
    say("it waits for " + std::to_string(n) + (n == 1 ? " job: " : " jobs: ") + names
        + (n > max_named ? " and " + std::to_string(n - max_named) + " more" : ""));
    if (e_.row.delegated())
      first_that_waits();
  }

  /// Of those that it has handed its work to: what keeps one keeps the others, mostly.
  void first_that_waits() {
    for (auto& c : e_.row.next.front().children) {
      auto* d = q_.find(c.id);
      if (!d || (d->row.state != job_state::queued && d->row.state != job_state::delayed))
        continue;
      auto why = explainer{q_, *d}.run();
      say("job " + c.id.str()
          + " waits: " + (why.reasons.empty() ? "a worker is about to take it" : why.reasons.front()));
      return;
    }
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

  void closed_kind(const kind_state& k) {
    if (k.settings.paused)
      say("kind " + k.name + " is paused; resume it");
    if (k.whole && k.whole->settings.paused)
      say("kind " + k.whole->name + ", of which it makes parts, is paused; resume it");
    if (k.at_limit() && !k.open(e_.row.delegated()))
      say("kind " + k.name + " is at its limit: " + std::to_string(k.busy()) + " of at most "
          + std::to_string(k.settings.max_running) + " jobs run"
          + (k.busy() > k.running() ? ", " + std::to_string(k.handed_on) + " of them in parts" : ""));
  }

  void queued() {
    closed(*e_.queue, "queue " + e_.queue->name);
    closed_kind(*e_.kind);
    place();
  }

  /// What of the job's needs the worker lacks.
  std::vector<std::string> missing(const worker_record& w) const {
    std::vector<std::string> out;
    std::set_difference(e_.needs->needs.begin(), e_.needs->needs.end(), w.capabilities.begin(), w.capabilities.end(),
                        std::back_inserter(out));
    return out;
  }

  /// What of the workers that could run it stands in the way.
  struct survey {
    size_t connected = 0, silent = 0, of_kind = 0, capable = 0, open = 0, slots = 0, used = 0;
    const worker_record* nearest = nullptr;
    /// With a slot, but without the tokens.
    const worker_record* short_of_tokens = nullptr;
    /// Without a slot, and with something wrong with its node.
    const worker_record* troubled = nullptr;
    bool kept_free = false;
    bool takes_it = false;
    std::vector<const node_record*> closed;
    /// (node, its problem) of those that could run it but for that.
    std::set<std::pair<std::string_view, std::string_view>> wrong;
  };

  survey look() const {
    survey x;
    for (auto& [_, w] : q_.workers) {
      if (!w.connected)
        continue;
      const bool of_kind = std::binary_search(w.kinds.begin(), w.kinds.end(), e_.kind->name);
      x.connected += of_kind || !is_housekeeper(w.kinds);
      if (!of_kind)
        continue;
      ++x.of_kind;
      if (auto lacks = missing(w); !lacks.empty()) {
        if (!x.nearest || lacks.size() < missing(*x.nearest).size())
          x.nearest = &w;
        for (auto text : what_is_wrong(w, lacks))
          x.wrong.emplace(w.node_name, text);
        continue;
      }
      ++x.capable;
      if (w.suspect) {
        ++x.silent;
      } else if (w.node->open) {
        look_at(w, x);
      } else if (std::ranges::find(x.closed, w.node) == x.closed.end()) {
        x.closed.push_back(w.node);
      }
    }
    return x;
  }

  /// Nothing when that is not all that keeps it from running the job.
  std::vector<std::string_view> what_is_wrong(const worker_record& w, const std::vector<std::string>& lacks) const {
    auto* s = w.slots_for(e_.queue);
    if (w.suspect || !w.node->open || !s || s->slots == 0)
      return {};
    std::vector<std::string_view> out;
    for (auto& capability : lacks) {
      auto why = problems_with(w, capability);
      if (why.empty())
        return {};
      out.insert(out.end(), why.begin(), why.end());
    }
    return out;
  }

  void look_at(const worker_record& w, survey& x) const {
    ++x.open;
    auto* s = w.slots_for(e_.queue);
    if (!s || s->slots == 0) {
      if (!x.troubled && !w.problems.empty())
        x.troubled = &w;
      return;
    }
    x.slots += s->slots;
    x.used += std::min(s->used, s->slots);
    if (s->used >= s->slots)
      return;
    if (!w.has_tokens(e_.row.spec.cost))
      x.short_of_tokens = !x.short_of_tokens || w.held.size() < x.short_of_tokens->held.size() ? &w : x.short_of_tokens;
    else if (w.reserved_for && w.reserved_for->wants != e_.needs->wants)
      x.kept_free = true;
    else
      x.takes_it = true;
  }

  void place() {
    auto x = look();
    if (x.connected == 0)
      say("no worker is connected");
    else if (x.of_kind == 0)
      say("no connected worker runs jobs of kind " + e_.kind->name);
    else if (x.capable == 0)
      lacking(*x.nearest);
    else if (x.silent == x.capable)
      say("the workers that can run it have not been heard for a while");
    else if (x.open == 0)
      closed_nodes(x.closed);
    else if (x.slots == 0)
      say("no worker that can run it takes jobs of queue " + e_.queue->name
          + (x.troubled ? "; " + x.troubled->problems.front() : ""));
    else
      full(x);
    // One that is set aside waits for another node than the one that is free.
    if (!x.takes_it || !e_.line)
      quote(x);
  }

  void quote(const survey& x) {
    size_t n = 0;
    for (auto& [node, text] : x.wrong)
      if (n++ < max_quoted)
        say("node " + std::string{node} + " could run it but for this: " + std::string{text});
    if (n > max_quoted)
      say("nodes that could run it otherwise have " + std::to_string(n - max_quoted)
          + " more problems; 'troupe nodes show NAME' has all of a node's");
  }

  void closed_nodes(const std::vector<const node_record*>& nodes) {
    std::string names;
    size_t n = 0;
    for (auto* x : nodes)
      if (n++ < max_named)
        names += (names.empty() ? "" : "; ") + x->rules.name + " " + q_.closed(*x);
    say("the nodes that can run it get no new work: " + names
        + (n > max_named ? "; and " + std::to_string(n - max_named) + " more" : ""));
  }

  void full(const survey& x) {
    auto now = q_.clk.mono();
    if (!e_.line) {
      std::string names;
      for (auto name : ready_index::failed_on(e_))
        if (names.find(name) == std::string::npos)
          names += (names.empty() ? "" : ", ") + std::string{name};
      say("it failed on " + names + " and waits for another node that can run it, for " + duration(e_.aside_until - now)
          + " at most");
    } else if (e_.needs->least_rank > 0) {
      say("it waits for a worker that offers what it prefers, for " + duration(e_.needs->hold_until - now)
          + " at most; those are full");
    } else if (x.takes_it) {
      if (reasons_.empty())
        say("a worker is free for it: it is about to be assigned");
    } else if (x.short_of_tokens) {
      tokens(*x.short_of_tokens);
    } else if (x.kept_free) {
      say("the workers with a free slot are kept free for larger jobs that come first");
    } else {
      busy(x.slots);
    }
  }

  /// "2 cores, of which 0 of 3 are free" for each that lacks.
  void tokens(const worker_record& w) {
    std::string text;
    auto add = [&](uint32_t cost, uint32_t of, uint32_t used, const char* unit, auto number) {
      if (of == 0 || cost == 0 || uint64_t{used} + cost <= of)
        return;
      text += (text.empty() ? "" : "; ") + number(cost) + " " + unit + ", of which " + number(used < of ? of - used : 0)
              + " of " + number(of) + " are free";
    };
    auto whole = [](uint32_t x) { return std::to_string(x); };
    auto& c = e_.row.spec.cost;
    add(c.cores, w.tokens.cores, w.in_use.cores, "cores", cores_text);
    add(c.memory_mib, w.tokens.memory_mib, w.in_use.memory_mib, "MiB of memory", whole);
    add(c.gpu_sessions, w.tokens.gpu_sessions, w.in_use.gpu_sessions, "GPU sessions", whole);
    say("no worker with a free slot has room for it; on " + w.node_name + " it needs " + text);
    if (e_.needs->reserved)
      say("worker " + e_.needs->reserved->node_name + " gets no other work until there is room for it");
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
    if (auto others = q_.ready.jobs_of_others_before(e_, max_counted); others > 0)
      say("owner \"" + e_.row.spec.owner + "\" has had its fair share of the cluster for now: " + std::to_string(others)
          + (others >= max_counted ? " or more" : "") + " jobs of others who have had less come first");
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
