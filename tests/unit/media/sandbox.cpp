#define CAF_SUITE media.sandbox

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/executor_client.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <csignal>
#include <cstdlib>

using namespace troupe;
using namespace media_test;
using exec::frame_type;

namespace {

exec::readiness ready_of(executor_client& e) {
  auto f = e.receive();
  CAF_REQUIRE(f && f->type == frame_type::ready);
  auto ready = exec::decode_readiness(f->body);
  CAF_REQUIRE(ready.has_value());
  return *ready;
}

void ask(executor_client& e, const exec::request& request, const media::owned_fd& source) {
  e.send(frame_type::request, 1, exec::encode(request), {source.get()});
}

/// Refused with a reason, or killed by the filter; empty when it got out.
std::string end_of_escape(const std::string& way) {
  executor_client e({"--test-faults"});
  ready_of(e);
  exec::request request;
  request.fault = "escape-" + way;
  auto source = open_source(ordinary());
  ask(e, request, source);
  auto f = e.receive_answer();
  if (!f)
    return e.wait(2000) == -SIGSYS ? "killed" : "";
  auto why = f->type == frame_type::failed ? exec::decode_failure(f->body) : result<exec::failure>{errc::internal, ""};
  return why && why->code == errc::forbidden ? "refused" : "";
}

} // namespace

// The tests below mean nothing on a machine that has no sandbox to offer, hence a failure and not a skip.
CAF_TEST(every layer is in force on this machine) {
  executor_client e;
  auto layers = ready_of(e).sandbox;
  CAF_CHECK(layers.seccomp);
  CAF_CHECK(layers.landlock > 0);
  CAF_CHECK_EQUAL(exec::missing_layers(layers), "");
}

CAF_TEST(nothing gets out even if libav were taken over) {
  for (auto* way : {"open", "create", "legacy-open", "stat", "stat-empty", "link", "remove", "socket", "local-socket",
                    "connect", "fork", "kill-thread", "code", "limits", "unlock"})
    CAF_CHECK_EQUAL(std::string(way) + " " + end_of_escape(way), std::string(way) + " refused");
  for (auto* way : {"exec", "ptrace", "kill", "namespace", "mount", "io-uring", "bpf", "keys", "memory-of-others"})
    CAF_CHECK_EQUAL(std::string(way) + " " + end_of_escape(way), std::string(way) + " killed");
}

CAF_TEST(a refused call is told in the log) {
  executor_client e({"--test-faults"});
  ready_of(e);
  exec::request request;
  request.fault = "escape-open";
  auto source = open_source(ordinary());
  ask(e, request, source);
  e.receive_answer();
  CAF_REQUIRE_EQUAL(e.log().size(), 1u);
  CAF_CHECK(e.log()[0].find("the sandbox refused openat, 1 time") != std::string::npos);
}

CAF_TEST(every encoder and filter works inside and is refused nothing) {
  CAF_CHECK_EQUAL(std::system((beside_tests("sandbox_exercise") + " >" + scratch("exercise.log") + " 2>&1").c_str()),
                  0);
}

CAF_TEST(a machine that lacks a layer is told and does no work unless it is asked to) {
  const std::vector<std::string> no_landlock{beside_tests("without_calls"), "landlock_create_ruleset"};
  const std::vector<std::string> no_seccomp{beside_tests("without_calls"), "seccomp"};
  for (auto& wrapper : {no_landlock, no_seccomp}) {
    executor_client e(wrapper, {});
    CAF_CHECK(!e.receive().has_value());
    CAF_CHECK_EQUAL(e.wait(2000), exec::exit_no_sandbox);
  }
  executor_client without_landlock(no_landlock, {"--sandbox=best"});
  CAF_CHECK_EQUAL(ready_of(without_landlock).sandbox, (exec::sandbox_layers{true, 0}));
  executor_client without_filter(no_seccomp, {"--sandbox=best"});
  auto layers = ready_of(without_filter).sandbox;
  CAF_CHECK(!layers.seccomp);
  CAF_CHECK(layers.landlock > 0);
}

CAF_TEST(landlock alone keeps files and the network closed) {
  for (auto* way : {"open", "create", "remove"}) {
    executor_client e({beside_tests("without_calls"), "seccomp"}, {"--sandbox=best", "--test-faults"});
    ready_of(e);
    exec::request request;
    request.fault = std::string("escape-") + way;
    auto source = open_source(ordinary());
    ask(e, request, source);
    auto f = e.receive_answer();
    CAF_REQUIRE(f && f->type == frame_type::failed);
    CAF_CHECK(exec::decode_failure(f->body)->code == errc::forbidden);
  }
}

CAF_TEST(an operation gets so much processor time) {
  exec::request request;
  request.fault = "spin";
  request.limits.probe_cpu = 1;
  auto source = open_source(ordinary());
  executor_client e({"--test-faults"});
  ready_of(e);
  ask(e, request, source);
  auto f = e.receive_answer(20);
  CAF_REQUIRE(f && f->type == frame_type::failed);
  auto why = exec::decode_failure(f->body);
  CAF_CHECK(why->code == errc::bad_media);
  CAF_CHECK(why->message.find("1 s of processor time") != std::string::npos);
  // The next one has its own.
  ask(e, exec::request{}, source);
  f = e.receive_answer();
  CAF_CHECK(f && f->type == frame_type::done);
  executor_client deaf({"--test-faults"});
  ready_of(deaf);
  request.fault = "spin-deaf";
  ask(deaf, request, source);
  CAF_CHECK_EQUAL(deaf.wait(30'000), -SIGXCPU);
}
