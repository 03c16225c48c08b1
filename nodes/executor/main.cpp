// troupe-executor: does media work for a worker, which started it with a socket on descriptor 3.

#include "media/encoders.hpp"
#include "media/executor_session.hpp"
#include "media/graphics.hpp"
#include "media/hardware_encoders.hpp"
#include "media/log_capture.hpp"
#include "media/preload.hpp"
#include "media/sandbox.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace {

using namespace troupe;

bool is_stream_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int usage(const char* why) {
  std::fprintf(stderr,
               "troupe-executor: %s\n"
               "usage: troupe-executor [--sandbox=require|best] [--no-hardware] [--test-faults]\n"
               "a worker starts it, with a stream socket on descriptor 3\n",
               why);
  return media::exit_usage;
}

struct command_line {
  media::executor_options session;
  /// Run without the layers that the machine lacks.
  bool best_sandbox = false;
  /// Look for graphics cards.
  bool hardware = true;
};

std::optional<command_line> read_arguments(int argc, char** argv) {
  command_line out;
  for (std::string_view argument : std::span(argv, static_cast<size_t>(argc)).subspan(1)) {
    if (argument == "--test-faults")
      out.session.test_faults = true;
    else if (argument == "--no-hardware")
      out.hardware = false;
    else if (argument == "--sandbox=best" || argument == "--sandbox=require")
      out.best_sandbox = argument.ends_with("best");
    else
      return std::nullopt;
  }
  return out;
}

/// The descriptors of graphics cards; with all loaded that their encoders load when they are first used.
std::vector<int> open_cards() {
  auto devices = media::graphics_devices();
  if (devices.empty())
    return {};
  media::allow_drivers(devices);
  auto cards = media::open_graphics();
  media::tested_hardware_encoders();
  return cards;
}

int serve(const command_line& asked) {
  if (!is_stream_socket(exec::channel_descriptor))
    return usage("descriptor 3 is not a stream socket");
  ::close_range(exec::channel_descriptor + 1, ~0U, 0);
  // Writes fail with an error that can be told to the worker.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  // The order is the safety: load all that is loaded lazily, enter the sandbox, and only then read a byte of media.
  media::log_capture::install({});
  media::preload();
  exec::readiness ready;
  ready.encoders = media::tested_encoders();
  ready.libraries = media::library_versions();
  auto sandbox = media::enter_sandbox(!asked.best_sandbox, asked.hardware ? open_cards() : std::vector<int>{});
  if (!sandbox) {
    std::fprintf(stderr, "troupe-executor: %s\n", sandbox.error().message.c_str());
    return exec::exit_no_sandbox;
  }
  ready.sandbox = *sandbox;
  // What works inside counts.
  for (auto& name : media::tested_hardware_encoders())
    ready.encoders.push_back(name);
  media::executor_session session(exec::channel_descriptor, asked.session);
  return session.run(std::move(ready));
}

} // namespace

int main(int argc, char** argv) {
  int status = 1;
  try {
    auto asked = read_arguments(argc, argv);
    status = asked ? serve(*asked) : usage("unknown argument");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "troupe-executor: %s\n", e.what());
  }
  std::fflush(stderr);
  // The reading thread still sits in the socket: no destructors run behind its back.
  ::_exit(status);
}
