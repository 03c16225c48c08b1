#define CAF_SUITE dispatch.archived

#include "tests/support/coordinator_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : coordinator_fixture {
  job archived(uint64_t n, job_state state = job_state::failed) {
    job x;
    x.id = job_id{raw_id{1, n}};
    x.spec.id = x.id;
    x.spec.kind = "noop";
    x.spec.queue = "default";
    x.spec.payload = R"({"n":1})";
    x.spec.submission_id = "submission-" + std::to_string(n);
    x.state = state;
    x.attempt = 3;
    x.failures = 3;
    x.finished = clk.wall();
    if (state != job_state::completed)
      x.last_error = {errc::io, "the disk said no"};
    x.archived = true;
    store.jobs[x.id] = x;
    return x;
  }
  asked<job> act(job_id id, mesh::job_action what) {
    return ask<job>(dispatcher, mesh::act_on_job{id, what});
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(archived_tests, fixture)

CAF_TEST(an archived job is retried under its id and runs again with its payload) {
  auto old = archived(1);
  start();
  auto now = act(old.id, mesh::job_action::retry).value();
  CAF_CHECK(now.id == old.id);
  CAF_CHECK(now.state == job_state::queued);
  CAF_CHECK(!store.jobs.at(old.id).archived);
  CAF_CHECK_EQUAL(now.failures, 0u);
  join();
  CAF_REQUIRE_EQUAL(assigned->size(), 1u);
  CAF_CHECK_EQUAL(assigned->at(0).payload, old.spec.payload);
  CAF_CHECK_EQUAL(assigned->at(0).token.attempt, 4u);
  hand_in(assigned->at(0).token);
  CAF_CHECK(get(old.id).state == job_state::completed);
  // Whoever submits it again still gets this job.
  auto receipt = submit(noop(old.spec.submission_id)).value().receipts.at(0);
  CAF_CHECK(receipt.existing && receipt.id == old.id);
}

CAF_TEST(an archived job is removed and its submission id is free again) {
  auto old = archived(1);
  start();
  CAF_CHECK(act(old.id, mesh::job_action::remove).value().id == old.id);
  CAF_CHECK(!store.jobs.contains(old.id));
  CAF_CHECK(act(old.id, mesh::job_action::remove).code() == errc::not_found);
  CAF_CHECK(ask<mesh::job_with_children>(dispatcher, mesh::get_job{old.id}).code() == errc::not_found);
  CAF_CHECK(!submit(noop(old.spec.submission_id)).value().receipts.at(0).existing);
}

CAF_TEST(what does not fit an archived job is a conflict and not a job that is missing) {
  auto failed = archived(1);
  auto done = archived(2, job_state::completed);
  start();
  CAF_CHECK(act(failed.id, mesh::job_action::cancel).code() == errc::conflict);
  CAF_CHECK(act(done.id, mesh::job_action::cancel).code() == errc::conflict);
  CAF_CHECK(act(failed.id, mesh::job_action::promote).code() == errc::conflict);
  CAF_CHECK(act(done.id, mesh::job_action::retry).code() == errc::conflict);
  CAF_CHECK(act(job_id{raw_id{9, 9}}, mesh::job_action::cancel).code() == errc::not_found);
  CAF_CHECK(store.jobs.at(failed.id) == failed);
  CAF_CHECK(store.jobs.at(done.id) == done);
}

CAF_TEST(an archived job is shown and explained) {
  auto old = archived(1);
  start();
  CAF_CHECK(get(old.id) == old);
  auto why = ask<mesh::job_explanation>(dispatcher, mesh::explain_job{old.id}).value();
  CAF_CHECK(why.state == job_state::failed);
  CAF_REQUIRE_EQUAL(why.reasons.size(), 1u);
  CAF_CHECK(why.reasons[0].find("the disk said no") != std::string::npos);
  CAF_CHECK(ask<mesh::job_explanation>(dispatcher, mesh::explain_job{job_id{raw_id{9, 9}}}).code() == errc::not_found);
}

CAF_TEST(two who retry and remove one archived job at once get one decision) {
  auto old = archived(1);
  start();
  close_door();
  // Something is under way: both wait for it, then for one read of the row.
  submit(noop());
  auto removed = act(old.id, mesh::job_action::remove);
  auto retried = act(old.id, mesh::job_action::retry);
  open_door();
  CAF_CHECK(removed.value().id == old.id);
  CAF_CHECK(retried.code() == errc::not_found);
  CAF_CHECK(!store.jobs.contains(old.id));
  auto other = archived(2);
  auto first = act(other.id, mesh::job_action::retry);
  auto second = act(other.id, mesh::job_action::retry);
  CAF_CHECK(first.value().state == job_state::queued);
  CAF_CHECK(second.code() == errc::conflict);
}

CAF_TEST(a removal that is not committed yet is not undone by a retry) {
  auto old = archived(1);
  start();
  close_door();
  auto removed = act(old.id, mesh::job_action::remove);
  auto retried = act(old.id, mesh::job_action::retry);
  CAF_CHECK(!retried.done());
  open_door();
  CAF_CHECK(removed.value().id == old.id);
  CAF_CHECK(retried.code() == errc::not_found);
  CAF_CHECK(!store.jobs.contains(old.id));
}

CAF_TEST(a retry waits for its archived dependencies to be well) {
  auto needed = archived(1);
  auto old = archived(2);
  store.jobs[old.id].spec.depends_on = {needed.id};
  // In memory, but what it depends on is not.
  auto hot = archived(3);
  store.jobs[hot.id].spec.depends_on = {needed.id};
  store.jobs[hot.id].archived = false;
  start();
  CAF_CHECK(act(old.id, mesh::job_action::retry).code() == errc::conflict);
  CAF_CHECK(act(hot.id, mesh::job_action::retry).code() == errc::conflict);
  CAF_CHECK(act(needed.id, mesh::job_action::retry).value().state == job_state::queued);
  CAF_CHECK(act(old.id, mesh::job_action::retry).value().state == job_state::waiting);
  CAF_CHECK(act(hot.id, mesh::job_action::retry).value().state == job_state::waiting);
}

CAF_TEST(a cancelled parent that is back from the history cancels its children in memory) {
  auto parent = archived(1);
  auto child = archived(2);
  store.jobs[child.id].spec.parent = parent.id;
  store.jobs[child.id].archived = false;
  store.jobs[child.id].state = job_state::queued;
  start();
  act(parent.id, mesh::job_action::retry).value();
  act(parent.id, mesh::job_action::cancel).value();
  CAF_CHECK(get(child.id).state == job_state::cancelled);
}

CAF_TEST(a history that can not be read is no missing job) {
  auto old = archived(1);
  start();
  store.read_failures = {errc::io};
  CAF_CHECK(act(old.id, mesh::job_action::retry).code() == errc::io);
  CAF_CHECK(act(old.id, mesh::job_action::retry).code() == errc::none);
}

CAF_TEST(a full queue takes no retry) {
  auto old = archived(1);
  auto hot = archived(2);
  store.jobs[hot.id].archived = false;
  config.queue.defaults = {{"default", false, 0, 1}};
  start();
  submit_now(noop());
  CAF_CHECK(act(old.id, mesh::job_action::retry).code() == errc::rate_limited);
  CAF_CHECK(act(hot.id, mesh::job_action::retry).code() == errc::rate_limited);
  CAF_CHECK(store.jobs.at(old.id).archived);
}

CAF_TEST(history goes back as far as it is configured and purged submission ids are free again) {
  config.history = milliseconds{3'600'000};
  config.purge_interval = milliseconds{600'000};
  auto old = archived(1);
  auto young = archived(2);
  store.jobs.at(old.id).finished = clk.wall() - milliseconds{3'500'000};
  for (uint64_t n = 10; n < 1'210; ++n)
    store.jobs.at(archived(n).id).finished = clk.wall() - milliseconds{4'000'000};
  start();
  pass(milliseconds{59'000});
  CAF_CHECK_EQUAL(store.jobs.size(), 1'202u);
  pass(milliseconds{2'000});
  CAF_CHECK_EQUAL(store.jobs.size(), 2u);
  CAF_CHECK(submit(noop(old.spec.submission_id)).value().receipts.at(0).existing);
  CAF_CHECK(!submit(noop("submission-10")).value().receipts.at(0).existing);
  pass(milliseconds{601'000});
  CAF_CHECK(!store.jobs.contains(old.id));
  CAF_CHECK(!submit(noop(old.spec.submission_id)).value().receipts.at(0).existing);
  CAF_CHECK(submit(noop(young.spec.submission_id)).value().receipts.at(0).existing);
}

CAF_TEST_FIXTURE_SCOPE_END()
