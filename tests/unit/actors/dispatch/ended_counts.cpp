#define CAF_SUITE dispatch.ended_counts

#include "actors/dispatch/ended_counts.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <numeric>

using namespace troupe;

namespace {

job ended(job_state state, int64_t took_ms) {
  job x;
  x.spec.queue = "video";
  x.spec.kind = "transcode";
  x.state = state;
  x.started = from_ms(1'700'000'000'000);
  x.finished = x.started + milliseconds{took_ms};
  return x;
}

ended_jobs of(const dispatch::ended_counts& counts, const std::string& name) {
  std::vector<queue_stats> all(1);
  all[0].settings.name = name;
  counts.add_to(all);
  return all[0].ended;
}

} // namespace

CAF_TEST(ends are counted by queue and by kind) {
  dispatch::ended_counts counts;
  counts.count(ended(job_state::completed, 100));
  counts.count(ended(job_state::completed, 100));
  counts.count(ended(job_state::failed, 100));
  counts.count(ended(job_state::running, 100));
  counts.count(ended(job_state::queued, 100));
  for (auto name : {"video", "kind:transcode"}) {
    auto x = of(counts, name);
    CAF_CHECK_EQUAL(x.by_state["completed"], 2u);
    CAF_CHECK_EQUAL(x.by_state["failed"], 1u);
    CAF_CHECK_EQUAL(x.by_state.size(), 2u);
  }
  CAF_CHECK(of(counts, "images").by_state.empty());
}

CAF_TEST(durations fall into their buckets) {
  dispatch::ended_counts counts;
  for (int64_t ms : {0, 50, 51, 250, 14'400'000, 14'400'001})
    counts.count(ended(job_state::completed, ms));
  auto x = of(counts, "video");
  CAF_REQUIRE_EQUAL(x.durations.size(), job_duration_bounds.size() + 1);
  CAF_CHECK_EQUAL(x.durations[0], 2u);
  CAF_CHECK_EQUAL(x.durations[1], 2u);
  CAF_CHECK_EQUAL(x.durations[job_duration_bounds.size() - 1], 1u);
  CAF_CHECK_EQUAL(x.durations.back(), 1u);
  CAF_CHECK_EQUAL(x.duration_total.count(), 28'800'352);
}

CAF_TEST(what never ran has no duration and a clock that went back takes none away) {
  dispatch::ended_counts counts;
  counts.count(ended(job_state::cancelled, 5'000));
  auto never = ended(job_state::failed, 0);
  never.started = {};
  counts.count(never);
  CAF_CHECK(of(counts, "video").durations.empty());
  counts.count(ended(job_state::completed, -3'600'000));
  auto x = of(counts, "video");
  CAF_CHECK_EQUAL(x.duration_total.count(), 0);
  CAF_CHECK_EQUAL(std::accumulate(x.durations.begin(), x.durations.end(), uint64_t{0}), 1u);
}

CAF_TEST(retries are counted by class and a scheduled job is none) {
  dispatch::ended_counts counts;
  auto x = ended(job_state::delayed, 0);
  counts.count(x);
  CAF_CHECK(of(counts, "video").retries.empty());
  x.attempts.resize(2);
  x.attempts.back().cls = error_class::crash;
  counts.count(x);
  CAF_CHECK_EQUAL(of(counts, "video").retries["crash"], 1u);
  x.state = job_state::running;
  x.attempts.back().cls = error_class::transient;
  counts.count(x);
  CAF_CHECK_EQUAL(of(counts, "video").retries["transient"], 0u);
  counts.count_rerun(x);
  CAF_CHECK_EQUAL(of(counts, "video").retries["transient"], 1u);
  CAF_CHECK_EQUAL(of(counts, "kind:transcode").retries["transient"], 1u);
  CAF_CHECK(of(counts, "video").by_state.empty());
}
