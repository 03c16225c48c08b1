#define CAF_SUITE cluster.kept_outcomes

#include "actors/cluster/kept_outcomes.hpp"

#include "tests/support/seeds.hpp"

#include <caf/make_message.hpp>

#include <deque>
#include <set>

using namespace troupe;
using namespace troupe::cluster;

namespace {

std::vector<lease_token> tokens_of(const std::vector<attempt_outcome>& all) {
  std::vector<lease_token> out;
  for (auto& x : all)
    out.push_back(x.token);
  return out;
}

} // namespace

CAF_TEST(every outcome is kept until it is acknowledged or revoked) {
  test::for_seeds(100, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    kept_outcomes kept;
    std::set<lease_token> wanted;
    std::deque<std::vector<lease_token>> under_way;
    bool paused = false;
    for (uint32_t step = 1; step <= 400; ++step) {
      switch (random() % 7) {
      case 0:
      case 1: {
        attempt_outcome x;
        x.token = {1, job_id{raw_id{0, step}}, 1};
        wanted.insert(x.token);
        kept.add(std::move(x));
        break;
      }
      case 2:
      case 3:
        if (auto batch = tokens_of(kept.next()); !batch.empty()) {
          CAF_REQUIRE(!paused);
          for (auto& token : batch) {
            CAF_REQUIRE(wanted.contains(token));
            // Nothing is on its way twice.
            for (auto& other : under_way)
              CAF_REQUIRE(std::find(other.begin(), other.end(), token) == other.end());
          }
          under_way.push_back(std::move(batch));
          CAF_REQUIRE(under_way.size() <= 4);
        }
        break;
      case 4:
        if (!under_way.empty()) {
          kept.acknowledged(under_way.front());
          for (auto& token : under_way.front())
            wanted.erase(token);
          under_way.pop_front();
        }
        break;
      case 5:
        if (!under_way.empty()) {
          CAF_REQUIRE_EQUAL(kept.failed(under_way.back()), !paused);
          under_way.pop_back();
          paused = true;
        } else if (!wanted.empty()) {
          kept.forget(*wanted.begin());
          wanted.erase(wanted.begin());
        }
        break;
      default:
        if (random() % 4 == 0) {
          kept.start_again();
          under_way.clear();
        } else {
          kept.resume();
        }
        paused = false;
      }
      CAF_REQUIRE(kept.tokens() == std::vector<lease_token>(wanted.begin(), wanted.end()));
      CAF_REQUIRE_EQUAL(kept.empty(), wanted.empty());
    }
    // With a connection that holds all of them arrive.
    kept.start_again();
    CAF_CHECK_EQUAL(kept.next().size(), wanted.size());
  });
}
