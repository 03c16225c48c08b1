#include "host/program_version.hpp"

#include "protocol/ports/fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstring>
#include <thread>

extern char** environ;

namespace troupe::host {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
constexpr std::chrono::seconds limit{4};

result<std::string> read_line(int fd, const std::string& program) {
  std::string out;
  auto end = steady_clock::now() + limit;
  char buffer[512];
  while (out.find('\n') == std::string::npos && out.size() < 4096) {
    auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0)
      return {errc::timeout, program + " --version did not answer within 4 s"};
    auto n = ::read(fd, buffer, sizeof(buffer));
    if (n <= 0)
      break;
    out.append(buffer, static_cast<size_t>(n));
  }
  return out.substr(0, out.find('\n'));
}

result<std::string> run(const std::string& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return {errc::io, std::string{"no pipe for a child process: "} + std::strerror(errno)};
  unique_fd reading{ends[0]};
  unique_fd writing{ends[1]};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::string name = program;
  std::string argument = "--version";
  char* argv[] = {name.data(), argument.data(), nullptr};
  pid_t pid = 0;
  auto failed = ::posix_spawnp(&pid, program.c_str(), &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed == ENOENT)
    return {errc::not_found, program + ": not installed"};
  if (failed != 0)
    return {errc::io, program + ": can't be started: " + std::strerror(failed)};
  writing.reset();
  auto line = read_line(reading.get(), program);
  // Whatever it does after its first line is of no interest.
  ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (line && line->empty())
    return {errc::io, program + " --version printed nothing"};
  return line;
}

} // namespace

std::function<void(std::function<void(result<std::string>)>)> program_version(std::string program) {
  return [program = std::move(program)](std::function<void(result<std::string>)> done) {
    if (program.empty())
      return done({errc::not_found, "no program is configured"});
    std::thread{[program, done = std::move(done)] {
      done(run(program));
    }}.detach();
  };
}

} // namespace troupe::host
