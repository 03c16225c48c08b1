#include "nodes/config/load.hpp"
#include "nodes/troupe/session.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace troupe::cli {

namespace {

config::settings load_or_fail(const config::sources& given) {
  auto from = given;
  from.environment = config::process_environment();
  auto x = config::load(from);
  if (!x)
    throw failure(exit_code::failed, "the configuration has " + std::to_string(x.error().fields.size())
                                       + (x.error().fields.size() == 1 ? " problem:\n" : " problems:\n")
                                       + x.error().message);
  return *std::move(x);
}

} // namespace

void add_config_commands(CLI::App& app, session& s) {
  auto* cfg = app.add_subcommand("config", "Check and show configurations; needs no running trouped");
  cfg->require_subcommand(1);
  cfg->footer("Examples:\n  troupe config check --config trouped.toml\n"
              "  TROUPE__GATEWAY__PORT=8080 troupe config show\n  troupe config reference > trouped.toml");
  auto from = std::make_shared<config::sources>();
  auto sub = [&](const char* name, const char* about) {
    auto* x = cfg->add_subcommand(name, about);
    x->add_option("--config", from->file, "TOML file");
    x->add_option("--set", from->overrides, "section.key=value; several times");
    return x;
  };
  sub("check", "Say what is wrong: file, line, what is allowed")->callback([&s, from] {
    s.action = [from] {
      load_or_fail(*from);
      print_line("the configuration is good");
      return exit_code::ok;
    };
  });
  sub("show", "What holds: file, environment and --set together; secrets masked")->callback([&s, from] {
    s.action = [from] {
      std::fputs(config::show(load_or_fail(*from)).c_str(), stdout);
      return exit_code::ok;
    };
  });
  cfg->add_subcommand("reference", "Every key with its meaning and default, as a TOML file")->callback([&s] {
    s.action = [] {
      std::fputs(config::reference().c_str(), stdout);
      return exit_code::ok;
    };
  });
}

} // namespace troupe::cli
