#include "actors/dispatch/journal.hpp"

#include <spdlog/spdlog.h>

namespace troupe::dispatch {

namespace {

using self_ptr = journal_self::stateful_pointer<journal_state>;

void queue_flush(self_ptr self) {
  if (!self->state.flush_queued) {
    self->state.flush_queued = true;
    self->send(self, flush_atom::value);
  }
}

/// The writer, opened at first use. A connection that is lost it opens again by itself.
result<ports::store_writer*> writer_of(self_ptr self, ports::database& db) {
  auto& writer = self->state.writer;
  if (!writer) {
    auto opened = db.open_writer();
    if (!opened)
      return std::move(opened).error();
    writer = std::move(*opened);
  }
  return writer.get();
}

using entries = std::vector<commit_lanes::entry>;

void fail_all(entries& xs, const error& err) {
  spdlog::error("journal: a commit of {} units failed: {}", xs.size(), err.message);
  for (auto& e : xs)
    e.reply.deliver(mesh::to_caf(err));
}

void commit_all(self_ptr self, ports::database& db, entries xs) {
  auto writer = writer_of(self, db);
  if (!writer)
    return fail_all(xs, writer.error());
  std::vector<const ports::unit_of_work*> units;
  units.reserve(xs.size());
  for (auto& e : xs)
    units.push_back(e.unit.get());
  auto committed = (*writer)->commit(units);
  if (!committed) {
    if (xs.size() == 1 || !is_about_rows(committed.error()))
      return fail_all(xs, committed.error());
    // One unit that can't be written fails alone: above all, a mistake in the catalogue must not cost the dispatcher
    // its memory.
    for (auto& e : xs)
      commit_all(self, db, entries{std::move(e)});
    return;
  }
  for (size_t i = 0; i < xs.size(); ++i) {
    auto& one = (*committed)[i];
    if (one)
      xs[i].reply.deliver(mesh::done{});
    else
      xs[i].reply.deliver(mesh::to_caf(one.error()));
  }
}

void commit_next(self_ptr self, ports::database& db) {
  commit_all(self, db, self->state.lanes.next(self->state.config.max_rows));
}

caf::result<recovery> recover(self_ptr self, ports::database& db, bool raise) {
  auto& st = self->state;
  auto writer = writer_of(self, db);
  if (!writer)
    return mesh::to_caf(writer.error());
  if (raise || st.term == 0) {
    auto term = (*writer)->raise_term();
    if (!term)
      return mesh::to_caf(term.error());
    st.term = *term;
  }
  auto jobs = (*writer)->load_jobs();
  if (!jobs)
    return mesh::to_caf(jobs.error());
  return recovery{st.term, std::make_shared<ports::recovered_jobs>(std::move(*jobs))};
}

} // namespace

bool is_about_rows(const error& err) noexcept {
  switch (err.code) {
  case errc::unavailable:
  case errc::io:
  case errc::storage_full:
  case errc::timeout:
    return false;
  default:
    return true;
  }
}

std::vector<commit_lanes::entry> commit_lanes::next(size_t max_rows) {
  std::vector<entry> taken;
  size_t rows = 0;
  for (auto* lane : {&jobs_, &catalogue_}) {
    while (!lane->empty()) {
      auto more = lane->front().unit->rows();
      if (!taken.empty() && rows + more > max_rows)
        return taken;
      rows += more;
      taken.push_back(std::move(lane->front()));
      lane->pop_front();
    }
  }
  return taken;
}

journal_self::behavior_type journal_actor(self_ptr self, std::shared_ptr<ports::database> database,
                                          journal_config config) {
  self->state.config = config;
  return {
    [self](commit_jobs& x) -> caf::result<mesh::done> {
      auto reply = self->make_response_promise<mesh::done>();
      self->state.lanes.add_job({std::move(x.unit), reply});
      queue_flush(self);
      return reply;
    },
    [self](commit_catalogue& x) -> caf::result<mesh::done> {
      auto reply = self->make_response_promise<mesh::done>();
      self->state.lanes.add_catalogue({std::move(x.unit), reply});
      queue_flush(self);
      return reply;
    },
    [self, database](const recover_jobs& x) -> caf::result<recovery> {
      // Everything that was asked for before is decided before: what is loaded must be the whole truth.
      while (!self->state.lanes.empty())
        commit_next(self, *database);
      return recover(self, *database, x.raise_term);
    },
    [self, database](const purge_jobs& x) -> caf::result<purged> {
      auto writer = writer_of(self, *database);
      if (!writer)
        return mesh::to_caf(writer.error());
      auto gone = (*writer)->purge_history(x.older_than, x.limit);
      if (!gone)
        return mesh::to_caf(gone.error());
      return purged{std::move(*gone)};
    },
    [self, database](flush_atom) {
      auto& st = self->state;
      st.flush_queued = false;
      if (!st.lanes.empty())
        commit_next(self, *database);
      if (!st.lanes.empty())
        queue_flush(self);
    },
  };
}

} // namespace troupe::dispatch
