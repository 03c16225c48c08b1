#include "media/log_capture.hpp"

extern "C" {
#include <libavutil/log.h>
}

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <deque>
#include <mutex>

namespace troupe::media::log_capture {

namespace {

constexpr size_t kept_lines = 64;
constexpr int lines_a_second = 20;

struct capture {
  std::mutex mutex;
  std::function<void(const std::string&)> sink;
  std::deque<std::string> lines;
  std::string partial;
  std::chrono::steady_clock::time_point second;
  int sent = 0;
  int print_prefix = 1;
};

capture& state() {
  static capture instance;
  return instance;
}

/// "[mov,mp4 @ 0x55d0c8] text" → "[mov,mp4] text": addresses differ from run to run and tell nobody anything.
void drop_address(std::string& line) {
  auto at = line.find(" @ 0x");
  if (auto end = at == std::string::npos ? at : line.find(']', at); end != std::string::npos)
    line.erase(at, end - at);
}

/// Warnings about what we do on purpose, or say ourselves.
bool expected(const std::string& line) {
  return line.find("deprecated pixel format used") != std::string::npos
         || line.find("Assuming writing CMAF Track File") != std::string::npos
         || line.find("Estimating duration from bitrate") != std::string::npos;
}

void take(capture& c, std::string line) {
  drop_address(line);
  if (line.empty() || expected(line) || std::find(c.lines.begin(), c.lines.end(), line) != c.lines.end())
    return;
  c.lines.push_back(line);
  if (c.lines.size() > kept_lines)
    c.lines.pop_front();
  auto now = std::chrono::steady_clock::now();
  if (now - c.second >= std::chrono::seconds(1)) {
    c.second = now;
    c.sent = 0;
  }
  if (c.sent++ < lines_a_second && c.sink)
    c.sink(line);
}

void on_log(void* context, int level, const char* format, va_list arguments) noexcept {
  if ((level & 0xff) > AV_LOG_WARNING)
    return;
  try {
    char text[512];
    auto& c = state();
    std::lock_guard lock(c.mutex);
    av_log_format_line2(context, level, format, arguments, text, sizeof text, &c.print_prefix);
    c.partial += text;
    for (auto end = c.partial.find('\n'); end != std::string::npos; end = c.partial.find('\n')) {
      take(c, c.partial.substr(0, end));
      c.partial.erase(0, end + 1);
    }
    if (c.partial.size() > sizeof text)
      c.partial.clear();
  } catch (...) {
    // Out of memory in a C callback: the line is lost, the operation that needs the memory says so itself.
  }
}

} // namespace

void install(std::function<void(const std::string&)> sink) {
  auto& c = state();
  {
    std::lock_guard lock(c.mutex);
    c.sink = std::move(sink);
  }
  av_log_set_level(AV_LOG_WARNING);
  av_log_set_callback(&on_log);
}

void clear() {
  auto& c = state();
  std::lock_guard lock(c.mutex);
  c.lines.clear();
  c.partial.clear();
}

std::vector<std::string> lines(size_t limit) {
  auto& c = state();
  std::lock_guard lock(c.mutex);
  auto skip = c.lines.size() > limit ? c.lines.size() - limit : 0;
  return {c.lines.begin() + static_cast<std::ptrdiff_t>(skip), c.lines.end()};
}

std::string last() {
  auto& c = state();
  std::lock_guard lock(c.mutex);
  return c.lines.empty() ? std::string() : c.lines.back();
}

bool ran_out_of_memory() {
  auto& c = state();
  std::lock_guard lock(c.mutex);
  // "Could not allocate memory" of the codecs, "Cannot allocate memory" of the C library.
  return std::any_of(c.lines.begin(), c.lines.end(),
                     [](auto& line) { return line.find("allocate memory") != std::string::npos; });
}

bool mentions(std::string_view word) {
  auto& c = state();
  std::lock_guard lock(c.mutex);
  return std::any_of(c.lines.begin(), c.lines.end(), [&](auto& line) { return line.find(word) != std::string::npos; });
}

} // namespace troupe::media::log_capture
