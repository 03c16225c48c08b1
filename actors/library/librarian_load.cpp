#include "actors/library/librarian_parts.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

namespace {

constexpr milliseconds retry_delay{500};

/// Reads once more in a moment. What goes wrong twice a second is told once.
void load_again(librarian_ptr self, const char* what, const error& cause) {
  auto problem = std::string{what} + ": " + cause.message;
  if (problem != self->state.load_problem)
    spdlog::error("librarian: {}; trying again until it works", problem);
  self->state.load_problem = std::move(problem);
  self->delayed_send(self, retry_delay, load_atom::value);
}

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
          active.submitted = true;
          st.scans.emplace(s.id, std::move(active));
        }
        st.loaded = true;
        queue_check(self);
        for (auto& [id, active] : st.scans)
          ask_scan_job(self, active);
      },
      [self](caf::error& e) { load_again(self, "can't read the unfinished scans", mesh::from_caf(e)); });
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
            return load_again(self, "can't write the built-in libraries", *err);
          // Read again, so that what is in memory is what is in the store.
          self->send(self, load_atom::value);
        });
      },
      [self](caf::error& e) { load_again(self, "can't read the catalogue", mesh::from_caf(e)); });
}

} // namespace troupe::catalogue
