// Libraries whose folder this node does not see: a worker has them.

#include "actors/library/blocking.hpp"
#include "actors/library/librarian_parts.hpp"
#include "actors/media/in_time.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe::catalogue {

namespace {

constexpr milliseconds look_interval{100};
/// What workers say of their mounts, in one message.
constexpr size_t most_told = 5;

/// Workers in processes of their own.
bool is_elsewhere(const node_details& x) {
  return !x.workers.empty() && !x.embedded;
}

bool is_offered(const std::vector<node_details>& nodes, library_id id) {
  const auto wanted = library_capability(id);
  return std::ranges::any_of(nodes, [&](auto& x) {
    return is_elsewhere(x) && std::ranges::find(x.capabilities, wanted) != x.capabilities.end();
  });
}

void ask_nodes(librarian_ptr self, std::function<void(const std::vector<node_details>&)> then) {
  if (!self->state.peers.nodes)
    return then({});
  self->request(self->state.peers.nodes, read_timeout, mesh::get_nodes{})
    .then([then](const mesh::node_list& x) { then(x.nodes); },
          [then](caf::error& e) {
            spdlog::warn("librarian: who has which library is not known: {}", mesh::from_caf(e).message);
            then({});
          });
}

/// What is wrong on each worker, as library_proof says it: it begins with the library's id.
error nobody_has(const library& what, const error& problem, const std::vector<node_details>& nodes) {
  error out{errc::validation, problem.message + ". No worker has the folder either"};
  const auto mark = "library " + what.id.str() + " ";
  size_t told = 0;
  for (auto& x : nodes)
    for (auto& said : x.problems)
      if (is_elsewhere(x) && said.starts_with(mark) && told++ < most_told)
        out.message += "; " + x.rules.name + ": " + said;
  return out;
}

void take_back(librarian_ptr self, const library_trial& x, error why) {
  ports::unit_of_work unit;
  unit.catalogue.removed_libraries.push_back(x.what.id);
  commit(self, std::move(unit), [self, what = x.what, reply = x.reply, why](const error* err) mutable {
    auto& st = self->state;
    st.pending.erase(what.id);
    if (err) {
      why.message += "; it could not be taken back (" + err->message + "): remove it";
    } else {
      st.libraries.erase(what.id);
      touch(self, what.category);
      st.config.libraries_changed();
    }
    reply.deliver(mesh::to_caf(why));
  });
}

void look_again(librarian_ptr self) {
  self->delayed_send(self, look_interval, elsewhere_atom::value);
}

} // namespace

void add_elsewhere(librarian_ptr self, const library& what, const error& problem,
                   caf::typed_response_promise<library> reply) {
  ask_nodes(self, [self, what, problem, reply](const std::vector<node_details>& nodes) mutable {
    if (std::ranges::none_of(nodes, is_elsewhere)) {
      self->state.pending.erase(what.id);
      reply.deliver(mesh::to_caf({errc::validation, problem.message}));
      return;
    }
    ports::unit_of_work unit;
    unit.catalogue.libraries.push_back(what);
    commit(self, std::move(unit), [self, what, problem, reply](const error* err) mutable {
      auto& st = self->state;
      if (err) {
        st.pending.erase(what.id);
        reply.deliver(mesh::to_caf(*err));
        return;
      }
      st.libraries[what.id] = what;
      touch(self, what.category);
      // Workers look at once.
      st.config.libraries_changed();
      st.trials.push_back({what, problem, reply, st.config.time->mono() + st.config.elsewhere_limit});
      if (st.trials.size() == 1)
        look_again(self);
    });
  });
}

void look_elsewhere(librarian_ptr self) {
  ask_nodes(self, [self](const std::vector<node_details>& nodes) {
    auto& st = self->state;
    const auto now = st.config.time->mono();
    for (auto& x : std::exchange(st.trials, {})) {
      if (is_offered(nodes, x.what.id)) {
        st.pending.erase(x.what.id);
        spdlog::info("library \"{}\" ({}) is on workers only", x.what.name, x.what.root);
        x.reply.deliver(x.what);
      } else if (now >= x.until) {
        take_back(self, x, nobody_has(x.what, x.problem, nodes));
      } else {
        st.trials.push_back(std::move(x));
      }
    }
    if (!st.trials.empty())
      look_again(self);
  });
}

void ask_elsewhere(librarian_ptr self, const library& what, std::function<void(bool)> then) {
  ask_nodes(self, [self, what, then](const std::vector<node_details>& nodes) {
    if (!is_offered(nodes, what.id))
      return then(false);
    run_blocking(
      self, self->state.config.detached,
      [files = self->state.config.files, limit = self->state.config.look_limit, root = what.root]() -> error {
        auto folder = work::in_time<ports::folder_facts>(limit, [files, root] { return files->look_at_folder(root); },
                                                         {errc::unavailable, root + " does not answer"});
        return folder ? error{errc::none, {}} : folder.error();
      },
      [then](const error& problem) { then(problem.code == errc::not_found); });
  });
}

} // namespace troupe::catalogue
