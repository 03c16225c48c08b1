#pragma once

#include "actors/cluster/kept_outcomes.hpp"
#include "actors/cluster/worker.hpp"
#include "actors/cluster/worker_offer.hpp"

/// What the parts of the worker's actor share: worker_joining.cpp is its side towards the coordinator,
/// worker_attempts.cpp what it does for jobs, worker.cpp its messages. For these three; everything runs in the actor.
namespace troupe::cluster::working {

struct held_attempt {
  mesh::runner runner;
  /// On which it came.
  uint64_t connection = 0;
  /// No longer ours: nothing is handed in.
  bool revoked = false;
};

struct worker_state {
  worker_state() {
  }

  static inline const char* name = "worker";
  worker_config config;
  std::map<std::string, mesh::runner> runners;
  /// Raised by every attempt to connect, so that answers and timers of an older one are void.
  uint64_t connection = 0;
  /// Why nobody was found, as it was told last: each reason is told once.
  std::string told;
  mesh::job_worker jobs;
  bool joined = false;
  milliseconds lease{15'000};
  std::optional<growing_delay> delay;
  uint32_t missed_renewals = 0;
  std::map<lease_token, held_attempt> attempts;
  kept_outcomes outcomes;
  bool flush_queued = false;
  std::map<lease_token, job_progress> progress;
  mono_time last_progress{};
  bool progress_set = false;
  /// Of config.me.
  worker_offer offer{config.me};
  /// As the last hello said it.
  bool said_to_take_work = true;
  /// The coordinator that welcomed it last has the data folder that is mounted here.
  bool same_data = false;
  bool leaving = false;
  std::vector<caf::typed_response_promise<mesh::done>> drained;

  std::vector<lease_token> held() const {
    std::vector<lease_token> out;
    for (auto& [token, x] : attempts)
      if (!x.revoked)
        out.push_back(token);
    auto ended = outcomes.tokens();
    out.insert(out.end(), ended.begin(), ended.end());
    return out;
  }
};

using self_ptr = worker::stateful_pointer<worker_state>;

/// Of this connection: void when there is another.
void timer(self_ptr self, worker_timer::kind what, milliseconds delay);

// Joining.

/// Looks the dispatcher up afresh; what is under way of an older connection is void.
void connect(self_ptr self);
/// After the delay that grows with each failure.
void connect_later(self_ptr self);
void greet(self_ptr self, mesh::job_worker jobs);
/// The dispatcher is away: it is looked up again.
void lost(self_ptr self);
void renew(self_ptr self);
void send_offer(self_ptr self);
void send_credit(self_ptr self);
void on_data_folder(self_ptr self, const data_folder_found& x);
void on_coordinator_files(self_ptr self, const coordinator_files_found& x);

// Attempts.

void start(self_ptr self, assignment what);
/// They are no longer ours: stopped, and nothing of them is handed in.
void revoke(self_ptr self, const std::vector<lease_token>& leases);
void take_progress(self_ptr self, progress_report x);
void send_progress(self_ptr self);
/// What is kept and not under way yet goes to the dispatcher.
void hand_in(self_ptr self);
void drain(self_ptr self, milliseconds grace);
/// The grace of a drain is over.
void release_rest(self_ptr self);
/// A drain that did not end.
void give_up(self_ptr self);

} // namespace troupe::cluster::working
