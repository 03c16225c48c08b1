// A child for the tests of host/: does as its first argument says, on the channel at descriptor 3.

#include "tests/support/executor_channel.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

/// Answers each request with its own body, followed by what its descriptors hold.
int echo() {
  for (;;) {
    received request;
    if (!receive(request) || request.type == exec::frame_type::shutdown)
      return 0;
    auto& body = request.body;
    for (int fd : request.descriptors) {
      std::array<char, 64> text{};
      auto n = ::pread(fd, text.data(), text.size(), 0);
      body.append("|").append(text.data(), n > 0 ? static_cast<size_t>(n) : 0);
      ::close(fd);
    }
    send_frame(exec::frame_type::done, request.operation, body);
  }
}

/// Asks for two outputs and writes its number into each that it gets; the request's end is told by the caller.
void ask_for_outputs(uint64_t operation) {
  for (uint64_t id : {1, 2}) {
    auto name = R"("part/)" + std::to_string(id) + R"(.txt")";
    send_frame(exec::frame_type::open, operation, R"({"id":)" + std::to_string(id) + R"(,"name":)" + name + "}");
  }
  for (int i = 0; i < 2; ++i) {
    received answer;
    if (!receive(answer))
      ::_exit(0);
    // Shows the answer to whoever reads the log.
    send_frame(exec::frame_type::log, operation,
               R"({"line":"opened )" + std::to_string(answer.descriptors.size()) + R"("})");
    for (int fd : answer.descriptors)
      if (::write(fd, answer.body.data(), answer.body.size()) < 0 || ::close(fd) != 0)
        ::_exit(9);
  }
}

/// Asks for bytes at either end of its source and logs what it is told; ends when it is refused.
void ask_for_bytes(uint64_t operation) {
  for (uint64_t id : {1, 2})
    send_frame(exec::frame_type::need, operation, exec::encode(exec::need_request{id, id == 1 ? 0u : 990u, 10}));
  for (int i = 0; i < 2; ++i) {
    received answer;
    if (!receive(answer))
      ::_exit(0);
    auto have = exec::decode_have_answer(answer.body);
    auto line = !have           ? "nonsense"
                : have->refusal ? "refused " + std::to_string(have->id)
                                : "have " + std::to_string(have->offset) + " " + std::to_string(have->length);
    send_frame(exec::frame_type::log, operation, R"({"line":")" + line + R"("})");
  }
}

/// Behaves as troupe-executor does, with the faults that a request asks for.
int executor() {
  send_frame(exec::frame_type::ready, 0, exec::encode(exec::readiness{}));
  for (;;) {
    received request;
    if (!receive(request) || request.type == exec::frame_type::shutdown)
      return 0;
    const auto& body = request.body;
    send_frame(exec::frame_type::log, request.operation, R"({"line":"begun"})");
    send_frame(exec::frame_type::progress, request.operation, R"({"fraction":0.5})");
    if (body.find("\"abort\"") != std::string::npos)
      std::abort();
    while (body.find("\"hang\"") != std::string::npos)
      ::pause();
    if (body.find("\"outputs\"") != std::string::npos)
      ask_for_outputs(request.operation);
    if (body.find("\"needs\"") != std::string::npos)
      ask_for_bytes(request.operation);
    send_frame(exec::frame_type::done, request.operation, R"({"pid":)" + std::to_string(::getpid()) + "}");
  }
}

/// What the parent let through: open descriptors, limits, environment.
std::string surroundings() {
  std::string text;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0)
      text += "fd" + std::to_string(fd) + " ";
  struct rlimit limit {};
  ::getrlimit(RLIMIT_AS, &limit);
  text += "as=" + std::to_string(limit.rlim_cur);
  ::getrlimit(RLIMIT_DATA, &limit);
  text += " data=" + std::to_string(limit.rlim_cur);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  text += " nofile=" + std::to_string(limit.rlim_cur);
  text += " nice=" + std::to_string(::getpriority(PRIO_PROCESS, 0));
  text += " leader=" + std::to_string(::getpgrp() == ::getpid());
  text += std::string{" secret="} + (::getenv("JWT_SECRET") != nullptr ? "seen" : "hidden");
  text += std::string{" path="} + (::getenv("PATH") != nullptr ? "seen" : "hidden");
  return text;
}

int leave_a_grandchild() {
  auto pid = ::fork();
  if (pid == 0)
    for (;;)
      ::pause();
  send_frame(exec::frame_type::done, 0, std::to_string(pid));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "echo";
  if (mode == "echo")
    return echo();
  if (mode == "executor")
    return executor();
  if (mode == "exit")
    return std::atoi(argv[2]);
  if (mode == "abort")
    std::abort();
  if (mode == "grandchild")
    return leave_a_grandchild();
  if (mode == "surroundings") {
    // Limits come right after the start and before the first request.
    received first;
    if (receive(first))
      send_frame(exec::frame_type::done, 1, surroundings());
    return 0;
  }
  if (mode == "last-words") {
    for (uint64_t i = 0; i < 200; ++i)
      send_frame(exec::frame_type::log, i, std::string(1000, 'x'));
    return 0;
  }
  if (mode == "too-long" || mode == "bad-type" || mode == "lying-descriptors") {
    exec::frame_header header{16, static_cast<uint16_t>(exec::frame_type::done), 0, 1};
    if (mode == "too-long")
      header.length = exec::max_body_bytes + 1;
    if (mode == "bad-type")
      header.type = 99;
    if (mode == "lying-descriptors")
      header.descriptors = 1;
    send_bytes(&header, sizeof(header));
  }
  if (mode == "half") {
    exec::frame_header header{16, static_cast<uint16_t>(exec::frame_type::done), 0, 1};
    send_bytes(&header, 7);
    return 0;
  }
  if (mode == "close")
    ::close(exec::channel_descriptor);
  for (;;)
    ::pause();
}
