#include "actors/cache/cache.hpp"

#include "actors/cache/second_level.hpp"
#include "protocol/mesh/local.hpp"

#include <spdlog/spdlog.h>

#include <atomic>

namespace troupe::cache {

using done_function = std::function<void(result<answer>)>;

/// One question to the actor. `unanswered` tells the asker when the message is thrown away with a dead actor.
struct question {
  question(load_spec s, done_function d) : spec(std::move(s)), done(std::move(d)) {
  }
  question(const question&) = delete;
  question& operator=(const question&) = delete;
  ~question() {
    reply(troupe::error{errc::unavailable, "the cache is restarting; try again in a moment"});
  }

  void reply(result<answer> what) noexcept {
    auto f = std::exchange(done, nullptr);
    if (!f)
      return;
    try {
      f(std::move(what));
    } catch (std::exception& ex) {
      spdlog::error("cache: whoever asked for '{}' failed on the answer: {}", spec.key, ex.what());
    }
  }

  load_spec spec;
  /// Empty for a refresh.
  done_function done;
};

struct ask {
  std::shared_ptr<question> what;
};

struct l2_replied {
  uint64_t flight = 0;
  result<std::optional<std::string>> value{std::nullopt};
};

struct l2_stored {
  result<void> outcome;
};

struct loaded {
  uint64_t flight = 0;
  result<value_ptr> value{value_ptr{}};
};

struct overdue {
  uint64_t flight = 0;
};

struct outdate {
  std::string prefix;
  bool keep_stale = false;
};

} // namespace troupe::cache

TROUPE_LOCAL_MESSAGE(troupe::cache::ask)
TROUPE_LOCAL_MESSAGE(troupe::cache::l2_replied)
TROUPE_LOCAL_MESSAGE(troupe::cache::l2_stored)
TROUPE_LOCAL_MESSAGE(troupe::cache::loaded)
TROUPE_LOCAL_MESSAGE(troupe::cache::overdue)
TROUPE_LOCAL_MESSAGE(troupe::cache::outdate)

namespace troupe::cache {

namespace {

using cache_impl = mesh::cache::extend<caf::reacts_to<ask>, caf::reacts_to<l2_replied>, caf::reacts_to<l2_stored>,
                                       caf::reacts_to<loaded>, caf::reacts_to<overdue>, caf::reacts_to<outdate>>;

} // namespace

struct node_cache::shared {
  explicit shared(cache_config c) : config(std::move(c)), l1(config.capacity, *config.time) {
  }

  cache_config config;
  lru_cache<value_ptr> l1;
  std::atomic<uint64_t> l2_hits{0};
  std::atomic<uint64_t> l2_misses{0};

  std::mutex mutex;
  cache_impl present;
  /// Calls of invalidate whose message the actor has not seen yet: nothing that was loaded before may land meanwhile.
  uint64_t invalidations_under_way = 0;

  void begin_invalidation(std::string_view prefix) {
    std::lock_guard guard{mutex};
    ++invalidations_under_way;
    l1.erase_prefix(prefix);
  }

  void end_invalidation() {
    std::lock_guard guard{mutex};
    if (invalidations_under_way > 0)
      --invalidations_under_way;
  }

  bool put(const load_spec& spec, value_ptr value, milliseconds fresh_for) {
    std::lock_guard guard{mutex};
    if (invalidations_under_way > 0)
      return false;
    l1.put(spec.key, std::move(value), fresh_for, spec.stale_for);
    return true;
  }

  cache_impl actor() {
    std::lock_guard guard{mutex};
    return present;
  }

  std::vector<cache_layer_stats> stats() const {
    auto s = l1.stats();
    return {{"l1", true, s.hits, s.misses, s.size, s.evictions},
            {"l2", config.l2 != nullptr, l2_hits.load(), l2_misses.load(), 0, 0}};
  }
};

namespace {

using shared_ptr = std::shared_ptr<node_cache::shared>;

/// One load under way.
struct flight {
  uint64_t id = 0;
  /// Of the first who asked. Its spec is the flight's.
  std::shared_ptr<question> first;
  std::vector<std::shared_ptr<question>> others;
  timestamp began;
  /// What it loads has changed since it began, but an old value may be given until it is loaded anew.
  bool outdated = false;
};

struct cache_state {
  cache_state() = default;

  const char* name = "cache";
  shared_ptr front;
  std::optional<change_log> changes;
  std::map<uint64_t, flight> flights;
  /// Flights that a new question may join. A flight leaves it when what it loads has changed meanwhile.
  std::unordered_map<std::string, uint64_t> by_key;
  uint64_t last_flight = 0;
  /// So that an outage is one line in the log.
  bool l2_is_down = false;
};

using self_pointer = cache_impl::stateful_pointer<cache_state>;

void note_l2(cache_state& st, const error* problem) {
  if (problem && !st.l2_is_down)
    spdlog::warn("cache: the second level does not answer ({}); going on without it", problem->message);
  else if (!problem && st.l2_is_down)
    spdlog::info("cache: the second level answers again");
  st.l2_is_down = problem != nullptr;
}

void start_load(self_pointer self, const flight& f) {
  // The completion outlives this actor, maybe: it must not keep it alive.
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self->ctrl());
  auto complete = [me, id = f.id](result<value_ptr> value) {
    if (auto strong = me.lock())
      caf::anon_send(caf::actor_cast<cache_impl>(strong), loaded{id, std::move(value)});
  };
  try {
    f.first->spec.load(complete);
  } catch (std::exception& ex) {
    complete(troupe::error{errc::internal, "loading '" + f.first->spec.key + "' failed: " + ex.what()});
  }
}

void start(self_pointer self, std::shared_ptr<question> q) {
  auto& st = self->state;
  auto& config = st.front->config;
  auto id = ++st.last_flight;
  st.by_key[q->spec.key] = id;
  auto& f = st.flights[id];
  f = {id, std::move(q), {}, config.time->wall(), false};
  self->delayed_send(self, config.load_timeout, overdue{id});
  if (!config.l2 || !f.first->spec.decode) {
    start_load(self, f);
    return;
  }
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self->ctrl());
  config.l2->get(config.l2_prefix + f.first->spec.key, [me, id](result<std::optional<std::string>> value) {
    if (auto strong = me.lock())
      caf::anon_send(caf::actor_cast<cache_impl>(strong), l2_replied{id, std::move(value)});
  });
}

void take_question(self_pointer self, std::shared_ptr<question> q) {
  auto& st = self->state;
  // Another flight may have landed since the asker looked.
  if (auto hit = st.front->l1.get(q->spec.key, false); hit && !hit->stale) {
    q->reply(answer{hit->value, true});
    return;
  }
  if (auto i = st.by_key.find(q->spec.key); i != st.by_key.end()) {
    if (q->done)
      st.flights[i->second].others.push_back(std::move(q));
    return;
  }
  start(self, std::move(q));
}

/// Takes a flight out of the tables.
std::optional<flight> land(cache_state& st, uint64_t id, bool& still_valid) {
  auto i = st.flights.find(id);
  if (i == st.flights.end())
    return std::nullopt;
  auto f = std::move(i->second);
  st.flights.erase(i);
  auto k = st.by_key.find(f.first->spec.key);
  still_valid = k != st.by_key.end() && k->second == id;
  if (still_valid)
    st.by_key.erase(k);
  return f;
}

void answer_all(flight& f, const result<value_ptr>& value, bool first_is_cached) {
  auto reply = [&](question& q, bool cached) {
    if (value)
      q.reply(answer{*value, cached});
    else
      q.reply(value.error());
  };
  reply(*f.first, first_is_cached);
  for (auto& q : f.others)
    reply(*q, true);
}

void store_l2(self_pointer self, const flight& f, const value_ptr& value) {
  auto& config = self->state.front->config;
  auto& spec = f.first->spec;
  if (!config.l2 || !spec.encode)
    return;
  std::string text;
  try {
    text = wrap(f.began, spec.encode(value));
  } catch (std::exception& ex) {
    spdlog::error("cache: '{}' can't be encoded for the second level: {}", spec.key, ex.what());
    return;
  }
  if (text.size() > config.max_l2_bytes)
    return;
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self->ctrl());
  config.l2->set(config.l2_prefix + spec.key, std::move(text), std::min(spec.fresh_for, config.max_l2_ttl),
                 [me](result<void> outcome) {
                   if (auto strong = me.lock())
                     caf::anon_send(caf::actor_cast<cache_impl>(strong), l2_stored{std::move(outcome)});
                 });
}

void take_loaded(self_pointer self, loaded& what) {
  auto& st = self->state;
  bool still_valid = false;
  auto f = land(st, what.flight, still_valid);
  if (!f)
    return;
  if (what.value && still_valid) {
    auto& spec = f->first->spec;
    auto fresh_for = f->outdated ? milliseconds{0} : spec.fresh_for;
    if (st.front->put(spec, *what.value, fresh_for) && !f->outdated)
      store_l2(self, *f, *what.value);
  } else if (!what.value && !f->first->done && f->others.empty()) {
    spdlog::debug("cache: refreshing '{}' failed, its old value stays: {}", f->first->spec.key,
                  what.value.error().message);
  }
  answer_all(*f, what.value, false);
}

/// The value of the second level, if it may be used.
value_ptr from_l2(cache_state& st, const flight& f, const result<std::optional<std::string>>& text, milliseconds& age) {
  if (!text || !*text)
    return nullptr;
  auto& spec = f.first->spec;
  auto now = st.front->config.time->wall();
  auto inner = unwrap(**text);
  if (!inner || !st.changes->usable(spec.key, inner->load_began, now))
    return nullptr;
  age = now - inner->load_began;
  if (age >= spec.fresh_for)
    return nullptr;
  try {
    return spec.decode(inner->payload);
  } catch (std::exception& ex) {
    spdlog::warn("cache: the second level's '{}' can't be decoded: {}", spec.key, ex.what());
    return nullptr;
  }
}

void take_l2(self_pointer self, l2_replied& what) {
  auto& st = self->state;
  auto i = st.flights.find(what.flight);
  if (i == st.flights.end())
    return;
  note_l2(st, what.value ? nullptr : &what.value.error());
  milliseconds age{0};
  auto value = from_l2(st, i->second, what.value, age);
  ++(value ? st.front->l2_hits : st.front->l2_misses);
  if (!value) {
    start_load(self, i->second);
    return;
  }
  bool still_valid = false;
  auto f = land(st, what.flight, still_valid);
  auto& spec = f->first->spec;
  if (still_valid)
    st.front->put(spec, value, f->outdated ? milliseconds{0} : spec.fresh_for - age);
  answer_all(*f, value, true);
}

void take_overdue(self_pointer self, uint64_t id) {
  bool still_valid = false;
  if (auto f = land(self->state, id, still_valid))
    answer_all(*f, troupe::error{errc::timeout, "it took too long to load; try again"}, false);
}

void take_outdate(self_pointer self, const outdate& what) {
  auto& st = self->state;
  auto& config = st.front->config;
  st.changes->changed(what.prefix, config.time->wall());
  auto matches = [&](const std::string& key) { return std::string_view{key}.starts_with(what.prefix); };
  if (what.keep_stale) {
    // Again: a flight may have landed between the call and this message.
    st.front->l1.expire_prefix(what.prefix);
    for (auto& [id, f] : st.flights)
      f.outdated = f.outdated || matches(f.first->spec.key);
  } else {
    std::erase_if(st.by_key, [&](auto& x) { return matches(x.first); });
    st.front->end_invalidation();
  }
}

cache_impl::behavior_type behavior(self_pointer self, const shared_ptr& front) {
  auto& st = self->state;
  st.front = front;
  st.changes.emplace(front->config.time->wall(), front->config.max_l2_ttl);
  return {
    [self](const mesh::get_cache_stats&) { return mesh::cache_stats{self->state.front->stats()}; },
    [self](const ask& x) { take_question(self, x.what); },
    [self](l2_replied& x) { take_l2(self, x); },
    [self](const l2_stored& x) { note_l2(self->state, x.outcome ? nullptr : &x.outcome.error()); },
    [self](loaded& x) { take_loaded(self, x); },
    [self](const overdue& x) { take_overdue(self, x.flight); },
    [self](const outdate& x) { take_outdate(self, x); },
  };
}

} // namespace

std::optional<node_cache::found> node_cache::peek(std::string_view key) const {
  return shared_->l1.get(key);
}

void node_cache::get(load_spec spec, std::function<void(result<answer>)> done) const {
  auto hit = shared_->l1.get(spec.key);
  if (!hit) {
    auto q = std::make_shared<question>(std::move(spec), std::move(done));
    if (auto hdl = shared_->actor())
      caf::anon_send(hdl, ask{std::move(q)});
    return;
  }
  if (hit->stale)
    refresh(std::move(spec));
  done(answer{std::move(hit->value), true});
}

void node_cache::refresh(load_spec spec) const {
  if (auto hdl = shared_->actor())
    caf::anon_send(hdl, ask{std::make_shared<question>(std::move(spec), nullptr)});
}

void node_cache::invalidate(std::string prefix) const {
  shared_->begin_invalidation(prefix);
  if (auto hdl = shared_->actor())
    caf::anon_send(hdl, outdate{std::move(prefix), false});
}

void node_cache::expire(std::string prefix) const {
  shared_->l1.expire_prefix(prefix);
  if (auto hdl = shared_->actor())
    caf::anon_send(hdl, outdate{std::move(prefix), true});
}

std::vector<cache_layer_stats> node_cache::stats() const {
  return shared_->stats();
}

mesh::cache node_cache::actor() const {
  return shared_->actor();
}

node_cache make_cache(cache_config config) {
  return node_cache{std::make_shared<node_cache::shared>(std::move(config))};
}

mesh::cache spawn_cache(caf::actor_system& sys, const node_cache& front) {
  auto& shared = front.shared_;
  auto hdl = sys.spawn(behavior, shared);
  std::lock_guard guard{shared->mutex};
  // The former actor and its flights are gone, and with it the messages of any invalidation.
  shared->l1.erase_prefix("");
  shared->invalidations_under_way = 0;
  shared->present = hdl;
  return hdl;
}

} // namespace troupe::cache
