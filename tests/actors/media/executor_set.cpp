#define CAF_SUITE media.executor_set

#include "actors/media/executor_set.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <csignal>
#include <fcntl.h>
#include <random>
#include <set>

using namespace troupe;
using namespace troupe::work;
using namespace std::chrono_literals;

namespace {

struct manual_clock final : clock {
  timestamp wall() const override {
    return timestamp{} + milliseconds{1'700'000'000'000} + now;
  }
  mono_time mono() const override {
    return mono_time{} + milliseconds{1'000'000} + now;
  }
  milliseconds now{0};
};

struct fake_child final : ports::child {
  int pid() const noexcept override {
    return 1;
  }
  result<void> send(exec::frame what, std::vector<unique_fd> descriptors) override {
    frames.push_back(std::move(what));
    descriptor_counts.push_back(descriptors.size());
    return {};
  }
  void kill() override {
    killed = true;
  }
  std::vector<exec::frame> frames;
  std::vector<size_t> descriptor_counts;
  bool killed = false;
};

struct fake_children final : ports::child_processes {
  result<std::shared_ptr<ports::child>> spawn(const ports::child_spec&, ports::child_callbacks) override {
    if (refuse)
      return {errc::not_found, "can't start /x/troupe-executor: No such file or directory"};
    all.push_back(std::make_shared<fake_child>());
    return std::shared_ptr<ports::child>{all.back()};
  }
  std::vector<std::shared_ptr<fake_child>> all;
  bool refuse = false;
};

struct fixture {
  executor_config config() {
    executor_config c;
    c.executors = 2;
    return c;
  }
  fixture() {
    reset(config());
  }
  void reset(executor_config c) {
    children = std::make_shared<fake_children>();
    set =
      std::make_unique<executor_set>(std::move(c), children, time, [](uint64_t) { return ports::child_callbacks{}; });
  }
  uint64_t submit(uint8_t priority = 5, exec::op what = exec::op::probe) {
    executor_operation x;
    x.id = next_operation();
    x.request.op = what;
    x.priority = priority;
    x.progress = [this](const exec::progress&) { ++progressed; };
    x.done = [this, id = x.id](executor_answer a) { CAF_CHECK(answers.emplace(id, std::move(a)).second); };
    auto id = x.id;
    set->submit(std::move(x));
    return id;
  }
  fake_child& child(uint64_t n) {
    return *children->all.at(n - 1);
  }
  void ready(uint64_t n) {
    set->on_frame(n, {exec::frame_type::ready, 0, exec::encode(exec::readiness{})});
  }
  void done(uint64_t n, uint64_t operation) {
    set->on_frame(n, {exec::frame_type::done, operation, R"({"x":1})"});
  }
  void ended(uint64_t n, int signal, int status = -1) {
    set->on_exit(n, {status, signal, 0});
  }
  void advance(milliseconds by) {
    time.now += by;
    set->tick();
  }

  manual_clock time;
  std::shared_ptr<fake_children> children;
  std::unique_ptr<executor_set> set;
  std::map<uint64_t, executor_answer> answers;
  int progressed = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(executor_set_tests, fixture)

CAF_TEST(starts on demand and waits for ready) {
  CAF_CHECK(set->empty());
  CAF_CHECK(set->next_deadline() == mono_time::max());
  auto a = submit();
  CAF_REQUIRE_EQUAL(children->all.size(), 1u);
  CAF_CHECK(child(1).frames.empty());
  ready(1);
  CAF_REQUIRE_EQUAL(child(1).frames.size(), 1u);
  CAF_CHECK_EQUAL(child(1).frames[0].operation, a);
  set->on_frame(1, {exec::frame_type::progress, a, R"({"fraction":0.5})"});
  CAF_CHECK_EQUAL(progressed, 1);
  done(1, a);
  CAF_CHECK(answers.at(a).ok());
  CAF_CHECK_EQUAL(answers.at(a).body, R"({"x":1})");
}

CAF_TEST(never more processes than configured and the urgent first) {
  std::vector<uint64_t> low;
  for (int i = 0; i < 5; ++i)
    low.push_back(submit(9));
  auto high = submit(1);
  CAF_CHECK_EQUAL(children->all.size(), 2u);
  ready(1);
  CAF_CHECK_EQUAL(child(1).frames[0].operation, high);
  ready(2);
  CAF_CHECK_EQUAL(child(2).frames[0].operation, low[0]);
  done(2, low[0]);
  CAF_CHECK_EQUAL(child(2).frames[1].operation, low[1]);
  CAF_CHECK_EQUAL(set->stats().waiting, 3u);
}

CAF_TEST(idle processes end after their time and none is left) {
  auto a = submit();
  ready(1);
  done(1, a);
  advance(59'999ms);
  CAF_CHECK_EQUAL(child(1).frames.size(), 1u);
  advance(1ms);
  CAF_REQUIRE_EQUAL(child(1).frames.size(), 2u);
  CAF_CHECK(child(1).frames[1].type == exec::frame_type::shutdown);
  CAF_CHECK(!child(1).killed);
  advance(5s);
  CAF_CHECK(child(1).killed);
  ended(1, 9);
  CAF_CHECK(set->empty());
  CAF_CHECK_EQUAL(set->stats().crashes, 0u);
  CAF_CHECK(set->next_deadline() == mono_time::max());
}

CAF_TEST(a crash is told with signal and log and the next operation gets a new process) {
  auto a = submit();
  auto b = submit();
  ready(1);
  set->on_frame(1, {exec::frame_type::log, a, R"({"line":"about to divide"})"});
  ended(1, 6);
  auto& x = answers.at(a);
  CAF_CHECK(x.failure.code == errc::crash);
  CAF_CHECK(x.cls == error_class::crash);
  CAF_CHECK(x.failure.message.find("SIGABRT") != std::string::npos);
  CAF_CHECK_EQUAL(x.log_tail, "about to divide\n");
  ready(2);
  done(2, b);
  CAF_CHECK(answers.at(b).ok());
}

CAF_TEST(crashes in a row are backed off and a success resets) {
  milliseconds waited[]{0ms, 500ms, 1000ms, 2000ms};
  auto c = config();
  c.executors = 1;
  reset(c);
  uint64_t n = 0;
  for (auto wait : waited) {
    auto a = submit();
    if (wait > 0ms) {
      CAF_CHECK_EQUAL(children->all.size(), n);
      CAF_CHECK(set->next_deadline() == time.mono() + wait);
      advance(wait - 1ms);
      CAF_CHECK_EQUAL(children->all.size(), n);
      advance(1ms);
    }
    ++n;
    CAF_REQUIRE_EQUAL(children->all.size(), n);
    ready(n);
    ended(n, 11);
    CAF_CHECK(!answers.at(a).ok());
    // The first crash costs nothing.
    if (n == 1) {
      auto b = submit();
      ++n;
      CAF_REQUIRE_EQUAL(children->all.size(), n);
      ready(n);
      ended(n, 11);
      CAF_CHECK(!answers.at(b).ok());
    }
  }
  auto a = submit();
  advance(30s);
  ++n;
  ready(n);
  done(n, a);
  ended(n, 11);
  submit();
  CAF_CHECK_EQUAL(children->all.size(), n + 1);
}

CAF_TEST(no progress ends an operation and progress keeps it) {
  auto a = submit(5, exec::op::transcode);
  ready(1);
  for (int i = 0; i < 10; ++i) {
    advance(119s);
    set->on_frame(1, {exec::frame_type::progress, a, R"({"fraction":0.5})"});
  }
  CAF_CHECK(!child(1).killed);
  advance(120s);
  CAF_CHECK(child(1).killed);
  CAF_CHECK(answers.empty());
  ended(1, 9);
  CAF_CHECK(answers.at(a).cls == error_class::crash);
  CAF_CHECK(answers.at(a).failure.message.find("no progress for 120 s during transcode") != std::string::npos);
}

CAF_TEST(cancel answers when nothing is left of it) {
  auto a = submit();
  auto b = submit();
  auto c = submit();
  ready(1);
  set->cancel(c);
  CAF_CHECK(answers.at(c).failure.code == errc::cancelled);
  set->cancel(a);
  CAF_CHECK(child(1).killed);
  CAF_CHECK_EQUAL(answers.count(a), 0u);
  // Too late: the decision stands.
  done(1, a);
  CAF_CHECK_EQUAL(answers.count(a), 0u);
  ended(1, 9);
  CAF_CHECK(answers.at(a).failure.code == errc::cancelled);
  CAF_CHECK_EQUAL(set->stats().crashes, 0u);
  set->cancel(a);
  set->cancel(12345678);
  ready(2);
  done(2, b);
  CAF_CHECK(answers.at(b).ok());
}

CAF_TEST(one that never gets ready or speaks another version is an answer not a wait) {
  auto c = config();
  c.executors = 1;
  reset(c);
  auto a = submit();
  advance(15s);
  CAF_CHECK(child(1).killed);
  ended(1, 9);
  CAF_CHECK(answers.at(a).failure.message.find("ready in time") != std::string::npos);
  auto b = submit();
  set->on_frame(2, {exec::frame_type::ready, 0, R"({"version":99})"});
  CAF_CHECK(child(2).killed);
  ended(2, 9);
  CAF_CHECK(answers.at(b).failure.code == errc::protocol);
  children->refuse = true;
  auto d = submit();
  advance(30s);
  CAF_CHECK(answers.at(d).failure.code == errc::not_found);
  CAF_CHECK(answers.at(d).cls == error_class::transient);
}

CAF_TEST(a machine without a sandbox is told as such and not as a crash of the file) {
  auto c = config();
  c.executors = 1;
  reset(c);
  auto a = submit();
  ended(1, 0, exec::exit_no_sandbox);
  CAF_CHECK(answers.at(a).failure.code == errc::unavailable);
  CAF_CHECK(answers.at(a).cls == error_class::transient);
  CAF_CHECK(answers.at(a).failure.message.find("troupe doctor") != std::string::npos);
}

CAF_TEST(a file that used up its processor time is not tried again) {
  auto a = submit();
  ready(1);
  ended(1, SIGXCPU);
  CAF_CHECK(answers.at(a).failure.code == errc::bad_media);
  CAF_CHECK(answers.at(a).cls == error_class::permanent);
  CAF_CHECK(answers.at(a).failure.message.find("processor time") != std::string::npos);
}

CAF_TEST(the limits of the node go with every request) {
  auto c = config();
  c.limits.max_pixels = 12'345;
  reset(c);
  submit();
  ready(1);
  auto request = exec::decode_request(child(1).frames.at(0).body);
  CAF_REQUIRE(request.has_value());
  CAF_CHECK_EQUAL(request->limits.max_pixels, 12'345);
}

CAF_TEST(what the executor says of a failure is passed on) {
  auto a = submit();
  ready(1);
  set->on_frame(1, {exec::frame_type::failed, a, R"({"code":"bad_media","class":"permanent","message":"no moov"})"});
  CAF_CHECK(answers.at(a).failure.code == errc::bad_media);
  CAF_CHECK(answers.at(a).cls == error_class::permanent);
  CAF_CHECK_EQUAL(answers.at(a).failure.message, "no moov");
  CAF_CHECK_EQUAL(set->stats().crashes, 0u);
}

CAF_TEST(the queue is bounded) {
  auto c = config();
  c.max_waiting = 3;
  reset(c);
  for (int i = 0; i < 3; ++i)
    submit();
  auto over = submit();
  CAF_CHECK(answers.at(over).failure.code == errc::rate_limited);
  CAF_CHECK(answers.at(over).cls == error_class::throttled);
}

CAF_TEST(a stop lets the busy ones finish and then kills) {
  auto a = submit();
  auto b = submit();
  auto c = submit();
  ready(1);
  ready(2);
  set->stop(time.mono() + 10s);
  CAF_CHECK(answers.at(c).failure.code == errc::unavailable);
  done(1, a);
  CAF_CHECK(answers.at(a).ok());
  CAF_CHECK(child(1).frames.back().type == exec::frame_type::shutdown);
  ended(1, 0, 0);
  advance(10s);
  CAF_CHECK(child(2).killed);
  ended(2, 9);
  CAF_CHECK(answers.at(b).cls == error_class::transient);
  CAF_CHECK(set->empty());
  auto late = submit();
  CAF_CHECK(answers.at(late).failure.code == errc::unavailable);
}

CAF_TEST(descriptors are copied for the executor and let go) {
  executor_operation x;
  x.id = next_operation();
  auto fd = std::make_shared<const unique_fd>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  x.descriptors = {fd, fd};
  x.done = [](executor_answer) {};
  set->submit(std::move(x));
  CAF_CHECK_EQUAL(fd.use_count(), 3);
  ready(1);
  CAF_CHECK_EQUAL(child(1).descriptor_counts.at(0), 2u);
  CAF_CHECK_EQUAL(fd.use_count(), 1);
}

CAF_TEST(outputs are asked for by name and answered with a descriptor or a refusal) {
  std::vector<std::pair<uint64_t, std::string>> wishes;
  executor_operation x;
  x.id = next_operation();
  x.open = [&](uint64_t id, std::string name) { wishes.emplace_back(id, std::move(name)); };
  x.done = [&](executor_answer a) { answers.emplace(1, std::move(a)); };
  auto a = x.id;
  set->submit(std::move(x));
  ready(1);
  set->on_frame(1, {exec::frame_type::open, a, R"({"id":7,"name":"seg/1.ts"})"});
  set->on_frame(1, {exec::frame_type::open, a, R"({"id":8,"name":"seg/2.ts"})"});
  // Of another operation: nobody's.
  set->on_frame(1, {exec::frame_type::open, a + 1, R"({"id":9,"name":"seg/3.ts"})"});
  CAF_REQUIRE_EQUAL(wishes.size(), 2u);
  CAF_CHECK_EQUAL(wishes[1].second, "seg/2.ts");
  advance(119s);
  set->opened(a, 7, unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)});
  // Making files is progress.
  advance(119s);
  CAF_CHECK(!child(1).killed);
  set->opened(a, 8, error{errc::storage_full, "no room"});
  CAF_REQUIRE_EQUAL(child(1).frames.size(), 3u);
  CAF_CHECK(child(1).frames[1].type == exec::frame_type::opened);
  CAF_CHECK_EQUAL(child(1).descriptor_counts[1], 1u);
  CAF_CHECK_EQUAL(child(1).descriptor_counts[2], 0u);
  auto refused = exec::decode_open_answer(child(1).frames[2].body);
  CAF_REQUIRE(refused && refused->refusal);
  CAF_CHECK(refused->refusal->code == errc::storage_full);
  CAF_CHECK_EQUAL(refused->id, 8u);
  // Too late: closed here.
  done(1, a);
  set->opened(a, 9, unique_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)});
  CAF_CHECK_EQUAL(child(1).frames.size(), 3u);
}

CAF_TEST(an operation without further outputs refuses and a wish that makes no sense ends the executor) {
  auto a = submit();
  ready(1);
  set->on_frame(1, {exec::frame_type::open, a, R"({"id":1,"name":"x"})"});
  CAF_CHECK(exec::decode_open_answer(child(1).frames.at(1).body)->refusal.has_value());
  CAF_CHECK(!child(1).killed);
  uint64_t n = 1;
  done(n, a);
  for (std::string bad : {"../x", "/etc/passwd", "a/b/c", "", "a/", ".hidden", "a/..", "A", "x"}) {
    auto b = submit();
    set->on_frame(n, {exec::frame_type::open, b, R"({"id":2,"name":"x"})"});
    // The last one is there already.
    set->on_frame(n, {exec::frame_type::open, b, R"({"id":3,"name":")" + bad + "\"}"});
    CAF_CHECK(child(n).killed);
    ended(n, 9);
    CAF_CHECK(answers.at(b).failure.code == errc::protocol);
    CAF_CHECK(answers.at(b).cls == error_class::crash);
    // One crash in a row: another process starts at once.
    auto c = submit();
    ++n;
    ready(n);
    done(n, c);
  }
  auto d = submit();
  for (size_t i = 0; i <= exec::max_outputs; ++i)
    set->on_frame(n, {exec::frame_type::open, d, R"({"id":4,"name":"n)" + std::to_string(i) + "\"}"});
  CAF_CHECK_EQUAL(child(n).frames.size(), 2 + exec::max_outputs);
  CAF_CHECK(child(n).killed);
}

CAF_TEST(bytes are asked for by need and answered with what is there or a refusal) {
  std::vector<std::pair<uint64_t, byte_span>> wishes;
  executor_operation x;
  x.id = next_operation();
  x.request.ranged = true;
  x.request.source_size = 1000;
  x.need = [&](uint64_t id, byte_span wanted) { wishes.emplace_back(id, wanted); };
  x.done = [&](executor_answer a) { answers.emplace(1, std::move(a)); };
  auto a = x.id;
  set->submit(std::move(x));
  ready(1);
  auto sent = exec::decode_request(child(1).frames.at(0).body);
  CAF_CHECK(sent && sent->ranged && sent->source_size == 1000);
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":7,"offset":0,"length":100})"});
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":8,"offset":900,"length":100})"});
  // Of another operation: nobody's.
  set->on_frame(1, {exec::frame_type::need, a + 1, R"({"id":9,"offset":0,"length":1})"});
  CAF_REQUIRE_EQUAL(wishes.size(), 2u);
  CAF_CHECK_EQUAL(wishes[1].first, 8u);
  CAF_CHECK(wishes[1].second == (byte_span{900, 1000}));
  set->supplied(a, 7, byte_span{0, 500});
  set->supplied(a, 7, byte_span{0, 500});
  set->supplied(a, 99, byte_span{0, 500});
  set->supplied(a, 8, error{errc::not_found, "it was removed from node b"});
  CAF_REQUIRE_EQUAL(child(1).frames.size(), 3u);
  auto there = exec::decode_have_answer(child(1).frames[1].body);
  CAF_CHECK(child(1).frames[1].type == exec::frame_type::have);
  CAF_CHECK(there && !there->refusal && there->id == 7 && there->offset == 0 && there->length == 500);
  auto refused = exec::decode_have_answer(child(1).frames[2].body);
  CAF_REQUIRE(refused && refused->refusal);
  CAF_CHECK(refused->refusal->code == errc::not_found);
  // Another node may have it.
  CAF_CHECK(refused->refusal->cls == error_class::transient);
  // A supplier that answers for other bytes.
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":10,"offset":500,"length":100})"});
  set->supplied(a, 10, byte_span{500, 599});
  CAF_CHECK(exec::decode_have_answer(child(1).frames.at(3).body)->refusal->code == errc::internal);
  // Too late.
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":11,"offset":500,"length":100})"});
  done(1, a);
  set->supplied(a, 11, byte_span{500, 600});
  CAF_CHECK_EQUAL(child(1).frames.size(), 4u);
}

CAF_TEST(what is going to be read is handed on when it is within the source) {
  auto begin = [&](bool ranged) {
    executor_operation x;
    x.id = next_operation();
    x.request.ranged = ranged;
    x.request.source_size = 1000;
    x.done = [this, id = x.id](executor_answer a) { answers.emplace(id, std::move(a)); };
    return x;
  };
  std::vector<byte_span> told;
  auto x = begin(true);
  x.coming = [&](std::vector<byte_span> more) { told.insert(told.end(), more.begin(), more.end()); };
  auto a = x.id;
  set->submit(std::move(x));
  ready(1);
  set->on_frame(1, {exec::frame_type::coming, a, R"({"spans":[[0,10],[990,1000]]})"});
  set->on_frame(1, {exec::frame_type::coming, a, R"({"spans":[]})"});
  CAF_CHECK(told == (std::vector<byte_span>{{0, 10}, {990, 1000}}));
  // Nobody answers it.
  CAF_CHECK_EQUAL(child(1).frames.size(), 1u);
  done(1, a);
  // Who does not care need not listen.
  auto y = begin(true);
  auto b = y.id;
  set->submit(std::move(y));
  set->on_frame(1, {exec::frame_type::coming, b, R"({"spans":[[5,6]]})"});
  CAF_CHECK(!child(1).killed);
  done(1, b);
  // Lies end it.
  std::string many = R"({"spans":[[0,1])";
  for (size_t i = 0; i < exec::max_coming; ++i)
    many += ",[0,1]";
  uint64_t n = 0;
  for (std::string bad :
       {R"({"spans":[[0,1001]]})", R"({"spans":[[5,5]]})", R"({"spans":[[6,5]]})", R"({"spans":[[1]]})",
        R"({"spans":[[-1,5]]})", R"({})", "[]", "x", many.append("]}").c_str()}) {
    auto z = begin(true);
    auto c = z.id;
    set->submit(std::move(z));
    // The first goes to who is there; later ones wait for the pause after crashes.
    if (++n > children->all.size())
      advance(60s);
    if (n > 1)
      ready(n);
    set->on_frame(n, {exec::frame_type::coming, c, bad});
    CAF_CHECK(child(n).killed);
    ended(n, 9);
    CAF_CHECK(answers.at(c).failure.code == errc::protocol || answers.at(c).cls == error_class::crash);
  }
}

CAF_TEST(what executors can encode is asked at the start and told when it changes) {
  std::vector<std::string> told;
  auto c = config();
  c.encoders = [&](const result<std::vector<std::string>>& x) {
    std::string text = x ? "" : x.error().message;
    for (auto& name : x ? *x : std::vector<std::string>{})
      text += name + " ";
    told.push_back(text);
  };
  reset(c);
  auto tell = [&](uint64_t n, std::vector<std::string> names) {
    exec::readiness x;
    x.encoders = std::move(names);
    set->on_frame(n, {exec::frame_type::ready, 0, exec::encode(x)});
  };
  set->learn();
  CAF_REQUIRE_EQUAL(children->all.size(), 1u);
  // It does not start: that is told once, and now and then it is tried again.
  for (size_t n = 1; n < 3; ++n) {
    ended(n, 11);
    CAF_REQUIRE_EQUAL(told.size(), 1u);
    CAF_CHECK_EQUAL(children->all.size(), n);
    advance(29s);
    CAF_CHECK_EQUAL(children->all.size(), n);
    CAF_CHECK(set->next_deadline() <= time.mono() + 1s);
    advance(1s);
    CAF_REQUIRE_EQUAL(children->all.size(), n + 1);
  }
  CAF_CHECK(told[0].find("at its start") != std::string::npos);
  tell(3, {"libx264", "h264_nvenc"});
  CAF_REQUIRE_EQUAL(told.size(), 2u);
  CAF_CHECK_EQUAL(told[1], "libx264 h264_nvenc ");
  // That was all it was for.
  CAF_CHECK(child(3).frames.back().type == exec::frame_type::shutdown);
  ended(3, 0, 0);
  CAF_CHECK(set->empty());
  advance(100s);
  CAF_CHECK_EQUAL(children->all.size(), 3u);
  auto a = submit();
  tell(4, {"libx264", "h264_nvenc"});
  CAF_CHECK_EQUAL(told.size(), 2u);
  // The card fails in earnest.
  tell(4, {"libx264"});
  CAF_CHECK_EQUAL(told.back(), "libx264 ");
  done(4, a);
  CAF_CHECK(answers.contains(a));
  advance(61s);
  ended(4, 0, 0);
  // The next one tests it anew.
  submit();
  tell(5, {"libx264", "h264_nvenc"});
  CAF_CHECK_EQUAL(told.size(), 4u);
  CAF_CHECK_EQUAL(told.back(), "libx264 h264_nvenc ");
  set->learn();
  CAF_CHECK_EQUAL(children->all.size(), 5u);
}

CAF_TEST(an executor that was started to be asked takes work that came meanwhile) {
  auto c = config();
  c.encoders = [](const result<std::vector<std::string>>&) {};
  reset(c);
  set->learn();
  auto a = submit();
  CAF_CHECK_EQUAL(children->all.size(), 1u);
  ready(1);
  CAF_REQUIRE_EQUAL(child(1).frames.size(), 1u);
  CAF_CHECK(child(1).frames[0].type == exec::frame_type::request);
  done(1, a);
  CAF_CHECK(answers.contains(a));
}

CAF_TEST(an executor that waits for bytes is not stalled and the wait does not count) {
  executor_operation x;
  x.id = next_operation();
  x.request.ranged = true;
  x.request.source_size = 1000;
  x.need = [](uint64_t, byte_span) {};
  x.done = [&](executor_answer a) { answers.emplace(1, std::move(a)); };
  auto a = x.id;
  set->submit(std::move(x));
  ready(1);
  advance(100s);
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":1,"offset":0,"length":10})"});
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":2,"offset":10,"length":10})"});
  CAF_CHECK(set->next_deadline() == mono_time::max());
  advance(10'000s);
  set->supplied(a, 1, byte_span{0, 10});
  advance(10'000s);
  set->supplied(a, 2, byte_span{10, 20});
  // What was left of the 120 s.
  advance(19s);
  CAF_CHECK(!child(1).killed);
  // Progress while it waits is a sign of life all the same.
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":3,"offset":20,"length":10})"});
  set->on_frame(1, {exec::frame_type::progress, a, R"({"fraction":0.5})"});
  advance(500s);
  set->supplied(a, 3, byte_span{20, 30});
  advance(119s);
  CAF_CHECK(!child(1).killed);
  advance(1s);
  CAF_CHECK(child(1).killed);
  ended(1, 9);
  CAF_CHECK(answers.at(1).failure.code == errc::crash);
}

CAF_TEST(an executor that asks for bytes that it may not have is ended) {
  uint64_t n = 1;
  auto first = submit();
  ready(1);
  done(1, first);
  auto begin = [&](bool ranged) {
    executor_operation x;
    x.id = next_operation();
    x.request.ranged = ranged;
    x.request.source_size = 1000;
    x.need = [](uint64_t, byte_span) {};
    x.done = [this, id = x.id](executor_answer a) { answers.emplace(id, std::move(a)); };
    auto id = x.id;
    set->submit(std::move(x));
    return id;
  };
  auto expect_end = [&](uint64_t id) {
    CAF_CHECK(child(n).killed);
    // One that is on its way out is not listened to.
    set->on_frame(n, {exec::frame_type::need, id, R"({"id":77,"offset":0,"length":1})"});
    ended(n, 9);
    CAF_CHECK(answers.at(id).failure.code == errc::protocol);
    CAF_CHECK(answers.at(id).cls == error_class::crash);
    // One crash in a row: another process starts at once.
    auto healthy = submit();
    ready(++n);
    done(n, healthy);
  };
  for (std::string bad :
       {R"({"id":1,"offset":0,"length":0})", R"({"id":1,"offset":0,"length":1001})",
        R"({"id":1,"offset":1000,"length":1})", R"({"id":1,"offset":18446744073709551615,"length":2})",
        R"({"id":1,"offset":1,"length":18446744073709551615})", R"({"id":1,"offset":-1,"length":1})", R"({"id":1})",
        "x"}) {
    auto id = begin(true);
    set->on_frame(n, {exec::frame_type::need, id, bad});
    // Not every one names what is wrong with it, but each is the end.
    CAF_CHECK(child(n).killed);
    expect_end(id);
  }
  auto whole = begin(false);
  set->on_frame(n, {exec::frame_type::need, whole, R"({"id":1,"offset":0,"length":1})"});
  expect_end(whole);
  auto twice = begin(true);
  set->on_frame(n, {exec::frame_type::need, twice, R"({"id":1,"offset":0,"length":1})"});
  CAF_CHECK(!child(n).killed);
  set->on_frame(n, {exec::frame_type::need, twice, R"({"id":1,"offset":5,"length":1})"});
  expect_end(twice);
  auto many = begin(true);
  for (size_t i = 0; i < exec::max_needs; ++i)
    set->on_frame(n, {exec::frame_type::need, many, exec::encode(exec::need_request{i + 1, i, 1})});
  CAF_CHECK(!child(n).killed);
  set->on_frame(n, {exec::frame_type::need, many, exec::encode(exec::need_request{100, 500, 1})});
  expect_end(many);
  // Without a supplier: a refusal, which fails the operation.
  executor_operation x;
  x.id = next_operation();
  x.request.ranged = true;
  x.request.source_size = 1000;
  x.done = [](executor_answer) {};
  auto alone = x.id;
  set->submit(std::move(x));
  set->on_frame(n, {exec::frame_type::need, alone, R"({"id":1,"offset":0,"length":1})"});
  CAF_CHECK(exec::decode_have_answer(child(n).frames.back().body)->refusal.has_value());
  CAF_CHECK(!child(n).killed);
}

CAF_TEST(a stop does not wait for bytes or for an executor that goes on reporting) {
  executor_operation x;
  x.id = next_operation();
  x.request.ranged = true;
  x.request.source_size = 1000;
  x.need = [](uint64_t, byte_span) {};
  x.done = [&](executor_answer a) { answers.emplace(1, std::move(a)); };
  auto a = x.id;
  set->submit(std::move(x));
  auto b = submit();
  ready(1);
  ready(2);
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":1,"offset":0,"length":1})"});
  set->stop(time.mono() + 10s);
  set->on_frame(2, {exec::frame_type::progress, b, R"({"fraction":0.1})"});
  set->on_frame(1, {exec::frame_type::need, a, R"({"id":2,"offset":5,"length":1})"});
  set->supplied(a, 1, byte_span{0, 1});
  CAF_CHECK(set->next_deadline() == time.mono() + 10s);
  advance(10s);
  CAF_CHECK(child(1).killed && child(2).killed);
}

CAF_TEST(any order of events answers each operation once) {
  auto seeds = std::getenv("TROUPE_SEEDS") ? std::stoul(std::getenv("TROUPE_SEEDS")) : 3000ul;
  auto first = std::getenv("TROUPE_SEED") ? std::stoul(std::getenv("TROUPE_SEED")) : 1ul;
  for (auto seed = first; seed < first + seeds; ++seed) {
    std::mt19937_64 rng{seed};
    auto c = config();
    c.executors = 1 + static_cast<uint32_t>(rng() % 3);
    reset(c);
    answers.clear();
    std::vector<uint64_t> submitted;
    std::set<uint64_t> alive;
    auto sync = [&] {
      for (uint64_t n = alive.empty() ? 1 : *alive.rbegin() + 1; n <= children->all.size(); ++n)
        alive.insert(n);
    };
    std::set<uint64_t> gone;
    auto live = [&] {
      std::vector<uint64_t> out;
      for (uint64_t n = 1; n <= children->all.size(); ++n)
        if (!gone.contains(n))
          out.push_back(n);
      return out;
    };
    sync();
    for (int step = 0; step < 60; ++step) {
      auto now = live();
      if (now.size() > c.executors)
        CAF_FAIL("too many processes, seed " << seed);
      auto n = now.empty() ? 0 : now[rng() % now.size()];
      auto op = submitted.empty() ? 0 : submitted[rng() % submitted.size()];
      auto last = n != 0 && !child(n).frames.empty() ? child(n).frames.back().operation : op;
      switch (rng() % 8) {
      case 0:
      case 1:
        submitted.push_back(submit(static_cast<uint8_t>(1 + rng() % 10)));
        break;
      case 2:
        if (n != 0)
          ready(n);
        break;
      case 3:
        if (n != 0)
          done(n, last);
        break;
      case 4:
        if (n != 0 && (child(n).killed || rng() % 3 == 0)) {
          gone.insert(n);
          ended(n, 9);
        }
        break;
      case 5:
        set->cancel(op);
        break;
      case 6:
        advance(milliseconds{rng() % 20'000});
        break;
      case 7:
        if (n != 0)
          set->on_frame(n, {exec::frame_type::progress, op, R"({"fraction":0.1})"});
        break;
      }
    }
    set->stop(time.mono() + 1s);
    advance(1s);
    for (int round = 0; round < 3; ++round) {
      for (auto n : live()) {
        gone.insert(n);
        ended(n, 9);
      }
      advance(10s);
    }
    if (!set->empty() || answers.size() != submitted.size())
      CAF_FAIL("seed " << seed << ": " << answers.size() << " answers to " << submitted.size());
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
