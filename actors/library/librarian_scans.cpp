#include "actors/library/librarian_parts.hpp"
#include "actors/library/payloads.hpp"
#include "actors/library/publication.hpp"
#include "protocol/model/json.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

namespace {

constexpr std::string_view unfinished = "waiting,delayed,queued,running";
constexpr std::chrono::seconds read_timeout{10};
constexpr milliseconds retry_delay{500};
constexpr std::chrono::seconds check_interval{5};
constexpr size_t max_problems = 20;

// -- writing a scan's row ---------------------------------------------------------------------------------------------

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

void write_scan(librarian_ptr self, const scan& x) {
  ports::unit_of_work unit;
  unit.catalogue.scans.push_back(x);
  commit(self, std::move(unit), [id = x.id](const error* err) {
    if (err)
      spdlog::warn("librarian: the state of scan {} was not written: {}", id.str(), err->message);
  });
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
  write_scan(self, x.item);
  tell_scan(self, x, true);
  self->state.scans.erase(i);
}

// -- the end of a scan ------------------------------------------------------------------------------------------------

/// How many jobs of this scan are in these states, from the store; `then` is not called when the store is away.
void count_jobs(librarian_ptr self, const active_scan& x, std::string_view states, std::function<void(int64_t)> then) {
  job_query q;
  q.parent = x.job;
  q.status = states;
  q.history = true;
  q.limit = 1;
  self->request(self->state.peers.reader, read_timeout, q)
    .then(
      [then](const job_page& page) {
        then(static_cast<int64_t>(page.total));
      },
      [self, id = x.item.id](caf::error& e) {
        spdlog::warn("librarian: can't count the jobs of scan {}: {}", id.str(), mesh::from_caf(e).message);
        if (auto i = self->state.scans.find(id); i != self->state.scans.end())
          i->second.checking = false;
      });
}

void queue_check(librarian_ptr self) {
  auto& st = self->state;
  if (st.scans.empty() || st.check_queued)
    return;
  st.check_queued = true;
  self->delayed_send(self, check_interval, check_atom::value);
}

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

/// What happened to a scan's job meanwhile: the dispatcher knows, or its history.
void ask_scan_job(librarian_ptr self, const active_scan& x) {
  self->request(self->state.peers.jobs, read_timeout, mesh::get_job{x.job})
    .then(
      [self](const mesh::job_with_children& found) {
        on_scan_job(self, found.item);
      },
      [self, id = x.item.id](caf::error& e) {
        if (mesh::from_caf(e).code == errc::not_found)
          end_scan(self, id, scan_status::failed, "the coordinator stopped before its job was submitted");
      });
}

// -- start-up ---------------------------------------------------------------------------------------------------------

void load_scans(librarian_ptr self) {
  self->request(self->state.peers.reader, read_timeout, mesh::get_scans{100})
    .then(
      [self](mesh::scan_list& x) {
        auto& st = self->state;
        for (auto& s : x.scans) {
          auto job = job_id::parse(s.job);
          if (s.status >= scan_status::completed || !job)
            continue;
          active_scan active;
          active.item = s;
          active.job = *job;
          st.scans.emplace(s.id, std::move(active));
        }
        st.loaded = true;
        queue_check(self);
        for (auto& [id, active] : st.scans)
          ask_scan_job(self, active);
      },
      [self](caf::error&) {
        self->delayed_send(self, retry_delay, load_atom::value);
      });
}

std::vector<library> missing_builtins(const librarian_state& st) {
  std::vector<library> out;
  auto add = [&](library_id id, library_origin origin, std::string name) {
    if (st.libraries.count(id) > 0)
      return;
    library x;
    x.id = id;
    x.name = name;
    x.category = name;
    x.root = st.config.data_folder + "/" + name;
    x.origin = origin;
    x.created = x.updated = now();
    out.push_back(std::move(x));
  };
  add(uploads_library, library_origin::uploads, "uploads");
  add(downloads_library, library_origin::downloads, "downloads");
  return out;
}

} // namespace

void load(librarian_ptr self) {
  self->request(self->state.peers.reader, read_timeout, mesh::get_libraries{})
    .then(
      [self](mesh::library_list& x) {
        auto& st = self->state;
        for (auto& one : x.libraries)
          st.libraries[one.id] = one;
        auto missing = missing_builtins(st);
        if (missing.empty())
          return load_scans(self);
        ports::unit_of_work unit;
        unit.catalogue.libraries = missing;
        commit(self, std::move(unit), [self](const error* err) {
          if (err)
            spdlog::error("librarian: can't write the built-in libraries: {}", err->message);
          // Read again, so that what is in memory is what is in the store.
          self->delayed_send(self, err ? retry_delay : milliseconds{0}, load_atom::value);
        });
      },
      [self](caf::error& e) {
        spdlog::error("librarian: can't read the catalogue, trying again: {}", mesh::from_caf(e).message);
        self->delayed_send(self, retry_delay, load_atom::value);
      });
}

caf::result<scan> start_scan(librarian_ptr self, const mesh::scan_library& x) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  auto home = st.libraries.find(x.id);
  if (home == st.libraries.end())
    return mesh::to_caf({errc::not_found, "library " + x.id.str() + ": not known; see `troupe library ls`"});
  if (home->second.origin != library_origin::folder)
    return mesh::to_caf({errc::conflict, "library \"" + home->second.name
                                           + "\" is filled by uploads and downloads; there is nothing to scan"});
  for (auto& [id, active] : st.scans)
    if (active.item.library == x.id)
      return active.item;
  active_scan active;
  active.item.id = scan_id{random_id()};
  active.item.library = x.id;
  active.item.started = now();
  active.job = job_id{random_id()};
  active.item.job = active.job.str();
  job_spec spec;
  spec.id = active.job;
  spec.kind = "scan";
  spec.payload = encode(scan_payload{active.item.id, x.id, home->second.root});
  spec.unique_key = "scan:" + x.id.str();
  spec.request_id = x.request_id;
  // In memory before the first await: a second request gets this one.
  auto item = active.item;
  st.scans.emplace(item.id, std::move(active));
  queue_check(self);
  auto reply = self->make_response_promise<scan>();
  ports::unit_of_work unit;
  unit.catalogue.scans.push_back(item);
  commit(self, std::move(unit), [self, reply, item, spec](const error* err) mutable {
    if (err) {
      self->state.scans.erase(item.id);
      reply.deliver(mesh::to_caf(*err));
      return;
    }
    mesh::submit_jobs jobs;
    jobs.specs.push_back(spec);
    self->request(self->state.peers.jobs, read_timeout, std::move(jobs))
      .then(
        [reply, item](const mesh::submitted&) mutable {
          reply.deliver(item);
        },
        [self, reply, item](caf::error& e) mutable {
          end_scan(self, item.id, scan_status::failed, mesh::from_caf(e).message);
          reply.deliver(std::move(e));
        });
  });
  return reply;
}

void submit_held(librarian_ptr self) {
  auto& st = self->state;
  if (st.held.empty())
    return;
  auto held = std::move(st.held.front());
  st.held.pop_front();
  auto count = static_cast<int64_t>(held.jobs.specs.size());
  auto jobs = held.jobs;
  self->request(st.peers.jobs, read_timeout, std::move(jobs))
    .then(
      [self, reply = held.reply, id = held.scan, count](const mesh::submitted& x) mutable {
        if (auto i = self->state.scans.find(id); i != self->state.scans.end()) {
          auto made = count - std::count_if(x.receipts.begin(), x.receipts.end(), [](auto& r) {
                        return r.existing;
                      });
          i->second.outstanding += made;
          i->second.item.counters["assetsQueued"] += made;
        }
        reply.deliver(mesh::done{});
        if (!self->state.held.empty())
          self->send(self, resubmit_atom::value);
      },
      [self, held](caf::error& e) mutable {
        auto err = mesh::from_caf(e);
        if (err.code != errc::rate_limited && err.code != errc::unavailable) {
          held.reply.deliver(mesh::to_caf(err));
          return;
        }
        // The queue is full or being read: the scanner waits for its answer, and so does the walk.
        self->state.held.push_front(std::move(held));
        self->delayed_send(self, std::max(retry_delay, err.retry_after), resubmit_atom::value);
      });
}

caf::result<mesh::done> take_scan_batch(librarian_ptr self, mesh::scan_batch x) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  auto i = st.scans.find(x.scan);
  auto home = st.libraries.find(x.library);
  if (i == st.scans.end() || home == st.libraries.end())
    return mesh::to_caf({errc::conflict, "scan " + x.scan.str() + " has ended, or its library was removed"});
  auto& item = i->second.item;
  set_phase(item, x.phase);
  for (auto& [name, value] : x.counters)
    item.counters[name] = value;
  for (auto& p : x.problems)
    item.problems.push_back(std::move(p));
  if (item.problems.size() > max_problems)
    item.problems.erase(item.problems.begin(), item.problems.end() - max_problems);
  ports::unit_of_work unit;
  unit.fence = x.token;
  held_submission held;
  held.scan = x.scan;
  for (auto& f : x.changed) {
    auto v = video_of_found(home->second, f, now());
    held.jobs.specs.push_back(ingest_spec(home->second, v, i->second.job));
    unit.catalogue.found.push_back(std::move(v));
  }
  for (auto id : x.missing)
    unit.catalogue.states.push_back({id, video_state::missing, now()});
  unit.catalogue.scans.push_back(item);
  tell_scan(self, i->second, false);
  auto reply = self->make_response_promise<mesh::done>();
  held.reply = reply;
  auto category = home->second.category;
  commit(self, std::move(unit), [self, held, category](const error* err) mutable {
    if (err) {
      held.reply.deliver(mesh::to_caf(*err));
      return;
    }
    if (held.jobs.specs.empty()) {
      held.reply.deliver(mesh::done{});
      return;
    }
    touch(self, category);
    self->state.held.push_back(std::move(held));
    submit_held(self);
  });
  return reply;
}

void on_job_changed(librarian_ptr self, const job& x) {
  if (x.spec.kind == "scan")
    on_scan_job(self, x);
  else if (x.spec.kind == "ingest")
    on_ingest_job(self, x);
}

void check_scans(librarian_ptr self) {
  for (auto& [id, active] : self->state.scans) {
    if (!active.walk_ended)
      ask_scan_job(self, active);
    active.outstanding = 0;
    check_end(self, id);
  }
  queue_check(self);
}

void cancel_scans_of(librarian_ptr self, library_id id) {
  for (auto& [key, active] : self->state.scans)
    if (active.item.library == id)
      caf::anon_send(self->state.peers.jobs, mesh::act_on_job{active.job, mesh::job_action::cancel});
}

} // namespace troupe::catalogue
