#include "nodes/troupe/terminal.hpp"

#include "nodes/troupe/format.hpp"

#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace troupe::cli {

namespace {

long long now_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr long long plain_interval_ms = 2000;

} // namespace

size_t terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    return 0;
  return size.ws_col == 0 ? 80 : size.ws_col;
}

bool use_color() {
  auto* off = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (off == nullptr || *off == '\0');
}

bool use_live_lines() {
  auto* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (term == nullptr || std::string_view{term} != "dumb");
}

live_line::live_line() : live_(use_live_lines()), width_(terminal_width()) {
}

live_line::~live_line() {
  clear();
}

void live_line::show(double fraction, std::string_view label, std::string_view detail) {
  if (live_) {
    std::printf("\r\x1b[K%s", progress_bar(fraction, label, detail, width_ > 1 ? width_ - 1 : 79).c_str());
    std::fflush(stdout);
    shown_ = true;
    return;
  }
  auto text = progress_text(fraction, label, detail);
  auto now = now_ms();
  if (text == last_text_ || (label == last_label_ && now - last_ms_ < plain_interval_ms))
    return;
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  last_text_ = text;
  last_label_ = label;
  last_ms_ = now;
}

void live_line::print(std::string_view line) {
  clear();
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

void live_line::clear() {
  if (!shown_)
    return;
  std::fputs("\r\x1b[K", stdout);
  std::fflush(stdout);
  shown_ = false;
}

} // namespace troupe::cli
