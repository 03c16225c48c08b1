#pragma once

// Journal, store readers and dispatcher on the deterministic scheduler, around a database in memory. Between the
// dispatcher and the journal stands a gate that can hold commits back.

#include "actors/dispatch/dispatcher.hpp"
#include "actors/library/publication.hpp"
#include "actors/library/store_reader.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/memory_store.hpp"

#include <spdlog/spdlog.h>

namespace troupe::test {

/// Everything that left the coordinator, in order: "event job_completed", "assign", "revoke", "changed completed", …
using trace = std::shared_ptr<std::vector<std::string>>;

struct gate_state {
  gate_state() = default;
  bool closed = false;
  std::vector<std::pair<dispatch::commit_jobs, caf::typed_response_promise<mesh::done>>> held;
};

using open_atom = caf::atom_constant<caf::atom("open")>;
using close_atom = caf::atom_constant<caf::atom("close")>;
using gate = dispatch::journal::extend<mesh::tell<open_atom>, mesh::tell<close_atom>>;

inline gate::behavior_type gate_actor(gate::stateful_pointer<gate_state> self, dispatch::journal to) {
  return {
    [=](dispatch::commit_jobs& x) -> caf::result<mesh::done> {
      if (!self->state.closed)
        return self->delegate(to, std::move(x));
      auto reply = self->make_response_promise<mesh::done>();
      self->state.held.emplace_back(std::move(x), reply);
      return reply;
    },
    [=](dispatch::commit_catalogue& x) { return self->delegate(to, std::move(x)); },
    [=](const dispatch::recover_jobs& x) { return self->delegate(to, x); },
    [=](const dispatch::purge_jobs& x) { return self->delegate(to, x); },
    [=](open_atom) {
      self->state.closed = false;
      for (auto& [unit, reply] : std::exchange(self->state.held, {}))
        self->request(to, caf::infinite, std::move(unit))
          .then([reply](mesh::done x) mutable { reply.deliver(x); },
                [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
    },
    [=](close_atom) { self->state.closed = true; },
  };
}

inline mesh::notifier::behavior_type notifier_stub(mesh::notifier::pointer, trace out,
                                                   std::shared_ptr<std::vector<event>> events) {
  return {
    [=](const mesh::publish_events& x) {
      for (auto& e : x.events) {
        out->push_back("event " + e.type);
        events->push_back(e);
      }
    },
    [](const mesh::follow_topics&, const mesh::event_subscriber&) { return mesh::done{}; },
    [](const mesh::unfollow_topics&, const mesh::event_subscriber&) {},
    [](const mesh::catch_up&) { return mesh::caught_up{}; },
  };
}

inline dispatch::observer::behavior_type observer_stub(dispatch::observer::pointer, trace out) {
  return {[=](const dispatch::job_changed& x) { out->push_back("changed " + std::string{to_string(x.item->state)}); }};
}

inline mesh::worker_link::behavior_type link_stub(mesh::worker_link::pointer, trace out,
                                                  std::shared_ptr<std::vector<assignment>> got) {
  return {
    [=](mesh::assign& x) {
      for (auto& a : x.jobs) {
        out->push_back("assign");
        got->push_back(std::move(a));
      }
    },
    [=](const mesh::revoke& x) {
      for (size_t i = 0; i < x.leases.size(); ++i)
        out->push_back("revoke");
    },
  };
}

struct coordinator_fixture : actor_fixture {
  std::shared_ptr<memory_database> db = std::make_shared<memory_database>();
  memory_store& store = *db->store;
  trace seen = std::make_shared<std::vector<std::string>>();
  std::shared_ptr<std::vector<event>> events = std::make_shared<std::vector<event>>();
  std::shared_ptr<std::vector<assignment>> assigned = std::make_shared<std::vector<assignment>>();
  std::vector<caf::actor> alive;
  dispatch::journal journal;
  gate door;
  catalogue::store_reader reader;
  mesh::notifier notifier;
  dispatch::observer observer;
  /// None unless a test has one: what workers say is believed.
  dispatch::output_check outputs;
  mesh::dispatcher dispatcher;
  dispatch::dispatcher_config config;
  worker_id me{raw_id{7, 7}};

  coordinator_fixture() {
    spdlog::set_level(spdlog::level::off);
    journal = keep(sys.spawn(dispatch::journal_actor, db, dispatch::journal_config{}));
    door = keep(sys.spawn(gate_actor, journal));
    reader = keep(sys.spawn(catalogue::store_reader_actor, db));
    notifier = keep(sys.spawn(notifier_stub, seen, events));
    observer = keep(sys.spawn(observer_stub, seen));
    config.time = std::shared_ptr<const clock>(&clk, [](auto*) {});
    config.data_id = "folder";
    config.observed = [](const job&) { return true; };
    config.on_completed = [](const job& x, const std::string& text) {
      return catalogue::on_completed("/data", x, text);
    };
    config.on_ended = catalogue::on_ended;
    config.catalogue_changed = [out = seen] { out->push_back("invalidate"); };
  }

  ~coordinator_fixture() {
    for (auto i = alive.rbegin(); i != alive.rend(); ++i)
      self->send_exit(*i, caf::exit_reason::kill);
    run();
  }

  template <class Handle>
  Handle keep(Handle x) {
    alive.push_back(caf::actor_cast<caf::actor>(x));
    return x;
  }

  void start() {
    dispatch::dispatcher_peers peers;
    peers.journal = caf::actor_cast<dispatch::journal>(door);
    peers.notifier = notifier;
    peers.history = caf::actor_cast<catalogue::job_history>(reader);
    peers.observer = observer;
    peers.outputs = outputs;
    dispatcher = caf::actor_cast<mesh::dispatcher>(keep(sys.spawn(dispatch::dispatcher_actor, config, peers)));
    run();
  }

  void stop() {
    self->send_exit(dispatcher, caf::exit_reason::kill);
    run();
  }

  void close_door() {
    self->send(door, close_atom::value);
    run();
  }
  void open_door() {
    self->send(door, open_atom::value);
    run();
  }

  /// A request that may still be without an answer.
  template <class Answer>
  struct asked {
    std::shared_ptr<std::optional<result<Answer>>> answer = std::make_shared<std::optional<result<Answer>>>();
    bool done() const {
      return answer->has_value();
    }
    Answer value() const {
      if (!done())
        CAF_FAIL("no answer yet");
      if (!**answer)
        CAF_FAIL("unexpected error: " << (**answer).error().message);
      return ***answer;
    }
    errc code() const {
      if (!done())
        CAF_FAIL("no answer yet");
      return **answer ? errc::none : (**answer).error().code;
    }
    error failure() const {
      if (code() == errc::none)
        CAF_FAIL("an error was expected");
      return (**answer).error();
    }
  };

  /// Asks by a helper actor, so that an answer may come later; runs what can run.
  template <class Answer, class Handle, class... Ts>
  asked<Answer> ask(const Handle& to, Ts... xs) {
    asked<Answer> out;
    keep(sys.spawn([=, answer = out.answer](caf::event_based_actor* helper) {
      helper->request(to, caf::infinite, xs...)
        .then([answer](Answer& x) { answer->emplace(std::move(x)); },
              [answer](caf::error& e) { answer->emplace(mesh::from_caf(e)); });
    }));
    run();
    return out;
  }

  static job_spec noop(std::string submission = {}) {
    job_spec s;
    s.kind = "noop";
    s.submission_id = std::move(submission);
    return s;
  }
  asked<mesh::submitted> submit(job_spec spec) {
    return ask<mesh::submitted>(dispatcher, mesh::submit_jobs{{std::move(spec)}});
  }
  job_id submit_now(job_spec spec) {
    return submit(std::move(spec)).value().receipts.at(0).id;
  }

  mesh::worker_link link;
  asked<worker_welcome> join(uint32_t slots = 1, std::vector<lease_token> held = {}, bool embedded = false) {
    worker_hello hello;
    hello.id = me;
    hello.node_name = "node";
    hello.kinds = {"noop", "ingest", "scan", "download", "transcode", "hls", "storyboard"};
    for (auto q : queue_names())
      hello.credit.push_back({std::string{q}, slots});
    hello.held = std::move(held);
    hello.embedded = embedded;
    link = keep(sys.spawn(link_stub, seen, assigned));
    return ask<worker_welcome>(dispatcher, hello, link);
  }

  asked<mesh::handed_in> hand_in(const lease_token& token, std::string result = "{}",
                                 attempt_end end = attempt_end::completed) {
    attempt_outcome out;
    out.token = token;
    out.end = end;
    out.result = std::move(result);
    if (end == attempt_end::failed) {
      out.failure = {errc::bad_media, "/films/Secret Films/a b.mkv: not media"};
      out.cls = error_class::permanent;
    }
    return ask<mesh::handed_in>(dispatcher, mesh::hand_in{me, {out}});
  }

  job get(job_id id) {
    return ask<mesh::job_with_children>(dispatcher, mesh::get_job{id}).value().item;
  }

  size_t count(const std::string& what) const {
    return static_cast<size_t>(std::count(seen->begin(), seen->end(), what));
  }
};

} // namespace troupe::test
