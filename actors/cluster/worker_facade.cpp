#include "actors/cluster/worker_facade.hpp"

#include "actors/cluster/file_rules.hpp"
#include "actors/cluster/mounted_libraries.hpp"

#include <spdlog/spdlog.h>

#include <set>

namespace troupe::cluster {

namespace {

class worker_facade final : public facade {
public:
  worker_facade(caf::actor_config& config, admitted_peer peer, mesh::worker_handles behind) :
    facade(config, std::move(peer), "worker_facade"), behind_(std::move(behind)) {
  }

protected:
  caf::message_handler handlers() override {
    depend_on(caf::actor_cast<caf::actor>(behind_.jobs));
    return job_handlers().or_else(file_handlers());
  }

  void ended(const caf::actor_addr& who) override {
    std::erase_if(listeners_, [&](auto& one) { return one.address() == who; });
  }

private:
  bool is_own(worker_id id) const noexcept {
    return joined_ && id == joined_;
  }

  /// What the dispatcher alone may say, and the peer could say, too: it knows this actor's number.
  bool from_here() {
    auto& who = current_sender();
    return who && who->node() == home_system().node();
  }

  template <class Message>
  void tell_own(Message& x) {
    if (is_own(x.worker))
      send(behind_.jobs, std::move(x));
  }

  template <class Message, class Answer, class Handle>
  auto passes_own(Handle to) {
    return [this, to](Message& x) {
      // Also between coming in anew and the hello, which is why it may be tried again.
      if (!is_own(x.worker))
        return refuse<Answer>(
          {errc::unavailable, "worker " + x.worker.str() + " has not joined through this handle; say hello first"});
      return ask<Answer>(to, std::move(x));
    };
  }

  /// mesh::job_worker; and mesh::worker_link, as which the dispatcher knows it.
  caf::message_handler job_handlers() {
    return {
      [this](worker_hello& x, const mesh::worker_link& link) { return hello(x, link); },
      passes_own<mesh::renew_leases, mesh::leases_renewed>(behind_.jobs),
      [this](mesh::report_progress& x) { tell_own(x); },
      [this](mesh::hand_in& x) { return hand_in(x); },
      [this](mesh::change_credit& x) { tell_own(x); },
      [this](mesh::change_offer& x) {
        drop_reserved(x.capabilities);
        tell_own(x);
      },
      passes_own<mesh::leave, mesh::done>(behind_.jobs),
      [this](mesh::assign& x) {
        if (!from_here())
          return;
        for (auto& one : x.jobs)
          held_.insert(one.token);
        send(link_, std::move(x));
      },
      [this](mesh::revoke& x) {
        if (!from_here())
          return;
        for (auto& token : x.leases)
          held_.erase(token);
        send(link_, std::move(x));
      },
    };
  }

  /// What scanners, attempts and the watch over libraries ask.
  caf::message_handler file_handlers() {
    return {
      passes<mesh::get_library_samples, mesh::library_sample_list>(behind_.samples),
      [this](const mesh::library_listener& who) { listen(who); },
      // From the library samples.
      [this](const mesh::libraries_changed& x) {
        for (auto& one : listeners_)
          send(one, x);
      },
      [this](mesh::scan_batch& x) { return take_batch(x); },
      passes<mesh::get_video, video_detail>(behind_.catalogue),
      passes<mesh::get_known_files, mesh::known_file_list>(behind_.catalogue),
      passes_own<mesh::get_file, mesh::file_grant>(behind_.files),
      passes_own<mesh::put_file, mesh::file_grant>(behind_.files),
      [this](mesh::read_file& x) { return read_to_reach(x); },
    };
  }

  /// The coordinator's own worker alone offers what is in its process.
  static void drop_reserved(std::vector<std::string>& capabilities) {
    std::erase(capabilities, coordinator_capability);
  }

  result<void> check(const worker_hello& x, const mesh::worker_link& link) const {
    if (peer().certified && x.node_name != peer().name)
      return {errc::forbidden, "the certificate is for '" + peer().name + "', but the worker's node calls itself '"
                                 + x.node_name + "'; set node.name to the former, or leave it out"};
    if (!x.id || !link)
      return {errc::protocol, "worker " + x.node_name + " said hello without an id or a handle to answer to"};
    if (claimed_ && x.id != claimed_)
      return {errc::conflict, "another worker of '" + peer().name + "' has joined through this handle; come in anew"};
    return {};
  }

  caf::typed_response_promise<worker_welcome> hello(worker_hello& x, const mesh::worker_link& link) {
    if (auto good = check(x, link); !good)
      return refuse<worker_welcome>(good.error());
    const auto id = claimed_ = x.id;
    if (link != link_)
      depend_on(caf::actor_cast<caf::actor>(link_ = link));
    x.embedded = false;
    // What else its node is, the door knows.
    std::erase_if(x.roles, [](auto& role) { return role != "worker"; });
    drop_reserved(x.capabilities);
    auto reply = make_response_promise<worker_welcome>();
    auto held = x.held;
    request(behind_.jobs, caf::infinite, std::move(x), caf::actor_cast<mesh::worker_link>(this))
      .then(
        [this, id, reply, held = std::move(held)](worker_welcome& welcome) mutable {
          joined_ = id;
          held_.insert(held.begin(), held.end());
          for (auto& token : welcome.revoked)
            held_.erase(token);
          reply.deliver(std::move(welcome));
        },
        [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
    return reply;
  }

  caf::typed_response_promise<mesh::handed_in> hand_in(mesh::hand_in& x) {
    if (is_own(x.worker))
      for (auto& outcome : x.outcomes)
        held_.erase(outcome.token);
    return passes_own<mesh::hand_in, mesh::handed_in>(behind_.jobs)(x);
  }

  /// The librarian fences it by its token, which others may have heard of.
  caf::typed_response_promise<mesh::done> take_batch(mesh::scan_batch& x) {
    if (held_.contains(x.token))
      return ask<mesh::done>(behind_.librarian, std::move(x));
    spdlog::warn("door: '{}' sends what a scan has found as job {}, which is not its own: refused", peer().name,
                 x.token.str());
    return refuse<mesh::done>({errc::stale_lease, "job " + x.token.job.str() + " is not an attempt of a worker of '"
                                                    + peer().name
                                                    + "', or not any more: what its scan found is "
                                                      "dropped"});
  }

  /// All else that a worker reads is an attempt's.
  caf::typed_response_promise<mesh::file_grant> read_to_reach(mesh::read_file& x) {
    if (x.library || x.path != reach_file)
      return refuse<mesh::file_grant>(
        {errc::forbidden, x.path + ": a worker reads files as attempts of its jobs only"});
    if (peer().certified)
      x.node = peer().name;
    return ask<mesh::file_grant>(behind_.files, std::move(x));
  }

  void listen(const mesh::library_listener& who) {
    if (!who)
      return;
    if (listeners_.insert(who).second)
      monitor(who);
    // Each time: there may be new samples behind, which know nobody.
    send(behind_.samples, caf::actor_cast<mesh::library_listener>(this));
  }

  const mesh::worker_handles behind_;
  mesh::worker_link link_;
  /// Who said hello, and who was welcomed after that: one and the same.
  worker_id claimed_;
  worker_id joined_;
  /// Its attempts, as the dispatcher has said.
  std::set<lease_token> held_;
  std::set<mesh::library_listener> listeners_;
};

} // namespace

result<mesh::worker_handles> open_worker_facade(caf::actor_system& system, admitted_peer peer,
                                                mesh::worker_handles behind) {
  auto made = spawn_unguessable<worker_facade>(system, std::move(peer), std::move(behind));
  if (!made)
    return std::move(made).error();
  mesh::worker_handles out;
  // It knows less than the types say: what a worker asks.
  out.jobs = caf::actor_cast<mesh::job_worker>(*made);
  out.librarian = caf::actor_cast<mesh::librarian>(*made);
  out.catalogue = caf::actor_cast<mesh::catalogue_reader>(*made);
  out.files = caf::actor_cast<mesh::file_desk>(*made);
  out.samples = caf::actor_cast<mesh::library_samples>(*made);
  return out;
}

} // namespace troupe::cluster
