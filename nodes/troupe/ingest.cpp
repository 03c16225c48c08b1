#include "nodes/troupe/ingest.hpp"

#include "nodes/troupe/event_view.hpp"
#include "nodes/troupe/terminal.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <algorithm>
#include <filesystem>

namespace troupe::cli {

namespace {

using steady = std::chrono::steady_clock;

/// Events drive the look at the scan, at most this often; and one look after a long silence, in case the notifier was
/// restarted.
constexpr milliseconds pace{200};
constexpr milliseconds silence{5'000};

struct summary {
  uint64_t found = 0;
  uint64_t probed = 0;
  uint64_t thumbnails = 0;
  std::vector<video> failed;
  /// Failures that are not the file's fault.
  uint64_t ours = 0;
  double seconds = 0;
};

int64_t counter(const scan& x, const char* name) {
  auto i = x.counters.find(name);
  return i == x.counters.end() ? 0 : i->second;
}

bool ended(const scan& x) {
  return x.status == scan_status::completed || x.status == scan_status::failed || x.status == scan_status::cancelled;
}

void show(live_line& line, const scan& x) {
  auto queued = counter(x, "assetsQueued");
  auto done = counter(x, "assetsCached") + counter(x, "assetsFailed");
  auto fraction = ended(x) ? 1.0 : queued > 0 ? static_cast<double>(done) / static_cast<double>(queued) : 0.0;
  line.show(fraction, to_string(x.status),
            std::to_string(counter(x, "itemsFound")) + " found, " + std::to_string(done) + " of "
              + std::to_string(queued) + " ingested");
}

/// Calls f with each video of the library in that state.
template <class F>
void each_video(session& s, library_id home, video_state state, F f) {
  auto& node = s.connect();
  video_query query;
  query.library = home;
  query.state = to_string(state);
  query.sort = "title";
  query.limit = 100;
  for (uint64_t seen = 0;; ++query.page) {
    auto page = node.ask<video_page>(node.node().catalogue, query);
    for (auto& x : page.videos)
      f(std::move(x));
    seen += page.videos.size();
    if (page.videos.empty() || seen >= page.total)
      return;
  }
}

bool is_damaged(const video& x) {
  return x.problem.code == errc::bad_media || x.problem.code == errc::unsupported_media;
}

summary collect(session& s, library_id home) {
  summary out;
  each_video(s, home, video_state::ready, [&](video x) {
    ++out.probed;
    out.thumbnails += x.thumbnails.empty() ? 0 : 1;
  });
  each_video(s, home, video_state::failed, [&](video x) {
    out.ours += is_damaged(x) ? 0 : 1;
    out.failed.push_back(std::move(x));
  });
  each_video(s, home, video_state::pending, [&](video x) {
    x.problem = {errc::unavailable, "not done when the scan ended; 'troupe jobs ls --kind ingest' says more"};
    ++out.ours;
    out.failed.push_back(std::move(x));
  });
  out.found = out.probed + out.failed.size();
  return out;
}

void print_summary(session& s, const library& home, const scan& x, const summary& sum) {
  if (s.json()) {
    object_writer out;
    out.raw("library", outward_json(home)).raw("scan", outward_json(x)).number("found", sum.found);
    out.number("probed", sum.probed).number("thumbnails", sum.thumbnails);
    out.raw("failed", json_array(sum.failed, [](const video& v) {
              object_writer one;
              one.text("path", v.path).text("code", to_string(v.problem.code)).text("reason", v.problem.message);
              return std::move(one).str();
            }));
    print_line(std::move(out.number("seconds", sum.seconds)).str());
    return;
  }
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%.1f", sum.seconds);
  table totals{{"LIBRARY", "FOUND", "PROBED", "THUMBNAILS", "FAILED", "SECONDS"}};
  totals.row({home.name, std::to_string(sum.found), std::to_string(sum.probed), std::to_string(sum.thumbnails),
              std::to_string(sum.failed.size()), seconds});
  print_table(s, totals, {});
  if (!sum.failed.empty()) {
    table reasons{{"FAILED", "REASON"}};
    for (auto& v : sum.failed)
      reasons.row({v.path, v.problem.message});
    print_line("");
    print_table(s, reasons, {});
  }
  for (auto& problem : x.problems)
    print_line("note: " + printable(problem));
}

} // namespace

library add_library(session& s, library what) {
  std::error_code ec;
  std::filesystem::path path = what.root;
  if (auto here = std::filesystem::canonical(path, ec); !ec && std::filesystem::is_directory(here, ec))
    path = here;
  else if (!path.is_absolute() || std::filesystem::exists(path, ec))
    throw failure(exit_code::usage, "'" + printable(what.root) + "' is not a folder that can be read");
  // What this machine does not have at all may be on the coordinator's, or on a worker's.
  what.root = path.string();
  if (what.name.empty())
    what.name = path.filename().empty() ? path.string() : path.filename().string();
  auto& node = s.connect();
  return node.ask<library>(node.node().librarian, mesh::add_library{std::move(what)});
}

library ensure_library(session& s, library what) {
  std::error_code ec;
  auto path = std::filesystem::canonical(what.root, ec).string();
  auto& node = s.connect();
  for (auto& x : node.ask<mesh::library_list>(node.node().librarian, mesh::get_libraries{}).libraries)
    if (!ec && x.root == path)
      return x;
  return add_library(s, std::move(what));
}

exit_code scan_and_follow(session& s, const library& home) {
  auto& node = s.connect();
  auto start = steady::now();
  // First follow, then start: nothing falls between.
  auto events = node.follow({"jobs", "library:" + home.category});
  auto x = node.ask<scan>(node.node().librarian, mesh::scan_library{home.id, {}, {}});
  live_line line;
  auto looked = steady::now();
  while (!ended(x)) {
    if (!s.json())
      show(line, x);
    auto batch = events->pop(silence);
    auto since = std::chrono::duration_cast<milliseconds>(steady::now() - looked);
    if (!batch.empty() && since < pace) {
      // More is on its way: gather it rather than ask for each.
      for (auto left = pace - since; left.count() > 0;
           left = pace - std::chrono::duration_cast<milliseconds>(steady::now() - looked))
        events->pop(left);
    }
    x = node.ask<scan>(node.node().librarian, mesh::get_scan{x.id});
    looked = steady::now();
  }
  if (!s.json())
    show(line, x);
  line.clear();
  auto sum = collect(s, home.id);
  sum.seconds = std::chrono::duration<double>(steady::now() - start).count();
  print_summary(s, home, x, sum);
  if (x.status == scan_status::cancelled)
    return exit_code::job_cancelled;
  return x.status == scan_status::failed ? exit_code::job_failed : sum.ours > 0 ? exit_code::failed : exit_code::ok;
}

} // namespace troupe::cli
