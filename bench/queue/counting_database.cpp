#include "bench/queue/counting_database.hpp"

namespace troupe::bench {

namespace {

class counting_writer final : public ports::store_writer {
public:
  counting_writer(std::unique_ptr<ports::store_writer> inner, std::shared_ptr<commit_counter> counter) :
    inner_(std::move(inner)), counter_(std::move(counter)) {
  }

  result<uint64_t> raise_term() override {
    return inner_->raise_term();
  }
  result<std::vector<result<void>>> commit(std::span<const ports::unit_of_work* const> units) override {
    auto done = inner_->commit(units);
    if (!done)
      return done;
    commit_counter::figures more{1, 0, 0};
    for (auto* unit : units) {
      more.rows += unit->rows();
      for (auto& x : unit->jobs)
        more.archived += x.row.archived && x.row.state == job_state::completed;
    }
    counter_->add(more);
    return done;
  }
  result<ports::recovered_jobs> load_jobs() override {
    return inner_->load_jobs();
  }
  result<std::vector<ports::purged_job>> purge_history(timestamp older_than, uint32_t limit) override {
    return inner_->purge_history(older_than, limit);
  }

private:
  std::unique_ptr<ports::store_writer> inner_;
  std::shared_ptr<commit_counter> counter_;
};

class counting_database final : public ports::database {
public:
  counting_database(std::shared_ptr<ports::database> inner, std::shared_ptr<commit_counter> counter) :
    inner_(std::move(inner)), counter_(std::move(counter)) {
  }

  std::string_view kind() const noexcept override {
    return inner_->kind();
  }
  result<std::unique_ptr<ports::store_writer>> open_writer() override {
    auto opened = inner_->open_writer();
    if (!opened)
      return opened;
    return std::unique_ptr<ports::store_writer>{std::make_unique<counting_writer>(std::move(*opened), counter_)};
  }
  result<std::unique_ptr<ports::store_reader>> open_reader() override {
    return inner_->open_reader();
  }

private:
  std::shared_ptr<ports::database> inner_;
  std::shared_ptr<commit_counter> counter_;
};

} // namespace

void commit_counter::add(const figures& more) {
  {
    std::lock_guard guard{mutex_};
    sum_.commits += more.commits;
    sum_.rows += more.rows;
    sum_.archived += more.archived;
  }
  changed_.notify_all();
}

commit_counter::figures commit_counter::now() const {
  std::lock_guard guard{mutex_};
  return sum_;
}

void commit_counter::wait_for_archived(uint64_t count) {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [&] { return sum_.archived >= count; });
}

std::shared_ptr<ports::database> count_commits(std::shared_ptr<ports::database> db,
                                               std::shared_ptr<commit_counter> counter) {
  return std::make_shared<counting_database>(std::move(db), std::move(counter));
}

} // namespace troupe::bench
