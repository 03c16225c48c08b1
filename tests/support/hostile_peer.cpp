// Comes in at a coordinator's door as a worker or a gateway and asks for everything that this role is not for, whatever
// the types of its handles say. Prints a line "<what> <code of the answer>" for each, and "guessed <n>": how many of
// the coordinator's actors that it was not given it has found by their numbers. Then sends actors what CAF alone may
// tell them, many times: "facade lives" when its own still answers, "door lives" when that lets it in again, "named
// <n>": how many of CAF's own actors answer. 1 when it was not let in.
//
//   hostile_peer HOST PORT PAPERS ROLE NAME VICTIM ROOT
//
// PAPERS: folder, or "" for none. VICTIM: name of another node. ROOT: of a library that it wants to have.
#include "nodes/link/mesh_access.hpp"

#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/openssl/all.hpp>
#include <caf/scoped_execution_unit.hpp>

#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>
#include <vector>

using namespace troupe;

namespace {

constexpr std::chrono::seconds limit{10};

caf::behavior quiet(caf::event_based_actor* self) {
  self->set_default_handler(caf::drop);
  return {[](const mesh::done&) {}};
}

class hostile_peer {
public:
  hostile_peer(caf::actor_system& system, const caf::actor& all) : self_(system), all_(all) {
  }

  template <class Answer, class... Ts>
  void ask(const char* what, Ts... xs) {
    self_->request(all_, limit, std::move(xs)...)
      .receive([&](const Answer&) { std::cout << what << " done\n"; },
               [&](caf::error& e) { std::cout << what << " " << to_string(mesh::from_caf(e).code) << "\n"; });
  }

  /// Actors with the first numbers of that node that say how their queues are.
  size_t guess(caf::actor_system& system) {
    constexpr caf::actor_id most = 2'000;
    auto basp = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
    auto* broker = static_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(basp));
    caf::scoped_execution_unit context{&system};
    context.proxy_registry_ptr(broker->proxy_registry_ptr());
    // All at once: what does not answer takes its limit, but not one after the other.
    std::vector<decltype(self_->request(all_, limit, mesh::get_queues{}))> asked;
    for (caf::actor_id id = 1; id <= most; ++id) {
      caf::strong_actor_ptr one;
      if (caf::load_actor(one, &context, id, all_.node()) || !one)
        continue;
      asked.push_back(self_->request(caf::actor_cast<caf::actor>(one), limit, mesh::get_queues{}));
    }
    size_t found = 0;
    for (auto& one : asked)
      one.receive([&](const mesh::queue_list&) { ++found; }, [](caf::error&) {});
    return found;
  }

  /// Everything that ends an actor.
  void tell_to_end(const caf::actor& whom) {
    for (auto reason : {caf::exit_reason::kill, caf::exit_reason::user_shutdown}) {
      caf::anon_send(whom, caf::exit_msg{self_->address(), reason});
      caf::anon_send(whom, caf::down_msg{whom.address(), reason});
    }
    caf::anon_send(whom, caf::make_error(caf::sec::runtime_error));
    // Linked to somebody who dies of it.
    auto& system = self_->home_system();
    auto dies = system.spawn<caf::hidden>(quiet);
    caf::anon_send(whom, caf::link_atom::value, caf::actor_cast<caf::strong_actor_ptr>(dies));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    caf::anon_send_exit(dies, caf::exit_reason::kill);
  }

  bool facade_lives() {
    auto code = errc::none;
    // What has ended does not answer.
    self_->request(all_, std::chrono::seconds{3}, mesh::get_cache_stats{})
      .receive([](const mesh::cache_stats&) {}, [&](caf::error& e) { code = mesh::from_caf(e).code; });
    return code == errc::forbidden;
  }

  /// CAF's actors that are reached by name.
  size_t named(caf::actor_system& system) {
    size_t found = 0;
    auto basp = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
    for (auto name : {caf::atom("ConfigServ"), caf::atom("SpawnServ")}) {
      self_->send(basp, caf::forward_atom::value, all_.node(), name,
                  caf::make_message(caf::sys_atom::value, caf::get_atom::value, "info"));
      self_->receive(
        [&](caf::ok_atom, const std::string&, const caf::strong_actor_ptr&, const std::string&) { ++found; },
        caf::after(std::chrono::seconds{2}) >> [] {});
    }
    return found;
  }

private:
  caf::scoped_actor self_;
  const caf::actor all_;
};

/// What the coordinator has published.
caf::actor door_of(caf::actor_system& system, bool with_papers, const std::string& host, uint16_t port) {
  caf::scoped_actor self{system};
  caf::actor out;
  auto broker = with_papers ? system.openssl_manager().actor_handle() : system.middleman().actor_handle();
  self->request(broker, limit, caf::connect_atom::value, host, port)
    .receive([&](caf::node_id&, caf::strong_actor_ptr& x,
                 std::set<std::string>&) { out = caf::actor_cast<caf::actor>(std::move(x)); },
             [](caf::error&) {});
  return out;
}

result<caf::actor> enter(const node::mesh_access& access, caf::actor_system& system, const std::string& host,
                         uint16_t port, const std::string& role, const std::string& name) {
  if (role == "gateway") {
    auto in = access.enter_as_gateway(system, host, port, name, limit);
    if (!in)
      return std::move(in).error();
    return caf::actor_cast<caf::actor>(in->handles.jobs);
  }
  auto in = access.enter_as_worker(system, host, port, name, limit);
  if (!in)
    return std::move(in).error();
  return caf::actor_cast<caf::actor>(in->jobs);
}

void attack(caf::actor_system& system, const caf::actor& all, const std::string& victim, const std::string& root) {
  hostile_peer peer{system, all};
  mesh::change_queue pause;
  pause.name = "video";
  pause.paused = 1;
  peer.ask<mesh::queue_list>("change_queue", pause);
  library what;
  what.root = root;
  what.name = "mine";
  peer.ask<library>("add_library", mesh::add_library{what});
  peer.ask<mesh::file_grant>("read_file", mesh::read_file{victim, {}, "uploads/x"});
  peer.ask<mesh::submitted>("submit_jobs", mesh::submit_jobs{});
  mesh::change_node drain;
  drain.name = victim;
  drain.action = mesh::node_action::quarantine;
  peer.ask<mesh::node_list>("change_node", drain);
  peer.ask<mesh::tree>("get_tree", mesh::get_tree{});
  peer.ask<mesh::leases_renewed>("renew_leases", mesh::renew_leases{worker_id{random_id()}, {}});
  peer.ask<mesh::file_grant>("get_file", mesh::get_file{{}, worker_id{random_id()}, {}, "uploads/x"});
  worker_hello hello;
  hello.id = worker_id{random_id()};
  hello.node_name = victim;
  auto link = system.spawn<caf::hidden>(quiet);
  peer.ask<worker_welcome>("hello", hello, caf::actor_cast<mesh::worker_link>(link));
  caf::anon_send_exit(link, caf::exit_reason::kill);
  std::cout << "guessed " << peer.guess(system) << "\n";
}

void tell_to_end(caf::actor_system& system, const caf::actor& all, const caf::actor& door) {
  hostile_peer peer{system, all};
  std::cout << "named " << peer.named(system) << "\n";
  peer.tell_to_end(all);
  std::cout << "facade " << (peer.facade_lives() ? "lives" : "ended") << "\n";
  // More often than it is started anew.
  for (int i = 0; i < 30; ++i)
    peer.tell_to_end(door);
}

} // namespace

int main(int count, char** args) {
  if (count != 8)
    return 2;
  const std::string papers = args[3];
  system_clocks clocks;
  std::optional<identity::node_papers> own;
  if (!papers.empty()) {
    auto read = identity::load_papers(papers, clocks.wall());
    if (!read) {
      std::cerr << read.error().message << "\n";
      return 1;
    }
    own = std::move(*read);
  }
  node::mesh_access access{std::move(own), clocks};
  caf::actor_system_config config;
  access.configure(config);
  mesh::register_messages(config);
  caf::actor_system system{config};
  auto in = enter(access, system, args[1], static_cast<uint16_t>(std::atoi(args[2])), args[4], args[5]);
  if (!in) {
    std::cerr << in.error().message << "\n";
    return 1;
  }
  attack(system, *in, args[6], args[7]);
  const auto port = static_cast<uint16_t>(std::atoi(args[2]));
  auto door = door_of(system, !papers.empty(), args[1], port);
  if (!door)
    return 1;
  tell_to_end(system, *in, door);
  std::this_thread::sleep_for(std::chrono::seconds{1});
  auto again = enter(access, system, args[1], port, args[4], args[5]);
  std::cout << "door " << (again ? "lives" : "ended") << "\n";
  // Proxies of the other node go before the system.
  *in = nullptr;
  door = nullptr;
  again = caf::actor{};
  return 0;
}
