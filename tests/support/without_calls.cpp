// Runs a program on a machine that lacks something: the named system calls answer "not implemented".
//
// usage: without_calls CALL[,CALL...] PROGRAM [ARGUMENT...]

#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <sstream>
#include <string>

int main(int argc, char** argv) {
  if (argc < 3)
    return 2;
  auto* filter = seccomp_init(SCMP_ACT_ALLOW);
  std::istringstream names(argv[1]);
  for (std::string name; std::getline(names, name, ',');)
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name(name.c_str()), 0) != 0) {
      std::fprintf(stderr, "without_calls: no such call: %s\n", name.c_str());
      return 2;
    }
  if (seccomp_load(filter) != 0) {
    std::perror("without_calls: seccomp");
    return 2;
  }
  seccomp_release(filter);
  ::execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 2;
}
