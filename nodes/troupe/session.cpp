#include "nodes/troupe/session.hpp"

#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/terminal.hpp"

#include <cstdio>
#include <optional>
#include <thread>

namespace troupe::cli {

namespace {

using std::chrono::steady_clock;

/// A coordinator that restarts is back within seconds; one on another machine may have to be started by somebody.
constexpr std::chrono::minutes patience{2};
constexpr milliseconds between_tries{500};

exit_code status_of(errc code) {
  switch (code) {
  case errc::not_found:
    return exit_code::not_found;
  case errc::unavailable:
  case errc::timeout:
    return exit_code::unreachable;
  case errc::validation:
    return exit_code::usage;
  default:
    return exit_code::failed;
  }
}

} // namespace

failure::failure(const error& err) : std::runtime_error(err.message), status_(status_of(err.code)) {
}

session::session() = default;
session::~session() = default;

output session::form() const {
  if (format == "json")
    return output::json;
  if (format == "wide")
    return output::wide;
  return format == "name" ? output::name : output::table;
}

connection& session::connect() {
  if (!connection_)
    connection_ = std::make_unique<connection>(node, identity);
  return *connection_;
}

void session::disconnect() {
  connection_.reset();
}

exit_code stay_with(session& s, const std::function<exit_code(const std::function<void()>& seen)>& look) {
  // Who was never there is not waited for.
  s.connect();
  std::optional<steady_clock::time_point> away;
  for (;;) {
    try {
      return look([&] { away.reset(); });
    } catch (const failure& x) {
      const auto now = steady_clock::now();
      if (x.status() != exit_code::unreachable || (away && now - *away > patience))
        throw;
      if (!away)
        std::fprintf(stderr, "%s. Waiting for it; Ctrl-C ends this\n", x.what());
      away = away.value_or(now);
    }
    s.disconnect();
    std::this_thread::sleep_for(between_tries);
  }
}

void print_line(std::string_view text) {
  std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
}

void print_table(const session& s, const table& t, std::string_view nothing) {
  if (t.empty())
    std::fprintf(stderr, "%.*s\n", static_cast<int>(nothing.size()), nothing.data());
  else
    std::fputs(t.render(s.wide() ? 0 : terminal_width()).c_str(), stdout);
}

} // namespace troupe::cli
