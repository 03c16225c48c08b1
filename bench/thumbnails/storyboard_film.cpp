// storyboard_film FILM FOLDER [EXECUTOR]: a storyboard of one film. With EXECUTOR (troupe-executor) through a worker's
// executor that is there already, as a node has it; else the bare operation in a program of its own, started anew each
// time as the ffmpeg command line is. Prints one line of JSON; its seconds do not hold the start.

#include "bench/executors.hpp"
#include "media/log_capture.hpp"
#include "media/storyboard.hpp"

#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace troupe;

namespace {

std::string extension_of(const std::string& film) {
  return film.substr(film.rfind('.') + 1);
}

result<exec::storyboard_answer> make_here(const std::string& film, const std::string& folder) {
  media::log_capture::install({});
  media::owned_fd source{::open(film.c_str(), O_RDONLY | O_CLOEXEC)};
  const std::atomic<bool> never{false};
  media::task job{never, {}, [&](const std::string& name) -> result<media::owned_fd> {
                    return media::owned_fd{
                      ::open((folder + "/" + name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
                  }};
  return media::storyboard(source.get(), extension_of(film), {}, job);
}

result<exec::storyboard_answer> make_by(bench::running_executors& executors, const std::string& film,
                                        const std::string& folder) {
  work::executor_operation operation;
  operation.request.op = exec::op::storyboard;
  operation.request.name_hint = extension_of(film);
  operation.descriptors.push_back(bench::open_shared(film, O_RDONLY));
  auto answer = executors.ask(std::move(operation), folder);
  if (!answer.ok())
    return answer.failure;
  return exec::decode_storyboard_answer(answer.body);
}

/// Any answer tells that it is there.
void wait_until_started(bench::running_executors& executors, const std::string& film) {
  work::executor_operation operation;
  operation.request.op = exec::op::probe;
  operation.request.name_hint = extension_of(film);
  operation.descriptors.push_back(bench::open_shared(film, O_RDONLY));
  executors.ask(std::move(operation));
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: storyboard_film FILM FOLDER [EXECUTOR]\n");
    return 2;
  }
  const std::string film = argv[1];
  const std::string folder = argv[2];
  std::optional<bench::running_executors> executors;
  if (argc > 3) {
    executors.emplace(argv[3], 1);
    wait_until_started(*executors, film);
  }
  const auto begin = std::chrono::steady_clock::now();
  auto made = executors ? make_by(*executors, film, folder) : make_here(film, folder);
  if (!made) {
    std::fprintf(stderr, "%s: %s\n", film.c_str(), made.error().message.c_str());
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("{\"tiles\": %u, \"sheets\": %zu, \"interval_ms\": %lld, \"seconds\": %.4f}\n", made->count,
              made->sheets.size(), static_cast<long long>(made->interval_ms), took.count());
}
