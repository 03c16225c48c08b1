#define CAF_SUITE cluster.worker_offer

#include "actors/cluster/worker_offer.hpp"

#include "tests/support/unit_test.hpp"

#include <algorithm>

using namespace troupe;
using namespace troupe::cluster;

namespace {

bool has(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

encoders_tested tests_that_say(result<std::vector<std::string>> what) {
  return {std::make_shared<const result<std::vector<std::string>>>(std::move(what))};
}

} // namespace

CAF_TEST(an offer is what is configured and what was found since) {
  worker_hello me;
  me.capabilities = {"data", "blue"};
  me.credit = {{"video", 2}, {"images", 3}};
  worker_offer x{me};
  CAF_CHECK(x.capabilities() == me.capabilities);
  CAF_CHECK(x.problems().empty() && x.takes_work());
  x.change(offer_changed{{"library:1"}, {"a mount is gone"}});
  x.change(tests_that_say(error{errc::crash, "the program ended"}));
  CAF_CHECK(has(x.capabilities(), "library:1"));
  CAF_CHECK((x.problems() == std::vector<std::string>{"a mount is gone", "it can't encode: the program ended"}));
  x.change(tests_that_say(std::vector<std::string>{"libx264"}));
  CAF_CHECK(has(x.capabilities(), "encoder:libx264"));
  x.change(offer_changed{});
  CAF_CHECK(x.problems().empty() && !has(x.capabilities(), "library:1"));
  CAF_CHECK_EQUAL(x.credit().front().slots, 2u);
}

CAF_TEST(without the data folder or in a drain nothing is taken) {
  worker_hello me;
  me.capabilities = {"data"};
  me.credit = {{"video", 2}, {"images", 3}};
  worker_offer x{me};
  CAF_CHECK(!x.change(data_folder_found{}));
  CAF_CHECK(x.change(data_folder_found{"it is gone"}));
  CAF_CHECK(!x.change(data_folder_found{"it is gone"}));
  CAF_CHECK(!x.takes_work() && x.capabilities().empty());
  CAF_CHECK((x.problems() == std::vector<std::string>{"it is gone"}));
  CAF_CHECK(std::ranges::all_of(x.credit(), [](auto& q) { return q.slots == 0; }));
  CAF_CHECK_EQUAL(x.credit().size(), 2u);
  CAF_CHECK(x.change(data_folder_found{}));
  CAF_CHECK(x.takes_work() && has(x.capabilities(), "data"));
  x.drain();
  CAF_CHECK(x.draining() && !x.takes_work());
  CAF_CHECK_EQUAL(x.credit().back().slots, 0u);
  CAF_CHECK(has(x.capabilities(), "data"));
}

CAF_TEST(a disk that is almost full is a problem until there is room) {
  worker_hello me;
  worker_offer x{me};
  constexpr uint64_t gib = 1ull << 30;
  CAF_CHECK(!x.change({{"data", 40 * gib, gib}, {"cache", 40 * gib, gib}}, gib));
  CAF_CHECK(x.change({{"data", 40 * gib, gib}, {"cache", 40 * gib, 200 << 20}}, gib));
  CAF_REQUIRE_EQUAL(x.problems().size(), 1u);
  CAF_CHECK_EQUAL(x.problems()[0],
                  "the disk of its cache has 200 MiB left of 40 GiB (health.min_free is 1024 MiB); make "
                  "room there, or jobs that write to it fail");
  // A few bytes are no news.
  CAF_CHECK(!x.change({{"cache", 40 * gib, (200 << 20) + 1}}, gib));
  CAF_CHECK(x.takes_work());
  // One that does not answer at present is as full as it was.
  CAF_CHECK(!x.change({{"data", 40 * gib, 2 * gib}}, gib));
  CAF_CHECK_EQUAL(x.problems().size(), 1u);
  CAF_CHECK(x.change({{"cache", 40 * gib, 2 * gib}}, gib));
  CAF_CHECK(x.problems().empty());
}

CAF_TEST(a certificate that ends is a problem and no more) {
  worker_hello me;
  worker_offer x{me};
  CAF_CHECK(!x.certificate(""));
  CAF_CHECK(x.certificate("it ends in 9 days"));
  CAF_CHECK(!x.certificate("it ends in 9 days"));
  CAF_CHECK((x.problems() == std::vector<std::string>{"it ends in 9 days"}));
  CAF_CHECK(x.takes_work());
  CAF_CHECK(x.certificate(""));
  CAF_CHECK(x.problems().empty());
}

CAF_TEST(who works by the files of the coordinator takes nothing until they are in reach) {
  worker_hello me;
  me.credit = {{"video", 2}};
  worker_offer x{me};
  x.wait_for_files();
  CAF_CHECK(!x.takes_work() && x.problems().empty());
  CAF_CHECK_EQUAL(x.credit().front().slots, 0u);
  CAF_CHECK(x.change(coordinator_files_found{"a firewall"}));
  CAF_CHECK(!x.takes_work());
  CAF_CHECK((x.problems() == std::vector<std::string>{"a firewall"}));
  CAF_CHECK(!x.change(coordinator_files_found{"a firewall"}));
  CAF_CHECK(x.change(coordinator_files_found{}));
  CAF_CHECK(x.takes_work() && x.problems().empty());
  // Who has the data folder takes what does not need them, and says so.
  worker_offer y{me};
  CAF_CHECK(y.takes_work());
  CAF_CHECK(y.change(coordinator_files_found{"a firewall"}));
  CAF_CHECK(y.takes_work());
  CAF_CHECK((y.problems() == std::vector<std::string>{"a firewall"}));
}
