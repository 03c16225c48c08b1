#include "actors/library/scanner.hpp"

#include "actors/library/payloads.hpp"
#include "protocol/model/json.hpp"

#include <spdlog/spdlog.h>

#include <unistd.h>

#include <array>

namespace troupe::catalogue {

namespace {

using cancel_flag = std::shared_ptr<std::atomic<bool>>;

/// Everything one walk needs; lives in the detached actor.
class walk_job {
public:
  walk_job(caf::blocking_actor* self, const scanner_config& config, const assignment& work, scan_payload payload,
           cancel_flag cancelled) :
    self_(self),
    config_(config), peers_(config.coordinator()), work_(work), payload_(std::move(payload)),
    cancelled_(std::move(cancelled)), diff_(config.own_versions) {
  }

  attempt_outcome run() {
    attempt_outcome out;
    out.token = work_.token;
    out.operation = "scan " + payload_.root;
    auto ended = scan_all();
    if (ended) {
      out.end = attempt_end::completed;
      out.result = troupe::encode(counters_);
    } else if (*cancelled_) {
      out.end = attempt_end::cancelled;
    } else {
      out.end = attempt_end::failed;
      out.failure = ended.error();
      out.cls = default_class(ended.error().code);
      // A root that is not there may be back in a minute: a mount, a disk that spins up.
      if (ended.error().code == errc::not_found || ended.error().code == errc::forbidden)
        out.cls = error_class::transient;
    }
    return out;
  }

private:
  result<void> scan_all() {
    auto root = config_.root_here(payload_.library, payload_.root);
    if (!root)
      return std::move(root).error();
    payload_.root = std::move(*root);
    TROUPE_TRY(load_known());
    TROUPE_TRY(walk());
    if (diff_.present_before() > 0 && diff_.items_found() == 0)
      return {errc::unprocessable, payload_.root + ": empty, but " + std::to_string(diff_.present_before())
                                     + " files of it are known; is the disk mounted? Nothing was marked missing"};
    mesh::scan_batch last = next_batch(scan_status::caching);
    last.missing = diff_.missing();
    counters_["itemsRemoved"] = static_cast<int64_t>(last.missing.size());
    last.counters = counters_;
    return tell(std::move(last));
  }

  result<void> load_known() {
    std::string after;
    for (;;) {
      result<std::vector<known_file>> page{std::vector<known_file>{}};
      self_->request(peers_.catalogue, config_.timeout, mesh::get_known_files{payload_.library, after, 5000})
        .receive([&](mesh::known_file_list& x) { page = std::move(x.files); },
                 [&](caf::error& e) { page = mesh::from_caf(e); });
      if (!page)
        return std::move(page).error();
      if (page->empty())
        return {};
      after = page->back().path;
      for (auto& f : *page)
        diff_.add_known(std::move(f));
    }
  }

  result<void> walk() {
    result<void> told;
    auto walked = config_.files->walk(payload_.root, is_media_name, [&](ports::walk_batch batch) {
      if (*cancelled_)
        return false;
      told = take(std::move(batch));
      return told.has_value();
    });
    // When telling failed, that is the reason, not the walk's "stopped".
    TROUPE_TRY(told);
    return walked;
  }

  result<void> take(ports::walk_batch batch) {
    auto message = next_batch(scan_status::scanning);
    for (auto& f : batch.files) {
      if (is_text(f.path))
        continue;
      if (auto changed = diff_.found(std::move(f.path), f.version))
        message.changed.push_back(std::move(*changed));
    }
    errors_ += batch.problems.size();
    message.problems = std::move(batch.problems);
    for (auto& path : batch.hidden)
      diff_.hidden(std::move(path));
    counters_["directoriesTotal"] = static_cast<int64_t>(batch.directories_seen);
    counters_["directoriesQueued"] = static_cast<int64_t>(batch.directories_seen - batch.directories_done);
    counters_["directoriesScanned"] = static_cast<int64_t>(batch.directories_done);
    counters_["itemsFound"] = static_cast<int64_t>(diff_.items_found());
    counters_["itemsNew"] = static_cast<int64_t>(diff_.items_new());
    counters_["itemsUpdated"] = static_cast<int64_t>(diff_.items_updated());
    counters_["errors"] = static_cast<int64_t>(errors_);
    message.counters = counters_;
    report(batch);
    return tell(std::move(message));
  }

  /// A source file of somebody, and no film. What the catalogue knows stays: its content may be damaged now.
  bool is_text(const std::string& path) {
    if (!may_name_text(path) || diff_.knows(path))
      return false;
    auto opened = config_.files->open_below(payload_.root, path);
    if (!opened)
      return false;
    std::array<char, text_head_size> head;
    auto n = ::pread(opened->fd.get(), head.data(), head.size(), 0);
    return n > 0 && looks_like_text({head.data(), static_cast<size_t>(n)});
  }

  void report(const ports::walk_batch& batch) {
    job_progress p;
    // How much there is shows only at the end: folders done of those seen is the honest measure there is.
    p.fraction = batch.directories_seen == 0
                   ? 0.0
                   : 0.99 * static_cast<double>(batch.directories_done) / static_cast<double>(batch.directories_seen);
    p.stage = "scanning";
    p.message = std::to_string(diff_.items_found()) + " files found";
    p.counters = counters_;
    self_->send(config_.progress, progress_report{work_.token, std::move(p)});
  }

  mesh::scan_batch next_batch(scan_status phase) const {
    mesh::scan_batch x;
    x.token = work_.token;
    x.scan = payload_.scan;
    x.library = payload_.library;
    x.phase = phase;
    return x;
  }

  result<void> tell(mesh::scan_batch batch) {
    result<void> told;
    self_->request(peers_.librarian, config_.timeout, std::move(batch))
      .receive([](const mesh::done&) {}, [&](caf::error& e) { told = mesh::from_caf(e); });
    return told;
  }

  caf::blocking_actor* self_;
  const scanner_config& config_;
  mesh::worker_handles peers_;
  const assignment& work_;
  scan_payload payload_;
  cancel_flag cancelled_;
  scan_diff diff_;
  std::map<std::string, int64_t> counters_;
  size_t errors_ = 0;
};

/// Local request to the walking actor.
using walk_atom = caf::atom_constant<caf::atom("walk")>;

void walking_actor(caf::blocking_actor* self, scanner_config config, assignment work, scan_payload payload,
                   cancel_flag cancelled) {
  bool asked = false;
  self->receive_while([&] { return !asked; })([&](walk_atom) {
    asked = true;
    return walk_job{self, config, work, std::move(payload), std::move(cancelled)}.run();
  });
}

} // namespace

mesh::runner::behavior_type scanner(mesh::runner::stateful_pointer<scanner_state> self, scanner_config config) {
  return {
    [=](const assignment& work) -> caf::result<attempt_outcome> {
      auto payload = decode_scan_payload(work.payload);
      if (!payload) {
        attempt_outcome out;
        out.token = work.token;
        out.end = attempt_end::failed;
        out.failure = payload.error();
        out.cls = error_class::permanent;
        return out;
      }
      auto cancelled = std::make_shared<std::atomic<bool>>(false);
      self->state.running[work.token] = cancelled;
      auto walker = self->spawn<caf::detached>(walking_actor, config, work, std::move(*payload), cancelled);
      auto reply = self->make_response_promise<attempt_outcome>();
      auto token = work.token;
      self->request(caf::actor_cast<caf::actor>(walker), caf::infinite, walk_atom::value)
        .then(
          [=](attempt_outcome& out) mutable {
            self->state.running.erase(token);
            reply.deliver(std::move(out));
          },
          [=](caf::error& e) mutable {
            self->state.running.erase(token);
            attempt_outcome out;
            out.token = token;
            out.end = attempt_end::failed;
            out.failure = mesh::from_caf(e);
            out.cls = error_class::transient;
            reply.deliver(std::move(out));
          });
      return reply;
    },
    [=](const mesh::stop_attempt& x) {
      if (auto i = self->state.running.find(x.token); i != self->state.running.end())
        *i->second = true;
    },
  };
}

} // namespace troupe::catalogue
