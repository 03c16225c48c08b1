// What a node that is one of several needs of others: papers, its coordinator, its mounts.

#include "nodes/troupe/doctor_checks.hpp"

#include "actors/cluster/mount_table.hpp"
#include "nodes/link/reachable.hpp"
#include "nodes/link/tls_check.hpp"
#include "protocol/model/time.hpp"

#include <filesystem>
#include <future>
#include <thread>

namespace troupe::cli {

namespace {

constexpr std::chrono::seconds patience{5};

timestamp now() {
  return system_clocks{}.wall();
}

/// With what it read, where that is good.
finding check_papers(const config::settings& x, std::optional<identity::node_papers>& papers) {
  auto read = identity::load_papers(x.mesh.identity, now());
  if (!read)
    return {"certificate", verdict::fail, "mesh.identity: " + read.error().message};
  papers = std::move(*read);
  auto& facts = papers->facts;
  for (auto& role : x.node.roles)
    if (!facts.has_role(role))
      return {"certificate", verdict::fail,
              "node.roles has " + role + ", which the certificate in " + papers->folder + " does not grant"};
  if (auto due = identity::renewal_due(facts, now()); !due.empty())
    return {"certificate", verdict::warn, std::move(due)};
  return {"certificate", verdict::ok, facts.name + ", until " + to_iso8601(facts.not_after).substr(0, 10)};
}

finding check_coordinator(const config::host_port& at, const std::optional<identity::node_papers>& papers) {
  const auto place = at.host + ":" + std::to_string(at.port);
  if (!papers) {
    auto there = node::reachable(at.host, at.port, patience);
    return there ? finding{"coordinator", verdict::ok, place + " takes connections"}
                 : finding{"coordinator", verdict::fail, there.error().message};
  }
  auto found = node::check_tls(at.host, at.port, *papers, now(), patience);
  auto& last = found.back();
  return {"coordinator", last.good ? verdict::ok : verdict::fail, place + ": " + last.what + ": " + last.said};
}

/// The first look at a folder whose server is away may never end, so it is not waited for.
finding check_mount(const cluster::mount_entry& x) {
  std::promise<std::string> looked;
  auto said = looked.get_future();
  std::thread{[here = x.here, looked = std::move(looked)]() mutable {
    std::error_code failed;
    if (!std::filesystem::is_directory(here, failed))
      looked.set_value(here + ": is no folder here; mount it, or correct worker.mounts");
    else if (std::filesystem::is_empty(here, failed) || failed)
      looked.set_value(here
                       + (failed ? ": can't be read: " + failed.message() : std::string{": is empty; is it mounted?"}));
    else
      looked.set_value({});
  }}.detach();
  if (said.wait_for(patience) != std::future_status::ready)
    return {"mount", verdict::fail, x.here + ": does not answer; is the server that it is mounted from away?"};
  auto problem = said.get();
  return problem.empty() ? finding{"mount", verdict::ok, x.str()} : finding{"mount", verdict::fail, std::move(problem)};
}

} // namespace

std::vector<finding> check_surroundings(const config::settings& x) {
  std::vector<finding> out;
  std::optional<identity::node_papers> papers;
  if (!x.mesh.identity.empty()) {
    out.push_back(check_papers(x, papers));
    // Without them no coordinator would let it in.
    if (!papers)
      return out;
  }
  for (auto& at : config::parse_host_ports(x.mesh.coordinator).value_or(std::vector<config::host_port>{}))
    out.push_back(check_coordinator(at, papers));
  if (auto mounts = cluster::mount_table::parse(x.worker.mounts); mounts && x.has_role("worker"))
    for (auto& each : mounts->entries())
      out.push_back(check_mount(each));
  return out;
}

} // namespace troupe::cli
