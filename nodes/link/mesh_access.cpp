#include "nodes/link/mesh_access.hpp"

#include "nodes/link/reachable.hpp"
#include "nodes/link/tls_context.hpp"
#include "protocol/model/software.hpp"

#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>

#include <future>

namespace troupe::node {

namespace {

/// A machine that is there answers a connect at once; the kernel would try for minutes.
constexpr milliseconds connect_limit{3'000};

std::string address_of(const std::string& host, uint16_t port) {
  return host + ":" + std::to_string(port);
}

error broken_off() {
  return {errc::unavailable, "the connection broke off before the coordinator had answered"};
}

template <class Answer>
using answer_of = std::shared_ptr<std::promise<result<Answer>>>;

/// An answer, or what went wrong. CAF fails no request whose link has ended: without a look at the door it would wait
/// for all of its time, which is longer than a lease may be.
template <class Answer, class Message>
caf::behavior asker(caf::event_based_actor* self, const mesh::door& door, milliseconds limit, const Message& question,
                    const answer_of<Answer>& answered) {
  auto end = [self, answered](result<Answer> x) {
    answered->set_value(std::move(x));
    self->quit();
  };
  self->monitor(door);
  self->set_down_handler([end](const caf::down_msg&) { end(broken_off()); });
  self->request(door, limit, question)
    .then([end](Answer& x) { end(std::move(x)); }, [end](caf::error& e) { end(mesh::from_caf(e)); });
  return {[](const mesh::done&) {}};
}

caf::actor any_of(const mesh::worker_handles& x) {
  return caf::actor_cast<caf::actor>(x.jobs);
}
caf::actor any_of(const mesh::admin_handles& x) {
  return caf::actor_cast<caf::actor>(x.jobs);
}
caf::actor any_of(const mesh::gateway_welcome& x) {
  return caf::actor_cast<caf::actor>(x.handles.jobs);
}

/// Knocks, and stays as long as what it was given: a door holds that for who knocked, and takes it back at its end. CAF
/// keeps an actor that has written to another node until it ends.
template <class Handles, class Message>
caf::behavior visitor(caf::event_based_actor* self, const mesh::door& door, milliseconds limit, const Message& knock,
                      const answer_of<Handles>& answered) {
  self->monitor(door);
  self->set_down_handler([self, answered](const caf::down_msg&) {
    answered->set_value(broken_off());
    self->quit();
  });
  self->request(door, limit, knock)
    .then(
      [self, door, answered](Handles& x) {
        self->demonitor(door.address());
        self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
        if (auto given = any_of(x))
          self->monitor(given);
        answered->set_value(std::move(x));
      },
      [self, answered](caf::error& e) {
        answered->set_value(mesh::from_caf(e));
        self->quit();
      });
  return {[](const mesh::done&) {}};
}

/// Nobody waits for it at the end of the system. Blocks until it has an answer.
template <class Answer, class Message>
result<Answer> send_out(caf::actor_system& system,
                        caf::behavior (*who)(caf::event_based_actor*, const mesh::door&, milliseconds, const Message&,
                                             const answer_of<Answer>&),
                        const mesh::door& door, milliseconds limit, Message message) {
  auto answered = std::make_shared<std::promise<result<Answer>>>();
  auto answer = answered->get_future();
  system.spawn<caf::hidden>(who, door, limit, std::move(message), answered);
  // The question has the same limit: this is for a system that ends meanwhile.
  if (answer.wait_for(limit + milliseconds{1'000}) != std::future_status::ready)
    return {errc::timeout, "no answer"};
  return answer.get();
}

} // namespace

mesh_access::mesh_access(std::optional<identity::node_papers> papers, const clock& time) :
  papers_(std::move(papers)), time_(time) {
}

result<void> mesh_access::configure(caf::actor_system_config& config) const {
  config.load<caf::io::middleman>();
  if (!papers_)
    return {};
  TROUPE_TRY(make_tls_context(*papers_));
  config.load<caf::openssl::manager>();
  // CAF asks whether they are set; it is given the context (interposed/session_context.cpp) and never opens them.
  config.openssl_certificate = papers_->folder + "/node.pem";
  config.openssl_key = papers_->folder + "/node.key";
  config.openssl_cafile = papers_->folder + "/ca.pem";
  return {};
}

result<uint16_t> mesh_access::publish(caf::actor_system& system, const mesh::door& door, const std::string& address,
                                      uint16_t port) const {
  // CAF's own actors, which answer by name whoever asks: the one keeps what it is given, the other spawns.
  for (auto name : {caf::atom("ConfigServ"), caf::atom("SpawnServ")})
    system.registry().erase(name);
  auto taken = papers_ ? caf::openssl::publish(door, port, address.c_str(), true)
                       : system.middleman().publish(door, port, address.c_str(), true);
  if (taken)
    return *taken;
  return {errc::conflict, "mesh port " + address_of(address, port)
                            + ": can't listen there; is another trouped running? Choose another with mesh.port"};
}

result<mesh::door> mesh_access::find_door(caf::scoped_actor& self, const std::string& host, uint16_t port,
                                          milliseconds limit) const {
  const auto where = address_of(host, port);
  // CAF connects on the thread that serves all peers, and for as long as the kernel tries.
  TROUPE_TRY(reachable(host, port, std::min(limit, connect_limit)));
  auto& system = self->home_system();
  auto broker = papers_ ? system.openssl_manager().actor_handle() : system.middleman().actor_handle();
  result<mesh::door> out{errc::unavailable, where + " does not answer"};
  self->request(broker, limit, caf::connect_atom::value, host, port)
    .receive(
      [&](caf::node_id&, caf::strong_actor_ptr& x, std::set<std::string>& understood) {
        if (x && system.assignable(understood, system.message_types(caf::detail::type_list<mesh::door>{})))
          out = caf::actor_cast<mesh::door>(std::move(x));
        else if (x)
          out = error{errc::protocol, where + " is no trouped of this version; install the same on both machines"};
      },
      [&](caf::error& e) {
        out = error{errc::unavailable,
                    where
                      + (e == caf::sec::request_timeout || e == caf::sec::connection_timeout
                           ? " was reached, but says nothing; is it very busy, or another program?"
                         : papers_ ? " does not speak TLS with the certificates of this cluster; 'troupe cert check "
                                       + where + "' says why"
                                   : " is no trouped, or one that wants a certificate (--identity, mesh.identity)")};
      });
  return out;
}

result<mesh::knock> mesh_access::introduce(caf::scoped_actor& self, const mesh::door& door, const std::string& host,
                                           std::string role, const std::string& name, milliseconds limit) const {
  mesh::knock out;
  out.role = std::move(role);
  out.name = name;
  out.software = software_version();
  mesh::greet hello;
  hello.name = out.name;
  hello.role = out.role;
  if (papers_) {
    auto challenge = identity::new_challenge();
    if (!challenge)
      return std::move(challenge).error();
    hello.challenge = std::move(*challenge);
  }
  auto answer = send_out(self->home_system(), asker<mesh::greeting, mesh::greet>, door, limit, hello);
  if (!answer || !papers_)
    return answer ? result<mesh::knock>{std::move(out)} : std::move(answer).error();
  auto facts = identity::check_proof({answer->certificate, answer->signature}, identity::side::door, hello.challenge,
                                     identity::door_claim, papers_->authority, time_.wall());
  if (!facts)
    return std::move(facts).error();
  if (!facts->has_role("coordinator"))
    return {errc::forbidden, "at " + host + " answers '" + facts->name
                               + "', whose certificate does not grant the role "
                                 "coordinator"};
  TROUPE_TRY(identity::check_host(*facts, host));
  out.challenge = std::move(answer->challenge);
  auto proof = identity::prove(*papers_, identity::side::caller, out.challenge,
                               identity::caller_claim(out.protocol_version, out.role, out.name));
  if (!proof)
    return std::move(proof).error();
  out.certificate = std::move(proof->certificate);
  out.signature = std::move(proof->signature);
  return out;
}

template <class Handles, class Message>
result<Handles> mesh_access::enter(caf::actor_system& system, const mesh_place& at, const char* role,
                                   Message message) const {
  caf::scoped_actor self{system};
  auto door = find_door(self, at.host, at.port, at.limit);
  if (!door)
    return std::move(door).error();
  auto knock = introduce(self, *door, at.host, role, at.name, at.limit);
  if (!knock)
    return std::move(knock).error();
  using knocking = decltype(message(std::move(*knock)));
  return send_out(system, visitor<Handles, knocking>, *door, at.limit, message(std::move(*knock)));
}

result<mesh::worker_handles> mesh_access::enter_as_worker(caf::actor_system& system, const std::string& host,
                                                          uint16_t port, const std::string& name,
                                                          milliseconds limit) const {
  return enter<mesh::worker_handles>(system, {host, port, name, limit}, "worker",
                                     [](mesh::knock x) { return mesh::knock_as_worker{std::move(x)}; });
}

result<mesh::gateway_welcome> mesh_access::enter_as_gateway(caf::actor_system& system, const std::string& host,
                                                            uint16_t port, const std::string& name,
                                                            milliseconds limit) const {
  return enter<mesh::gateway_welcome>(system, {host, port, name, limit}, "gateway",
                                      [](mesh::knock x) { return mesh::knock_as_gateway{std::move(x)}; });
}

result<mesh::admin_handles> mesh_access::enter_as_admin(caf::actor_system& system, const std::string& host,
                                                        uint16_t port, const std::string& name,
                                                        milliseconds limit) const {
  return enter<mesh::admin_handles>(system, {host, port, name, limit}, "admin", [](mesh::knock x) { return x; });
}

} // namespace troupe::node
