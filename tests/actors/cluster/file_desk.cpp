#define CAF_SUITE cluster.file_desk

#include "actors/cluster/file_desk.hpp"

#include "actors/media/payloads.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/no_files.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace troupe::cluster;

namespace {

const library_id films{{4, 4}};
const lease_token token{3, job_id{{7, 9}}, 2};
const worker_id me{{1, 1}};
const file_version seen_here{6, 100, 1};
const file_version known{6, 100, 77};

/// Roots that are there, with something in them.
class folders final : public no_files {
public:
  std::set<std::string> there;
  result<ports::folder_facts> look_at_folder(const std::string& path) override {
    if (there.contains(path))
      return ports::folder_facts{};
    return {errc::not_found, "can't read the folder " + path};
  }
};

/// Runs at once, or keeps what it is given as a mount does that hangs, or refuses it.
class disks final : public ports::root_threads {
public:
  enum class state { well, hangs, refuses };
  state is = state::well;
  std::vector<std::function<void()>> kept;
  std::vector<std::string> roots;

  result<void> begin(const std::string& root, std::function<void()> task) override {
    roots.push_back(root);
    if (is == state::refuses)
      return {errc::unavailable, "its disk has not answered for 10 s"};
    if (is == state::hangs)
      kept.push_back(std::move(task));
    else
      task();
    return {};
  }
  result<void> go_on(const std::string& root, std::function<void()> task) override {
    return begin(root, std::move(task));
  }
};

/// Everybody whom the desk asks, and what they say.
struct world {
  std::string worker_name = "ben";
  std::map<std::string, file_version> catalogue{{"a/film.mkv", known}};
  video_state state = video_state::ready;
  std::vector<node_details> nodes;
  /// The film of the job.
  library_id library = films;
  std::string path = "a/film.mkv";
};

mesh::job_client::behavior_type jobs(mesh::job_client::pointer, std::shared_ptr<world> w) {
  return {
    [](const mesh::submit_jobs&) { return mesh::submitted{}; },
    [](const mesh::act_on_job&) { return job{}; },
    [w](const mesh::get_job&) {
      mesh::job_with_children out;
      auto& row = out.item;
      row.id = token.job;
      row.state = job_state::running;
      row.attempt = token.attempt;
      row.lease_term = token.term;
      row.lease_worker = me;
      row.worker_name = w->worker_name;
      row.spec.kind = "ingest";
      work::ingest_payload asked;
      asked.path = "/there/" + w->path;
      asked.library = w->library;
      asked.relative_path = w->path;
      row.spec.payload = work::encode(asked);
      return out;
    },
    [](const mesh::explain_job&) { return mesh::job_explanation{}; },
  };
}

/// Only what the desk asks of the librarian, the catalogue and the dispatcher.
caf::behavior others(caf::event_based_actor*, std::shared_ptr<world> w) {
  return {
    [](const mesh::get_libraries&) {
      library x;
      x.id = films;
      x.root = "/srv/films";
      library up;
      up.id = uploads_library;
      up.root = "/data/uploads";
      return mesh::library_list{{x, up}};
    },
    [w](const mesh::get_known_files& x) {
      mesh::known_file_list out;
      for (auto& [path, version] : w->catalogue)
        if (path > x.after && out.files.size() < x.limit)
          out.files.push_back({{}, path, version, w->state});
      return out;
    },
    [w](const mesh::get_nodes&) { return mesh::node_list{w->nodes}; },
  };
}

node_details host(const std::string& name, node_state state = node_state::active) {
  node_details out;
  out.rules.name = name;
  out.rules.state = state;
  out.workers = {me};
  out.capabilities = {library_capability(films)};
  out.file_address = name + ".lan:3003";
  return out;
}

struct fixture : actor_fixture {
  std::shared_ptr<world> w = std::make_shared<world>();
  std::shared_ptr<folders> disk = std::make_shared<folders>();
  std::shared_ptr<disks> threads = std::make_shared<disks>();
  /// What the coordinator sees, or what it says instead.
  result<file_version> here{errc::not_found, "can't open /srv/films/a/film.mkv"};
  std::shared_ptr<const identity::ticket_issuer> issuer =
    std::make_shared<const identity::ticket_issuer>(*identity::ticket_issuer::create());
  /// The worker is the one of this process.
  bool asks_from_here = false;
  file_desk_config config;
  std::vector<caf::actor> alive;
  mesh::file_desk desk;

  fixture() {
    auto& c = config;
    c.issuer = issuer;
    c.files = disk;
    c.disks = threads;
    c.look = [this](const std::string& root, const std::string&) {
      CAF_CHECK(root == "/srv/films" || root == "/data/uploads" || root == "/data");
      return here;
    };
    c.time = std::shared_ptr<const troupe::clock>(&clk, [](auto*) {});
    c.data_folder = "/data";
    c.port = std::make_shared<const std::atomic<uint16_t>>(uint16_t{3000});
    c.node_name = "anna";
    c.certificates = true;
    c.is_own_worker = [this](worker_id x) { return asks_from_here && x == me; };
    spawn();
  }
  void spawn() {
    auto both = sys.spawn(others, w);
    auto client = sys.spawn(jobs, w);
    file_desk_peers peers{client, caf::actor_cast<mesh::librarian>(both), caf::actor_cast<mesh::catalogue_reader>(both),
                          caf::actor_cast<mesh::node_admin>(both)};
    desk = sys.spawn(file_desk_actor, config, peers);
    for (auto& x :
         {caf::actor_cast<caf::actor>(both), caf::actor_cast<caf::actor>(client), caf::actor_cast<caf::actor>(desk)})
      alive.push_back(x);
    run();
  }
  ~fixture() {
    for (auto& x : alive)
      self->send_exit(x, caf::exit_reason::kill);
    run();
  }

  template <class Message>
  result<mesh::file_grant> ask(Message what) {
    result<mesh::file_grant> out{errc::internal, "no answer"};
    auto answer = self->request(desk, caf::infinite, std::move(what));
    run();
    answer.receive([&](mesh::file_grant& x) { out = std::move(x); }, [&](caf::error& e) { out = mesh::from_caf(e); });
    return out;
  }
  result<mesh::file_grant> get(const std::string& path = "a/film.mkv", library_id library = films) {
    w->library = library;
    w->path = path;
    return ask(mesh::get_file{token, me, library, path});
  }
  file_ticket ticket_of(const mesh::file_grant& x) {
    return *identity::check_ticket(x.ticket, issuer->public_key(), clk.wall());
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(file_desk_tests, fixture)

CAF_TEST(a gateway gets from the coordinator what that sees) {
  here = seen_here;
  w->nodes = {host("carl")};
  auto got = ask(mesh::read_file{"gina", films, "a/film.mkv"});
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(got->host, "");
  CAF_CHECK_EQUAL(got->port, 3000);
  CAF_CHECK_EQUAL(got->node, "anna");
  CAF_CHECK(got->version == seen_here);
  CAF_CHECK_EQUAL(ticket_of(*got).content, seen_here.str());
}

CAF_TEST(who asks is told where the coordinator serves when that is elsewhere) {
  config.host = "10.1.0.1";
  spawn();
  here = seen_here;
  for (auto& got : {ask(mesh::read_file{"gina", films, "a/film.mkv"}), get(),
                    ask(mesh::put_file{token, me, "renditions/" + token.job.str() + "-2.mp4", false})}) {
    CAF_REQUIRE(got.has_value());
    CAF_CHECK_EQUAL(got->host, "10.1.0.1");
    CAF_CHECK_EQUAL(got->port, 3000);
    CAF_CHECK_EQUAL(got->node, "anna");
  }
  // Of the data folder without an attempt: what shows that it is in reach.
  CAF_CHECK(ask(mesh::read_file{"ben", {}, "node.id"}).has_value());
  CAF_CHECK(ask(mesh::read_file{"ben", {}, "troupe.db"}).error().code == errc::forbidden);
}

CAF_TEST(what the coordinator does not see is at who serves it) {
  w->nodes = {host("ben"), host("carl"), host("dora", node_state::draining), host("erik")};
  std::vector<std::string> asked;
  for (int i = 0; i < 4; ++i) {
    auto got = get();
    CAF_REQUIRE(got.has_value());
    asked.push_back(got->node);
    CAF_CHECK_EQUAL(got->host, got->node + ".lan");
    CAF_CHECK_EQUAL(got->port, 3003);
    // The version that the file must have is the one that the catalogue knows.
    CAF_CHECK(got->version == known);
    auto ticket = ticket_of(*got);
    CAF_CHECK_EQUAL(ticket.content, known.str());
    CAF_CHECK_EQUAL(ticket.node, "ben");
    CAF_CHECK(ticket.token == token);
  }
  // Not who asks; drained ones last; who asks again gets another one.
  CAF_CHECK(asked == (std::vector<std::string>{"carl", "erik", "dora", "carl"}));
  auto client = ask(mesh::read_file{"gina", films, "a/film.mkv"});
  CAF_REQUIRE(client.has_value());
  CAF_CHECK_EQUAL(ticket_of(*client).node, "gina");
  CAF_CHECK(client->version == known);
}

CAF_TEST(nobody serves it) {
  auto none = get();
  CAF_REQUIRE(!none);
  // It may be back in a minute.
  CAF_CHECK_EQUAL(none.error().code, errc::unavailable);
  CAF_CHECK(none.error().message.find("mount /srv/films there, or set files.serve = true") != std::string::npos);
  // Where the library is, the file is gone.
  disk->there = {"/srv/films"};
  none = get();
  CAF_REQUIRE(!none);
  CAF_CHECK_EQUAL(none.error().code, errc::not_found);
  CAF_CHECK_EQUAL(none.error().message, "can't open /srv/films/a/film.mkv");
  w->nodes = {host("ben")};
  CAF_CHECK(!get());
}

CAF_TEST(what the catalogue does not know is nowhere) {
  w->nodes = {host("carl")};
  CAF_CHECK(get().has_value());
  CAF_CHECK(!get("a/film.mk"));
  CAF_CHECK(!get("a/film.mkvx"));
  CAF_CHECK(!get("a"));
  w->state = video_state::missing;
  CAF_CHECK(!get());
}

CAF_TEST(files of the data folder are of the coordinator alone) {
  w->nodes = {host("carl")};
  w->nodes.front().capabilities.push_back(library_capability(uploads_library));
  w->catalogue["x/upload.mp4"] = known;
  CAF_CHECK_EQUAL(get("x/upload.mp4", uploads_library).error().code, errc::not_found);
  CAF_CHECK_EQUAL(get("uploads/x/upload.mp4", {}).error().code, errc::forbidden);
  CAF_CHECK_EQUAL(get("troupe.db", {}).error().code, errc::forbidden);
}

CAF_TEST(what is never served is asked of nobody) {
  w->nodes = {host("carl")};
  here = error{errc::unprocessable, "it leads out of /srv/films by a symbolic link"};
  CAF_CHECK_EQUAL(get().error().code, errc::unprocessable);
}

CAF_TEST(a worker in this process could not read it here) {
  here = seen_here;
  CAF_CHECK_EQUAL(get()->node, "anna");
  asks_from_here = true;
  w->nodes = {host("carl")};
  auto got = get();
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(got->node, "carl");
}

CAF_TEST(a library that hangs here is at who serves it and stops nobody else) {
  here = seen_here;
  w->nodes = {host("carl")};
  threads->is = disks::state::hangs;
  auto hung = self->request(desk, caf::infinite, mesh::read_file{"gina", films, "a/film.mkv"});
  run();
  CAF_CHECK_EQUAL(threads->kept.size(), 1u);
  // Meanwhile the desk does all else.
  threads->is = disks::state::well;
  auto upload = ask(mesh::read_file{"gina", uploads_library, "x/upload.mp4"});
  CAF_REQUIRE(upload.has_value());
  CAF_CHECK_EQUAL(upload->node, "anna");
  CAF_CHECK(threads->roots == (std::vector<std::string>{root_name(films), root_name(uploads_library)}));
  pass(milliseconds{4'100});
  result<mesh::file_grant> got{errc::internal, "no answer"};
  hung.receive([&](mesh::file_grant& x) { got = std::move(x); }, [&](caf::error& e) { got = mesh::from_caf(e); });
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(got->node, "carl");
  CAF_CHECK(got->version == known);
  // Back at last, and nobody waits for it.
  threads->kept.front()();
  run();
  CAF_CHECK_EQUAL(get()->node, "anna");
}

CAF_TEST(a library that is known to hang is not waited for) {
  here = seen_here;
  threads->is = disks::state::refuses;
  auto none = get();
  CAF_REQUIRE(!none);
  CAF_CHECK_EQUAL(none.error().code, errc::unavailable);
  CAF_CHECK(none.error().message.find("/srv/films can't be read on node anna at present: its disk has not answered for "
                                      "10 s; node anna can't read it and no other node serves it")
            == 0);
  w->nodes = {host("carl")};
  CAF_CHECK_EQUAL(get()->node, "carl");
  // What only the coordinator has is not to be had.
  CAF_CHECK_EQUAL(get("x/upload.mp4", uploads_library).error().code, errc::unavailable);
}

CAF_TEST_FIXTURE_SCOPE_END()
