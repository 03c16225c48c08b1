#include "actors/media/transcode.hpp"

#include "actors/media/rendition_file.hpp"
#include "actors/media/split_transcode.hpp"

namespace troupe::work {

namespace {

result<exec::transcode_answer> encode_to(attempt& a, const workshop& shop, const rendition_order& order,
                                         const std::string& path) {
  auto output = shop.files->create(path);
  if (!output)
    return std::move(output).error();
  exec::request request;
  request.op = exec::op::transcode;
  request.name_hint = order.from.hint;
  request.profile = order.asked.profile;
  request.source = order.media;
  const auto card = take_gpu(shop, request.profile);
  auto body = a.execute(std::move(request), {order.from.file, std::make_shared<const unique_fd>(std::move(*output))},
                        within(a, encode_from, verify_from, "transcode", "making " + order.asked.profile.name));
  if (!body)
    return std::move(body).error();
  return exec::decode_transcode_answer(*body);
}

result<std::string> transcode_whole(attempt& a, const workshop& shop, const rendition_order& order) {
  auto extension = rendition_extension(order.asked.profile);
  if (!extension)
    return extension;
  scratch_folder scratch{shop, a.what().token};
  auto path = scratch.file("out." + *extension);
  a.stage(encode_from, "transcode", "making " + order.asked.profile.name);
  auto encoded = encode_to(a, shop, order, path);
  if (!encoded)
    return reason_of(a, shop, order.from, std::move(encoded).error());
  a.operation = encoded->operation;
  auto wrong = verify_rendition(a, shop, order, *encoded, path);
  if (!wrong)
    return wrong;
  if (!wrong->empty())
    return {errc::internal, "the result did not pass verification: " + *wrong};
  return publish_rendition(a, shop, order, *encoded, path);
}

} // namespace

result<std::string> transcode(attempt& a, const workshop& shop) {
  auto asked = decode_transcode_payload(a.what().payload);
  if (!asked)
    return std::move(asked).error();
  auto seen = examine(a, shop, asked->video, content::present);
  if (!seen)
    return std::move(seen).error();
  rendition_order order{std::move(*asked), std::move(seen->file), std::move(seen->media)};
  if (!a.what().children.empty())
    return join_parts(a, shop, order, transcode_whole);
  auto split = split_up(a, shop, order);
  if (!split)
    return reason_of(a, shop, order.from, std::move(split).error());
  // Handed on to its parts: there is no result yet.
  return *split ? result<std::string>{std::string{}} : transcode_whole(a, shop, order);
}

} // namespace troupe::work
