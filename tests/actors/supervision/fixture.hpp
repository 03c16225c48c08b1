#pragma once

// Children that note their lives, and a supervisor on the deterministic scheduler.

#define FAIL CAF_FAIL

#include "actors/supervision/messages.hpp"
#include "actors/supervision/supervisor.hpp"

#include <caf/test/dsl.hpp>

namespace supervision_test {

using names = std::vector<std::string>;
using namespace troupe;
using namespace troupe::supervision;

struct config : caf::actor_system_config {
  config() {
    mesh::register_messages(*this);
  }
};

struct fixture : test_coordinator_fixture<config> {
  fixture() {
    book = std::make_shared<address_book>(sys);
  }

  ~fixture() {
    for (auto& top : tops)
      caf::anon_send_exit(top, caf::exit_reason::kill);
    run();
    book->close();
    present.clear();
  }

  /// A child that answers int with int + 1 and notes its start and end.
  child_spec child(const std::string& name, restart_kind kind = restart_kind::permanent) {
    child_spec spec;
    spec.name = name;
    spec.kind = kind;
    spec.start = [this, name](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
      auto made = parent->spawn([this, name](caf::event_based_actor* me) -> caf::behavior {
        me->attach_functor([this, name] { ended.push_back(name); });
        return {
          [](int x) { return x + 1; },
        };
      });
      started.push_back(name);
      present[name] = made;
      return made;
    };
    return spec;
  }

  mesh::supervisor start(supervisor_config config) {
    config.addresses = book;
    auto top = spawn_supervisor(sys, std::move(config));
    tops.push_back(top);
    self->monitor(top);
    run();
    return top;
  }

  void stop(const mesh::supervisor& top) {
    caf::anon_send_exit(top, caf::exit_reason::user_shutdown);
    run();
  }

  void crash(const std::string& name, caf::error reason = caf::sec::runtime_error) {
    caf::anon_send(present.at(name), caf::exit_msg{caf::actor_addr{}, std::move(reason)});
    run();
  }

  bool is_down(const mesh::supervisor& top) {
    return caf::actor_cast<caf::abstract_actor*>(top)->getf(caf::abstract_actor::is_terminated_flag);
  }

  names started;
  names ended;
  std::map<std::string, caf::actor> present;
  std::shared_ptr<address_book> book;
  std::vector<mesh::supervisor> tops;
};

} // namespace supervision_test
