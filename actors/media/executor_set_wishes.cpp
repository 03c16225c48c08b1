// What running operations ask for: outputs, and bytes of their source.

#include "actors/media/executor_set.hpp"

#include <algorithm>

namespace troupe::work {

void executor_set::ask_for_output(executor& of, const std::string& body) {
  auto wish = exec::decode_open_request(body);
  if (!wish)
    return end(of, wish.error(), error_class::crash);
  // A name twice would overwrite what is there already; so many names, or a name like a path, is an executor that is
  // not itself any more.
  if (!exec::valid_output_name(wish->name) || of.outputs.size() >= exec::max_outputs
      || !of.outputs.insert(wish->name).second)
    return end(of, {errc::protocol, "the executor asked for an output that it may not have and was ended"},
               error_class::crash);
  if (!of.operation->open)
    return answer_open(of, wish->id, error{errc::protocol, "this operation has no further outputs"});
  of.operation->open(wish->id, std::move(wish->name));
}

void executor_set::answer_open(executor& of, uint64_t id, result<unique_fd> file) {
  exec::open_answer answer{id, std::nullopt};
  std::vector<unique_fd> descriptors;
  if (file)
    descriptors.push_back(std::move(*file));
  else
    answer.refusal = {file.error().code, default_class(file.error().code), file.error().message};
  if (auto sent =
        of.child->send({exec::frame_type::opened, of.operation->id, exec::encode(answer)}, std::move(descriptors));
      !sent)
    end(of, sent.error(), error_class::transient);
}

void executor_set::opened(uint64_t operation, uint64_t id, result<unique_fd> file) {
  auto x = runs(operation);
  if (!x || x->state != phase::busy)
    return;
  lives(*x);
  answer_open(*x, id, std::move(file));
}

void executor_set::ask_for_bytes(executor& of, const std::string& body) {
  auto wish = exec::decode_need_request(body);
  if (!wish)
    return end(of, wish.error(), error_class::crash);
  if (of.state != phase::busy)
    return;
  auto& asked = of.operation->request;
  const bool within =
    wish->length > 0 && wish->length <= asked.source_size && wish->offset <= asked.source_size - wish->length;
  if (!asked.ranged || !within || of.needs.size() >= exec::max_needs || of.needs.contains(wish->id))
    return end(of, {errc::protocol, "the executor asked for bytes that it may not have and was ended"},
               error_class::crash);
  if (of.needs.empty())
    of.patience = std::max(of.deadline - clock_.mono(), milliseconds{0});
  const byte_span wanted{wish->offset, wish->offset + wish->length};
  of.needs.emplace(wish->id, wanted);
  of.deadline = stop_by_;
  if (!of.operation->need)
    return supplied(of.operation->id, wish->id, error{errc::protocol, "nobody supplies the source of this operation"});
  of.operation->need(wish->id, wanted);
}

void executor_set::take_hint(executor& of, const std::string& body) {
  auto hint = exec::decode_coming_notice(body);
  if (!hint)
    return end(of, hint.error(), error_class::crash);
  if (of.state != phase::busy)
    return;
  auto& asked = of.operation->request;
  const bool within = std::all_of(hint->spans.begin(), hint->spans.end(),
                                  [&](auto& x) { return x.begin < x.end && x.end <= asked.source_size; });
  if (!asked.ranged || !within || hint->spans.size() > exec::max_coming)
    return end(of, {errc::protocol, "the executor announced bytes that it may not have and was ended"},
               error_class::crash);
  if (of.operation->coming)
    of.operation->coming(std::move(hint->spans));
}

void executor_set::answer_need(executor& of, uint64_t id, const result<byte_span>& there) {
  exec::have_answer answer;
  answer.id = id;
  if (there) {
    answer.offset = there->begin;
    answer.length = there->end - there->begin;
  } else {
    // The file is not bad, whatever the reason: another attempt may get it.
    answer.refusal = {there.error().code, error_class::transient, there.error().message};
  }
  if (auto sent = of.child->send({exec::frame_type::have, of.operation->id, exec::encode(answer)}, {}); !sent)
    end(of, sent.error(), error_class::transient);
}

void executor_set::supplied(uint64_t operation, uint64_t id, result<byte_span> there) {
  auto x = runs(operation);
  if (!x || x->state != phase::busy)
    return;
  auto node = x->needs.extract(id);
  if (node.empty())
    return;
  auto& wanted = node.mapped();
  if (there
      && (there->begin > wanted.begin || there->end < wanted.end || there->end > x->operation->request.source_size))
    there = error{errc::internal, "other bytes of the source were supplied than were asked for"};
  if (x->needs.empty())
    x->deadline = std::min(clock_.mono() + x->patience, stop_by_);
  answer_need(*x, id, there);
}

} // namespace troupe::work
