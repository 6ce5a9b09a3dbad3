#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/format/file_slices.hpp>
#include <tarc/format/write_file.hpp>
#include <tarc/io/sink.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"

namespace cli {
namespace {

/// A device's name as PyTorch writes it, whichever its type: letters, and perhaps a number.
bool is_location(std::string_view s) {
    const std::size_t colon = std::min(s.find(':'), s.size());
    const auto all = [](std::string_view part, char low, char high) {
        return !part.empty() && std::all_of(part.begin(), part.end(), [&](char c) { return c >= low && c <= high; });
    };
    return all(s.substr(0, colon), 'a', 'z') && (colon == s.size() || all(s.substr(colon + 1), '0', '9'));
}

void check_settings(const arguments& a) {
    if (const std::string* codec = a.find("--codec"); codec != nullptr && *codec != "none")
        throw usage_error("--codec " + *codec + " is not built yet in this version; --codec none is");
    if (const std::string* to = a.find("--to"); to != nullptr && *to != "torch")
        throw usage_error("--to " + *to + " is not built yet in this version; --to torch is");
    if (const std::string* l = a.find("--map-location"); l != nullptr && !is_location(*l))
        throw usage_error("\"" + *l + "\" is not a location; \"cpu\" and \"cuda:0\" are");
}

bool is_meta(const tarc::detail::storage_body& s) {
    return s.live.defined() && s.live.device().type == tarc::device_type::meta;
}

}  // namespace

void convert(const arguments& a) {
    namespace detail = tarc::detail;
    check_settings(a);
    const std::string &from = a.operands[0], &to = a.operands[1];
    const std::string* location = a.find("--map-location");
    try {
        const checkpoint c(from);
        for (detail::storage_body& s : c.content.values()->storages()) {
            if (is_meta(s) && s.nbytes != 0)
                detail::raise(
                    tarc::errc::unsupported,
                    "storage \"" + std::string(s.key) + "\" is of the device \"meta\": its bytes are not in this file");
            if (location != nullptr) s.location = *location;
        }
        detail::torch_zip_options options;
        if (c.content.facts()) options.schema = c.content.facts()->schema;
        options.user = c.content.metadata().get();
        tarc::file_sink sink(to);
        detail::file_slices bytes(c.content, c.limits);
        detail::write_file(*c.content.values()->root, sink, tarc::file_format::torch, c.limits, options, bytes);
        c.file->check_unchanged();
        sink.commit();
    } catch (tarc::error& e) {
        e.in_archive(from);
        throw;
    }
}

}  // namespace cli
