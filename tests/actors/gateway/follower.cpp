#define CAF_SUITE gateway.follower

#include "actors/gateway/follower.hpp"

#include "actors/gateway/backend.hpp"
#include "actors/notify/notifier.hpp"
#include "actors/supervision/directory.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/no_files.hpp"

#include <spdlog/spdlog.h>

using namespace troupe;
using namespace troupe::test;

namespace {

/// What the coordinator's catalogue, queue and file desk answer, and what they were asked.
struct truth {
  std::string title = "first";
  int lists = 0;
  job_state state = job_state::running;
  std::vector<mesh::read_file> files;
};
using truth_ptr = std::shared_ptr<truth>;

mesh::catalogue_reader::behavior_type catalogue_stub(mesh::catalogue_reader::pointer, truth_ptr t) {
  return {
    [t](const video_query&) {
      ++t->lists;
      video_page page;
      page.videos.emplace_back().title = t->title;
      page.total = 1;
      return page;
    },
    [t](const mesh::get_video& x) -> caf::result<video_detail> {
      video_detail out;
      out.item.id = x.id;
      out.item.title = t->title;
      return out;
    },
    [](const mesh::get_categories&) { return mesh::category_list{}; },
    [](const mesh::get_known_files&) { return mesh::known_file_list{}; },
  };
}

mesh::job_client::behavior_type queue_stub(mesh::job_client::pointer, truth_ptr t) {
  return {
    [](const mesh::submit_jobs& x) {
      mesh::submitted out;
      out.receipts.resize(x.specs.size());
      return out;
    },
    [](const mesh::act_on_job&) { return job{}; },
    [t](const mesh::get_job& x) {
      mesh::job_with_children out;
      out.item.id = x.id;
      out.item.state = t->state;
      return out;
    },
    [](const mesh::explain_job&) { return mesh::job_explanation{}; },
  };
}

mesh::file_reader::behavior_type file_desk_stub(mesh::file_reader::pointer, truth_ptr t) {
  return {
    [t](const mesh::read_file& x) -> caf::result<mesh::file_grant> {
      t->files.push_back(x);
      if (x.path == "artwork/gone.jpg")
        return mesh::to_caf({errc::not_found, "/srv/troupe/artwork/gone.jpg: is not there"});
      return mesh::file_grant{"north", 4000, "ticket", "north", {100, 5'000'000'000, 7}};
    },
  };
}

/// Another process, as far as a gateway sees it: its notifier stands behind an address that outlives it.
struct coordinator {
  std::vector<caf::actor> actors;
  mesh::notifier notifier;
  mesh::gateway_welcome welcome;
};

template <class T>
struct answer {
  std::shared_ptr<std::vector<result<T>>> got = std::make_shared<std::vector<result<T>>>();

  ports::completion<T> completion() const {
    return [got = got](result<T> x) { got->push_back(std::move(x)); };
  }
  errc code() const {
    CAF_REQUIRE_EQUAL(got->size(), 1u);
    return got->front() ? errc::none : got->front().error().code;
  }
  const T& value() const {
    CAF_REQUIRE(code() == errc::none);
    return *got->front();
  }
};

struct fixture : actor_fixture {
  truth_ptr truth_of_it = std::make_shared<truth>();
  std::shared_ptr<supervision::address_book> book = std::make_shared<supervision::address_book>(sys);
  /// Of the coordinator's process.
  std::shared_ptr<supervision::address_book> far = std::make_shared<supervision::address_book>(sys);
  std::shared_ptr<gateway::coordinator_watch> watch = std::make_shared<gateway::coordinator_watch>();
  std::shared_ptr<gateway::near_files> files =
    std::make_shared<gateway::near_files>(std::make_shared<no_files>(), "/data");
  std::optional<coordinator> there;
  error why_not{errc::unavailable, "nobody answers at b:3002"};
  std::unique_ptr<gateway::mesh_backend> backend;
  std::vector<caf::actor> mine;
  std::vector<event> live;
  std::string topic = "job:" + job_id{raw_id{1, 2}}.str();

  fixture() {
    spdlog::set_level(spdlog::level::off);
    cache::cache_config c;
    c.time = &clk;
    auto front = cache::make_cache(std::move(c));
    mine.push_back(caf::actor_cast<caf::actor>(cache::spawn_cache(sys, front)));
    gateway::gateway_peers peers;
    peers.jobs = book->of<mesh::job_client>("dispatcher");
    peers.queues = book->of<mesh::job_admin>("dispatcher");
    peers.librarian = book->of<mesh::librarian>("librarian");
    peers.catalogue = book->of<mesh::catalogue_reader>("catalogue");
    peers.notifier = book->of<mesh::event_source>("notifier");
    peers.file_desk = book->of<mesh::file_reader>("file_desk");
    gateway::gateway_config g{files,
                              watch,
                              milliseconds{10'000},
                              [] { return std::make_shared<const health_report>(); },
                              front,
                              milliseconds{1'000},
                              milliseconds{1'000}};
    g.time = &clk;
    gateway::far_reader_config reading;
    reading.time = &clk;
    g.far = std::make_shared<gateway::far_reader>(std::move(reading));
    g.certified_name = "gina";
    g.address = [](const mesh::file_grant& x) {
      return gateway::far_grant{"https://" + x.host + "/" + x.ticket, x.node, x.version, x.host.empty()};
    };
    backend = std::make_unique<gateway::mesh_backend>(std::move(g), std::move(peers), book->of<caf::actor>("gateway"));
    backend->on_events([this](auto batch) { live.insert(live.end(), batch->begin(), batch->end()); });
    mine.push_back(backend->spawn_actor(sys));
    book->connect("gateway", mine.back());
    mine.push_back(supervision::spawn_directory(sys, directory()));
    mine.push_back(gateway::spawn_follower(sys, follower(mine.back())));
    run();
  }

  ~fixture() {
    for (auto& a : mine)
      self->send_exit(a, caf::exit_reason::kill);
    run();
    dies();
    book->close();
    run();
  }

  supervision::directory_config directory() {
    supervision::directory_config d;
    d.detached = false;
    d.random = [] { return uint64_t{0}; };
    d.delays = {milliseconds{100}, milliseconds{400}, 2, 0, milliseconds{1'000}};
    d.look_up = [this](const std::string&, const std::string&) -> caf::expected<caf::actor> {
      if (!there) {
        watch->not_found(why_not);
        return mesh::to_caf(why_not);
      }
      return caf::actor_cast<caf::actor>(there->welcome.handles.events);
    };
    return d;
  }

  gateway::follower_config follower(caf::actor directory) {
    gateway::follower_config c;
    c.directory = std::move(directory);
    c.book = book;
    c.watch = watch;
    c.last_welcome = [this] { return there->welcome; };
    c.joined = [this](const mesh::gateway_welcome& x) { backend->joined(x); };
    c.follow_again = [this] { backend->refollow(); };
    c.interval = milliseconds{200};
    c.silence = milliseconds{500};
    return c;
  }

  mesh::notifier notifier_of(uint64_t epoch) {
    notify::notifier_config n;
    n.time = &clk;
    n.epoch = epoch;
    return notify::spawn_notifier(sys, std::move(n));
  }

  void starts(uint64_t epoch) {
    coordinator c;
    auto queue = sys.spawn(queue_stub, truth_of_it);
    auto catalogue = sys.spawn(catalogue_stub, truth_of_it);
    auto file_desk = sys.spawn(file_desk_stub, truth_of_it);
    c.notifier = notifier_of(epoch);
    far = std::make_shared<supervision::address_book>(sys);
    far->connect("notifier", caf::actor_cast<caf::actor>(c.notifier));
    c.welcome.handles.jobs = queue;
    c.welcome.handles.catalogue = catalogue;
    c.welcome.handles.files = file_desk;
    c.welcome.handles.queues = caf::actor_cast<mesh::job_admin>(queue);
    c.welcome.handles.librarian = caf::actor_cast<mesh::librarian>(queue);
    c.welcome.handles.events = far->of<mesh::event_source>("notifier");
    c.welcome.profiles = {*find_profile("remux")};
    c.actors = {caf::actor_cast<caf::actor>(queue), caf::actor_cast<caf::actor>(catalogue),
                caf::actor_cast<caf::actor>(file_desk)};
    there = std::move(c);
    // A while later the gateway has found it.
    pass(milliseconds{600});
  }

  void dies() {
    if (!there)
      return;
    for (auto& a : there->actors)
      self->send_exit(a, caf::exit_reason::kill);
    self->send_exit(there->notifier, caf::exit_reason::kill);
    there.reset();
    run();
    far->close();
    run();
  }

  void publish(const std::string& to, const std::string& type = "job_progress") {
    event e;
    e.topic = to;
    e.type = type;
    self->send(there->notifier, mesh::publish_events{{e}});
    pass(milliseconds{50});
  }

  ports::rendered_ptr list(errc expected = errc::none) {
    answer<ports::rendered_ptr> a;
    backend->list_videos({}, a.completion());
    run();
    CAF_CHECK(a.code() == expected);
    return a.code() == errc::none ? a.value() : nullptr;
  }

  errc submit() {
    answer<submit_receipt> a;
    job_spec spec;
    spec.kind = "noop";
    backend->submit(spec, {}, a.completion());
    run();
    return a.code();
  }

  void subscribe() {
    backend->follow(topic);
    answer<ports::replay> a;
    backend->catch_up({topic, 0, 0}, a.completion());
    run();
    CAF_REQUIRE(a.code() == errc::none);
  }

  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(follower_tests, fixture)

CAF_TEST(files that are not near are asked for at the coordinator) {
  auto find = [&](ports::wanted_file what) {
    answer<ports::located_file> a;
    backend->find_file(std::move(what), a.completion());
    run();
    return a;
  };
  const ports::wanted_file picture{{}, {}, "artwork/a.jpg", {}};
  const library_id films{raw_id{3, 4}};
  const file_version known{100, 6'000'000'000, 9};
  CAF_CHECK(find(picture).code() == errc::unavailable);
  starts(7);
  auto there_is = find(picture).value();
  CAF_CHECK(there_is.here == nullptr);
  CAF_REQUIRE(there_is.far != nullptr);
  CAF_CHECK(there_is.far->version() == (file_version{100, 5'000'000'000, 7}));
  CAF_CHECK(find({films, "/srv/films", "a.mkv", known}).value().far->version() == known);
  auto gone = find({{}, {}, "artwork/gone.jpg", {}});
  CAF_CHECK(gone.code() == errc::not_found);
  CAF_CHECK(!holds(gone.got->front().error().message, "/srv"));
  CAF_REQUIRE_EQUAL(truth_of_it->files.size(), 3u);
  CAF_CHECK_EQUAL(truth_of_it->files[0].node, "gina");
  CAF_CHECK(!truth_of_it->files[0].library);
  CAF_CHECK_EQUAL(truth_of_it->files[0].path, "artwork/a.jpg");
  CAF_CHECK(truth_of_it->files[1].library == films);
  // What was asked for once is known while nobody answers.
  dies();
  pass(milliseconds{600});
  CAF_CHECK(backend->coordinator_away());
  CAF_CHECK(find(picture).value().far->version() == there_is.far->version());
  CAF_CHECK(find({{}, {}, "artwork/b.jpg", {}}).code() == errc::unavailable);
  CAF_CHECK_EQUAL(truth_of_it->files.size(), 3u);
}

CAF_TEST(a gateway without a coordinator refuses at once and joins it when it comes) {
  CAF_CHECK(backend->coordinator_away());
  CAF_CHECK_EQUAL(watch->problem(), "nobody answers at b:3002");
  CAF_CHECK(watch->first_look_up(milliseconds{0}).has_value());
  answer<submit_receipt> a;
  job_spec spec;
  spec.kind = "noop";
  backend->submit(spec, {}, a.completion());
  // Before a single message was handled.
  CAF_CHECK(a.code() == errc::unavailable);
  list(errc::unavailable);
  auto health = backend->health();
  CAF_CHECK(health->status == health_status::degraded);
  CAF_REQUIRE_EQUAL(health->checks.size(), 1u);
  CAF_CHECK(holds(health->checks[0].problem, "nobody answers at b:3002"));
  starts(1);
  CAF_CHECK(!backend->coordinator_away());
  CAF_CHECK(submit() == errc::none);
  CAF_CHECK(holds(list()->fresh_body, "first"));
  CAF_CHECK_EQUAL(backend->profiles()->size(), 1u);
  CAF_CHECK(backend->health()->checks.empty());
}

CAF_TEST(a gateway that is not let in says so) {
  watch = std::make_shared<gateway::coordinator_watch>();
  watch->not_found({errc::forbidden, "the certificate of 'ben' does not grant the role gateway"});
  auto refused = watch->first_look_up(milliseconds{0});
  CAF_REQUIRE(!refused.has_value());
  CAF_CHECK(refused.error().code == errc::forbidden);
}

CAF_TEST(what was answered before is answered from the cache while the coordinator is away) {
  starts(1);
  list();
  answer<video_detail> known;
  backend->find_video(video_id{raw_id{5, 5}}, known.completion());
  run();
  CAF_CHECK(known.code() == errc::none);
  dies();
  CAF_CHECK(backend->coordinator_away());
  CAF_CHECK(submit() == errc::unavailable);
  CAF_CHECK(backend->cached_videos({}) != nullptr);
  // Neither fresh nor stale any more: still better than nothing.
  pass(milliseconds{3'000});
  CAF_CHECK(backend->cached_videos({}) == nullptr);
  auto page = list();
  CAF_REQUIRE(page);
  CAF_CHECK(holds(page->fresh_body, "\"cached\":true"));
  CAF_CHECK(holds(page->fresh_body, "first"));
  answer<video_detail> again;
  backend->find_video(video_id{raw_id{5, 5}}, again.completion());
  answer<video_detail> other;
  backend->find_video(video_id{raw_id{6, 6}}, other.completion());
  run();
  CAF_CHECK_EQUAL(again.value().item.title, "first");
  CAF_CHECK(other.code() == errc::unavailable);
  // What it has learnt elsewhere meanwhile is not hidden by what we remember.
  truth_of_it->title = "second";
  starts(2);
  CAF_CHECK(!backend->coordinator_away());
  CAF_CHECK(backend->cached_videos({}) == nullptr);
  CAF_CHECK(holds(list()->fresh_body, "second"));
}

CAF_TEST(a request in flight fails when its coordinator goes) {
  starts(1);
  answer<submit_receipt> a;
  job_spec spec;
  spec.kind = "noop";
  backend->submit(spec, {}, a.completion());
  dies();
  pass(milliseconds{100});
  CAF_CHECK(a.got->size() == 1u);
}

CAF_TEST(live clients are told how things are when the coordinator is back) {
  starts(1);
  subscribe();
  publish(topic);
  CAF_REQUIRE_EQUAL(live.size(), 1u);
  CAF_CHECK_EQUAL(live[0].epoch, 1u);
  dies();
  truth_of_it->state = job_state::queued;
  starts(2);
  CAF_REQUIRE_EQUAL(live.size(), 2u);
  CAF_CHECK_EQUAL(live[1].type, "snapshot");
  CAF_CHECK_EQUAL(live[1].epoch, 2u);
  CAF_CHECK_EQUAL(live[1].topic, topic);
  CAF_CHECK(holds(live[1].data, "queued"));
  publish(topic);
  CAF_REQUIRE_EQUAL(live.size(), 3u);
  CAF_CHECK_EQUAL(live[2].epoch, 2u);
  // Who left is not told.
  backend->unfollow(topic);
  run();
  dies();
  starts(3);
  CAF_CHECK_EQUAL(live.size(), 3u);
}

CAF_TEST(topics that are followed while the coordinator is away are followed when it is back) {
  starts(1);
  dies();
  backend->follow("jobs");
  run();
  starts(2);
  publish("jobs", "job_completed");
  CAF_REQUIRE_EQUAL(live.size(), 1u);
  CAF_CHECK_EQUAL(live[0].topic, "jobs");
}

CAF_TEST(a notifier that begins anew over there is noticed and followed again) {
  starts(1);
  subscribe();
  self->send_exit(there->notifier, caf::exit_reason::kill);
  run();
  there->notifier = notifier_of(9);
  far->connect("notifier", caf::actor_cast<caf::actor>(there->notifier));
  pass(milliseconds{500});
  CAF_REQUIRE_EQUAL(live.size(), 1u);
  CAF_CHECK_EQUAL(live[0].type, "snapshot");
  CAF_CHECK_EQUAL(live[0].epoch, 9u);
  publish(topic);
  CAF_CHECK_EQUAL(live.size(), 2u);
}

CAF_TEST(a silent coordinator is away until it answers) {
  starts(1);
  list();
  // Requests wait behind its address: no connection breaks.
  self->send_exit(there->notifier, caf::exit_reason::kill);
  run();
  pass(milliseconds{900});
  CAF_CHECK(backend->coordinator_away());
  CAF_CHECK(holds(watch->problem(), "has not answered for 500 ms"));
  CAF_CHECK(submit() == errc::unavailable);
  there->notifier = notifier_of(1);
  far->connect("notifier", caf::actor_cast<caf::actor>(there->notifier));
  pass(milliseconds{900});
  CAF_CHECK(!backend->coordinator_away());
  CAF_CHECK(submit() == errc::none);
}

CAF_TEST(a changed catalogue is forgotten) {
  starts(1);
  list();
  CAF_CHECK(backend->cached_videos({}) != nullptr);
  truth_of_it->title = "second";
  publish(std::string{catalogue_topic}, "catalogue_changed");
  CAF_CHECK(backend->cached_videos({}) == nullptr);
  CAF_CHECK(holds(list()->fresh_body, "second"));
  CAF_CHECK_EQUAL(truth_of_it->lists, 2);
  // Clients do not see how it is done.
  CAF_CHECK(live.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
