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

void grant_file_at(self_ptr self, const mesh::get_file& asked, const std::string& root, const std::string& node,
                   reply_type reply) {
  auto& config = self->state.config;
  auto there = config.files->version_of(root + "/" + asked.path);
  if (!there)
    reply.deliver(mesh::to_caf(there.error()));
  else
    grant(self, read_ticket(asked, *there, node, config.time->wall()), *there, reply);
}

void grant_library_file(self_ptr self, const mesh::get_file& asked, const std::string& node, reply_type reply) {
  auto& st = self->state;
  self->request(st.peers.libraries, st.config.timeout, mesh::get_libraries{})
    .then(
      [=](const mesh::library_list& x) mutable {
        for (auto& library : x.libraries)
          if (library.id == asked.library)
            return grant_file_at(self, asked, library.root, node, reply);
        reply.deliver(mesh::to_caf({errc::not_found, "there is no library " + asked.library.str()}));
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
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
        if (x.library)
          grant_library_file(self, x, of.node, reply);
        else
          grant_file_at(self, x, self->state.config.data_folder, of.node, reply);
      });
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
