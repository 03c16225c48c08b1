#define CAF_SUITE gateway.backend

#include "tests/support/coordinator_fixture.hpp"
#include "tests/support/no_files.hpp"

#include "actors/gateway/backend.hpp"
#include "actors/gateway/client_jobs.hpp"
#include "actors/notify/notifier.hpp"
#include "actors/supervision/addresses.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

template <class T>
struct answer {
  std::shared_ptr<std::vector<result<T>>> got = std::make_shared<std::vector<result<T>>>();

  ports::completion<T> completion() const {
    return [got = got](result<T> x) { got->push_back(std::move(x)); };
  }
  decltype(auto) value() const {
    CAF_REQUIRE_EQUAL(got->size(), 1u);
    if (!got->front())
      CAF_FAIL("unexpected error: " << got->front().error().message);
    return *got->front();
  }
  error failure() const {
    CAF_REQUIRE_EQUAL(got->size(), 1u);
    CAF_REQUIRE(!got->front());
    return got->front().error();
  }
};

mesh::librarian::behavior_type librarian_stub(mesh::librarian::pointer) {
  auto refuse = [] { return mesh::to_caf({errc::io, "/srv/secret films/a.mkv: can't be removed: permission denied"}); };
  return {
    [](const mesh::get_libraries&) { return mesh::library_list{}; },
    [](mesh::add_library& x) { return x.what; },
    [](mesh::edit_library& x) { return x.what; },
    [](const mesh::remove_library&) { return mesh::done{}; },
    [](const mesh::scan_library&) { return scan{}; },
    [](const mesh::get_scans&) { return mesh::scan_list{}; },
    [](const mesh::get_scan&) { return scan{}; },
    [=](const mesh::remove_video&) -> caf::result<mesh::done> { return refuse(); },
    [](const mesh::edit_video&) { return video_detail{}; },
    [](mesh::scan_batch&) { return mesh::done{}; },
  };
}

mesh::node_info::behavior_type node_stub(mesh::node_info::pointer) {
  return {
    [](const mesh::get_status&) { return mesh::node_status{}; },
    [](const mesh::get_profiles&) { return mesh::profile_list{}; },
    [](const mesh::get_refusals&) {
      return mesh::refusal_list{{{from_ms(5), "old", "worker", "another version", 2}}};
    },
  };
}

/// Runs at once, or refuses.
class disks final : public ports::root_threads {
public:
  errc refuses = errc::none;
  result<void> begin(const std::string&, std::function<void()> task) override {
    if (refuses != errc::none) {
      error why{refuses, "as it is"};
      why.retry_after = std::chrono::seconds{5};
      return why;
    }
    task();
    return {};
  }
  result<void> go_on(const std::string& root, std::function<void()> task) override {
    return begin(root, std::move(task));
  }
};

/// Takes questions and answers none.
mesh::supervisor::behavior_type silent(mesh::supervisor::pointer self) {
  return {[=](const mesh::get_tree&) { return self->make_response_promise<mesh::tree>(); }};
}

struct fixture : coordinator_fixture {
  std::shared_ptr<supervision::address_book> book = std::make_shared<supervision::address_book>(sys);
  std::unique_ptr<gateway::mesh_backend> backend;
  caf::actor actor;
  mesh::notifier real_notifier;
  std::vector<event> live;
  std::shared_ptr<disks> threads = std::make_shared<disks>();
  /// Files that the coordinator's file desk was asked for.
  std::shared_ptr<std::vector<std::string>> asked_for = std::make_shared<std::vector<std::string>>();

  fixture() {
    start();
    notify::notifier_config n;
    n.time = &clk;
    n.epoch = 42;
    real_notifier = keep(notify::spawn_notifier(sys, n));
    cache::cache_config c;
    c.time = &clk;
    gateway::gateway_peers peers;
    peers.jobs = caf::actor_cast<mesh::job_client>(dispatcher);
    peers.queues = caf::actor_cast<mesh::job_admin>(dispatcher);
    peers.librarian = keep(sys.spawn(librarian_stub));
    peers.catalogue = caf::actor_cast<mesh::catalogue_reader>(reader);
    peers.notifier = real_notifier;
    peers.nodes = caf::actor_cast<mesh::node_admin>(dispatcher);
    peers.node = keep(sys.spawn(node_stub));
    peers.root = keep(sys.spawn(silent));
    peers.file_desk =
      keep(sys.spawn([asked = asked_for](mesh::file_reader::pointer) -> mesh::file_reader::behavior_type {
        return {[asked](const mesh::read_file& x) -> caf::result<mesh::file_grant> {
          asked->push_back(x.path);
          return mesh::to_caf({errc::unavailable, "nobody has it"});
        }};
      }));
    auto front = cache::make_cache(std::move(c));
    keep(cache::spawn_cache(sys, front));
    gateway::gateway_config g{std::make_shared<gateway::near_files>("/data", std::make_shared<no_files>()),
                              nullptr,
                              milliseconds{10'000},
                              nullptr,
                              front,
                              milliseconds{60'000},
                              milliseconds{60'000}};
    g.time = &clk;
    g.disks = threads;
    gateway::far_reader_config far;
    far.time = &clk;
    g.far = std::make_shared<gateway::far_reader>(std::move(far));
    backend = std::make_unique<gateway::mesh_backend>(std::move(g), std::move(peers), book->of<caf::actor>("gateway"));
    backend->on_events([this](auto batch) { live.insert(live.end(), batch->begin(), batch->end()); });
    actor = keep(backend->spawn_actor(sys));
    book->connect("gateway", actor);
    run();
  }

  ~fixture() {
    // Handlers in the gateway hold the backend.
    self->send_exit(actor, caf::exit_reason::kill);
    run();
    book->close();
    run();
  }

  void publish(const std::string& topic) {
    event e;
    e.topic = topic;
    e.type = "job_progress";
    self->send(real_notifier, mesh::publish_events{{e}});
    pass(milliseconds{50});
  }
};

job_spec of_kind(std::string kind) {
  job_spec s;
  s.kind = std::move(kind);
  return s;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(backend_tests, fixture)

CAF_TEST(clients submit the kinds that are meant for them and no others) {
  for (auto kind : {"transcode", "hls", "storyboard", "download", "noop", "scheduled_cleanup"}) {
    answer<submit_receipt> a;
    backend->submit(of_kind(kind), {}, a.completion());
    run();
    CAF_CHECK(store.jobs.contains(a.value().id));
  }
  for (auto kind : {"ingest", "scan", "scheduled_scan", "status_check", "bulk_download"}) {
    answer<submit_receipt> a;
    auto spec = of_kind(kind);
    spec.payload = R"({"path":"/etc/passwd"})";
    backend->submit(spec, {}, a.completion());
    run();
    CAF_CHECK(a.failure().code == errc::forbidden);
  }
  answer<submit_receipt> unknown;
  backend->submit(of_kind("nonsense"), {}, unknown.completion());
  run();
  CAF_CHECK(unknown.failure().code == errc::validation);
  CAF_CHECK_EQUAL(store.jobs.size(), 6u);
}

CAF_TEST(a client can not take the keys of Troupe or choose an id) {
  auto spec = of_kind("noop");
  spec.unique_key = "scan:" + uploads_library.str();
  answer<submit_receipt> key;
  backend->submit(spec, {}, key.completion());
  CAF_CHECK(key.failure().code == errc::validation);
  answer<submit_receipt> submission;
  ports::request_context ctx;
  spec.unique_key.clear();
  spec.submission_id = "schedule/cleanup/1";
  backend->submit(spec, ctx, submission.completion());
  CAF_CHECK(submission.failure().code == errc::validation);
  spec.submission_id.clear();
  spec.id = job_id{raw_id{1, 1}};
  answer<submit_receipt> made;
  backend->submit(spec, ctx, made.completion());
  run();
  CAF_CHECK(made.value().id != spec.id);
}

CAF_TEST(an Idempotency Key that is too long is a validation error) {
  ports::request_context ctx;
  ctx.submission_id = std::string(600, 'k');
  answer<submit_receipt> a;
  backend->submit(of_kind("noop"), ctx, a.completion());
  run();
  CAF_CHECK(a.failure().code == errc::validation);
}

CAF_TEST(an upload becomes an ingest job once for its key) {
  ports::finished_upload upload;
  upload.path = "x.mkv";
  upload.original_name = "My_Film.mkv";
  ports::request_context ctx;
  ctx.submission_id = "POST /api/videos/upload k";
  ctx.owner = "ann";
  answer<submit_receipt> first;
  answer<submit_receipt> second;
  backend->register_upload(upload, ctx, first.completion());
  backend->register_upload(upload, ctx, second.completion());
  run();
  CAF_CHECK(first.value().id == second.value().id);
  CAF_CHECK(second.value().existing);
  auto& made = store.jobs.at(first.value().id);
  CAF_CHECK_EQUAL(made.spec.kind, "ingest");
  CAF_CHECK_EQUAL(made.spec.owner, "ann");
  CAF_CHECK(made.spec.payload.find("/data/uploads/x.mkv") != std::string::npos);
}

CAF_TEST(an error of the mesh reaches clients without folders of the server) {
  answer<void> a;
  backend->remove_video(video_id{}, true, {}, a.completion());
  run();
  CAF_CHECK(a.failure().code == errc::io);
  CAF_CHECK_EQUAL(a.failure().message, "a.mkv: can't be removed: permission denied");
}

CAF_TEST(a question without an answer ends by its timeout and once) {
  answer<std::vector<tree_node>> a;
  backend->tree(a.completion());
  run();
  CAF_CHECK(a.got->empty());
  pass(milliseconds{10'100});
  CAF_CHECK(a.failure().code == errc::timeout);
}

CAF_TEST(a gateway that dies answers what it was asked) {
  answer<std::vector<tree_node>> under_way;
  backend->tree(under_way.completion());
  run();
  answer<std::vector<tree_node>> in_mailbox;
  self->send_exit(actor, caf::exit_reason::kill);
  backend->tree(in_mailbox.completion());
  pass(milliseconds{6'000});
  CAF_CHECK(under_way.failure().code == errc::unavailable);
  CAF_CHECK(in_mailbox.failure().code == errc::unavailable);
}

CAF_TEST(topics are followed as long as somebody does) {
  backend->follow("jobs");
  backend->follow("jobs");
  backend->unfollow("jobs");
  run();
  publish("jobs");
  CAF_CHECK_EQUAL(live.size(), 1u);
  backend->unfollow("jobs");
  run();
  publish("jobs");
  CAF_CHECK_EQUAL(live.size(), 1u);
}

CAF_TEST(nodes are listed and changed and a slip of the pen is none) {
  join(2);
  answer<std::vector<node_details>> all;
  backend->nodes(all.completion());
  run();
  CAF_REQUIRE_EQUAL(all.value().size(), 1u);
  CAF_CHECK_EQUAL(all.value()[0].rules.name, "node");
  CAF_CHECK_EQUAL(all.value()[0].queues.at("video").slots, 2u);
  answer<node_details> drained, set, nobody, bad;
  ports::node_change change;
  change.name = "node";
  change.state = node_state::draining;
  change.reason = "a new disk";
  backend->change_node(change, drained.completion());
  run();
  CAF_CHECK(drained.value().rules.state == node_state::draining);
  CAF_CHECK_EQUAL(drained.value().rules.reason, "a new disk");
  change = {};
  change.name = "node";
  change.slots["video"] = 1;
  change.weight = 50;
  change.hours = std::vector<work_hours>{work_hours{}};
  backend->change_node(change, set.completion());
  run();
  CAF_CHECK(set.value().rules.state == node_state::draining);
  CAF_CHECK_EQUAL(set.value().queues.at("video").slots, 1u);
  CAF_CHECK_EQUAL(set.value().rules.hours.size(), 1u);
  change.name = "nod";
  backend->change_node(change, nobody.completion());
  run();
  CAF_CHECK(nobody.failure().code == errc::not_found);
  change.name = "node";
  change.weight = 0;
  backend->change_node(change, bad.completion());
  run();
  CAF_CHECK(bad.failure().code == errc::validation);
  answer<std::vector<refused_peer>> refused;
  backend->refused_peers(refused.completion());
  run();
  CAF_REQUIRE_EQUAL(refused.value().size(), 1u);
  CAF_CHECK_EQUAL(refused.value()[0].reason, "another version");
  CAF_CHECK(!backend->traffic());
}

CAF_TEST(a first subscription to the nodes gets all of them) {
  join();
  answer<ports::replay> first;
  backend->catch_up({"nodes", 0, 0}, first.completion());
  run();
  CAF_REQUIRE_EQUAL(first.value().events.size(), 1u);
  CAF_CHECK_EQUAL(first.value().events[0].type, "snapshot");
  CAF_CHECK(first.value().events[0].data.find("\"nodes\":[{\"name\":\"node\"") != std::string::npos);
}

CAF_TEST(a first subscription to a job gets its snapshot and a gap elsewhere says so) {
  answer<submit_receipt> made;
  backend->submit(of_kind("noop"), {}, made.completion());
  run();
  answer<ports::replay> first;
  backend->catch_up({"job:" + made.value().id.str(), 0, 0}, first.completion());
  run();
  CAF_REQUIRE_EQUAL(first.value().events.size(), 1u);
  CAF_CHECK_EQUAL(first.value().events[0].type, "snapshot");
  CAF_CHECK(!first.value().events[0].last);
  answer<ports::replay> gone;
  backend->catch_up({"job:" + job_id{raw_id{5, 5}}.str(), 0, 0}, gone.completion());
  run();
  CAF_CHECK(gone.value().events.empty());
  answer<ports::replay> gap;
  backend->catch_up({"jobs", 41, 7}, gap.completion());
  run();
  CAF_REQUIRE_EQUAL(gap.value().events.size(), 1u);
  CAF_CHECK_EQUAL(gap.value().events[0].type, "snapshot");
}

CAF_TEST(a busy disk is waited for and has its files all the same) {
  threads->refuses = errc::rate_limited;
  answer<ports::located_file> picture;
  answer<ports::located_file> film;
  backend->find_file({{}, {}, "artwork/a.jpg", {}}, picture.completion());
  backend->find_file({library_id{raw_id{7, 7}}, "/films", "a.mkv", {}}, film.completion());
  pass(milliseconds{1'000});
  CAF_CHECK(picture.got->empty() && film.got->empty());
  threads->refuses = errc::none;
  pass(milliseconds{200});
  // The disk has neither; the film may be on another node.
  CAF_CHECK(picture.failure().code == errc::not_found);
  CAF_CHECK((*asked_for == std::vector<std::string>{"a.mkv"}));
  // But not for ever.
  threads->refuses = errc::rate_limited;
  answer<ports::located_file> other;
  backend->find_file({{}, {}, "artwork/b.jpg", {}}, other.completion());
  for (int i = 0; i < 100; ++i)
    pass(milliseconds{100});
  CAF_CHECK(other.failure().code == errc::unavailable);
  CAF_CHECK(other.failure().retry_after == std::chrono::seconds{5});
  CAF_CHECK_EQUAL(asked_for->size(), 1u);
}

CAF_TEST(what a hung disk of the data folder has is nowhere else) {
  threads->refuses = errc::unavailable;
  answer<ports::located_file> picture;
  answer<ports::located_file> film;
  backend->find_file({{}, {}, "artwork/a.jpg", {}}, picture.completion());
  backend->find_file({library_id{raw_id{7, 7}}, "/films", "a.mkv", {}}, film.completion());
  run();
  CAF_CHECK(picture.failure().code == errc::unavailable);
  CAF_CHECK(picture.failure().retry_after == std::chrono::seconds{5});
  CAF_CHECK((*asked_for == std::vector<std::string>{"a.mkv"}));
}

CAF_TEST(a page is rendered once and forgotten when the catalogue changes) {
  video_query q;
  CAF_CHECK(backend->cached_videos(q) == nullptr);
  answer<ports::rendered_ptr> page;
  backend->list_videos(q, page.completion());
  pass(milliseconds{50});
  CAF_CHECK(page.value()->cached_body.find("\"cached\":false") != std::string::npos);
  auto hit = backend->cached_videos(q);
  CAF_REQUIRE(hit != nullptr);
  CAF_CHECK(hit->cached_body.find("\"cached\":true") != std::string::npos);
}

CAF_TEST(a job keeps the cause of its request) {
  ports::request_context ctx;
  ctx.request_id = "r-1";
  ctx.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  answer<submit_receipt> made;
  backend->submit(of_kind("noop"), ctx, made.completion());
  run();
  CAF_CHECK_EQUAL(store.jobs.at(made.value().id).spec.traceparent, ctx.traceparent);
  CAF_CHECK_EQUAL(store.jobs.at(made.value().id).spec.request_id, "r-1");
}

CAF_TEST(executors are of a node with a worker) {
  answer<ports::executor_figures> none;
  backend->executors(none.completion());
  run();
  CAF_CHECK(none.failure().code == errc::not_found);
}

CAF_TEST_FIXTURE_SCOPE_END()
