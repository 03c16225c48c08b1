#pragma once

#include "protocol/mesh/registry.hpp"
#include "protocol/model/growing_delay.hpp"
#include "protocol/ports/files.hpp"
#include "protocol/ports/root_threads.hpp"
#include "protocol/ports/store.hpp"

#include <functional>
#include <memory>
#include <set>

namespace troupe::cluster {

struct library_samples_config {
  std::shared_ptr<ports::database> database;
  std::shared_ptr<ports::files> files;
  /// Reads them: one library whose mount hangs is none that can't be read. nullptr: in place.
  std::shared_ptr<ports::root_threads> disks{};
  /// For what is read of one library at a time.
  milliseconds read_limit{3'000};
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  std::function<uint64_t()> random = machine_random();
  /// However young an answer is wanted, the files are not read more often than this.
  milliseconds least_age{1'000};
};

struct library_samples_state {
  library_samples_state() = default;

  library_samples_config config;
  std::unique_ptr<ports::store_reader> reader;
  std::optional<mesh::library_sample_list> last;
  mono_time sampled{};
  std::set<mesh::library_listener> listeners;
};

/// Role: answers workers that want to know whether a library is the one that they have mounted. Thread: its own (spawn
/// detached), because SQL and files block. Supervisor: the library supervisor, one_for_one: a new one knows no
/// listeners, who follow it anew with their next question.
mesh::library_samples::behavior_type
library_samples_actor(mesh::library_samples::stateful_pointer<library_samples_state> self,
                      library_samples_config config);

} // namespace troupe::cluster
