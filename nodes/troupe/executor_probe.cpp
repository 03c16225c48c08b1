#include "nodes/troupe/executor_probe.hpp"

#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ; // NOLINT: POSIX

namespace troupe::cli {

namespace {

using steady = std::chrono::steady_clock;

/// Ends the child, whatever happened, and does not leave a zombie.
struct child {
  pid_t pid = -1;
  int fd = -1;

  ~child() {
    if (fd >= 0)
      close(fd);
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
};

bool read_all(int fd, char* out, size_t size, steady::time_point deadline) {
  while (size > 0) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady::now()).count();
    pollfd p{fd, POLLIN, 0};
    if (left <= 0 || poll(&p, 1, static_cast<int>(left)) <= 0)
      return false;
    auto n = recv(fd, out, size, 0);
    if (n <= 0)
      return false;
    out += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

} // namespace

std::string beside_this_program(const std::string& name) {
  std::error_code ec;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  return ec ? name : (self.parent_path() / name).string();
}

result<exec::readiness> probe_executor(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0)
    return {errc::not_found, path + " is not there or not executable; build it with ./run --build-only"};
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return {errc::io, std::string{"no socket pair: "} + std::strerror(errno)};
  child c;
  c.fd = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // dup2 onto itself clears close-on-exec, too (POSIX.1-2024; glibc does).
  posix_spawn_file_actions_adddup2(&actions, ends[1], exec::channel_descriptor);
  const char* argv[] = {path.c_str(), "--sandbox=best", nullptr};
  auto rc = posix_spawn(&c.pid, path.c_str(), &actions, nullptr, const_cast<char**>(argv), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (rc != 0) {
    c.pid = -1;
    return {errc::io, path + " can't be started: " + std::strerror(rc)};
  }
  auto deadline = steady::now() + std::chrono::seconds{5};
  exec::frame_header head;
  if (!read_all(c.fd, reinterpret_cast<char*>(&head), sizeof(head), deadline))
    return {errc::timeout, path + " was started but said nothing within 5 s; run it by hand to see why"};
  if (head.type != static_cast<uint16_t>(exec::frame_type::ready) || head.length > exec::max_body_bytes)
    return {errc::protocol, path + " is another program, or of another version; build again with ./run --build-only"};
  std::string body(head.length, '\0');
  if (!read_all(c.fd, body.data(), body.size(), deadline))
    return {errc::protocol, path + " broke off in its first message"};
  auto ready = exec::decode_readiness(body);
  if (!ready || ready->version != exec::protocol_version)
    return {errc::protocol, path + " is of another version; build again with ./run --build-only"};
  return ready;
}

} // namespace troupe::cli
