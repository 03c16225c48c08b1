#pragma once

#include "actors/supervision/messages.hpp"
#include "actors/supervision/supervisor.hpp"

#include <map>
#include <mutex>
#include <optional>

namespace troupe::supervision {

/// The live children of a supervisor, for the moment it dies itself: whatever the reason, they go with it.
class live_children {
public:
  void set(size_t child, caf::actor_addr who);
  void kill_all();

private:
  std::mutex lock_;
  std::map<size_t, caf::actor_addr> live_;
};

/// Carries out what the plan decides. All in the supervisor's own thread.
class supervisor_state {
public:
  supervisor_state();
  ~supervisor_state();

  void init(caf::event_based_actor* self, supervisor_config config, caf::actor_addr parent);
  void run();
  void child_down(const caf::down_msg& x);
  void told_to_exit(const caf::exit_msg& x);
  void child_is_ready(const caf::strong_actor_ptr& who);
  void tick();
  void deadline(const child_deadline& x);
  /// Answers with the whole subtree once all sub-supervisors have answered.
  caf::result<mesh::tree> collect_tree();

  const std::shared_ptr<address_book>& addresses() const noexcept {
    return config_.addresses;
  }

  const char* name = "supervisor";

private:
  struct child_record {
    caf::actor present;
    /// Counts lives and stops, so that a deadline of an earlier one is recognised.
    uint64_t generation = 0;
    mono_time since;
    std::string last_error;
  };

  void perform(steps todo);
  steps perform(const step& what);
  steps start(size_t child);
  caf::expected<caf::actor> make(const child_spec& spec);
  void stop(size_t child);
  void end();
  void limit(size_t child, child_deadline::what what, milliseconds after);
  void gone(size_t child, const caf::error& reason);
  void settle(size_t child, bool was_ending);
  std::optional<size_t> find(const caf::actor_addr& who) const;
  tree_node own_line() const;
  tree_node line_of(size_t child) const;
  std::string_view state_of(size_t child) const;
  mono_time now() const;

  caf::event_based_actor* self_ = nullptr;
  supervisor_config config_;
  caf::actor_addr parent_;
  std::optional<supervision_plan> plan_;
  std::vector<child_record> children_;
  std::shared_ptr<live_children> live_;
  mono_time since_;
  caf::error exit_reason_;
  /// To the parent, once: all children run.
  bool said_ready_ = false;
};

} // namespace troupe::supervision
