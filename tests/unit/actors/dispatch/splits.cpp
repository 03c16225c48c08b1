#define CAF_SUITE dispatch.splits

#include "tests/support/seeds.hpp"
#include "tests/unit/actors/dispatch/films.hpp"

using namespace troupe;
using namespace troupe::dispatch;
using troupe::dispatch::test::broken_promise;
using troupe::dispatch::test::films;

namespace {

size_t in_state(films& x, const std::vector<job_id>& jobs, job_state s) {
  return static_cast<size_t>(std::count_if(jobs.begin(), jobs.end(), [&](auto id) { return x.state(id) == s; }));
}

/// The part that runs there, or none.
job_id on_node(films& x, job_id film, uint64_t n) {
  for (auto id : x.parts(film))
    if (x.state(id) == job_state::running && x.row(id).lease_worker == films::node(n))
      return id;
  return {};
}

/// One after the other, as they begin.
void make_parts(films& x, job_id film) {
  while (true) {
    auto parts = x.parts(film);
    auto next = std::find_if(parts.begin(), parts.end(), [&](auto id) { return x.state(id) == job_state::running; });
    if (next == parts.end())
      return;
    x.end(*next);
  }
}

/// A film in two parts of which one was made in five seconds and node 1 still makes the other.
struct half_made : films {
  half_made() {
    join(1);
    join(2);
    film = submit();
    cut(film, {1, 1});
    slow = on_node(*this, film, 1);
    pass(5'000);
    end(on_node(*this, film, 2));
  }
  /// Time goes on until a copy of the slow part is made, which nobody has got yet.
  job_id wait_for_copy() {
    for (int i = 0; i < 20 && parts(film).size() == 2; ++i) {
      clock.now += milliseconds{500};
      for (auto n : {1, 2})
        queue.renew(node(n), held(n));
      queue.tick();
    }
    CAF_REQUIRE_EQUAL(parts(film).size(), 3u);
    auto copy = parts(film).back();
    CAF_REQUIRE(state(copy) == job_state::queued);
    return copy;
  }
  job_id film, slow;
};

} // namespace

CAF_TEST(a full queue takes the parts of a film that it has admitted) {
  films x;
  CAF_REQUIRE(x.queue.change_queue({"video", false, 0, 3}).has_value());
  CAF_REQUIRE(x.queue.change_queue({"kind:encode_chunk", false, 0, 2}).has_value());
  x.join(1);
  auto film = x.submit();
  x.cut(film, {1, 1, 1, 1, 1});
  CAF_CHECK(x.state(film) == job_state::waiting);
  CAF_CHECK_EQUAL(x.parts(film).size(), 5u);
  // They count: what is new has no room.
  job_spec spec;
  spec.kind = "transcode";
  auto refused = x.queue.submit({spec});
  CAF_CHECK(!refused && refused.error().code == errc::rate_limited);
  make_parts(x, film);
  CAF_CHECK(x.state(film) == job_state::running);
  CAF_CHECK_EQUAL(x.row(film).failures, 0u);
}

CAF_TEST(a film whose parts are done is put together before the parts of younger ones) {
  films x;
  x.join(1, 2);
  auto older = x.submit();
  x.pass(2'000);
  auto younger = x.submit();
  // Both are cut; the node then does one thing at a time.
  x.queue.set_credit(films::node(1), {{"video", 0}});
  x.cut(older, {1, 1});
  x.pass(1'000);
  x.cut(younger, {1, 1, 1});
  x.queue.set_credit(films::node(1), {{"video", 1}});
  x.queue.assign();
  for (int i = 0; i < 2; ++i) {
    auto part = on_node(x, older, 1);
    CAF_REQUIRE(part);
    x.end(part);
  }
  CAF_CHECK(x.state(older) == job_state::running);
  CAF_CHECK_EQUAL(in_state(x, x.parts(younger), job_state::running), 0u);
}

CAF_TEST(a frozen executor is noticed without any report and nothing is looked for before there is something) {
  films x;
  x.join(1);
  x.join(2);
  auto film = x.submit();
  x.cut(film, {1, 1});
  auto frozen = on_node(x, film, 1), other = on_node(x, film, 2);
  CAF_REQUIRE(frozen && other);
  x.pass(4'000);
  x.report(frozen, 0.9);
  // No part is done: nobody knows how long one takes.
  CAF_CHECK(x.queue.next_deadline() - x.clock.mono() > milliseconds{5'000});
  x.pass(1'000);
  x.end(other);
  CAF_CHECK(x.queue.next_deadline() - x.clock.mono() <= milliseconds{1'000});
  // What is done elsewhere in 5 s is begun again after 8 s without news.
  x.pass(6'000);
  CAF_CHECK_EQUAL(x.parts(film).size(), 2u);
  x.pass(3'000);
  CAF_REQUIRE_EQUAL(x.parts(film).size(), 3u);
  auto copy = on_node(x, film, 2);
  CAF_REQUIRE(copy);
  x.end(copy);
  CAF_CHECK(x.state(frozen) == job_state::cancelled);
  CAF_CHECK(x.state(film) == job_state::running);
  x.pass(1'000);
  CAF_CHECK(x.queue.next_deadline() - x.clock.mono() > milliseconds{5'000});
}

CAF_TEST(sound that has stopped is begun again) {
  films x;
  for (auto n : {1, 2, 3})
    x.join(n);
  auto film = x.submit();
  x.cut(film, {0, 1, 2});
  auto sound = x.parts(film)[0];
  CAF_REQUIRE(x.state(sound) == job_state::running);
  x.pass(4'000);
  x.report(sound, 0.5);
  x.pass(1'000);
  x.end(x.parts(film)[1]);
  x.pass(5'000);
  x.end(x.parts(film)[2]);
  // The longest part took 10 s. What goes on, however slowly, is let be: nobody knows how long sound takes.
  for (int i = 0; i < 40; ++i) {
    x.report(sound, 0.5 + 0.001 * i);
    x.pass(1'000);
  }
  CAF_CHECK_EQUAL(x.parts(film).size(), 3u);
  x.pass(11'000);
  CAF_CHECK_EQUAL(x.parts(film).size(), 3u);
  x.pass(4'000);
  CAF_REQUIRE_EQUAL(x.parts(film).size(), 4u);
  // One at a time, and never more than of other parts.
  auto copy = x.parts(film)[3];
  CAF_REQUIRE(x.state(copy) == job_state::running);
  x.pass(60'000);
  CAF_CHECK_EQUAL(x.parts(film).size(), 4u);
  for (int i = 0; i < 200; ++i) {
    for (auto id : x.parts(film))
      if (id != sound && x.state(id) == job_state::running)
        x.end(id, attempt_end::failed);
    x.pass(1'000);
  }
  CAF_CHECK_EQUAL(x.parts(film).size(), 6u);
  x.end(sound);
  CAF_CHECK(x.state(film) == job_state::running);
}

CAF_TEST(sound on a slow node is begun again once others are known to be faster) {
  films x;
  for (auto n : {1, 2})
    x.join(n);
  // Sound of 100 s takes 5 s.
  auto first = x.submit();
  x.cut(first, {0, 1}, 100);
  x.pass(5'000);
  for (auto id : x.parts(first))
    x.end(id);
  x.end(first);
  auto film = x.submit();
  x.cut(film, {0, 1}, 100);
  auto sound = x.parts(film)[0];
  x.pass(5'000);
  x.end(x.parts(film)[1]);
  // A tenth in 10 s: 90 s are left, and another takes 5 s.
  x.report(sound, 0.05);
  x.pass(5'000);
  x.report(sound, 0.1);
  x.pass(1'500);
  CAF_REQUIRE_EQUAL(x.parts(film).size(), 3u);
  x.end(x.parts(film)[2]);
  CAF_CHECK(x.state(sound) == job_state::cancelled);
  CAF_CHECK(x.state(film) == job_state::running);
}

CAF_TEST(no part is made twice while another one waits) {
  films x;
  x.join(1);
  x.join(2);
  auto film = x.submit();
  x.cut(film, {1, 1, 1});
  auto slow = on_node(x, film, 1);
  x.pass(5'000);
  x.end(on_node(x, film, 2));
  x.pass(9'000);
  // Its retry is for the node that is idle until then.
  x.end(on_node(x, film, 2), attempt_end::failed, error_class::transient);
  x.pass(1'500);
  CAF_CHECK(x.state(slow) == job_state::running);
  CAF_CHECK(!on_node(x, film, 2));
  CAF_CHECK_EQUAL(x.parts(film).size(), 3u);
}

CAF_TEST(a copy that its node does not begin is given up for another one) {
  half_made x;
  const auto film = x.film, slow = x.slow;
  x.pass(7'000);
  // The node is gone before it has got it.
  auto first = x.wait_for_copy();
  x.leave(2);
  x.pass(2'000);
  CAF_CHECK(x.state(first) == job_state::cancelled);
  CAF_CHECK(x.state(slow) == job_state::running && x.state(film) == job_state::waiting);
  x.join(3);
  x.pass(2'000);
  auto second = on_node(x, film, 3);
  CAF_REQUIRE(second);
  CAF_CHECK_EQUAL(x.parts(film).size(), 4u);
  // The figures are of parts, not of attempts at them.
  x.report(slow, 0.5);
  CAF_CHECK_EQUAL(x.row(film).progress.counters.at("parts"), 2);
  CAF_CHECK_EQUAL(x.row(film).progress.counters.at("partsDone"), 1);
  x.end(slow);
  CAF_CHECK(x.state(second) == job_state::cancelled);
}

CAF_TEST(a copy is for the idle node and changes nothing of how far the film is) {
  half_made x;
  const auto film = x.film, slow = x.slow;
  x.pass(7'000);
  x.report(slow, 0.1);
  const auto far = x.row(film).progress.fraction;
  auto copy = x.wait_for_copy();
  // The node that is slow has room by now, and the other has none.
  x.queue.set_credit(films::node(1), {{"video", 2}});
  x.queue.set_credit(films::node(2), {{"video", 0}});
  x.queue.assign();
  CAF_CHECK(x.state(copy) == job_state::queued);
  x.queue.set_credit(films::node(2), {{"video", 1}});
  x.queue.assign();
  CAF_REQUIRE(x.state(copy) == job_state::running);
  CAF_CHECK(x.row(copy).lease_worker == films::node(2));
  x.report(slow, 0.1);
  CAF_CHECK(std::abs(x.row(film).progress.fraction - far) < 1e-9);
  x.report(copy, 0.9);
  x.report(slow, 0.1);
  CAF_CHECK(std::abs(x.row(film).progress.fraction - far) < 1e-9);
}

CAF_TEST(a copy that fails ends nobody and a part that no node can make is not begun for ever) {
  half_made x;
  const auto film = x.film, slow = x.slow;
  x.pass(10'000);
  auto copy = on_node(x, film, 2);
  CAF_REQUIRE(copy);
  // The part itself waits for a node when its copy fails for good.
  x.end(slow, attempt_end::failed, error_class::transient);
  CAF_REQUIRE(x.state(slow) == job_state::delayed);
  CAF_REQUIRE(x.state(copy) == job_state::running);
  x.end(copy, attempt_end::failed, error_class::transient);
  CAF_CHECK(x.state(copy) == job_state::failed);
  CAF_CHECK(x.state(slow) == job_state::delayed);
  CAF_CHECK(x.state(film) == job_state::waiting);
  for (int i = 0; i < 300; ++i) {
    x.pass(1'000);
    for (auto id : x.parts(film))
      if (id != slow && x.state(id) == job_state::running)
        x.end(id, attempt_end::failed);
  }
  CAF_CHECK(x.state(slow) == job_state::running);
  CAF_CHECK_EQUAL(x.parts(film).size(), 5u);
  x.end(slow);
  CAF_CHECK(x.state(film) == job_state::running);
}

CAF_TEST(parts that ended before they began by a clock that was set back take nothing from the others) {
  films x;
  for (auto n : {1, 2, 3})
    x.join(n);
  auto film = x.submit();
  x.cut(film, {1, 1, 1});
  auto slow = on_node(x, film, 1), second = on_node(x, film, 2), third = on_node(x, film, 3);
  CAF_REQUIRE(slow && second && third);
  x.pass(5'000);
  x.end(third);
  x.clock.step -= milliseconds{3'600'000};
  x.end(second);
  x.pass(10'000);
  CAF_CHECK_EQUAL(x.parts(film).size(), 4u);
}

CAF_TEST(a part that fails for good leaves the film to its copy) {
  half_made x;
  const auto film = x.film, slow = x.slow;
  x.pass(10'000);
  auto copy = on_node(x, film, 2);
  CAF_REQUIRE(copy);
  x.end(slow, attempt_end::failed);
  CAF_CHECK(x.state(slow) == job_state::failed);
  CAF_CHECK(x.state(copy) == job_state::running);
  CAF_CHECK(x.state(film) == job_state::waiting);
  x.end(copy);
  CAF_CHECK(x.state(film) == job_state::running);
}

CAF_TEST(a node that is kept free for a large job gets no copy) {
  films x;
  x.join(1);
  x.join(2, 4, "video", {4'000, 0, 0});
  auto film = x.submit();
  x.cut(film, {1, 1});
  auto slow = on_node(x, film, 1);
  x.pass(5'000);
  x.end(on_node(x, film, 2));
  auto there = [&](uint32_t cores) {
    job_spec spec;
    spec.kind = "transcode";
    spec.cost.cores = cores;
    spec.needs = {node_capability("node-2")};
    return x.submit(spec);
  };
  auto small = there(1'000), large = there(4'000);
  there(1'000);
  for (int i = 1; i <= 12; ++i) {
    x.report(slow, 0.5 + 0.035 * i);
    x.pass(1'000);
  }
  CAF_REQUIRE(x.state(small) == job_state::running && x.state(large) == job_state::queued);
  CAF_CHECK(x.why(large).find("worker node-2 gets no other work") != std::string::npos);
  x.pass(15'000);
  CAF_CHECK(x.state(large) == job_state::queued);
  CAF_CHECK_EQUAL(x.parts(film).size(), 2u);
}

CAF_TEST(a worker gets one copy a look) {
  films x;
  x.join(1, 4);
  auto film = x.submit();
  x.cut(film, {1, 1, 1, 1});
  x.pass(5'000);
  x.end(x.parts(film)[0]);
  x.pass(6'000);
  x.join(2, 4);
  x.join(3, 4);
  size_t before = 4;
  while (x.parts(film).size() == before)
    x.pass(500);
  CAF_CHECK_EQUAL(x.parts(film).size(), 6u);
  CAF_CHECK(on_node(x, film, 2) && on_node(x, film, 3));
  x.pass(1'500);
  CAF_CHECK_EQUAL(x.parts(film).size(), 7u);
  x.pass(5'000);
  CAF_CHECK_EQUAL(x.parts(film).size(), 7u);
}

CAF_TEST(promoting a film promotes its parts and those that come later) {
  films x;
  x.join(1, 2);
  auto other = x.submit(), film = x.submit();
  x.queue.set_credit(films::node(1), {{"video", 1}});
  x.cut(other, {1, 1});
  x.cut(film, {1, 1, 1});
  auto running = on_node(x, other, 1);
  CAF_REQUIRE(running);
  CAF_REQUIRE(x.queue.promote(film).has_value());
  CAF_CHECK(x.state(film) == job_state::waiting);
  CAF_CHECK_EQUAL(x.row(film).spec.priority, 1);
  x.end(running);
  for (int i = 0; i < 3; ++i) {
    auto part = on_node(x, film, 1);
    CAF_REQUIRE(part);
    CAF_CHECK_EQUAL(x.row(part).spec.priority, 1);
    x.end(part);
  }
  // Before the other film's, too: to go on, and what it hands on then.
  CAF_REQUIRE(x.state(film) == job_state::running);
  x.cut(film, {1});
  CAF_CHECK_EQUAL(x.row(x.parts(film).front()).spec.priority, 1);
  auto refused = x.queue.promote(on_node(x, film, 1));
  CAF_CHECK(!refused && refused.error().code == errc::conflict);
}

CAF_TEST(progress of parts is known again after a restart) {
  films x;
  x.join(1, 3);
  auto film = x.submit();
  x.cut(film, {1, 1, 2});
  auto parts = x.parts(film);
  x.end(parts[0]);
  x.end(parts[1]);
  x.report(parts[2], 0.5);
  auto all = parts;
  all.push_back(film);
  x.restart(all);
  CAF_CHECK(std::abs(x.row(film).progress.fraction - (0.02 + 0.86 * 0.75)) < 1e-9);
  CAF_CHECK_EQUAL(x.row(film).progress.counters.at("partsDone"), 2);
  CAF_CHECK(!x.row(film).progress.counters.contains("etaMs"));
  x.join(1, 3);
  // What was done before is not done in no time now.
  x.clock.now += milliseconds{3'000};
  x.report(parts[2], 0.9);
  CAF_CHECK(!x.row(film).progress.counters.contains("etaMs"));
  x.clock.now += milliseconds{4'000};
  x.report(parts[2], 0.95);
  // 0.1 in the 4 s since it was heard of, and as much is left; and what comes after that takes its part of all 4.
  CAF_REQUIRE(x.row(film).progress.counters.contains("etaMs"));
  auto eta = static_cast<double>(x.row(film).progress.counters.at("etaMs"));
  CAF_CHECK(std::abs(eta / (40'000 * (0.1 + 4 * 0.12 / 0.86)) - 1) < 0.02);
}

CAF_TEST(what pauses films pauses their parts) {
  films x;
  x.join(1, 4);
  auto film = x.submit();
  CAF_REQUIRE(x.queue.change_queue({"kind:transcode", true}).has_value());
  x.cut(film, {1, 1, 1});
  CAF_CHECK_EQUAL(in_state(x, x.parts(film), job_state::running), 0u);
  CAF_CHECK(x.why(x.parts(film)[0]).find("kind transcode, of which it makes parts, is paused") == 0);
  CAF_CHECK(x.why(film).find("waits: kind transcode, of which it makes parts, is paused") != std::string::npos);
  CAF_REQUIRE(x.queue.change_queue({"kind:transcode", false}).has_value());
  x.queue.assign();
  CAF_CHECK_EQUAL(in_state(x, x.parts(film), job_state::running), 3u);
  // And what goes on.
  CAF_REQUIRE(x.queue.change_queue({"kind:transcode", true}).has_value());
  make_parts(x, film);
  CAF_CHECK(x.state(film) == job_state::queued);
  CAF_REQUIRE(x.queue.change_queue({"kind:transcode", false, 1}).has_value());
  x.queue.assign();
  CAF_CHECK(x.state(film) == job_state::running);
}

CAF_TEST(a film counts for the limit of its kind until it ends and can always go on) {
  films x;
  CAF_REQUIRE(x.queue.change_queue({"kind:transcode", false, 1}).has_value());
  x.join(1, 4);
  auto first = x.submit(), second = x.submit(), third = x.submit();
  x.cut(first, {1, 1});
  CAF_CHECK(x.state(second) == job_state::queued);
  CAF_CHECK(x.why(second).find("kind transcode is at its limit: 1 of at most 1 jobs run, 1 of them in parts")
            != std::string::npos);
  make_parts(x, first);
  CAF_CHECK(x.state(first) == job_state::running && x.state(second) == job_state::queued);
  x.end(first);
  CAF_CHECK(x.state(second) == job_state::running);
  x.cut(second, {1, 1});
  CAF_CHECK(x.state(third) == job_state::queued);
  CAF_REQUIRE(x.queue.cancel(second).has_value());
  x.queue.assign();
  CAF_CHECK(x.state(third) == job_state::running);
}

CAF_TEST(parts run in the queue of their film) {
  films x;
  x.join(1, 2, "default");
  auto film = x.submit("default");
  CAF_REQUIRE(x.state(film) == job_state::running);
  x.cut(film, {1, 1});
  CAF_CHECK_EQUAL(in_state(x, x.parts(film), job_state::running), 2u);
  CAF_CHECK_EQUAL(x.row(x.parts(film)[0]).spec.queue, "default");
}

namespace {

/// Films under limits and pauses that change, with parts that fail and films that are cancelled.
void many_films(uint64_t seed) {
  std::mt19937_64 rng{seed};
  auto pick = [&](uint64_t n) { return rng() % n; };
  films x{seed};
  for (uint64_t n = 1; n <= 1 + pick(4); ++n)
    x.join(n, static_cast<uint32_t>(1 + pick(2)));
  std::vector<job_id> all;
  auto in_progress = [&] {
    return static_cast<uint32_t>(std::count_if(all.begin(), all.end(), [&](auto id) {
      auto& row = x.row(id);
      return row.state == job_state::running || (row.delegated() && !is_terminal(row.state));
    }));
  };
  uint32_t limit = 0;
  bool calm = false;
  auto open_to = [&] { return limit == 0 ? UINT32_MAX : limit; };
  auto change_limit = [&](uint32_t to, bool paused) {
    limit = to;
    CAF_REQUIRE(x.queue.change_queue({"kind:transcode", paused, limit}).has_value());
    x.queue.assign();
  };
  auto open = [&] { return std::any_of(all.begin(), all.end(), [&](auto id) { return !is_terminal(x.state(id)); }); };
  for (int step = 0; step < 3'000 && (!calm || open()); ++step) {
    // A limit that is lowered ends nothing.
    auto most = std::max(in_progress(), open_to());
    if (step == 120) {
      calm = true;
      change_limit(1, false);
    }
    if (!calm && pick(4) == 0)
      all.push_back(x.submit());
    if (!calm && pick(10) == 0)
      change_limit(static_cast<uint32_t>(pick(4)), pick(3) == 0);
    most = std::max(most, open_to());
    if (!calm && !all.empty() && pick(15) == 0)
      (void)x.queue.cancel(all[pick(all.size())]);
    if (!calm && !all.empty() && pick(10) == 0)
      (void)x.queue.promote(all[pick(all.size())]);
    std::vector<job_id> running;
    for (auto& w : x.queue.workers())
      for (auto& token : w.running)
        running.push_back(token.job);
    for (auto id : running) {
      if (x.state(id) != job_state::running || pick(3) != 0)
        continue;
      auto& row = x.row(id);
      if (row.spec.kind == "transcode" && !row.delegated() && pick(4) != 0)
        x.cut(id, std::vector<double>(1 + pick(4), 1.0));
      else if (!calm && pick(6) == 0)
        x.end(id, attempt_end::failed, static_cast<error_class>(pick(2)));
      else
        x.end(id);
    }
    x.pass(static_cast<int64_t>(1 + pick(3'000)));
    PROMISE(in_progress() <= most, "films under way are within the limit");
  }
  PROMISE(!open(), "every film ends");
}

} // namespace

CAF_TEST(no limit is exceeded and none keeps a film from its end) {
  troupe::test::for_seeds(200, many_films);
}

namespace {

/// One film on nodes of different speed: what people are told of its end.
void told_the_end(uint64_t seed) {
  std::mt19937_64 rng{seed};
  auto between = [&](double least, double most) { return std::uniform_real_distribution<double>{least, most}(rng); };
  // It would be sooner.
  queue_config without_copies;
  without_copies.stragglers.at_most = 0;
  films x{seed, without_copies};
  std::map<uint64_t, double> speeds;
  const auto nodes = 1 + rng() % 4;
  for (uint64_t n = 1; n <= nodes; ++n) {
    speeds[n] = between(0.5, 2);
    x.join(n);
  }
  auto film = x.submit();
  std::vector<double> shares(static_cast<size_t>(20 * nodes));
  for (auto& share : shares)
    share = between(2, 3);
  x.cut(film, shares);
  std::map<job_id, double> share_of, done;
  for (auto& c : x.row(film).next.front().children)
    share_of[c.id] = c.share;
  struct told {
    int64_t at = 0, eta = 0;
  };
  std::vector<told> all;
  const auto begun = x.clock.now.count();
  while (x.state(film) == job_state::waiting) {
    x.pass(500);
    for (auto& [n, speed] : speeds) {
      auto id = on_node(x, film, n);
      if (!id)
        continue;
      // Nobody is as fast all the time.
      done[id] += 0.5 * speed * between(0.7, 1.3);
      if (done[id] >= share_of.at(id))
        x.end(id);
      else
        x.report(id, done[id] / share_of.at(id));
    }
    auto& counters = x.row(film).progress.counters;
    if (auto eta = counters.find("etaMs"); x.state(film) == job_state::waiting && eta != counters.end())
      all.push_back({x.clock.now.count(), eta->second});
  }
  const auto took = static_cast<double>(x.clock.now.count() - begun);
  // The rest takes its part of it.
  const auto end = static_cast<double>(begun) + took * (1 + 0.12 / 0.86);
  PROMISE(all.size() * 500 + 5'000 > took, "it is told from the beginning on");
  for (size_t i = 0; i < all.size(); ++i) {
    const auto left = end - static_cast<double>(all[i].at), told = static_cast<double>(all[i].eta);
    if (static_cast<double>(all[i].at - begun) > took / 5)
      PROMISE(told > 0.5 * left - 2'000 && told < 1.6 * left + 2'000,
              "it is about right: " + std::to_string(told) + " of " + std::to_string(left));
    if (i > 10)
      PROMISE(std::abs(told - static_cast<double>(all[i - 1].eta) + 500)
                < 0.15 * static_cast<double>(all[i - 1].eta) + 2'000,
              "it does not jump: " + std::to_string(all[i - 1].eta) + " and then " + std::to_string(told));
  }
}

} // namespace

CAF_TEST(what is told of the end of a film is about right and steady) {
  troupe::test::for_seeds(100, told_the_end);
}
