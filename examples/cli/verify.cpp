#include <cstdint>
#include <string>

#include <tarc/container/zip_layout.hpp>
#include <tarc/error.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace cli {

void verify(const arguments& a) {
    const std::string& path = a.operands[0];
    try {
        // Opening reads the directory and the pickle and checks what they say of each other: every tensor inside its
        // storage, every storage of the size of its record.
        const checkpoint c(path);
        c.zip.verify_all();
        c.file->check_unchanged();

        const auto records = c.zip.zip().records();
        std::uint64_t bytes = 0, hashed = 0;
        for (std::size_t i = 0; i < records.size(); ++i) {
            bytes += records[i].size;
            if (c.zip.facts() && c.zip.facts()->covers(i)) ++hashed;
        }
        output out;
        append_plain(out.text, path);
        out.text += ": good, " + count_text(records.size(), "record") + ", " + size_text(bytes) + ", ";
        if (!c.zip.zip().crc_computed())
            out.text += hashed != 0 ? "XXH3 verified" : "no checksums in this file";
        else
            out.text += hashed != 0 ? "XXH3 and CRC-32 verified" : "CRC-32 verified";
        out.text += '\n';
        out.flush();
    } catch (tarc::error& e) {
        e.in_archive(path);
        throw;
    }
}

}  // namespace cli
