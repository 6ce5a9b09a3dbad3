#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <tarc/codec/codec.hpp>
#include <tarc/error.hpp>
#ifdef TARC_CLI_ZSTD
#include <tarc/codec/zstd.hpp>
#endif

#include "checkpoint.hpp"
#include "commands.hpp"
#include "state_dicts.hpp"
#include "target.hpp"

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

/// The first state_dict, or something like it, at the top of a file: its key.
std::string_view state_dict_of(const checkpoint& c) {
    const tarc::detail::node* root = c.content.values()->root;
    if (root == nullptr || root->kind != tarc::value_kind::dict) return {};
    for (const auto& [key, value] : *root->dict) {
        if (key->kind != tarc::value_kind::string || value->kind != tarc::value_kind::dict) continue;
        const auto& items = *value->dict;
        if (items.size != 0 && std::all_of(items.begin(), items.end(), [](const tarc::detail::entry& e) {
                return e.value->kind == tarc::value_kind::tensor;
            }))
            return key->str();
    }
    return {};
}

/// Errors: usage_error where this program was built without it.
tarc::codec zstd_codec() {
#ifdef TARC_CLI_ZSTD
    return tarc::zstd{};
#else
    throw usage_error("--codec zstd: this tarc was built without zstd (libzstd-dev, then ./dev build)");
#endif
}

/// What can be done where a format cannot hold all of a file.
tarc::error with_remedy(const tarc::error& e, const checkpoint& c, const std::string& from, const std::string& to) {
    const std::string_view part = state_dict_of(c);
    tarc::error better(e.code(), e.message() + "; `tarc extract " + from + " " +
                                     std::string(part.empty() ? "PATH" : part) + " -o " + to + "` takes a part of it");
    better.at_field(e.field());
    return better;
}

}  // namespace

void convert(const arguments& a) {
    const std::string* location = a.find("--map-location");
    const std::string* codec_name = a.find("--codec");
    const bool compress = codec_name != nullptr && *codec_name == "zstd";
    if (location != nullptr && !is_location(*location))
        throw usage_error("\"" + *location + "\" is not a location; \"cpu\" and \"cuda:0\" are");
    const std::string &from = a.operands[0], &to = a.operands[1];
    const tarc::file_format format = target_of(a, to);
    if (compress && format != tarc::file_format::torch)
        throw usage_error(
            "--codec zstd is for torch's format; safetensors and npz hold the tensors' bytes as they are");
    const tarc::codec codec = compress ? zstd_codec() : tarc::codec();
    try {
        const checkpoint c(from);
        if (a.has("--state-dict") || format != tarc::file_format::torch) make_state_dicts(c);
        if (location != nullptr)
            for (tarc::detail::storage_body& s : c.content.values()->storages()) s.location = *location;
        try {
            write_part(c, {c.content.values()->root, true}, format, to, "convert", codec);
        } catch (const tarc::error& e) {
            if (e.code() != tarc::errc::unsavable || format == tarc::file_format::torch) throw;
            throw with_remedy(e, c, from, to);
        }
    } catch (tarc::error& e) {
        e.in_archive(from);
        throw;
    }
}

}  // namespace cli
