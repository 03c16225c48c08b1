#pragma once

// Films that are made in parts by a few nodes, for tests of what the queue decides about them.

#include "tests/support/unit_test.hpp"
#include "tests/unit/actors/dispatch/world.hpp"

#include <caf/make_message.hpp>

namespace troupe::dispatch::test {

class films {
public:
  explicit films(uint64_t seed = 1, queue_config config = {}) :
    config_(std::move(config)), rng_(seed), queue(config_, clock, [this] { return rng_(); }) {
    queue.recover(7, {});
  }

  static worker_id node(uint64_t n) {
    return worker_id{{1, n}};
  }
  void join(uint64_t n, uint32_t slots = 1, const std::string& of = "video", resources tokens = {}) {
    queue.join({worker_protocol_version,
                node(n),
                "node-" + std::to_string(n),
                {"transcode", "encode_chunk", "encode_audio"},
                {{of, slots}},
                {},
                kept_.contains(n) ? kept_[n] : held(n),
                false,
                tokens});
    kept_.erase(n);
    nodes_.insert(n);
    queue.assign();
  }
  void leave(uint64_t n) {
    nodes_.erase(n);
    queue.leave(node(n));
  }
  job_id submit(const std::string& to = {}) {
    job_spec spec;
    spec.kind = "transcode";
    spec.queue = to;
    return submit(spec);
  }
  job_id submit(const job_spec& spec) {
    auto made = queue.submit({spec});
    CAF_REQUIRE(made.has_value());
    queue.assign();
    return made->front().id;
  }
  const job& row(job_id id) {
    return *queue.find(id);
  }
  job_state state(job_id id) {
    return row(id).state;
  }
  /// Its running attempt hands on one part for each share; one without a share is the sound, of so much work.
  void cut(job_id film, const std::vector<double>& shares, double sound = 0) {
    attempt_outcome out;
    out.token = row(film).token();
    out.end = attempt_end::delegated;
    for (auto share : shares) {
      job_spec spec;
      spec.kind = share > 0 ? "encode_chunk" : "encode_audio";
      spec.work = share > 0 ? 0 : sound;
      spec.payload = "{\"index\":" + std::to_string(out.handed_on.jobs.size()) + "}";
      out.handed_on.jobs.push_back(spec);
      out.handed_on.shares.push_back(share);
    }
    out.handed_on.next.from = 0.02;
    out.handed_on.next.to = 0.88;
    out.handed_on.next.stage = "transcode";
    CAF_REQUIRE(queue.hand_in(row(film).lease_worker, out));
    queue.assign();
  }
  std::vector<job_id> parts(job_id film) {
    std::vector<job_id> out;
    for (auto& c : row(film).next.front().children)
      out.push_back(c.id);
    return out;
  }
  void end(job_id id, attempt_end how = attempt_end::completed, error_class cls = error_class::permanent) {
    attempt_outcome out;
    out.token = row(id).token();
    out.end = how;
    out.cls = cls;
    out.failure = error{errc::io, "the disk said no"};
    CAF_REQUIRE(queue.hand_in(row(id).lease_worker, out));
    queue.assign();
  }
  void report(job_id id, double fraction) {
    job_progress p;
    p.fraction = fraction;
    CAF_REQUIRE(queue.progress(row(id).lease_worker, {row(id).token(), p}));
  }
  /// All workers renew their leases meanwhile.
  void pass(int64_t ms) {
    for (; ms > 0; ms -= 500) {
      clock.now += milliseconds{std::min<int64_t>(ms, 500)};
      for (auto n : nodes_)
        queue.renew(node(n), held(n));
      queue.tick();
      queue.assign();
    }
  }
  /// The coordinator is another one, of which nobody has heard yet; workers that join again keep what they have.
  void restart(const std::vector<job_id>& known) {
    ports::recovered_jobs rows;
    for (auto id : known) {
      rows.jobs.push_back(row(id));
      // Rows are not written for progress alone: this is from when it was handed on.
      if (row(id).delegated())
        rows.jobs.back().progress = {0.02, "transcode", "", {}};
    }
    for (auto n : std::exchange(nodes_, {}))
      kept_[n] = held(n);
    queue = job_queue{config_, clock, [this] { return rng_(); }};
    queue.recover(8, std::move(rows));
  }
  std::string why(job_id id) {
    std::string out;
    auto x = queue.explain(id);
    CAF_REQUIRE(x.has_value());
    for (auto& reason : x->reasons)
      out += reason + "\n";
    return out;
  }
  std::vector<lease_token> held(uint64_t n) {
    for (auto& w : queue.workers())
      if (w.id == node(n))
        return w.running;
    return {};
  }

  virtual_clock clock;

private:
  queue_config config_;
  std::mt19937_64 rng_;
  std::set<uint64_t> nodes_;
  std::map<uint64_t, std::vector<lease_token>> kept_;

public:
  job_queue queue;
};

} // namespace troupe::dispatch::test
