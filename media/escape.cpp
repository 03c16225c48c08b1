#include "media/escape.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace troupe::media {

namespace {

struct way_out {
  std::string_view name;
  /// Negative, with errno set, when it was refused.
  long (*tried)();
};

long connects() {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // The channel is the only socket there is.
  return ::connect(3, reinterpret_cast<sockaddr*>(&to), sizeof to);
}

long executes() {
  char program[] = "/bin/true";
  std::array<char*, 2> arguments{program, nullptr};
  return ::execve(program, arguments.data(), nullptr);
}

long forks() {
  auto pid = ::fork();
  if (pid == 0)
    ::_exit(0);
  return pid;
}

long reads_the_worker() {
  std::array<char, 8> stolen{};
  iovec ours{stolen.data(), stolen.size()};
  iovec theirs{reinterpret_cast<void*>(0x1000), stolen.size()};
  return ::process_vm_readv(::getppid(), &ours, 1, &theirs, 1, 0);
}

long makes_code() {
  auto* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? -1 : ::mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

long raises_memory() {
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  return ::setrlimit(RLIMIT_AS, &all);
}

constexpr way_out ways[]{
  {"open", [] { return static_cast<long>(::open("/etc/passwd", O_RDONLY)); }},
  {"create", [] { return static_cast<long>(::open("/tmp/troupe-escaped", O_WRONLY | O_CREAT, 0600)); }},
  {"legacy-open", [] { return ::syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", nullptr, 0); }},
  {"stat",
   [] {
     struct stat st {};
     return static_cast<long>(::stat("/etc/passwd", &st));
   }},
  {"stat-empty",
   [] {
     struct stat st {};
     return static_cast<long>(::fstatat(AT_FDCWD, "/etc/passwd", &st, AT_EMPTY_PATH));
   }},
  {"link", [] { return static_cast<long>(::symlink("/etc/passwd", "/tmp/troupe-escaped")); }},
  {"remove", [] { return static_cast<long>(::unlink("/tmp/troupe-escaped")); }},
  {"socket", [] { return static_cast<long>(::socket(AF_INET, SOCK_STREAM, 0)); }},
  {"local-socket", [] { return static_cast<long>(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
  {"connect", connects},
  {"exec", executes},
  {"fork", forks},
  {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }},
  {"kill", [] { return static_cast<long>(::kill(::getppid(), SIGTERM)); }},
  {"kill-thread", [] { return ::syscall(SYS_tgkill, 1, 1, SIGTERM); }},
  {"namespace", [] { return static_cast<long>(::unshare(CLONE_NEWUSER)); }},
  {"mount", [] { return static_cast<long>(::mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
  {"io-uring", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
  {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
  {"keys", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
  {"memory-of-others", reads_the_worker},
  {"code", makes_code},
  {"limits", raises_memory},
  {"unlock", [] { return static_cast<long>(::prctl(PR_SET_SECCOMP, 2, nullptr)); }},
};

} // namespace

result<void> try_to_escape(const std::string& way) {
  for (auto& w : ways) {
    if (w.name != way)
      continue;
    errno = 0;
    if (w.tried() < 0)
      return {errc::forbidden, way + ": " + std::generic_category().message(errno)};
    return {errc::internal, way + " got out of the sandbox"};
  }
  return {errc::protocol, "unknown way out: " + way};
}

} // namespace troupe::media
