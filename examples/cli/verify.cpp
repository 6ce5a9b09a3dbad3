#include <cstdint>
#include <string>

#include <tarc/container/zip_layout.hpp>
#include <tarc/error.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "output.hpp"
#include "progress.hpp"

namespace cli {

void verify(const arguments& a) {
    const std::string& path = a.operands[0];
    try {
        // Opening reads the directory and the pickle and checks what they say of each other: every tensor inside its
        // storage, every storage of the size of its record.
        const checkpoint c(path);
        {
            const progress bar("verify", c.content.facts() ? 2 * c.file->size() : c.file->size());
            c.content.verify_all();
        }
        c.file->check_unchanged();

        output out;
        append_plain(out.text, path);
        out.text += ": good, ";
        if (const auto& zip = c.content.zip()) {
            std::uint64_t bytes = 0;
            bool hashed = false;
            for (std::size_t i = 0; i < zip->records().size(); ++i) {
                bytes += zip->records()[i].size;
                hashed |= c.content.facts() && c.content.facts()->covers(i);
            }
            out.text += count_text(zip->records().size(), "record") + ", " + size_text(bytes) + ", ";
            if (!zip->crc_computed())
                out.text += hashed ? "XXH3 verified" : "no checksums in this file";
            else
                out.text += hashed ? "XXH3 and CRC-32 verified" : "CRC-32 verified";
        } else {
            out.text += count_text(c.content.values()->storages().size(), "storage") + ", " +
                        size_text(c.file->size()) + ", this format has no checksums";
        }
        out.text += '\n';
        out.flush();
    } catch (tarc::error& e) {
        e.in_archive(path);
        throw;
    }
}

}  // namespace cli
