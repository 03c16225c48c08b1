// troupe: the admin's command. Reads its arguments, runs one command, exits.

#include "nodes/config/problems.hpp"
#include "nodes/troupe/session.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr const char* footer = R"(Start here:
  ./run ~/Videos                         start trouped and bring a folder in
  troupe status                          what runs and how it is
  troupe library ingest ~/Videos         the same folder again: only what is new
  troupe transcode "my film" --wait      make a rendition, with progress
  troupe jobs watch JOB                  follow any job live
  troupe top                             nodes, queues and what runs, live
  troupe doctor                          when something does not work

Environment: TROUPE_NODE (as --node), TROUPE_IDENTITY (as --identity), NO_COLOR.
Exit status: 0 done, 1 failed, 2 wrong usage, 3 no trouped answers, 4 the job failed, 5 the job was cancelled,
6 no such thing.)";

/// A word in the place of a command that is none, with what may have been meant; empty: there is no such word.
std::string unknown_command(const CLI::App& app, const CLI::App& at) {
  const auto words = app.remaining(true);
  // Behind an option that is none, a word may be its value.
  auto word = words.begin();
  if (word == words.end() || word->starts_with('-'))
    return {};
  auto out = "there is no command '" + *word + "'";
  size_t best = std::max<size_t>(2, word->size() / 4) + 1;
  std::string nearest;
  for (auto* known : at.get_subcommands([](const CLI::App*) { return true; }))
    if (auto d = troupe::config::edit_distance(*word, known->get_name()); d < best) {
      best = d;
      nearest = known->get_name();
    }
  return nearest.empty() ? out : out + "; did you mean '" + nearest + "'?";
}

/// CLI11's own messages, with the next step.
int usage(const CLI::App& app, const CLI::ParseError& err) {
  if (err.get_exit_code() == 0)
    return app.exit(err);
  // The innermost command that was understood.
  auto command = app.get_name();
  const auto* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  auto why = at->get_require_subcommand_min() > 0 ? unknown_command(app, *at) : std::string{};
  std::fprintf(stderr, "error: %s\n'%s --help' explains it\n", why.empty() ? err.what() : why.c_str(), command.c_str());
  return static_cast<int>(troupe::cli::exit_code::usage);
}

int run(int argc, char** argv) {
  using namespace troupe::cli;
  // Never destroyed: the process ends at once (main), and CAF would wait for actors that follow events.
  auto& s = *new session;
  if (auto* node = std::getenv("TROUPE_NODE"); node != nullptr && *node != '\0')
    s.node = node;
  if (auto* identity = std::getenv("TROUPE_IDENTITY"); identity != nullptr)
    s.identity = identity;
  CLI::App app{"troupe: looks into and steers a running trouped", "troupe"};
  app.footer(footer);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string{TROUPE_VERSION});
  app.add_option("--node", s.node, "HOST:PORT of the coordinator's mesh port")->capture_default_str();
  app.add_option("--identity", s.identity,
                 "Folder with a certificate that 'troupe cert issue NAME --role admin' made, "
                 "for a mesh with certificates");
  app.add_option("-o,--output", s.format, "table, wide, json or name")
    ->check(CLI::IsMember({"table", "wide", "json", "name"}))
    ->capture_default_str();
  add_node_commands(app, s);
  add_nodes_commands(app, s);
  add_top_command(app, s);
  add_library_commands(app, s);
  add_video_commands(app, s);
  add_profile_commands(app, s);
  add_job_commands(app, s);
  add_queue_commands(app, s);
  add_event_commands(app, s);
  add_config_commands(app, s);
  add_cert_commands(app, s);
  add_doctor_command(app, s);
  for (auto* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    sub->fallthrough();
    for (auto* leaf : sub->get_subcommands([](CLI::App*) { return true; }))
      leaf->fallthrough();
  }
  try {
    app.parse(argc, argv);
    return static_cast<int>(s.action());
  } catch (const CLI::ParseError& err) {
    return usage(app, err);
  } catch (const failure& err) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", err.what());
    return static_cast<int>(err.status());
  }
}

} // namespace

int main(int argc, char** argv) {
  try {
    auto status = run(argc, argv);
    std::fflush(nullptr);
    std::_Exit(status);
  } catch (const std::exception& err) {
    std::fprintf(stderr, "error: %s\n", err.what());
    return static_cast<int>(troupe::cli::exit_code::failed);
  }
}
