#pragma once

#include "protocol/model/byte_spans.hpp"

#include <cstddef>
#include <deque>
#include <optional>

namespace troupe::work {

/// Which bytes of one source are fetched when: decisions only, for the several operations that read it at once.
///
/// A reader tells what it needs; what is needed is fetched first, and no byte twice at a time. Who reads on where it
/// left off gets a window of further bytes that are fetched before it asks, and that doubles each time it comes back
/// for more; who jumps about gets what it asks for. A window is a small part of what the reader reads in all, so that
/// little was fetched in vain where it stops. Who tells what it is going to read gets that ahead of time, several
/// pieces in one fetch, and else just what it asks for. Not thread safe.
class read_ahead {
public:
  struct settings {
    uint64_t first_window = 64 << 10;
    uint64_t max_window = 4 << 20;
    /// A window is at most this part of what a reader reads, and all that it has not come to, in what place ever, is at
    /// most two such parts: so about 5 % of what is read may be fetched in vain.
    uint64_t parts = 40;
    /// No smaller window pays.
    uint64_t least_window = 4 << 10;
    /// Most that a reader is told of at once, before and behind what it needs: else nobody knows where it is.
    uint64_t max_answer = 16 << 20;
    /// Fetches that are under way at a time; the last one is for what is needed.
    size_t max_fetches = 4;
    /// Pieces of one fetch.
    size_t max_pieces = 32;
    /// Pieces that a reader may announce before it needs them; what is beyond is forgotten.
    size_t max_coming = 16'384;
  };

  /// `present`: what is here at first.
  read_ahead(uint64_t size, const std::vector<byte_span>& present, settings how);

  /// A new reader. `expected`: about how many bytes it is going to read; behind them nothing is fetched ahead. 0: not
  /// known, then a window grows with what it has read.
  uint64_t open(uint64_t expected);
  /// Forgets its needs. What is under way for it is not ended here.
  void close(uint64_t reader);

  /// `wanted` is not empty and within the source. `id` is the caller's, no two at a time the same.
  void need(uint64_t reader, uint64_t id, byte_span wanted);
  /// Forgets one.
  void drop(uint64_t id);
  /// Behind what it announced before, the reader needs these next, in this order, and nothing but what it announces.
  /// None is empty, all are within the source.
  void announce(uint64_t reader, const std::vector<byte_span>& coming);

  struct fetch {
    uint64_t id = 0;
    /// For whom; others may need it, too.
    uint64_t reader = 0;
    /// At least one, in order, no two touching.
    std::vector<byte_span> what;
  };
  /// The next to be started, which is under way from now on; nothing: there is none, or enough are.
  std::optional<fetch> next();
  /// So many bytes of it are here, from the front of its pieces. What is missing is fetched again when it is needed,
  /// and nothing is fetched ahead until somebody needs something.
  void ended(uint64_t fetch, uint64_t bytes);

  struct answer {
    uint64_t id = 0;
    /// What is here around it.
    byte_span there;
  };
  /// Needs that all is here of, each once.
  std::vector<answer> answered();

  const byte_spans& present() const noexcept {
    return present_;
  }

private:
  /// A place where a reader reads on.
  struct run {
    /// Where it asked last, and up to where it was told that bytes are here.
    uint64_t asked = 0;
    uint64_t told = 0;
    uint64_t window = 0;
    /// Fetched ahead up to here.
    uint64_t ahead = 0;
  };
  struct reader_state {
    uint64_t expected = 0;
    /// What it was told of on its way; it may have left something out.
    uint64_t passed = 0;
    /// What was fetched for it and was of use.
    uint64_t used = 0;
    /// Fetched ahead for it, and of no use so far.
    byte_spans unread;
    /// The one that was used last comes first.
    std::vector<run> runs;
    /// It tells what it is going to read: these are to be fetched, and it has no runs.
    bool announces = false;
    std::deque<byte_span> coming;
  };
  struct waiting_need {
    uint64_t id = 0;
    uint64_t reader = 0;
    byte_span wanted;
  };

  run& run_of(reader_state& r, byte_span wanted);
  void pass(reader_state& r, byte_span told);
  uint64_t window_of(const reader_state& r, const run& x) const;
  void look_ahead(const reader_state& r, run& x);
  /// How much more may be fetched ahead of it.
  uint64_t room_of(const reader_state& r) const;
  /// A fetch in the making: takes what is missing of `wanted`, as far as there is room. False: not all of it.
  struct pieces {
    uint64_t room = 0;
    std::vector<byte_span> what;
  };
  bool gather(pieces& to, byte_span wanted);
  std::optional<fetch> start(uint64_t reader, pieces x);
  std::optional<fetch> start(uint64_t reader, byte_span wanted, uint64_t most);
  std::optional<fetch> start_coming(uint64_t reader, reader_state& r);
  byte_span known_around(byte_span wanted) const;

  const uint64_t size_;
  const settings how_;
  byte_spans present_;
  /// Here or under way.
  byte_spans claimed_;
  std::map<uint64_t, std::vector<byte_span>> fetches_;
  std::map<uint64_t, reader_state> readers_;
  /// In the order of arrival.
  std::vector<waiting_need> needs_;
  uint64_t last_id_ = 0;
};

} // namespace troupe::work
