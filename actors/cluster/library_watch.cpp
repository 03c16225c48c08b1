#include "actors/cluster/library_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace troupe::cluster {

namespace {

using kind = watch_timer::kind;

struct watched {
  std::shared_ptr<const mesh::sampled_library> lib;
  /// The check that is under way; 0: none.
  uint64_t check = 0;
  /// It has not come back in time.
  bool hung = false;
};

struct library_watch_state {
  library_watch_state() {
  }

  static inline const char* name = "library_watch";
  library_watch_config config;
  std::map<library_id, watched> libraries;
  uint64_t round = 0;
  uint64_t checks = 0;
  /// Of this round: waits for the coordinator's answer, or for so many checks.
  bool asking = false;
  size_t outstanding = 0;
  /// Its samples are of this moment: what it finds is final.
  bool fresh = false;
  /// Something that was here is not, by samples that may be out of date.
  bool doubt = false;
  bool changed = false;
  /// Asked for meanwhile.
  bool again = false;
  bool again_fresh = false;
  bool pausing = false;
  bool away_told = false;
  mono_time began{};
};

using self_ptr = library_watch::stateful_pointer<library_watch_state>;

void start_round(self_ptr self, bool fresh);

void timer(self_ptr self, kind what, milliseconds delay) {
  self->delayed_send(self, delay, watch_timer{what, self->state.round});
}

void tell_found(const mesh::sampled_library& lib, const std::string& here, const result<void>& found) {
  if (!found)
    return spdlog::warn("libraries: {}", found.error().message);
  spdlog::info("libraries: \"{}\" ({}) is at {}", lib.name, lib.root, here);
}

void take(self_ptr self, const mesh::sampled_library& lib, const result<void>& found) {
  auto& st = self->state;
  auto& mounted = *st.config.mounted;
  if (!found && !st.fresh && mounted.is_mounted(lib.id)) {
    st.doubt = true;
    return;
  }
  if (!mounted.set(lib.id, lib.root, found))
    return;
  st.changed = true;
  tell_found(lib, mounted.mounts().here(lib.root), found);
}

void offer(self_ptr self) {
  auto& c = self->state.config;
  self->send(c.offers_to, offer_changed{c.mounted->capabilities(), c.mounted->problems()});
}

void end_round(self_ptr self) {
  auto& st = self->state;
  if (std::exchange(st.changed, false))
    offer(self);
  const bool doubt = std::exchange(st.doubt, false);
  if (doubt || st.again)
    return start_round(self, doubt || std::exchange(st.again_fresh, false));
  timer(self, kind::round, st.config.every);
}

void check_ended(self_ptr self) {
  if (--self->state.outstanding == 0)
    end_round(self);
}

result<void> run_check(const library_proof& proof, const mesh::sampled_library& lib) {
  try {
    return proof.check(lib);
  } catch (const std::exception& e) {
    return {errc::internal, name_of(lib) + "it could not be looked at: " + e.what()};
  }
}

/// False: there is no thread for it now.
bool launch(self_ptr self, watched& x) {
  auto& st = self->state;
  const auto id = ++st.checks;
  // Not the actor itself: a check that hangs must not keep it alive.
  auto work = [proof = st.config.proof, lib = x.lib, id, address = self->address()] {
    auto found = run_check(*proof, *lib);
    if (auto to = caf::actor_cast<library_watch>(address))
      caf::anon_send(to, library_checked{id, lib, std::move(found)});
  };
  try {
    st.config.on_a_thread(std::move(work));
  } catch (const std::system_error& e) {
    spdlog::error("libraries: no thread to look at \"{}\": {}", x.lib->name, e.what());
    return false;
  }
  x.check = id;
  return true;
}

void begin_checks(self_ptr self, mesh::library_sample_list& all) {
  auto& st = self->state;
  st.away_told = false;
  // Uploads and downloads are where the data folder is.
  std::erase_if(all.libraries, [](auto& lib) { return lib.origin != library_origin::folder; });
  std::vector<library_id> ids;
  for (auto& lib : all.libraries)
    ids.push_back(lib.id);
  std::erase_if(st.libraries, [&](auto& x) { return std::ranges::find(ids, x.first) == ids.end(); });
  const auto before = st.config.mounted->capabilities();
  st.config.mounted->keep_only(ids);
  st.changed |= before != st.config.mounted->capabilities();
  for (auto& lib : all.libraries) {
    auto& x = st.libraries[lib.id];
    // One that hangs keeps its thread, and gets no other.
    if (x.check != 0)
      continue;
    x.lib = std::make_shared<const mesh::sampled_library>(std::move(lib));
    ++st.outstanding;
    if (!launch(self, x))
      --st.outstanding;
  }
  if (st.outstanding == 0)
    return end_round(self);
  timer(self, kind::limit, st.config.limit);
}

void no_samples(self_ptr self, const error& why) {
  auto& st = self->state;
  if (!std::exchange(st.away_told, true))
    spdlog::warn("libraries: the coordinator does not say what they hold: {}", why.message);
  // Its next life may be asked at once, when the worker has joined.
  if (std::exchange(st.again, false))
    return start_round(self, std::exchange(st.again_fresh, false));
  timer(self, kind::round, std::min(st.config.retry, st.config.every));
}

void start_round(self_ptr self, bool fresh) {
  auto& st = self->state;
  if (st.asking || st.outstanding > 0) {
    st.again = true;
    st.again_fresh |= fresh;
    return;
  }
  ++st.round;
  st.again = st.again_fresh = st.doubt = false;
  st.fresh = fresh;
  st.asking = true;
  st.began = st.config.time->mono();
  auto from = st.config.coordinator().samples;
  if (!from) {
    st.asking = false;
    return no_samples(self, {errc::unavailable, "no connection"});
  }
  self->send(from, caf::actor_cast<mesh::library_listener>(self));
  mesh::get_library_samples question;
  question.max_age = fresh ? milliseconds{0} : std::min(question.max_age, st.config.every);
  self->request(from, st.config.request_timeout, question)
    .then(
      [self](mesh::library_sample_list& all) {
        self->state.asking = false;
        begin_checks(self, all);
      },
      [self](const caf::error& e) {
        self->state.asking = false;
        no_samples(self, mesh::from_caf(e));
      });
}

/// What has not come back by now hangs.
void limit_over(self_ptr self) {
  auto& st = self->state;
  if (st.outstanding == 0)
    return;
  st.outstanding = 0;
  for (auto& [id, x] : st.libraries) {
    if (x.check == 0 || x.hung)
      continue;
    x.hung = true;
    result<void> found{st.config.proof->hung(*x.lib, st.config.limit)};
    if (st.config.mounted->set(id, x.lib->root, found)) {
      st.changed = true;
      tell_found(*x.lib, {}, found);
    }
  }
  end_round(self);
}

void on_checked(self_ptr self, const library_checked& x) {
  auto& st = self->state;
  auto i = st.libraries.find(x.lib->id);
  const bool awaited = i != st.libraries.end() && i->second.check == x.check;
  if (!awaited)
    return;
  i->second.check = 0;
  if (std::exchange(i->second.hung, false)) {
    // It answers again; with what, a check of now has to say.
    return start_round(self, true);
  }
  take(self, *x.lib, x.found);
  check_ended(self);
}

void on_timer(self_ptr self, const watch_timer& x) {
  auto& st = self->state;
  if (x.what == kind::pause_over) {
    st.pausing = false;
    return start_round(self, true);
  }
  if (x.round != st.round)
    return;
  if (x.what == kind::limit)
    return limit_over(self);
  start_round(self, false);
}

void recheck(self_ptr self) {
  auto& st = self->state;
  const auto since = st.config.time->mono() - st.began;
  if (since >= st.config.least_pause)
    return start_round(self, true);
  if (!std::exchange(st.pausing, true))
    timer(self, kind::pause_over, st.config.least_pause - since);
}

library_watch::behavior_type behavior(self_ptr self, library_watch_config config) {
  self->state.config = std::move(config);
  self->send(self, watch_joined{});
  return {
    [self](const mesh::libraries_changed&) { start_round(self, false); },
    [self](const watch_joined&) { start_round(self, false); },
    [self](const recheck_libraries&) { recheck(self); },
    [self](const watch_timer& x) { on_timer(self, x); },
    [self](const library_checked& x) { on_checked(self, x); },
  };
}

} // namespace

library_watch spawn_library_watch(caf::actor_system& sys, library_watch_config config) {
  if (!config.on_a_thread)
    config.on_a_thread = [](std::function<void()> work) { std::thread{std::move(work)}.detach(); };
  return sys.spawn(behavior, std::move(config));
}

} // namespace troupe::cluster
