#include "nodes/troupe/watch.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

struct action_row {
  const char* name;
  const char* done;
  const char* about;
  mesh::job_action action;
};

constexpr action_row actions[]{
  {"cancel", "cancelled", "Stop it; what it made is removed", mesh::job_action::cancel},
  {"retry", "queued again", "Run a failed or cancelled job again, with all attempts", mesh::job_action::retry},
  {"promote", "promoted", "Run it next", mesh::job_action::promote},
  {"rm", "removed", "Forget a job that has ended", mesh::job_action::remove},
};

exit_code act(session& s, const std::vector<std::string>& ids, const action_row& what) {
  auto& node = s.connect();
  for (auto& text : ids) {
    auto id = parse_id<job_id>(text, "job");
    auto x = node.ask<job>(node.node().jobs, mesh::act_on_job{id, what.action});
    if (s.json())
      print_line(status_json(x, {}));
    else if (what.action == mesh::job_action::cancel && !is_terminal(x.state))
      print_line("job/" + id.str() + " cancelling");
    else
      print_line("job/" + id.str() + " " + what.done);
  }
  return exit_code::ok;
}

exit_code submit(session& s, job_spec spec, bool wait) {
  if (!is_json_object(spec.payload))
    throw failure(exit_code::usage, "--payload must be a JSON object, like '{\"videoId\":\"…\"}'");
  auto& node = s.connect();
  auto receipt = node.ask<mesh::submitted>(node.node().jobs, mesh::submit_jobs{{std::move(spec)}}).receipts.at(0);
  if (wait)
    return watch_job(s, receipt.id);
  if (s.json()) {
    object_writer out;
    out.id("jobId", receipt.id).text("status", to_string(receipt.state)).boolean("existing", receipt.existing);
    print_line(std::move(out).str());
  } else if (s.form() == output::name) {
    print_line("job/" + receipt.id.str());
  } else {
    print_line("job/" + receipt.id.str() + (receipt.existing ? " was there already" : " submitted"));
  }
  return exit_code::ok;
}

} // namespace

void add_job_actions(CLI::App& jobs, session& s) {
  for (auto& row : actions) {
    auto* sub = jobs.add_subcommand(row.name, row.about);
    auto ids = std::make_shared<std::vector<std::string>>();
    sub->add_option("JOB", *ids, "Ids of the jobs")->required();
    sub->callback([&s, ids, &row] { s.action = [&s, ids, &row] { return act(s, *ids, row); }; });
  }
  auto* sub = jobs.add_subcommand("submit", "Submit a job of any kind");
  auto spec = std::make_shared<job_spec>();
  auto wait = std::make_shared<bool>(false);
  auto priority = std::make_shared<unsigned>(0);
  sub->add_option("KIND", spec->kind, "noop, scan, ingest, transcode, download, …")->required();
  sub->add_option("--payload", spec->payload, "JSON object that the kind understands");
  sub->add_option("--queue", spec->queue, "Another queue than the kind's");
  sub->add_option("--priority", *priority, "1 (critical) to 10 (low)")->check(CLI::Range(1, 10));
  sub->add_option("--submission-id", spec->submission_id, "The same id again gives the first job back");
  sub->add_flag("--wait", *wait, "Follow it to its end");
  sub->callback([&s, spec, wait, priority] {
    s.action = [&s, spec, wait, priority] {
      spec->priority = static_cast<uint8_t>(*priority);
      return submit(s, *spec, *wait);
    };
  });
}

} // namespace troupe::cli
