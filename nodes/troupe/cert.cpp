#include "identity/folders.hpp"
#include "nodes/config/settings.hpp"
#include "nodes/link/tls_check.hpp"
#include "nodes/troupe/session.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace troupe::cli {

namespace {

/// Less than this left is worth a word.

struct cert_options {
  std::string folder = "cluster";
  std::string cluster = "troupe";
  std::string path;
  int days = 365;
  identity::certificate_order order;

  std::chrono::hours valid() const {
    return std::chrono::hours{24} * days;
  }
};

timestamp now() {
  return system_clocks{}.wall();
}

template <class T>
T or_fail(result<T> x) {
  if (!x)
    throw failure(x.error());
  return std::move(*x);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (auto& w : words)
    out += (out.empty() ? "" : ",") + w;
  return out;
}

int64_t days_left(const identity::certificate_facts& x) {
  return std::chrono::floor<std::chrono::days>(x.not_after - now()).count();
}

std::string state_of(const identity::certificate_facts& x) {
  if (x.not_after <= now())
    return "expired";
  if (x.not_before > now())
    return "not yet valid";
  return x.not_after - now() < identity::renew_soon ? "renew soon" : "valid";
}

std::string encoded(const identity::certificate_facts& x) {
  auto quoted = [](const std::string& text) {
    std::string out;
    append_quoted(out, text);
    return out;
  };
  object_writer out;
  out.text("name", x.name).boolean("authority", x.is_authority);
  out.raw("roles", json_array(x.roles, quoted)).raw("hosts", json_array(x.hosts, quoted));
  out.time("notBefore", x.not_before).time("notAfter", x.not_after).text("state", state_of(x));
  out.text("serial", x.serial).text("fingerprint", x.fingerprint);
  return std::move(out).str();
}

exit_code print(const session& s, const std::vector<identity::certificate_facts>& all) {
  if (s.json()) {
    print_line("{\"certificates\":" + json_array(all, encoded) + "}");
    return exit_code::ok;
  }
  if (s.form() == output::name) {
    for (auto& x : all)
      print_line("certificate/" + x.name);
    return exit_code::ok;
  }
  std::vector<std::string> columns{"NAME", "ROLES", "HOSTS", "STATE", "UNTIL", "DAYS LEFT"};
  if (s.wide())
    columns.insert(columns.end(), {"SERIAL", "FINGERPRINT"});
  table t{columns};
  for (auto& x : all) {
    std::vector<std::string> row{
      x.name,      x.is_authority ? "authority" : joined(x.roles), joined(x.hosts),
      state_of(x), to_iso8601(x.not_after).substr(0, 10),          std::to_string(std::max<int64_t>(days_left(x), 0))};
    if (s.wide())
      row.insert(row.end(), {x.serial, x.fingerprint});
    t.row(std::move(row));
  }
  print_table(s, t, "no certificates");
  return exit_code::ok;
}

identity::certificate_facts read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    throw failure(exit_code::not_found, file + ": can't be read");
  auto facts = identity::read_certificate(text.str());
  if (!facts)
    throw failure(exit_code::failed, file + ": " + facts.error().message);
  return *std::move(facts);
}

exit_code init(session& s, const cert_options& o) {
  auto made = or_fail(identity::authority_folder::create(o.folder, o.cluster, now()));
  if (s.json() || s.form() == output::name)
    return print(s, or_fail(made.list()));
  print_line(o.folder + ": the authority of the cluster '" + o.cluster
             + "'. Keep ca.key here and nowhere else: who has it can add nodes.");
  print_line("Next: troupe cert issue NAME --role coordinator --role gateway --host ADDRESS, one for each machine");
  return exit_code::ok;
}

exit_code tell_papers(session& s, const std::string& place) {
  auto papers = or_fail(identity::load_papers(place, now()));
  if (s.json() || s.form() == output::name)
    return print(s, {papers.facts});
  print_line(place + ": " + papers.facts.name + " as " + joined(papers.facts.roles) + ", until "
             + to_iso8601(papers.facts.not_after).substr(0, 10));
  auto& roles = papers.facts.roles;
  const auto admin = papers.facts.has_role("admin");
  if (roles.size() > (admin ? 1u : 0u))
    print_line(
      "Copy this folder to the machine, for trouped's user alone, and name it there: mesh.identity = \"/etc/troupe/"
      + papers.facts.name + "\"; it reads the folder when it starts");
  if (admin)
    print_line("For the troupe command: copy this folder to the machine, for your user alone, and name it there: "
               "troupe --node COORDINATOR:3002 --identity FOLDER, or TROUPE_NODE and TROUPE_IDENTITY");
  if (papers.facts.has_role("coordinator") && papers.facts.hosts.empty())
    print_line("It is for no address: nodes on other machines will not accept it. Where there are some, name the "
               "address by which they reach it: --host ADDRESS");
  return exit_code::ok;
}

exit_code show(session& s, const cert_options& o) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto place = o.path.empty() ? o.folder : o.path;
  if (fs::is_regular_file(place, ignored))
    return print(s, {read(place)});
  if (fs::exists(place + "/node.pem", ignored))
    return print(s, {read(place + "/node.pem")});
  // A name from the list.
  if (auto own = o.folder + "/nodes/" + place + "/node.pem"; !o.path.empty() && fs::exists(own, ignored))
    return print(s, {read(own)});
  return print(s, or_fail(or_fail(identity::authority_folder::open(place)).list()));
}

exit_code check(session& s, const std::string& address) {
  auto where = config::parse_host_port(address.find(':') == std::string::npos ? address + ":3002" : address);
  if (!where)
    throw failure(exit_code::usage, "'" + address + "' must be HOST or HOST:PORT");
  if (s.identity.empty())
    throw failure(exit_code::usage, "name this machine's certificate with --identity FOLDER or TROUPE_IDENTITY");
  auto own = or_fail(identity::load_papers(s.identity, now()));
  auto found = node::check_tls(where->host, where->port, own, now(), std::chrono::seconds{5});
  if (s.json()) {
    print_line("{\"findings\":"
               + json_array(found,
                            [](auto& x) {
                              object_writer out;
                              out.text("what", x.what).boolean("good", x.good).text("said", x.said);
                              return std::move(out).str();
                            })
               + "}");
  } else {
    table t{{"CHECK", "RESULT", "WHAT"}};
    for (auto& x : found)
      t.row({x.what, x.good ? "ok" : "fail", x.said});
    print_table(s, t, {});
  }
  return found.back().good ? exit_code::ok : exit_code::failed;
}

} // namespace

void add_cert_commands(CLI::App& app, session& s) {
  auto* cert =
    app.add_subcommand("cert", "Certificates of a cluster's nodes: make, list, renew; needs no running trouped");
  cert->require_subcommand(1);
  cert->footer("A cluster has one authority; each machine has a folder with its certificate and key.\n\n"
               "Examples:\n  troupe cert init\n"
               "  troupe cert issue anna --role coordinator --role gateway --host 10.0.0.1\n"
               "  troupe cert issue ben --role worker\n"
               "  troupe cert issue my-laptop --role admin\n"
               "  troupe cert show");
  auto o = std::make_shared<cert_options>();
  auto sub = [&](const char* name, const char* about) {
    auto* x = cert->add_subcommand(name, about);
    x->add_option("--dir", o->folder, "Folder of the authority")->capture_default_str();
    return x;
  };
  auto days = [o](CLI::App* x) {
    x->add_option("--days", o->days, "How long it is valid, 1 to 3650")->capture_default_str();
  };
  auto* first = sub("init", "Make the authority of a new cluster");
  first->add_option("--name", o->cluster, "Name of the cluster, for people")->capture_default_str();
  first->callback([&s, o] { s.action = [&s, o] { return init(s, *o); }; });
  auto* issue = sub("issue", "Make a node's certificate and key");
  issue->add_option("NAME", o->order.name, "The node's name: its node.name, too")->required();
  issue->add_option("--role", o->order.roles, "coordinator, gateway, worker or admin; several times")->required();
  issue->add_option("--host", o->order.hosts, "Address or host name by which others reach it; several times");
  days(issue);
  issue->callback([&s, o] {
    s.action = [&s, o] {
      o->order.valid = o->valid();
      return tell_papers(s, or_fail(or_fail(identity::authority_folder::open(o->folder)).issue(o->order, now())));
    };
  });
  auto* renew = sub("renew", "Make a new certificate and key for a node that has one, with the same name");
  renew->add_option("NAME", o->order.name, "The node's name")->required();
  renew->add_option("--role", o->order.roles, "All its roles, when they change; several times");
  renew->add_option("--host", o->order.hosts, "All its addresses and host names, when they change; several times");
  days(renew);
  renew->callback([&s, o] {
    s.action = [&s, o] {
      auto folder = or_fail(identity::authority_folder::open(o->folder));
      o->order.valid = o->valid();
      return tell_papers(s, or_fail(folder.renew(o->order, now())));
    };
  });
  auto* list = sub("show", "List the certificates of an authority, or what one certificate says");
  list->add_option("PATH", o->path, "A node's name, certificate or folder, or an authority's folder; --dir by default");
  list->callback([&s, o] { s.action = [&s, o] { return show(s, *o); }; });
  auto* tls = cert->add_subcommand(
    "check", "Say what is wrong between this machine and a node's mesh port, or that of its files");
  tls->footer("It shows the certificate that --identity (or TROUPE_IDENTITY) names, on the machine that it is for.\n\n"
              "Examples:\n  troupe cert check 10.0.0.1 --identity /etc/troupe/ben\n"
              "  troupe cert check 10.0.0.1:3003 --identity /etc/troupe/ben   # its files.port");
  tls->add_option("HOST", o->path, "HOST or HOST:PORT (3002), of mesh.port or files.port")->required();
  tls->callback([&s, o] { s.action = [&s, o] { return check(s, o->path); }; });
}

} // namespace troupe::cli
