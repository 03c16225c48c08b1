#define CAF_SUITE media.far_files

#include "actors/media/far_files.hpp"

#include "host/files.hpp"
#include "tests/support/fake_peers.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <fstream>
#include <future>
#include <thread>

using namespace troupe;
using namespace troupe::test;
using namespace troupe::work;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kilo = 1024;

/// Waits for transfers, and can be stopped meanwhile.
struct waiting_attempt final : attempt {
  const assignment& what() const noexcept override {
    return job;
  }
  bool stopped() const noexcept override {
    return stop;
  }
  void progress(job_progress) override {
  }
  void waits(const std::string& for_what) override {
    std::lock_guard guard{mutex};
    told.push_back(for_what);
  }
  std::vector<std::string> heard() {
    std::lock_guard guard{mutex};
    return told;
  }
  executor_answer run(exec::request, std::vector<operation_file>, std::function<void(const exec::progress&)>,
                      output_maker) override {
    throw std::runtime_error("nothing runs here");
  }
  result<ports::http_response> download(ports::http_download,
                                        std::function<void(const ports::transfer_progress&)>) override {
    throw std::runtime_error("nothing is downloaded here");
  }
  result<void> transfer(const transfer_start& start) override {
    auto ended = std::make_shared<std::promise<result<void>>>();
    auto answer = ended->get_future();
    auto handle = start([ended](result<void> x) { ended->set_value(std::move(x)); });
    for (bool cancelled = false; answer.wait_for(5ms) != std::future_status::ready;)
      if (stop && !std::exchange(cancelled, true) && handle)
        handle->cancel();
    return answer.get();
  }

  assignment job;
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::vector<std::string> told;
};

/// What a node answers to pushes, one after another; then it takes all.
struct answering_peers final : ports::peer_files {
  struct answer {
    error why{errc::none, {}};
    uint64_t moved = 0;
  };
  std::shared_ptr<ports::transfer> fetch(ports::range_fetch, std::function<void(uint64_t)>,
                                         std::function<void(fetched)>) override {
    throw std::runtime_error("nothing is fetched here");
  }
  std::shared_ptr<ports::transfer> push(ports::file_push what, std::function<void(uint64_t)> moved,
                                        std::function<void(result<void>)> done) override {
    return end(what.url, moved, done);
  }
  std::shared_ptr<ports::transfer> publish_folder(std::string url, std::function<void(result<void>)> done) override {
    return end(url, {}, done);
  }
  std::shared_ptr<ports::transfer> end(const std::string& url, const std::function<void(uint64_t)>& moved,
                                       const std::function<void(result<void>)>& done) {
    std::lock_guard guard{mutex};
    asked.push_back(url);
    auto next = answers.empty() ? answer{} : answers.front();
    if (!answers.empty())
      answers.pop_front();
    if (moved && next.moved > 0)
      moved(next.moved);
    done(next.why.code == errc::none ? result<void>{} : next.why);
    return nullptr;
  }
  void say(errc code, int times = 1, milliseconds retry_after = 0ms, uint64_t moved = 0) {
    std::lock_guard guard{mutex};
    for (; times > 0; --times) {
      answers.push_back({error{code, "as the test wants"}, moved});
      answers.back().why.retry_after = retry_after;
    }
  }

  std::mutex mutex;
  std::deque<answer> answers;
  std::vector<std::string> asked;
};

struct fixture {
  fixture() {
    std::ofstream{folder / "piece"} << "a piece";
    how.delay = {1ms, 2ms, 2, 0.25};
    // Longer than a busy machine keeps a thread waiting; tests of the limit have a shorter one.
    reading.give_up = 10s;
    reading.delay = {1ms, 5ms, 2, 0};
    reading.coordinator_away = [this] { return away.load(); };
  }
  far_desk desk() {
    far_desk out;
    out.to_read = [this](const lease_token&, library_id, const std::string&) { return address(); };
    out.to_write = [this](const lease_token&, const std::string&, bool) { return address(); };
    out.away = [this] { return away.load(); };
    out.out_of_reach = [this] { return out_of_reach; };
    return out;
  }
  result<far_file> address() {
    const auto n = ++addresses;
    if (away)
      return {errc::unavailable, "a part of the system is restarting or away"};
    if (refuse)
      return *refuse;
    return far_file{"https://north/" + std::to_string(n), "north", {size, 1, 1}, at_coordinator};
  }
  template <class Peers>
  far_files over(std::shared_ptr<Peers> peers) {
    auto sources = std::make_shared<remote_sources>(
      cache, peers, time, [] { return uint64_t{0}; }, reading);
    return far_files{desk(), std::move(sources), std::move(peers), disk, how, [] { return uint64_t{0}; }};
  }

  system_clocks time;
  temporary_folder folder;
  std::shared_ptr<host::files> disk = std::make_shared<host::files>();
  std::shared_ptr<fake_cache> cache = std::make_shared<fake_cache>();
  transfer_retries::settings how;
  remote_settings reading;
  uint64_t size = 300 * kilo;
  std::atomic<int> addresses{0};
  std::atomic<bool> away{false};
  bool at_coordinator = true;
  std::string out_of_reach;
  std::optional<error> refuse;
  waiting_attempt a;
};

} // namespace

CAF_TEST(a push goes on for as long as the link is broken) {
  fixture f;
  auto peers = std::make_shared<answering_peers>();
  peers->say(errc::unavailable, 40);
  peers->say(errc::io, 3);
  peers->say(errc::timeout, 40);
  peers->say(errc::rate_limited, 40);
  auto far = f.over(peers);
  CAF_REQUIRE(far.push(f.a, f.folder / "piece", "pieces/x/1.mp4").has_value());
  CAF_CHECK_EQUAL(peers->asked.size(), 124u);
  // With an address of its own each time: the one before may be of another life of the coordinator.
  CAF_CHECK_EQUAL(peers->asked.back(), "https://north/124");
}

CAF_TEST(a push waits while the coordinator cannot be asked and is stopped with its attempt) {
  fixture f;
  auto peers = std::make_shared<answering_peers>();
  auto far = f.over(peers);
  f.away = true;
  auto pushed = std::async(std::launch::async, [&] { return far.push(f.a, f.folder / "piece", "x"); });
  CAF_CHECK(pushed.wait_for(400ms) == std::future_status::timeout);
  CAF_CHECK(f.addresses > 20);
  f.away = false;
  CAF_CHECK(pushed.get().has_value());
  CAF_CHECK_EQUAL(peers->asked.size(), 1u);
  f.away = true;
  f.how.delay = {1h, 1h, 2, 0};
  auto slow = f.over(peers);
  auto other = std::async(std::launch::async, [&] { return slow.push(f.a, f.folder / "piece", "x"); });
  CAF_CHECK(other.wait_for(50ms) == std::future_status::timeout);
  f.a.stop = true;
  CAF_REQUIRE(other.wait_for(5s) == std::future_status::ready);
  auto ended = other.get();
  CAF_REQUIRE(!ended);
  CAF_CHECK(ended.error().code == errc::cancelled);
}

CAF_TEST(what a push is refused for good fails with its sentence) {
  for (auto code : {errc::unauthenticated, errc::not_found, errc::validation, errc::unprocessable, errc::conflict,
                    errc::too_large, errc::storage_full, errc::stale_lease, errc::protocol}) {
    fixture f;
    auto peers = std::make_shared<answering_peers>();
    peers->say(code, 1000);
    auto ended = f.over(peers).push(f.a, f.folder / "piece", "pieces/x/1.mp4");
    CAF_REQUIRE(!ended);
    CAF_CHECK(ended.error() == (error{code, "pieces/x/1.mp4: as the test wants"}));
    CAF_CHECK_EQUAL(peers->asked.size(), 1u);
    // The same by the coordinator.
    fixture g;
    g.refuse = error{code, "nothing of yours"};
    auto none = std::make_shared<answering_peers>();
    ended = g.over(none).push(g.a, g.folder / "piece", "x");
    CAF_REQUIRE(!ended);
    CAF_CHECK(ended.error() == (error{code, "x: nothing of yours"}));
    CAF_CHECK_EQUAL(g.addresses.load(), 1);
    CAF_CHECK(none->asked.empty());
  }
  fixture f;
  auto peers = std::make_shared<answering_peers>();
  peers->say(errc::forbidden, 1000);
  CAF_CHECK(f.over(peers).push(f.a, f.folder / "piece", "x").error().code == errc::forbidden);
  CAF_CHECK_EQUAL(peers->asked.size(), 4u);
  CAF_CHECK(f.over(peers).push(f.a, f.folder / "no such piece", "x").error().code == errc::not_found);
}

CAF_TEST(a push waits as long as it is told to) {
  fixture f;
  auto peers = std::make_shared<answering_peers>();
  peers->say(errc::unavailable, 1, 700ms);
  const auto since = std::chrono::steady_clock::now();
  CAF_CHECK(f.over(peers).push(f.a, f.folder / "piece", "x").has_value());
  CAF_CHECK(std::chrono::steady_clock::now() - since >= 700ms);
}

CAF_TEST(a folder is pushed file by file and each goes on) {
  fixture f;
  auto peers = std::make_shared<answering_peers>();
  peers->say(errc::unavailable, 30);
  peers->say(errc::none);
  peers->say(errc::timeout, 30);
  peers->say(errc::none);
  peers->say(errc::unavailable, 30);
  auto far = f.over(peers);
  std::ofstream{f.folder / "other"} << "another";
  CAF_REQUIRE(far.push_folder(f.a, f.folder.path, {"piece", "other"}, "renditions/x").has_value());
  CAF_CHECK_EQUAL(peers->asked.size(), 93u);
  CAF_CHECK_EQUAL(peers->asked[30], "https://north/31/piece");
  CAF_CHECK_EQUAL(peers->asked[61], "https://north/62/other");
  CAF_CHECK_EQUAL(peers->asked[92], "https://north/93");
}

CAF_TEST(a fetch outlasts the coordinator) {
  fixture f;
  f.reading.give_up = 400ms;
  auto peers = std::make_shared<fake_peers>(content_of(f.size));
  auto far = f.over(peers);
  // It is away before anything is known of the file, and its file server is while it is read: longer than any other
  // node may be silent.
  f.away = true;
  peers->fail(errc::unavailable, 0, 100'000);
  auto fetched = std::async(std::launch::async, [&] { return far.fetch(f.a, "pieces/x/1.mp4"); });
  CAF_CHECK(fetched.wait_for(400ms) == std::future_status::timeout);
  f.away = false;
  CAF_CHECK(fetched.wait_for(800ms) == std::future_status::timeout);
  {
    std::lock_guard guard{peers->mutex};
    peers->failures.clear();
  }
  CAF_REQUIRE(fetched.wait_for(10s) == std::future_status::ready);
  CAF_CHECK(fetched.get().has_value());
  // Another node that has it is given up: somebody else may have it.
  fixture g;
  g.reading.give_up = 150ms;
  g.at_coordinator = false;
  auto others = std::make_shared<fake_peers>(content_of(g.size));
  others->fail(errc::unavailable, 0, 100'000);
  auto given_up = g.over(others).fetch(g.a, "pieces/x/1.mp4");
  CAF_REQUIRE(!given_up);
  CAF_CHECK(given_up.error().code == errc::unavailable);
  CAF_CHECK(given_up.error().message.find("node north has sent nothing of it") != std::string::npos);
}

CAF_TEST(a file server that is silent beside its coordinator is given up with its name) {
  fixture f;
  // Both: where it is, is not known yet when the time begins.
  f.reading.give_up = f.reading.give_up_coordinator = 300ms;
  auto peers = std::make_shared<fake_peers>(content_of(f.size));
  peers->fail(errc::unavailable, 0, 100'000);
  const auto since = std::chrono::steady_clock::now();
  auto given_up = f.over(peers).fetch(f.a, "pieces/x/1.mp4");
  const auto took = std::chrono::steady_clock::now() - since;
  // In the whole milliseconds of the product's clock.
  CAF_CHECK(took >= 299ms && took < 10s);
  CAF_REQUIRE(!given_up);
  CAF_CHECK(given_up.error().code == errc::unavailable);
  CAF_CHECK(default_class(given_up.error().code) == error_class::transient && !f.a.cls);
  CAF_CHECK(given_up.error().message.find("node north has sent nothing of it for") != std::string::npos);
  CAF_CHECK(given_up.error().message.find("files.port") != std::string::npos);
  CAF_REQUIRE(!f.a.heard().empty());
  CAF_CHECK_EQUAL(f.a.heard().front(), "waiting for the file server of node north: as the test wants");
  // As long as the coordinator is away, too, nothing is given up.
  fixture g;
  // Long enough for a busy machine to come to where it is away.
  g.reading.give_up_coordinator = 1500ms;
  auto others = std::make_shared<fake_peers>(content_of(g.size));
  auto far = g.over(others);
  others->fail(errc::unavailable, 0, 100'000);
  auto fetched = std::async(std::launch::async, [&] {
    auto out = far.fetch(g.a, "pieces/x/1.mp4");
    return out ? error{errc::none} : out.error();
  });
  g.away = true;
  CAF_CHECK(fetched.wait_for(2500ms) == std::future_status::timeout);
  g.away = false;
  CAF_REQUIRE(fetched.wait_for(10s) == std::future_status::ready);
  CAF_CHECK(fetched.get().code == errc::unavailable);
}

CAF_TEST(a push that nobody takes is given up and says meanwhile what it waits for) {
  fixture f;
  f.how.give_up = 200ms;
  auto peers = std::make_shared<answering_peers>();
  peers->say(errc::unavailable, 100'000);
  auto ended = f.over(peers).push(f.a, f.folder / "piece", "pieces/x/1.mp4");
  CAF_REQUIRE(!ended);
  CAF_CHECK(ended.error().code == errc::unavailable);
  CAF_CHECK(ended.error().message.starts_with("pieces/x/1.mp4: the file server of node north takes nothing of it (as "
                                              "the test wants); see whether its files.port"));
  CAF_REQUIRE(!f.a.heard().empty());
  CAF_CHECK_EQUAL(f.a.heard().front(), "waiting for the file server of node north: as the test wants");
  // What is taken in the end is not waited for any more.
  fixture g;
  auto slow = std::make_shared<answering_peers>();
  slow->say(errc::unavailable, 3);
  CAF_CHECK(g.over(slow).push(g.a, g.folder / "piece", "x").has_value());
  CAF_CHECK_EQUAL(g.a.heard().back(), "");
  // Without its coordinator it is waited for as ever.
  fixture h;
  h.how.give_up = 50ms;
  auto none = std::make_shared<answering_peers>();
  auto far = h.over(none);
  h.away = true;
  auto pushed = std::async(std::launch::async, [&] { return far.push(h.a, h.folder / "piece", "x"); });
  CAF_CHECK(pushed.wait_for(400ms) == std::future_status::timeout);
  h.away = false;
  CAF_CHECK(pushed.get().has_value());
}

CAF_TEST(a file server that is known to be out of reach fails a reading at once) {
  fixture f;
  f.out_of_reach = "node ben can't reach the coordinator's files";
  auto peers = std::make_shared<fake_peers>(content_of(f.size));
  auto refused = f.over(peers).fetch(f.a, "pieces/x/1.mp4");
  CAF_REQUIRE(!refused);
  CAF_CHECK_EQUAL(refused.error().message, "pieces/x/1.mp4: node ben can't reach the coordinator's files");
  CAF_CHECK(refused.error().code == errc::unavailable && !f.a.cls);
  // What another node has is no matter of that.
  f.at_coordinator = false;
  CAF_CHECK(f.over(peers).fetch(f.a, "pieces/x/1.mp4").has_value());
}

CAF_TEST(a fetch that waits is stopped with its attempt) {
  fixture f;
  auto peers = std::make_shared<fake_peers>(content_of(f.size));
  auto far = f.over(peers);
  peers->freeze(true);
  auto fetched = std::async(std::launch::async, [&] { return far.fetch(f.a, "pieces/x/1.mp4"); });
  CAF_CHECK(fetched.wait_for(300ms) == std::future_status::timeout);
  f.a.stop = true;
  const auto ended = fetched.wait_for(5s) == std::future_status::ready;
  peers->freeze(false);
  CAF_REQUIRE(ended);
  CAF_CHECK(fetched.get().error().code == errc::cancelled);
  // What the coordinator says for good is so.
  fixture g;
  g.refuse = error{errc::unavailable, "no other node serves it"};
  CAF_CHECK(g.over(peers).fetch(g.a, "x").error().message == "no other node serves it");
  CAF_CHECK_EQUAL(g.addresses.load(), 1);
  // But its node may come back: that is waited for without burning an attempt.
  CAF_CHECK(g.a.cls == error_class::throttled);
  CAF_CHECK(g.over(peers).fetch(g.a, "x").error().retry_after > 0ms);
  // What is wrong with the file is no matter of time.
  fixture h;
  h.refuse = error{errc::not_found, "there is no such file"};
  CAF_CHECK(h.over(peers).fetch(h.a, "x").error().code == errc::not_found);
  CAF_CHECK(!h.a.cls);
}
