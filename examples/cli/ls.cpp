#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/error.hpp>
#include <tarc/util/sort.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "crc.hpp"
#include "listing.hpp"
#include "progress.hpp"
#include "state_dicts.hpp"

namespace cli {

void ls(const arguments& a) {
    const std::string& path = a.operands[0];
    try {
        const checkpoint c(path);
        if (a.has("--state-dict")) make_state_dicts(c);
        const std::uint64_t file_bytes = c.file->size();
        tarc::detail::arena texts;
        const bool by_size = a.find("--sort") != nullptr;
        std::vector<tarc::entry> sorted;
        if (by_size) {
            tarc::detail::entry_walker(c.content.values(), c.limits, texts).for_each([&](const tarc::entry& e) {
                if (e.is_tensor()) sorted.push_back(e);
            });
            const auto order = tarc::detail::sorted_numbers(
                sorted.size(), [&](std::size_t x, std::size_t y) { return sorted[x].nbytes > sorted[y].nbytes; });
            std::vector<tarc::entry> in_order;
            for (const std::size_t i : order) in_order.push_back(std::move(sorted[i]));
            sorted = std::move(in_order);
        }
        const auto each = [&](const entry_user& use, const container_user& enter) {
            if (!by_size) return tarc::detail::entry_walker(c.content.values(), c.limits, texts).for_each(use, enter);
            for (const tarc::entry& e : sorted) use(e);
        };

        std::optional<tensor_crcs> crcs;
        if (a.has("--crc")) {
            // As many elements as 64 files of this size would hold: views that share a storage, or repeat its elements.
            crcs.emplace(c.content, (std::uint64_t{256} << 20) + std::min(file_bytes, UINT64_MAX >> 8) * 64);
            tarc::detail::entry_walker(c.content.values(), c.limits, texts).for_each([&](const tarc::entry& e) {
                if (e.is_tensor()) crcs->add(e);
            });
            const reading_progress bar("ls --crc", file_bytes);
            crcs->compute();
            c.file->check_unchanged();
        }
        output out((std::uint64_t{64} << 20) + std::min(file_bytes, UINT64_MAX >> 10) * 128);
        const crc_lookup crc = crcs ? crc_lookup([&](const tarc::entry& e) { return crcs->of(e); }) : crc_lookup();
        if (a.has("--json"))
            print_json(out, each, crc);
        else
            print_table(out, each, crc, file_bytes,
                        !by_size && (a.has("--tree") || (!a.has("--paths") && is_terminal())));
        out.flush();
    } catch (tarc::error& e) {
        e.in_archive(path);
        throw;
    }
}

}  // namespace cli
