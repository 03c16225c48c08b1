#define CAF_SUITE media.runner

#include <caf/make_message.hpp>

#include "actors/media/runner.hpp"
#include "host/child_processes.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/scoped_actor.hpp>

#include <climits>
#include <csignal>
#include <sys/mman.h>
#include <thread>

using namespace troupe;
using namespace troupe::work;
using namespace std::literals;

namespace {

// Real threads, a real actor system and real child processes.

struct config : caf::actor_system_config {
  config() {
    mesh::register_messages(*this);
    set("scheduler.max-threads", 2);
  }
};

std::string child_program() {
  char self[PATH_MAX];
  auto n = ::readlink("/proc/self/exe", self, sizeof(self));
  std::string path{self, static_cast<size_t>(n)};
  return path.substr(0, path.rfind('/')) + "/host_test_child";
}

/// Has the beginning of a source of 1000 bytes, and answers from a thread of its own.
struct half_supply final : byte_supply {
  ~half_supply() override {
    for (auto& t : threads)
      t.join();
  }
  uint64_t size() const noexcept override {
    return 1000;
  }
  void need(byte_span wanted, std::function<void(result<byte_span>)> answer) override {
    threads.emplace_back([wanted, answer = std::move(answer)] {
      std::this_thread::sleep_for(20ms);
      if (wanted.end <= 500)
        answer(byte_span{0, 500});
      else
        answer(error{errc::unavailable, "node b is away"});
    });
  }
  void announce(const std::vector<byte_span>&) override {
  }
  std::vector<std::thread> threads;
};

struct fixture {
  fixture() {
    executor_config c;
    c.program.program = child_program();
    c.program.arguments = {"executor"};
    c.executors = 2;
    children = *host::start_child_processes();
    pool = spawn_executor_pool(sys, c, children, time);
    runner_config r;
    r.name = "test";
    r.pool = pool;
    r.threads = std::make_shared<work_threads>(8);
    r.work = [this](attempt& a) -> result<std::string> {
      exec::request request;
      request.fault = a.what().payload;
      std::vector<operation_file> files;
      if (request.fault == "needs")
        files.emplace_back(std::make_shared<const unique_fd>(::memfd_create("source", MFD_CLOEXEC)), supply);
      auto body = a.execute(
        request, std::move(files), [this](const exec::progress&) { ++progressed; },
        [this](const std::string& name) { return create(name); });
      return body;
    };
    run = spawn_runner(sys, r);
  }
  ~fixture() {
    caf::anon_send_exit(run, caf::exit_reason::kill);
    caf::anon_send_exit(pool, caf::exit_reason::kill);
  }

  assignment job(uint64_t n, std::string fault = {}) {
    assignment x;
    x.token = {1, job_id{{4, n}}, 1};
    x.payload = std::move(fault);
    return x;
  }
  executor_stats stats() {
    executor_stats out;
    caf::scoped_actor self{sys};
    self->request(pool, 10s, get_executor_stats{})
      .receive([&](const executor_stats& x) { out = x; }, [](const caf::error&) { CAF_FAIL("no statistics"); });
    return out;
  }
  /// Keeps what is asked for, and where.
  result<unique_fd> create(const std::string& name) {
    if (full)
      return {errc::storage_full, "no room for " + name};
    unique_fd file{::memfd_create("output", MFD_CLOEXEC)};
    created.emplace_back(name, unique_fd{::dup(file.get())}, std::this_thread::get_id());
    return file;
  }
  /// Until its operation runs.
  void wait_progress(int n) {
    for (int i = 0; i < 1000 && progressed < n; ++i)
      std::this_thread::sleep_for(10ms);
    CAF_REQUIRE(progressed >= n);
  }

  // Outlive the actors, which use them until the system has ended.
  system_clocks time;
  std::atomic<int> progressed{0};
  bool full = false;
  std::shared_ptr<half_supply> supply = std::make_shared<half_supply>();
  std::vector<std::tuple<std::string, unique_fd, std::thread::id>> created;
  config cfg;
  caf::actor_system sys{cfg};
  std::shared_ptr<ports::child_processes> children;
  executor_pool pool;
  mesh::runner run;
};

template <class Handle>
attempt_outcome outcome_of(Handle handle) {
  attempt_outcome out;
  handle.receive([&](attempt_outcome& x) { out = std::move(x); }, [](const caf::error&) { CAF_FAIL("no outcome"); });
  return out;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(runner_tests, fixture)

CAF_TEST(many attempts share few processes) {
  caf::scoped_actor self{sys};
  std::vector<decltype(self->request(run, 20s, job(0)))> handles;
  for (uint64_t n = 1; n <= 40; ++n)
    handles.push_back(self->request(run, 20s, job(n)));
  for (auto& h : handles) {
    auto out = outcome_of(std::move(h));
    CAF_CHECK(out.end == attempt_end::completed);
    CAF_CHECK(out.result.starts_with("{\"pid\":"));
    CAF_CHECK_EQUAL(out.log_tail, "begun\n");
  }
  CAF_CHECK(stats().started <= 2);
  self->request(pool, 10s, stop_executors{5s})
    .receive([](const mesh::done&) {}, [](const caf::error&) { CAF_FAIL("not stopped"); });
  CAF_CHECK_EQUAL(stats().processes, 0u);
}

CAF_TEST(outputs that an executor asks for are made on the thread of the attempt) {
  caf::scoped_actor self{sys};
  auto out = outcome_of(self->request(run, 20s, job(1, "outputs")));
  CAF_CHECK(out.end == attempt_end::completed);
  CAF_CHECK_EQUAL(out.log_tail, "begun\nopened 1\nopened 1\n");
  CAF_REQUIRE_EQUAL(created.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    auto& [name, file, thread] = created[i];
    CAF_CHECK_EQUAL(name, "part/" + std::to_string(i + 1) + ".txt");
    CAF_CHECK_EQUAL(::lseek(file.get(), 0, SEEK_END), static_cast<off_t>(R"({"id":1})"sv.size()));
    CAF_CHECK(thread != std::this_thread::get_id());
  }
}

CAF_TEST(bytes that an executor asks for come from the supply of its source) {
  caf::scoped_actor self{sys};
  auto out = outcome_of(self->request(run, 20s, job(1, "needs")));
  CAF_CHECK(out.end == attempt_end::completed);
  auto& log = out.log_tail;
  CAF_CHECK(log == "begun\nhave 0 500\nrefused 2\n" || log == "begun\nrefused 2\nhave 0 500\n");
}

CAF_TEST(an output that can not be made is a refusal) {
  full = true;
  caf::scoped_actor self{sys};
  auto out = outcome_of(self->request(run, 20s, job(1, "outputs")));
  CAF_CHECK(out.end == attempt_end::completed);
  CAF_CHECK_EQUAL(out.log_tail, "begun\nopened 0\nopened 0\n");
}

CAF_TEST(an executor that aborts costs one attempt and nothing else) {
  caf::scoped_actor self{sys};
  auto out = outcome_of(self->request(run, 20s, job(1, "abort")));
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.failure.code == errc::crash);
  CAF_CHECK(out.cls == error_class::crash);
  CAF_CHECK(out.failure.message.find("SIGABRT") != std::string::npos);
  CAF_CHECK(outcome_of(self->request(run, 20s, job(2))).end == attempt_end::completed);
}

CAF_TEST(a stopped attempt leaves no process) {
  caf::scoped_actor self{sys};
  auto handle = self->request(run, 20s, job(1, "hang"));
  wait_progress(1);
  self->send(run, mesh::stop_attempt{job(1).token});
  CAF_CHECK(outcome_of(std::move(handle)).end == attempt_end::cancelled);
  CAF_CHECK_EQUAL(stats().processes, 0u);
}

CAF_TEST(the end of the pool is an answer to all who wait) {
  caf::scoped_actor self{sys};
  auto handle = self->request(run, 20s, job(1, "hang"));
  wait_progress(1);
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  auto out = outcome_of(std::move(handle));
  CAF_CHECK(out.failure.code == errc::unavailable);
  CAF_CHECK(out.cls == error_class::transient);
  // And so it is afterwards.
  CAF_CHECK(outcome_of(self->request(run, 20s, job(2))).failure.code == errc::unavailable);
}

CAF_TEST(the end of a runner is an answer too) {
  caf::scoped_actor self{sys};
  auto handle = self->request(run, 20s, job(1, "hang"));
  wait_progress(1);
  caf::anon_send_exit(run, caf::exit_reason::kill);
  bool failed = false;
  handle.receive([](const attempt_outcome&) {}, [&](const caf::error&) { failed = true; });
  CAF_CHECK(failed);
  for (int i = 0; i < 500 && stats().processes > 0; ++i)
    std::this_thread::sleep_for(10ms);
  CAF_CHECK_EQUAL(stats().processes, 0u);
}

CAF_TEST_FIXTURE_SCOPE_END()
