#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/event_view.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

void add_event_commands(CLI::App& app, session& s) {
  auto* events = app.add_subcommand("events", "Live events as they happen, until Ctrl-C");
  events->footer("Examples:\n  troupe events\n  troupe events --topic jobs --topic library:movies -o json | jq .type");
  auto topics = std::make_shared<std::vector<std::string>>();
  events->add_option("--topic", *topics, "job:ID, jobs, library:CATEGORY, status, nodes, notifications; several times");
  events->callback([&s, topics] {
    s.action = [&s, topics] {
      if (topics->empty())
        *topics = {"jobs", "status", "nodes", "notifications"};
      return stay_with(s, [&](auto& seen) -> exit_code {
        auto queue = s.connect().follow(*topics);
        seen();
        std::fputs("following; Ctrl-C ends it\n", stderr);
        for (;;)
          for (auto& e : queue->pop(std::chrono::hours{1})) {
            print_line(s.json() ? to_json(e) : event_line(e));
            std::fflush(stdout);
          }
      });
    };
  });
}

} // namespace troupe::cli
