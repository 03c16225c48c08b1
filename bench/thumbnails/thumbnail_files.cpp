// thumbnail_files --executor PROGRAM --out FOLDER [--executors N] [--in-flight N] [--width N]: a JPEG of each film that
// standard input names, one a line, through the worker's own executor pool: files opened, request with descriptors,
// answer decoded. The picture of the line n is FOLDER/n.jpg. Prints one line of JSON.

#include "bench/executors.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <optional>

using namespace troupe;

namespace {

struct options {
  std::string executor;
  std::string out;
  uint32_t executors = 2;
  size_t in_flight = 8;
  uint32_t width = 320;
};

options parse(int argc, char** argv) {
  options out;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    std::string value = argv[i + 1];
    if (name == "--executor")
      out.executor = value;
    else if (name == "--out")
      out.out = value;
    else if (name == "--executors")
      out.executors = static_cast<uint32_t>(std::stoul(value));
    else if (name == "--in-flight")
      out.in_flight = std::stoul(value);
    else if (name == "--width")
      out.width = static_cast<uint32_t>(std::stoul(value));
  }
  return out;
}

/// What has been asked and what has come back; the pool's thread reports here.
struct tally {
  std::mutex mutex;
  std::condition_variable changed;
  size_t open = 0;
  size_t good = 0;
  size_t failed = 0;

  void take(const std::string& path, const work::executor_answer& answer) {
    const bool made = answer.ok() && exec::decode_thumbnail_answer(answer.body).has_value();
    if (!made)
      std::fprintf(stderr, "%s: %s\n", path.c_str(), answer.failure.message.c_str());
    std::lock_guard lock(mutex);
    --open;
    (made ? good : failed) += 1;
    changed.notify_all();
  }
  void wait_until_open_is_below(size_t limit) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open < limit; });
  }
};

void ask(bench::running_executors& executors, const options& chosen, const std::string& path, size_t number,
         tally& counts) {
  work::executor_operation operation;
  operation.request.op = exec::op::thumbnail;
  operation.request.name_hint = path.substr(path.rfind('.') + 1);
  operation.request.pictures = {{chosen.width, exec::picture_format::jpeg}};
  operation.descriptors.push_back(bench::open_shared(path, O_RDONLY));
  operation.descriptors.push_back(
    bench::open_shared(chosen.out + "/" + std::to_string(number) + ".jpg", O_RDWR | O_CREAT | O_TRUNC));
  operation.done = [&counts, path](const work::executor_answer& answer) { counts.take(path, answer); };
  {
    std::lock_guard lock(counts.mutex);
    ++counts.open;
  }
  executors.submit(std::move(operation));
}

double cpu_seconds(int who) {
  rusage used{};
  getrusage(who, &used);
  auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

int run(const options& chosen) {
  std::vector<std::string> files;
  for (std::string line; std::getline(std::cin, line);)
    files.push_back(line);
  tally counts;
  std::optional<bench::running_executors> executors(std::in_place, chosen.executor, chosen.executors);
  // A worker has its executors; their start is not a part of what a file costs.
  for (size_t i = 0; i < 4 * chosen.executors && i < files.size(); ++i)
    ask(*executors, chosen, files[i], i, counts);
  counts.wait_until_open_is_below(1);
  counts.good = counts.failed = 0;
  auto begin = std::chrono::steady_clock::now();
  for (size_t i = 0; i < files.size(); ++i) {
    counts.wait_until_open_is_below(chosen.in_flight);
    ask(*executors, chosen, files[i], i, counts);
  }
  counts.wait_until_open_is_below(1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  executors.reset();
  // The executors' time holds their start; it is small against many files.
  std::printf("{\"files\": %zu, \"good\": %zu, \"failed\": %zu, \"seconds\": %.4f, \"cpu\": %.4f}\n", files.size(),
              counts.good, counts.failed, took.count(), cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  return run(parse(argc, argv));
}
