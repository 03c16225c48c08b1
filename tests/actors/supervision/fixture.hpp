#pragma once

// Children that note their lives, and a supervisor on the deterministic scheduler.

#define FAIL CAF_FAIL

#include "actors/supervision/messages.hpp"
#include "actors/supervision/supervisor.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/test/dsl.hpp>

#include <spdlog/spdlog.h>

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
    spdlog::set_level(spdlog::level::off);
    relay_limits limits;
    limits.max_waiting = 3;
    limits.max_wait = milliseconds{500};
    book = std::make_shared<address_book>(sys, limits);
  }

  ~fixture() {
    for (auto& top : tops)
      caf::anon_send_exit(top, caf::exit_reason::kill);
    consume_messages();
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
    if (!config.random)
      config.random = [] { return uint64_t{0}; };
    auto top = spawn_supervisor(sys, std::move(config));
    tops.push_back(top);
    self->monitor(top);
    consume_messages();
    return top;
  }

  void stop(const mesh::supervisor& top) {
    caf::anon_send_exit(top, caf::exit_reason::user_shutdown);
    consume_messages();
  }

  void crash(const std::string& name, caf::error reason = caf::sec::runtime_error) {
    caf::anon_send(present.at(name), caf::exit_msg{caf::actor_addr{}, std::move(reason)});
    consume_messages();
  }

  /// A child that takes no notice of exit messages; only a kill ends it.
  child_spec stubborn(const std::string& name) {
    auto spec = child(name);
    spec.start = [this, name](caf::event_based_actor* parent) -> caf::expected<caf::actor> {
      auto made = parent->spawn([this, name](caf::event_based_actor* me) -> caf::behavior {
        me->attach_functor([this, name] { ended.push_back(name); });
        me->set_exit_handler([](caf::exit_msg&) {});
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

  /// A request through the stable address; the answer, or the code of the error.
  int ask(const std::string& name, int x) {
    auto h = self->request(book->of(name), caf::infinite, x);
    consume_messages();
    int got = 0;
    h.receive([&](int y) { got = y; }, [&](caf::error& err) { got = -static_cast<int>(mesh::from_caf(err).code); });
    return got;
  }

  names take_started() {
    return std::exchange(started, {});
  }

  names take_ended() {
    return std::exchange(ended, {});
  }

  void advance(milliseconds by) {
    advance_time(by);
    consume_messages();
  }

  std::vector<tree_node> tree_of(const mesh::supervisor& top) {
    auto h = self->request(top, caf::infinite, mesh::get_tree{});
    consume_messages();
    std::vector<tree_node> lines;
    h.receive([&](mesh::tree& x) { lines = x.nodes; }, [&](caf::error& err) { CAF_FAIL(sys.render(err)); });
    return lines;
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
