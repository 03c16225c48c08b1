// A child for the tests of host/: does as its first argument says, on the channel at descriptor 3.

#include "protocol/model/executor.hpp"

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

namespace {

void send_bytes(const void* data, size_t size) {
  auto at = static_cast<const char*>(data);
  while (size > 0) {
    auto n = ::write(exec::channel_descriptor, at, size);
    if (n <= 0)
      ::_exit(9);
    at += n;
    size -= static_cast<size_t>(n);
  }
}

void send_frame(exec::frame_type type, uint64_t operation, const std::string& body) {
  exec::frame_header header{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0, operation};
  send_bytes(&header, sizeof(header));
  send_bytes(body.data(), body.size());
}

/// Reads exactly `size` bytes; descriptors that come along are appended.
bool read_bytes(void* data, size_t size, std::vector<int>& descriptors) {
  auto at = static_cast<char*>(data);
  while (size > 0) {
    iovec part{at, size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * exec::max_descriptors)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto n = ::recvmsg(exec::channel_descriptor, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0)
      return false;
    if (auto* head = CMSG_FIRSTHDR(&message); head != nullptr && head->cmsg_type == SCM_RIGHTS) {
      auto count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
        descriptors.push_back(fd);
      }
    }
    at += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

/// Answers each request with its own body, followed by what its descriptors hold.
int echo() {
  for (;;) {
    exec::frame_header header;
    std::vector<int> descriptors;
    if (!read_bytes(&header, sizeof(header), descriptors))
      return 0;
    std::string body(header.length, '\0');
    if (!read_bytes(body.data(), body.size(), descriptors) || header.type == 3)
      return 0;
    for (int fd : descriptors) {
      std::array<char, 64> text{};
      auto n = ::pread(fd, text.data(), text.size(), 0);
      body.append("|").append(text.data(), n > 0 ? static_cast<size_t>(n) : 0);
      ::close(fd);
    }
    send_frame(exec::frame_type::done, header.operation, body);
  }
}

/// Asks for two outputs and writes its number into each that it gets; the request's end is told by the caller.
void ask_for_outputs(uint64_t operation) {
  for (uint64_t id : {1, 2}) {
    auto name = R"("part/)" + std::to_string(id) + R"(.txt")";
    send_frame(exec::frame_type::open, operation, R"({"id":)" + std::to_string(id) + R"(,"name":)" + name + "}");
  }
  for (int i = 0; i < 2; ++i) {
    exec::frame_header header;
    std::vector<int> descriptors;
    if (!read_bytes(&header, sizeof(header), descriptors))
      ::_exit(0);
    std::string body(header.length, '\0');
    if (!read_bytes(body.data(), body.size(), descriptors))
      ::_exit(0);
    // Shows the answer to whoever reads the log.
    send_frame(exec::frame_type::log, operation, R"({"line":"opened )" + std::to_string(descriptors.size()) + R"("})");
    for (int fd : descriptors)
      if (::write(fd, body.data(), body.size()) < 0 || ::close(fd) != 0)
        ::_exit(9);
  }
}

/// Asks for bytes at either end of its source and logs what it is told; ends when it is refused.
void ask_for_bytes(uint64_t operation) {
  for (uint64_t id : {1, 2})
    send_frame(exec::frame_type::need, operation, exec::encode(exec::need_request{id, id == 1 ? 0u : 990u, 10}));
  for (int i = 0; i < 2; ++i) {
    exec::frame_header header;
    std::vector<int> descriptors;
    if (!read_bytes(&header, sizeof(header), descriptors))
      ::_exit(0);
    std::string body(header.length, '\0');
    if (!read_bytes(body.data(), body.size(), descriptors))
      ::_exit(0);
    auto have = exec::decode_have_answer(body);
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
    exec::frame_header header;
    std::vector<int> descriptors;
    if (!read_bytes(&header, sizeof(header), descriptors))
      return 0;
    std::string body(header.length, '\0');
    if (!read_bytes(body.data(), body.size(), descriptors) || header.type == 3)
      return 0;
    send_frame(exec::frame_type::log, header.operation, R"({"line":"begun"})");
    send_frame(exec::frame_type::progress, header.operation, R"({"fraction":0.5})");
    if (body.find("\"abort\"") != std::string::npos)
      std::abort();
    while (body.find("\"hang\"") != std::string::npos)
      ::pause();
    if (body.find("\"outputs\"") != std::string::npos)
      ask_for_outputs(header.operation);
    if (body.find("\"needs\"") != std::string::npos)
      ask_for_bytes(header.operation);
    send_frame(exec::frame_type::done, header.operation, R"({"pid":)" + std::to_string(::getpid()) + "}");
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
    exec::frame_header header;
    std::vector<int> none;
    if (read_bytes(&header, sizeof(header), none))
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
