#pragma once

#include "protocol/mesh/local.hpp"
#include "protocol/mesh/registry.hpp"
#include "protocol/ports/files.hpp"

#include <memory>

namespace troupe::dispatch {

/// Files and folders of the data folder, relative to it.
struct look_at_outputs {
  std::vector<std::string> names;
};
/// Those that are not there, or hold nothing.
struct outputs_missing {
  std::vector<std::string> names;
};

} // namespace troupe::dispatch

TROUPE_LOCAL_MESSAGE(troupe::dispatch::look_at_outputs)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::outputs_missing)

namespace troupe::dispatch {

using output_check = caf::typed_actor<mesh::in<look_at_outputs>::with<outputs_missing>>;

struct output_check_state {
  output_check_state() = default;

  std::shared_ptr<ports::files> files;
  std::string data_folder;
};

/// Role: sees with the coordinator's own eyes what attempts say they have made, before the commit that publishes it.
/// Thread: its own (spawn detached), because it looks at files. Supervisor: the library supervisor, one_for_one; it
/// keeps nothing.
output_check::behavior_type output_check_actor(output_check::stateful_pointer<output_check_state> self,
                                               std::shared_ptr<ports::files> files, std::string data_folder);

} // namespace troupe::dispatch
