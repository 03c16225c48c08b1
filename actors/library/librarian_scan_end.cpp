#include "actors/library/librarian_parts.hpp"
#include "actors/library/publication.hpp"
#include "protocol/model/json.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

namespace {

constexpr std::string_view unfinished = "waiting,delayed,queued,running";
constexpr std::chrono::seconds check_interval{5};

void write_scan(librarian_ptr self, const scan& x) {
  ports::unit_of_work unit;
  unit.catalogue.scans.push_back(x);
  auto last = x.status >= scan_status::completed;
  commit(self, std::move(unit), [self, id = x.id, last](const error* err) {
    if (!err) {
      if (last)
        self->state.ended.erase(id);
      return;
    }
    spdlog::warn("librarian: the state of scan {} was not written yet: {}", id.str(), err->message);
    // Those that go on are written with their next batch.
    if (self->state.ended.contains(id))
      queue_check(self);
  });
}

/// How many jobs of this scan are in these states, from the store; `then` is not called when the store is away.
void count_jobs(librarian_ptr self, const active_scan& x, std::string_view states, std::function<void(int64_t)> then) {
  job_query q;
  q.parent = x.job;
  q.status = states;
  q.history = true;
  q.limit = 1;
  self->request(self->state.peers.reader, read_timeout, q)
    .then([then](const job_page& page) { then(static_cast<int64_t>(page.total)); },
          [self, id = x.item.id](caf::error& e) {
            spdlog::warn("librarian: can't count the jobs of scan {}: {}", id.str(), mesh::from_caf(e).message);
            if (auto i = self->state.scans.find(id); i != self->state.scans.end())
              i->second.checking = false;
          });
}

} // namespace

void tell_scan(librarian_ptr self, const active_scan& x, bool last) {
  auto& st = self->state;
  auto home = st.libraries.find(x.item.library);
  if (home == st.libraries.end() || !st.peers.notifier)
    return;
  event e;
  e.topic = "library:" + home->second.category;
  e.type = "library_update";
  e.data = "{\"category\":" + json_quote(home->second.category) + ",\"scan\":" + outward_json(x.item) + "}";
  e.coalesce = !last;
  mesh::publish_events message;
  message.events.push_back(std::move(e));
  self->send(st.peers.notifier, std::move(message));
}

void set_phase(scan& x, scan_status phase) {
  if (phase == x.status)
    return;
  auto t = now();
  if (x.status == scan_status::discovering)
    x.discovering_ended = t;
  if (phase >= scan_status::caching && !is_set(x.scanning_ended))
    x.scanning_ended = t;
  if (phase >= scan_status::enriching) {
    if (!is_set(x.caching_ended))
      x.caching_ended = t;
    if (phase >= scan_status::completed && !is_set(x.enriching_ended))
      x.enriching_ended = t;
  }
  if (phase >= scan_status::completed)
    x.finished = t;
  x.status = phase;
}

void end_scan(librarian_ptr self, scan_id id, scan_status how, std::string problem) {
  auto i = self->state.scans.find(id);
  if (i == self->state.scans.end())
    return;
  auto& x = i->second;
  if (!problem.empty())
    x.item.problems.push_back(std::move(problem));
  set_phase(x.item, how);
  self->state.ended[id] = x.item;
  write_scan(self, x.item);
  tell_scan(self, x, true);
  self->state.scans.erase(i);
  // Files are known by now that a library can be told by.
  self->state.config.libraries_changed();
}

void queue_check(librarian_ptr self) {
  auto& st = self->state;
  if ((st.scans.empty() && st.ended.empty()) || st.check_queued)
    return;
  st.check_queued = true;
  self->delayed_send(self, check_interval, check_atom::value);
}

namespace {

void check_end(librarian_ptr self, scan_id id);

void finish_counted(librarian_ptr self, scan_id id) {
  auto i = self->state.scans.find(id);
  if (i == self->state.scans.end())
    return;
  count_jobs(self, i->second, "completed", [self, id](int64_t completed) {
    auto j = self->state.scans.find(id);
    if (j == self->state.scans.end())
      return;
    j->second.item.counters["assetsCached"] = completed;
    count_jobs(self, j->second, "failed", [self, id](int64_t failed) {
      auto k = self->state.scans.find(id);
      if (k == self->state.scans.end())
        return;
      auto& counters = k->second.item.counters;
      counters["assetsQueued"] = counters["assetsCached"] + failed;
      counters["assetsFailed"] = failed;
      counters["errors"] += failed;
      counters["enrichmentQueued"];
      counters["enrichmentCompleted"];
      end_scan(self, id, scan_status::completed, {});
    });
  });
}

void check_end(librarian_ptr self, scan_id id) {
  auto i = self->state.scans.find(id);
  if (i == self->state.scans.end() || !i->second.walk_ended || i->second.checking || i->second.outstanding > 0)
    return;
  i->second.checking = true;
  count_jobs(self, i->second, unfinished, [self, id](int64_t left) {
    auto j = self->state.scans.find(id);
    if (j == self->state.scans.end())
      return;
    j->second.checking = false;
    j->second.outstanding = left;
    if (left == 0) {
      j->second.checking = true;
      finish_counted(self, id);
    }
  });
}

active_scan* scan_of_job(librarian_state& st, job_id id) {
  for (auto& [key, x] : st.scans)
    if (x.job == id)
      return &x;
  return nullptr;
}

void on_scan_job(librarian_ptr self, const job& x) {
  auto* active = scan_of_job(self->state, x.id);
  if (!active || !is_terminal(x.state))
    return;
  auto id = active->item.id;
  if (x.state == job_state::failed)
    return end_scan(self, id, scan_status::failed, x.last_error.message);
  if (x.state == job_state::cancelled)
    return end_scan(self, id, scan_status::cancelled, "cancelled on request");
  active->walk_ended = true;
  set_phase(active->item, scan_status::caching);
  write_scan(self, active->item);
  tell_scan(self, *active, true);
  check_end(self, id);
}

void on_ingest_job(librarian_ptr self, const job& x) {
  if (!is_terminal(x.state))
    return;
  touch(self, category_of_ingest(x));
  auto* active = scan_of_job(self->state, x.spec.parent);
  if (!active)
    return;
  --active->outstanding;
  ++active->item.counters[x.state == job_state::completed ? "assetsCached" : "assetsFailed"];
  tell_scan(self, *active, false);
  check_end(self, active->item.id);
}

} // namespace

/// What happened to a scan's job meanwhile: the dispatcher knows, or its history.
void ask_scan_job(librarian_ptr self, const active_scan& x) {
  self->request(self->state.peers.jobs, read_timeout, mesh::get_job{x.job})
    .then([self](const mesh::job_with_children& found) { on_scan_job(self, found.item); },
          [self, id = x.item.id](caf::error& e) {
            if (mesh::from_caf(e).code == errc::not_found)
              end_scan(self, id, scan_status::failed, "the coordinator stopped before its job was submitted");
          });
}

void on_job_changed(librarian_ptr self, const job& x) {
  drop_late_result(self, x);
  drop_leavings(self, x);
  if (x.spec.kind == "scan")
    on_scan_job(self, x);
  else if (x.spec.kind == "ingest")
    on_ingest_job(self, x);
}

void check_scans(librarian_ptr self) {
  for (auto& [id, x] : self->state.ended)
    write_scan(self, x);
  for (auto& [id, active] : self->state.scans) {
    if (!active.submitted)
      continue;
    if (!active.walk_ended)
      ask_scan_job(self, active);
    active.outstanding = 0;
    check_end(self, id);
  }
  queue_check(self);
}

} // namespace troupe::catalogue
