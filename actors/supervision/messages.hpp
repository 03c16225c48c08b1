#pragma once

// Messages between a supervisor, its children, its own timers and the directory. They never leave the process. Include
// it wherever such a message is sent or handled.

#include "actors/supervision/directory.hpp"
#include "protocol/mesh/registry.hpp"

namespace troupe::supervision {

/// A child can serve; the sender is the child.
struct child_ready {};

/// Something that the plan waited for may be due.
struct plan_tick {};

/// A time limit on one life of one child.
struct child_deadline {
  enum class what : uint8_t { ready, grace, kill };
  what limit = what::ready;
  size_t child = 0;
  /// Only the child's present step is meant.
  uint64_t generation = 0;
};

/// To a relay: messages that waited too long are due.
struct waiting_is_over {};

/// The directory to itself.
struct look_up_again {
  std::string node;
  std::string name;
};

} // namespace troupe::supervision

CAF_BEGIN_TYPE_ID_BLOCK(troupe_supervision, caf::first_custom_type_id + 1000)
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::child_ready))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::plan_tick))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::child_deadline))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::waiting_is_over))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::look_up_again))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::find_actor))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::follow_actor))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::unfollow_actor))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::actor_located))
CAF_ADD_TYPE_ID(troupe_supervision, (troupe::supervision::actor_lost))
CAF_END_TYPE_ID_BLOCK(troupe_supervision)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::child_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::plan_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::child_deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::waiting_is_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::look_up_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::find_actor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::follow_actor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::unfollow_actor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::actor_located)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::supervision::actor_lost)
