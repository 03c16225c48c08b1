#include "nodes/logging/logging.hpp"

#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace troupe::logging {

namespace {

class json_formatter final : public spdlog::formatter {
public:
  explicit json_formatter(std::string node) : node_(std::move(node)) {
  }
  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& out) override {
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(msg.time.time_since_epoch()).count();
    auto level = spdlog::level::to_string_view(msg.level);
    auto line =
      json_line(ms, {level.data(), level.size()}, node_, msg.thread_id, {msg.payload.data(), msg.payload.size()});
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<formatter> clone() const override {
    return std::make_unique<json_formatter>(node_);
  }

private:
  std::string node_;
};

std::shared_ptr<spdlog::sinks::sink> console(const options& what) {
  bool terminal = isatty(STDERR_FILENO) == 1;
  if (what.format == "json" || (what.format == "auto" && !terminal)) {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_formatter(std::make_unique<json_formatter>(what.node));
    return sink;
  }
  auto mode = terminal && !std::getenv("NO_COLOR") ? spdlog::color_mode::automatic : spdlog::color_mode::never;
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(mode);
  sink->set_pattern("%H:%M:%S.%e %^%-5l%$ %v");
  return sink;
}

spdlog::level::level_enum level_of(const std::string& name) {
  return spdlog::level::from_str(name);
}

} // namespace

result<void> set_up(const options& what) {
  try {
    std::vector<spdlog::sink_ptr> sinks{console(what)};
    if (!what.file.empty()) {
      std::filesystem::create_directories(std::filesystem::path{what.file}.parent_path());
      auto kept = what.files > 0 ? what.files - 1 : 0;
      auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(what.file, what.max_size, kept);
      sink->set_formatter(std::make_unique<json_formatter>(what.node));
      sinks.push_back(std::move(sink));
    }
    auto logger = std::make_shared<spdlog::logger>("troupe", sinks.begin(), sinks.end());
    logger->set_level(level_of(what.level));
    logger->flush_on(spdlog::level::warn);
    // A sink that fails (disk full) says so once, not for each message that it loses.
    logger->set_error_handler([said = std::make_shared<std::atomic_flag>()](const std::string& problem) {
      if (!said->test_and_set())
        std::fprintf(stderr, "log lines are being lost: %s\n", problem.c_str());
    });
    spdlog::set_default_logger(std::move(logger));
    spdlog::flush_every(std::chrono::seconds{1});
    return {};
  } catch (const std::exception& ex) {
    return {errc::io, "the log file " + what.file + " can't be opened: " + ex.what()};
  }
}

void flush() noexcept {
  try {
    spdlog::default_logger()->flush();
  } catch (...) {
    // Nothing is left to tell it to.
    return;
  }
}

} // namespace troupe::logging
