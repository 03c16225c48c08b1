#include "actors/library/librarian_parts.hpp"
#include "actors/library/payloads.hpp"
#include "actors/library/publication.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

namespace {

constexpr milliseconds retry_delay{500};
constexpr milliseconds held_retry_after{30'000};
constexpr size_t max_problems = 20;

void submit_scan(librarian_ptr self, const scan& item, const job_spec& spec, caf::typed_response_promise<scan> reply) {
  if (auto i = self->state.scans.find(item.id); i != self->state.scans.end())
    i->second.submitted = true;
  mesh::submit_jobs jobs;
  jobs.specs.push_back(spec);
  self->request(self->state.peers.jobs, read_timeout, std::move(jobs))
    .then(
      [self, reply, item](const mesh::submitted& x) mutable {
        if (!x.receipts.empty() && !x.receipts.front().existing) {
          reply.deliver(item);
          return;
        }
        error err{errc::conflict, "another scan job of this library has not ended; cancel it, or wait for its end"};
        end_scan(self, item.id, scan_status::failed, err.message);
        reply.deliver(mesh::to_caf(err));
      },
      [self, reply, item](caf::error& e) mutable {
        auto err = mesh::from_caf(e);
        // Whether the job was made is not known then: check_scans finds out.
        if (err.code != errc::timeout && err.code != errc::unavailable)
          end_scan(self, item.id, scan_status::failed, err.message);
        reply.deliver(std::move(e));
      });
}

void write_and_submit(librarian_ptr self, const scan& item, job_spec spec, caf::typed_response_promise<scan> reply) {
  ports::unit_of_work unit;
  unit.catalogue.scans.push_back(item);
  commit(self, std::move(unit), [self, reply, item, spec = std::move(spec)](const error* err) mutable {
    if (err) {
      self->state.scans.erase(item.id);
      reply.deliver(mesh::to_caf(*err));
      return;
    }
    submit_scan(self, item, spec, reply);
  });
}

/// What a batch says of its scan.
void take_counters(scan& item, const mesh::scan_batch& x) {
  set_phase(item, x.phase);
  for (auto& [name, value] : x.counters)
    item.counters[name] = value;
  item.problems.insert(item.problems.end(), x.problems.begin(), x.problems.end());
  if (item.problems.size() > max_problems)
    item.problems.erase(item.problems.begin(), item.problems.end() - max_problems);
}

} // namespace

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
  if (st.pending.contains(x.id))
    return mesh::to_caf(
      {errc::conflict, "library \"" + home->second.name + "\" is being changed; try again in a moment"});
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
  spec.traceparent = x.traceparent;
  // In memory before the first await: a second request gets this one.
  auto item = active.item;
  st.scans.emplace(item.id, std::move(active));
  queue_check(self);
  auto reply = self->make_response_promise<scan>();
  ask_elsewhere(self, home->second, [self, reply, item, spec](bool elsewhere) mutable {
    spec.needs = self->state.config.scan_needs(item.library, elsewhere);
    write_and_submit(self, item, std::move(spec), reply);
  });
  return reply;
}

namespace {

error too_full(error err) {
  err.code = errc::rate_limited;
  err.retry_after = std::max(err.retry_after, held_retry_after);
  return err;
}

} // namespace

void submit_held(librarian_ptr self) {
  auto& st = self->state;
  if (st.held.empty())
    return;
  auto held = std::move(st.held.front());
  st.held.pop_front();
  // Cancelled, or its library removed, while it waited.
  if (!st.scans.contains(held.scan)) {
    held.reply.deliver(mesh::to_caf({errc::conflict, "scan " + held.scan.str() + " has ended meanwhile"}));
    return submit_held(self);
  }
  auto count = static_cast<int64_t>(held.jobs.specs.size());
  auto jobs = held.jobs;
  self->request(st.peers.jobs, read_timeout, std::move(jobs))
    .then(
      [self, reply = held.reply, id = held.scan, count](const mesh::submitted& x) mutable {
        if (auto i = self->state.scans.find(id); i != self->state.scans.end()) {
          auto made = count - std::count_if(x.receipts.begin(), x.receipts.end(), [](auto& r) { return r.existing; });
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
        // Before its question times out: the scan comes back when it is told to, and no attempt is burnt.
        if (self->state.config.time->mono() >= held.until) {
          held.reply.deliver(mesh::to_caf(too_full(std::move(err))));
          return;
        }
        // The queue is full or being read: the scanner waits for its answer, and so does the walk.
        self->state.held.push_front(std::move(held));
        self->delayed_send(self, std::max(retry_delay, err.retry_after), resubmit_atom::value);
      });
}

namespace {

/// Where it belongs. That the attempt is the one that runs says the fence; that it is who sends it, the facade.
result<const library*> home_of(const librarian_state& st, const mesh::scan_batch& x) {
  auto i = st.scans.find(x.scan);
  if (i == st.scans.end() || x.token.job != i->second.job)
    return {errc::conflict, "scan " + x.scan.str() + " has ended, or its library was removed"};
  auto& own = i->second.item.library;
  if (x.library != own) {
    spdlog::warn("librarian: job {} scans library {}, but sent files of {}: refused", x.token.job.str(), own.str(),
                 x.library.str());
    return {errc::forbidden, "scan " + x.scan.str() + " is of library " + own.str() + ", not of " + x.library.str()
                               + ": what it found is dropped"};
  }
  auto home = st.libraries.find(own);
  if (home == st.libraries.end())
    return {errc::conflict, "scan " + x.scan.str() + " has ended, or its library was removed"};
  return &home->second;
}

/// The videos that it knows of, as it says.
ports::claimed_videos claimed_by(const mesh::scan_batch& x) {
  ports::claimed_videos out{x.library, x.missing};
  for (auto& f : x.changed)
    if (f.id)
      out.ids.push_back(f.id);
  return out;
}

} // namespace

caf::result<mesh::done> take_scan_batch(librarian_ptr self, mesh::scan_batch x) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  auto found_home = home_of(st, x);
  if (!found_home)
    return mesh::to_caf(found_home.error());
  auto& home = **found_home;
  auto& active = st.scans.at(x.scan);
  ports::unit_of_work unit;
  unit.fence = x.token;
  unit.claimed = claimed_by(x);
  held_submission held;
  held.scan = x.scan;
  for (auto& f : x.changed) {
    auto v = video_of_found(home, f, now());
    held.jobs.specs.push_back(ingest_spec(home, v, active.job));
    unit.catalogue.found.push_back(std::move(v));
  }
  for (auto id : x.missing)
    unit.catalogue.states.push_back({id, video_state::missing, now()});
  // Memory takes it only when the fence held: a scanner whose lease is lost changes nothing that anybody sees.
  auto row = active.item;
  take_counters(row, x);
  unit.catalogue.scans.push_back(std::move(row));
  auto reply = self->make_response_promise<mesh::done>();
  held.reply = reply;
  auto category = home.category;
  bool changes = !x.changed.empty() || !x.missing.empty();
  commit(self, std::move(unit), [self, held, category, changes, x = std::move(x)](const error* err) mutable {
    if (err) {
      if (err->code == errc::forbidden)
        spdlog::warn("librarian: job {}: {}", x.token.job.str(), err->message);
      held.reply.deliver(mesh::to_caf(*err));
      return;
    }
    auto& state = self->state;
    if (auto running = state.scans.find(held.scan); running != state.scans.end()) {
      take_counters(running->second.item, x);
      tell_scan(self, running->second, false);
    }
    if (changes)
      touch(self, category);
    if (held.jobs.specs.empty()) {
      held.reply.deliver(mesh::done{});
      return;
    }
    held.until = state.config.time->mono() + state.config.max_hold;
    state.held.push_back(std::move(held));
    submit_held(self);
  });
  return reply;
}

namespace {

/// What is newer than the store's row, if anything is.
const scan* newer(const librarian_state& st, scan_id id) {
  if (auto i = st.scans.find(id); i != st.scans.end())
    return &i->second.item;
  auto i = st.ended.find(id);
  return i == st.ended.end() ? nullptr : &i->second;
}

} // namespace

caf::result<mesh::scan_list> list_scans(librarian_ptr self, const mesh::get_scans& x) {
  auto reply = self->make_response_promise<mesh::scan_list>();
  self->request(self->state.peers.reader, read_timeout, x)
    .then(
      [self, reply](mesh::scan_list& all) mutable {
        for (auto& s : all.scans)
          if (auto present = newer(self->state, s.id))
            s = *present;
        reply.deliver(std::move(all));
      },
      [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
  return reply;
}

caf::result<scan> find_scan(librarian_ptr self, const mesh::get_scan& x) {
  if (auto present = newer(self->state, x.id))
    return *present;
  auto reply = self->make_response_promise<scan>();
  self->request(self->state.peers.reader, read_timeout, x)
    .then([reply](scan& found) mutable { reply.deliver(std::move(found)); },
          [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
  return reply;
}

void cancel_scans_of(librarian_ptr self, library_id id) {
  for (auto& [key, active] : self->state.scans)
    if (active.item.library == id)
      caf::anon_send(self->state.peers.jobs, mesh::act_on_job{active.job, mesh::job_action::cancel});
}

} // namespace troupe::catalogue
