#include "nodes/troupe/connection.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

exit_code print(session& s, const std::vector<queue_stats>& queues) {
  if (s.json()) {
    print_line("{\"queues\":" + json_array(queues, [](const queue_stats& x) { return outward_json(x); }) + "}");
    return exit_code::ok;
  }
  table t{{"NAME", "STATE", "WAITING", "QUEUED", "RUNNING", "FAILED", "LIMIT", "OLDEST"}};
  for (auto& x : queues) {
    auto count = [&](std::initializer_list<const char*> states) {
      uint64_t sum = 0;
      for (auto* state : states)
        if (auto i = x.by_state.find(state); i != x.by_state.end())
          sum += i->second;
      return std::to_string(sum);
    };
    if (s.form() == output::name)
      print_line("queue/" + x.settings.name);
    else
      t.row({x.settings.name, x.settings.paused ? "paused" : "active", count({"waiting", "delayed"}), count({"queued"}),
             count({"running"}), count({"failed"}),
             x.settings.max_running == 0 ? "none" : std::to_string(x.settings.max_running),
             x.oldest_queued.count() == 0 ? "" : format_duration(x.oldest_queued)});
  }
  if (s.form() != output::name)
    print_table(s, t, "no queues");
  return exit_code::ok;
}

exit_code change(session& s, mesh::change_queue what) {
  auto& node = s.connect();
  auto name = what.name;
  auto answer = node.ask<mesh::queue_list>(node.node().queues, std::move(what));
  std::erase_if(answer.queues, [&](const queue_stats& x) { return x.settings.name != name; });
  return print(s, answer.queues);
}

} // namespace

void add_queue_commands(CLI::App& app, session& s) {
  auto* queue = app.add_subcommand("queue", "Queues: list, pause, resume, limit");
  queue->require_subcommand(1);
  queue->footer("Examples:\n  troupe queue pause video\n  troupe queue limit video --running 2\n"
                "  troupe queue limit kind:transcode --running 1");
  queue->add_subcommand("ls", "List them")->callback([&s] {
    s.action = [&s] {
      auto& node = s.connect();
      return print(s, node.ask<mesh::queue_list>(node.node().queues, mesh::get_queues{}).queues);
    };
  });
  auto what = std::make_shared<mesh::change_queue>();
  auto sub = [&](const char* name, const char* about) {
    auto* x = queue->add_subcommand(name, about);
    x->add_option("QUEUE", what->name, "video, downloads, metadata, images, default, or kind:KIND")->required();
    return x;
  };
  sub("pause", "Start no more of its jobs; running ones go on")->callback([&s, what] {
    what->paused = 1;
    s.action = [&s, what] { return change(s, *what); };
  });
  sub("resume", "Go on")->callback([&s, what] {
    what->paused = 0;
    s.action = [&s, what] { return change(s, *what); };
  });
  auto* limit = sub("limit", "Set its limits");
  limit->add_option("--running", what->max_running, "Most jobs at once over all workers; 0: no limit")
    ->check(CLI::Range(0, 1'000'000));
  limit->add_option("--depth", what->max_depth, "Most unfinished jobs")->check(CLI::Range(1, 10'000'000));
  limit->callback([&s, what] {
    if (what->max_running < 0 && what->max_depth < 0)
      throw CLI::ValidationError("give --running N, --depth N or both");
    s.action = [&s, what] { return change(s, *what); };
  });
}

} // namespace troupe::cli
