#define CAF_SUITE model.file_version

#include "protocol/model/catalogue.hpp"
#include "tests/support/seeds.hpp"

#include <limits>

using namespace troupe;

CAF_TEST(one file on two mounts) {
  constexpr int64_t second = 1'000'000'000;
  const file_version a{10, 5 * second + 123, 7};
  const std::vector<std::pair<file_version, bool>> cases{
    {a, true},
    {{10, a.mtime_ns, 8}, true},
    {{11, a.mtime_ns, 7}, false},
    // Written anew on the same mount.
    {{10, a.mtime_ns + 1, 7}, false},
    // Another mount: times as exact as FAT keeps them.
    {{10, 4 * second, 8}, true},
    {{10, a.mtime_ns + 2 * second, 8}, true},
    {{10, a.mtime_ns + 2 * second + 1, 8}, false},
    {{10, a.mtime_ns - 2 * second - 1, 8}, false},
    {{10, std::numeric_limits<int64_t>::min(), 8}, false},
    {{10, std::numeric_limits<int64_t>::max(), 8}, false},
    {{}, false},
  };
  for (auto& [b, same] : cases) {
    CAF_CHECK_EQUAL(same_content(a, b), same);
    CAF_CHECK_EQUAL(same_content(b, a), same);
  }
  CAF_CHECK(!same_content({1, std::numeric_limits<int64_t>::min(), 1}, {1, std::numeric_limits<int64_t>::max(), 2}));
}

CAF_TEST(what is equal is the same and sizes never differ) {
  test::for_seeds(1'000, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    auto some = [&] {
      return file_version{random() % 3, static_cast<int64_t>(random() % 5'000'000'000), random() % 2};
    };
    auto a = some(), b = some();
    CAF_REQUIRE_EQUAL(same_content(a, b), same_content(b, a));
    CAF_REQUIRE(a != b || same_content(a, b));
    CAF_REQUIRE(a.size == b.size || !same_content(a, b));
  });
}
