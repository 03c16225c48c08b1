#include "actors/dispatch/gateway_register.hpp"

#include "protocol/model/software.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

constexpr size_t longest_text = 200;

void add_role(std::vector<std::string>& roles, const char* role) {
  if (auto at = std::lower_bound(roles.begin(), roles.end(), role); at == roles.end() || *at != role)
    roles.insert(at, role);
}

} // namespace

gateway_register::gateway_register(std::shared_ptr<const clock> time) : time_(std::move(time)) {
}

void gateway_register::tell(std::function<void(const std::string&)> changed) {
  std::lock_guard guard{mutex_};
  changed_ = std::move(changed);
}

std::shared_ptr<const void> gateway_register::came(const std::string& name, std::string software) {
  std::function<void(const std::string&)> tells;
  {
    std::lock_guard guard{mutex_};
    forget_old();
    auto& x = gateways_[name];
    software.resize(std::min(software.size(), longest_text));
    x.software = std::move(software);
    if (++x.here == 1) {
      x.joined = time_->wall();
      tells = changed_;
    }
  }
  if (tells)
    tells(name);
  return {this, [self = weak_from_this(), name](const void*) {
            if (auto alive = self.lock())
              alive->leaves(name);
          }};
}

void gateway_register::leaves(const std::string& name) {
  std::function<void(const std::string&)> tells;
  {
    std::lock_guard guard{mutex_};
    auto& x = gateways_[name];
    if (--x.here > 0)
      return;
    x.left = time_->mono();
    tells = changed_;
  }
  if (tells)
    tells(name);
}

void gateway_register::forget_old() {
  std::erase_if(gateways_, [this](auto& x) { return !listed(x.second); });
  if (gateways_.size() < most)
    return;
  auto oldest = gateways_.end();
  for (auto i = gateways_.begin(); i != gateways_.end(); ++i)
    if (i->second.here == 0 && (oldest == gateways_.end() || i->second.left < oldest->second.left))
      oldest = i;
  if (oldest != gateways_.end())
    gateways_.erase(oldest);
}

bool gateway_register::listed(const gateway& x) const {
  return x.here > 0 || time_->mono() - x.left < missed_for;
}

bool gateway_register::is_here(const std::string& name) const {
  std::lock_guard guard{mutex_};
  auto i = gateways_.find(name);
  return i != gateways_.end() && i->second.here > 0;
}

std::set<std::string> gateway_register::names() const {
  std::lock_guard guard{mutex_};
  std::set<std::string> out;
  for (auto& [name, x] : gateways_)
    if (listed(x))
      out.insert(name);
  return out;
}

void gateway_register::add_to(node_details& x) const {
  std::lock_guard guard{mutex_};
  auto i = gateways_.find(x.rules.name);
  if (i == gateways_.end() || !listed(i->second))
    return;
  auto& g = i->second;
  const bool works = !x.workers.empty();
  if (g.here == 0) {
    if (works)
      return;
    // Who was heard last: its worker, if it had one, or its gateway.
    const auto silent = time_->mono() - g.left;
    x.silent = x.silent == milliseconds{0} ? silent : std::min(x.silent, silent);
    return add_role(x.roles, "gateway");
  }
  if (!works) {
    // What its worker was, when it had one, is not here.
    x.roles.clear();
    x.software = g.software;
    x.joined = g.joined;
    x.silent = milliseconds{0};
    x.open = false;
    x.closed = "is a gateway and runs no jobs";
  }
  add_role(x.roles, "gateway");
  x.other_software |= !g.software.empty() && g.software != software_version();
}

} // namespace troupe::dispatch
