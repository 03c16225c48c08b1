// The screen of `troupe top`.

#include "nodes/troupe/event_view.hpp"
#include "nodes/troupe/node_view.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace troupe::cli {

namespace {

uint64_t count(const queue_stats& x, job_state state) {
  auto i = x.by_state.find(std::string{to_string(state)});
  return i == x.by_state.end() ? 0 : i->second;
}

std::string queues_text(const std::vector<queue_stats>& all, size_t width) {
  table t{{"QUEUE", "STATE", "WAITING", "QUEUED", "RUNNING", "OLDEST"}};
  for (auto& x : all)
    // Kinds count the same jobs again.
    if (!x.settings.name.starts_with("kind:"))
      t.row({x.settings.name, x.settings.paused ? "paused" : "active",
             std::to_string(count(x, job_state::waiting) + count(x, job_state::delayed)),
             std::to_string(count(x, job_state::queued)), std::to_string(count(x, job_state::running)),
             x.oldest_queued.count() == 0 ? "" : format_duration(x.oldest_queued)});
  return t.render(width);
}

std::string node_of(const job& x) {
  if (x.state == job_state::running)
    return x.worker_name;
  auto nodes = x.progress.counters.find("nodes");
  return nodes == x.progress.counters.end() ? "" : std::to_string(nodes->second) + " nodes";
}

std::string jobs_text(const std::vector<job>& all, timestamp now, size_t width) {
  table t{{"JOB", "KIND", "NODE", "DONE", "STAGE", "DETAIL", "SINCE"}};
  for (auto& x : all) {
    auto fraction = std::isfinite(x.progress.fraction) ? std::clamp(x.progress.fraction, 0.0, 1.0) : 0.0;
    t.row({x.id.str(), x.spec.kind, node_of(x), std::to_string(static_cast<int>(fraction * 100)) + "%",
           x.progress.stage, progress_detail(x.progress), format_age(x.started, now)});
  }
  return t.render(width);
}

class screen_text {
public:
  screen_text(size_t width, bool color) : width_(width), color_(color) {
  }
  void line(std::string_view text, const char* look = nullptr) {
    auto cut = width_ == 0 ? std::string{text} : shorten(text, width_);
    lines_.push_back(look && color_ ? look + cut + "\x1b[0m" : cut);
  }
  /// The first line is a heading; `look` says how one of the others stands out.
  void block(std::string_view text, const std::function<const char*(size_t)>& look) {
    for (size_t i = 0; !text.empty(); ++i) {
      auto end = std::min(text.find('\n'), text.size());
      line(text.substr(0, end), i == 0 ? bold : look(i - 1));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  std::vector<std::string> take(size_t height) {
    if (height != 0 && lines_.size() > height)
      lines_.resize(height);
    return std::move(lines_);
  }

  static constexpr const char* bold = "\x1b[1m";
  static constexpr const char* red = "\x1b[31m";
  static constexpr const char* yellow = "\x1b[33m";

private:
  size_t width_;
  bool color_;
  std::vector<std::string> lines_;
};

} // namespace

std::vector<std::string> top_lines(const cluster_view& x, timestamp now, size_t width, size_t height, bool color) {
  screen_text out{width, color};
  auto here = std::count_if(x.nodes.begin(), x.nodes.end(), [](auto& n) { return standing(n) != "away"; });
  out.line(to_iso8601(now) + "  " + std::to_string(here) + " of " + std::to_string(x.nodes.size()) + " nodes here, "
           + std::to_string(x.running) + " jobs running");
  out.line("");
  out.block(nodes_text(x.nodes, x.libraries, width, x.rates), [&](size_t i) -> const char* {
    auto state = i < x.nodes.size() ? standing(x.nodes[i]) : "active";
    return state == "active"                           ? nullptr
           : state == "quarantined" || state == "away" ? screen_text::red
                                                       : screen_text::yellow;
  });
  out.line("");
  auto plain = [](size_t) -> const char* { return nullptr; };
  out.block(queues_text(x.queues, width), plain);
  out.line("");
  out.block(jobs_text(x.jobs, now, width), plain);
  if (x.running > x.jobs.size())
    out.line("and " + std::to_string(x.running - x.jobs.size()) + " more");
  return out.take(height);
}

} // namespace troupe::cli
