#include "actors/cluster/file_desk.hpp"

namespace troupe::cluster {

namespace {

using self_ptr = local_file_desk::stateful_pointer<file_desk_state>;
using reply_type = caf::typed_response_promise<mesh::file_grant>;

/// Whose attempt it is: the job, and the name of its worker's node.
struct known_attempt {
  job row;
  std::string node;
};

void with_attempt(self_ptr self, const lease_token& token, worker_id worker, reply_type reply,
                  std::function<void(const known_attempt&)> then) {
  auto& st = self->state;
  self->request(st.peers.jobs, st.config.timeout, mesh::get_job{token.job})
    .then(
      [=](const mesh::job_with_children& x) mutable {
        if (auto good = check_attempt(x.item, token, worker); !good)
          reply.deliver(mesh::to_caf(good.error()));
        else
          then({x.item, self->state.config.certificates ? x.item.worker_name : std::string{}});
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
}

/// `at`: this node's own server, or another node's.
result<mesh::file_grant> sign(const file_desk_config& config, const result<file_ticket>& ticket,
                              const file_version& version, const file_host& at) {
  if (!ticket)
    return ticket.error();
  auto text = config.issuer->issue(*ticket);
  if (!text)
    return std::move(text).error();
  if (at.port == 0)
    return {errc::unavailable, "node " + at.node + " serves no files at present"};
  return mesh::file_grant{at.host, at.port, std::move(*text), at.node, version};
}

file_host this_node(const file_desk_config& config) {
  return {config.node_name, config.host, config.port ? config.port->load() : uint16_t{0}};
}

void grant(self_ptr self, const result<file_ticket>& ticket, const file_version& version, const file_host& at,
           reply_type reply) {
  auto out = sign(self->state.config, ticket, version, at);
  if (out)
    reply.deliver(std::move(*out));
  else
    reply.deliver(mesh::to_caf(out.error()));
}

/// Where the folder of a library, or the data folder, is on this node.
void with_root(self_ptr self, library_id library, reply_type reply, std::function<void(const std::string&)> then) {
  auto& st = self->state;
  if (!library)
    return then(st.config.data_folder);
  self->request(st.peers.libraries, st.config.timeout, mesh::get_libraries{})
    .then(
      [=](const mesh::library_list& x) mutable {
        for (auto& known : x.libraries)
          if (known.id == library)
            return then(known.root);
        reply.deliver(mesh::to_caf({errc::not_found, "there is no library " + library.str()}));
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
}

// -- files that other nodes have --------------------------------------------------------------------------------------

/// A file to be read, and by whom.
struct wanted_file {
  library_id library;
  std::string path;
  /// Name of the node; empty where there are no certificates.
  std::string asker;
  /// Who asks again for it is the same attempt, or the same gateway.
  std::string asked_by;
  /// Who asks is in this process, and could not read it here.
  bool is_local = false;
};

bool is_there(const known_file& x) {
  return x.state != video_state::missing && x.state != video_state::removed;
}

/// The version that the catalogue knows; `why` is told when it knows none.
void with_known_version(self_ptr self, const wanted_file& what, const error& why, reply_type reply,
                        std::function<void(const file_version&)> then) {
  auto& st = self->state;
  self->request(st.peers.catalogue, st.config.timeout, mesh::get_known_files{what.library, just_before(what.path), 1})
    .then(
      [=](const mesh::known_file_list& x) mutable {
        if (x.files.empty() || x.files.front().path != what.path || !is_there(x.files.front()))
          reply.deliver(mesh::to_caf(why));
        else
          then(x.files.front().version);
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
}

/// A node that has the file: another one for who asks again.
void with_host(self_ptr self, const wanted_file& what, const error& why, reply_type reply,
               std::function<void(const file_host&)> then) {
  auto& st = self->state;
  self->request(st.peers.nodes, st.config.timeout, mesh::get_nodes{})
    .then(
      [=](const mesh::node_list& x) mutable {
        auto& here = self->state;
        auto question = what.asked_by + " " + what.library.str() + "/" + what.path;
        if (auto at = here.turns.next(hosts_of(x.nodes, what.library, what.asker), question, here.config.time->mono()))
          then(*at);
        else
          reply.deliver(mesh::to_caf(why));
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
}

/// Why nobody gets the file. Where the library is here, the file is gone; else it may be back in a minute, with a mount
/// or a node.
error nobody_has(const file_desk_config& config, const std::string& root, bool root_is_there, error why) {
  if (root_is_there)
    return why;
  return {errc::unavailable, why.message + "; node " + config.node_name
                               + " can't read it and no other node serves it: mount " + root
                               + " there, or set files.serve = true on a worker that has the library"};
}

// -- what this node has
// ------------------------------------------------------------------------------------------------

/// Holds nothing but what it shares: it may hang, and outlive the desk.
file_looked_at look_at(const decltype(file_desk_config::look)& look, ports::files& files, const std::string& root,
                       const std::string& path) {
  file_looked_at out;
  out.there = look(root, path);
  if (!out.there) {
    auto folder = files.look_at_folder(root);
    out.root_is_there = folder && !folder->empty;
  }
  return out;
}

error not_in_time(const file_desk_config& config, const std::string& root, const std::string& why) {
  return {errc::unavailable, root + " can't be read on node " + config.node_name + " at present: " + why};
}

void with_look(self_ptr self, library_id library, const std::string& root, const std::string& path,
               std::function<void(const file_looked_at&)> then) {
  auto& st = self->state;
  const auto id = ++st.last_look;
  // Not the actor itself: a look that hangs must not keep it alive.
  auto work = [look = st.config.look, files = st.config.files, root, path, id, address = self->address()] {
    auto found = look_at(look, *files, root, path);
    found.look = id;
    if (auto to = caf::actor_cast<local_file_desk>(address))
      caf::anon_send(to, std::move(found));
  };
  auto begun = st.config.disks->begin(root_name(library), std::move(work));
  if (!begun)
    return then({id, not_in_time(st.config, root, begun.error().message), false});
  auto late = not_in_time(st.config, root,
                          "it has not answered for " + std::to_string(st.config.look_limit.count() / 1000) + " s");
  st.looks.emplace(id, [then = std::move(then), late = std::move(late)](const file_looked_at& x) {
    // Of one that is late nothing is known.
    then(x.look != 0 ? x : file_looked_at{0, late, false});
  });
  self->delayed_send(self, st.config.look_limit, file_look_late{id});
}

void on_looked_at(self_ptr self, uint64_t look, const file_looked_at& found) {
  auto who = self->state.looks.extract(look);
  if (!who.empty())
    who.mapped()(found);
}

// -- what is granted --------------------------------------------------------------------------------------------------

void deliver(reply_type reply, const error& why) {
  reply.deliver(mesh::to_caf(why));
}

template <class MakeTicket>
void grant_elsewhere(self_ptr self, const wanted_file& what, const error& why, reply_type reply, MakeTicket ticket) {
  with_known_version(self, what, why, reply, [=](const file_version& known) {
    with_host(self, what, why, reply, [=](const file_host& at) {
      grant(self, ticket(known, self->state.config.time->wall()), known, at, reply);
    });
  });
}

/// `ticket`: of a version and the time, for reading the file. This node serves what it sees itself.
template <class MakeTicket>
void grant_file(self_ptr self, const wanted_file& what, reply_type reply, MakeTicket ticket) {
  with_root(self, what.library, reply, [=](const std::string& root) {
    with_look(self, what.library, root, what.path, [=](const file_looked_at& found) {
      auto& config = self->state.config;
      auto& there = found.there;
      if (there && !what.is_local)
        return grant(self, ticket(*there, config.time->wall()), *there, this_node(config), reply);
      auto why = there ? error{errc::forbidden, root + "/" + what.path + ": this node may not read it"} : there.error();
      if (what.library && !is_built_in(what.library) && why.code != errc::unprocessable)
        grant_elsewhere(self, what, nobody_has(config, root, there || found.root_is_there, std::move(why)), reply,
                        ticket);
      else
        deliver(reply, why);
    });
  });
}

/// Where the film of this job is; `row` is the job whose payload names it.
void with_film(self_ptr self, const job& row, reply_type reply, std::function<void(const film_place&)> then) {
  auto film = film_of(row);
  if (!film) {
    reply.deliver(mesh::to_caf(film.error()));
    return;
  }
  if (!film->video)
    return then(film->place);
  auto& st = self->state;
  self->request(st.peers.catalogue, st.config.timeout, mesh::get_video{film->video})
    .then(
      [=](const video_detail& x) {
        then({x.item.library, x.item.path});
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
}

/// That this attempt may read the file.
void when_readable(self_ptr self, const mesh::get_file& asked, const job& row, reply_type reply,
                   std::function<void()> then) {
  auto judge = [=](const result<void>& good) mutable {
    if (good)
      then();
    else
      reply.deliver(mesh::to_caf(good.error()));
  };
  if (!asked.library)
    return judge(check_piece(asked));
  auto compare = [=](const film_place& film) mutable { judge(check_film(asked, film)); };
  const auto named_by = job_with_film(row);
  if (named_by == row.id)
    return with_film(self, row, reply, compare);
  auto& st = self->state;
  self->request(st.peers.jobs, st.config.timeout, mesh::get_job{named_by})
    .then([=](const mesh::job_with_children& x) { with_film(self, x.item, reply, compare); },
          [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
}

} // namespace

local_file_desk::behavior_type file_desk_actor(self_ptr self, file_desk_config config, file_desk_peers peers) {
  self->state.config = std::move(config);
  self->state.peers = std::move(peers);
  return {
    [self](const mesh::get_file& x) {
      auto reply = self->make_response_promise<mesh::file_grant>();
      with_attempt(self, x.token, x.worker, reply, [=](const known_attempt& of) {
        when_readable(self, x, of.row, reply, [=, node = of.node] {
          const bool is_local = self->state.config.is_own_worker && self->state.config.is_own_worker(x.worker);
          grant_file(self, {x.library, x.path, node, x.token.str(), is_local}, reply,
                     [=](const file_version& there, timestamp now) { return read_ticket(x, there, node, now); });
        });
      });
      return reply;
    },
    [self](const mesh::read_file& x) {
      auto reply = self->make_response_promise<mesh::file_grant>();
      if (auto good = check_readable(x); !good)
        reply.deliver(mesh::to_caf(good.error()));
      else
        grant_file(self, {x.library, x.path, x.node, x.node, false}, reply,
                   [=](const file_version& there, timestamp now) { return read_ticket(x, there, now); });
      return reply;
    },
    [self](const mesh::put_file& x) {
      auto reply = self->make_response_promise<mesh::file_grant>();
      with_attempt(self, x.token, x.worker, reply, [=](const known_attempt& of) {
        auto& here = self->state.config;
        grant(self, write_ticket(x, of.row.spec.parent, of.node, here.time->wall()), {}, this_node(here), reply);
      });
      return reply;
    },
    [self](const file_looked_at& x) { on_looked_at(self, x.look, x); },
    [self](const file_look_late& x) { on_looked_at(self, x.look, {}); },
  };
}

} // namespace troupe::cluster
