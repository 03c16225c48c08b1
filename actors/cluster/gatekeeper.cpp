#include "actors/cluster/gatekeeper.hpp"

#include <algorithm>

namespace troupe::cluster {

namespace {

constexpr size_t longest_name = 200;

error other_version(const std::string& who, uint32_t version) {
  return {errc::protocol, who + " speaks protocol version " + std::to_string(version) + ", this coordinator "
                            + std::to_string(worker_protocol_version) + "; install the same version of Troupe on both"};
}

/// A certificate of the coordinator's machine is an administrator's, too: who has it has everything already.
bool grants(const identity::certificate_facts& facts, std::string_view role) {
  return facts.has_role(role) || (role == "admin" && facts.has_role("coordinator"));
}

} // namespace

gatekeeper::gatekeeper(std::optional<identity::node_papers> papers, const clock& time) :
  papers_(std::move(papers)), time_(time) {
}

bool refusal_log::note(refused_peer x) {
  std::lock_guard guard{mutex_};
  auto same = [&](const refused_peer& y) { return y.name == x.name && y.role == x.role && y.reason == x.reason; };
  auto known = std::find_if(peers_.begin(), peers_.end(), same);
  const bool fresh = known == peers_.end();
  if (!fresh) {
    x.times += known->times;
    peers_.erase(known);
  }
  // Who has not even said who it is leaves room for those who have: anybody may knock, and from many addresses.
  auto nameless = [](const refused_peer& y) { return y.name.empty(); };
  if (x.name.empty() && std::count_if(peers_.begin(), peers_.end(), nameless) >= most_nameless)
    peers_.erase(std::find_if(peers_.begin(), peers_.end(), nameless));
  peers_.push_back(std::move(x));
  if (peers_.size() > most)
    peers_.pop_front();
  return fresh;
}

std::vector<refused_peer> refusal_log::last() const {
  std::lock_guard guard{mutex_};
  return {peers_.rbegin(), peers_.rend()};
}

void gatekeeper::refused(std::string_view name, std::string_view role, const error& why) {
  refusals_->note(
    {time_.wall(), std::string{name.substr(0, longest_name)}, std::string{role.substr(0, longest_name)}, why.message});
}

result<mesh::greeting> gatekeeper::greet(const mesh::greet& x) {
  auto out = answer(x);
  // It has only said who it is, and proved nothing.
  if (!out)
    refused(x.name, x.role, out.error());
  return out;
}

result<mesh::greeting> gatekeeper::answer(const mesh::greet& x) {
  if (x.protocol_version != worker_protocol_version)
    return other_version(x.name.empty() ? "the peer"
                                        : "the peer, which calls itself '" + x.name.substr(0, longest_name) + "',",
                         x.protocol_version);
  if (!papers_)
    return mesh::greeting{};
  auto proof = identity::prove(*papers_, identity::side::door, x.challenge, identity::door_claim);
  if (!proof)
    return std::move(proof).error();
  auto challenge = identity::new_challenge();
  if (!challenge)
    return std::move(challenge).error();
  const auto now = time_.mono();
  while (!challenges_.empty() && (challenges_.size() >= most_challenges || challenges_.front().until <= now))
    challenges_.pop_front();
  challenges_.push_back({*challenge, now + challenge_valid});
  return mesh::greeting{std::move(proof->certificate), std::move(proof->signature), std::move(*challenge)};
}

bool gatekeeper::take_challenge(const std::string& text) {
  auto found = std::find_if(challenges_.begin(), challenges_.end(), [&](auto& c) { return c.text == text; });
  if (found == challenges_.end())
    return false;
  const bool good = found->until > time_.mono();
  challenges_.erase(found);
  return good;
}

result<std::string> gatekeeper::check(const mesh::knock& x, std::string_view role) {
  if (x.protocol_version != worker_protocol_version)
    return other_version(x.name, x.protocol_version);
  if (x.role != role)
    return {errc::protocol,
            "the peer asks for the role '" + x.role + "' at the entrance of '" + std::string{role} + "'"};
  if (!papers_)
    return x.name;
  if (!take_challenge(x.challenge))
    return {errc::forbidden, "the challenge was not given out, has served already or is too old; ask for a new one"};
  auto facts =
    identity::check_proof({x.certificate, x.signature}, identity::side::caller, x.challenge,
                          identity::caller_claim(x.protocol_version, x.role, x.name), papers_->authority, time_.wall());
  if (!facts)
    return std::move(facts).error();
  if (facts->name != x.name)
    return {errc::forbidden, "the certificate is for '" + facts->name + "', but the node calls itself '" + x.name
                               + "'; set node.name to the former, or leave it out"};
  if (!grants(*facts, role))
    return {errc::forbidden, "the certificate of '" + facts->name + "' does not grant the role " + std::string{role}
                               + "; issue one with '--role " + std::string{role} + "'"};
  return facts->name;
}

result<std::string> gatekeeper::admit(const mesh::knock& x, std::string_view role) {
  auto out = check(x, role);
  if (out)
    return out;
  refused(x.name, role, out.error());
  return out;
}

} // namespace troupe::cluster
