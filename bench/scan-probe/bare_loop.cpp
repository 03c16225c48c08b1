// bare_loop [--threads N] [--open-only]: probes the files that standard input names, one a line, as the shortest
// program can: avformat_open_input and avformat_find_stream_info, nothing kept. Prints one line of JSON.

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/log.h>
}

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

bool probe(const std::string& path, bool open_only) {
  AVFormatContext* format = nullptr;
  if (avformat_open_input(&format, path.c_str(), nullptr, nullptr) < 0)
    return false;
  bool good = open_only || avformat_find_stream_info(format, nullptr) >= 0;
  avformat_close_input(&format);
  return good;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

} // namespace

int main(int argc, char** argv) {
  int threads = 2;
  bool open_only = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else if (std::strcmp(argv[i], "--open-only") == 0)
      open_only = true;
  }
  std::vector<std::string> files;
  for (std::string line; std::getline(std::cin, line);)
    files.push_back(line);
  av_log_set_level(AV_LOG_QUIET);
  std::atomic<size_t> next{0}, good{0};
  auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&] {
      for (size_t at = next++; at < files.size(); at = next++)
        good += probe(files[at], open_only);
    });
  for (auto& t : all)
    t.join();
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("{\"files\": %zu, \"good\": %zu, \"seconds\": %.4f, \"cpu\": %.4f}\n", files.size(), good.load(),
              took.count(), cpu_seconds());
}
