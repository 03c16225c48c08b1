#include "protocol/mesh/registry.hpp"

namespace troupe::mesh {

namespace {

std::string render(uint8_t code, caf::atom_value, const caf::message& context) {
  if (context.match_elements<troupe::error>())
    return context.get_as<troupe::error>(0).message;
  return std::string{describe(static_cast<errc>(code))};
}

} // namespace

void register_messages(caf::actor_system_config& cfg) {
#define TROUPE_REGISTER(T) cfg.add_message_type<T>(#T);
  TROUPE_MESSAGE_TYPES(TROUPE_REGISTER)
#undef TROUPE_REGISTER
  cfg.add_error_category(caf::atom("troupe"), render);
}

caf::error to_caf(const troupe::error& err) {
  return caf::make_error(err.code, err);
}

troupe::error from_caf(const caf::error& err) {
  if (err.category() == caf::atom("troupe")) {
    if (err.context().match_elements<troupe::error>())
      return err.context().get_as<troupe::error>(0);
    return troupe::error{static_cast<errc>(err.code())};
  }
  if (err == caf::sec::request_timeout)
    return {errc::timeout, "a part of the system did not answer in time; try again"};
  if (err == caf::sec::request_receiver_down || err == caf::sec::no_actor_published_at_port
      || err == caf::sec::cannot_connect_to_node || err == caf::sec::remote_lookup_failed
      || err.category() == caf::atom("exit"))
    return {errc::unavailable, "a part of the system is restarting or away; try again in a moment"};
  return {errc::internal, "unexpected answer within the system: " + caf::to_string(err.category()) + " "
                            + std::to_string(err.code())};
}

} // namespace troupe::mesh
