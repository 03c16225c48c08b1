#include "nodes/troupe/terminal.hpp"

#include "nodes/troupe/format.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
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

size_t terminal_height() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    return 0;
  return size.ws_row == 0 ? 24 : size.ws_row;
}

bool use_color() {
  auto* off = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && (off == nullptr || *off == '\0');
}

bool use_live_lines() {
  auto* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (term == nullptr || std::string_view{term} != "dumb");
}

// -- full_screen ------------------------------------------------------------------------------------------------------

/// What the terminal was like before, and what ends the program.
struct full_screen::keyboard {
  static inline volatile std::sig_atomic_t ended = 0;

  keyboard() {
    ended = 0;
    known = tcgetattr(STDIN_FILENO, &before) == 0;
    if (known) {
      auto silent = before;
      silent.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    }
    struct sigaction note {};
    note.sa_handler = [](int) { ended = 1; };
    sigaction(SIGINT, &note, &interrupt);
    sigaction(SIGTERM, &note, &terminate);
  }
  ~keyboard() {
    sigaction(SIGINT, &interrupt, nullptr);
    sigaction(SIGTERM, &terminate, nullptr);
    if (known)
      tcsetattr(STDIN_FILENO, TCSANOW, &before);
  }

  bool known = false;
  /// Standard input is at its end: there are no keys.
  bool deaf = false;
  termios before{};
  struct sigaction interrupt {};
  struct sigaction terminate {};
};

full_screen::full_screen() : keyboard_(std::make_unique<keyboard>()) {
  // The other screen, without a cursor.
  std::fputs("\x1b[?1049h\x1b[?25l", stdout);
}

full_screen::~full_screen() {
  std::fputs("\x1b[?25h\x1b[?1049l", stdout);
  std::fflush(stdout);
}

void full_screen::show(const std::vector<std::string>& lines) {
  std::string out = "\x1b[H";
  for (auto& line : lines)
    out += line + "\x1b[K\n";
  out += "\x1b[J";
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
}

bool full_screen::wait_for_end(std::chrono::milliseconds wait) {
  pollfd keys{keyboard_->deaf ? -1 : STDIN_FILENO, POLLIN, 0};
  auto ready = poll(&keys, 1, static_cast<int>(wait.count()));
  if (keyboard::ended)
    return true;
  if (ready <= 0)
    return false;
  char pressed[64];
  auto n = read(STDIN_FILENO, pressed, sizeof(pressed));
  keyboard_->deaf = n <= 0;
  return n > 0 && std::string_view{pressed, static_cast<size_t>(n)}.find_first_of("qQ") != std::string_view::npos;
}

// -- live_line --------------------------------------------------------------------------------------------------------

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
