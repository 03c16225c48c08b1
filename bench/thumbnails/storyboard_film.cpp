// storyboard_film FILM FOLDER [INTERVAL_MS]: the storyboard operation on one film as a program of its own, started anew
// each time as the ffmpeg command line is. Prints one line of JSON.

#include "media/log_capture.hpp"
#include "media/storyboard.hpp"

#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace troupe;

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: storyboard_film FILM FOLDER [INTERVAL_MS]\n");
    return 2;
  }
  const std::string film = argv[1];
  const std::string folder = argv[2];
  media::log_capture::install({});
  media::owned_fd source{::open(film.c_str(), O_RDONLY | O_CLOEXEC)};
  exec::storyboard_request asked;
  if (argc > 3)
    asked.interval_ms = std::stoll(argv[3]);
  const std::atomic<bool> never{false};
  media::task job{never, {}, [&](const std::string& name) -> result<media::owned_fd> {
                    return media::owned_fd{
                      ::open((folder + "/" + name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
                  }};
  const auto begin = std::chrono::steady_clock::now();
  auto made = media::storyboard(source.get(), film.substr(film.rfind('.') + 1), asked, job);
  if (!made) {
    std::fprintf(stderr, "%s: %s\n", film.c_str(), made.error().message.c_str());
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("{\"tiles\": %u, \"sheets\": %zu, \"interval_ms\": %lld, \"seconds\": %.4f}\n", made->count,
              made->sheets.size(), static_cast<long long>(made->interval_ms), took.count());
}
