#pragma once

// A CAF scheduler without threads of its own: actors run in the middleman's event loop, which reads and writes the mesh
// (docs/adr/008).

#include <caf/actor_system_config.hpp>

namespace troupe {

/// Has systems made with this configuration, which must load the middleman, run their actors in the middleman's thread.
/// Detached actors keep threads of their own. An actor that blocks holds up all others and the mesh.
void use_loop_scheduler(caf::actor_system_config& config);

} // namespace troupe
