#pragma once

#include "tests/support/unit_test.hpp"
#include "tests/unit/actors/dispatch/world.hpp"

#include <functional>
#include <map>
#include <memory>
#include <random>

namespace troupe::dispatch::test {

/// A queue on a clock of its own, and workers "node-1", "node-2" … that do what the test says.
struct placing_fixture {
  placing_fixture() {
    config.utc_offset = [](timestamp) { return std::chrono::minutes{0}; };
    renew();
  }
  void renew() {
    queue = std::make_unique<job_queue>(config, clock, [this] { return rng(); });
    queue->recover(7, {});
  }

  worker_id join(uint64_t n, uint32_t slots = 4, resources tokens = {}, std::vector<std::string> capabilities = {}) {
    worker_hello x;
    x.id = worker_id{{9, n}};
    x.node_name = "node-" + std::to_string(n);
    x.kinds = {"hls", "noop", "storyboard", "transcode"};
    x.credit = {{"default", slots}, {"images", slots}, {"video", slots}};
    x.capabilities = std::move(capabilities);
    x.tokens = tokens;
    queue->join(x);
    hellos[n] = x;
    return x.id;
  }
  job_id submit(job_spec s = {}) {
    if (s.kind.empty())
      s.kind = "noop";
    auto r = queue->submit({s});
    CAF_REQUIRE(r.has_value());
    clock.now += milliseconds{1};
    return r->front().id;
  }
  /// 0: it does not run.
  uint64_t runs_on(job_id id) {
    auto* j = queue->find(id);
    return j->state == job_state::running ? j->lease_worker.raw.lo : 0;
  }
  uint64_t placed(job_id id) {
    queue->assign();
    queue->take();
    return runs_on(id);
  }
  void end(job_id id, attempt_end how = attempt_end::completed, error_class cls = error_class::transient) {
    auto* j = queue->find(id);
    CAF_REQUIRE(j->state == job_state::running);
    attempt_outcome o;
    o.token = j->token();
    o.end = how;
    o.cls = cls;
    o.failure = error{errc::io, "the disk said no"};
    CAF_REQUIRE(queue->hand_in(j->lease_worker, o));
  }
  void fail(job_id id) {
    end(id, attempt_end::failed);
  }
  void pass(int64_t ms) {
    for (; ms > 0; ms -= 5'000) {
      clock.now += milliseconds{std::min<int64_t>(ms, 5'000)};
      for (auto& [n, x] : hellos) {
        std::vector<lease_token> held;
        for (auto& w : queue->workers())
          if (w.id == x.id)
            held = w.running;
        queue->renew(x.id, held);
      }
      queue->tick();
    }
  }
  std::string why(job_id id) {
    std::string out;
    auto x = queue->explain(id);
    for (auto& r : x->reasons)
      out += r + "\n";
    return out;
  }
  bool says(job_id id, const std::string& what) {
    auto text = why(id);
    if (text.find(what) != std::string::npos)
      return true;
    CAF_MESSAGE("it says: " << text);
    return false;
  }
  node_details node(uint64_t n) {
    for (auto& x : queue->nodes())
      if (x.rules.name == "node-" + std::to_string(n))
        return x;
    CAF_FAIL("no such node");
  }
  void set(uint64_t n, std::function<void(node_rules&)> change) {
    node_rules rules;
    rules.name = "node-" + std::to_string(n);
    if (auto now = queue->rules_of(rules.name))
      rules = *now;
    change(rules);
    CAF_REQUIRE(queue->set_node(rules).has_value());
  }

  queue_config config;
  virtual_clock clock;
  std::mt19937_64 rng{1};
  std::unique_ptr<job_queue> queue;
  std::map<uint64_t, worker_hello> hellos;
};

} // namespace troupe::dispatch::test
