// troupe-executor: does media work for a worker, which started it with a socket on descriptor 3.

#include "media/encoders.hpp"
#include "media/executor_session.hpp"
#include "media/log_capture.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

namespace {

using namespace troupe;

bool is_stream_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/// Gives up what media work never needs: other descriptors, core files (they would hold the media), new privileges.
/// System-call and file-system filters belong here too, and nowhere later: after this, bytes of media are read.
bool lock_down() {
  ::close_range(exec::channel_descriptor + 1, ~0U, 0);
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

int usage(const char* why) {
  std::fprintf(stderr,
               "troupe-executor: %s\n"
               "usage: troupe-executor [--test-faults]   (a worker starts it, with a stream socket on descriptor 3)\n",
               why);
  return media::exit_usage;
}

int serve(int argc, char** argv) {
  media::executor_options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--test-faults") != 0)
      return usage("unknown argument");
    options.test_faults = true;
  }
  if (!is_stream_socket(exec::channel_descriptor))
    return usage("descriptor 3 is not a stream socket");
  // Writes fail with an error that can be told to the worker.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  // The order is the safety: load all that is loaded lazily, lock down, and only then read a first byte of media.
  media::log_capture::install({});
  auto encoders = media::tested_encoders();
  if (!lock_down()) {
    std::perror("troupe-executor: can't lock itself down");
    return media::exit_usage;
  }
  media::executor_session session(exec::channel_descriptor, options);
  return session.run(encoders);
}

} // namespace

int main(int argc, char** argv) {
  int status = 1;
  try {
    status = serve(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "troupe-executor: %s\n", e.what());
  }
  std::fflush(stderr);
  // The reading thread still sits in the socket: no destructors run behind its back.
  ::_exit(status);
}
