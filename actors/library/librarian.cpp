#include "actors/library/librarian.hpp"

#include "actors/library/blocking.hpp"
#include "actors/library/librarian_parts.hpp"
#include "actors/library/real_roots.hpp"
#include "protocol/model/json.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

const error loading_error{errc::unavailable, "the catalogue is being read from the database; try again in a moment"};

timestamp now() {
  return system_clocks{}.wall();
}

void commit(librarian_ptr self, ports::unit_of_work unit, std::function<void(const error*)> then) {
  self
    ->request(self->state.peers.journal, caf::infinite,
              dispatch::commit_catalogue{std::make_shared<const ports::unit_of_work>(std::move(unit))})
    .then([then](const mesh::done&) { then(nullptr); },
          [then](caf::error& e) {
            auto err = mesh::from_caf(e);
            then(&err);
          });
}

void touch(librarian_ptr self, const std::string& category) {
  auto& st = self->state;
  if (st.config.catalogue_changed)
    st.config.catalogue_changed();
  ++st.touched[category];
  if (!st.update_queued) {
    st.update_queued = true;
    self->delayed_send(self, st.config.update_interval, update_atom::value);
  }
}

namespace {

void send_updates(librarian_ptr self) {
  auto& st = self->state;
  mesh::publish_events events;
  for (auto& [category, changes] : st.touched) {
    event e;
    e.topic = "library:" + category;
    e.type = "library_update";
    e.data = "{\"category\":" + json_quote(category) + ",\"changes\":" + std::to_string(changes) + "}";
    events.events.push_back(std::move(e));
  }
  st.touched.clear();
  if (!events.events.empty() && st.peers.notifier)
    self->send(st.peers.notifier, std::move(events));
}

// -- libraries --------------------------------------------------------------------------------------------------------

void write_library(librarian_ptr self, const library& what, caf::typed_response_promise<library> reply) {
  ports::unit_of_work unit;
  unit.catalogue.libraries.push_back(what);
  commit(self, std::move(unit), [self, reply, what](const error* err) mutable {
    self->state.pending.erase(what.id);
    if (err) {
      reply.deliver(mesh::to_caf(*err));
      return;
    }
    self->state.libraries[what.id] = what;
    touch(self, what.category);
    self->state.config.libraries_changed();
    reply.deliver(what);
  });
}

/// What this node does not see may keep its root, as long as a worker has it there.
void keep_elsewhere(librarian_ptr self, const library& what, const error& problem,
                    caf::typed_response_promise<library> reply) {
  auto old = self->state.libraries.find(what.id);
  const bool moved = old == self->state.libraries.end() || old->second.root != what.root;
  auto refuse = [self, reply, what, problem]() mutable {
    self->state.pending.erase(what.id);
    reply.deliver(mesh::to_caf({errc::validation, problem.message}));
  };
  if (moved)
    return refuse();
  ask_elsewhere(self, what, [self, reply, what, refuse](bool elsewhere) mutable {
    if (elsewhere)
      write_library(self, what, reply);
    else
      refuse();
  });
}

/// What its folder is looked at for.
root_question question_of(const librarian_state& st, const library& what) {
  root_question out;
  out.root = what.root;
  out.data_folder = st.config.data_folder;
  out.private_places = st.config.private_places;
  out.limit = st.config.look_limit;
  for (auto* known : {&st.libraries, &st.pending})
    for (auto& [id, other] : *known)
      if (id != what.id)
        out.others.push_back(other);
  return out;
}

/// Looks at the folder (blocking), and writes the row when it is a good one.
void look_and_write(librarian_ptr self, const library& what, bool is_new, caf::typed_response_promise<library> reply) {
  auto& st = self->state;
  auto old = st.libraries.find(what.id);
  const bool moved = is_new || old == st.libraries.end() || old->second.root != what.root;
  // The folder is there, but can't be had.
  auto taken = std::make_shared<error>(errc::none, std::string{});
  run_blocking(
    self, st.config.detached,
    [files = st.config.files, question = question_of(st, what), moved, taken]() -> error {
      auto facts = look_at_root(files, question);
      if (!facts)
        return facts.error();
      if (auto good = moved ? check_real_root(files, question, *facts) : result<void>{}; !good)
        *taken = good.error();
      return {errc::none, {}};
    },
    [self, reply, what, is_new, taken](const error& problem) mutable {
      if (taken->code != errc::none) {
        self->state.pending.erase(what.id);
        reply.deliver(mesh::to_caf(*taken));
      } else if (problem.code == errc::none) {
        write_library(self, what, reply);
      } else if (is_new) {
        add_elsewhere(self, what, problem, reply);
      } else {
        keep_elsewhere(self, what, problem, reply);
      }
    });
}

/// Checks name and root, then the folder itself, then writes the row.
caf::result<library> put_library(librarian_ptr self, library what, bool is_new) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  if (!is_new) {
    auto old = st.libraries.find(what.id);
    if (old == st.libraries.end())
      return mesh::to_caf({errc::not_found, "library " + what.id.str() + ": not known; see `troupe library ls`"});
    if (old->second.origin != library_origin::folder)
      return mesh::to_caf({errc::conflict, "library \"" + old->second.name + "\" is built in and stays as it is"});
    what.created = old->second.created;
    what.root = what.root.empty() ? old->second.root : what.root;
    what.name = what.name.empty() ? old->second.name : what.name;
    what.category = what.category.empty() ? old->second.category : what.category;
  }
  auto root = check_root(what.root, what.id, st.config.data_folder, st.libraries);
  if (root)
    root = check_root(what.root, what.id, st.config.data_folder, st.pending);
  if (!root)
    return mesh::to_caf(root.error());
  if (auto good = check_places(*root, st.config.private_places); !good)
    return mesh::to_caf(good.error());
  what.root = *root;
  what.origin = library_origin::folder;
  if (is_new)
    what.id = library_id{random_id()};
  if (what.name.empty())
    what.name = what.root.substr(what.root.rfind('/') + 1);
  if (what.category.empty())
    what.category = what.name;
  what.updated = now();
  if (is_new)
    what.created = what.updated;
  if (st.pending.contains(what.id))
    return mesh::to_caf({errc::conflict, "library \"" + what.name + "\" is being changed; try again in a moment"});
  st.pending[what.id] = what;
  auto reply = self->make_response_promise<library>();
  look_and_write(self, what, is_new, reply);
  return reply;
}

caf::result<mesh::done> drop_library(librarian_ptr self, library_id id) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  auto i = st.libraries.find(id);
  if (i == st.libraries.end())
    return mesh::to_caf({errc::not_found, "library " + id.str() + ": not known; see `troupe library ls`"});
  if (i->second.origin != library_origin::folder)
    return mesh::to_caf({errc::conflict, "library \"" + i->second.name + "\" is built in and can't be removed"});
  if (st.pending.contains(id))
    return mesh::to_caf({errc::conflict, "library \"" + i->second.name + "\" is being changed; try again in a moment"});
  // Nobody changes it, or scans it anew, until it is gone.
  st.pending[id] = i->second;
  auto reply = self->make_response_promise<mesh::done>();
  ports::unit_of_work unit;
  unit.catalogue.removed_libraries.push_back(id);
  commit(self, std::move(unit), [self, reply, id](const error* err) mutable {
    self->state.pending.erase(id);
    if (err) {
      reply.deliver(mesh::to_caf(*err));
      return;
    }
    cancel_scans_of(self, id);
    auto gone = self->state.libraries.find(id);
    if (gone != self->state.libraries.end()) {
      touch(self, gone->second.category);
      self->state.libraries.erase(gone);
    }
    self->state.config.libraries_changed();
    reply.deliver(mesh::done{});
  });
  return reply;
}

} // namespace

librarian_self::behavior_type librarian(librarian_ptr self, librarian_config config, librarian_peers peers) {
  self->state.config = std::move(config);
  self->state.peers = std::move(peers);
  self->send(self, load_atom::value);
  return {
    [self](const mesh::get_libraries&) -> caf::result<mesh::library_list> {
      if (!self->state.loaded)
        return mesh::to_caf(loading_error);
      mesh::library_list out;
      for (auto& [id, x] : self->state.libraries)
        out.libraries.push_back(x);
      std::ranges::sort(out.libraries, {}, &library::id);
      return out;
    },
    [self](mesh::add_library& x) { return put_library(self, std::move(x.what), true); },
    [self](mesh::edit_library& x) { return put_library(self, std::move(x.what), false); },
    [self](const mesh::remove_library& x) { return drop_library(self, x.id); },
    [self](const mesh::scan_library& x) { return start_scan(self, x); },
    [self](const mesh::get_scans& x) { return list_scans(self, x); },
    [self](const mesh::get_scan& x) { return find_scan(self, x); },
    [self](const mesh::remove_video& x) { return drop_video(self, x); },
    [self](const mesh::edit_video& x) { return change_video(self, x); },
    [self](mesh::scan_batch& x) { return take_scan_batch(self, std::move(x)); },
    [self](const dispatch::job_changed& x) { on_job_changed(self, *x.item); },
    [self](load_atom) { load(self); },
    [self](resubmit_atom) { submit_held(self); },
    [self](elsewhere_atom) { look_elsewhere(self); },
    [self](check_atom) {
      self->state.check_queued = false;
      check_scans(self);
    },
    [self](update_atom) {
      self->state.update_queued = false;
      send_updates(self);
    },
  };
}

} // namespace troupe::catalogue
