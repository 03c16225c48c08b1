#include "actors/cluster/worker_state.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe::cluster::working {

using kind = worker_timer::kind;

namespace {

void connect_after(self_ptr self, milliseconds delay) {
  auto& s = self->state;
  ++s.connection;
  s.joined = false;
  timer(self, kind::connect, delay);
}

/// As they are now; the coordinator hears of a disk that is about to be full and a certificate that ends, too.
node_figures figures(self_ptr self) {
  auto& s = self->state;
  auto out = s.config.figures ? s.config.figures() : node_figures{};
  bool news = s.offer.change(out.disks, s.config.min_free);
  if (s.config.certificate_due)
    news |= s.offer.certificate(s.config.certificate_due());
  if (news)
    send_offer(self);
  return out;
}

void welcome(self_ptr self, const worker_welcome& x) {
  auto& s = self->state;
  if (!s.config.data_id.empty() && x.data_id != s.config.data_id) {
    spdlog::error("worker {}: the coordinator's data folder is not the one that is mounted here; mount the same folder "
                  "(node.id differs)",
                  s.config.me.node_name);
    s.same_data = false;
    caf::anon_send(s.jobs, mesh::leave{s.config.me.id});
    return connect_after(self, s.config.delays.max);
  }
  s.same_data = true;
  spdlog::info("worker {}: joined, term {}, {} attempts go on", s.config.me.node_name, x.term, s.attempts.size());
  s.joined = true;
  s.told.clear();
  s.delay->reset();
  s.missed_renewals = 0;
  s.lease = std::max(x.lease, milliseconds{30});
  revoke(self, x.revoked);
  timer(self, kind::renew, s.lease / 3);
  // It may have changed since the hello, which says nothing of problems.
  if (s.offer.takes_work() != s.said_to_take_work)
    send_credit(self);
  send_offer(self);
  if (s.config.joined)
    s.config.joined(x);
  s.outcomes.start_again();
  hand_in(self);
}

} // namespace

void timer(self_ptr self, kind what, milliseconds delay) {
  self->delayed_send(self, delay, worker_timer{what, self->state.connection});
}

void connect_later(self_ptr self) {
  connect_after(self, self->state.delay->next());
}

void send_offer(self_ptr self) {
  auto& s = self->state;
  if (s.joined)
    self->send(s.jobs, mesh::change_offer{s.config.me.id, s.offer.capabilities(), s.offer.problems()});
}

void send_credit(self_ptr self) {
  auto& s = self->state;
  if (s.joined)
    self->send(s.jobs, mesh::change_credit{s.config.me.id, s.offer.credit()});
}

void on_data_folder(self_ptr self, const data_folder_found& x) {
  auto& s = self->state;
  if (!s.offer.change(x))
    return;
  if (x.problem.empty())
    spdlog::info("worker {}: the coordinator's data folder is there again", s.config.me.node_name);
  else
    spdlog::error("worker {}: it takes no work: {}", s.config.me.node_name, x.problem);
  // An attempt that ends now frees no slot for another that would end as it did.
  send_credit(self);
  send_offer(self);
}

void on_coordinator_files(self_ptr self, const coordinator_files_found& x) {
  auto& s = self->state;
  const bool took_work = s.offer.takes_work();
  const bool was_bad = s.offer.files_out_of_reach();
  if (!s.offer.change(x))
    return;
  if (!x.problem.empty())
    spdlog::error("worker {}: {}{}", s.config.me.node_name, s.config.works_by_files ? "it takes no work: " : "",
                  x.problem);
  else if (was_bad)
    spdlog::info("worker {}: the coordinator's files are in reach again", s.config.me.node_name);
  if (s.offer.takes_work() != took_work)
    send_credit(self);
  send_offer(self);
}

void greet(self_ptr self, mesh::job_worker jobs) {
  auto& s = self->state;
  if (s.jobs)
    self->demonitor(s.jobs.address());
  s.jobs = std::move(jobs);
  self->monitor(s.jobs);
  auto hello = s.config.me;
  hello.held = s.held();
  hello.capabilities = s.offer.capabilities();
  hello.figures = figures(self);
  // With the wrong folder it would get jobs with its welcome, only to give them back.
  const bool sure = s.config.data_id.empty() || s.same_data;
  hello.credit = sure ? s.offer.credit() : std::vector<queue_slots>{};
  s.said_to_take_work = sure && s.offer.takes_work();
  auto link = caf::actor_cast<mesh::worker_link>(self);
  self->request(s.jobs, s.config.request_timeout, std::move(hello), std::move(link))
    .then(
      [self, c = s.connection](const worker_welcome& x) {
        if (c == self->state.connection)
          welcome(self, x);
      },
      [self, c = s.connection](const caf::error& e) {
        if (c != self->state.connection)
          return;
        spdlog::warn("worker {}: not joined: {}", self->state.config.me.node_name, mesh::from_caf(e).message);
        connect_later(self);
      });
}

void connect(self_ptr self) {
  auto& s = self->state;
  auto connection = ++s.connection;
  s.joined = false;
  s.config.look_up([address = self->address(), connection](result<mesh::job_worker> found) {
    if (auto to = caf::actor_cast<worker>(address))
      caf::anon_send(to, dispatcher_found{connection, std::make_shared<result<mesh::job_worker>>(std::move(found))});
  });
}

void lost(self_ptr self) {
  spdlog::warn("worker {}: the dispatcher is away; {} attempts go on meanwhile", self->state.config.me.node_name,
               self->state.attempts.size());
  // At once after a good time; a look-up that gives a dead handle again must not become a busy loop.
  self->state.joined ? connect(self) : connect_later(self);
}

void renew(self_ptr self) {
  auto& s = self->state;
  if (!s.joined)
    return;
  auto interval = s.lease / 3;
  self->request(s.jobs, interval, mesh::renew_leases{s.config.me.id, s.held(), figures(self)})
    .then(
      [self, c = s.connection](const mesh::leases_renewed& x) {
        if (c != self->state.connection)
          return;
        self->state.missed_renewals = 0;
        revoke(self, x.revoked);
        if (!x.known)
          lost(self);
      },
      [self, c = s.connection](const caf::error&) {
        // A DOWN tells of one that is gone; this is for one that hangs.
        if (c == self->state.connection && ++self->state.missed_renewals >= 2)
          lost(self);
      });
  timer(self, kind::renew, interval);
}

} // namespace troupe::cluster::working
