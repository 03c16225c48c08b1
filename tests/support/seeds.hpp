#pragma once

// Property tests: TROUPE_SEEDS=n runs n seeds instead of the default, TROUPE_SEED=s runs that one alone.

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cstdlib>
#include <exception>
#include <random>
#include <string>

namespace troupe::test {

/// Whether the long runs were asked for: ./test sets TROUPE_SOAK in any case, to nothing for an ordinary run.
inline bool soaking() {
  const char* text = std::getenv("TROUPE_SOAK");
  return text && *text && std::string(text) != "0";
}

/// Calls `body` with each seed; what fails or throws names its seed.
template <class F>
void for_seeds(uint64_t count, F body) {
  uint64_t first = 1;
  if (auto* text = std::getenv("TROUPE_SEEDS"))
    count = std::strtoull(text, nullptr, 10);
  if (auto* text = std::getenv("TROUPE_SEED")) {
    first = std::strtoull(text, nullptr, 10);
    count = 1;
  }
  for (auto seed = first; seed < first + count; ++seed) {
    try {
      body(seed);
    } catch (std::exception& ex) {
      CAF_FAIL("seed " + std::to_string(seed) + ": " + ex.what());
    } catch (...) {
      // A failed CAF_REQUIRE has printed its reason.
      CAF_MESSAGE("failed with TROUPE_SEED=" + std::to_string(seed));
      throw;
    }
  }
}

} // namespace troupe::test
