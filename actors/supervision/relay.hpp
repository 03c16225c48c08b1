#pragma once

#include "actors/supervision/addresses.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/monitorable_actor.hpp>

#include <deque>
#include <mutex>
#include <unordered_map>

namespace troupe::supervision {

/// The stable address of one child. Not an actor with a mailbox: it passes each message on in the thread of its sender,
/// with sender, id and priority unchanged, so it costs a lock and no switch of threads. It puts itself on the way back
/// of requests (CAF's forwarding stages) to know which are in flight: when the child dies these are answered
/// errc::unavailable and never sent again. An exit message is passed on to the child; the relay itself ends by close().
class relay final : public caf::monitorable_actor {
public:
  relay(caf::actor_config& cfg, std::string child_name, relay_limits limits);
  ~relay() override;

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* context) override;
  const char* name() const override;

  void connect(const caf::actor& child);
  void disconnect();
  void retire();
  void close();

protected:
  void on_cleanup(const caf::error& reason) override;

private:
  using clock_time = std::chrono::steady_clock::time_point;

  struct request_key {
    const void* sender;
    uint64_t id;
    bool operator==(const request_key&) const = default;
  };
  struct key_hash {
    size_t operator()(const request_key& x) const noexcept {
      return std::hash<const void*>{}(x.sender) ^ (std::hash<uint64_t>{}(x.id) * 0x9e3779b97f4a7c15u);
    }
  };
  struct in_flight_request {
    caf::strong_actor_ptr sender;
    caf::message_id id;
    caf::mailbox_element::forwarding_stack stages;
    /// Which life of the child has it.
    uint64_t life = 0;
  };
  struct waiting_message {
    caf::mailbox_element_ptr what;
    clock_time until;
  };
  enum class state : uint8_t { waiting, connected, retired };

  /// True: it was the answer to a request in flight, and has been passed on.
  bool pass_answer(caf::mailbox_element_ptr& what, caf::execution_unit* context);
  /// With the lock held: notes the request and puts this relay on its way back.
  void track(caf::mailbox_element& what);
  void child_died(uint64_t life);
  void expire();
  void schedule_expiry(clock_time at);
  void refuse(caf::mailbox_element_ptr what);
  void answer_unavailable(const caf::strong_actor_ptr& sender, caf::message_id id,
                          caf::mailbox_element::forwarding_stack stages);

  std::string child_name_;
  relay_limits limits_;

  std::mutex lock_;
  state state_ = state::waiting;
  caf::strong_actor_ptr child_;
  uint64_t life_ = 0;
  std::deque<waiting_message> waiting_;
  bool expiry_scheduled_ = false;
  std::unordered_map<request_key, in_flight_request, key_hash> in_flight_;
};

} // namespace troupe::supervision
