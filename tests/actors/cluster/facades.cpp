#define CAF_SUITE cluster.facades

#include "actors/cluster/admin_facade.hpp"
#include "actors/cluster/door.hpp"
#include "actors/cluster/gateway_facade.hpp"
#include "actors/cluster/mounted_libraries.hpp"
#include "actors/cluster/worker_facade.hpp"
#include "actors/supervision/addresses.hpp"
#include "tests/support/coordinator_fixture.hpp"

using namespace troupe;
using cluster::admitted_peer;

namespace {

using heard = std::shared_ptr<size_t>;

/// Stands for every actor of the coordinator: counts what comes through to it.
caf::behavior everybody(caf::event_based_actor* self, heard count) {
  self->set_default_handler([count](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
    ++*count;
    return mesh::to_caf({errc::not_found, "heard"});
  });
  return {[](const mesh::done&) {}};
}

caf::behavior idle(caf::event_based_actor*) {
  return {[](const mesh::done&) {}};
}

/// A worker's own actor that notes what it hears in which order.
caf::behavior far_worker(caf::event_based_actor* self, mesh::job_worker to, worker_hello hello, test::trace out) {
  self->request(to, caf::infinite, hello, caf::actor_cast<mesh::worker_link>(self))
    .then([out](const worker_welcome&) { out->push_back("welcome"); },
          [out](caf::error& e) { out->push_back(mesh::from_caf(e).message); });
  return {
    [out](const mesh::assign&) { out->push_back("assign"); },
    [](const mesh::revoke&) {},
  };
}

struct fixture : test::coordinator_fixture {
  heard count = std::make_shared<size_t>(0);
  caf::actor behind = keep(sys.spawn(everybody, count));
  caf::actor who = keep(sys.spawn(idle));
  mesh::event_subscriber subscriber = caf::actor_cast<mesh::event_subscriber>(who);

  template <class Handle>
  void set(Handle& to) {
    to = caf::actor_cast<Handle>(behind);
  }
  mesh::worker_handles for_workers() {
    mesh::worker_handles x;
    set(x.jobs), set(x.librarian), set(x.catalogue), set(x.files), set(x.samples);
    return x;
  }
  mesh::gateway_handles for_gateways() {
    mesh::gateway_handles x;
    set(x.jobs), set(x.queues), set(x.librarian), set(x.catalogue), set(x.events), set(x.nodes), set(x.node),
      set(x.files);
    return x;
  }
  mesh::admin_handles for_admins() {
    mesh::admin_handles x;
    set(x.jobs), set(x.queues), set(x.librarian), set(x.catalogue), set(x.notifier), set(x.health), set(x.cache),
      set(x.root), set(x.node), set(x.nodes);
    return x;
  }

  admitted_peer ben() {
    return {"ben", true, caf::actor_cast<caf::strong_actor_ptr>(who)};
  }
  template <class Handles>
  static caf::actor any(const result<Handles>& made) {
    CAF_REQUIRE(made.has_value());
    return caf::actor_cast<caf::actor>(made->jobs);
  }
  mesh::worker_handles worker_of_dispatcher() {
    auto to = for_workers();
    to.jobs = dispatcher;
    auto made = cluster::open_worker_facade(sys, ben(), to);
    CAF_REQUIRE(made.has_value());
    return *made;
  }

  /// What comes of a message to an actor, whatever the type of its handle says.
  template <class... Ts>
  errc said(const caf::actor& to, Ts... xs) {
    return ask<mesh::done>(to, std::move(xs)...).code();
  }
  /// Nothing behind hears of any of these.
  template <class... Ts>
  void refused(const caf::actor& to, Ts... messages) {
    const auto before = *count;
    size_t position = 0;
    auto one = [&](auto message) {
      if (auto code = said(to, std::move(message)); code != errc::forbidden)
        CAF_ERROR("message " << position << ": " << describe(code));
      ++position;
    };
    (one(std::move(messages)), ...);
    CAF_CHECK_EQUAL(*count, before);
  }
  template <class... Ts>
  void passed(const caf::actor& to, Ts... messages) {
    auto one = [&](auto message) {
      const auto before = *count;
      CAF_CHECK(said(to, std::move(message)) == errc::not_found);
      CAF_CHECK_EQUAL(*count, before + 1);
    };
    (one(std::move(messages)), ...);
  }
  bool lives(const caf::actor& x) {
    return said(x, mesh::get_profiles{}) != errc::unavailable;
  }

  worker_hello hello(std::string node = "ben") {
    worker_hello x;
    x.id = me;
    x.node_name = std::move(node);
    x.kinds = {"noop"};
    x.credit = {{"default", 1}};
    return x;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(facade_tests, fixture)

CAF_TEST(a worker reaches nothing that is not for workers) {
  auto to = any(cluster::open_worker_facade(sys, ben(), for_workers()));
  refused(to, mesh::submit_jobs{}, mesh::act_on_job{}, mesh::get_job{}, mesh::explain_job{}, mesh::get_queues{},
          mesh::change_queue{}, mesh::get_workers{}, job_query{}, mesh::get_nodes{}, mesh::change_node{},
          mesh::get_libraries{}, mesh::add_library{}, mesh::edit_library{}, mesh::remove_library{},
          mesh::scan_library{}, mesh::get_scans{}, mesh::get_scan{}, mesh::remove_video{}, mesh::edit_video{},
          video_query{}, mesh::get_categories{}, mesh::read_file{}, mesh::publish_events{}, mesh::catch_up{},
          mesh::get_health{}, mesh::get_cache_stats{}, mesh::get_tree{}, mesh::get_status{}, mesh::get_profiles{},
          mesh::get_refusals{});
  CAF_CHECK(said(to, mesh::follow_topics{{"status"}}, subscriber) == errc::forbidden);
  passed(to, mesh::get_video{}, mesh::get_known_files{}, mesh::get_library_samples{});
}

CAF_TEST(a gateway reaches nothing that is for workers or administrators alone) {
  auto to = any(cluster::open_gateway_facade(sys, ben(), for_gateways()));
  refused(to, mesh::renew_leases{}, mesh::hand_in{}, mesh::leave{}, mesh::scan_batch{}, mesh::get_known_files{},
          mesh::get_file{}, mesh::put_file{}, mesh::get_library_samples{}, mesh::publish_events{}, mesh::get_health{},
          mesh::get_cache_stats{}, mesh::get_tree{});
  CAF_CHECK(said(to, hello(), caf::actor_cast<mesh::worker_link>(who)) == errc::forbidden);
  passed(to, mesh::submit_jobs{}, mesh::get_job{}, mesh::change_queue{}, mesh::change_node{}, mesh::add_library{},
         mesh::edit_video{}, video_query{}, mesh::get_status{}, mesh::catch_up{}, mesh::read_file{});
}

CAF_TEST(an administrator is no worker) {
  auto to = any(cluster::open_admin_facade(sys, ben(), for_admins()));
  refused(to, mesh::renew_leases{}, mesh::hand_in{}, mesh::leave{}, mesh::get_file{}, mesh::put_file{},
          mesh::read_file{}, mesh::get_library_samples{});
  CAF_CHECK(said(to, hello(), caf::actor_cast<mesh::worker_link>(who)) == errc::forbidden);
  passed(to, mesh::submit_jobs{}, mesh::change_queue{}, mesh::change_node{}, mesh::add_library{}, mesh::get_tree{},
         mesh::get_health{}, mesh::get_cache_stats{}, mesh::get_refusals{}, mesh::get_known_files{});
}

CAF_TEST(a gateway gets addresses of files for its own node only) {
  auto asked = std::make_shared<std::string>();
  auto to = for_gateways();
  to.files = keep(sys.spawn([asked](mesh::file_reader::pointer) -> mesh::file_reader::behavior_type {
    return {[asked](const mesh::read_file& x) {
      *asked = x.node;
      return mesh::file_grant{};
    }};
  }));
  auto made = cluster::open_gateway_facade(sys, ben(), to);
  CAF_REQUIRE(made.has_value());
  ask<mesh::file_grant>(made->files, mesh::read_file{"anna", {}, "uploads/x"}).value();
  CAF_CHECK_EQUAL(*asked, "ben");
}

CAF_TEST(a worker reads what tells it that the files are in reach and nothing else without an attempt) {
  auto asked = std::make_shared<std::vector<std::string>>();
  auto to = for_workers();
  to.files = caf::actor_cast<mesh::file_desk>(
    keep(sys.spawn([asked](mesh::file_reader::pointer) -> mesh::file_reader::behavior_type {
      return {[asked](const mesh::read_file& x) {
        asked->push_back(x.node + " " + x.path);
        return mesh::file_grant{};
      }};
    })));
  auto made = cluster::open_worker_facade(sys, ben(), to);
  CAF_REQUIRE(made.has_value());
  ask<mesh::file_grant>(made->files, mesh::read_file{"anna", {}, "node.id"}).value();
  CAF_CHECK(*asked == std::vector<std::string>{"ben node.id"});
  const library_id films{{4, 4}};
  for (auto& x : {mesh::read_file{"ben", {}, "uploads/x"}, mesh::read_file{"ben", films, "node.id"},
                  mesh::read_file{"ben", {}, "./node.id"}})
    CAF_CHECK(ask<mesh::file_grant>(made->files, x).code() == errc::forbidden);
  CAF_CHECK_EQUAL(asked->size(), 1u);
}

CAF_TEST(a worker is welcomed before it gets work and its work counts) {
  start();
  auto id = submit_now(noop());
  auto to = worker_of_dispatcher();
  auto out = std::make_shared<std::vector<std::string>>();
  auto far = keep(sys.spawn(far_worker, to.jobs, hello(), out));
  run();
  CAF_CHECK(*out == (std::vector<std::string>{"welcome", "assign"}));
  CAF_CHECK(ask<mesh::leases_renewed>(to.jobs, mesh::renew_leases{me, {}}).value().known);
  attempt_outcome done;
  done.token = get(id).token();
  done.result = "{}";
  CAF_CHECK(ask<mesh::handed_in>(to.jobs, mesh::hand_in{me, {done}}).value().stale.empty());
  CAF_CHECK(get(id).state == job_state::completed);
}

CAF_TEST(a worker speaks for itself only) {
  start();
  auto to = worker_of_dispatcher();
  auto link = caf::actor_cast<mesh::worker_link>(who);
  // Not before its hello, and not in another node's name.
  CAF_CHECK(ask<mesh::leases_renewed>(to.jobs, mesh::renew_leases{me, {}}).code() == errc::unavailable);
  CAF_CHECK(ask<worker_welcome>(to.jobs, hello("anna"), link).code() == errc::forbidden);
  CAF_CHECK(ask<mesh::leases_renewed>(to.jobs, mesh::renew_leases{me, {}}).code() == errc::unavailable);
  CAF_CHECK(ask<worker_welcome>(to.jobs, hello(), link).code() == errc::none);
  CAF_CHECK(ask<worker_welcome>(to.jobs, hello(), link).code() == errc::none);
  // And for no other worker.
  const worker_id other{raw_id{8, 8}};
  auto second = hello();
  second.id = other;
  CAF_CHECK(ask<worker_welcome>(to.jobs, second, link).code() == errc::conflict);
  const auto before = *count;
  CAF_CHECK(ask<mesh::leases_renewed>(to.jobs, mesh::renew_leases{other, {}}).code() == errc::unavailable);
  CAF_CHECK(ask<mesh::handed_in>(to.jobs, mesh::hand_in{other, {}}).code() == errc::unavailable);
  CAF_CHECK(ask<mesh::done>(to.jobs, mesh::leave{other}).code() == errc::unavailable);
  CAF_CHECK(ask<mesh::file_grant>(to.files, mesh::get_file{{}, other, {}, "x"}).code() == errc::unavailable);
  CAF_CHECK(ask<mesh::file_grant>(to.files, mesh::put_file{{}, other, "x", false}).code() == errc::unavailable);
  CAF_CHECK_EQUAL(*count, before);
}

CAF_TEST(a worker of another process does not pass for the own one of the coordinator) {
  start();
  auto to = worker_of_dispatcher();
  auto x = hello();
  x.embedded = true;
  const std::string reserved{cluster::coordinator_capability};
  x.capabilities = {reserved, "encoder:x"};
  CAF_CHECK(ask<worker_welcome>(to.jobs, x, caf::actor_cast<mesh::worker_link>(who)).code() == errc::none);
  auto known = [this] { return ask<mesh::worker_list>(dispatcher, mesh::get_workers{}).value().workers.at(0); };
  CAF_CHECK(!known().embedded);
  CAF_CHECK(known().capabilities == std::vector<std::string>{"encoder:x"});
  self->send(to.jobs, mesh::change_offer{me, {reserved, "encoder:y"}, {}});
  run();
  CAF_CHECK(known().capabilities == std::vector<std::string>{"encoder:y"});
}

CAF_TEST(what a scan has found comes only from who runs it) {
  start();
  auto id = submit_now(noop());
  auto to = worker_of_dispatcher();
  mesh::scan_batch batch;
  CAF_CHECK(said(caf::actor_cast<caf::actor>(to.librarian), batch) == errc::stale_lease);
  auto out = std::make_shared<std::vector<std::string>>();
  auto far = keep(sys.spawn(far_worker, to.jobs, hello(), out));
  run();
  batch.token = get(id).token();
  const auto before = *count;
  CAF_CHECK(said(caf::actor_cast<caf::actor>(to.librarian), batch) == errc::not_found);
  CAF_CHECK_EQUAL(*count, before + 1);
  // Who has heard of the token has not the attempt.
  auto thief = keep(sys.spawn(idle));
  auto theirs = for_workers();
  theirs.jobs = dispatcher;
  auto made = cluster::open_worker_facade(sys, {"eve", true, caf::actor_cast<caf::strong_actor_ptr>(thief)}, theirs);
  CAF_REQUIRE(made.has_value());
  auto second = hello("eve");
  second.id = worker_id{raw_id{8, 8}};
  second.held = {batch.token};
  CAF_CHECK(ask<worker_welcome>(made->jobs, second, caf::actor_cast<mesh::worker_link>(thief)).code() == errc::none);
  CAF_CHECK(said(caf::actor_cast<caf::actor>(made->librarian), batch) == errc::stale_lease);
  auto old = batch;
  ++old.token.attempt;
  CAF_CHECK(said(caf::actor_cast<caf::actor>(to.librarian), old) == errc::stale_lease);
  CAF_CHECK_EQUAL(*count, before + 1);
  // Another handle of the same worker goes on with what it holds.
  auto again = worker_of_dispatcher();
  auto back = hello();
  back.held = {batch.token};
  CAF_CHECK(ask<worker_welcome>(again.jobs, back, caf::actor_cast<mesh::worker_link>(who)).code() == errc::none);
  CAF_CHECK(said(caf::actor_cast<caf::actor>(again.librarian), batch) == errc::not_found);
  attempt_outcome done;
  done.token = batch.token;
  done.result = "{}";
  CAF_CHECK(ask<mesh::handed_in>(again.jobs, mesh::hand_in{me, {done}}).value().stale.empty());
  CAF_CHECK(said(caf::actor_cast<caf::actor>(again.librarian), batch) == errc::stale_lease);
}

CAF_TEST(the id of a worker of another node is of no use) {
  start();
  auto theirs = worker_of_dispatcher();
  CAF_CHECK(ask<worker_welcome>(theirs.jobs, hello(), caf::actor_cast<mesh::worker_link>(who)).code() == errc::none);
  auto thief = keep(sys.spawn(idle));
  auto to = for_workers();
  to.jobs = dispatcher;
  auto made = cluster::open_worker_facade(sys, {"eve", true, caf::actor_cast<caf::strong_actor_ptr>(thief)}, to);
  CAF_REQUIRE(made.has_value());
  CAF_CHECK(ask<worker_welcome>(made->jobs, hello("eve"), caf::actor_cast<mesh::worker_link>(thief)).code()
            == errc::conflict);
  CAF_CHECK(ask<mesh::leases_renewed>(made->jobs, mesh::renew_leases{me, {}}).code() == errc::unavailable);
  CAF_CHECK(ask<mesh::leases_renewed>(theirs.jobs, mesh::renew_leases{me, {}}).value().known);
}

CAF_TEST(the id of a worker that is away is of no use either) {
  start();
  auto id = submit_now(noop());
  auto theirs = worker_of_dispatcher();
  auto out = std::make_shared<std::vector<std::string>>();
  auto far = sys.spawn(far_worker, theirs.jobs, hello(), out);
  run();
  const auto token = get(id).token();
  auto thief = keep(sys.spawn(idle));
  auto as_eve = [&] {
    auto to = for_workers();
    to.jobs = dispatcher;
    auto made = cluster::open_worker_facade(sys, {"eve", true, caf::actor_cast<caf::strong_actor_ptr>(thief)}, to);
    CAF_REQUIRE(made.has_value());
    auto x = hello("eve");
    x.held = {token};
    auto code = ask<worker_welcome>(made->jobs, x, caf::actor_cast<mesh::worker_link>(thief)).code();
    CAF_CHECK(ask<mesh::leases_renewed>(made->jobs, mesh::renew_leases{me, {token}}).code() == errc::unavailable);
    return code;
  };
  self->send_exit(far, caf::exit_reason::kill);
  run();
  CAF_CHECK(as_eve() == errc::conflict);
  // Nor after a restart of the dispatcher, which knows the worker by its lease alone.
  stop();
  start();
  CAF_CHECK(as_eve() == errc::conflict);
  // Its own node comes back with it and goes on.
  auto again = worker_of_dispatcher();
  auto back = hello();
  back.held = {token};
  CAF_CHECK(ask<worker_welcome>(again.jobs, back, caf::actor_cast<mesh::worker_link>(who)).value().revoked.empty());
  attempt_outcome done;
  done.token = token;
  done.result = "{}";
  CAF_CHECK(ask<mesh::handed_in>(again.jobs, mesh::hand_in{me, {done}}).value().stale.empty());
  CAF_CHECK(get(id).state == job_state::completed);
  // It leaves, holding nothing: the id is its node's nevertheless.
  CAF_CHECK(ask<mesh::done>(again.jobs, mesh::leave{me}).code() == errc::none);
  CAF_CHECK(as_eve() == errc::conflict);
}

CAF_TEST(a facade ends with who knocked and with its worker) {
  start();
  auto first = worker_of_dispatcher();
  auto out = std::make_shared<std::vector<std::string>>();
  auto far = sys.spawn(far_worker, first.jobs, hello(), out);
  run();
  CAF_CHECK_EQUAL(ask<mesh::worker_list>(dispatcher, mesh::get_workers{}).value().workers.size(), 1u);
  self->send_exit(far, caf::exit_reason::kill);
  run();
  CAF_CHECK(!lives(caf::actor_cast<caf::actor>(first.jobs)));
  // The dispatcher has heard of it: it gives the worker nothing any more.
  submit_now(noop());
  CAF_CHECK(std::ranges::find(*out, "assign") == out->end());
  auto gateway = any(cluster::open_gateway_facade(sys, ben(), for_gateways()));
  auto admin = any(cluster::open_admin_facade(sys, ben(), for_admins()));
  run();
  CAF_CHECK(lives(gateway) && lives(admin));
  self->send_exit(who, caf::exit_reason::kill);
  run();
  CAF_CHECK(!lives(gateway) && !lives(admin));
}

CAF_TEST(a facade outlives the actors behind and ends with their addresses) {
  supervision::address_book book{sys};
  auto to = for_gateways();
  to.jobs = book.of<mesh::job_client>("dispatcher");
  book.connect("dispatcher", behind);
  auto made = any(cluster::open_gateway_facade(sys, ben(), to));
  passed(made, mesh::get_job{});
  self->send_exit(behind, caf::exit_reason::kill);
  run();
  auto next = keep(sys.spawn(everybody, count));
  book.connect("dispatcher", next);
  passed(made, mesh::get_job{});
  book.close();
  run();
  CAF_CHECK(!lives(made));
}

CAF_TEST(a process that knocks thousands of times has few facades) {
  system_clocks time;
  auto door =
    keep(sys.spawn(cluster::door, std::make_shared<cluster::gatekeeper>(std::nullopt, time), for_admins(),
                   for_workers(), mesh::gateway_welcome{for_gateways(), {}, {}, {}}, cluster::gateway_arrival{}));
  run();
  const auto before = sys.registry().running();
  mesh::knock x;
  x.role = "worker";
  x.name = "ben";
  for (int i = 0; i < 3'000; ++i) {
    auto h = self->request(door, caf::infinite, mesh::knock_as_worker{x});
    run();
    h.receive([](const mesh::worker_handles& made) { CAF_CHECK(made.jobs && made.samples); },
              [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
  }
  CAF_CHECK_EQUAL(sys.registry().running() - before, cluster::most_facades);
  // Who knocks and goes leaves nothing.
  x.role = "admin";
  for (int i = 0; i < 1'000; ++i)
    ask<mesh::admin_handles>(door, x).value();
  CAF_CHECK_EQUAL(sys.registry().running() - before, cluster::most_facades);
}

CAF_TEST(numbers of facades are not to be guessed) {
  std::set<caf::actor_id> seen;
  for (int i = 0; i < 100; ++i) {
    auto id = any(cluster::open_gateway_facade(sys, ben(), for_gateways())).id();
    // CAF itself has not counted that far.
    CAF_CHECK(id > 0xffff'ffff || id > sys.latest_actor_id());
    seen.insert(id);
  }
  CAF_CHECK_EQUAL(seen.size(), 100u);
}

CAF_TEST(events go to those of a peer who follow them) {
  auto following = std::make_shared<std::vector<std::string>>();
  auto ended = std::make_shared<std::vector<std::string>>();
  auto to = for_admins();
  mesh::event_subscriber facade;
  to.notifier = keep(sys.spawn([&facade, following, ended](mesh::notifier::pointer) -> mesh::notifier::behavior_type {
    return {
      [](const mesh::publish_events&) {},
      [&facade, following](const mesh::follow_topics& x, const mesh::event_subscriber& by) {
        facade = by;
        following->insert(following->end(), x.topics.begin(), x.topics.end());
        return mesh::done{};
      },
      [ended](const mesh::unfollow_topics& x, const mesh::event_subscriber&) {
        ended->insert(ended->end(), x.topics.begin(), x.topics.end());
      },
      [](const mesh::catch_up&) { return mesh::caught_up{}; },
    };
  }));
  auto made = cluster::open_admin_facade(sys, ben(), to);
  CAF_REQUIRE(made.has_value());
  auto listener = [this](test::trace out) {
    return keep(sys.spawn([out](mesh::event_subscriber::pointer) -> mesh::event_subscriber::behavior_type {
      return {[out](const mesh::event_batch& x) {
        for (auto& e : x.events)
          out->push_back(e.topic);
      }};
    }));
  };
  auto heard_a = std::make_shared<std::vector<std::string>>();
  auto heard_b = std::make_shared<std::vector<std::string>>();
  auto a = listener(heard_a);
  auto b = listener(heard_b);
  ask<mesh::done>(made->notifier, mesh::follow_topics{{"x", "y"}}, a).value();
  ask<mesh::done>(made->notifier, mesh::follow_topics{{"y"}}, b).value();
  // The notifier sees the facade only.
  CAF_CHECK(facade.address() == made->jobs.address());
  std::vector<event> events(3);
  events[0].topic = "x";
  events[1].topic = "y";
  events[2].topic = "z";
  caf::anon_send(facade, mesh::event_batch{events});
  run();
  CAF_CHECK(*heard_a == (std::vector<std::string>{"x", "y"}));
  CAF_CHECK(*heard_b == (std::vector<std::string>{"y"}));
  caf::anon_send(made->notifier, mesh::unfollow_topics{{"y"}}, b);
  run();
  CAF_CHECK(ended->empty());
  caf::anon_send(made->notifier, mesh::unfollow_topics{{"x"}}, a);
  run();
  CAF_CHECK(*ended == (std::vector<std::string>{"x"}));
  ended->clear();
  self->send_exit(a, caf::exit_reason::kill);
  run();
  CAF_CHECK(*ended == (std::vector<std::string>{"y"}));
}

CAF_TEST_FIXTURE_SCOPE_END()
