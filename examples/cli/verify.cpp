#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tarc/archive/console_progress.hpp>
#include <tarc/archive/entries.hpp>
#include <tarc/error.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace cli {
namespace {

/// The first tensor over each record, by the record's index; empty where there is none.
std::vector<std::string> tensors_over(const checkpoint& c) {
    std::vector<std::string> names(c.content.zip()->records().size());
    tarc::detail::arena texts;
    tarc::detail::entry_walker(c.content.values(), c.limits, texts).for_each([&](const tarc::entry& e) {
        const tarc::detail::node* n = e.value.get();
        if (n == nullptr || n->kind != tarc::value_kind::tensor || n->tensor->storage == nullptr) return;
        const std::size_t record = n->tensor->storage->record;
        if (record < names.size() && names[record].empty()) names[record] = e.path_text();
    });
    return names;
}

/// All records whose bytes are damaged, in one error.
void verify_records(const checkpoint& c) {
    const auto records = c.content.zip()->records();
    std::vector<std::pair<std::size_t, tarc::error>> faults;
    const tarc::progress_callback bar = tarc::console_progress("verify");
    tarc::detail::progress_meter meter(bar);
    meter.start(c.content.bytes_to_verify());
    for (std::size_t i = 0; i < records.size(); ++i) {
        try {
            c.content.verify_record(i, &meter);
        } catch (const tarc::error& e) {
            if (e.code() != tarc::errc::checksum_mismatch && e.code() != tarc::errc::bad_archive) throw;
            faults.emplace_back(i, e);
        }
    }
    meter.finish();
    if (faults.empty()) return;
    const std::vector<std::string> tensors = tensors_over(c);
    if (faults.size() == 1) {
        auto& [record, fault] = faults[0];
        if (!tensors[record].empty()) fault.at_field(tensors[record]);
        throw fault;
    }
    std::string text = std::to_string(faults.size()) + " of " + count_text(records.size(), "record") + " are damaged: ";
    constexpr std::size_t most = 16;
    for (std::size_t i = 0; i < faults.size() && i < most; ++i) {
        const auto& [record, fault] = faults[i];
        text.append(i == 0 ? "" : ", ").append(records[record].name);
        if (!tensors[record].empty()) text.append(" (").append(tensors[record]).append(")");
    }
    if (faults.size() > most) text += ", …";
    throw tarc::error(faults[0].second.code(), text);
}

/// What is to be said of a good file.
std::string said_of(const checkpoint& c) {
    const auto& zip = c.content.zip();
    if (!zip)
        return "readable, " + count_text(c.content.values()->storages().size(), "storage") + ", " +
               size_text(c.file->size()) + ", this format has no checksums";
    std::uint64_t bytes = 0;
    bool hashed = false;
    for (std::size_t i = 0; i < zip->records().size(); ++i) {
        bytes += zip->records()[i].size;
        hashed |= c.content.facts() && c.content.facts()->covers(i);
    }
    const bool crc = zip->crc_computed();
    return std::string(crc || hashed ? "good, " : "readable, ") + count_text(zip->records().size(), "record") + ", " +
           size_text(bytes) + ", " +
           (crc      ? hashed ? "XXH3 and CRC-32 verified" : "CRC-32 verified"
            : hashed ? "XXH3 verified"
                     : "no checksums in this file");
}

void verify(output& out, const std::string& path) {
    try {
        // Opening reads the directory and the pickle and checks what they say of each other: every tensor inside its
        // storage, every storage of the size of its record.
        const checkpoint c(path);
        c.content.check_structure();
        if (c.content.zip()) verify_records(c);
        c.file->check_unchanged();
        append_plain(out.text, path);
        out.text.append(": ").append(said_of(c)).append("\n");
    } catch (tarc::error& e) {
        e.in_archive(path);
        throw;
    }
}

}  // namespace

void verify(const arguments& a) {
    output out;
    std::size_t bad = 0;
    for (const std::string& path : a.operands) {
        try {
            verify(out, path);
        } catch (const tarc::error& e) {
            if (a.operands.size() == 1) throw;
            ++bad;
            append_plain(out.text, path);
            out.text += ": bad, ";
            append_plain(out.text, e.what());
            out.text += '\n';
        }
        out.flush();
    }
    if (bad != 0)
        throw tarc::error(tarc::errc::bad_archive,
                          std::to_string(bad) + " of " + count_text(a.operands.size(), "file") + " are bad");
}

}  // namespace cli
