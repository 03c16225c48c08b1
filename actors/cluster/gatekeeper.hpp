#pragma once

#include "identity/handshake.hpp"
#include "protocol/mesh/messages.hpp"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace troupe::cluster {

/// Who was not let in lately, for people. Who comes again and again for the same reason is one entry. Any thread.
class refusal_log {
public:
  /// False: it is in it already, and was counted.
  bool note(refused_peer x);
  /// Newest first.
  std::vector<refused_peer> last() const;

  static constexpr size_t most = 50;
  static constexpr ptrdiff_t most_nameless = 20;

private:
  mutable std::mutex mutex_;
  /// Newest last.
  std::deque<refused_peer> peers_;
};

/// Who may come in at a node's door. Without papers everybody of this version who reaches it: then the mesh is on
/// loopback only (nodes/config). With papers: who has a certificate of the same authority that grants the role, under
/// the name in it, and signs a challenge of ours that has served for nothing else. Not thread safe.
class gatekeeper {
public:
  gatekeeper(std::optional<identity::node_papers> papers, const clock& time);

  /// Our proof and a challenge, good for challenge_valid.
  result<mesh::greeting> greet(const mesh::greet& x);
  /// Its name; the role is what the message was made for. errc::protocol for another version, errc::forbidden
  /// otherwise.
  result<std::string> admit(const mesh::knock& x, std::string_view role);

  /// Names are proven by certificates.
  bool certifies() const noexcept {
    return papers_.has_value();
  }

  std::shared_ptr<refusal_log> refusals() const noexcept {
    return refusals_;
  }

  static constexpr milliseconds challenge_valid{30'000};
  /// Who asks for more at a time loses the oldest ones.
  static constexpr size_t most_challenges = 1024;

private:
  struct open_challenge {
    std::string text;
    mono_time until;
  };
  void refused(std::string_view name, std::string_view role, const error& why);
  result<mesh::greeting> answer(const mesh::greet& x);
  result<std::string> check(const mesh::knock& x, std::string_view role);
  /// Once only.
  bool take_challenge(const std::string& text);

  std::optional<identity::node_papers> papers_;
  const clock& time_;
  std::deque<open_challenge> challenges_;
  std::shared_ptr<refusal_log> refusals_ = std::make_shared<refusal_log>();
};

} // namespace troupe::cluster
