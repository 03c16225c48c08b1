#define CAF_SUITE dispatch.promises

#include "tests/unit/actors/dispatch/world.hpp"

#include <caf/make_message.hpp>
#include <caf/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>

using namespace troupe::dispatch::test;

namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

CAF_TEST(the ten promises hold in every simulated world) {
  auto first = from_environment("TROUPE_SEED", 1);
  auto seeds = std::getenv("TROUPE_SEED") ? 1 : from_environment("TROUPE_SEEDS", 10'000);
  auto started = std::chrono::steady_clock::now();
  std::map<std::string, uint64_t> met;
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
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  std::printf("dispatch.promises: %llu seeds in %.1f s\n", static_cast<unsigned long long>(seeds), took.count());
  for (auto& [what, n] : met)
    std::printf("  %-28s %llu\n", what.c_str(), static_cast<unsigned long long>(n));
  // A world in which something never happens proves nothing about it.
  if (seeds >= 1'000)
    for (auto what : {"restart",
                      "commit failed",
                      "lease expired",
                      "stale",
                      "stale repeated",
                      "cancel",
                      "retry",
                      "promote",
                      "remove",
                      "waiting",
                      "failed permanent",
                      "failed transient",
                      "failed throttled",
                      "failed crash",
                      "existing",
                      "refused: rate_limited",
                      "clock step",
                      "pause",
                      "limit",
                      "worker killed",
                      "worker stalled",
                      "link down",
                      "worker left"})
      if (met[what] == 0)
        CAF_ERROR("never met: " << what);
}
