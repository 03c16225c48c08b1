#define CAF_SUITE dispatch.promises

#include "tests/support/unit_test.hpp"
#include "tests/unit/actors/dispatch/world.hpp"

#include <caf/make_message.hpp>

#include <cstdio>
#include <cstdlib>

using namespace troupe::dispatch::test;

namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// The framework ends a test that takes 30 s, so the seeds are run in parts.
constexpr uint64_t parts = 20;

std::map<std::string, uint64_t> met;
std::chrono::duration<double> took{0};
uint64_t seeds_run = 0;

void run_part(uint64_t part) {
  auto one = std::getenv("TROUPE_SEED") != nullptr;
  if (one && part > 0)
    return;
  auto seeds = one ? 1 : from_environment("TROUPE_SEEDS", 10'000) / parts;
  auto first = from_environment("TROUPE_SEED", 1 + part * seeds);
  auto started = std::chrono::steady_clock::now();
  for (auto seed = first; seed < first + seeds; ++seed) {
    try {
      world w{seed};
      w.run();
      for (auto& [what, n] : w.met)
        met[what] += n;
    } catch (const broken_promise& e) {
      CAF_FAIL("TROUPE_SEED=" << seed << ": " << e.what());
    }
  }
  seeds_run += seeds;
  took += std::chrono::steady_clock::now() - started;
  CAF_CHECK(seeds > 0);
}

} // namespace

#define PART(n)                                                                                                        \
  CAF_TEST(the promises hold in every simulated world part n) {                                                        \
    run_part(n);                                                                                                       \
  }
PART(0)
PART(1)
PART(2)
PART(3)
PART(4)
PART(5)
PART(6)
PART(7)
PART(8)
PART(9)
PART(10)
PART(11)
PART(12)
PART(13)
PART(14)
PART(15)
PART(16)
PART(17)
PART(18)
PART(19)

CAF_TEST(the simulated worlds met everything) {
  std::printf("dispatch.promises: %llu seeds in %.1f s\n", static_cast<unsigned long long>(seeds_run), took.count());
  for (auto& [what, n] : met)
    std::printf("  %-28s %llu\n", what.c_str(), static_cast<unsigned long long>(n));
  // A world in which something never happens proves nothing about it.
  if (seeds_run < 1'000)
    return;
  for (auto what : {"restart",
                    "commit failed",
                    "lease expired",
                    "lost and rerun",
                    "lost again",
                    "lost for good",
                    "mount gone",
                    "problem quoted",
                    "stale",
                    "stale repeated",
                    "cancel",
                    "retry",
                    "promote",
                    "promote of one that handed on",
                    "remove",
                    "retry archived",
                    "remove archived",
                    "waiting",
                    "delegated",
                    "delegation refused: protocol",
                    "delegation refused: validation",
                    "parts kept",
                    "part begun twice",
                    "went on",
                    "goes on after a restart",
                    "cancel of one that handed on",
                    "cancel of one that goes on",
                    "retry of a part",
                    "retry of one that handed on",
                    "failed permanent",
                    "failed transient",
                    "failed throttled",
                    "failed crash",
                    "existing",
                    "refused: rate_limited",
                    "refused: validation",
                    "clock step",
                    "pause",
                    "limit",
                    "worker killed",
                    "worker stalled",
                    "link down",
                    "worker left",
                    "retried on the same node",
                    "quarantined",
                    "node: hours",
                    "node: draining"})
    if (met[what] == 0)
      CAF_ERROR("never met: " << what);
}
