#include "actors/cluster/file_desk.hpp"

namespace troupe::cluster {

namespace {

using self_ptr = mesh::file_desk::stateful_pointer<file_desk_state>;
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

result<mesh::file_grant> sign(const file_desk_config& config, const result<file_ticket>& ticket,
                              const file_version& version) {
  if (!ticket)
    return ticket.error();
  auto text = config.issuer->issue(*ticket);
  if (!text)
    return std::move(text).error();
  auto port = config.port ? config.port->load() : uint16_t{0};
  if (port == 0)
    return {errc::unavailable, "node " + config.node_name + " serves no files at present"};
  return mesh::file_grant{{}, port, std::move(*text), config.node_name, version};
}

void grant(self_ptr self, const result<file_ticket>& ticket, const file_version& version, reply_type reply) {
  auto out = sign(self->state.config, ticket, version);
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

/// `ticket`: for the version of the file that is there.
template <class MakeTicket>
void grant_file(self_ptr self, library_id library, const std::string& path, reply_type reply, MakeTicket ticket) {
  with_root(self, library, reply, [=](const std::string& root) mutable {
    auto& config = self->state.config;
    auto there = config.files->version_of(root + "/" + path);
    if (!there)
      reply.deliver(mesh::to_caf(there.error()));
    else
      grant(self, ticket(*there, config.time->wall()), *there, reply);
  });
}

} // namespace

mesh::file_desk::behavior_type file_desk_actor(self_ptr self, file_desk_config config, file_desk_peers peers) {
  self->state.config = std::move(config);
  self->state.peers = std::move(peers);
  return {
    [self](const mesh::get_file& x) {
      auto reply = self->make_response_promise<mesh::file_grant>();
      if (auto good = check_readable(x); !good) {
        reply.deliver(mesh::to_caf(good.error()));
        return reply;
      }
      with_attempt(self, x.token, x.worker, reply, [=](const known_attempt& of) {
        grant_file(self, x.library, x.path, reply,
                   [=](const file_version& there, timestamp now) { return read_ticket(x, there, of.node, now); });
      });
      return reply;
    },
    [self](const mesh::read_file& x) {
      auto reply = self->make_response_promise<mesh::file_grant>();
      if (auto good = check_readable(x); !good)
        reply.deliver(mesh::to_caf(good.error()));
      else
        grant_file(self, x.library, x.path, reply,
                   [=](const file_version& there, timestamp now) { return read_ticket(x, there, now); });
      return reply;
    },
    [self](const mesh::put_file& x) {
      auto reply = self->make_response_promise<mesh::file_grant>();
      with_attempt(self, x.token, x.worker, reply, [=](const known_attempt& of) {
        grant(self, write_ticket(x, of.row.spec.parent, of.node, self->state.config.time->wall()), {}, reply);
      });
      return reply;
    },
  };
}

} // namespace troupe::cluster
