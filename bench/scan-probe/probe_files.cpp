// probe_files --executor PROGRAM [--executors N] [--in-flight N] [--answers FILE]: probes the files that standard input
// names, one a line, through the worker's own executor pool: open, request with a descriptor, answer decoded. Prints
// one line of JSON; --answers writes each answer as a line of JSON, with its path.

#include "bench/executors.hpp"
#include "protocol/model/json.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

using namespace troupe;

namespace {

struct options {
  std::string executor;
  std::string answers;
  uint32_t executors = 2;
  uint32_t runners = 8;
};

options parse(int argc, char** argv) {
  options out;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i], value = argv[i + 1];
    if (name == "--executor")
      out.executor = value;
    else if (name == "--answers")
      out.answers = value;
    else if (name == "--executors")
      out.executors = static_cast<uint32_t>(std::stoul(value));
    else if (name == "--runners")
      out.runners = static_cast<uint32_t>(std::stoul(value));
  }
  return out;
}

double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// Of the children that run now.
double executors_cpu_seconds() {
  long ticks = 0;
  for (auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (std::string pid; children >> pid;) {
      std::ifstream file("/proc/" + pid + "/stat");
      std::string text{std::istreambuf_iterator<char>(file), {}};
      // After the name in parentheses: state, ten numbers, user and system time (proc(5)).
      std::istringstream rest(text.substr(text.rfind(')') + 1));
      std::string skipped;
      for (int i = 0; i < 11; ++i)
        rest >> skipped;
      long user = 0, system = 0;
      rest >> user >> system;
      ticks += user + system;
    }
  }
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// As a runner of the worker does it: blocks until the executor has answered.
work::executor_answer ask(bench::running_executors& executors, const std::string& path) {
  work::executor_operation operation;
  operation.request.op = exec::op::probe;
  operation.request.name_hint = path.substr(path.rfind('.') + 1);
  operation.descriptors.push_back(bench::open_shared(path, O_RDONLY));
  return executors.ask(std::move(operation));
}

struct tally {
  std::atomic<size_t> good{0}, failed{0}, bytes{0};
  std::mutex writing;
  std::ofstream answers;

  void take(const std::string& path, const work::executor_answer& answer) {
    auto info = answer.ok() ? decode_media_info(answer.body) : result<media_info>{answer.failure};
    (info ? good : failed) += 1;
    bytes += answer.body.size();
    if (!answers.is_open())
      return;
    auto value = answer.ok() ? nlohmann::json::parse(answer.body) : nlohmann::json();
    std::lock_guard lock(writing);
    answers << nlohmann::json{{"path", path}, {"answer", value}, {"error", answer.failure.message}}.dump() << '\n';
  }
};

/// Asks for all of them, by that many runners.
void probe_all(bench::running_executors& executors, const std::vector<std::string>& files, uint32_t runners,
               tally& counts) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> all;
  for (uint32_t i = 0; i < runners; ++i)
    all.emplace_back([&] {
      for (size_t at = next++; at < files.size(); at = next++)
        counts.take(files[at], ask(executors, files[at]));
    });
  for (auto& t : all)
    t.join();
}

int run(const options& chosen) {
  std::vector<std::string> files;
  for (std::string line; std::getline(std::cin, line);)
    files.push_back(line);
  bench::running_executors executors(chosen.executor, chosen.executors);
  // A worker has its executors: their start is no part of what a file costs.
  tally started, counts;
  probe_all(executors, {files.begin(), files.begin() + static_cast<long>(std::min(files.size(), size_t{16}))},
            chosen.runners, started);
  if (!chosen.answers.empty())
    counts.answers.open(chosen.answers);
  auto own = own_cpu_seconds(), theirs = executors_cpu_seconds();
  auto begin = std::chrono::steady_clock::now();
  probe_all(executors, files, chosen.runners, counts);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  own = own_cpu_seconds() - own;
  theirs = executors_cpu_seconds() - theirs;
  std::printf(
    "{\"files\": %zu, \"good\": %zu, \"failed\": %zu, \"seconds\": %.4f, \"cpu\": %.4f, \"worker_cpu\": %.4f, "
    "\"answer_bytes\": %.0f}\n",
    files.size(), counts.good.load(), counts.failed.load(), took.count(), own + theirs, own,
    static_cast<double>(counts.bytes.load()) / static_cast<double>(files.size()));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  return run(parse(argc, argv));
}
